//! Files we are told to read: manifests, sops files, keys, account tables; and lists we append to.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, fstat};
use nix::unistd::{Uid, ftruncate, read as read_some};

use super::directory::write_all;
use super::{Error, Kind, kind_of, mode_of, quoted};
use crate::secret::Wiped;

/// No key file is larger, in bytes. A machine with thousands of identities in one file stays below it.
const KEY_LIMIT: u64 = 1 << 20;

/// How much is read at a time from files that do not know their size (those of `/proc`).
const CHUNK: usize = 4096;

/// The bytes of a key file.
pub struct KeyFile {
    /// Its content, wiped when dropped.
    pub bytes: Wiped,
    /// A sentence about permissions that let others read or replace the key.
    pub warning: Option<String>,
}

/// Reads the regular file at `path`, following links. The buffer is wiped when dropped.
///
/// # Errors
/// It cannot be opened, is not a regular file (a FIFO is refused, not waited for), or is larger than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<Wiped, Error> {
    let (file, stat) = open(path)?;
    read_opened(&file, &stat, limit)
        .map_err(|cause| Error::because(format!("cannot read {}", quoted(path)), cause))
}

/// Reads the key file at `path`, and looks at who else could.
///
/// # Errors
/// As [`read`], with a limit of 1 MiB.
pub fn read_key(path: &Path) -> Result<KeyFile, Error> {
    let (file, stat) = open(path)?;
    let bytes = read_opened(&file, &stat, KEY_LIMIT)
        .map_err(|cause| Error::because(format!("cannot read {}", quoted(path)), cause))?;
    Ok(KeyFile { bytes, warning: loose_permissions(path, &stat) })
}

/// Reads standard input to its end. The buffer is wiped when dropped.
///
/// # Errors
/// It cannot be read, or is larger than `limit` bytes.
pub fn read_stdin(limit: u64) -> Result<Wiped, Error> {
    read_unsized(&std::io::stdin(), limit)
        .map_err(|cause| Error::because("cannot read standard input", cause))
}

/// Appends `lines`, each ended by a newline, to the list at `path` (`/run/nixos/activation-restart-list` and its
/// like), which is made, 0600, if it is missing. The folder is not made: without it nobody reads the list. False then.
///
/// # Errors
/// The list cannot be opened or written, or is a link.
pub fn append_lines(path: &Path, lines: &[String]) -> Result<bool, Error> {
    let doing = |errno: Errno| {
        let cause = if errno == Errno::ELOOP { "it is a link" } else { errno.desc() };
        Error::because(format!("cannot append to {}", quoted(path)), cause)
    };
    let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = match openat(AT_FDCWD, path, flags, Mode::from_bits_truncate(0o600)) {
        Ok(file) => file,
        Err(Errno::ENOENT) => return Ok(false),
        Err(errno) => return Err(doing(errno)),
    };
    let mut text = lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    let before = fstat(&file).map_err(doing)?.st_size;
    write_all(&file, text.as_bytes()).map_err(|errno| {
        // Half a name must not become one with what is appended next.
        let _ = ftruncate(&file, before);
        doing(errno)
    })?;
    Ok(true)
}

fn open(path: &Path) -> Result<(OwnedFd, FileStat), Error> {
    let doing = |errno| Error::new(format!("cannot open {}", quoted(path)), errno);
    // NONBLOCK: opening a FIFO must not wait for a writer. NOCTTY: nor may a terminal become ours.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let file = openat(AT_FDCWD, path, flags, Mode::empty()).map_err(doing)?;
    let stat = fstat(&file).map_err(doing)?;
    match kind_of(&stat) {
        Kind::Regular => Ok((file, stat)),
        Kind::Directory => Err(doing(Errno::EISDIR)),
        Kind::Link | Kind::Other => {
            Err(Error::because(format!("cannot open {}", quoted(path)), "it is not a regular file"))
        }
    }
}

fn read_opened(file: &OwnedFd, stat: &FileStat, limit: u64) -> Result<Wiped, String> {
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size > limit {
        return Err(too_large(limit));
    }
    if size == 0 {
        return read_unsized(file, limit);
    }
    read_exactly(file, size).map_err(|errno| errno.desc().to_owned())
}

/// Reads `size` bytes, or fewer if the file ends before: one call for an ordinary file.
pub(super) fn read_exactly(file: &impl AsFd, size: u64) -> nix::Result<Wiped> {
    let mut bytes = zeroed(usize::try_from(size).map_err(|_| Errno::ENOMEM)?)?;
    let mut filled = 0;
    while filled < bytes.len() {
        match read_some(file, &mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// How much of a file is compared at a time, in bytes.
const COMPARED: usize = 256 * 1024;

/// Whether `file` starts with `wanted`, without ever holding all of it.
pub(super) fn starts_with(file: &impl AsFd, mut wanted: &[u8]) -> nix::Result<bool> {
    let mut buffer = zeroed(wanted.len().min(COMPARED))?;
    while !wanted.is_empty() {
        let room = wanted.len().min(buffer.len());
        match read_some(file, &mut buffer[..room]) {
            Ok(0) => return Ok(false),
            Ok(count) => {
                let (here, behind) = wanted.split_at(count);
                if buffer[..count] != *here {
                    return Ok(false);
                }
                wanted = behind;
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(true)
}

/// Reads to the end a file that says it is empty: it is, or it is one of `/proc`. Each larger buffer is a new one, so
/// that the old one is wiped.
fn read_unsized(file: &impl AsFd, limit: u64) -> Result<Wiped, String> {
    let mut bytes = zeroed(CHUNK).map_err(|errno| errno.desc().to_owned())?;
    let mut filled = 0;
    loop {
        if filled == bytes.len() {
            let mut larger = zeroed(filled * 2).map_err(|errno| errno.desc().to_owned())?;
            larger[..filled].copy_from_slice(&bytes);
            bytes = larger;
        }
        match read_some(file, &mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.desc().to_owned()),
        }
        if u64::try_from(filled).unwrap_or(u64::MAX) > limit {
            return Err(too_large(limit));
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn too_large(limit: u64) -> String {
    format!("it is larger than the limit of {limit} bytes")
}

/// A zeroed buffer; `ENOMEM` instead of an abort when there is no memory for it.
fn zeroed(size: usize) -> nix::Result<Wiped> {
    let mut bytes = Wiped::default();
    bytes.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
    bytes.resize(size, 0);
    Ok(bytes)
}

fn loose_permissions(path: &Path, stat: &FileStat) -> Option<String> {
    let mode = mode_of(stat);
    let by_whom = match () {
        () if mode & 0o007 != 0 => "others",
        () if mode & 0o070 != 0 => "its group",
        () => {
            let owner = Uid::from_raw(stat.st_uid);
            let ours = owner.is_root() || owner == super::process::effective_uid();
            return (!ours).then(|| format!("{} belongs to uid {owner}, who can replace it", quoted(path)));
        }
    };
    let what = if mode & 0o044 != 0 { "readable" } else { "accessible" };
    let path = quoted(path);
    Some(format!("{path} is {what} by {by_whom} (mode {mode:04o}): chmod 0400 {path}"))
}
