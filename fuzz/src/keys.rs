//! Private keys, public keys and age files, beside what the age crate makes of them.

use std::io::Read as _;
use std::str::FromStr as _;
use std::sync::OnceLock;

use sops_activate::keys::{self, Keyring};

use super::plain::keyring;

/// What every age file of the corpus holds.
const PLAINTEXT: &[u8] = b"a text of one line\n";

/// An age file: it is refused, or gives what was encrypted, as it does for the age crate. What that crate opens with the age
/// key is opened.
pub fn age_file(data: &[u8]) {
    let theirs = opened_by_age(data);
    match keyring().open_age_file(data) {
        Ok((plaintext, by)) => {
            assert!(plaintext.expose() == PLAINTEXT, "another plaintext");
            assert_eq!(keys::check_age_file(data), Ok(()));
            assert!(theirs.is_some() || !by.recipient.starts_with("age1"), "the age crate does not open it");
        }
        Err(locked) => {
            assert!(locked.reason.len() <= 1200 && locked.encrypted_for.len() <= 51);
            assert!(locked.encrypted_for.iter().all(|text| !text.chars().any(char::is_control)));
            assert!(theirs.is_none(), "the age crate opens it: {}", locked.reason);
        }
    }
    assert!(theirs.is_none_or(|plaintext| plaintext == PLAINTEXT));
}

/// What the age crate finds in a file with the age key, if it is whole.
fn opened_by_age(data: &[u8]) -> Option<Vec<u8>> {
    static IDENTITY: OnceLock<age::x25519::Identity> = OnceLock::new();
    let identity = IDENTITY.get_or_init(|| {
        let line = include_str!("../keys/age.txt").lines().find(|line| line.starts_with("AGE-"));
        line.expect("a key").parse().expect("a key")
    });
    let decryptor = age::Decryptor::new_buffered(age::armor::ArmoredReader::new(data)).ok()?;
    let mut plaintext = Vec::new();
    let mut reader = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).ok()?;
    reader.read_to_end(&mut plaintext).ok().map(|_| plaintext)
}

/// An age key file: its keys are those that the age crate finds in its lines, all of them where that crate takes the whole file,
/// and no message holds a part of one.
pub fn identity_file(data: &[u8]) {
    let mut keyring = Keyring::new();
    keyring.add_age_key_file("key.txt".as_ref(), data);
    assert!(!(keyring.public().is_empty() && keyring.unusable().is_empty()), "nothing is said of the file");
    let lines =
        || data.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line.trim_ascii()).ok());
    let secret = |line: &&str| line.starts_with("AGE-SECRET-KEY-1");
    for unusable in keyring.unusable() {
        assert!(unusable.reason.len() <= 300, "{}", unusable.reason);
        let told = unusable.reason.replace("AGE-SECRET-KEY-1", "");
        for line in lines().filter(secret) {
            // Keys are in upper case; words of a message that stand in a key too are not.
            let mut parts = line.as_bytes()[16..]
                .windows(16)
                .filter(|part| part.iter().all(|byte| !byte.is_ascii_lowercase()));
            let key = parts.any(|part| told.as_bytes().windows(16).any(|told| told == part));
            assert!(!key, "a message holds a part of a key");
        }
    }
    let is_theirs = age::IdentityFile::from_buffer(data).is_ok();
    if is_theirs || !keyring.public().is_empty() {
        let theirs = lines().filter(secret).filter_map(|line| age::x25519::Identity::from_str(line).ok());
        let theirs: Vec<String> = theirs.map(|key| key.to_public().to_string()).collect();
        let ours: Vec<&str> = keyring.public().iter().map(|public| public.recipient.as_str()).collect();
        assert_eq!(ours, theirs);
    }
}

/// An SSH private key: it is refused, or is the key that it was; as it was, it is taken.
pub fn ssh_key(data: &[u8]) {
    let mut ours = Keyring::new();
    ours.add_ssh_key("ssh".as_ref(), data);
    assert_eq!(ours.public().is_empty(), !ours.unusable().is_empty());
    if !ours.public().is_empty() {
        let recipients = |keyring: &Keyring, skipped| {
            keyring.public()[skipped..].iter().map(|public| public.recipient.clone()).collect::<Vec<_>>()
        };
        assert_eq!(recipients(&ours, 0), recipients(keyring(), 1));
    }
    assert!(ours.unusable().iter().all(|unusable| unusable.reason.len() <= 300));
    assert!(ours.unusable().is_empty() || data != include_bytes!("../keys/ssh_ed25519"), "it is refused");
}

/// Whatever may hold a public key: each recipient that is found is one for the age crate too, and each of its recipients is one.
pub fn recipients(data: &[u8]) {
    match keys::recipients_of(data) {
        Ok(found) => {
            for recipient in &found.found {
                assert!(age::x25519::Recipient::from_str(recipient).is_ok(), "{recipient}");
            }
        }
        Err(reasons) => assert!(!reasons.is_empty(), "no reason is given"),
    }
    for line in data.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok()).take(20) {
        let theirs = age::x25519::Recipient::from_str(line).is_ok();
        assert!(!theirs || keys::opened_by(line).is_ok(), "{line}");
        if let Ok(texts) = keys::opened_by(line) {
            assert!(texts.iter().all(|text| keys::opened_by(text).is_ok()), "{texts:?}");
            // A second `1` is in the names of plugins' recipients alone.
            let is_recipient =
                |text: &&String| text.strip_prefix("age1").is_some_and(|rest| !rest.contains('1'));
            for text in texts.iter().filter(is_recipient) {
                assert!(age::x25519::Recipient::from_str(text).is_ok(), "{text}");
            }
        }
        let _ = keys::convert_public(line);
        let _ = keys::without_comment(line);
    }
}
