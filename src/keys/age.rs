//! Opening age files: which identity fits, then the age crate for header, header MAC and payload.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read};

use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use super::identity::{BadStanza, Identity};
use super::plugin::{Answer, Header, Plugins, Refusal, Standing, program};
use super::recipient;
use crate::secret::Secret;

/// Longest header taken, in bytes. A stanza has 100 (X25519) to 1,700 (post-quantum) bytes.
const MAX_HEADER: usize = 1024 * 1024;

/// Most stanzas taken: each is tried with each identity.
const MAX_STANZAS: usize = 4096;

/// Bytes between header and payload.
const NONCE: usize = 16;

/// An opened age file.
pub(super) struct Opened {
    /// The whole plaintext, authenticated to its end.
    pub(super) plaintext: Secret,
    /// Who opened it.
    pub(super) by: By,
}

/// Whose key it was that opened a file.
#[derive(Clone)]
pub(super) enum By {
    /// One of the identities.
    Identity(usize),
    /// What the plugin of this name has answered.
    Plugin(String),
}

/// Why an age file stayed closed.
pub(super) enum Closed {
    /// It is well-formed and for somebody else.
    NotOurs {
        /// The kinds of its stanzas, for people.
        stanzas: Vec<String>,
        /// Why not, if all or some of them are of a kind that this program cannot open.
        unsupported: Option<&'static str>,
        /// What plugins have to do with it.
        asking: Asking,
    },
    /// It is malformed, or does not hold what its header promises.
    Damaged {
        /// What is wrong, a clause about "it".
        reason: String,
        /// Whether one of the identities had been recognized before.
        ours: bool,
    },
}

/// What plugins have to do with a file that stayed closed.
pub(super) enum Asking {
    /// There is no key of any plugin.
    Nobody,
    /// They can be asked about this header.
    Unasked(Header),
    /// They were asked, and this is why it stayed closed.
    Refused(Refusal),
}

/// Opens a binary age file with the first identity that fits: `first`, if given, then all in order; or with what a plugin has answered.
///
/// # Errors
/// [`Closed`]; nothing of a file whose payload is damaged is handed out.
pub(super) fn open(
    file: &[u8],
    identities: &[Identity],
    first: Option<usize>,
    plugins: &Plugins,
) -> Result<Opened, Closed> {
    let header_length = header_length(file).map_err(|reason| damaged(reason, false))?;
    let (header, payload) = file.split_at(header_length);
    if has_passphrase(header) {
        let stanzas = vec!["passphrase (scrypt)".into()];
        let unsupported = Some("it is encrypted with a passphrase");
        return Err(Closed::NotOurs { stanzas, unsupported, asking: Asking::Nobody });
    }
    if memchr::memmem::find_iter(header, b"\n-> ").nth(MAX_STANZAS).is_some() {
        return Err(damaged("it is encrypted for more than 4096 recipients", false));
    }
    if payload.len() < NONCE {
        return Err(damaged("it is cut off behind its header", false));
    }
    let attempt = Attempt::new(identities, first, plugins.standing(header));
    let decryptor = age::Decryptor::new_buffered(InOnePiece { header, payload })
        .map_err(|_| damaged("its header is malformed", false))?;
    let reader =
        decryptor.decrypt(std::iter::once(&attempt as &dyn age::Identity)).map_err(|_| attempt.closed())?;
    let by = attempt.opened_by.take().ok_or_else(|| attempt.closed())?;
    let plaintext = read_payload(reader, payload.len())
        .map_err(|_| damaged("its payload is damaged or cut off", true))?;
    Ok(Opened { plaintext, by })
}

fn damaged(reason: &str, ours: bool) -> Closed {
    Closed::Damaged { reason: reason.into(), ours }
}

/// Length of the header with its `---` line.
fn header_length(file: &[u8]) -> Result<usize, &'static str> {
    if !file.starts_with(b"age-encryption.org/") {
        return Err("it is not an age file");
    }
    if !file.starts_with(b"age-encryption.org/v1\n") {
        return Err("it is of a version of the age format that is not known");
    }
    let searched = &file[..file.len().min(MAX_HEADER)];
    let unfinished =
        || if file.len() > MAX_HEADER { "its header is too long" } else { "its header is cut off" };
    let mac_line = memchr::memmem::find(searched, b"\n---").ok_or_else(unfinished)? + 1;
    let mac_end = memchr::memchr(b'\n', &searched[mac_line..]).ok_or_else(unfinished)?;
    Ok(mac_line + mac_end + 1)
}

/// Whether there is a passphrase stanza. age refuses one that is not alone, without saying so.
fn has_passphrase(header: &[u8]) -> bool {
    memchr::memmem::find(header, b"\n-> scrypt ").is_some()
}

/// Reads a payload to its end. `bound` is at least its length, so that the buffer never grows.
fn read_payload(mut reader: impl Read, bound: usize) -> io::Result<Secret> {
    let mut plaintext = Zeroizing::new(vec![0; bound]);
    let mut length = 0;
    loop {
        match reader.read(&mut plaintext[length..])? {
            0 => break,
            more => length += more,
        }
    }
    plaintext.truncate(length);
    Ok(Secret::new(std::mem::take(&mut *plaintext)))
}

/// All identities as one, so that it is known afterwards which one fitted and what was in the way.
struct Attempt<'a> {
    identities: &'a [Identity],
    first: Option<usize>,
    plugins: Standing<'a>,
    opened_by: RefCell<Option<By>>,
    bad: Cell<Option<BadStanza>>,
    stanzas: RefCell<Vec<String>>,
    unsupported: Cell<Option<&'static str>>,
    /// For plugins, if they can be asked.
    header: RefCell<Option<Header>>,
}

impl<'a> Attempt<'a> {
    fn new(identities: &'a [Identity], first: Option<usize>, plugins: Standing<'a>) -> Self {
        Self {
            identities,
            first,
            plugins,
            opened_by: RefCell::default(),
            bad: Cell::new(None),
            stanzas: RefCell::default(),
            unsupported: Cell::new(None),
            header: RefCell::default(),
        }
    }

    /// Why it stayed closed, after age gave up.
    fn closed(&self) -> Closed {
        if let Some(bad) = self.bad.take() {
            return damaged(bad.reason, bad.ours);
        }
        match self.opened_by.take() {
            Some(By::Identity(_)) => return damaged("its header was changed: the MAC does not match", true),
            Some(By::Plugin(name)) => {
                let program = program(&name);
                let reason =
                    format!("its header was changed, or {program} gave a wrong key: the MAC does not match");
                return damaged(&reason, true);
            }
            None => {}
        }
        let asking = match (&self.plugins, self.header.take()) {
            (Standing::Asked(Answer { key: Err(reason), .. }), _) => Asking::Refused(reason.clone()),
            (_, Some(header)) => Asking::Unasked(header),
            _ => Asking::Nobody,
        };
        Closed::NotOurs { stanzas: self.stanzas.take(), unsupported: self.unsupported.get(), asking }
    }

    /// What a plugin has answered.
    fn answered(&self) -> Option<(By, FileKey)> {
        let Standing::Asked(answer) = &self.plugins else { return None };
        Some((By::Plugin(answer.name.clone()), answer.file_key()?))
    }

    fn note_kinds(&self, stanzas: &[Stanza]) {
        let kinds = stanzas.iter().filter(|stanza| !stanza.tag.ends_with("-grease"));
        for stanza in kinds.clone() {
            if let Some(reason) = recipient::unsupported_stanza(&stanza.tag) {
                self.unsupported.set(Some(reason));
            }
        }
        *self.stanzas.borrow_mut() = kinds.map(recipient::describe_stanza).collect();
        if let Standing::Unasked(digest) = self.plugins {
            *self.header.borrow_mut() = Some(Header::new(digest, stanzas));
        }
    }
}

impl age::Identity for Attempt<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        if let Some((by, file_key)) = self.answered() {
            *self.opened_by.borrow_mut() = Some(by);
            return Some(Ok(file_key));
        }
        let others = (0..self.identities.len()).filter(|index| Some(*index) != self.first);
        for index in self.first.into_iter().chain(others) {
            let identity = self.identities.get(index)?;
            match stanzas.iter().find_map(|stanza| identity.unwrap_stanza(stanza)) {
                None => {}
                Some(Ok(file_key)) => {
                    *self.opened_by.borrow_mut() = Some(By::Identity(index));
                    return Some(Ok(file_key));
                }
                Some(Err(bad)) => {
                    self.bad.set(Some(bad));
                    return Some(Err(age::DecryptError::InvalidHeader));
                }
            }
        }
        self.note_kinds(stanzas);
        None
    }
}

/// Hands the header out in one piece. age parses from its start again after every line that it reads,
/// which takes quadratic time for a header of many lines.
struct InOnePiece<'a> {
    header: &'a [u8],
    payload: &'a [u8],
}

impl InOnePiece<'_> {
    fn rest(&mut self) -> &mut Self {
        if self.header.is_empty() {
            self.header = std::mem::take(&mut self.payload);
        }
        self
    }
}

impl Read for InOnePiece<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.rest().header.read(buffer)
    }
}

impl BufRead for InOnePiece<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.rest().header)
    }

    fn consume(&mut self, amount: usize) {
        self.header.consume(amount);
    }

    /// The whole header, whatever `byte` is; then nothing.
    fn read_until(&mut self, _byte: u8, line: &mut Vec<u8>) -> io::Result<usize> {
        line.extend_from_slice(self.header);
        Ok(std::mem::take(&mut self.header).len())
    }
}
