//! age key files: what `age-keygen` writes, and what else people put there by mistake.

use zeroize::Zeroizing;

use super::identity::X25519;
use super::plugin::PluginKey;
use super::recipient;

/// Largest key file taken, in bytes: room for 10,000 keys.
pub(super) const MAX_FILE: usize = 1024 * 1024;
/// How many bad lines of a file are reported one by one.
const MAX_FAULTS: usize = 10;

const SECRET_KEY: &str = "AGE-SECRET-KEY-";

/// What a key file holds.
#[derive(Default)]
pub(super) struct KeyFile {
    /// Its identities, in order.
    pub(super) keys: Vec<X25519>,
    /// The keys that plugins hold, with the numbers of their lines.
    pub(super) plugin_keys: Vec<(usize, PluginKey)>,
    /// What could not be used, a clause each. Never holds a part of a key.
    pub(super) faults: Vec<String>,
}

/// Reads a key file: one key a line, `#` comments, LF or CRLF. A bad line does not take the others away.
pub(super) fn parse(content: &[u8]) -> KeyFile {
    let mut file = KeyFile::default();
    if let Some(fault) = whole_file_fault(content) {
        file.faults.push(fault.into());
        return file;
    }
    let mut more = 0_usize;
    for (number, line) in (1..).zip(content.split(|byte| *byte == b'\n')) {
        match parse_line(line.trim_ascii()) {
            Ok(Line::Blank) => {}
            Ok(Line::Key(key)) => file.keys.push(key),
            Ok(Line::PluginKey(key)) => file.plugin_keys.push((number, key)),
            Err(_) if file.faults.len() == MAX_FAULTS => more += 1,
            Err(fault) => file.faults.push(format!("line {number} {fault}")),
        }
    }
    if more > 0 {
        file.faults.push(format!("{more} more lines are not usable"));
    }
    if file.keys.is_empty() && file.plugin_keys.is_empty() && file.faults.is_empty() {
        file.faults.push("holds no key".into());
    }
    file
}

/// Whether `content` looks like an age key file.
pub(super) fn is_key_file(content: &[u8]) -> bool {
    content.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii_start();
        line.starts_with(SECRET_KEY.as_bytes()) || line.starts_with(b"AGE-PLUGIN-")
    })
}

/// What is wrong with the file as a whole.
fn whole_file_fault(content: &[u8]) -> Option<&'static str> {
    let start = content.trim_ascii_start();
    if content.len() > MAX_FILE {
        Some("is larger than 1 MiB")
    } else if content.is_empty() {
        Some("is empty")
    } else if content.iter().all(|byte| *byte == 0) {
        Some("holds nothing but NUL bytes, as after a crash while it was written")
    } else if [&b"\xff\xfe"[..], b"\xfe\xff", b"\xef\xbb\xbf"].iter().any(|mark| content.starts_with(mark)) {
        Some("starts with a byte order mark; write it as plain text without one")
    } else if start.starts_with(b"age-encryption.org/") || start.starts_with(b"-----BEGIN AGE ENCRYPTED FILE")
    {
        Some("is encrypted with a passphrase, which nobody can type at boot; store the key itself")
    } else if start.starts_with(b"-----BEGIN OPENSSH PRIVATE KEY") {
        Some("is an SSH private key; list it in sops.age.sshKeyPaths instead")
    } else if start.starts_with(b"-----BEGIN ") {
        Some("is a key of another kind, not an age key file")
    } else {
        None
    }
}

/// What stands in a line.
enum Line {
    /// Nothing, or a comment.
    Blank,
    Key(X25519),
    PluginKey(PluginKey),
}

fn parse_line(line: &[u8]) -> Result<Line, String> {
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(Line::Blank);
    }
    let line = std::str::from_utf8(line).map_err(|_| "is not text")?;
    if line.starts_with("AGE-SECRET-KEY-1") {
        let scalar = recipient::decode_key(line, SECRET_KEY).map(Zeroizing::new);
        let scalar = scalar.map_err(|fault| format!("is not a valid age key: {fault}"))?;
        return Ok(Line::Key(X25519::new(&scalar)));
    }
    if line.starts_with("AGE-PLUGIN-") {
        return PluginKey::parse(line).map(Line::PluginKey);
    }
    Err(foreign_line(line))
}

/// What stands in a line that is no key.
fn foreign_line(line: &str) -> String {
    let kind = line.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
    if line.contains('\0') {
        "holds a NUL byte".into()
    } else if line.starts_with("AGE-SECRET-KEY-PQ-1") {
        "is a post-quantum key, which is not supported yet".into()
    } else if line.starts_with("age-secret-key-") {
        "is an age key in lower case; it has to be in upper case".into()
    } else if line.starts_with("age1") {
        "is a recipient (public key); the key itself starts with AGE-SECRET-KEY-1".into()
    } else if recipient::is_ssh_type(kind) {
        "is an SSH public key, not an age key".into()
    } else if line.starts_with("-----BEGIN ") {
        "is the start of a key of another kind; give it a file of its own".into()
    } else {
        "is not an age key".into()
    }
}
