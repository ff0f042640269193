//! Asking systemd: `systemctl`, found without trusting more than `PATH` and NixOS's own places.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::{Error, process};

/// How long `systemctl --no-block` may take: it only queues jobs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where `systemctl` is looked for when it is not in `PATH`: NixOS's snippets have a short one.
const PLACES: [&str; 3] = ["/run/current-system/systemd/bin", "/run/current-system/sw/bin", "/usr/bin"];

/// Runs `systemctl --no-block VERB UNIT…` with nothing in its environment, and waits for it.
///
/// # Errors
/// It is not found, fails, or takes longer than a minute.
pub fn systemctl(verb: &str, units: &[&str], path: Option<&OsStr>) -> Result<(), Error> {
    let program = find(path).ok_or_else(|| {
        Error::because(
            format!("cannot run 'systemctl --no-block {verb} {}'", units.join(" ")),
            "there is no systemctl in PATH, nor where NixOS keeps it",
        )
    })?;
    let arguments: Vec<&str> = ["--no-block", verb].into_iter().chain(units.iter().copied()).collect();
    process::run(&program, &arguments, &[], DEADLINE)
}

fn find(path: Option<&OsStr>) -> Option<PathBuf> {
    let from_path = path.map(std::env::split_paths).into_iter().flatten();
    from_path
        .filter(|directory| directory.is_absolute())
        .chain(PLACES.iter().map(PathBuf::from))
        .map(|directory| directory.join("systemctl"))
        .find(|program| {
            program.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        })
}
