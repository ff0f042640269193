//! The sops block of a file: who can open it, which leaves are encrypted, and the MAC (format, section 2.4).

use std::borrow::Cow;

use super::fault::{Fault, FaultKind, quoted};
use super::number;
use super::pattern::{Pattern, Unsupported};
use super::rules::Rule;
use super::time::Timestamp;
use super::tree::{Entry, Item, Map, Node, Scalar, Text};

/// What the sops block says, checked.
pub struct Metadata {
    /// Time of the last change in the exact text that is the MAC's additional data (RFC 3339, whole seconds).
    pub last_modified: String,
    /// The encrypted MAC, `ENC[…]`. May be empty in a damaged file, which then never opens.
    pub mac: String,
    /// The sops version that wrote the file, as it stands there; not used to decide anything.
    pub version: String,
    /// Whether only encrypted values count for the MAC.
    pub mac_only_encrypted: bool,
    /// The wrapped data keys. One group: any entry gives the data key. Several: Shamir parts.
    pub key_groups: Vec<KeyGroup>,
    /// How many groups are needed, as the file says.
    pub shamir_threshold: i64,
}

/// The wrapped keys of one group.
#[derive(Default)]
pub struct KeyGroup {
    /// age recipients, each with the data key (or part) encrypted for it.
    pub age: Vec<AgeEntry>,
    /// Fingerprints of PGP recipients.
    pub pgp: Vec<String>,
    /// Other kinds that are present, by their name in the file (`kms`, `gcp_kms`, `azure_kv`, `hc_vault`, …).
    pub other: Vec<&'static str>,
}

/// One entry of an `age` list.
pub struct AgeEntry {
    /// The recipient, as it stands in the file; sops does not check it, so neither may the opener rely on it.
    pub recipient: String,
    /// The armored age file that holds the data key.
    pub enc: String,
}

/// The name of the block: a key of the document, or a section (INI), or a prefix of keys (dotenv).
pub const NAME: &[u8] = b"sops";

/// Most entries of a list of the block: recipients of one kind, key groups.
const MAX_LISTED: usize = 4096;

/// Lists of keys that are neither age nor PGP.
const OTHER_KINDS: [&str; 5] = ["kms", "gcp_kms", "hckms", "azure_kv", "hc_vault"];

/// What the values of a block look like: the stores of sops convert them differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Any scalar may stand for a string.
    Yaml,
    /// Types are strict.
    Json,
    /// Everything is a string (dotenv, INI).
    Flat,
}

/// Reads the block from its map.
///
/// # Errors
/// [`Fault`] of kind `Metadata`, or `Limit` for more recipients than any file has.
pub fn read(block: &Map<'_, Text<'_>>, dialect: Dialect) -> Result<(Metadata, Rule), Fault> {
    let block = Block { map: block, dialect, place: String::from("sops") };
    let last_modified = block.time("lastmodified")?;
    let mac_only_encrypted = block.boolean("mac_only_encrypted")?;
    let shamir_threshold = block.integer("shamir_threshold")?;
    let mut key_groups = Vec::new();
    let top = group(&block)?;
    if top.is_empty() {
        for entry in block.list("key_groups")? {
            key_groups.push(group(&entry)?);
        }
    } else {
        key_groups.push(top);
    }
    if key_groups.is_empty() {
        return Err(fault("the sops block names no keys"));
    }
    let metadata = Metadata {
        last_modified,
        mac: block.string("mac")?,
        version: block.string("version")?,
        mac_only_encrypted,
        key_groups,
        shamir_threshold,
    };
    Ok((metadata, rule(&block)?))
}

impl KeyGroup {
    fn is_empty(&self) -> bool {
        self.age.is_empty() && self.pgp.is_empty() && self.other.is_empty()
    }
}

fn group(block: &Block<'_>) -> Result<KeyGroup, Fault> {
    let mut group = KeyGroup::default();
    for entry in block.list("age")? {
        group.age.push(AgeEntry { recipient: entry.string("recipient")?, enc: entry.string("enc")? });
    }
    for entry in block.list("pgp")? {
        entry.time("created_at")?;
        group.pgp.push(entry.string("fp")?);
    }
    for kind in OTHER_KINDS {
        let entries = block.list(kind)?;
        for entry in &entries {
            entry.time("created_at")?;
        }
        if !entries.is_empty() {
            group.other.push(kind);
        }
    }
    Ok(group)
}

fn rule(block: &Block<'_>) -> Result<Rule, Fault> {
    let pattern = |name: &str, text: &[u8]| {
        Pattern::new(text).map_err(|Unsupported(what)| {
            fault(format!("sops.{name} {} is not supported: {what}", quoted(text)))
                .hint("say the same without it, in .sops.yaml and in the file, and encrypt the file anew")
        })
    };
    let mut rules = Vec::new();
    for name in [
        "unencrypted_suffix",
        "encrypted_suffix",
        "unencrypted_regex",
        "encrypted_regex",
        "unencrypted_comment_regex",
        "encrypted_comment_regex",
    ] {
        let Some(text) = block.bytes(name)?.filter(|text| !text.is_empty()) else { continue };
        rules.push(match name {
            "unencrypted_suffix" => Rule::UnencryptedSuffix(text.into_owned()),
            "encrypted_suffix" => Rule::EncryptedSuffix(text.into_owned()),
            "unencrypted_regex" => Rule::UnencryptedRegex(pattern(name, &text)?),
            "encrypted_regex" => Rule::EncryptedRegex(pattern(name, &text)?),
            "unencrypted_comment_regex" => Rule::UnencryptedCommentRegex(pattern(name, &text)?),
            _ => Rule::EncryptedCommentRegex(pattern(name, &text)?),
        });
    }
    if rules.len() > 1 {
        return Err(fault("the sops block has more than one rule about which values are encrypted"));
    }
    Ok(rules.pop().unwrap_or_default())
}

fn fault(message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Metadata, message)
}

/// One map of the sops block, and where it is in it.
struct Block<'m> {
    map: &'m Map<'m, Text<'m>>,
    dialect: Dialect,
    place: String,
}

impl<'m> Block<'m> {
    /// The value of a field; `None` if it is absent or null. Of two, JSON takes the last.
    fn get(&self, name: &str) -> Option<&'m Node<'m, Text<'m>>> {
        let found = self.map.entries.iter().rev().find_map(|entry| match entry {
            Entry::Pair(key, value) if key.as_ref() == name.as_bytes() => Some(value),
            _ => None,
        });
        found.filter(|value| !matches!(value, Node::Scalar(Scalar::Null)))
    }

    fn not_a(&self, name: &str, what: &str) -> Fault {
        fault(format!("{}.{name} is not {what}", self.place))
    }

    fn bytes(&self, name: &str) -> Result<Option<Cow<'m, [u8]>>, Fault> {
        let printed = |text: String| Some(Cow::Owned(text.into_bytes()));
        Ok(match (self.get(name), self.dialect) {
            (None, _) => None,
            (Some(Node::Scalar(Scalar::Text(text))), _) => Some(Cow::Borrowed(text.as_ref())),
            (Some(Node::Scalar(Scalar::Time(text))), Dialect::Yaml) => Some(Cow::Borrowed(text.as_bytes())),
            (Some(Node::Scalar(Scalar::Int(value))), Dialect::Yaml) => printed(value.to_string()),
            (Some(Node::Scalar(Scalar::Float(value))), Dialect::Yaml) => printed(number::yaml(*value)),
            (Some(Node::Scalar(Scalar::Bool(value))), Dialect::Yaml) => printed(value.to_string()),
            _ => return Err(self.not_a(name, "a string")),
        })
    }

    fn string(&self, name: &str) -> Result<String, Fault> {
        Ok(self.bytes(name)?.map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default())
    }

    /// A time, in the text that is the context of the MAC.
    fn time(&self, name: &str) -> Result<String, Fault> {
        let missing = || fault(format!("{}.{name} is missing", self.place));
        let text = self.bytes(name)?.ok_or_else(missing)?;
        let time = Timestamp::parse(&text).ok_or_else(|| self.not_a(name, "a time (RFC 3339)"))?;
        Ok(time.rfc3339())
    }

    fn boolean(&self, name: &str) -> Result<bool, Fault> {
        match (self.get(name), self.dialect) {
            (None, _) => Ok(false),
            (Some(Node::Scalar(Scalar::Bool(value))), _) => Ok(*value),
            (Some(Node::Scalar(Scalar::Text(text))), Dialect::Flat) => Ok(text.as_ref() == b"true"),
            _ => Err(self.not_a(name, "true or false")),
        }
    }

    fn integer(&self, name: &str) -> Result<i64, Fault> {
        let whole = |value: f64| {
            let text = number::plain(value);
            number::parse_int(text.as_bytes()).map_err(|_| self.not_a(name, "a whole number"))
        };
        match (self.get(name), self.dialect) {
            (None, _) => Ok(0),
            (Some(Node::Scalar(Scalar::Int(value))), _) => Ok(*value),
            (Some(Node::Scalar(Scalar::Float(value))), _) => whole(*value),
            (Some(Node::Scalar(Scalar::Text(text))), Dialect::Flat) => {
                whole(number::parse_float(text).map_err(|_| self.not_a(name, "a whole number"))?)
            }
            _ => Err(self.not_a(name, "a whole number")),
        }
    }

    /// The maps of a list; an absent list has none.
    fn list(&self, name: &str) -> Result<Vec<Block<'m>>, Fault> {
        let items = match self.get(name) {
            None => return Ok(Vec::new()),
            Some(Node::List(items)) => items,
            Some(_) => return Err(self.not_a(name, "a list")),
        };
        if items.len() > MAX_LISTED {
            let place = &self.place;
            let message = format!("{place}.{name} has more than {MAX_LISTED} entries");
            return Err(Fault::new(FaultKind::Limit, message));
        }
        let values = items.iter().filter_map(|item| match item {
            Item::Node(node) => Some(node),
            Item::Comment(_) => None,
        });
        let mut blocks = Vec::new();
        for (index, value) in values.enumerate() {
            let Node::Map(map) = value else { return Err(self.not_a(&format!("{name}.{index}"), "a map")) };
            blocks.push(Block {
                map,
                dialect: self.dialect,
                place: format!("{}.{name}.{index}", self.place),
            });
        }
        Ok(blocks)
    }
}

#[cfg(test)]
mod tests;
