//! Encrypted documents, changed: each value is refused, or comes out as it was.

use std::sync::OnceLock;

use serde_json::{Value, json};
use sops_activate::keys;
use sops_activate::secret::DataKey;
use sops_activate::sops::{Document, FaultKind, Format};

use super::plain::{self, data_key, is_fit_to_print, keyring};

/// A file of the real sops, what opens it, and the values that its data key authenticates.
struct Original {
    format: Format,
    key: DataKey,
    values: Vec<(&'static str, Vec<u8>)>,
}

impl Original {
    fn new(file: &[u8], format: Format, keys: &[&'static str]) -> Self {
        let key = data_key(file, format);
        let document = Document::parse(file, format).expect("a file of the real sops");
        let opened = document.open(&key).expect("a file of the real sops");
        let value = |name: &&'static str| {
            let value = opened.lookup(name).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            (*name, value.expose().to_vec())
        };
        let values = keys.iter().map(value).collect();
        Self { format, key, values }
    }

    /// Opens a changed copy. What the MAC does not cover is left out of `values`: clear values, positions in
    /// lists, and which of `True` and `true` a truth value is written as. An empty value, of the same key or
    /// another, can be added to any file.
    fn check(&self, file: &[u8]) {
        let document = match Document::parse(file, self.format) {
            Ok(document) => document,
            Err(fault) => return is_fit_to_print(&fault),
        };
        if let Ok(places) = document.places() {
            for (name, _) in &self.values {
                let _ = places.locate(name);
            }
        }
        let opened = match document.open(&self.key) {
            Ok(opened) => opened,
            Err(fault) => return is_fit_to_print(&fault),
        };
        let _ = opened.whole();
        for (name, original) in &self.values {
            match opened.lookup(name) {
                Ok(value) => {
                    let same = value.expose() == original || value.expose().is_empty();
                    assert!(same, "{name} is another value");
                }
                Err(fault) => is_fit_to_print(&fault),
            }
        }
    }
}

macro_rules! sealed {
    ($(#[$doc:meta])* $name:ident, $format:expr, $file:literal, $keys:expr) => {
        $(#[$doc])*
        pub fn $name(data: &[u8]) {
            static ORIGINAL: OnceLock<Original> = OnceLock::new();
            ORIGINAL.get_or_init(|| Original::new(include_bytes!($file), $format, &$keys)).check(data);
        }
    };
}

sealed!(
    /// YAML.
    yaml, Format::Yaml, "../keys/sealed.yaml",
    ["db/password", "db/port", "db/ratio", "db/big", "db/since", "text", "folded", "a/b", "0"]
);
sealed!(
    /// JSON.
    json, Format::Json, "../keys/sealed.json", ["db/password", "db/port", "db/ratio", "a/b", "html"]
);
sealed!(
    /// INI.
    ini, Format::Ini, "../keys/sealed.ini", ["db/password", "db/url", "db/cert", "wifi.home/psk", "outside"]
);
sealed!(
    /// dotenv.
    dotenv, Format::Dotenv, "../keys/sealed.dotenv", ["PASSWORD", "URL", "LINES"]
);
sealed!(
    /// Binary: any bytes, in JSON.
    binary, Format::Binary, "../keys/sealed.binary", [""]
);

/// One `ENC[…]` text, in a document whose MAC is never right.
pub fn enc_value(data: &[u8]) {
    static KEY: OnceLock<DataKey> = OnceLock::new();
    let key = KEY.get_or_init(|| data_key(include_bytes!("../keys/values.yaml"), Format::Yaml));
    let mut block: Value = serde_json::from_str(plain::JSON).expect("a block of the real sops");
    for field in ["encrypted_regex", "mac_only_encrypted"] {
        block.as_object_mut().expect("an object").remove(field);
    }
    let file = json!({ "a": [String::from_utf8_lossy(data)], "sops": block }).to_string();
    let document = Document::parse(file.as_bytes(), Format::Json).expect("a document of one value");
    let fault = document.open(key).err().expect("the MAC is that of another file");
    assert!(matches!(fault.kind, FaultKind::Value | FaultKind::Mac), "{fault}");
    is_fit_to_print(&fault);
}

/// A sops block, in the format that its start looks like.
pub fn metadata(data: &[u8]) {
    let (file, format) = if data.starts_with(b"sops:") {
        ([data, b"\na: x\n"].concat(), Format::Yaml)
    } else if data.starts_with(b"sops_") {
        ([data, b"\nA=x\n"].concat(), Format::Dotenv)
    } else if data.starts_with(b"[sops]") {
        ([b"a = x\n", data].concat(), Format::Ini)
    } else {
        ([b"{\"a\":\"x\",\"sops\":", data, b"}"].concat(), Format::Json)
    };
    let document = match Document::parse(&file, format) {
        Ok(document) => document,
        Err(fault) => return is_fit_to_print(&fault),
    };
    let metadata = document.metadata();
    assert!(!metadata.key_groups.is_empty());
    let short = |text: &String| text.len() <= 1200 && !text.chars().any(char::is_control);
    assert!(keys::recipients_named(metadata).iter().all(short));
    if let Err(locked) = keyring().unlock(metadata) {
        assert!(short(&locked.reason) || locked.encrypted_for.len() > 1, "{}", locked.reason);
        assert!(locked.details.iter().chain(&locked.encrypted_for).all(short));
        assert!(locked.encrypted_for.len() <= 51 && locked.details.len() <= 51);
    }
    // The time is written in the one way that the MAC wants: reading it again changes nothing.
    let mut block: Value = serde_json::from_str(plain::JSON).expect("a block of the real sops");
    block["lastmodified"] = metadata.last_modified.clone().into();
    let file = json!({ "sops": block }).to_string();
    let again = Document::parse(file.as_bytes(), Format::Json).expect("a time that was read");
    assert_eq!(again.metadata().last_modified, metadata.last_modified);
}

/// A wrapped data key: it is refused, or gives the key that was wrapped.
pub fn wrapped_key(data: &[u8]) {
    static KEYS: OnceLock<Vec<DataKey>> = OnceLock::new();
    let unlock = |text: &str| {
        let mut block: Value = serde_json::from_str(plain::JSON).expect("a block of the real sops");
        block["age"][0]["enc"] = text.into();
        let file = json!({ "sops": block }).to_string();
        let document = Document::parse(file.as_bytes(), Format::Json).expect("a document without values");
        keyring().unlock(document.metadata()).ok().map(|unlocked| unlocked.key)
    };
    let wrapped = KEYS.get_or_init(|| {
        let seeds = [include_str!("../corpus/wrapped_key/one"), include_str!("../corpus/wrapped_key/second")];
        seeds.into_iter().map(|seed| unlock(seed).expect("the test key opens it")).collect()
    });
    if let Some(key) = unlock(&String::from_utf8_lossy(data)) {
        assert!(wrapped.iter().any(|wrapped| wrapped.expose() == key.expose()), "another data key");
    }
}
