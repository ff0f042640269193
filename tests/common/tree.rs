//! What stands in the places that an activation writes to: for people to compare, and byte for byte.

// Each test program uses a part of this.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::machine::{AGENT, CASE, ETC_CHANGES, STORE};
use crate::tools;

/// Places that are looked at.
const ROOTS: [&str; 4] = ["/run", "/home", "/var/lib", ETC_CHANGES];
/// What belongs to the tests, and to `mount`.
const OURS: [&str; 6] = [STORE, AGENT, CASE, "/run/.keys", "/run/.etc", "/run/mount"];

/// Files longer than this are shown by their digest, in bytes.
const LONGEST_SHOWN: usize = 400;

/// One thing that stands somewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    /// Kind and permissions.
    mode: u32,
    uid: u32,
    gid: u32,
    /// The text of a file or link.
    content: Vec<u8>,
    /// Not shown, but compared: inode, device, and time of the last change of the content, in nanoseconds.
    identity: (u64, u64, i64),
}

impl Entry {
    fn at(path: &Path) -> Option<Self> {
        let meta = path.symlink_metadata().ok()?;
        let content = match () {
            () if meta.is_symlink() => std::fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec(),
            () if meta.is_file() => std::fs::read(path).unwrap(),
            () => Vec::new(),
        };
        let time = meta.mtime() * 1_000_000_000 + meta.mtime_nsec();
        let identity = (meta.ino(), meta.dev(), time);
        Some(Self { mode: meta.mode(), uid: meta.uid(), gid: meta.gid(), content, identity })
    }

    fn looks_like(&self, other: &Self) -> bool {
        (self.mode, self.uid, self.gid, &self.content) == (other.mode, other.uid, other.gid, &other.content)
    }
}

/// Everything at one point in time, by path.
#[derive(Clone, Default)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

impl Tree {
    /// Looks at the machine as it is now.
    pub fn now() -> Self {
        let mut tree = Self::default();
        for root in ROOTS {
            tree.add(Path::new(root));
        }
        tree
    }

    fn add(&mut self, path: &Path) {
        if OURS.iter().any(|ours| path == Path::new(ours)) {
            return;
        }
        let Some(entry) = Entry::at(path) else { return };
        let is_directory = entry.mode & libc::S_IFMT == libc::S_IFDIR;
        self.0.insert(path.to_owned(), entry);
        if is_directory {
            for entry in std::fs::read_dir(path).unwrap() {
                self.add(&entry.unwrap().path());
            }
        }
    }

    /// The lines of what is not in `baseline`; `names` turns texts that differ from run to run into names.
    pub fn shown(&self, baseline: &Self, names: &dyn Fn(&str) -> String) -> String {
        let mounts = mounts();
        let mut text = String::new();
        for (path, entry) in &self.0 {
            let as_before = baseline.0.get(path).is_some_and(|old| old.looks_like(entry));
            // Keys differ from run to run.
            let hidden = is_lock(path) || path.starts_with("/var/lib/sops-nix");
            if !as_before && !hidden {
                let _ = writeln!(text, "{}", names(&line(path, entry, &mounts)));
            }
        }
        text
    }

    /// What differs from `before` in any way, identities of files included, but for paths that `may` change. A lock
    /// may always be taken, which changes it and the time of its directory.
    pub fn changes_since(&self, before: &Self, may: &dyn Fn(&Path) -> bool) -> Vec<String> {
        let mut changes = Vec::new();
        for path in self.0.keys().chain(before.0.keys().filter(|path| !self.0.contains_key(*path))) {
            if is_lock(path) || may(path) {
                continue;
            }
            let (old, new) = (before.0.get(path), self.0.get(path));
            let holds_a_lock = self.0.keys().any(|other| is_lock(other) && other.parent() == Some(path));
            let same = match (old, new) {
                (Some(old), Some(new)) if holds_a_lock => {
                    (old.mode, old.uid, old.gid) == (new.mode, new.uid, new.gid)
                }
                _ => old == new,
            };
            if !same {
                changes.push(format!("{}: {old:?}, now {new:?}", path.display()));
            }
        }
        changes
    }

    /// The paths and contents of all files.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        let regular = |entry: &Entry| entry.mode & libc::S_IFMT == libc::S_IFREG;
        self.0
            .iter()
            .filter(move |(_, entry)| regular(entry))
            .map(|(path, entry)| (path.as_path(), entry.content.as_slice()))
    }

    /// All paths, each with its kind as in `st_mode`.
    pub fn kinds(&self) -> impl Iterator<Item = (&Path, u32)> {
        self.0.iter().map(|(path, entry)| (path.as_path(), entry.mode & libc::S_IFMT))
    }

    /// Permissions, and owner as `uid:gid`, of what stands at `path`.
    pub fn rights(&self, path: &Path) -> (u32, String) {
        let entry = &self.0[path];
        (entry.mode & 0o7777, format!("{}:{}", entry.uid, entry.gid))
    }

    /// Whether what stands at `path` now is what stood there then.
    pub fn unchanged(&self, path: &Path) -> bool {
        self.0.get(path) == Entry::at(path).as_ref()
    }

    /// Whether something stands at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(Path::new(path))
    }

    /// Locks that somebody else could take.
    pub fn open_locks(&self) -> Vec<String> {
        let regular = |entry: &Entry| entry.mode & libc::S_IFMT == libc::S_IFREG;
        let open =
            self.0.iter().filter(|(path, entry)| is_lock(path) && regular(entry) && entry.mode & 0o077 != 0);
        open.map(|(path, _)| path.display().to_string()).collect()
    }
}

fn is_lock(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("lock"))
}

/// `/run/secrets.d/1/a       0400 root:root  "value"`
fn line(path: &Path, entry: &Entry, mounts: &BTreeMap<PathBuf, String>) -> String {
    let shown_path = match path.strip_prefix(ETC_CHANGES) {
        Ok(rest) => format!("/etc/{}", rest.display()),
        Err(_) => path.display().to_string(),
    };
    let owner = format!("{}:{}", user(entry.uid), group(entry.gid));
    let mode = entry.mode & 0o7777;
    match entry.mode & libc::S_IFMT {
        libc::S_IFDIR => {
            let mounted = mounts.get(path).map(|kind| format!(" {kind}")).unwrap_or_default();
            format!("{shown_path}/ {mode:04o} {owner}{mounted}")
        }
        libc::S_IFLNK => format!("{shown_path} {owner} -> {}", String::from_utf8_lossy(&entry.content)),
        libc::S_IFREG => format!("{shown_path} {mode:04o} {owner} {}", content(path, &entry.content)),
        // How an overlay keeps what was removed.
        libc::S_IFCHR if path.starts_with(ETC_CHANGES) => format!("{shown_path} removed"),
        libc::S_IFIFO => format!("{shown_path} {mode:04o} {owner} FIFO"),
        kind => format!("{shown_path} {mode:04o} {owner} of kind {kind:o}"),
    }
}

fn content(path: &Path, bytes: &[u8]) -> String {
    let is_record = path.extension() == Some(OsStr::new("json"));
    if is_record && serde_json::from_slice::<serde_json::Value>(bytes).is_ok() {
        return "(record)".to_owned();
    }
    if bytes.len() > LONGEST_SHOWN {
        let digest = tools::hex(&Sha256::digest(bytes));
        return format!("({} bytes, sha256 {digest})", bytes.len());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("\"{}\"", bytes.escape_ascii()),
    }
}

fn user(uid: u32) -> String {
    name_in(crate::machine::PASSWD, uid)
}

fn group(gid: u32) -> String {
    name_in(crate::machine::GROUP, gid)
}

fn name_in(table: &str, id: u32) -> String {
    let id = id.to_string();
    let named = table.lines().find(|line| line.split(':').nth(2) == Some(&id));
    named.and_then(|line| line.split(':').next()).unwrap_or(&id).to_owned()
}

/// Mount points and the kinds of file systems there; the uppermost counts.
fn mounts() -> BTreeMap<PathBuf, String> {
    let table = std::fs::read_to_string("/proc/thread-self/mounts").unwrap();
    let mut mounts: BTreeMap<PathBuf, String> = BTreeMap::new();
    for line in table.lines() {
        let mut fields = line.split(' ').skip(1);
        let (Some(at), Some(kind), Some(options)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let mut shown = kind.to_owned();
        for option in ["ro", "nosuid", "nodev", "noexec", "noswap"] {
            if options.split(',').any(|word| word == option) {
                let _ = write!(shown, ",{option}");
            }
        }
        mounts.insert(at.into(), shown);
    }
    mounts
}
