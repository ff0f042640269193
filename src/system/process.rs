//! The process itself: hardened before it reads a key; the programs it starts, and its clock.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::fcntl::readlink;
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, fstat, umask};
use nix::unistd::{Gid, Uid, getegid, geteuid};

use super::{Error, quoted};

/// The inode of the first user namespace (`PROC_USER_INIT_INO` in the kernel's `proc_ns.h`).
const INITIAL_USER_NAMESPACE: &str = "user:[4026531837]";

/// Closes the ways by which plaintext could leave the process: other processes of the same user, core files, swap,
/// files made too open; and lets no limit end it in the middle. To be called before any key is read.
///
/// Returns what the kernel refused, in sentences for the log: none of it is a reason not to install secrets.
#[must_use]
pub fn harden() -> Vec<String> {
    let mut refused = Vec::new();
    let mut note = |what: &str, result: nix::Result<()>| {
        if let Err(errno) = result {
            refused.push(format!("cannot {what}: {}", errno.desc()));
        }
    };
    // Not dumpable: no ptrace and no /proc/PID/mem for our own user, and no core. The core limit alone would not do:
    // the kernel ignores it when cores go to a program (systemd-coredump).
    note("make the process not dumpable", prctl::set_dumpable(false));
    note("forbid core files", setrlimit(Resource::RLIMIT_CORE, 0, 0));
    note("set no_new_privs", prctl::set_no_new_privs());
    // A write beyond the limit for files is to fail like any other, and not to end a run half-way.
    note("block SIGXFSZ", SigSet::from(Signal::SIGXFSZ).thread_block());
    umask(Mode::from_bits_truncate(0o077));
    if may_lock_memory() {
        let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
        // ONFAULT: only pages in use are locked, not the whole reserved stack of every thread.
        note("lock memory", mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault));
    } else {
        refused.push("cannot lock memory: neither the capability nor the limit for it".to_owned());
    }
    refused
}

/// Whether *all* memory may be locked. With a limit, `mlockall` itself could still succeed, and a later allocation
/// would fail in the middle of the run; and `CAP_IPC_LOCK` lifts the limit in the first user namespace only.
fn may_lock_memory() -> bool {
    if getrlimit(Resource::RLIMIT_MEMLOCK).is_ok_and(|(soft, _)| soft == RLIM_INFINITY) {
        return true;
    }
    caps::has_cap(None, CapSet::Effective, Capability::CAP_IPC_LOCK).unwrap_or(false)
        && readlink("/proc/self/ns/user").is_ok_and(|namespace| namespace == INITIAL_USER_NAMESPACE)
}

/// Seconds since 1970; 0 if the clock stands before that.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The user we act as.
#[must_use]
pub fn effective_uid() -> Uid {
    geteuid()
}

/// The group we act as.
#[must_use]
pub fn effective_gid() -> Gid {
    getegid()
}

/// Where standard error leads.
pub struct StandardError {
    /// Whether a person reads it.
    pub is_terminal: bool,
    /// `device:inode` in decimal, as systemd writes them in `JOURNAL_STREAM` (systemd.exec(5)).
    pub device_and_inode: Option<String>,
}

/// Looks at standard error.
#[must_use]
pub fn standard_error() -> StandardError {
    let stderr = std::io::stderr();
    let device_and_inode = fstat(&stderr).ok().map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino));
    StandardError { is_terminal: stderr.is_terminal(), device_and_inode }
}

/// A program that was started.
#[must_use = "somebody has to wait for it"]
pub struct Running {
    child: Child,
    /// For messages.
    doing: String,
}

/// Starts the program at an absolute path, with an empty environment. Its output goes to our standard error.
///
/// # Errors
/// It cannot be started: what fails here, has not happened.
pub fn start(program: &Path, arguments: &[&str]) -> Result<Running, Error> {
    let doing = format!("cannot run {}", quoted(format!("{} {}", program.display(), arguments.join(" "))));
    if !program.is_absolute() {
        return Err(Error::because(doing, "the program's path is not absolute"));
    }
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .spawn();
    match child {
        Ok(child) => Ok(Running { child, doing }),
        Err(error) => Err(Error::because(doing, described(&error))),
    }
}

impl Running {
    /// Waits for the program.
    ///
    /// # Errors
    /// It does not end within `limit` (it is killed then), or does not succeed.
    pub fn finish(mut self, limit: Duration) -> Result<(), Error> {
        let cause = match wait(&mut self.child, limit) {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => status.to_string(),
            Ok(None) => format!("it did not end within {} s and was killed", limit.as_secs()),
            Err(error) => described(&error),
        };
        Err(Error::because(self.doing, cause))
    }
}

/// The kernel's words without the number that the standard library adds.
pub(super) fn described(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |raw| Errno::from_raw(raw).desc().to_owned())
}

/// Waits for `child`, or kills it after `limit`.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<std::process::ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
