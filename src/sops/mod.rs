//! sops files: from bytes to authenticated plaintext. Pure functions; no files, environment or clock.
//!
//! The order is that of the format: [`Document::parse`] reads the tree and takes the sops block out,
//! `keys` turns [`Document::metadata`] into a data key, [`Document::open`] decrypts every leaf and verifies
//! the MAC, and only then are values handed out, by [`Opened::lookup`] or [`Opened::whole`].

pub mod metadata;
pub mod number;
pub mod time;
pub mod tree;

use std::fmt;

use crate::secret::{DataKey, Secret};
use metadata::Metadata;
use tree::{Map, Text};

/// The formats of sops' stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// YAML, any number of documents.
    Yaml,
    /// One JSON object.
    Json,
    /// Any bytes, stored under `data` of a JSON object.
    Binary,
    /// `KEY=value` lines.
    Dotenv,
    /// Sections with `key = value` lines.
    Ini,
}

/// How deep maps and lists may be nested. sops allows 10,000; no real file comes near either.
pub const MAX_DEPTH: usize = 500;

/// A parsed sops file, still encrypted.
pub struct Document<'a> {
    format: Format,
    branches: Vec<Map<'a, Text<'a>>>,
    metadata: Metadata,
}

/// A decrypted sops file whose MAC held. The only source of values.
pub struct Opened<'a> {
    format: Format,
    branches: Vec<Map<'a, Secret>>,
}

impl<'a> Document<'a> {
    /// Parses `bytes` and takes the sops block out.
    ///
    /// # Errors
    /// [`Fault`] of kind `Parse`, `NoMetadata`, `Metadata` or `Limit`.
    pub fn parse(_bytes: &'a [u8], _format: Format) -> Result<Self, Fault> {
        todo!()
    }

    /// The sops block.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Decrypts every leaf that the file's rule says is encrypted and verifies the MAC over all of them.
    ///
    /// # Errors
    /// [`Fault`] of kind `Value` or `Mac`.
    pub fn open(self, _key: &DataKey) -> Result<Opened<'a>, Fault> {
        todo!()
    }

    /// Whether `key` names a scalar of this file, from the public structure alone, and whether that scalar
    /// stands unencrypted in the file.
    ///
    /// # Errors
    /// [`Fault`] of kind `Lookup`, as [`Opened::lookup`] would give it.
    pub fn locate(&self, _key: &str) -> Result<Protection, Fault> {
        todo!()
    }
}

impl Opened<'_> {
    /// The scalar at `key` (`a/b/0` walks maps and lists; longest match first for keys that hold `/`).
    ///
    /// # Errors
    /// [`Fault`] of kind `Lookup`: not there, or a map or list.
    pub fn lookup(&self, _key: &str) -> Result<Secret, Fault> {
        todo!()
    }

    /// The whole file, byte for byte what `sops decrypt` prints.
    ///
    /// # Errors
    /// [`Fault`] of kind `Emit`: a binary file without `data`.
    pub fn whole(&self) -> Result<Secret, Fault> {
        todo!()
    }
}

/// Whether a value is encrypted in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// Encrypted with the data key.
    Encrypted,
    /// Readable by everybody who has the file.
    Clear,
}

/// What is wrong with a sops file. Never holds plaintext; key names and positions are public.
#[derive(Debug)]
pub struct Fault {
    /// The class of the fault, for callers that branch on it.
    pub kind: FaultKind,
    /// What is wrong and where, lower case, without the file's name.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<&'static str>,
}

/// The classes of faults, in the order in which a file is worked on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// Not a file of the declared format.
    Parse,
    /// There is no sops block: the file is not encrypted.
    NoMetadata,
    /// The sops block is there and wrong.
    Metadata,
    /// Larger or deeper than this program takes.
    Limit,
    /// A value cannot be decrypted or is not of its type.
    Value,
    /// The MAC does not match: the file was changed by something other than sops.
    Mac,
    /// The document cannot be printed in its format.
    Emit,
    /// The wanted key is not there, or not a scalar.
    Lookup,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The same fault with a hint.
    #[must_use]
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
