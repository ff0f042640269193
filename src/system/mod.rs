//! Every effect on the machine: mounts, opens, writes, chowns, renames, capabilities, the clock.
//!
//! The only room to audit for what the program does as root. Who may interfere decides how careful each part is:
//!
//! * The mount point and everything below it is writable by us alone ([`secretfs`], [`generation`]): what is checked
//!   there is that it *is* that memory file system, and that no name leads out of it.
//! * Links at declared paths ([`links`]) lie in directories that belong to unprivileged users, who can rename and
//!   replace anything there at any moment, also between two of our system calls ([`walk`]).
//!
//! | file | what it does |
//! |---|---|
//! | [`files`] | reads manifests, sops files, keys; appends to lists |
//! | [`process`] | hardens the process, starts programs, tells the time |
//! | [`confine`] | gives up what is not needed any more: capabilities, writing elsewhere, system calls |
//! | [`lock`] | one run at a time |
//! | [`secretfs`], `mounts` | the memory file system |
//! | [`generation`] | one numbered directory: reading the live one, writing the next |
//! | `generations` | the numbered directories together: making, records, pruning |
//! | [`current`] | the link to the live generation |
//! | [`links`], `walk` | links at declared paths |
//! | [`services`] | asks systemd for restarts |
//! | [`plugins`] | starts age plugins |
//! | `other_half` | the process through which these two start programs |
//! | `directory` | an open directory: the system calls all of these are made of |
#![allow(clippy::disallowed_methods)]

pub mod confine;
pub mod current;
mod directory;
pub mod files;
pub mod generation;
mod generations;
pub mod links;
pub mod lock;
mod mounts;
mod other_half;
pub mod plugins;
pub mod process;
pub mod secretfs;
pub mod services;
mod walk;

use std::ffi::OsStr;
use std::fmt;

use nix::errno::Errno;
use nix::sys::stat::{FileStat, SFlag};
pub use nix::unistd::{Gid, Uid};

/// Something the machine refused: what could not be done, why, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// The step, with its object: "cannot mount ramfs on '/run/secrets.d'".
    pub doing: String,
    /// Why it failed: the kernel's words or ours.
    pub cause: String,
    /// What to do next, when there is something.
    pub hint: Option<&'static str>,
}

impl Error {
    /// A failed system call.
    #[must_use]
    pub fn new(doing: impl Into<String>, errno: Errno) -> Self {
        Self::because(doing, errno.desc())
    }

    /// A refusal of our own.
    #[must_use]
    pub fn because(doing: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { doing: doing.into(), cause: cause.into(), hint: None }
    }

    /// The same error with advice.
    #[must_use]
    pub fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// The same error with advice for when there is none that fits better.
    #[must_use]
    pub fn or_hint(self, hint: &'static str) -> Self {
        Self { hint: self.hint.or(Some(hint)), ..self }
    }

    /// The whole message: the error and, in a line of its own, what to do about it.
    #[must_use]
    pub fn with_advice(&self) -> String {
        match self.hint {
            Some(hint) => format!("{self}\n  hint: {hint}"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.doing, self.cause)
    }
}

impl std::error::Error for Error {}

/// Whether files get owners (root) or stay with whoever runs us (home-manager's user mode).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Privilege {
    /// Owners and groups are set.
    Root,
    /// Nothing is chowned.
    User,
}

/// The mode of every directory we make for secrets: enter if you know the name, list only as root.
const DIRECTORY_MODE: u32 = 0o751;

/// A path or name for a message: in quotes, control characters escaped, so that it cannot forge a log line.
fn quoted(path: impl AsRef<OsStr>) -> String {
    let mut text = String::from("'");
    for character in path.as_ref().to_string_lossy().chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text.push('\'');
    text
}

/// What stands at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Directory,
    Regular,
    Link,
    Other,
}

/// What `stat` describes.
fn kind_of(stat: &FileStat) -> Kind {
    match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFREG => Kind::Regular,
        SFlag::S_IFLNK => Kind::Link,
        _ => Kind::Other,
    }
}

/// The permission bits of `stat`, setuid, setgid and sticky included.
fn mode_of(stat: &FileStat) -> u32 {
    stat.st_mode & 0o7777
}

#[cfg(test)]
#[path = "../../tests/common/namespace.rs"]
mod namespace;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_one_sentence() {
        let error = Error::new("cannot open '/x'", Errno::ENOENT);
        assert_eq!(error.to_string(), "cannot open '/x': No such file or directory");
        assert_eq!(error.with_advice(), error.to_string());
        let advised = error.with_hint("make it");
        assert_eq!(advised.with_advice(), "cannot open '/x': No such file or directory\n  hint: make it");
    }

    #[test]
    fn a_path_cannot_forge_a_log_line() {
        assert_eq!(quoted("/a\n<3>b\u{1b}[1m"), "'/a\\n<3>b\\u{1b}[1m'");
        assert_eq!(quoted("/run/größe x"), "'/run/größe x'");
    }
}
