//! The machine's identities, and how they open wrapped data keys and age files. No files: bytes are handed in.
//!
//! * `age_file`, `ssh`: key files to identities. `identity`: an identity at one stanza of an age header, with
//!   `diffie_hellman`.
//! * `armor`, `age`: age files. `recipient`, `recipients_of`: public keys.
//! * `locked`: what is told when nothing opens.

mod age;
mod age_file;
mod armor;
mod diffie_hellman;
mod identity;
mod locked;
mod recipient;
mod recipients_of;
mod ssh;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use locked::{Locked, recipients_named};
pub use recipient::{convert_public, opened_by, without_comment};
pub use recipients_of::{MAX_INPUT, Recipients, recipients_of};

use crate::secret::{DataKey, Secret};
use crate::sops::metadata::{AgeEntry, Metadata};
use age::Closed;
use identity::{Identity, X25519};
use locked::Failures;

/// Longest wrapped data key taken, in bytes of armor. sops writes one stanza, of 400 to 2,500.
const MAX_WRAPPED_KEY: usize = 64 * 1024;

/// Most identities of a machine. Each is tried at each stanza.
const MAX_IDENTITIES: usize = 1024;
/// What is noted of a source with more.
const TOO_MANY: &str = "holds a key too many: only the first 1024 of all are used";

/// Every identity of the machine, and a note for each source that gave none.
///
/// Several threads may open files with one keyring.
#[derive(Default)]
pub struct Keyring {
    /// In the order in which they were added; `public` has the same length and order.
    identities: Vec<Identity>,
    public: Vec<PublicIdentity>,
    unusable: Vec<Unusable>,
}

/// The public half of an identity: what may be printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicIdentity {
    /// The recipient that encrypts to it: `age1…`, `ssh-ed25519 AAAA…` or `ssh-rsa AAAA…`.
    pub recipient: String,
    /// Where the identity came from.
    pub source: PathBuf,
}

/// A key source that gave no identity (or lost some), and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unusable {
    /// The file.
    pub source: PathBuf,
    /// The reason: a clause about the file, lower case, never with key material.
    pub reason: String,
}

/// A data key that was unwrapped.
pub struct Unlocked {
    /// The key of the file.
    pub key: DataKey,
    /// The identity that opened it.
    pub by: PublicIdentity,
}

impl Keyring {
    /// A keyring without identities.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds every identity of an age key file (one a line, `#` comments, LF or CRLF).
    ///
    /// What cannot be used is noted in [`Self::unusable`], line by line; the other lines count.
    pub fn add_age_key_file(&mut self, source: &Path, content: &[u8]) {
        let file = age_file::parse(content);
        for key in file.keys {
            self.add_x25519(source, key);
        }
        for fault in file.faults {
            self.add_unusable(source, fault);
        }
    }

    /// Adds the two identities of an SSH ed25519 private key: converted to X25519, and native `ssh-ed25519`.
    ///
    /// A key that cannot be used is noted in [`Self::unusable`].
    pub fn add_ssh_key(&mut self, source: &Path, content: &[u8]) {
        match ssh::parse(content) {
            Ok(key) => {
                self.add_x25519(source, key.converted());
                self.add(source, key.public_text(), Identity::SshEd25519(key.native()));
            }
            Err(ssh::Rejected::Rsa) => self.add_rsa_key(source, content),
            Err(ssh::Rejected::Other(reason)) => self.add_unusable(source, reason),
        }
    }

    /// Notes that `source` could not be used at all.
    pub fn add_unusable(&mut self, source: &Path, reason: impl Into<String>) {
        self.unusable.push(Unusable { source: source.into(), reason: reason.into() });
    }

    /// The public halves, in the order they were added.
    #[must_use]
    pub fn public(&self) -> &[PublicIdentity] {
        &self.public
    }

    /// The sources that gave no identity.
    #[must_use]
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    /// Unwraps the data key of a sops file with the first identity that fits.
    ///
    /// The entries that name one of our recipients come first. All others follow, since nothing keeps the
    /// name of a recipient and the key inside its entry together.
    ///
    /// # Errors
    /// [`Locked`] when none does.
    pub fn unlock(&self, metadata: &Metadata) -> Result<Unlocked, Locked> {
        let group = match metadata.key_groups.as_slice() {
            [] => return Err(Locked::nobody()),
            [group] => group,
            groups => return Err(Locked::shamir(groups)),
        };
        let entries = group.age.iter().map(|entry| (self.named_by(entry), entry));
        let (mut ours, others): (Vec<_>, Vec<_>) = entries.partition(|(named, _)| named.is_some());
        ours.extend(others);
        let mut failures = Failures::default();
        for (named, entry) in ours {
            match self.open_entry(entry, named) {
                Ok(unlocked) => return Ok(unlocked),
                Err(closed) => failures.add(entry, named.is_some(), closed),
            }
        }
        Err(Locked::group(group, failures, self.identities.is_empty()))
    }

    /// Opens a plain age file (armored or not): the whole plaintext and the identity that opened it.
    ///
    /// # Errors
    /// [`Locked`] when none does or the file is damaged.
    pub fn open_age_file(&self, bytes: &[u8]) -> Result<(Secret, PublicIdentity), Locked> {
        let opened = open_armored_or_not(bytes, &self.identities);
        match opened {
            Ok(opened) => Ok((opened.plaintext, self.public[opened.by].clone())),
            Err(closed) => Err(Locked::age_file(closed, self.identities.is_empty())),
        }
    }

    fn add_x25519(&mut self, source: &Path, key: X25519) {
        self.add(source, key.recipient(), Identity::X25519(key));
    }

    fn add(&mut self, source: &Path, recipient: String, identity: Identity) {
        if self.identities.len() == MAX_IDENTITIES {
            let is_noted = |last: &Unusable| last.source == source && last.reason == TOO_MANY;
            if !self.unusable.last().is_some_and(is_noted) {
                self.add_unusable(source, TOO_MANY);
            }
            return;
        }
        self.public.push(PublicIdentity { recipient, source: source.into() });
        self.identities.push(identity);
    }

    #[cfg(not(feature = "ssh-rsa"))]
    fn add_rsa_key(&mut self, source: &Path, _content: &[u8]) {
        self.add_unusable(source, RSA_HELP);
    }

    #[cfg(feature = "ssh-rsa")]
    fn add_rsa_key(&mut self, source: &Path, content: &[u8]) {
        match ssh::parse_rsa(content) {
            Some((recipient, key)) => self.add(source, recipient, Identity::SshRsa(Box::new(key))),
            None => self.add_unusable(source, "is an RSA key that is damaged or protected by a passphrase"),
        }
    }

    /// The identity whose recipient an entry names.
    fn named_by(&self, entry: &AgeEntry) -> Option<usize> {
        let recipient = without_comment(&entry.recipient);
        self.public.iter().position(|public| public.recipient == recipient)
    }

    fn open_entry(&self, entry: &AgeEntry, first: Option<usize>) -> Result<Unlocked, Closed> {
        let damaged = |reason: String, ours| Closed::Damaged { reason, ours };
        if entry.enc.len() > MAX_WRAPPED_KEY {
            return Err(damaged("it is longer than 64 KiB".into(), false));
        }
        let file = armor::decode(entry.enc.as_bytes()).map_err(|reason| damaged(reason, false))?;
        let opened = age::open(&file, &self.identities, first)?;
        let key = DataKey::from_secret(&opened.plaintext)
            .ok_or_else(|| damaged("it does not hold a data key of 32 bytes".into(), true))?;
        Ok(Unlocked { key, by: self.public[opened.by].clone() })
    }
}

/// What to do about an RSA key.
#[cfg(not(feature = "ssh-rsa"))]
const RSA_HELP: &str = "is an RSA key, which age cannot convert; give the machine an ed25519 host key \
    (`ssh-keygen -t ed25519`) and encrypt for that one";

/// Opens an age file in either of its two forms.
fn open_armored_or_not(bytes: &[u8], identities: &[Identity]) -> Result<age::Opened, Closed> {
    if armor::is_binary(bytes) {
        return age::open(bytes, identities, None);
    }
    let file = armor::decode(bytes).map_err(|reason| Closed::Damaged { reason, ours: false })?;
    age::open(&file, identities, None)
}

/// Whether `bytes` is an age file, as far as that shows without a key.
///
/// # Errors
/// What is wrong with it, a clause about "it".
pub fn check_age_file(bytes: &[u8]) -> Result<(), String> {
    match open_armored_or_not(bytes, &[]) {
        Err(Closed::Damaged { reason, .. }) => Err(reason),
        Ok(_) | Err(Closed::NotOurs { .. }) => Ok(()),
    }
}
