//! The floors: what cannot be left out, in the barest loop that does it, on one thread, in this process.
//!
//! They are given everything ready-made: file names, wrapped keys, decoded values. They do not read manifests, keys or
//! accounts, compare, record, harden or wipe anything.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, fchown};
use std::path::Path;
use std::str::FromStr as _;

use aes_gcm::aead::AeadInPlace as _;
use aes_gcm::aead::consts::U32;
use aes_gcm::{AesGcm, KeyInit as _, Nonce, Tag};
use age::armor::ArmoredReader;
use age::x25519::Identity;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nix::sys::resource::UsageWho;
use serde_json::Value;
use sha2::{Digest as _, Sha512};

use crate::agent::fresh_ramfs;
use crate::corpus::{Corpus, KEYS, OWNERS, small_secret};
use crate::measure::{Clock, Cost};

const PLACE: &str = "/run/floor";

/// N data keys unwrapped, N files made.
pub struct Small {
    identity: Identity,
    wrapped: Vec<String>,
    contents: Vec<String>,
    paths: Vec<String>,
}

impl Small {
    /// The first `count` files of the corpus.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn new(corpus: &Corpus, count: usize) -> Result<Self, Box<dyn Error>> {
        let wrapped = (0..count).map(|index| {
            let file: Value = serde_json::from_slice(&fs::read(corpus.small(index))?)?;
            Ok(file["sops"]["age"][0]["enc"].as_str().ok_or("no wrapped key")?.to_owned())
        });
        Ok(Self {
            identity: Identity::from_str(&corpus.identity()?)?,
            wrapped: wrapped.collect::<Result<_, Box<dyn Error>>>()?,
            contents: (0..count).map(small_secret).collect(),
            paths: paths(count),
        })
    }

    /// One run.
    ///
    /// # Errors
    /// A key does not open, or a file cannot be made.
    pub fn run(&self) -> Result<Cost, Box<dyn Error>> {
        fresh_ramfs(PLACE)?;
        let clock = Clock::start(UsageWho::RUSAGE_SELF)?;
        for (index, path) in self.paths.iter().enumerate() {
            unwrap_key(&self.wrapped[index], &self.identity)?;
            make_file(path, self.contents[index].as_bytes(), index)?;
        }
        clock.stop()
    }
}

/// One data key unwrapped, the values of a YAML file opened and hashed, one file made for each.
pub struct Yaml {
    identity: Identity,
    wrapped: String,
    values: Vec<Sealed>,
    paths: Vec<String>,
}

impl Yaml {
    /// The YAML file of the corpus.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn new(corpus: &Corpus) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(corpus.path("keys.yaml"))?;
        let values =
            text.lines().filter_map(|line| line.split_once(": ENC[").filter(|_| line.starts_with("key-")));
        let values: Vec<Sealed> =
            values.map(|(key, value)| Sealed::decode(key, value)).collect::<Result<_, _>>()?;
        if values.len() != KEYS {
            return Err(format!("{} values were found instead of {KEYS}", values.len()).into());
        }
        let armor = text.find("-----BEGIN").zip(text.find("-----END")).ok_or("no wrapped key")?;
        let wrapped: Vec<&str> =
            text[armor.0..].lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let end = wrapped.iter().position(|line| line.starts_with("-----END")).ok_or("no end of it")?;
        Ok(Self {
            identity: Identity::from_str(&corpus.identity()?)?,
            wrapped: wrapped[..=end].join("\n"),
            values,
            paths: paths(KEYS),
        })
    }

    /// One run.
    ///
    /// # Errors
    /// The key or a value does not open, or a file cannot be made.
    pub fn run(&self) -> Result<Cost, Box<dyn Error>> {
        fresh_ramfs(PLACE)?;
        let clock = Clock::start(UsageWho::RUSAGE_SELF)?;
        let key = unwrap_key(&self.wrapped, &self.identity)?;
        let cipher = Cipher::new_from_slice(&key)?;
        let mut hash = Sha512::new();
        for (index, (value, path)) in self.values.iter().zip(&self.paths).enumerate() {
            let plain = value.open(&cipher)?;
            hash.update(&plain);
            make_file(path, &plain, index)?;
        }
        std::hint::black_box(hash.finalize());
        clock.stop()
    }
}

/// One large file read, its string found and decoded, opened, hashed once, written.
///
/// # Errors
/// It does not open.
pub fn large(corpus: &Corpus, key: &[u8]) -> Result<Cost, Box<dyn Error>> {
    fresh_ramfs(PLACE)?;
    let clock = Clock::start(UsageWho::RUSAGE_SELF)?;
    let file = fs::read(corpus.path("large.json"))?;
    let begin = memchr::memmem::find(&file, b"\"ENC[").ok_or("no value")? + 5;
    let end = begin + memchr::memchr(b'"', &file[begin..]).ok_or("no end of the value")?;
    let mut value = Sealed::decode("data", std::str::from_utf8(&file[begin..end])?)?;
    Cipher::new_from_slice(key)?
        .decrypt_in_place_detached(
            Nonce::from_slice(&value.iv),
            b"data:",
            &mut value.data,
            Tag::from_slice(&value.tag),
        )
        .map_err(|_| "the value does not open")?;
    std::hint::black_box(Sha512::digest(&value.data));
    make_file(&format!("{PLACE}/large"), &value.data, 0)?;
    clock.stop()
}

/// The data key of the large file, whose unwrapping is nothing beside the rest.
///
/// # Errors
/// It cannot be read.
pub fn large_key(corpus: &Corpus) -> Result<Vec<u8>, Box<dyn Error>> {
    let file = fs::read_to_string(corpus.path("large.json"))?;
    let begin = file.find("-----BEGIN").ok_or("no wrapped key")?;
    let end = file[begin..].find('"').ok_or("no end of it")?;
    let identity = Identity::from_str(&corpus.identity()?)?;
    unwrap_key(&file[begin..begin + end].replace("\\n", "\n"), &identity)
}

type Cipher = AesGcm<aes::Aes256, U32>;

/// An encrypted value, decoded.
struct Sealed {
    context: String,
    data: Vec<u8>,
    iv: Vec<u8>,
    tag: Vec<u8>,
}

impl Sealed {
    /// The value of `key`: what stands behind `ENC[`.
    fn decode(key: &str, text: &str) -> Result<Self, Box<dyn Error>> {
        let mut parts = text.rsplit(',');
        let mut part = |name: &str| -> Result<Vec<u8>, Box<dyn Error>> {
            let text = parts.next().and_then(|part| part.strip_prefix(name)).ok_or("an odd value")?;
            if name == "type:" { Ok(Vec::new()) } else { Ok(BASE64_STANDARD.decode(text)?) }
        };
        part("type:")?;
        let (tag, iv, data) = (part("tag:")?, part("iv:")?, part("data:")?);
        Ok(Self { context: format!("{key}:"), data, iv, tag })
    }

    fn open(&self, cipher: &Cipher) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut plain = self.data.clone();
        let (iv, tag) = (Nonce::from_slice(&self.iv), Tag::from_slice(&self.tag));
        cipher
            .decrypt_in_place_detached(iv, self.context.as_bytes(), &mut plain, tag)
            .map_err(|_| "a value does not open")?;
        Ok(plain)
    }
}

fn unwrap_key(wrapped: &str, identity: &Identity) -> Result<Vec<u8>, Box<dyn Error>> {
    let decryptor = age::Decryptor::new(ArmoredReader::new(wrapped.as_bytes()))?;
    let mut key = Vec::new();
    decryptor.decrypt(std::iter::once(identity as &dyn age::Identity))?.read_to_end(&mut key)?;
    Ok(key)
}

fn paths(count: usize) -> Vec<String> {
    (0..count).map(|index| Path::new(PLACE).join(format!("{index:04}")).display().to_string()).collect()
}

fn make_file(path: &str, content: &[u8], index: usize) -> Result<(), Box<dyn Error>> {
    let (_, _, uid, gid) = OWNERS[index % 2];
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(content)?;
    fchown(&file, Some(uid), Some(gid))?;
    Ok(())
}
