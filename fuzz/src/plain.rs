//! Documents in which nothing is encrypted: what is printed reads back as the same.
//!
//! Beside the input stands a sops block that the real sops made, of a file in which no value is encrypted and only
//! encrypted ones count for the MAC: so any document passes, and its values can be seen.

use std::sync::OnceLock;

use serde_json::Value;
use sops_activate::keys::Keyring;
use sops_activate::secret::DataKey;
use sops_activate::sops::{Document, Fault, FaultKind, Format};

/// The blocks, in their format.
pub const YAML: &str = include_str!("../keys/block.yaml");
pub const JSON: &str = include_str!("../keys/block.json");
const INI: &str = include_str!("../keys/block.ini");
const DOTENV: &str = include_str!("../keys/block.dotenv");

/// A keyring with both test keys.
pub fn keyring() -> &'static Keyring {
    static KEYRING: OnceLock<Keyring> = OnceLock::new();
    KEYRING.get_or_init(new_keyring)
}

/// Another one.
pub fn new_keyring() -> Keyring {
    let mut keyring = Keyring::new();
    keyring.add_age_key_file("age.txt".as_ref(), include_bytes!("../keys/age.txt"));
    keyring.add_ssh_key("ssh".as_ref(), include_bytes!("../keys/ssh_ed25519"));
    assert_eq!(keyring.public().len(), 3);
    keyring
}

/// The data key of a file.
pub fn data_key(file: &[u8], format: Format) -> DataKey {
    let document = Document::parse(file, format).expect("a file of the real sops");
    keyring().unlock(document.metadata()).map_err(|locked| locked.reason).expect("the test key opens it").key
}

/// The data key of the block of each format.
pub fn block_key(format: Format) -> &'static DataKey {
    static KEYS: [OnceLock<DataKey>; 4] = [const { OnceLock::new() }; 4];
    let index = match format {
        Format::Yaml => 0,
        Format::Ini => 1,
        Format::Dotenv => 2,
        Format::Json | Format::Binary => 3,
    };
    KEYS[index].get_or_init(|| data_key(&beside_block(if index == 3 { b"{}" } else { b"" }, format), format))
}

/// The input with the block beside it.
pub fn beside_block(body: &[u8], format: Format) -> Vec<u8> {
    match format {
        Format::Yaml => {
            // An empty first document stands for itself, maybe below comments, but not behind a block.
            let mut lines: Vec<&[u8]> = body.split_inclusive(|byte| *byte == b'\n').collect();
            let first = lines.iter().position(|line| !line.starts_with(b"#"));
            if let Some(first) = first.filter(|first| lines[*first] == b"{}\n") {
                lines.remove(first);
            }
            [YAML.as_bytes(), &lines.concat()].concat()
        }
        Format::Ini => [body, b"\n\n", INI.as_bytes()].concat(),
        Format::Dotenv => [DOTENV.as_bytes(), body].concat(),
        Format::Json | Format::Binary => {
            let members = body.trim_ascii_start().strip_prefix(b"{").unwrap_or(body);
            let comma = if members.trim_ascii_start().starts_with(b"}") { "" } else { "," };
            [b"{\"sops\":", JSON.trim_end().as_bytes(), comma.as_bytes(), members].concat()
        }
    }
}

/// A document of this body as it is printed, or why it is not.
fn printed(body: &[u8], format: Format) -> Result<Vec<u8>, Fault> {
    let file = beside_block(body, format);
    let document = Document::parse(&file, format)?;
    let secret = document.open(block_key(format))?.whole()?;
    Ok(secret.expose().to_vec())
}

/// What the body is printed as, if it is taken.
fn printed_if_taken(body: &[u8], format: Format) -> Option<Vec<u8>> {
    printed(body, format).map_err(|fault| is_fit_to_print(&fault)).ok()
}

/// What is printed reads back as the same: printing it again changes nothing that `kept` keeps.
fn is_stable(body: &[u8], format: Format, kept: fn(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
    let first = printed_if_taken(body, format)?;
    let shown = String::from_utf8_lossy(&first);
    let second = match printed(&first, format) {
        Ok(second) => second,
        Err(fault) => panic!("what was printed is refused: {fault}\n{shown}"),
    };
    let same = kept(&first) == kept(&second);
    assert!(same, "printed first\n{shown}\nand then\n{}", String::from_utf8_lossy(&second));
    Some(first)
}

/// All of a text but its comments and blanks. What sops prints of comments may find another place when it is read again,
/// as in `- # comment`.
fn without_comments(text: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let comment =
            line.iter().enumerate().position(|(at, byte)| *byte == b'#' && (at == 0 || line[at - 1] == b' '));
        kept.extend(line[..comment.unwrap_or(line.len())].iter().filter(|byte| !byte.is_ascii_whitespace()));
    }
    kept
}

/// Longest message, in bytes: names in it are cut.
const LONGEST_MESSAGE: usize = 4096;

/// A message is one line, not endless, and without control characters.
pub fn is_fit_to_print(fault: &Fault) {
    assert!(fault.message.len() <= LONGEST_MESSAGE, "a message of {} bytes", fault.message.len());
    assert!(!fault.message.chars().any(char::is_control), "control characters: {:?}", fault.message);
}

/// YAML documents.
pub fn yaml(data: &[u8]) {
    is_stable(data, Format::Yaml, without_comments);
}

/// INI files. Much of what sops prints (quotes, comments, backslashes, brackets) does not read back as the same, and we
/// print what it prints: only plain text is read again.
pub fn ini(data: &[u8]) {
    let is_plain = |line: &[u8]| {
        let text = line.strip_prefix(b"[").and_then(|line| line.strip_suffix(b"]")).unwrap_or(line);
        text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.= ".contains(byte))
    };
    let printed = printed_if_taken(data, Format::Ini);
    if printed.is_some_and(|printed| printed.split(|byte| *byte == b'\n').all(is_plain)) {
        is_stable(data, Format::Ini, <[u8]>::to_vec);
    }
}

/// dotenv files.
pub fn dotenv(data: &[u8]) {
    is_stable(data, Format::Dotenv, <[u8]>::to_vec);
}

/// JSON objects: taken if `serde_json` takes them, and as the same values.
pub fn json(data: &[u8]) {
    let printed = is_stable(data, Format::Json, <[u8]>::to_vec);
    let file = beside_block(data, Format::Json);
    let Ok(text) = std::str::from_utf8(&file) else { return };
    match (serde_json::from_str::<Value>(text), printed) {
        (Ok(mut theirs), Some(printed)) => {
            if let Some(object) = theirs.as_object_mut() {
                object.remove("sops");
            }
            let ours: Value = serde_json::from_slice(&printed).expect("what is printed is JSON");
            assert!(alike(&ours, &theirs), "{ours}\n{theirs}");
        }
        (Err(_), None) => {}
        (Ok(_), None) => {
            let fault = Document::parse(&file, Format::Json).err();
            // Whoever brings a second block, or members that the block's rule encrypts, is refused later.
            assert!(fault.is_none_or(|fault| fault.kind != FaultKind::Parse), "refused: {text}");
        }
        // It takes neither halves of surrogate pairs nor more than 128 levels.
        (Err(error), Some(_)) => {
            let reason = error.to_string();
            let known = ["surrogate", "hex escape", "recursion limit"];
            assert!(known.iter().any(|known| reason.contains(known)), "taken though {reason}: {text}");
        }
    }
}

/// Equality of values; `serde_json` does not always round to the nearest double.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap_or_default(), other.as_f64().unwrap_or_default());
            (one - other).abs() <= 1e-15 * one.abs().max(other.abs())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| alike(value, other)))
        }
        _ => one == other,
    }
}
