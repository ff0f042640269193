//! age plugins: keys that another program holds, and the client's side of how it is asked
//! (<https://c2sp.org/age-plugin>, "Unwrapping with `identity-v1`").
//!
//! A plugin is asked once for all files that no key of ours opens. What it answers is kept with the header that it was asked about, so
//! that these files open like any others when they are tried again, header MAC included.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, Read as _, Write};
use std::path::PathBuf;

use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::bech32_decode;
use age_core::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::recipient;
use crate::secret::{Secret, SecretBuffer, Wiped};

/// Columns of a stanza's body.
const COLUMNS: usize = 64;
/// Longest line that is read, in bytes.
const MAX_LINE: u64 = 64 * 1024;
/// Most lines of a stanza's body: 48 KiB.
const MAX_BODY: usize = 1024;
/// Longest name of a plugin.
const MAX_NAME: usize = 64;
/// How many of its messages are told.
const MAX_MESSAGES: usize = 10;

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
        let mut asking = Asking::new(headers.len());
        let program = program(name);
        let broke_off = asking
            .converse(&keys, headers, conversation)
            .err()
            .map(|error| format!("{program} broke off: {}", recipient::shown_message(&error.to_string())));
        let told = Told { messages: asking.messages, knows_many: asking.knows_many };
        let faults = asking.faults.into_iter().map(|fault| fault.or_else(|| asking.fault.clone()));
        for ((header, key), fault) in headers.iter().zip(asking.keys).zip(faults) {
            let reason = match (&fault, &broke_off) {
                (Some(fault), _) => format!("{program} says: {fault}"),
                (None, Some(broke_off)) => broke_off.clone(),
                (None, None) => format!("{program} has no key for it"),
            };
            let is_fault = fault.is_some() || broke_off.is_some();
            let key = key.ok_or(Refusal { reason, is_fault });
            self.note(header, name, key);
        }
        told
    }

    /// Notes that the plugin `name` could not be asked, and why.
    pub(super) fn could_not_ask(&mut self, name: &str, headers: &[&Header], reason: &str) {
        for header in headers {
            self.note(header, name, Err(Refusal { reason: reason.into(), is_fault: true }));
        }
    }
}

/// What a plugin told beside file keys.
pub struct Told {
    /// For people: fit to be printed.
    pub messages: Vec<String>,
    /// Whether it has shown that it takes several files at once.
    pub knows_many: bool,
}

/// A conversation.
struct Asking {
    keys: Vec<Option<FileKey>>,
    /// What it says is wrong with single files, or with all.
    faults: Vec<Option<String>>,
    fault: Option<String>,
    messages: Vec<String>,
    knows_many: bool,
}

impl Asking {
    fn new(files: usize) -> Self {
        Self {
            keys: (0..files).map(|_| None).collect(),
            faults: (0..files).map(|_| None).collect(),
            fault: None,
            messages: Vec::new(),
            knows_many: false,
        }
    }

    fn converse(
        &mut self,
        keys: &[&PluginKey],
        headers: &[&Header],
        conversation: &mut (impl BufRead + Write),
    ) -> io::Result<()> {
        for key in keys {
            let line = Zeroizing::new([b"-> add-identity ", key.text.expose(), b"\n\n"].concat());
            conversation.write_all(&line)?;
        }
        for (number, header) in headers.iter().enumerate() {
            for stanza in &header.stanzas {
                conversation.write_all(recipient_stanza(number, stanza).as_bytes())?;
            }
        }
        conversation.write_all(b"-> done\n\n")?;
        loop {
            let command = Command::read(conversation)?;
            let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
            if words == ["done"] {
                return Ok(());
            }
            let answer = self.answer(&words, &command.body);
            conversation.write_all(format!("-> {answer}\n\n").as_bytes())?;
        }
    }

    /// Carries out a command of the plugin, and says what is answered.
    fn answer(&mut self, words: &[&str], body: &[u8]) -> &'static str {
        let text = || recipient::shown_message(&String::from_utf8_lossy(body));
        let files = self.keys.len();
        let index = |text: &str| text.parse::<usize>().ok().filter(|index| *index < files);
        match words {
            ["file-key", file] => match (index(file), <&[u8; FILE_KEY_BYTES]>::try_from(body)) {
                (Some(file), Ok(key)) => {
                    self.knows_many |= file > 0;
                    self.keys[file].get_or_insert_with(|| copy_of(key));
                    "ok"
                }
                _ => "fail",
            },
            ["error", "stanza", file, ..] if index(file).is_some() => {
                let file = index(file).unwrap_or_default();
                self.knows_many |= file > 0;
                self.faults[file].get_or_insert_with(text);
                "ok"
            }
            ["error", ..] => {
                self.fault.get_or_insert_with(text);
                "ok"
            }
            ["msg"] => {
                self.tell(text());
                "ok"
            }
            // Nobody is there to answer at boot.
            ["request-public" | "request-secret" | "confirm", ..] => {
                let asked = text();
                self.fault.get_or_insert_with(|| format!("it needs an answer that nobody can give: {asked}"));
                "fail"
            }
            _ => "unsupported",
        }
    }

    fn tell(&mut self, message: String) {
        if self.messages.len() < MAX_MESSAGES {
            self.messages.push(message);
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

/// A stanza of file `number` as the plugin gets it.
fn recipient_stanza(number: usize, stanza: &Stanza) -> String {
    let mut text = format!("-> recipient-stanza {number} {}", stanza.tag);
    for argument in &stanza.args {
        text.push(' ');
        text.push_str(argument);
    }
    text.push('\n');
    let body = BASE64_STANDARD_NO_PAD.encode(&stanza.body);
    let mut rest = body.as_str();
    // The last line is shorter than the others, and empty if need be.
    while rest.len() >= COLUMNS {
        let (line, behind) = rest.split_at(COLUMNS);
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    text + rest + "\n"
}

/// A stanza that the plugin sent.
struct Command {
    words: Vec<String>,
    body: Wiped,
}

impl Command {
    fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let no_stanza = || io::Error::other("what it says is not a stanza");
        let mut first = line(from)?;
        if first.is_empty() {
            // Whoever watches the program ends its last line before saying that it has ended.
            first = line(from)?;
        }
        let text = std::str::from_utf8(&first).ok().and_then(|text| text.strip_prefix("-> "));
        let words = text.ok_or_else(no_stanza)?.split(' ').map(str::to_owned).collect();
        let mut body = SecretBuffer::default();
        for _ in 0..MAX_BODY {
            let part = line(from)?;
            body.push(&part);
            if part.len() < COLUMNS {
                let body = BASE64_STANDARD_NO_PAD.decode(body.expose()).map_err(|_| no_stanza())?;
                return Ok(Self { words, body: Wiped::from(body) });
            }
            if part.len() > COLUMNS {
                return Err(no_stanza());
            }
        }
        Err(io::Error::other("a stanza is longer than 48 KiB"))
    }
}

/// A line without its end.
fn line(from: &mut impl BufRead) -> io::Result<Wiped> {
    // Room for a line of a body, so that none is copied as it grows.
    let mut line = Wiped::from(Vec::with_capacity(COLUMNS + 1));
    from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        None => Err(io::Error::other("it ended before it was done")),
        Some(_) => Err(io::Error::other("it ended, or goes on, in the middle of a line")),
    }
}
