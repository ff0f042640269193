//! The way to a directory, element by element, past people who may move things while we walk.
//!
//! The kernel's own path resolution follows every link and tells nobody whose it was. Here each element is opened from
//! the descriptor of the one before with `O_NOFOLLOW`, looked at through its own descriptor, and only then entered:
//! what was checked is what is used, whatever happens to its name meanwhile. The rules (contract section 4.12;
//! systemd-tmpfiles calls a breach an "unsafe path transition"):
//!
//! 1. Every directory and link on the way belongs to root or to the owner of the secret. Anybody else's could point
//!    the owner's secret, or root's hand, anywhere.
//! 2. Links are followed by hand, up to 40. One that the owner made, or could have put there (a link of root's that
//!    lies in a directory of theirs can be renamed by them), may be followed only if the way ends in a directory of
//!    their own: otherwise `~/app -> /etc` would have us write into `/etc`. For a secret of root's no such link is
//!    followed, as everything of root's would count as their own.
//! 3. Missing directories are made as the owner of the directory they are made in, so that the kernel itself
//!    gives them the right owner, and nothing has to be chowned that somebody could have exchanged.
//! 4. `..` is refused; in the text of links it goes back to a directory that was already checked.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, readlinkat};
use nix::sys::prctl;
use nix::sys::stat::{FileStat, Mode, fstat, mkdirat, umask};
use nix::unistd::{Gid, Uid, getegid, setfsgid, setfsuid};

use super::{DIRECTORY_MODE, Error, Kind, kind_of, mode_of, process, quoted};

/// As many links as the kernel follows in one path. Directories made are counted too, so that somebody who removes
/// them as fast as we make them cannot keep us here.
const DETOURS: u32 = 40;

/// Whose directories and links a path may lead through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trust {
    /// Root's and this user's.
    RootAnd(Uid),
    /// Anybody's: we are not root, and the kernel's own checks are enough.
    Everybody,
}

impl Trust {
    /// The rule for something that belongs to `owner`.
    pub(super) fn of(owner: Uid) -> Self {
        if process::effective_uid().is_root() { Self::RootAnd(owner) } else { Self::Everybody }
    }

    fn includes(self, uid: Uid) -> bool {
        match self {
            Self::RootAnd(owner) => uid.is_root() || uid == owner,
            Self::Everybody => true,
        }
    }
}

/// The directory that a path ends in, and the name in it.
pub(super) struct Parent {
    /// The directory, opened with `O_PATH`.
    pub directory: OwnedFd,
    /// Its owner.
    pub owner: Uid,
    /// Whether somebody other than root could have chosen *which* directory this is.
    pub exposed: bool,
    /// The last element of the path.
    pub name: OsString,
}

/// Walks to the directory of `path`; `None` if an element is missing.
pub(super) fn parent(path: &Path, trust: Trust, doing: &str) -> Result<Option<Parent>, Error> {
    let mut walker = Walker::start(path, trust, doing)?;
    let name = walker.take_name()?;
    Ok(if walker.walk(Missing::Stop)? { Some(walker.arrive(name)?) } else { None })
}

/// Walks to the directory of `path`, making what is missing.
pub(super) fn parent_made(path: &Path, trust: Trust, doing: &str) -> Result<Parent, Error> {
    let mut walker = Walker::start(path, trust, doing)?;
    let name = walker.take_name()?;
    walker.walk(Missing::Make)?;
    walker.arrive(name)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Stop,
    Make,
}

struct Walker<'a> {
    doing: &'a str,
    trust: Trust,
    /// The directories from the root to where we stand, for `..` in links.
    trail: Vec<Step>,
    /// The elements still to be walked.
    ahead: VecDeque<OsString>,
    detours: u32,
    exposed: bool,
    /// Rule 2: a link was followed that the owner could have put there.
    must_end_with_owner: bool,
}

struct Step {
    directory: OwnedFd,
    stat: FileStat,
    path: PathBuf,
}

impl Step {
    fn owner(&self) -> Uid {
        Uid::from_raw(self.stat.st_uid)
    }

    /// Whether only root can rename what lies in it: root's, and writable by nobody else or sticky.
    fn is_firm(&self) -> bool {
        self.owner().is_root() && (mode_of(&self.stat) & 0o022 == 0 || mode_of(&self.stat) & 0o1000 != 0)
    }
}

impl<'a> Walker<'a> {
    fn start(path: &Path, trust: Trust, doing: &'a str) -> Result<Self, Error> {
        let mut ahead = VecDeque::new();
        let mut absolute = false;
        for component in path.components() {
            match component {
                Component::RootDir => absolute = true,
                Component::Normal(name) => ahead.push_back(name.to_os_string()),
                Component::CurDir => {}
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(Error::because(doing, format!("{} contains '..'", quoted(path))));
                }
            }
        }
        if !absolute {
            return Err(Error::because(doing, format!("{} is not an absolute path", quoted(path))));
        }
        let mut walker = Self {
            doing,
            trust,
            trail: Vec::new(),
            ahead,
            detours: 0,
            exposed: false,
            must_end_with_owner: false,
        };
        let root = open(&AT_FDCWD, OsStr::new("/"), OFlag::O_DIRECTORY)
            .map_err(|errno| walker.failed("/", errno))?;
        walker.enter(root, PathBuf::from("/"))?;
        Ok(walker)
    }

    fn take_name(&mut self) -> Result<OsString, Error> {
        self.ahead.pop_back().ok_or_else(|| Error::because(self.doing, "'/' is not a place for it"))
    }

    /// Walks all that is ahead; false if an element is missing and may not be made.
    fn walk(&mut self, missing: Missing) -> Result<bool, Error> {
        while let Some(name) = self.ahead.pop_front() {
            if name == ".." {
                if self.trail.len() > 1 {
                    self.trail.pop();
                }
                continue;
            }
            let path = self.here()?.path.join(&name);
            // Whoever can rename this element chooses which one we enter.
            self.exposed |= !self.here()?.is_firm();
            // O_DIRECTORY also makes the kernel mount what systemd automounts there.
            match open(&self.here()?.directory, &name, OFlag::O_DIRECTORY) {
                Ok((directory, stat)) => self.enter((directory, stat), path)?,
                Err(Errno::ENOTDIR | Errno::ELOOP) => self.follow(&name, &path)?,
                Err(Errno::ENOENT) if missing == Missing::Stop => return Ok(false),
                Err(Errno::ENOENT) => {
                    self.make(&name, &path)?;
                    // Opened and checked like any other: somebody may have put theirs in its place.
                    self.ahead.push_front(name);
                }
                Err(errno) => return Err(self.failed(&path, errno)),
            }
        }
        Ok(true)
    }

    /// The end of the way, if the rules allow it.
    fn arrive(mut self, name: OsString) -> Result<Parent, Error> {
        self.refuse_led_astray()?;
        let exposed = self.exposed;
        let Step { directory, stat, .. } = self.trail.pop().ok_or_else(|| lost(self.doing))?;
        Ok(Parent { directory, owner: Uid::from_raw(stat.st_uid), exposed, name })
    }

    fn here(&self) -> Result<&Step, Error> {
        self.trail.last().ok_or_else(|| lost(self.doing))
    }

    fn enter(&mut self, (directory, stat): (OwnedFd, FileStat), path: PathBuf) -> Result<(), Error> {
        self.refuse_strangers(&stat, &path)?;
        self.trail.push(Step { directory, stat, path });
        Ok(())
    }

    /// Takes the text of the link `name` as the way ahead (rule 2).
    fn follow(&mut self, name: &OsStr, path: &Path) -> Result<(), Error> {
        let (link, stat) =
            open(&self.here()?.directory, name, OFlag::empty()).map_err(|errno| self.failed(path, errno))?;
        if kind_of(&stat) != Kind::Link {
            return Err(Error::because(self.doing, format!("{} is not a directory", quoted(path))));
        }
        self.refuse_strangers(&stat, path)?;
        self.detour(path)?;
        if stat.st_uid != 0 || !self.here()?.is_firm() {
            self.must_end_with_owner = true;
        }
        let target = readlinkat(&link, "").map_err(|errno| self.failed(path, errno))?;
        if target.as_bytes().starts_with(b"/") {
            self.trail.truncate(1);
        }
        for element in target.as_bytes().split(|byte| *byte == b'/').rev() {
            if !element.is_empty() && element != b"." {
                self.ahead.push_front(OsStr::from_bytes(element).to_os_string());
            }
        }
        Ok(())
    }

    /// Makes the directory `name` where we stand, as the owner and with the group of where we stand (rule 3).
    fn make(&mut self, name: &OsStr, path: &Path) -> Result<(), Error> {
        // A link may have led us out of what the owner may change; nothing is made there.
        self.refuse_led_astray()?;
        self.detour(path)?;
        let here = self.here()?;
        // A link may be declared inside the live generation, whose directories can be entered and not be listed.
        let permissions = if mode_of(&here.stat) == DIRECTORY_MODE { DIRECTORY_MODE } else { 0o755 };
        let made = {
            let _identity = self.act_as(here.owner(), Gid::from_raw(here.stat.st_gid))?;
            // Only for this call, and harmless to other threads: every file of ours is created with mode 0 or 0600.
            let before = umask(Mode::from_bits_truncate(0o022));
            let made = mkdirat(&here.directory, name, Mode::from_bits_truncate(permissions));
            umask(before);
            made
        };
        match made {
            Ok(()) | Err(Errno::EEXIST) => Ok(()),
            Err(errno) => {
                let doing = format!("{}: cannot make directory {}", self.doing, quoted(path));
                Err(Error::new(doing, errno))
            }
        }
    }

    fn act_as(&self, uid: Uid, gid: Gid) -> Result<Option<Identity>, Error> {
        match self.trust {
            Trust::Everybody => Ok(None),
            Trust::RootAnd(_) => Identity::assume(uid, gid).map(Some).ok_or_else(|| {
                Error::because(self.doing, format!("cannot act as uid {uid}, gid {gid} to make a directory"))
            }),
        }
    }

    fn detour(&mut self, path: &Path) -> Result<(), Error> {
        self.detours += 1;
        if self.detours > DETOURS {
            return Err(Error::because(self.doing, format!("too many links at {}", quoted(path))));
        }
        Ok(())
    }

    /// Rule 1.
    fn refuse_strangers(&self, stat: &FileStat, path: &Path) -> Result<(), Error> {
        let owner = Uid::from_raw(stat.st_uid);
        match self.trust {
            Trust::RootAnd(trusted) if !self.trust.includes(owner) => {
                let allowed = if trusted.is_root() { String::new() } else { format!(" or uid {trusted}") };
                let cause = format!(
                    "unsafe path transition: {} belongs to uid {owner}, not root{allowed}",
                    quoted(path)
                );
                Err(Error::because(self.doing, cause)
                    .with_hint("every element of the path must belong to root or to the owner of the secret"))
            }
            _ => Ok(()),
        }
    }

    /// Rule 2.
    fn refuse_led_astray(&self) -> Result<(), Error> {
        let here = self.here()?;
        match self.trust {
            Trust::RootAnd(trusted)
                if self.must_end_with_owner && (here.owner() != trusted || trusted.is_root()) =>
            {
                let who = if trusted.is_root() { "others".to_owned() } else { format!("uid {trusted}") };
                let cause = format!(
                    "unsafe path transition: a link that {who} could have made leads to {}, which belongs to uid {}",
                    quoted(&here.path),
                    here.owner(),
                );
                Err(Error::because(self.doing, cause).with_hint("declare the path without the link"))
            }
            _ => Ok(()),
        }
    }

    fn failed(&self, path: impl AsRef<Path>, errno: Errno) -> Error {
        Error::because(self.doing, format!("{}: {}", quoted(path.as_ref()), errno.desc()))
    }
}

/// Opens one element to look at it and to go on from it, without following it.
fn open(parent: &impl AsFd, name: &OsStr, flags: OFlag) -> nix::Result<(OwnedFd, FileStat)> {
    let flags = flags | OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let element = openat(parent, name, flags, Mode::empty())?;
    let stat = fstat(&element)?;
    Ok((element, stat))
}

/// Cannot happen, as the root is never popped; an error is better than a panic.
fn lost(doing: &str) -> Error {
    Error::because(doing, "the way was lost")
}

/// The identity that the kernel checks and gives to new directories, for this thread, until dropped. Leaving root's
/// also takes the capabilities that override permissions out of effect.
struct Identity {
    uid: Uid,
    gid: Gid,
}

impl Identity {
    /// `None` if the kernel does not let us, which it tells only by not doing it.
    fn assume(uid: Uid, gid: Gid) -> Option<Self> {
        let before = Self { uid: process::effective_uid(), gid: getegid() };
        // The group first: as another user we could still change it, but need not rely on that.
        setfsgid(gid);
        setfsuid(uid);
        stay_undumpable();
        // An invalid id changes nothing and gives the present one.
        let assumed = setfsuid(Uid::from_raw(u32::MAX)) == uid && setfsgid(Gid::from_raw(u32::MAX)) == gid;
        assumed.then_some(before)
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        setfsuid(self.uid);
        setfsgid(self.gid);
        stay_undumpable();
    }
}

/// The kernel resets this flag to `fs.suid_dumpable` whenever the identity changes; on a machine with systemd that
/// means a core for systemd-coredump.
fn stay_undumpable() {
    let _ = prctl::set_dumpable(false);
}
