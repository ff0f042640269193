//! Everything here makes its own keys; nothing is read from outside.

mod age_files;
mod key_files;
mod plugins;
mod recipients;
mod ssh_keys;
mod unlock;

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;

use ::age::secrecy::SecretString;
use age_core::format::{FileKey, Stanza};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::*;

/// The vector: an ed25519 key made with ssh-keygen, and what ssh-to-age and age say about it.
const SEED: &str = "5c00a31b1d9cd1502184027cc7c005fd338a3bf0eccce4fb606e1f0bdea7e3fe";
const ED25519: &str = "d96904accadbe1dfb24dd91a53ce8fca74ed4313f61d542e412b24945e2b44b5";
const AGE_KEY: &str = "AGE-SECRET-KEY-1PSJ4SP9732ZKYU5CZSFFKNTG5T3X8YKLR8H78TTURV2NY6FU0T6Q4H0KWK";
/// The same key with a clamped scalar: another text, the same recipient.
const RECIPIENT: &str = "age1lw80rp554jex23f5p50hx4xlm6ph9awkny97agse7nw8s6frudrq33excd";
const SSH_RECIPIENT: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINlpBKzK2+Hfsk3ZGlPOj8p07UMT9h1ULkErJJReK0S1";

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap());
    bytes.collect::<Vec<_>>().try_into().unwrap()
}

/// The fields of an OpenSSH private key file, to be got wrong one by one.
#[derive(Clone)]
struct SshFields {
    magic: &'static [u8],
    cipher: &'static str,
    kdf: &'static str,
    kdf_options: &'static str,
    count: u32,
    public: Vec<u8>,
    checks: (u32, u32),
    kind: &'static str,
    inner_public: Vec<u8>,
    pair: Vec<u8>,
    padding: Vec<u8>,
    behind: Vec<u8>,
}

impl SshFields {
    fn good() -> Self {
        let public = hex::<32>(ED25519);
        Self {
            magic: b"openssh-key-v1\0",
            cipher: "none",
            kdf: "none",
            kdf_options: "",
            count: 1,
            public: wire(&[b"ssh-ed25519", &public]),
            checks: (7, 7),
            kind: "ssh-ed25519",
            inner_public: public.to_vec(),
            pair: [hex::<32>(SEED), public].concat(),
            padding: vec![1, 2, 3],
            behind: Vec::new(),
        }
    }

    fn blob(&self) -> Vec<u8> {
        let checks = [self.checks.0.to_be_bytes(), self.checks.1.to_be_bytes()].concat();
        let fields = wire(&[self.kind.as_bytes(), &self.inner_public, &self.pair, b"me@here"]);
        let private = [checks, fields, self.padding.clone()].concat();
        let head = wire(&[self.cipher.as_bytes(), self.kdf.as_bytes(), self.kdf_options.as_bytes()]);
        let keys = wire(&[&self.public, &private]);
        [self.magic.to_vec(), head, self.count.to_be_bytes().to_vec(), keys, self.behind.clone()].concat()
    }

    fn file(&self) -> Vec<u8> {
        ssh_file(&self.blob())
    }
}

/// A private key file around `blob`, in lines of 70 characters as OpenSSH writes them.
fn ssh_file(blob: &[u8]) -> Vec<u8> {
    let text = BASE64_STANDARD.encode(blob);
    let lines: Vec<_> = text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n", lines.join("\n"))
        .into_bytes()
}

fn wire(strings: &[&[u8]]) -> Vec<u8> {
    let string = |string: &&[u8]| [&u32::try_from(string.len()).unwrap().to_be_bytes(), *string].concat();
    strings.iter().flat_map(string).collect()
}

/// A recipient whose stanzas are made by a function, so that anything can stand under a valid header MAC.
struct Crafted<F>(F);

impl<F: Fn(&FileKey) -> Vec<Stanza>> ::age::Recipient for Crafted<F> {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), ::age::EncryptError> {
        Ok(((self.0)(key), HashSet::new()))
    }
}

/// A stanza of the given type that nobody can open.
fn foreign_stanza(tag: &str, args: &[&str], body: usize) -> Stanza {
    Stanza { tag: tag.into(), args: args.iter().map(|arg| (*arg).into()).collect(), body: vec![7; body] }
}

/// The X25519 stanzas of [`RECIPIENT`], changed.
fn changed(change: impl Fn(&mut Stanza)) -> impl ::age::Recipient {
    let recipient: ::age::x25519::Recipient = RECIPIENT.parse().unwrap();
    Crafted(move |key: &FileKey| {
        let (mut stanzas, _) = ::age::Recipient::wrap_file_key(&recipient, key).unwrap();
        stanzas.iter_mut().for_each(&change);
        stanzas
    })
}

fn encrypt(plaintext: &[u8], recipients: &[&dyn ::age::Recipient]) -> Vec<u8> {
    let encryptor = ::age::Encryptor::with_recipients(recipients.iter().copied()).unwrap();
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).unwrap();
    writer.write_all(plaintext).unwrap();
    writer.finish().unwrap();
    file
}

fn ours() -> ::age::x25519::Recipient {
    RECIPIENT.parse().unwrap()
}

fn somebody() -> ::age::x25519::Recipient {
    ::age::x25519::Identity::generate().to_public()
}

fn passphrase() -> ::age::scrypt::Recipient {
    let mut recipient = ::age::scrypt::Recipient::new(SecretString::from("open sesame".to_owned()));
    recipient.set_work_factor(2);
    recipient
}

/// An age file in armor, lines of 64 characters.
fn armored(file: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(file);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN AGE ENCRYPTED FILE-----\n{}\n-----END AGE ENCRYPTED FILE-----\n", lines.join("\n"))
}

/// A keyring with the two identities of the vector's SSH key.
fn host() -> Keyring {
    let mut keyring = Keyring::new();
    keyring.add_ssh_key(Path::new("/etc/ssh/key"), &SshFields::good().file());
    assert_eq!(keyring.unusable(), []);
    keyring
}

/// The reasons that a keyring notes.
fn reasons(keyring: &Keyring) -> Vec<&str> {
    keyring.unusable().iter().map(|unusable| unusable.reason.as_str()).collect()
}
