//! Files and keys that are larger than any real one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sops_activate::inputs;
use sops_activate::keys::{self, Keyring};
use sops_activate::manifest::{self, Format, Key};
use sops_activate::open::{self, MAX_FILE};
use sops_activate::sops::{self, Document, FaultKind};

use crate::plain::{self, keyring};

/// A file of `size` NUL bytes that takes no room; it goes with its owner.
struct Sparse(PathBuf);

impl Sparse {
    fn new(name: &str, size: u64) -> Self {
        let path = std::env::temp_dir().join(format!("sops-activate-limits-{}-{name}", std::process::id()));
        File::create(&path).unwrap().set_len(size).unwrap();
        Self(path)
    }
}

impl Drop for Sparse {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

#[test]
fn an_encrypted_file_larger_than_the_limit_is_not_read() {
    let file = Sparse::new("file", MAX_FILE + 1);
    for format in [Format::Age, Format::Sops(sops::Format::Binary)] {
        let opened = open::file(&file.0, format, &[&Key::Whole], keyring());
        let failure = opened.values[0].as_ref().err().unwrap();
        assert!(
            failure.cause.ends_with("it is larger than the limit of 201326592 bytes"),
            "{}",
            failure.cause
        );
        assert!(open::access(&file.0, format, keyring()).opened_by.is_err());
    }
}

#[test]
fn a_manifest_larger_than_the_limit_is_not_read() {
    let file = Sparse::new("manifest", manifest::MAX_BYTES as u64 + 1);
    let message = inputs::unexpanded_manifest(&file.0).err().unwrap();
    assert!(message.contains("it is larger than the limit of 16777216 bytes"), "{message}");
}

#[test]
fn a_template_file_larger_than_the_limit_is_not_read() {
    let file = Sparse::new("template", 16 * 1024 * 1024 + 1);
    let message = inputs::template(&file.0).err().unwrap();
    assert!(message.ends_with("it is larger than the limit of 16777216 bytes"), "{message}");
}

#[test]
fn a_key_file_larger_than_the_limit_is_not_read() {
    let file = Sparse::new("key", 1024 * 1024 + 1);
    let message = sops_activate::system::files::read_key(&file.0).err().unwrap().to_string();
    assert!(message.ends_with("it is larger than the limit of 1048576 bytes"), "{message}");
}

#[test]
fn a_key_larger_than_the_limit_is_unusable() {
    let mut keyring = Keyring::new();
    keyring.add_age_key_file(Path::new("a"), &vec![b'\n'; 1024 * 1024 + 1]);
    keyring.add_ssh_key(Path::new("b"), &vec![b'\n'; 64 * 1024 + 1]);
    let reasons: Vec<&str> = keyring.unusable().iter().map(|unusable| unusable.reason.as_str()).collect();
    assert_eq!(reasons, ["is larger than 1 MiB", "is larger than 64 KiB"]);
    assert_eq!(
        keys::recipients_of(&vec![b'\n'; keys::MAX_INPUT + 1]).unwrap_err(),
        ["the input is larger than 1 MiB"]
    );
}

#[test]
fn only_so_many_identities_are_used() {
    let key = age::x25519::Identity::generate().to_string();
    let file = format!("{}\n", key.expose_secret()).repeat(1030);
    let mut keyring = Keyring::new();
    keyring.add_age_key_file(Path::new("keys"), file.as_bytes());
    assert_eq!(keyring.public().len(), 1024);
    assert_eq!(keyring.unusable().len(), 1);
    assert!(keyring.unusable()[0].reason.contains("only the first 1024"));
}

/// A document whose block is changed.
fn with_block(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut block: Value = serde_json::from_str(plain::JSON).unwrap();
    change(&mut block);
    json!({ "sops": block }).to_string().into_bytes()
}

#[test]
fn a_block_names_only_so_many_recipients() {
    for count in [4096, 4097] {
        for list in ["age", "key_groups", "pgp", "kms"] {
            let entry = json!({ "created_at": "2026-01-01T00:00:00Z" });
            let file = with_block(|block| {
                block["age"] = json!([]);
                block[list] = vec![entry; count].into();
            });
            let fault = Document::parse(&file, sops::Format::Json).err();
            let limit = fault.filter(|fault| fault.kind == FaultKind::Limit);
            assert_eq!(limit.is_some(), count > 4096, "{list} {count}");
        }
    }
}

#[test]
fn a_wrapped_key_is_only_so_long() {
    let file = with_block(|block| {
        let enc = block["age"][0]["enc"].as_str().unwrap().to_owned();
        block["age"][0]["enc"] = (enc + &" ".repeat(64 * 1024)).into();
    });
    let document = Document::parse(&file, sops::Format::Json).unwrap();
    let locked = keyring().unlock(document.metadata()).err().unwrap();
    assert!(locked.reason.contains("longer than 64 KiB"), "{}", locked.reason);
}

#[test]
fn a_pattern_is_only_so_large() {
    let pattern = "(a{1000}){1000}";
    let file = with_block(|block| block["encrypted_regex"] = pattern.into());
    let fault = Document::parse(&file, sops::Format::Json).err().unwrap();
    assert!(fault.message.contains("it is too large or too deeply nested"), "{}", fault.message);
}

#[test]
fn only_so_many_keys_are_told() {
    let keys: String = (0..30)
        .map(|_| age::x25519::Identity::generate().to_string().expose_secret().to_owned() + "\n")
        .collect();
    let mut keyring = Keyring::new();
    keyring.add_age_key_file(Path::new("keys"), keys.as_bytes());
    (0..30).for_each(|_| keyring.add_unusable(Path::new("key"), "is empty"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/keys/sealed.binary");
    let opened = open::file(&file, Format::Sops(sops::Format::Binary), &[&Key::Whole], &keyring);
    let details = &opened.values[0].as_ref().err().unwrap().details;
    let told = |label: &str| details.iter().filter(|(other, _)| *other == label).count();
    assert_eq!((told("this machine"), told("not usable")), (20, 20));
}

#[test]
fn text_of_a_file_is_cut_where_it_is_told() {
    let quoted = sops::quoted("\u{e4}\n".repeat(100_000).as_bytes());
    assert!(quoted.starts_with("'\u{e4}\\n") && quoted.ends_with("…'"), "{quoted}");
    assert!(quoted.len() < 400, "{quoted}");
}

#[test]
fn a_file_of_too_many_parts_is_refused() {
    for (format, part) in [
        (sops::Format::Yaml, "#\n"),
        (sops::Format::Yaml, "\u{85}"),
        (sops::Format::Json, "["),
        (sops::Format::Binary, ","),
        (sops::Format::Dotenv, "=\n"),
        (sops::Format::Ini, ";\n"),
    ] {
        let fault = Document::parse(part.repeat(sops::MAX_PARTS + 1).as_bytes(), format).err().unwrap();
        assert!(fault.message.contains("more than 4194304 lines and items"), "{format:?} {}", fault.message);
        let fault = Document::parse(part.repeat(1000).as_bytes(), format).err().unwrap();
        assert!(!fault.message.contains("4194304"), "{format:?} {}", fault.message);
    }
}
