//! Asking systemd: `systemctl`, found without trusting more than `PATH` and NixOS's own places.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::{Error, process};

/// How long `systemctl --no-block` may take: it only queues jobs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where `systemctl` is looked for when it is not in `PATH`: NixOS's snippets have a short one.
const PLACES: [&str; 3] = ["/run/current-system/systemd/bin", "/run/current-system/sw/bin", "/usr/bin"];

/// Why units were not asked.
pub enum Refusal {
    /// `systemctl` was there and could not be started: another time it may be.
    NotStarted(Error),
    /// It is not there, failed, or took too long.
    Failed(Error),
}

/// Runs `systemctl --no-block VERB UNIT…` with nothing in its environment, and waits for it.
///
/// # Errors
/// It is not found, cannot be started, fails, or takes longer than a minute.
pub fn systemctl(verb: &str, units: &[&str], path: Option<&OsStr>) -> Result<(), Refusal> {
    let doing = || format!("cannot run 'systemctl --no-block {verb} {}'", units.join(" "));
    let program = find(path)
        .map_err(|error| Refusal::NotStarted(Error::because(doing(), process::described(&error))))?
        .ok_or_else(|| {
            let cause = "there is no systemctl in PATH, nor where NixOS keeps it";
            Refusal::Failed(Error::because(doing(), cause))
        })?;
    let arguments: Vec<&str> = ["--no-block", verb].into_iter().chain(units.iter().copied()).collect();
    let running = process::start(&program, &arguments, &[]).map_err(Refusal::NotStarted)?;
    running.finish(DEADLINE).map_err(Refusal::Failed)
}

/// The first `systemctl` that can be started. The error is that of the first place that could not be looked at, if no
/// other has one.
fn find(path: Option<&OsStr>) -> io::Result<Option<PathBuf>> {
    let from_path = path.map(std::env::split_paths).into_iter().flatten();
    let places =
        from_path.filter(|directory| directory.is_absolute()).chain(PLACES.iter().map(PathBuf::from));
    let mut found = Ok(None);
    for program in places.map(|directory| directory.join("systemctl")) {
        match program.metadata() {
            Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => return Ok(Some(program)),
            Ok(_) => {}
            Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {}
            Err(error) => found = found.and(Err(error)),
        }
    }
    found
}
