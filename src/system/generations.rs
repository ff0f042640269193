//! The numbered directories together, and the record beside each: making, remembering, pruning.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use nix::errno::Errno;
use nix::unistd::Gid;

use super::current::generation_number;
use super::directory::Directory;
use super::files::read_exactly;
use super::generation::NewGeneration;
use super::secretfs::SecretFs;
use super::{Error, quoted};

/// No record is larger, in bytes: one of a hundred thousand secrets stays below it.
const RECORD_LIMIT: u64 = 64 << 20;

/// Where sops-nix's agent leaves the machine's private keys in the clear (demand report P26).
const KEYS_OF_SOPS_NIX: &str = "age-keys.txt";

impl SecretFs {
    /// Makes an empty generation, after removing what a run that died left under that number. Its directories belong to
    /// `root:group`.
    ///
    /// # Errors
    /// The file system refuses: read-only, full.
    pub fn create_generation(&self, number: u64, group: Gid) -> Result<NewGeneration, Error> {
        let doing = format!("cannot make generation {}", quoted(self.generation_path(number)));
        let failed = |errno| Error::new(&*doing, errno);
        let name = OsString::from(number.to_string());
        self.root.remove(&name).map_err(failed)?;
        self.root.remove(&record_name(number)).map_err(failed)?;
        let owner = self.owner(group);
        let root = Directory::make(&self.root, &name, owner).map_err(failed)?;
        Ok(NewGeneration::new(root, number, owner))
    }

    /// Removes what runs that died left behind: generations newer than the live one, half-written records; also
    /// the key file of sops-nix's agent, which no longer has a use.
    ///
    /// # Errors
    /// The first thing that could not be removed; the rest is removed all the same.
    pub fn remove_debris(&self, live: Option<u64>) -> Result<(), Error> {
        self.remove_where(|name| match number_of(name) {
            Some(number) => live.is_none_or(|live| number > live),
            None => name == KEYS_OF_SOPS_NIX || name.as_encoded_bytes().ends_with(b".json.new"),
        })
    }

    /// Removes old generations and their records: `keep` is how many stay, the live one included; 0 keeps all
    /// (`sops.keepGenerations`). The live one is never removed.
    ///
    /// # Errors
    /// The first thing that could not be removed; the rest is removed all the same.
    pub fn prune(&self, keep: u32, live: u64) -> Result<(), Error> {
        if keep == 0 {
            return Ok(());
        }
        // As sops-nix counts: by number, so that gaps count too.
        let Some(newest_to_go) = live.checked_sub(u64::from(keep)) else { return Ok(()) };
        self.remove_where(|name| {
            number_of(name).is_some_and(|number| number <= newest_to_go && number != live)
        })
    }

    /// Writes the record of a generation, `N.json`, 0600, whole or not at all.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_record(&self, number: u64, bytes: &[u8]) -> Result<(), Error> {
        let name = record_name(number);
        let mut aside = name.clone();
        aside.push(".new");
        self.root.replace_file(&name, &aside, bytes).map_err(|errno| {
            let _ = self.root.remove(&aside);
            Error::new(format!("cannot write {}", quoted(self.path.join(&name))), errno)
        })
    }

    /// Reads the record of a generation; `None` if it has none.
    ///
    /// # Errors
    /// It cannot be read, or is larger than 64 MiB.
    pub fn read_record(&self, number: u64) -> Result<Option<Vec<u8>>, Error> {
        let name = record_name(number);
        let failed = |errno| Error::new(format!("cannot read {}", quoted(self.path.join(&name))), errno);
        let Some((file, stat)) = self.root.open_regular(&name).map_err(failed)? else { return Ok(None) };
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if size > RECORD_LIMIT {
            return Err(failed(Errno::EFBIG));
        }
        read_exactly(&file, size).map(|bytes| Some(bytes.to_vec())).map_err(failed)
    }

    /// The highest number that has both a generation and a record, which is written when the generation is whole.
    ///
    /// # Errors
    /// The file system cannot be listed.
    pub(super) fn newest_recorded(&self) -> Result<Option<u64>, Error> {
        let entries = self.entries()?;
        let names: BTreeSet<&OsStr> = entries.iter().map(OsString::as_os_str).collect();
        let recorded = |number: &u64| names.contains(record_name(*number).as_os_str());
        Ok(entries.iter().filter_map(|name| generation_number(name)).filter(recorded).max())
    }

    fn entries(&self) -> Result<Vec<OsString>, Error> {
        self.root.entries().map_err(|errno| Error::new(format!("cannot list {}", quoted(&self.path)), errno))
    }

    /// Removes every entry that `unwanted` picks; goes on after a failure and reports the first.
    fn remove_where(&self, unwanted: impl Fn(&OsStr) -> bool) -> Result<(), Error> {
        let mut first = Ok(());
        for name in self.entries()?.iter().filter(|name| unwanted(name)) {
            if let Err(errno) = self.root.remove(name) {
                let error = Error::new(format!("cannot remove {}", quoted(self.path.join(name))), errno);
                first = first.and(Err(error));
            }
        }
        first
    }
}

fn record_name(number: u64) -> OsString {
    OsString::from(format!("{number}.json"))
}

/// The number of the generation that an entry is, or is the record of.
fn number_of(name: &OsStr) -> Option<u64> {
    let text = name.to_str()?;
    generation_number(OsStr::new(text.strip_suffix(".json").unwrap_or(text)))
}
