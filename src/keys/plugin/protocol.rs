//! A conversation with a plugin: the client's side of the state machine `identity-v1`.

use std::io::{self, BufRead, Read as _, Write};

use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::{Header, PluginKey, copy_of};
use crate::keys::recipient;
use crate::secret::{SecretBuffer, Wiped};

/// Columns of a stanza's body.
const COLUMNS: usize = 64;
/// Longest line that is read, in bytes.
const MAX_LINE: u64 = 64 * 1024;
/// Most lines of a stanza's body: 48 KiB.
const MAX_BODY: usize = 1024;
/// How many of its messages are told.
const MAX_MESSAGES: usize = 10;

/// What a plugin told beside file keys.
pub struct Told {
    /// For people: fit to be printed.
    pub messages: Vec<String>,
    /// Whether it has shown that it takes several files at once.
    pub knows_many: bool,
}

/// What came of asking a plugin.
pub(super) struct Heard {
    /// For each header its file key, or what the plugin says is wrong, if it says so.
    pub(super) answers: Vec<Result<FileKey, Option<String>>>,
    /// Why the plugin did not come to the end.
    pub(super) broke_off: Option<String>,
    /// What else it has told.
    pub(super) told: Told,
}

/// Asks a plugin that holds `keys` for the file keys of `headers`.
pub(super) fn ask(
    keys: &[&PluginKey],
    headers: &[&Header],
    conversation: &mut (impl BufRead + Write),
) -> Heard {
    let mut asking = Asking::new(headers.len());
    let end = asking.converse(keys, headers, conversation);
    let general = asking.fault;
    let answers = asking.keys.into_iter().zip(asking.faults);
    Heard {
        answers: answers.map(|(key, fault)| key.ok_or_else(|| fault.or_else(|| general.clone()))).collect(),
        broke_off: end.err().map(|error| recipient::shown_message(&error.to_string())),
        told: Told { messages: asking.messages, knows_many: asking.knows_many },
    }
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
