//! sops files: from bytes to authenticated plaintext. Pure functions; no files, environment or clock.
//!
//! The order is that of the format: [`Document::parse`] reads the tree and takes the sops block out,
//! `keys` turns [`Document::metadata`] into a data key, [`Document::open`] decrypts every leaf and verifies
//! the MAC, and only then are values handed out, by [`Opened::values`] or [`Opened::whole`].

mod binary;
mod cipher;
mod dotenv;
mod fault;
mod flat;
mod ini;
mod json;
mod lookup;
mod mac;
pub mod metadata;
mod number;
mod pattern;
mod rules;
#[cfg(test)]
mod sealing;
mod time;
pub mod tree;
mod value;
mod walk;
mod yaml;

use std::borrow::Cow;

pub use fault::{Fault, FaultKind, quoted};

use crate::secret::{DataKey, Secret, SecretBuffer};
use lookup::Search;
use metadata::{Dialect, Metadata};
use rules::Rule;
use tree::{Entry, Item, Map, Node, Scalar, Text};
use value::Sealed;

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

/// Most lines and items of a file together: each takes some 170 bytes of memory, however short it is. A file of one large
/// value may be as large as files may be.
pub const MAX_PARTS: usize = 4 * 1024 * 1024;

/// A parsed sops file, still encrypted.
pub struct Document<'a> {
    format: Format,
    branches: Vec<Map<'a, Text<'a>>>,
    metadata: Metadata,
    rule: Rule,
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
    pub fn parse(bytes: &'a [u8], format: Format) -> Result<Self, Fault> {
        if parts(bytes) > MAX_PARTS {
            let message = format!("the file has more than {MAX_PARTS} lines and items");
            return Err(Fault::new(FaultKind::Limit, message));
        }
        let mut branches;
        let (metadata, rule) = match format {
            Format::Yaml | Format::Json | Format::Binary => {
                branches =
                    if format == Format::Yaml { yaml::parse(bytes)? } else { vec![json::parse(bytes)?] };
                let dialect = if format == Format::Yaml { Dialect::Yaml } else { Dialect::Json };
                metadata::read(&take_block(&mut branches)?, dialect)?
            }
            Format::Dotenv => {
                let (branch, block) = dotenv::parse(bytes)?;
                branches = vec![branch];
                let block = Some(block).filter(|block| !block.is_empty()).ok_or_else(no_metadata)?;
                metadata::read(&block.into_map(), Dialect::Flat)?
            }
            Format::Ini => {
                let (branch, block) = ini::parse(bytes)?;
                branches = vec![branch];
                metadata::read(&block.ok_or_else(no_metadata)?.into_map(), Dialect::Flat)?
            }
        };
        Ok(Self { format, branches, metadata, rule })
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
    pub fn open(self, key: &DataKey) -> Result<Opened<'a>, Fault> {
        let branches = walk::open(self.branches, &self.metadata, &self.rule, key)?;
        Ok(Opened { format: self.format, branches })
    }

    /// Where the scalars of this file are, from the public structure alone.
    ///
    /// # Errors
    /// [`Fault`] of kind `NoMetadata`, which no document has that was parsed.
    pub fn places(&self) -> Result<Places<'_>, Fault> {
        let is_comment = |scalar: &Scalar<Text<'_>>| sealed(scalar).is_some_and(|sealed| sealed.is_comment());
        Ok(Places { document: self, search: Search::new(first(&self.branches)?, self.format, is_comment) })
    }

    /// [`Places::locate`] for a single key.
    ///
    /// # Errors
    /// As there.
    pub fn locate(&self, key: &str) -> Result<Protection, Fault> {
        self.places()?.locate(key)
    }
}

/// The scalars of an encrypted file, by key.
pub struct Places<'d> {
    document: &'d Document<'d>,
    search: Search<'d, Text<'d>>,
}

impl Places<'_> {
    /// Whether `key` names a scalar, and whether that scalar stands unencrypted in the file. The empty key, and
    /// any key of a binary file, is the whole file.
    ///
    /// # Errors
    /// [`Fault`] of kind `Lookup`, as [`Values::lookup`] would give it.
    pub fn locate(&self, key: &str) -> Result<Protection, Fault> {
        if key.is_empty() || self.document.format == Format::Binary {
            let sealed = self.document.branches.iter().any(holds_sealed);
            return Ok(if sealed { Protection::Encrypted } else { Protection::Clear });
        }
        let scalar = self.search.find(key)?;
        Ok(if sealed(scalar).is_some() { Protection::Encrypted } else { Protection::Clear })
    }
}

/// The scalars of an opened file, by key.
pub struct Values<'o> {
    opened: &'o Opened<'o>,
    search: Search<'o, Secret>,
}

impl Values<'_> {
    /// The scalar at `key` (`a/b/0` walks maps and lists; longest match first for keys that hold `/`), as plain
    /// text: `true`, `5432`, `1.5`, or the bytes of a string. Only the first document of a YAML file is seen.
    /// The empty key, and any key of a binary file, is the whole file.
    ///
    /// # Errors
    /// [`Fault`] of kind `Lookup`: not there, or null, a map or a list; or as [`Opened::whole`].
    pub fn lookup(&self, key: &str) -> Result<Secret, Fault> {
        if key.is_empty() || self.opened.format == Format::Binary {
            return self.opened.whole();
        }
        self.search.find(key).map(scalar_text)
    }
}

impl Opened<'_> {
    /// The scalars of this file.
    ///
    /// # Errors
    /// [`Fault`] of kind `NoMetadata`, which no document has that was parsed.
    pub fn values(&self) -> Result<Values<'_>, Fault> {
        let search = Search::new(first(&self.branches)?, self.format, |_| false);
        Ok(Values { opened: self, search })
    }

    /// [`Values::lookup`] for a single key.
    ///
    /// # Errors
    /// As there.
    pub fn lookup(&self, key: &str) -> Result<Secret, Fault> {
        self.values()?.lookup(key)
    }

    /// The whole file, byte for byte what `sops decrypt` prints.
    ///
    /// # Errors
    /// [`Fault`] of kind `Emit`: the document cannot be printed in its format; of kind `Limit`: it becomes too large.
    pub fn whole(&self) -> Result<Secret, Fault> {
        match self.format {
            Format::Yaml => yaml::emit(&self.branches),
            Format::Json => json::emit(first(&self.branches)?),
            Format::Binary => binary::emit(first(&self.branches)?),
            Format::Dotenv => dotenv::emit(first(&self.branches)?),
            Format::Ini => ini::emit(first(&self.branches)?),
        }
    }

    /// [`Opened::whole`] for the last one who wants it: the bytes of a binary file are not copied.
    ///
    /// # Errors
    /// As there.
    pub fn into_whole(self) -> Result<Secret, Fault> {
        match self.format {
            Format::Binary => binary::into_data(self.branches.into_iter().next().ok_or_else(no_metadata)?),
            _ => self.whole(),
        }
    }
}

/// How many parts a file can have at most, whatever its format: line breaks (the last three are ends of YAML's others),
/// and what begins an item or a collection.
fn parts(bytes: &[u8]) -> usize {
    let begins = |byte: &&u8| matches!(byte, b'\n' | b'\r' | b',' | b'[' | b'{' | 0x85 | 0xa8 | 0xa9);
    bytes.iter().filter(begins).count()
}

/// Takes the sops block out of the first document; other documents carry copies that nobody reads.
fn take_block<'a>(branches: &mut [Map<'a, Text<'a>>]) -> Result<Map<'a, Text<'a>>, Fault> {
    let mut block = None;
    for (index, branch) in branches.iter_mut().enumerate() {
        let is_block =
            |entry: &mut Entry<'_, _>| matches!(entry, Entry::Pair(key, _) if key.as_ref() == metadata::NAME);
        let blocks: Vec<_> = branch.entries.extract_if(.., is_block).collect();
        if index > 0 {
            continue;
        }
        if blocks.len() > 1 {
            return Err(Fault::new(FaultKind::Metadata, "the file has more than one key 'sops' at its top"));
        }
        block = blocks.into_iter().next();
    }
    match block {
        Some(Entry::Pair(_, Node::Map(map))) => Ok(map),
        None | Some(Entry::Comment(_) | Entry::Pair(_, Node::Scalar(Scalar::Null))) => Err(no_metadata()),
        Some(Entry::Pair(..)) => {
            Err(Fault::new(FaultKind::Metadata, "the key 'sops' at the top is not a map"))
        }
    }
}

fn no_metadata() -> Fault {
    Fault::new(FaultKind::NoMetadata, "the file has no sops block: it is not encrypted, or of another format")
        .hint("encrypt it with `sops encrypt --in-place FILE`, and declare the format that it has")
}

/// The refusal of a document that is much larger printed than it is in its file.
fn too_large() -> Fault {
    let most = SecretBuffer::MAX >> 20;
    Fault::new(
        FaultKind::Limit,
        format!("the file as a whole is larger than {most} MiB when it is decrypted"),
    )
}

/// Whether a value is encrypted in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// Encrypted with the data key.
    Encrypted,
    /// Readable by everybody who has the file.
    Clear,
}

/// The first document. There is one: the sops block was in it.
fn first<'b, 'a, T>(branches: &'b [Map<'a, T>]) -> Result<&'b Map<'a, T>, Fault> {
    branches.first().ok_or_else(no_metadata)
}

/// The encrypted value in a scalar of an encrypted file.
fn sealed<'t>(scalar: &'t Scalar<Text<'_>>) -> Option<Sealed<'t>> {
    match scalar {
        Scalar::Text(text) => Sealed::parse(text),
        _ => None,
    }
}

fn holds_sealed(map: &Map<'_, Text<'_>>) -> bool {
    map.entries.iter().any(|entry| matches!(entry, Entry::Pair(_, node) if node_holds_sealed(node)))
}

fn node_holds_sealed(node: &Node<'_, Text<'_>>) -> bool {
    match node {
        Node::Map(map) => holds_sealed(map),
        Node::List(items) => {
            items.iter().any(|item| matches!(item, Item::Node(node) if node_holds_sealed(node)))
        }
        Node::Scalar(scalar) => sealed(scalar).is_some(),
    }
}

/// A scalar as plain text, as it is written to a file of its own.
fn scalar_text(scalar: &Scalar<Secret>) -> Secret {
    Secret::new(match scalar {
        Scalar::Text(text) => text.expose().to_vec(),
        Scalar::Int(value) => value.to_string().into_bytes(),
        Scalar::Float(value) => number::plain(*value).into_bytes(),
        Scalar::Bool(value) => value.to_string().into_bytes(),
        Scalar::Time(text) => text.clone().into_bytes(),
        Scalar::Null => Vec::new(),
    })
}

/// Text with each byte that is not UTF-8 replaced by U+FFFD. (Rust's own replacement takes several at once.)
fn replace_invalid_utf8(bytes: &[u8]) -> Cow<'_, str> {
    let mut replaced = String::new();
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) if replaced.is_empty() => return Cow::Borrowed(valid),
            Ok(valid) => {
                replaced.push_str(valid);
                return Cow::Owned(replaced);
            }
            Err(error) => {
                let (valid, behind) = rest.split_at(error.valid_up_to());
                replaced.push_str(std::str::from_utf8(valid).unwrap_or_default());
                replaced.push(char::REPLACEMENT_CHARACTER);
                rest = &behind[1..];
            }
        }
    }
}
