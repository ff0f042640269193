//! The memory file system that secrets live in, mounted at `/run/secrets.d`.
//!
//! Plaintext must never reach a disk. So nothing is written before two things are proven of the very directory we hold
//! open: it is the root of a mount at that place, and the mount is ramfs or tmpfs (demand report S11: a tool that took
//! an existing directory for its mount wrote secrets to disk).

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;
use nix::sys::stat::mkdirat;
use nix::unistd::{Gid, Uid};

use super::directory::Directory;
use super::mounts::{Memory, descriptor_path, memory_kind, memory_mounted_at};
use super::walk::{self, Parent, Trust};
use super::{DIRECTORY_MODE, Error, Privilege, mode_of, process, quoted};

/// Which file system the secrets are kept in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FsKind {
    /// Never swapped, but without a limit of size.
    Ramfs,
    /// With a limit; not swapped if the kernel knows `noswap` (6.4).
    Tmpfs,
}

impl fmt::Display for FsKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ramfs => "ramfs",
            Self::Tmpfs => "tmpfs",
        })
    }
}

/// The directory that holds all generations, proven to be what it has to be.
pub struct SecretFs {
    /// As declared: what links say, not what the kernel calls it.
    pub(super) path: PathBuf,
    pub(super) root: Directory,
    pub(super) privilege: Privilege,
}

impl SecretFs {
    /// Mounts the file system at `path`, or takes the one that is there; then gives its root to `root:group`, 0751.
    ///
    /// Returns warnings with it, each a sentence: a tmpfs that could be swapped out, or a mounted kind other than the
    /// declared one.
    ///
    /// # Errors
    /// `path` is a link or a file; it is a directory with content, on a disk for all we know; the mount is refused; the
    /// root of a mount that is there already does not belong to root.
    pub fn mount(path: &Path, kind: FsKind, group: Gid) -> Result<(Self, Vec<String>), Error> {
        let doing = format!("cannot use {} for secrets", quoted(path));
        let parent = walk::parent_made(path, Trust::of(process::effective_uid()), &doing)?;
        match mkdirat(&parent.directory, parent.name.as_os_str(), Mode::from_bits_truncate(0o700)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(Error::new(doing, errno)),
        }
        let root = open_root(&parent, &doing)?;
        let mut warnings = Vec::new();
        let (root, memory) = if let Some(memory) = memory_mounted_at(&root)? {
            (root, memory)
        } else {
            refuse_content(&root, path, &doing)?;
            mount_over(&root, path, kind)?;
            // What we opened lies below the mount now. The new root is opened by name and proven again.
            let root = open_root(&parent, &doing)?;
            let memory = memory_mounted_at(&root)?
                .ok_or_else(|| Error::because(&*doing, "it was mounted, but is no memory file system"))?;
            (root, memory)
        };
        warnings.extend(warnings_about(path, kind, memory));
        refuse_foreign(&root, &doing)?;
        adopt(&root, Some((Uid::from_raw(0), group)))
            .map_err(|errno| Error::new(doing, errno).with_hint("remount it so that root can write there"))?;
        Ok((Self { path: path.to_path_buf(), root, privilege: Privilege::Root }, warnings))
    }

    /// The file system at `path` if it is mounted, without changing anything (dry run, status).
    ///
    /// # Errors
    /// As [`SecretFs::mount`]: a link, a file or a directory with content is there, or a mount of somebody else's.
    pub fn open(path: &Path) -> Result<Option<Self>, Error> {
        let doing = format!("cannot use {} for secrets", quoted(path));
        let Some(root) = open_existing(path, &doing)? else { return Ok(None) };
        if memory_mounted_at(&root)?.is_none() {
            refuse_content(&root, path, &doing)?;
            return Ok(None);
        }
        refuse_foreign(&root, &doing)?;
        Ok(Some(Self { path: path.to_path_buf(), root, privilege: Privilege::Root }))
    }

    /// User mode: a plain directory of ours, made if missing. Nothing is mounted and nothing will be chowned.
    ///
    /// # Errors
    /// It cannot be made, is a link or a file, or belongs to somebody else.
    pub fn directory(path: &Path) -> Result<Self, Error> {
        let doing = format!("cannot use {} for secrets", quoted(path));
        let parent = walk::parent_made(path, Trust::of(process::effective_uid()), &doing)?;
        match mkdirat(&parent.directory, parent.name.as_os_str(), Mode::from_bits_truncate(0o700)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(Error::new(doing, errno)),
        }
        let root = open_root(&parent, &doing)?;
        refuse_foreign(&root, &doing)?;
        adopt(&root, None).map_err(|errno| Error::new(&*doing, errno))?;
        Ok(Self { path: path.to_path_buf(), root, privilege: Privilege::User })
    }

    /// User mode: the directory if it is there, without changing anything (dry run, status).
    ///
    /// # Errors
    /// As [`SecretFs::directory`].
    pub fn existing_directory(path: &Path) -> Result<Option<Self>, Error> {
        let doing = format!("cannot use {} for secrets", quoted(path));
        let Some(root) = open_existing(path, &doing)? else { return Ok(None) };
        refuse_foreign(&root, &doing)?;
        Ok(Some(Self { path: path.to_path_buf(), root, privilege: Privilege::User }))
    }

    /// A sentence about a user's directory that is not in memory: what is written there stays on the disk.
    #[must_use]
    pub fn disk_warning(&self) -> Option<String> {
        // What cannot be told is told as the worse.
        let on_disk = memory_kind(&self.root).ok().flatten().is_none();
        on_disk.then(|| {
            format!(
                "{} is not in memory: the plaintext of secrets is on that disk; declare a mount point below %r",
                quoted(&self.path)
            )
        })
    }

    /// Where it is, as declared.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Owner and group of the directories we make, if any are set.
    pub(super) fn owner(&self, group: Gid) -> Option<(Uid, Gid)> {
        match self.privilege {
            Privilege::Root => Some((Uid::from_raw(0), group)),
            Privilege::User => None,
        }
    }
}

fn open_existing(path: &Path, doing: &str) -> Result<Option<Directory>, Error> {
    let Some(parent) = walk::parent(path, Trust::of(process::effective_uid()), doing)? else {
        return Ok(None);
    };
    match Directory::open(&parent.directory, &parent.name) {
        Err(Errno::ENOENT) => Ok(None),
        opened => opened.map(Some).map_err(|errno| no_directory(doing, errno)),
    }
}

fn open_root(parent: &Parent, doing: &str) -> Result<Directory, Error> {
    Directory::open(&parent.directory, &parent.name).map_err(|errno| no_directory(doing, errno))
}

fn no_directory(doing: &str, errno: Errno) -> Error {
    match errno {
        Errno::ELOOP | Errno::ENOTDIR => {
            Error::because(doing, "it is a link or a file, not a directory").with_hint("remove it")
        }
        Errno::EACCES => Error::new(doing, errno)
            .with_hint("only its owner may look into it: run this as that user, mostly root"),
        errno => Error::new(doing, errno),
    }
}

/// A mount hides what lies below it, and a directory that holds something is perhaps not what it was taken for.
fn refuse_content(root: &Directory, path: &Path, doing: &str) -> Result<(), Error> {
    let entries = root.entries().map_err(|errno| Error::new(doing, errno))?;
    match entries.first() {
        None => Ok(()),
        Some(first) => Err(Error::because(
            doing,
            format!("it is not mounted, and not empty either: {} is in it", quoted(path.join(first))),
        )
        .with_hint("if secrets were written there, they may be on the disk: look at it, then empty it")),
    }
}

/// Somebody else's directory is theirs to fill and to rename in. One of ours that serves something else (`/run`,
/// `/dev/shm`, a home directory) keeps its rights: what has neither a generation nor what is left of one was not made for
/// secrets. `age-keys.txt` is what sops-nix writes there first. What somebody else has put where others can write is no
/// generation.
fn refuse_foreign(root: &Directory, doing: &str) -> Result<(), Error> {
    let failed = |errno| Error::new(doing, errno);
    let owner = Uid::from_raw(root.stat().map_err(failed)?.st_uid);
    if owner != process::effective_uid() {
        return Err(
            Error::because(doing, format!("it belongs to uid {owner}")).with_hint("unmount or remove it")
        );
    }
    let entries = root.entries().map_err(failed)?;
    let ours =
        |name: &OsString| name.as_bytes().first().is_some_and(u8::is_ascii_digit) || name == "age-keys.txt";
    if let Some(first) = entries.first()
        && !entries.iter().any(ours)
    {
        let cause = format!("it serves something else: {} is in it", quoted(first));
        return Err(Error::because(doing, cause).with_hint("declare a directory of its own, or empty it"));
    }
    for name in &entries {
        let owner = root.look(name).map_err(failed)?.map(|stat| Uid::from_raw(stat.st_uid));
        if let Some(owner) = owner.filter(|owner| *owner != process::effective_uid()) {
            let cause = format!("{} in it belongs to uid {owner}", quoted(name));
            return Err(Error::because(doing, cause).with_hint("unmount it, and mount it with mode=0751"));
        }
    }
    Ok(())
}

/// Gives the root its owner and mode, unless it has them: a read-only mount may be used as it is.
fn adopt(root: &Directory, owner: Option<(Uid, Gid)>) -> nix::Result<()> {
    let stat = root.stat()?;
    let settled = match owner {
        Some((user, group)) => stat.st_uid == user.as_raw() && stat.st_gid == group.as_raw(),
        None => true,
    };
    if settled && mode_of(&stat) == DIRECTORY_MODE { Ok(()) } else { root.adopt(owner) }
}

/// Mounts over the directory we hold open, not over whatever has its name by then. The mount of a kernel that
/// does not know `noswap` shows in mountinfo, and is warned about there.
fn mount_over(root: &Directory, path: &Path, kind: FsKind) -> Result<(), Error> {
    let name = match kind {
        FsKind::Ramfs => "ramfs",
        FsKind::Tmpfs => "tmpfs",
    };
    let target = descriptor_path(root);
    let flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let mount_with = |options: &str| mount(Some("none"), &target, Some(name), flags, Some(options));
    let mounted = match kind {
        FsKind::Ramfs => mount_with("mode=0751"),
        FsKind::Tmpfs => match mount_with("mode=0751,noswap") {
            Err(Errno::EINVAL) => mount_with("mode=0751"),
            mounted => mounted,
        },
    };
    mounted.map_err(|errno| {
        let error = Error::new(format!("cannot mount {name} on {}", quoted(path)), errno);
        match (kind, errno) {
            (FsKind::Ramfs, Errno::EPERM) => error
                .with_hint("a container without this right may still mount tmpfs: set sops.useTmpfs = true"),
            (FsKind::Tmpfs, Errno::EPERM) => error
                .with_hint("mounting takes CAP_SYS_ADMIN: is this a container, or the sandbox of a unit?"),
            (_, Errno::ENODEV) => error.with_hint("this kernel has no such file system"),
            _ => error,
        }
    })
}

fn warnings_about(path: &Path, declared: FsKind, mounted: Memory) -> Vec<String> {
    let path = quoted(path);
    let mut warnings = Vec::new();
    if mounted.kind != declared {
        let present = mounted.kind;
        warnings.push(format!("{path} is a {present}; it becomes a {declared} as declared at the next boot"));
    }
    if !mounted.never_swapped {
        warnings.push(format!(
            "{path} is a tmpfs without noswap: secrets may be written to swap (the kernel must be 6.4 or later)"
        ));
    }
    warnings
}
