//! What an age plugin says.

use std::io::{self, BufRead, Cursor, Read, Write};

use sops_activate::keys::Keyring;

/// A plain age file for a plugin that wraps nothing: its file key stands in the stanza as it is.
const FILE: &[u8] = include_bytes!("../keys/toy.age");
const KEY: &str = "AGE-PLUGIN-TOY-1D4SKGEFQVEHHYGRPYP6X2UM5XM5YKJ";

/// A plugin that says what it is told to, whatever it hears.
struct Says<'a>(Cursor<&'a [u8]>);

impl Read for Says<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BufRead for Says<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl Write for Says<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// It opens the file only if it says its key; whatever else it says is a reason or a message, short and fit to be printed.
pub fn says(data: &[u8]) {
    let mut keyring = Keyring::with_plugins(["toy"].into_iter(), "the list");
    keyring.add_age_key_file("key.txt".as_ref(), KEY.as_bytes());
    let headers = keyring.open_age_file(FILE).err().expect("no key of ours opens it").unasked;
    let asked = keyring.unanswered(&headers);
    let told = keyring.ask_plugin("toy", &asked, &mut Says(Cursor::new(data)));
    let printable = |text: &String| text.chars().count() <= 3500 && !text.chars().any(char::is_control);
    assert!(told.messages.len() <= 10 && told.messages.iter().all(printable));
    assert!(!told.knows_many, "there is one file only");
    let says_key = || data.windows(file_key().len()).any(|part| part == file_key());
    match keyring.open_age_file(FILE) {
        Ok((plaintext, _)) => assert!(plaintext.expose() == b"age toy" && says_key()),
        Err(locked) => {
            assert!(printable(&locked.reason) && locked.details.iter().all(printable), "{}", locked.reason);
            assert!(locked.unasked.is_empty(), "it was asked");
        }
    }
}

/// The body of the stanza of the type `toy`.
fn file_key() -> &'static [u8] {
    let stanza = b"\n-> toy\n";
    let start = FILE.windows(stanza.len()).position(|part| part == stanza).expect("a stanza") + stanza.len();
    let length = FILE[start..].iter().position(|byte| *byte == b'\n').expect("a line");
    &FILE[start..start + length]
}
