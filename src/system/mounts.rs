//! Is a directory really in memory? Asked of the kernel in two ways, which must agree.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::fcntl::readlink;
use nix::sys::stat::{fstat, major, minor};
use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};

use super::secretfs::FsKind;
use super::{Error, files};

/// ramfs in `statfs` (`RAMFS_MAGIC` in linux/magic.h).
const RAMFS_MAGIC: i128 = 0x8584_58f6;

/// Larger than the table of any machine.
const TABLE_LIMIT: u64 = 64 << 20;

/// A memory file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Memory {
    /// Which.
    pub kind: FsKind,
    /// Whether its pages stay out of swap: always for ramfs, with `noswap` for tmpfs.
    pub never_swapped: bool,
}

/// What the open directory is: the root of a memory file system that is mounted exactly there, or `None`.
///
/// `statfs` alone would take a plain directory inside a tmpfs (`/run` itself) for a mount of ours; mountinfo alone
/// would believe the name of a mount that another one hides. Both are asked about the descriptor, not the path, so
/// nothing can change between the two answers.
pub(super) fn memory_mounted_at(directory: &impl AsFd) -> Result<Option<Memory>, Error> {
    let doing = |errno| Error::new("cannot examine the mount", errno);
    let Some(kind) = memory_kind(directory).map_err(doing)? else { return Ok(None) };
    let device = fstat(directory).map_err(doing)?.st_dev;
    let here = canonical_path(directory)?;
    let table = files::read(Path::new("/proc/self/mountinfo"), TABLE_LIMIT)?;
    let device = format!("{}:{}", major(device), minor(device));
    let mounted = entries(&table).any(|entry| entry.mount_point == here && entry.device == device.as_bytes());
    if !mounted {
        return Ok(None);
    }
    let never_swapped = kind == FsKind::Ramfs
        || entries(&table)
            .filter(|entry| entry.mount_point == here && entry.device == device.as_bytes())
            .all(|entry| entry.options.split(|byte| *byte == b',').any(|option| option == b"noswap"));
    Ok(Some(Memory { kind, never_swapped }))
}

/// The path at which the kernel knows an open directory, links on the way to it resolved.
pub(super) fn canonical_path(directory: &impl AsFd) -> Result<PathBuf, Error> {
    let descriptor = descriptor_path(directory);
    match readlink(&descriptor) {
        Ok(path) => Ok(PathBuf::from(path)),
        Err(errno) => Err(Error::new(format!("cannot read {}", descriptor.display()), errno)
            .with_hint("/proc must be mounted before secrets are installed")),
    }
}

/// A path that leads to exactly this descriptor, for calls that take no descriptor.
pub(super) fn descriptor_path(directory: &impl AsFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd()))
}

/// Which memory file system it lies in; `None` if it is on a disk, or on anything else.
pub(super) fn memory_kind(directory: &impl AsFd) -> nix::Result<Option<FsKind>> {
    let kind = fstatfs(directory)?.filesystem_type();
    // The type of the number differs between C libraries, also in its sign.
    Ok(if kind == TMPFS_MAGIC {
        Some(FsKind::Tmpfs)
    } else if i128::from(kind.0) & 0xffff_ffff == RAMFS_MAGIC {
        Some(FsKind::Ramfs)
    } else {
        None
    })
}

/// One line of mountinfo: the parts we compare.
struct Entry<'a> {
    device: &'a [u8],
    mount_point: PathBuf,
    /// Options of the file system itself, where `noswap` is.
    options: &'a [u8],
}

/// The lines of a `/proc/PID/mountinfo` (proc(5)); what is no such line is skipped.
fn entries(table: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    table.split(|byte| *byte == b'\n').filter_map(entry)
}

fn entry(line: &[u8]) -> Option<Entry<'_>> {
    // id parent major:minor root mount-point options [optional…] - type source super-options
    let mut fields = line.split(|byte| *byte == b' ');
    let device = fields.nth(2)?;
    let mount_point = unescaped(fields.nth(1)?);
    fields.find(|field| *field == b"-")?;
    let options = fields.nth(2)?;
    Some(Entry { device, mount_point, options })
}

/// Undoes mountinfo's octal escapes (`\040` is a space).
fn unescaped(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = if byte == b'\\' { tail.get(..3).and_then(octal) } else { None };
        path.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    PathBuf::from(OsString::from_vec(path))
}

fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(digit - b'0'),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn bytes(path: &Path) -> &[u8] {
        path.as_os_str().as_bytes()
    }

    const TABLE: &[u8] = b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
        40 22 0:31 / /run/secrets.d rw,nosuid,nodev,noexec,relatime - ramfs none rw,mode=751\n\
        41 22 0:32 / /run/a\\040b\\134c rw shared:9 master:2 - tmpfs none rw,mode=751,noswap,inode64\n\
        garbage\n\n\
        42 22 0:33 / /cut-off rw -";

    #[test]
    fn the_table_is_split_into_its_fields() {
        let all: Vec<_> = entries(TABLE).collect();
        let points: Vec<_> = all.iter().map(|entry| bytes(&entry.mount_point).to_vec()).collect();
        assert_eq!(points, [&b"/"[..], b"/run/secrets.d", b"/run/a b\\c"]);
        let devices: Vec<_> = all.iter().map(|entry| entry.device).collect();
        assert_eq!(devices, [b"8:1".as_slice(), b"0:31", b"0:32"]);
        assert_eq!(all.last().map(|entry| entry.options), Some(&b"rw,mode=751,noswap,inode64"[..]));
    }

    #[test]
    fn escapes_that_are_none_stay_as_they_are() {
        for (field, path) in [
            (&b"/a\\04"[..], &b"/a\\04"[..]),
            (b"/a\\", b"/a\\"),
            (b"/a\\999", b"/a\\999"),
            (b"/a\\777", b"/a\\777"),
        ] {
            assert_eq!(bytes(&unescaped(field)), path);
        }
        assert_eq!(bytes(&unescaped(b"\\011\\012\\043")), b"\t\n#");
    }

    #[test]
    fn a_directory_below_a_mount_is_not_taken_for_it() {
        use crate::system::directory::Directory;
        use crate::system::namespace::{directory, isolated, mount};
        isolated(|| {
            let open = |name: &str| {
                let run = std::fs::File::open("/run").unwrap();
                Directory::open(&run, name.as_ref()).unwrap()
            };
            // /run is a tmpfs, so this directory has the magic of one; and its path is one of a mount, later.
            directory("/run/s", 0, 0o755);
            let below = open("s");
            assert_eq!(memory_mounted_at(&below).unwrap(), None);
            mount("ramfs", "/run/s", "");
            assert_eq!(memory_mounted_at(&below).unwrap(), None);
            let ramfs = Some(Memory { kind: FsKind::Ramfs, never_swapped: true });
            assert_eq!(memory_mounted_at(&open("s")).unwrap(), ramfs);
            mount("proc", "/run/s", "");
            assert_eq!(
                memory_mounted_at(&open("s")).unwrap(),
                None,
                "a mount hidden by another is not meant"
            );
        });
    }
}
