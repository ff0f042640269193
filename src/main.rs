//! The door: arguments and environment in, exit code out. Never exits from inside, so that keys are wiped.
#![allow(clippy::disallowed_methods)]

use std::os::unix::ffi::OsStringExt as _;
use std::process::ExitCode;

use sops_activate::cli::{self, Environment};
use sops_activate::secret::Secret;

fn main() -> ExitCode {
    let environment = Environment {
        journal_stream: std::env::var("JOURNAL_STREAM").ok(),
        no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        dry_activate: std::env::var_os("NIXOS_ACTION").is_some_and(|action| action == "dry-activate"),
        restart_via_systemctl: std::env::var_os("SOPS_RESTART_UNITS_VIA_SYSTEMCTL")
            .is_some_and(|value| value == "1"),
        path: std::env::var_os("PATH"),
        runtime_dir: std::env::var_os("XDG_RUNTIME_DIR"),
        sops_age_key: std::env::var_os("SOPS_AGE_KEY").map(|key| Secret::new(key.into_vec())),
        sops_age_key_file: std::env::var_os("SOPS_AGE_KEY_FILE").map(Into::into),
    };
    let arguments = std::env::args_os().collect();
    ExitCode::from(cli::run(arguments, environment, &mut std::io::stdout().lock()).code())
}
