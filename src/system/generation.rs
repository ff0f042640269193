//! One numbered directory of secrets: comparing with the live one, writing the next.
//!
//! Only root can write to these directories, so nothing in them can be exchanged while we look. What is guarded
//! against is a *name* that leads out (demand report S20) and a file that is open to anybody before it is whole (S1-S3). What a
//! file holds, its size and its mode are its owner's, who may also hold a lease on it: a live file is compared, and otherwise
//! not read.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown, fchownat, linkat, symlinkat};

use super::directory::{Directory, MAX_DEPTH, only_regular, write_all};
use super::files::{read_exactly, starts_with};
use super::secretfs::SecretFs;
use super::{Error, Kind, Privilege, kind_of, mode_of, quoted};
use crate::secret::{Secret, SecretBuffer};

/// A generation that is there, to read and compare.
pub struct Generation {
    number: u64,
    root: Directory,
    privilege: Privilege,
}

/// A file of a generation.
pub struct LiveFile {
    /// Its bytes.
    pub content: Secret,
    /// Its permission bits, `0000` to `0777`.
    pub mode: u32,
    /// Its owner.
    pub uid: Uid,
    /// Its group.
    pub gid: Gid,
}

/// How a file compares with what is declared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Same {
    /// There is no such file.
    Absent,
    /// Content, mode, owner and group are the same.
    Equal,
    /// Something differs.
    Different,
}

impl Generation {
    /// Opens generation `number`; `None` if it is not there, or is anything but a directory.
    pub(super) fn open(fs: &SecretFs, number: u64) -> nix::Result<Option<Self>> {
        match Directory::open(&fs.root, &OsString::from(number.to_string())) {
            Ok(root) => Ok(Some(Self { number, root, privilege: fs.privilege })),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Reads the file `name`; `None` if there is no regular file of that name.
    ///
    /// # Errors
    /// `name` is no name of a secret; the file cannot be read, or its owner has made it larger than any of ours.
    pub fn read(&self, name: &str) -> Result<Option<LiveFile>, Error> {
        let Some((file, stat)) = self.open_file(name)? else { return Ok(None) };
        let content = self.content(name, &file, &stat)?;
        Ok(Some(LiveFile {
            content,
            mode: mode_of(&stat) & 0o777,
            uid: Uid::from_raw(stat.st_uid),
            gid: Gid::from_raw(stat.st_gid),
        }))
    }

    /// The owner and group of the file `name`; `None` if it cannot be looked at.
    #[must_use]
    pub fn owner(&self, name: &str) -> Option<(u32, u32)> {
        let (_, stat) = self.open_file(name).ok()??;
        Some((stat.st_uid, stat.st_gid))
    }

    /// Compares the file `name` with what it should be; its content is read only if everything else agrees. In user
    /// mode owners are not compared, as they are not set.
    ///
    /// # Errors
    /// As [`Generation::read`].
    pub fn same(&self, name: &str, content: &Secret, mode: u32, uid: Uid, gid: Gid) -> Result<Same, Error> {
        let (file, stat) = match self.look_up(name)? {
            // Its owner holds a lease on it, and must not hold up the others by that: it may be anything.
            Err(Errno::EAGAIN) => return Ok(Same::Different),
            Err(errno) => return Err(self.cannot("open", name, errno)),
            Ok(None) => return Ok(Same::Absent),
            Ok(Some(found)) => found,
        };
        let owned = match self.privilege {
            Privilege::Root => stat.st_uid == uid.as_raw() && stat.st_gid == gid.as_raw(),
            Privilege::User => true,
        };
        let wanted = content.expose();
        if !owned || mode_of(&stat) != mode || usize::try_from(stat.st_size) != Ok(wanted.len()) {
            return Ok(Same::Different);
        }
        let equal = starts_with(&file, wanted).map_err(|errno| self.cannot("read", name, errno))?;
        Ok(if equal { Same::Equal } else { Same::Different })
    }

    /// The names of all its regular files, sorted.
    ///
    /// # Errors
    /// A directory cannot be read, or they nest deeper than we write them.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        gather(&self.root, "", 0, &mut names)
            .map_err(|errno| Error::new(format!("cannot list generation {}", self.number), errno))?;
        names.sort_unstable();
        Ok(names)
    }

    fn content(&self, name: &str, file: &OwnedFd, stat: &FileStat) -> Result<Secret, Error> {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if size > SecretBuffer::MAX as u64 {
            return Err(self.cannot("read", name, Errno::EFBIG));
        }
        let mut bytes = read_exactly(file, size).map_err(|errno| self.cannot("read", name, errno))?;
        Ok(Secret::new(std::mem::take(&mut *bytes)))
    }

    fn open_file(&self, name: &str) -> Result<Option<(OwnedFd, FileStat)>, Error> {
        self.look_up(name)?.map_err(|errno| self.cannot("open", name, errno))
    }

    /// Opens a regular file. The outer error is a name that is none.
    fn look_up(&self, name: &str) -> Result<nix::Result<Option<(OwnedFd, FileStat)>>, Error> {
        elements(name).map_err(|cause| Error::because(format!("cannot read {}", quoted(name)), cause))?;
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        // One call however deep the name is, and the kernel refuses every way out.
        let inside =
            ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_XDEV;
        let opened = match openat2(&self.root, name, OpenHow::new().flags(flags).resolve(inside)) {
            // Some containers forbid the call, one way or the other.
            Err(Errno::ENOSYS | Errno::EPERM) => return Ok(self.look_up_by_steps(name)),
            opened => opened,
        };
        Ok(only_regular(opened))
    }

    /// The same without `openat2`.
    fn look_up_by_steps(&self, name: &str) -> nix::Result<Option<(OwnedFd, FileStat)>> {
        let (folders, file) = split(name);
        match self.folder(folders) {
            Ok(directory) => directory.as_ref().unwrap_or(&self.root).open_regular(OsStr::new(file)),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// The directory of these elements, one by one; none for that of the generation itself.
    fn folder(&self, folders: &str) -> nix::Result<Option<Directory>> {
        let mut directory: Option<Directory> = None;
        for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
            directory = Some(Directory::open(directory.as_ref().unwrap_or(&self.root), OsStr::new(folder))?);
        }
        Ok(directory)
    }

    fn cannot(&self, verb: &str, name: &str, errno: Errno) -> Error {
        Error::new(format!("cannot {verb} {} of generation {}", quoted(name), self.number), errno)
    }
}

fn gather(directory: &Directory, prefix: &str, depth: usize, names: &mut Vec<String>) -> nix::Result<()> {
    if depth > MAX_DEPTH {
        return Err(Errno::ENAMETOOLONG);
    }
    for entry in directory.entries()? {
        // Names come from a manifest, which is text: anything else was not made by us.
        let Some(text) = entry.to_str() else { continue };
        let Some(stat) = directory.look(&entry)? else { continue };
        match kind_of(&stat) {
            Kind::Regular => names.push(format!("{prefix}{text}")),
            Kind::Directory => {
                gather(&Directory::open(directory, &entry)?, &format!("{prefix}{text}/"), depth + 1, names)?;
            }
            Kind::Link | Kind::Other => {}
        }
    }
    Ok(())
}

/// A generation that is being written. It becomes visible at its path at once, but nothing leads there before the flip.
pub struct NewGeneration {
    number: u64,
    root: Directory,
    /// Owner and group of its directories; `None` in user mode, where files are not chowned either.
    owner: Option<(Uid, Gid)>,
    /// The directories down to the last file written: the next one is often in the same.
    open: Vec<(String, Directory)>,
}

impl NewGeneration {
    pub(super) fn new(root: Directory, number: u64, owner: Option<(Uid, Gid)>) -> Self {
        Self { number, root, owner, open: Vec::new() }
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Writes the file `name` with exactly this mode and owner; directories on the way are made, 0751.
    ///
    /// The file has mode 0 until it is whole, and belongs to nobody else before it has its owner: at no moment can
    /// anybody open it who may not read it in the end (demand report S1-S3, P9).
    ///
    /// # Errors
    /// `name` is no name of a secret or taken, `mode` has bits beyond `0777`, or the file system refuses (full).
    pub fn write(&mut self, name: &str, content: &[u8], mode: u32, uid: Uid, gid: Gid) -> Result<(), Error> {
        let number = self.number;
        let because = |cause: String| {
            Error::because(format!("cannot write {} to generation {number}", quoted(name)), cause)
        };
        let mut elements = elements(name).map_err(|cause| because(cause.to_owned()))?;
        if mode > 0o777 {
            return Err(because(format!("mode {mode:o} is more than 0777")));
        }
        let Some(file_name) = elements.pop() else { return Err(because("the name is empty".to_owned())) };
        let owner = self.owner.map(|_| (uid, gid));
        let directory = self.enter(&elements).map_err(because)?;
        let written = write_file(directory, OsStr::new(file_name), content, mode, owner);
        written.map_err(|errno| match errno {
            Errno::EEXIST => because("something of that name is there already".to_owned()),
            errno => because(errno.desc().to_owned()),
        })
    }

    /// Carries the file `name` of `old` over, as it is: it gets another name here, so that its content need not be read.
    ///
    /// # Errors
    /// As [`NewGeneration::write`]; there is no such file, or the kernel lets nobody name it twice.
    pub fn carry(&mut self, old: &Generation, name: &str) -> Result<(), Error> {
        let because =
            |cause: &str| Error::because(format!("cannot keep the old copy of {}", quoted(name)), cause);
        let mut path = elements(name).map_err(because)?;
        let Some(file_name) = path.pop() else { return Err(because("the name is empty")) };
        let from = old.folder(split(name).0).map_err(|errno| because(errno.desc()))?;
        let directory = self.enter(&path).map_err(|cause| because(&cause))?;
        linkat(from.as_ref().unwrap_or(&old.root), file_name, directory, file_name, AtFlags::empty())
            .map_err(|errno| because(errno.desc()))
    }

    /// Makes a link `name` to `target`, with its owner; directories on the way are made, 0751.
    ///
    /// # Errors
    /// As [`NewGeneration::write`].
    pub fn link(&mut self, name: &str, target: &Path, uid: Uid, gid: Gid) -> Result<(), Error> {
        let number = self.number;
        let because = |cause: &str| {
            Error::because(format!("cannot make link {} in generation {number}", quoted(name)), cause)
        };
        let mut elements = elements(name).map_err(because)?;
        let Some(link) = elements.pop() else { return Err(because("the name is empty")) };
        let owned = self.owner.is_some();
        let directory = self.enter(&elements).map_err(|cause| because(&cause))?;
        let made = symlinkat(target, directory, link).and_then(|()| {
            // Nobody else can write here, so the name is still the link.
            if owned {
                fchownat(directory, link, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)
            } else {
                Ok(())
            }
        });
        made.map_err(|errno| because(errno.desc()))
    }

    /// Opens the directory of these elements, making what is missing. The error is a cause in words.
    fn enter(&mut self, elements: &[&str]) -> Result<&Directory, String> {
        let common =
            self.open.iter().zip(elements).take_while(|((name, _), element)| name == *element).count();
        self.open.truncate(common);
        for element in elements.iter().skip(common) {
            let parent = self.open.last().map_or(&self.root, |(_, directory)| directory);
            let name = OsStr::new(element);
            let child = match Directory::make(parent, name, self.owner) {
                Err(Errno::EEXIST) => Directory::open(parent, name),
                made => made,
            };
            match child {
                Ok(child) => self.open.push(((*element).to_owned(), child)),
                Err(Errno::ENOTDIR | Errno::ELOOP) => {
                    return Err(format!("{} is a file, so nothing can be in it", quoted(element)));
                }
                Err(errno) => return Err(format!("directory {}: {}", quoted(element), errno.desc())),
            }
        }
        Ok(self.open.last().map_or(&self.root, |(_, directory)| directory))
    }
}

fn write_file(
    directory: &Directory,
    name: &OsStr,
    content: &[u8],
    mode: u32,
    owner: Option<(Uid, Gid)>,
) -> nix::Result<()> {
    let file = directory.create(name)?;
    write_all(&file, content)?;
    if let Some((uid, gid)) = owner {
        // Before the mode: a chown clears mode bits, and an owner must not be able to change a half-made file.
        fchown(&file, Some(uid), Some(gid))?;
    }
    fchmod(&file, Mode::from_bits_truncate(mode))
}

/// The directories of a name, and its last element.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

/// The elements of a name. The manifest was checked already; what writes as root checks for itself.
fn elements(name: &str) -> Result<Vec<&str>, &'static str> {
    let elements: Vec<&str> = name.split('/').collect();
    if elements.iter().any(|element| matches!(*element, "" | "." | "..") || element.contains('\0')) {
        return Err("the name is not a plain relative path");
    }
    if elements.len() > MAX_DEPTH {
        return Err("the name has too many elements");
    }
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What containers without `openat2` get must be what everybody else gets.
    #[test]
    fn stepwise_opening_finds_the_same_files() {
        let place = std::env::temp_dir().join(format!("sops-activate-steps-{}", std::process::id()));
        let fs = SecretFs::directory(&place).unwrap();
        let mut new = fs.create_generation(1, Gid::from_raw(0)).unwrap();
        for name in ["a", "d/e/f"] {
            new.write(name, b"x", 0o400, Uid::from_raw(0), Gid::from_raw(0)).unwrap();
        }
        std::os::unix::fs::symlink("d", fs.generation_path(1).join("link")).unwrap();
        std::os::unix::fs::symlink("a", fs.generation_path(1).join("file-link")).unwrap();
        let live = Generation::open(&fs, 1).unwrap().unwrap();
        for (name, there) in [
            ("a", true),
            ("d/e/f", true),
            ("b", false),
            ("d/e", false),
            ("d/x/f", false),
            ("a/b", false),
            ("link/e/f", false),
            ("file-link", false),
        ] {
            assert_eq!(live.look_up_by_steps(name).unwrap().is_some(), there, "{name}");
            assert_eq!(live.open_file(name).unwrap().is_some(), there, "{name}");
        }
        std::fs::remove_dir_all(Path::new(&place)).unwrap();
    }
}
