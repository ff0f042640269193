//! age plugins: keys that another program holds, and the client's side of how it is asked
//! (<https://c2sp.org/age-plugin>, "Unwrapping with `identity-v1`").
//!
//! A plugin is asked once for all files that no key of ours opens. What it answers is kept with the header that it was asked about, so
//! that these files open like any others when they are tried again, header MAC included.

mod protocol;

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, Write};
use std::path::PathBuf;

use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::bech32_decode;
use age_core::secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

pub use protocol::Told;

use crate::secret::Secret;

/// Longest name of a plugin.
const MAX_NAME: usize = 64;

/// A key that a plugin holds, or knows where to find: an `AGE-PLUGIN-NAME-1…` line of a key file.
pub(super) struct PluginKey {
    /// `tpm` of `age-plugin-tpm`: a name as the age specification has it, in lower case, without path separators.
    pub(super) name: String,
    /// The line. Only the plugin knows how secret it is.
    text: Secret,
}

impl PluginKey {
    /// Reads a line that starts with `AGE-PLUGIN-`.
    ///
    /// # Errors
    /// What is wrong with it, a clause about the line that repeats nothing but the plugin's name.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let prefix = bech32_prefix(line).ok_or_else(|| {
            format!("is a damaged key of {}: its checksum does not match", shown_program(line))
        })?;
        let name = prefix.strip_prefix("AGE-PLUGIN-").and_then(|name| name.strip_suffix('-'));
        match name.map(str::to_ascii_lowercase).filter(|name| is_name(name)) {
            Some(name) => Ok(Self { name, text: Secret::copy_of(line.as_bytes()) }),
            None => Err("is a key of a plugin whose name is not one".into()),
        }
    }

    /// What is told of it.
    pub(super) fn described(&self) -> String {
        format!("a key of {}", program(&self.name))
    }
}

/// The name of a plugin's program.
pub(super) fn program(name: &str) -> String {
    format!("age-plugin-{name}")
}

/// Whether this may be a plugin's name: it is part of a file's name.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(plain)
}

/// The program that a damaged key line is for, as far as that can be told.
fn shown_program(line: &str) -> String {
    let name = line.strip_prefix("AGE-PLUGIN-").and_then(|rest| rest.rsplit_once("-1"));
    match name.map(|(name, _)| name.to_ascii_lowercase()) {
        Some(name) if is_name(&name) => program(&name),
        _ => "an age plugin".into(),
    }
}

/// Whether this is the recipient of a plugin's key: `age1NAME1…`. Post-quantum keys, which need no plugin, look the same.
pub(super) fn is_recipient(text: &str) -> bool {
    let prefix = bech32_prefix(text);
    let name = prefix.as_deref().and_then(|prefix| prefix.strip_prefix("age1"));
    name.is_some_and(|name| is_name(name) && name != "pq")
}

/// What stands before the data of a bech32 text; none if that is damaged.
fn bech32_prefix(text: &str) -> Option<String> {
    bech32_decode(text, |_| (), |_| Ok(()), |prefix, _| Ok(prefix.to_string())).ok()
}

/// The header of an age file that no key of ours opens: what a plugin is asked about.
#[derive(Debug)]
pub struct Header {
    digest: [u8; 32],
    stanzas: Vec<Stanza>,
}

/// The plugins' keys, and what the plugins have answered so far.
#[derive(Default)]
pub(super) struct Plugins {
    /// With the file that each comes from.
    pub(super) keys: Vec<(PathBuf, PluginKey)>,
    /// By the SHA-256 of the header.
    answers: HashMap<[u8; 32], Answer>,
}

/// What became of a header.
pub(super) struct Answer {
    /// The plugin that was asked last.
    pub(super) name: String,
    /// Its file key, or why there is none.
    pub(super) key: Result<FileKey, Refusal>,
}

/// Why a plugin does not open a file.
#[derive(Clone)]
pub(super) struct Refusal {
    /// A sentence that names the plugin.
    pub(super) reason: String,
    /// Whether something is wrong: it does not just have no key for the file.
    pub(super) is_fault: bool,
}

/// What plugins have to do with a header.
pub(super) enum Standing<'a> {
    /// There is no key of any plugin.
    None,
    /// None was asked yet.
    Unasked([u8; 32]),
    /// This came of asking.
    Asked(&'a Answer),
}

impl Plugins {
    /// Where a file with this header stands.
    pub(super) fn standing(&self, header: &[u8]) -> Standing<'_> {
        if self.keys.is_empty() {
            return Standing::None;
        }
        let digest = Sha256::digest(header).into();
        self.answers.get(&digest).map_or(Standing::Unasked(digest), Standing::Asked)
    }

    /// The names of the plugins that have a key here, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (_, key) in &self.keys {
            if !names.contains(&key.name) {
                names.push(key.name.clone());
            }
        }
        names
    }

    /// Notes what the plugin `name` answered. A key takes the place of a reason, and not the other way round.
    fn note(&mut self, header: &Header, name: &str, key: Result<FileKey, Refusal>) {
        if key.is_ok() || !self.has_key(header) {
            self.answers.insert(header.digest, Answer { name: name.into(), key });
        }
    }

    fn has_key(&self, header: &Header) -> bool {
        self.answers.get(&header.digest).is_some_and(|answer| answer.key.is_ok())
    }

    /// Those of `headers` whose file key is not known, each once.
    pub(super) fn unanswered<'h>(&self, headers: &'h [Header]) -> Vec<&'h Header> {
        let mut seen = HashSet::new();
        headers.iter().filter(|header| !self.has_key(header) && seen.insert(header.digest)).collect()
    }

    /// Asks the plugin `name` for the file keys of `headers`, over a conversation with it.
    pub(super) fn ask(
        &mut self,
        name: &str,
        headers: &[&Header],
        conversation: &mut (impl BufRead + Write),
    ) -> Told {
        let keys: Vec<&PluginKey> =
            self.keys.iter().map(|(_, key)| key).filter(|key| key.name == name).collect();
        let heard = protocol::ask(&keys, headers, conversation);
        let program = program(name);
        for (header, answer) in headers.iter().zip(heard.answers) {
            let refusal = |fault: Option<String>| match (&fault, &heard.broke_off) {
                (Some(fault), _) => Refusal { reason: format!("{program} says: {fault}"), is_fault: true },
                (None, Some(how)) => {
                    Refusal { reason: format!("{program} broke off: {how}"), is_fault: true }
                }
                (None, None) => Refusal { reason: format!("{program} has no key for it"), is_fault: false },
            };
            self.note(header, name, answer.map_err(refusal));
        }
        heard.told
    }

    /// Notes that the plugin `name` could not be asked, and why.
    pub(super) fn could_not_ask(&mut self, name: &str, headers: &[&Header], reason: &str) {
        for header in headers {
            self.note(header, name, Err(Refusal { reason: reason.into(), is_fault: true }));
        }
    }
}

/// A copy of a file key.
pub(super) fn copy_of(key: &[u8; FILE_KEY_BYTES]) -> FileKey {
    FileKey::init_with_mut(|copy| copy.copy_from_slice(key))
}

impl Answer {
    /// The file key, if there is one.
    pub(super) fn file_key(&self) -> Option<FileKey> {
        self.key.as_ref().ok().map(|key| copy_of(key.expose_secret()))
    }
}

impl Header {
    /// The header with this digest and these stanzas.
    pub(super) fn new(digest: [u8; 32], stanzas: &[Stanza]) -> Self {
        let copy = |stanza: &Stanza| Stanza {
            tag: stanza.tag.clone(),
            args: stanza.args.clone(),
            body: stanza.body.clone(),
        };
        Self { digest, stanzas: stanzas.iter().map(copy).collect() }
    }
}
