//! Links at declared paths, in directories that may belong to unprivileged users.
//!
//! How the directory is reached is told in `walk`. What remains is the last element, and here the rules are against:
//!
//! * *a planted temporary name* (agenix#38's class): ours is made by `symlinkat`, which never replaces anything, under a
//!   name that cannot be guessed where it could be planted;
//! * *an exchanged temporary name*: the link is opened with `O_PATH`, checked to be the one we made, and chowned through
//!   that descriptor, so that no name swapped in can get the ownership;
//! * *another file in place of the link*: `renameat` replaces the name, and never what a link there points to;
//! * *a directory of root's that somebody slid under the path*: nothing that stands in it is replaced.
//!
//! What the owner of a directory swaps in it after our last check, is their own, and can only be replaced in their own
//! directory, where they could have removed it themselves.

use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, fstat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, symlinkat, unlinkat};

use super::walk::{self, Parent, Trust};
use super::{Error, Kind, kind_of, process, quoted};

/// What [`place`] did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Placed {
    /// The right link was there.
    Unchanged,
    /// It was made.
    Made {
        /// A warning that names what had to give way, if that was a regular file (P15).
        replaced: Option<String>,
    },
}

/// Makes a link to `target` at `path`, owned by `uid:gid`, atomically; parents are made if missing. When we are not
/// root, nothing is chowned.
///
/// # Errors
/// An element of `path` could lead somewhere its owner may not write ("unsafe path transition", contract section 4.12);
/// a directory or a special file is in the way; the file system refuses.
pub fn place(path: &Path, target: &Path, uid: Uid, gid: Gid) -> Result<Placed, Error> {
    let doing = format!("cannot make link {}", quoted(path));
    let parent = walk::parent_made(path, Trust::of(uid), &doing)?;
    let placed = judge(&parent, path, target, (uid, gid), &doing)?;
    if placed == Placed::Unchanged {
        sweep(&parent);
    } else {
        let owner = process::effective_uid().is_root().then_some((uid, gid));
        put(&parent, target, owner).map_err(|cause| Error::because(doing, cause))?;
    }
    Ok(placed)
}

/// What [`place`] would do, without doing it. Missing parents count as makeable.
///
/// # Errors
/// As [`place`].
pub fn check(path: &Path, target: &Path, uid: Uid, gid: Gid) -> Result<(), Error> {
    let doing = format!("cannot make link {}", quoted(path));
    match walk::parent(path, Trust::of(uid), &doing)? {
        Some(parent) => judge(&parent, path, target, (uid, gid), &doing).map(|_| ()),
        None => Ok(()),
    }
}

/// Decides about what stands at the last element.
fn judge(
    parent: &Parent,
    path: &Path,
    target: &Path,
    (uid, gid): (Uid, Gid),
    doing: &str,
) -> Result<Placed, Error> {
    let as_root = process::effective_uid().is_root();
    let replaced = match look(parent).map_err(|errno| Error::new(doing, errno))? {
        Standing::Nothing => None,
        Standing::Link(stat, old) => {
            let belongs = !as_root || (stat.st_uid == uid.as_raw() && stat.st_gid == gid.as_raw());
            if old == target.as_os_str() && belongs {
                return Ok(Placed::Unchanged);
            }
            let theirs = stat.st_uid == uid.as_raw() && (!uid.is_root() || is_sibling(&old, target));
            if old != target.as_os_str() && !theirs {
                refuse_if_exposed(parent, uid, path, doing)?;
            }
            None
        }
        Standing::File(_) => {
            refuse_if_exposed(parent, uid, path, doing)?;
            Some(format!("{} was a regular file and is now a link to {}", quoted(path), quoted(target)))
        }
        Standing::Directory => {
            return Err(Error::because(doing, "a directory is in the way")
                .with_hint("remove it, or choose another path"));
        }
        Standing::Other => {
            let cause = "something that is neither a file nor a link is in the way";
            return Err(Error::because(doing, cause).with_hint("remove it, or choose another path"));
        }
    };
    Ok(Placed::Made { replaced })
}

/// Removes the link at `path` if it is still one to exactly `target`. False if it is anything else, or gone.
///
/// # Errors
/// As [`place`].
pub fn remove(path: &Path, target: &Path, uid: Uid) -> Result<bool, Error> {
    let doing = format!("cannot remove link {}", quoted(path));
    let Some(parent) = walk::parent(path, Trust::of(uid), &doing)? else { return Ok(false) };
    sweep(&parent);
    match look(&parent).map_err(|errno| Error::new(&*doing, errno))? {
        Standing::Link(_, old) if old == target.as_os_str() => {}
        _ => return Ok(false),
    }
    match unlinkat(&parent.directory, parent.name.as_os_str(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(Error::new(doing, errno)),
    }
}

/// Removes the directories that `path` is in, up to `root` and without it, as far as nothing is in them any more. For
/// generations, where nobody else can write.
pub fn remove_empty_parents(path: &Path, root: &Path) {
    let inside = path.ancestors().skip(1).take_while(|directory| *directory != root);
    let _ = inside.map(std::fs::remove_dir).take_while(Result::is_ok).count();
}

/// What stands at the last element.
pub(super) enum Standing {
    /// Nothing.
    Nothing,
    /// A link, and its text.
    Link(FileStat, OsString),
    /// A regular file, and its size in bytes.
    File(i64),
    /// A directory.
    Directory,
    /// A FIFO, socket or device.
    Other,
}

/// Looks at the last element through a descriptor of its own, so that kind, owner and text belong to one thing.
pub(super) fn look(parent: &Parent) -> nix::Result<Standing> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let standing = match openat(&parent.directory, parent.name.as_os_str(), flags, Mode::empty()) {
        Ok(standing) => standing,
        Err(Errno::ENOENT) => return Ok(Standing::Nothing),
        Err(errno) => return Err(errno),
    };
    let stat = fstat(&standing)?;
    Ok(match kind_of(&stat) {
        Kind::Link => Standing::Link(stat, readlinkat(&standing, "")?),
        Kind::Regular => Standing::File(stat.st_size),
        Kind::Directory => Standing::Directory,
        Kind::Other => Standing::Other,
    })
}

/// Whether two texts of links lead to the secrets of one phase: `/run/secrets`, say.
fn is_sibling(old: &OsStr, target: &Path) -> bool {
    Path::new(old).components().take(3).eq(target.components().take(3))
}

/// In a directory of root's or of anybody's but the secret's owner's, that somebody may have slid under the path, what
/// stands there may be root's own.
fn refuse_if_exposed(parent: &Parent, uid: Uid, path: &Path, doing: &str) -> Result<(), Error> {
    let slid = parent.exposed && (parent.owner != uid || uid.is_root());
    let guarded = slid && matches!(Trust::of(uid), Trust::RootAnd(_));
    if guarded {
        let cause = format!(
            "{} exists, in a directory of uid {} below one that others can change",
            quoted(path),
            parent.owner
        );
        return Err(Error::because(doing, cause).with_hint("remove it by hand if it is not needed"));
    }
    Ok(())
}

/// Makes the link aside and renames it over the name. The error is a cause in words.
pub(super) fn put(parent: &Parent, target: &Path, owner: Option<(Uid, Gid)>) -> Result<(), String> {
    let aside = make_aside(parent, target).map_err(|errno| errno.desc().to_owned())?;
    let placed = own(parent, &aside, target, owner).and_then(|()| {
        let name = parent.name.as_os_str();
        renameat(&parent.directory, aside.as_os_str(), &parent.directory, name)
            .map_err(|errno| errno.desc().to_owned())
    });
    if placed.is_err() {
        // If this fails too, the first error is the one to tell.
        let _ = unlinkat(&parent.directory, aside.as_os_str(), UnlinkatFlags::NoRemoveDir);
    }
    placed
}

/// Removes the temporary link that a run left which died between making and renaming it.
pub(super) fn sweep(parent: &Parent) {
    let usual = temporary(fingerprint(&parent.name));
    // Nearly always there is none.
    let _ = unlinkat(&parent.directory, usual.as_os_str(), UnlinkatFlags::NoRemoveDir);
}

/// Makes the link under a temporary name. The name is the same on every run, so that the link of a run that was killed
/// is found and removed; where somebody planted something that cannot be removed, it is a random one.
fn make_aside(parent: &Parent, target: &Path) -> nix::Result<OsString> {
    let usual = temporary(fingerprint(&parent.name));
    for _ in 0..2 {
        match symlinkat(target, &parent.directory, usual.as_os_str()) {
            Ok(()) => return Ok(usual),
            Err(Errno::EEXIST) => sweep(parent),
            Err(errno) => return Err(errno),
        }
    }
    let random = temporary(RandomState::new().build_hasher().finish());
    symlinkat(target, &parent.directory, random.as_os_str())?;
    Ok(random)
}

fn temporary(number: u64) -> OsString {
    OsString::from(format!(".sops-activate-{number:016x}"))
}

/// FNV-1a: stable from run to run, and short, as a name may already have the greatest length.
fn fingerprint(name: &OsStr) -> u64 {
    name.as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Makes sure that what stands at `aside` is the link we made, and gives it its owner.
fn own(parent: &Parent, aside: &OsStr, target: &Path, owner: Option<(Uid, Gid)>) -> Result<(), String> {
    let words = |errno: Errno| errno.desc().to_owned();
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let link: OwnedFd = openat(&parent.directory, aside, flags, Mode::empty()).map_err(words)?;
    let stat = fstat(&link).map_err(words)?;
    let made_by_us = kind_of(&stat) == Kind::Link
        && stat.st_uid == process::effective_uid().as_raw()
        && stat.st_nlink == 1
        && readlinkat(&link, "").map_err(words)? == target.as_os_str();
    if !made_by_us {
        return Err("somebody exchanged the link while it was made".to_owned());
    }
    match owner {
        Some((uid, gid)) => fchownat(&link, "", Some(uid), Some(gid), AtFlags::AT_EMPTY_PATH).map_err(words),
        None => Ok(()),
    }
}
