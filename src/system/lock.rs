//! One run at a time, by a lock that dies with its holder.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::Uid;

use super::walk::{self, Trust};
use super::{Error, Kind, kind_of, mode_of, process, quoted};

/// How long the other run may take. NixOS gives the whole unit less.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often we look.
const PAUSE: Duration = Duration::from_millis(50);

/// The lock, held until it is dropped or the process ends.
///
/// It is on `<mount point>.lock`, a file of root that nobody else can open: a lock on anything an unprivileged user
/// can open (the mount point itself, the manifest) would let that user stop every activation.
#[must_use = "the lock is released when this is dropped"]
pub struct Lock {
    /// Present until dropped.
    file: Option<Flock<File>>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Dropping it would panic if the kernel refused, after all the work is done.
        if let Some(Err((refused, _))) = self.file.take().map(Flock::unlock) {
            // It ends with the process.
            std::mem::forget(refused);
        }
    }
}

impl Lock {
    /// Takes the lock for `mount_point`; if another run holds it, tells `waiting` who that is and waits up to 300 s.
    ///
    /// # Errors
    /// The lock file cannot be made or is not ours alone, or the other run does not end.
    pub fn acquire(mount_point: &Path, waiting: impl FnOnce(&str)) -> Result<Self, Error> {
        Self::acquire_within(mount_point, waiting, PATIENCE)
    }

    /// [`Lock::acquire`] with another patience.
    ///
    /// # Errors
    /// As there.
    pub fn acquire_within(
        mount_point: &Path,
        waiting: impl FnOnce(&str),
        patience: Duration,
    ) -> Result<Self, Error> {
        let path = beside(mount_point);
        let doing = format!("cannot lock {}", quoted(&path));
        let start = Instant::now();
        let mut waiting = Some(waiting);
        // The first thing that a run makes beside the mount point.
        let elsewhere = "let the directory that it is in be writable, or declare another secretsMountPoint";
        let mut file = open(&path, &doing).map_err(|error| error.or_hint(elsewhere))?;
        loop {
            file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                // Somebody removed the file while we waited: another run may hold a lock on the new one.
                Ok(locked) if fstat(&*locked).is_ok_and(|stat| stat.st_nlink == 0) => open(&path, &doing)?,
                Ok(mut locked) => {
                    sign(&mut locked);
                    return Ok(Self { file: Some(locked) });
                }
                Err((file, Errno::EWOULDBLOCK | Errno::EINTR)) => file,
                Err((_, errno)) => return Err(Error::new(doing, errno)),
            };
            if let Some(tell) = waiting.take() {
                tell(&holder(&mut file));
            }
            if start.elapsed() >= patience {
                let cause = format!("{} has held it for {} s", holder(&mut file), patience.as_secs());
                return Err(Error::because(doing, cause).with_hint("see what that process waits for"));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn beside(mount_point: &Path) -> PathBuf {
    let mut path = OsString::from(mount_point);
    path.push(".lock");
    PathBuf::from(path)
}

fn open(path: &Path, doing: &str) -> Result<File, Error> {
    let failed = |errno| match errno {
        Errno::ELOOP => Error::because(doing, "it is a link").with_hint("remove it"),
        errno => Error::new(doing, errno),
    };
    let parent = walk::parent_made(path, Trust::of(process::effective_uid()), doing)?;
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file: OwnedFd =
        openat(&parent.directory, parent.name.as_os_str(), flags, Mode::from_bits_truncate(0o600))
            .map_err(failed)?;
    let stat = fstat(&file).map_err(failed)?;
    if kind_of(&stat) != Kind::Regular {
        return Err(Error::because(doing, "it is not a regular file").with_hint("remove it"));
    }
    let owner = Uid::from_raw(stat.st_uid);
    if owner != process::effective_uid() {
        return Err(Error::because(doing, format!("it belongs to uid {owner}")).with_hint("remove it"));
    }
    if mode_of(&stat) & 0o077 != 0 {
        fchmod(&file, Mode::from_bits_truncate(0o600)).map_err(failed)?;
    }
    Ok(File::from(file))
}

/// Writes our process id into the lock file. It is for people only: a failure to write it is none to lock.
fn sign(file: &mut File) {
    let _ = file.set_len(0);
    let _ = writeln!(file, "{}", std::process::id());
}

/// Who holds the lock, in words.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.seek(SeekFrom::Start(0));
    let _ = Read::take(&mut *file, 20).read_to_string(&mut text);
    let _ = file.seek(SeekFrom::Start(0));
    text.trim().parse::<u32>().map_or_else(|_| "another run".to_owned(), |pid| format!("process {pid}"))
}
