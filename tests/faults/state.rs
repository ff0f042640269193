//! What is live: the secrets that `/run/secrets` leads to, and the links at declared paths.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const LINK: &str = "/run/secrets";
const MOUNT: &str = "/run/secrets.d";

/// Secrets and links, by path.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct State {
    /// `mode uid:gid content`
    pub secrets: BTreeMap<String, String>,
    /// `target uid:gid`
    pub links: BTreeMap<String, String>,
}

impl State {
    /// Reads the text of a scenario: `PATH MODE UID:GID CONTENT` and `PATH -> TARGET UID:GID`.
    pub fn parse(text: &str) -> Self {
        let mut state = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (path, rest) = line.split_once(' ').unwrap();
            match rest.strip_prefix("-> ") {
                Some(link) => state.links.insert(path.to_owned(), link.to_owned()),
                None => state.secrets.insert(path.to_owned(), rest.to_owned()),
            };
        }
        state
    }

    /// The state without its links.
    pub fn live_part(&self) -> Self {
        Self { secrets: self.secrets.clone(), links: BTreeMap::new() }
    }

    /// What `/run/secrets` leads to now; nothing if it is not there. The error says what is wrong with it.
    pub fn live() -> Result<Self, String> {
        let mut state = Self::default();
        let Some(generation) = live_generation()? else { return Ok(state) };
        let root = format!("{MOUNT}/{generation}");
        state.add(Path::new(&root), LINK)?;
        Ok(state)
    }

    fn add(&mut self, path: &Path, shown: &str) -> Result<(), String> {
        let meta = path.symlink_metadata().map_err(|error| format!("{shown}: {error}"))?;
        let rights = format!("{:04o} {}:{}", meta.mode() & 0o7777, meta.uid(), meta.gid());
        if meta.is_file() {
            let content = std::fs::read(path).map_err(|error| format!("{shown}: {error}"))?;
            self.secrets.insert(shown.to_owned(), format!("{rights} {}", content.escape_ascii()));
            return Ok(());
        }
        // Without `/etc/group` the group of directories is root's.
        if !meta.is_dir() || (rights != "0751 0:96" && rights != "0751 0:0") {
            return Err(format!("{shown} has no business in a live generation: {rights}"));
        }
        for entry in std::fs::read_dir(path).map_err(|error| format!("{shown}: {error}"))? {
            let entry = entry.unwrap();
            self.add(&entry.path(), &format!("{shown}/{}", entry.file_name().to_str().unwrap()))?;
        }
        Ok(())
    }

    /// Whether the link at `path` is as this state says.
    pub fn has_link(&self, path: &str) -> bool {
        self.links.get(path) == link(path).as_ref()
    }
}

/// The number of the live generation; the error says what else stands there.
pub fn live_generation() -> Result<Option<u64>, String> {
    let Ok(meta) = Path::new(LINK).symlink_metadata() else { return Ok(None) };
    if meta.is_dir() && std::fs::read_dir(LINK).unwrap().next().is_none() {
        return Ok(None);
    }
    let target = std::fs::read_link(LINK).map_err(|error| format!("{LINK}: {error}"))?;
    let number = target.to_str().and_then(|text| text.strip_prefix("/run/secrets.d/"));
    let number = number.and_then(|number| number.parse().ok());
    number.map(Some).ok_or_else(|| format!("{LINK} leads to {}", target.display()))
}

/// `target uid:gid` of the link at `path`, if one is there.
pub fn link(path: &str) -> Option<String> {
    let meta = Path::new(path).symlink_metadata().ok().filter(std::fs::Metadata::is_symlink)?;
    let target = std::fs::read_link(path).ok()?;
    let target = String::from_utf8_lossy(target.as_os_str().as_bytes()).into_owned();
    Some(format!("{target} {}:{}", meta.uid(), meta.gid()))
}
