//! An open directory that only we can write to, and the few system calls everything below it is made of.
//!
//! Every name given to these functions is a single path element; links are never followed. Errors are bare error
//! numbers, because only the caller knows what it was doing.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, unlinkat, write};

use super::{DIRECTORY_MODE, Kind, kind_of};

/// How deep directories may nest. Names with more elements are refused when written, so that a tree we wrote can be
/// listed and removed by recursion with one descriptor a level.
pub(super) const MAX_DEPTH: usize = 64;

/// An open directory.
pub(super) struct Directory(OwnedFd);

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Directory {
    /// Opens the directory `name` in `parent`: `ELOOP` or `ENOTDIR` if it is anything else.
    pub(super) fn open(parent: &impl AsFd, name: &OsStr) -> nix::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(parent, name, flags, Mode::empty()).map(Self)
    }

    /// Makes the directory `name` in `parent`, which only we can write to: closed to others until it has its owner,
    /// then 0751 whatever the umask. `EEXIST` if anything is there.
    pub(super) fn make(parent: &impl AsFd, name: &OsStr, owner: Option<(Uid, Gid)>) -> nix::Result<Self> {
        mkdirat(parent, name, Mode::from_bits_truncate(0o700))?;
        let made = Self::open(parent, name).and_then(|made| made.adopt(owner).map(|()| made));
        if made.is_err() {
            // Nobody shall take it for one of ours, closed as it still is.
            let _ = unlinkat(parent, name, UnlinkatFlags::RemoveDir);
        }
        made
    }

    /// Gives it the owner and group (when privileged) and the mode of our directories.
    pub(super) fn adopt(&self, owner: Option<(Uid, Gid)>) -> nix::Result<()> {
        if let Some((uid, gid)) = owner {
            fchown(self, Some(uid), Some(gid))?;
        }
        fchmod(self, Mode::from_bits_truncate(DIRECTORY_MODE))
    }

    /// Owner, mode and device of the directory itself.
    pub(super) fn stat(&self) -> nix::Result<FileStat> {
        fstat(self)
    }

    /// What stands at `name`, if anything.
    pub(super) fn look(&self, name: &OsStr) -> nix::Result<Option<FileStat>> {
        match fstatat(self, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// The names in it, in no order.
    pub(super) fn entries(&self) -> nix::Result<Vec<OsString>> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut names = Vec::new();
        // A description of its own: reading moves an offset, which must not be shared.
        for entry in Dir::openat(self, ".", flags, Mode::empty())?.iter() {
            let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_os_string();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Removes whatever stands at `name`, directories with all their content. Links are removed, never followed, and
    /// nothing on another file system is touched (`EXDEV`). False if nothing was there.
    pub(super) fn remove(&self, name: &OsStr) -> nix::Result<bool> {
        self.remove_at_depth(name, 0)
    }

    fn remove_at_depth(&self, name: &OsStr, depth: usize) -> nix::Result<bool> {
        match unlinkat(self, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => return Ok(true),
            Err(Errno::ENOENT) => return Ok(false),
            Err(Errno::EISDIR) => {}
            Err(errno) => return Err(errno),
        }
        if depth > MAX_DEPTH {
            return Err(Errno::ENAMETOOLONG);
        }
        let child = Self::open(self, name)?;
        if child.stat()?.st_dev != self.stat()?.st_dev {
            return Err(Errno::EXDEV);
        }
        for entry in child.entries()? {
            child.remove_at_depth(&entry, depth + 1)?;
        }
        drop(child);
        unlinkat(self, name, UnlinkatFlags::RemoveDir).map(|()| true)
    }

    /// Creates the file `name` for writing, mode 0: until it is whole nobody but root can open it. `EEXIST` if
    /// anything is there, a dangling link included.
    pub(super) fn create(&self, name: &OsStr) -> nix::Result<OwnedFd> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(self, name, flags, Mode::empty())
    }

    /// Opens the regular file `name` for reading; `None` if there is none.
    pub(super) fn open_regular(&self, name: &OsStr) -> nix::Result<Option<(OwnedFd, FileStat)>> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        only_regular(openat(self, name, flags, Mode::empty()))
    }

    /// Writes `content` beside `name`, 0600, and renames it into place.
    pub(super) fn replace_file(&self, name: &OsStr, aside: &OsStr, content: &[u8]) -> nix::Result<()> {
        self.remove(aside)?;
        let file = self.create(aside)?;
        write_all(&file, content)?;
        fchmod(&file, Mode::from_bits_truncate(0o600))?;
        renameat(self, aside, self, name)
    }
}

/// Keeps an opened file only if it is a regular one. What cannot be opened because it is no file counts as absent.
pub(super) fn only_regular(opened: nix::Result<OwnedFd>) -> nix::Result<Option<(OwnedFd, FileStat)>> {
    let file = match opened {
        Ok(file) => file,
        // ENXIO: a socket, or a device without a driver.
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENXIO) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let stat = fstat(&file)?;
    Ok((kind_of(&stat) == Kind::Regular).then_some((file, stat)))
}

/// Writes all of `content`, however small the pieces are that the kernel takes.
pub(super) fn write_all(file: &impl AsFd, mut content: &[u8]) -> nix::Result<()> {
    while !content.is_empty() {
        match write(file, content) {
            // Not in the rules for regular files; without this a full disk could become an endless loop.
            Ok(0) => return Err(Errno::EIO),
            Ok(written) => content = content.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
