//! The link to the live generation (`/run/secrets` -> `/run/secrets.d/N`): what it says, and the flip.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::generation::Generation;
use super::links::{self, Standing};
use super::secretfs::SecretFs;
use super::walk::{self, Trust};
use super::{Error, process, quoted};

/// What the link says.
#[derive(Default)]
pub struct Live {
    /// The number it names, also when that directory is gone (the ramfs was lost): numbers are not used twice.
    pub number: Option<u64>,
    /// The generation, if it is there.
    pub generation: Option<Generation>,
    /// Whether the link names it. Otherwise it is the newest that was finished ([`SecretFs::live_or_newest`]).
    pub is_linked: bool,
    /// A sentence about anything else that stands there and gives way at the flip.
    pub warning: Option<String>,
}

impl Live {
    /// The number of the next generation; the first is 1.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.number.map_or(1, |number| number.saturating_add(1))
    }
}

impl SecretFs {
    /// Reads the link at `symlink_path`.
    ///
    /// # Errors
    /// A directory with content stands there; the link names something in this file system that is no generation.
    pub fn live(&self, symlink_path: &Path) -> Result<Live, Error> {
        let doing = format!("cannot read {}", quoted(symlink_path));
        let trust = Trust::of(process::effective_uid());
        let Some(parent) = walk::parent(symlink_path, trust, &doing)? else { return Ok(Live::default()) };
        let failed = |errno| Error::new(&*doing, errno);
        let giving_way = |what: &str| Live {
            warning: Some(format!("{} {what} and will be replaced", quoted(symlink_path))),
            ..Live::default()
        };
        match links::look(&parent).map_err(failed)? {
            Standing::Nothing => Ok(Live::default()),
            Standing::Link(_, target) => match self.number_in(&target, &doing)? {
                Some(number) => Ok(Live {
                    number: Some(number),
                    generation: Generation::open(self, number).map_err(failed)?,
                    is_linked: true,
                    warning: None,
                }),
                None => Ok(giving_way(&format!(
                    "is a link to {}, which is no generation of ours,",
                    quoted(target)
                ))),
            },
            Standing::File(0) => Ok(giving_way("is an empty file")),
            Standing::File(_) => {
                Err(Error::because(not_ours(symlink_path), "it is a file with content")
                    .with_hint("move it away"))
            }
            Standing::Directory => {
                let standing =
                    super::directory::Directory::open(&parent.directory, &parent.name).map_err(failed)?;
                if standing.entries().map_err(failed)?.is_empty() {
                    return Ok(giving_way("is an empty directory"));
                }
                let doing = not_ours(symlink_path);
                Err(Error::because(doing, "it is a directory with content").with_hint("move it away"))
            }
            Standing::Other => {
                Err(Error::because(&*doing, "it is neither a link nor a file").with_hint("remove it"))
            }
        }
    }

    /// As [`SecretFs::live`], for a run that makes the next generation: where the link names none, because somebody
    /// removed it or put something in its place, the newest generation that has a record counts as live. What fails now
    /// keeps its last good copy from there.
    ///
    /// # Errors
    /// As [`SecretFs::live`]; the file system cannot be listed.
    pub fn live_or_newest(&self, symlink_path: &Path) -> Result<Live, Error> {
        let live = self.live(symlink_path)?;
        if live.number.is_some() {
            return Ok(live);
        }
        let Some(number) = self.newest_recorded()? else { return Ok(live) };
        let doing = format!("cannot open {}", quoted(self.generation_path(number)));
        let generation = Generation::open(self, number).map_err(|errno| Error::new(doing, errno))?;
        let gone =
            format!("{} is not there; generation {number} is taken for the live one", quoted(symlink_path));
        let warning =
            live.warning.map(|warning| format!("{warning}; generation {number} is taken for the live one"));
        Ok(Live { number: Some(number), generation, is_linked: false, warning: warning.or(Some(gone)) })
    }

    /// Makes `number` the live generation: the link is made aside and renamed, so that there is one at every moment.
    ///
    /// # Errors
    /// The link cannot be made; a directory with content stands in its place.
    pub fn flip(&self, symlink_path: &Path, number: u64) -> Result<(), Error> {
        let doing = format!("cannot make {} the link to generation {number}", quoted(symlink_path));
        let parent = walk::parent_made(symlink_path, Trust::of(process::effective_uid()), &doing)?;
        let failed = |errno| Error::new(&*doing, errno);
        if let Standing::Directory = links::look(&parent).map_err(failed)? {
            // A link cannot be renamed over a directory. Only an empty one can be removed.
            match unlinkat(&parent.directory, parent.name.as_os_str(), UnlinkatFlags::RemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
        links::put(&parent, &self.generation_path(number), None)
            .map_err(|cause| Error::because(&*doing, cause))
    }

    /// Removes what a run left beside the link that died while flipping it; the next flip would, too.
    ///
    /// # Errors
    /// The directory of the link cannot be reached.
    pub fn sweep_link(&self, symlink_path: &Path) -> Result<(), Error> {
        let doing = format!("cannot look beside {}", quoted(symlink_path));
        if let Some(parent) = walk::parent(symlink_path, Trust::of(process::effective_uid()), &doing)? {
            links::sweep(&parent);
        }
        Ok(())
    }

    /// Where generation `number` is.
    #[must_use]
    pub fn generation_path(&self, number: u64) -> PathBuf {
        self.path.join(number.to_string())
    }

    /// The number in a link's text, if it names something in this file system.
    fn number_in(&self, target: &OsStr, doing: &str) -> Result<Option<u64>, Error> {
        let Some(name) = target
            .as_bytes()
            .strip_prefix(self.path.as_os_str().as_bytes())
            .and_then(|rest| rest.strip_prefix(b"/"))
        else {
            return Ok(None);
        };
        match generation_number(OsStr::from_bytes(name)) {
            Some(number) => Ok(Some(number)),
            None => {
                Err(Error::because(doing, format!("it links to {}, which is no generation", quoted(target)))
                    .with_hint("remove the link"))
            }
        }
    }
}

/// What is said of something that is neither our link nor may give way to it, by runs and by who only looks.
fn not_ours(symlink_path: &Path) -> String {
    format!("cannot use {} as the link to the live generation", quoted(symlink_path))
}

/// The number that a directory of ours has for a name: decimal, as we write it. The largest are refused, so
/// that there is always a next one.
pub(super) fn generation_number(name: &OsStr) -> Option<u64> {
    let text = name.to_str()?;
    let number: u64 = text.parse().ok()?;
    (number < u64::MAX / 2 && number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_as_we_write_them_are_generations() {
        for (name, number) in
            [("0", Some(0)), ("1", Some(1)), ("9000000000000000000", Some(9_000_000_000_000_000_000))]
        {
            assert_eq!(generation_number(OsStr::new(name)), number, "{name}");
        }
        for name in [
            "",
            "+1",
            "-1",
            "01",
            " 1",
            "1 ",
            "1.json",
            "1/x",
            "1/",
            "abc",
            "18446744073709551615",
            "99999999999999999999",
        ] {
            assert_eq!(generation_number(OsStr::new(name)), None, "{name}");
        }
    }

    #[test]
    fn the_next_number_follows_the_link() {
        assert_eq!(Live::default().next_number(), 1);
        assert_eq!(Live { number: Some(41), ..Live::default() }.next_number(), 42);
    }
}
