//! Plugins that answer what is written here: the protocol, and all that can be wrong with what a plugin says.

use std::cell::RefCell;
use std::io::{self, Cursor, Read};

use age_core::primitives::bech32_encode;
use age_core::secrecy::ExposeSecret as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bech32::Hrp;

use super::unlock::{entry, of_age, wrapped};
use super::*;
use crate::sops::metadata::Metadata;

/// A key of the plugin `name`.
pub(super) fn key(name: &str) -> String {
    bech32_encode(Hrp::parse_unchecked(&format!("age-plugin-{name}-")), b"key").to_uppercase()
}

/// A recipient of the plugin `name`.
pub(super) fn recipient(name: &str) -> String {
    bech32_encode(Hrp::parse_unchecked(&format!("age1{name}")), b"recipient")
}

/// A plugin that says what is written down, whatever it hears.
struct Scripted {
    says: Cursor<Vec<u8>>,
    heard: Vec<u8>,
}

impl Scripted {
    fn new(says: impl Into<Vec<u8>>) -> Self {
        Self { says: Cursor::new(says.into()), heard: Vec::new() }
    }

    fn heard(&self) -> &str {
        std::str::from_utf8(&self.heard).unwrap()
    }
}

impl Read for Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.says.read(buffer)
    }
}

impl BufRead for Scripted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.says.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.says.consume(amount);
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A keyring with one key, of the plugin `toy`.
fn keyring() -> Keyring {
    let mut keyring = Keyring::with_plugins(["toy", "other"].into_iter(), "the list");
    keyring.add_age_key_file(Path::new("/key.txt"), key("toy").as_bytes());
    assert_eq!(keyring.unusable(), []);
    assert!(keyring.public().is_empty() && !keyring.is_empty());
    keyring
}

/// A sops block with one entry that only `toy` opens, whose stanza has a body of `length` bytes; and its file key.
fn for_toy(length: usize) -> (Metadata, String) {
    let file_key = RefCell::new(String::new());
    let toy = Crafted(|key: &FileKey| {
        *file_key.borrow_mut() = BASE64_STANDARD_NO_PAD.encode(key.expose_secret());
        vec![foreign_stanza("toy", &["a", "b"], length)]
    });
    let metadata = of_age(vec![entry(recipient("toy"), wrapped(&[&toy]))]);
    (metadata, file_key.into_inner())
}

/// What plugins may be asked about.
fn unasked(keyring: &Keyring, metadata: &Metadata) -> Vec<Header> {
    keyring.unlock(metadata).err().unwrap().unasked
}

fn ask(keyring: &mut Keyring, headers: &[Header], says: impl Into<Vec<u8>>) -> (Told, String) {
    let mut plugin = Scripted::new(says);
    let headers = keyring.unanswered(headers);
    let told = keyring.ask_plugin("toy", &headers, &mut plugin);
    (told, plugin.heard().to_owned())
}

#[test]
fn a_file_key_of_a_plugin_opens_the_file() {
    let mut keyring = keyring();
    let (metadata, file_key) = for_toy(48);
    let headers = unasked(&keyring, &metadata);
    let grease = "-> x-grease a b\nAAAA\n";
    let (told, heard) = ask(
        &mut keyring,
        &headers,
        format!("{grease}-> msg\nSGVsbG8bCg\n-> file-key 0\n{file_key}\n-> done\n\n"),
    );
    // 48 bytes fill a line, so that an empty one ends the body.
    let asked = format!(
        "-> add-identity {}\n\n-> recipient-stanza 0 toy a b\n{}\n\n",
        key("toy"),
        BASE64_STANDARD_NO_PAD.encode([7; 48])
    );
    // Between the two stands what age itself puts into every header, which is for nobody.
    assert!(heard.starts_with(&asked), "{heard}");
    assert!(heard.ends_with("-> done\n\n-> unsupported\n\n-> ok\n\n-> ok\n\n"), "{heard}");
    assert_eq!(told.messages, ["Hello\\u{1b}"]);
    assert!(!told.knows_many);
    let unlocked = keyring.unlock(&metadata).map_err(|locked| locked.reason).unwrap();
    assert_eq!(unlocked.by, PublicIdentity { recipient: recipient("toy"), source: "/key.txt".into() });
    assert!(keyring.unanswered(&headers).is_empty());
}

#[test]
fn several_files_are_asked_about_at_once() {
    let mut keyring = keyring();
    let files: Vec<(Metadata, String)> = [1, 47, 49].map(for_toy).into();
    let mut headers: Vec<Header> = files.iter().flat_map(|(file, _)| unasked(&keyring, file)).collect();
    headers.extend(unasked(&keyring, &files[0].0));
    let says = format!(
        "-> file-key 2\n{}\n-> error stanza 1 0\nYnJva2Vu\n-> file-key 0\n{}\n-> done\n\n",
        files[2].1, files[0].1
    );
    let (told, heard) = ask(&mut keyring, &headers, says);
    assert!(told.knows_many);
    assert!(
        heard.contains("-> recipient-stanza 2 toy") && !heard.contains("stanza 3 "),
        "each once: {heard}"
    );
    assert!(keyring.unlock(&files[0].0).is_ok() && keyring.unlock(&files[2].0).is_ok());
    let locked = keyring.unlock(&files[1].0).err().unwrap();
    assert_eq!(locked.reason, "none of this machine's keys can open it");
    assert_eq!(locked.details, [format!("{}: age-plugin-toy says: broken", recipient("toy"))]);
    assert!(locked.unasked.is_empty(), "it was asked");
    assert_eq!(keyring.unanswered(&headers).len(), 1, "but may be asked again");
}

#[test]
fn a_wrong_file_key_is_told_from_none() {
    let mut keyring = keyring();
    let (metadata, _) = for_toy(16);
    let headers = unasked(&keyring, &metadata);
    ask(&mut keyring, &headers, "-> file-key 0\nAAAAAAAAAAAAAAAAAAAAAA\n-> done\n\n");
    let locked = keyring.unlock(&metadata).err().unwrap();
    assert!(locked.ours_but_broken);
    assert!(
        locked.reason.ends_with("or age-plugin-toy gave a wrong key: the MAC does not match"),
        "{}",
        locked.reason
    );
}

#[test]
fn whatever_a_plugin_says_is_a_reason_and_no_more() {
    let flood = "-> msg\nSGVsbG8\n".repeat(5000) + "-> done\n\n";
    let long = format!("-> msg\n{}", ("A".repeat(64) + "\n").repeat(2000));
    let cut = format!(
        "-> error internal\n{}\n-> done\n\n",
        "YWFh".repeat(16) + "\n" + &("YWFh".repeat(16) + "\n").repeat(9)
    );
    let endless = format!("-> {}", "x".repeat(70_000));
    let message = format!("-> error internal\n{}\n-> done\n\n", BASE64_STANDARD_NO_PAD.encode([b'x'; 45]));
    let cases: [(&str, &str); 20] = [
        ("-> done\n\n", "has no key for it"),
        ("", "broke off: it ended before it was done"),
        ("\n", "broke off: it ended before it was done"),
        ("-> do", "broke off: it ended, or goes on, in the middle of a line"),
        ("-> done\n", "broke off: it ended before it was done"),
        ("Traceback:\n", "broke off: what it says is not a stanza"),
        ("-> msg\n!\n", "broke off: what it says is not a stanza"),
        ("-> msg\nA\n", "broke off: what it says is not a stanza"),
        ("\u{fc}\n", "broke off: what it says is not a stanza"),
        (&long, "broke off: a stanza is longer than 48 KiB"),
        (&flood, "has no key for it"),
        ("-> file-key 1\nAAAAAAAAAAAAAAAAAAAAAA\n-> done\n\n", "has no key for it"),
        ("-> file-key -1\nAAAAAAAAAAAAAAAAAAAAAA\n-> done\n\n", "has no key for it"),
        ("-> file-key 0\nAAAA\n-> done\n\n", "has no key for it"),
        ("-> error identity 0\nbm8gVFBN\n-> done\n\n", "says: no TPM"),
        ("-> request-secret\nUElO\n-> done\n\n", "says: it needs an answer that nobody can give: PIN"),
        ("-> confirm eWVz\nVG91Y2g\n-> done\n\n", "says: it needs an answer that nobody can give: Touch"),
        (&cut, &format!("says: {}…", "a".repeat(300))),
        (&endless, "broke off: it ended, or goes on, in the middle of a line"),
        (&message, &format!("says: {}", "x".repeat(45))),
    ];
    for (says, expected) in cases {
        let mut keyring = keyring();
        let (metadata, _) = for_toy(16);
        let headers = unasked(&keyring, &metadata);
        let (told, _) = ask(&mut keyring, &headers, says);
        assert!(told.messages.len() <= 10);
        let locked = keyring.unlock(&metadata).err().unwrap();
        assert_eq!(
            locked.details,
            [format!("{}: age-plugin-toy {expected}", recipient("toy"))],
            "{says:.60}"
        );
        assert!(!locked.unsupported && !locked.ours_but_broken);
    }
}

#[test]
fn a_plain_age_file_is_opened_by_a_plugin() {
    let file_key = RefCell::new(String::new());
    let toy = Crafted(|key: &FileKey| {
        *file_key.borrow_mut() = BASE64_STANDARD_NO_PAD.encode(key.expose_secret());
        vec![foreign_stanza("toy", &[], 16), foreign_stanza("tpm", &["x"], 16)]
    });
    let file = encrypt(b"plain", &[&toy]);
    let mut keyring = keyring();
    let headers = keyring.open_age_file(&file).err().unwrap().unasked;
    let (_, heard) =
        ask(&mut keyring, &headers, format!("-> file-key 0\n{}\n-> done\n\n", file_key.borrow()));
    assert!(heard.contains("-> recipient-stanza 0 tpm x\n"), "every stanza is for every plugin: {heard}");
    let (secret, by) = keyring.open_age_file(&file).map_err(|locked| locked.reason).unwrap();
    assert_eq!(secret.expose(), b"plain");
    assert_eq!(by.recipient, "age-plugin-toy");
}

#[test]
fn our_own_keys_come_first_and_damage_is_not_asked_about() {
    let mut keyring = keyring();
    keyring.add_ssh_key(Path::new("/ssh"), &SshFields::good().file());
    let toy = Crafted(|_: &FileKey| vec![foreign_stanza("toy", &[], 16)]);
    let both = of_age(vec![entry(recipient("toy"), wrapped(&[&toy])), entry(RECIPIENT, wrapped(&[&ours()]))]);
    assert!(keyring.unlock(&both).is_ok());
    let damaged = of_age(vec![entry(recipient("toy"), wrapped(&[&toy]).replace("BEGIN", "BEGUN"))]);
    assert!(unasked(&keyring, &damaged).is_empty());
    assert!(unasked(&host(), &of_age(vec![entry(recipient("toy"), wrapped(&[&toy]))])).is_empty());
}

#[test]
fn keys_are_taken_of_listed_plugins_only() {
    let mut keyring = Keyring::with_plugins(["toy"].into_iter(), "the list");
    let file = format!("{}\n{}\n{AGE_KEY}\n{}\n", key("tpm"), key("toy"), key("..%2fsh"));
    keyring.add_age_key_file(Path::new("/key.txt"), file.as_bytes());
    let expected = [
        "line 1 is a key of age-plugin-tpm, which is not in the list",
        "line 4 is a key of a plugin whose name is not one",
    ];
    assert_eq!(reasons(&keyring), expected);
    assert_eq!(keyring.plugins(), ["toy"]);
    let held: Vec<_> = keyring.held_by_plugins().collect();
    assert_eq!(held, [("a key of age-plugin-toy".to_owned(), Path::new("/key.txt"))]);
    let long = "x".repeat(65);
    let mut with_long_name = Keyring::with_plugins([long.as_str()].into_iter(), "the list");
    with_long_name.add_age_key_file(Path::new("/key.txt"), key(&long).as_bytes());
    assert_eq!(reasons(&with_long_name), ["line 1 is a key of a plugin whose name is not one"]);
    let mut lower = Keyring::with_plugins(["toy"].into_iter(), "the list");
    lower.add_age_key_file(Path::new("/key.txt"), key("toy").to_lowercase().as_bytes());
    assert_eq!(reasons(&lower), ["line 1 is not an age key"]);
}

#[test]
fn a_plugin_that_cannot_be_asked_is_a_reason() {
    let mut keyring = keyring();
    let (metadata, _) = for_toy(16);
    let headers = unasked(&keyring, &metadata);
    let unanswered = keyring.unanswered(&headers);
    keyring.could_not_ask("toy", &unanswered, "cannot start age-plugin-toy: it is not there");
    let locked = keyring.unlock(&metadata).err().unwrap();
    assert_eq!(
        locked.details,
        [format!("{}: cannot start age-plugin-toy: it is not there", recipient("toy"))]
    );
}
