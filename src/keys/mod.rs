//! The machine's identities, and how they open wrapped data keys and age files. No files: bytes are handed in.

use std::path::{Path, PathBuf};

use crate::secret::{DataKey, Secret};
use crate::sops::metadata::Metadata;

/// Every identity of the machine, and a note for each source that gave none.
pub struct Keyring {
    // private: identities (with cached public halves) and the two lists below
    public: Vec<PublicIdentity>,
    unusable: Vec<Unusable>,
}

/// The public half of an identity: what may be printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicIdentity {
    /// The recipient that encrypts to it: `age1…` or `ssh-ed25519 AAAA…`.
    pub recipient: String,
    /// Where the identity came from.
    pub source: PathBuf,
}

/// A key source that gave no identity (or lost some), and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unusable {
    /// The file.
    pub source: PathBuf,
    /// The reason, lower case, never with key material.
    pub reason: String,
}

/// A data key that was unwrapped.
pub struct Unlocked {
    /// The key of the file.
    pub key: DataKey,
    /// The identity that opened it.
    pub by: PublicIdentity,
}

/// Why nothing opened a file: all that an administrator needs to see.
#[derive(Debug)]
pub struct Locked {
    /// Why, in a clause: "none of this machine's keys can open it", or what was broken or not supported.
    pub reason: String,
    /// The recipients that the file names.
    pub encrypted_for: Vec<String>,
    /// Whether one of them is ours, so that the wrapped key itself must be damaged.
    pub ours_but_broken: bool,
}

impl Keyring {
    /// A keyring without identities.
    #[must_use]
    pub fn new() -> Self {
        todo!()
    }

    /// Adds every identity of an age key file (one a line, `#` comments, LF or CRLF).
    pub fn add_age_key_file(&mut self, source: &Path, content: &[u8]) {
        todo!()
    }

    /// Adds the two identities of an SSH ed25519 private key: converted to X25519, and native `ssh-ed25519`.
    pub fn add_ssh_key(&mut self, source: &Path, content: &[u8]) {
        todo!()
    }

    /// Notes that `source` could not be used at all.
    pub fn add_unusable(&mut self, source: &Path, reason: impl Into<String>) {
        todo!()
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
    /// # Errors
    /// [`Locked`] when none does.
    pub fn unlock(&self, metadata: &Metadata) -> Result<Unlocked, Locked> {
        todo!()
    }

    /// Opens a plain age file (armored or not): the whole plaintext and the identity that opened it.
    ///
    /// # Errors
    /// [`Locked`] when none does or the file is damaged.
    pub fn open_age_file(&self, bytes: &[u8]) -> Result<(Secret, PublicIdentity), Locked> {
        todo!()
    }
}
