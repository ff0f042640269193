//! Asking systemd: `systemctl`, found without trusting more than `PATH` and NixOS's own places.
//!
//! A process that is confined (`confine`) starts no programs. So its `other_half` reads lines of a verb and names of units,
//! runs `systemctl` for each, and says what came of it.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::other_half::OtherHalf;
use super::{Error, process};

/// How long `systemctl --no-block` may take: it only queues jobs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where `systemctl` is looked for when it is not in `PATH`: NixOS's snippets have a short one.
const PLACES: [&str; 3] = ["/run/current-system/systemd/bin", "/run/current-system/sw/bin", "/usr/bin"];

/// The name under which this program is an [`Asker`]'s other half.
pub const ASKER: &str = "sops-activate-systemctl";

/// Largest answer of the other half, in bytes: a sentence and the names of the units in it.
const MAX_ANSWER: usize = 1024 * 1024;

/// Why units were not asked.
pub enum Refusal {
    /// `systemctl` was there and could not be started: another time it may be.
    NotStarted(Error),
    /// It is not there, failed, or took too long.
    Failed(Error),
}

/// Somebody to ask units through.
pub struct Asker {
    /// Or why there is nobody.
    other: Result<OtherHalf, Error>,
}

impl Asker {
    /// Starts the other half, which will look for `systemctl` in `path` first. If that fails, [`Asker::ask`] says so.
    #[must_use]
    pub fn start(path: Option<&OsStr>) -> Self {
        let doing = "cannot start the process that runs systemctl";
        Self { other: OtherHalf::start(ASKER, path, "").map_err(|cause| Error::because(doing, cause)) }
    }

    /// Runs `systemctl --no-block VERB UNIT…` with nothing in its environment, and waits for it.
    ///
    /// # Errors
    /// It is not found, cannot be started, fails, or takes longer than a minute.
    pub fn ask(&mut self, verb: &str, units: &[&str]) -> Result<(), Refusal> {
        let other = self.other.as_mut().map_err(|error| Refusal::NotStarted(error.clone()))?;
        let doing = || doing(verb, units);
        let asked = other.put(format!("{verb} {}\n", units.join(" ")).as_bytes());
        asked.map_err(|error| Refusal::NotStarted(Error::because(doing(), process::described(&error))))?;
        let answer = other
            .line(MAX_ANSWER)
            .map_err(|error| Refusal::Failed(Error::because(doing(), process::described(&error))))?;
        let answer = answer.map(|line| String::from_utf8_lossy(&line).into_owned()).unwrap_or_default();
        let mut words = answer.splitn(3, '\t');
        match (words.next(), words.next(), words.next()) {
            (Some("done"), ..) => Ok(()),
            (Some("not started"), Some(doing), Some(cause)) => {
                Err(Refusal::NotStarted(Error::because(doing, cause)))
            }
            (Some("failed"), Some(doing), Some(cause)) => Err(Refusal::Failed(Error::because(doing, cause))),
            _ => Err(Refusal::Failed(Error::because(doing(), "the process that runs it has ended"))),
        }
    }
}

/// The other half of an [`Asker`]: answers the lines of standard input until there are no more, or an empty one. `arguments` are what
/// [`Asker::start`] gave it.
///
/// # Errors
/// Standard input or output fails.
pub fn serve(arguments: &[OsString]) -> io::Result<()> {
    let path = arguments.get(1).map(OsString::as_os_str);
    for line in io::stdin().lock().lines() {
        let line = line?;
        if line.is_empty() {
            return Ok(());
        }
        let mut words = line.split(' ');
        let verb = words.next().unwrap_or_default();
        let answer = match systemctl(verb, &words.collect::<Vec<_>>(), path) {
            Ok(()) => "done".to_owned(),
            Err(Refusal::NotStarted(error)) => format!("not started\t{}\t{}", error.doing, error.cause),
            Err(Refusal::Failed(error)) => format!("failed\t{}\t{}", error.doing, error.cause),
        };
        writeln!(io::stdout(), "{answer}")?;
    }
    Ok(())
}

fn doing(verb: &str, units: &[&str]) -> String {
    format!("cannot run 'systemctl --no-block {verb} {}'", units.join(" "))
}

fn systemctl(verb: &str, units: &[&str], path: Option<&OsStr>) -> Result<(), Refusal> {
    let doing = || doing(verb, units);
    let program = find(path)
        .map_err(|error| Refusal::NotStarted(Error::because(doing(), process::described(&error))))?
        .ok_or_else(|| {
            let cause = "there is no systemctl in PATH, nor where NixOS keeps it";
            Refusal::Failed(Error::because(doing(), cause))
        })?;
    let arguments: Vec<&str> = ["--no-block", verb].into_iter().chain(units.iter().copied()).collect();
    let running = process::start(&program, &arguments).map_err(Refusal::NotStarted)?;
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
