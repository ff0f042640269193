//! Confinement: what the process gives up for good, once it has made its mount and before it reads a key or a sops file.
//!
//! Whoever gets hold of the process through a hostile file finds three fences, each of which stands by itself:
//!
//! | fence | what is left | where the kernel has none |
//! |---|---|---|
//! | `capabilities` | writing files for others, or only reading them; never mounting | every kernel has them |
//! | `writes` (landlock) | no file is made or written outside the given directories, no program is started | Linux before 5.13, or landlock not enabled |
//! | `calls` (seccomp) | 95 system calls: no socket, no new process, no code made at run time | no seccomp, or a processor that the filter is not made for |
//!
//! All are inherited by threads started later, and none can be taken back. Programs are asked for beforehand
//! ([`super::services`], [`super::plugins`]).

#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), path = "no_calls.rs")]
mod calls;
pub mod capabilities;
mod writes;

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

use super::Error;
use super::secretfs::SecretFs;

/// What the process has yet to do.
pub enum Work<'a> {
    /// Read and print.
    Read,
    /// Start `systemctl`: of the fences only the first can be there.
    StartSystemctl,
    /// Start age plugins: likewise.
    StartPlugins,
    /// Install secrets: write below `secretfs` (nowhere, if there is none yet, in a dry run), append to files in the
    /// directory `lists`, make links anywhere.
    Install {
        /// Where secrets are written.
        secretfs: Option<&'a SecretFs>,
        /// Where lists of units are.
        lists: &'a Path,
    },
}

/// Gives up what `work` does not need. To be called before any other thread is started: all of it belongs to a thread,
/// and only those that it starts get it too.
///
/// Returns what the kernel has not, in sentences for the log: an old kernel is no reason not to install secrets.
///
/// # Errors
/// The kernel refuses to take capabilities away from us, which it never does: going on would mean running with them.
pub fn enter(work: &Work<'_>) -> Result<Vec<String>, Error> {
    let mut refused = Vec::new();
    let writable = match work {
        Work::StartSystemctl => return capabilities::keep(&capabilities::READER).map(|()| refused),
        Work::StartPlugins => return capabilities::keep(&capabilities::PLUGIN).map(|()| refused),
        Work::Read => {
            capabilities::keep(&capabilities::READER)?;
            Vec::new()
        }
        Work::Install { secretfs, lists } => {
            capabilities::keep(&capabilities::WRITER)?;
            let secretfs = secretfs.and_then(|secretfs| secretfs.root.as_fd().try_clone_to_owned().ok());
            secretfs.into_iter().chain(directory(lists)).collect()
        }
    };
    refused.extend(writes::only_below(&writable).err());
    // Last, as the other fences need calls that this one does not have.
    refused.extend(calls::only_needed().err());
    Ok(refused)
}

/// A directory as a place, not to be read. One that is not there is not written to either.
fn directory(path: &Path) -> Option<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(AT_FDCWD, path, flags, Mode::empty()).ok()
}
