//! Public keys: age recipients, SSH public keys, and how the one is made from the other.

use age_core::format::Stanza;
use age_core::primitives::bech32_encode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bech32::Hrp;
use bech32::primitives::decode::{CheckedHrpstring, CheckedHrpstringError};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};

use super::plugin;
use crate::withheld::holds_private_key;

/// The name of ed25519 keys in SSH, and of their stanzas in age.
pub(super) const SSH_ED25519: &str = "ssh-ed25519";
/// The name of RSA keys in SSH, and of their stanzas in age.
pub(super) const SSH_RSA: &str = "ssh-rsa";
/// Characters that carry 32 bytes in bech32; the last of them has 4 unused bits.
const KEY_CHARS: usize = 52;
/// Longest text of a file that is shown in a message.
const MAX_SHOWN: usize = 100;
/// Longest message of a plugin that is shown.
const MAX_MESSAGE: usize = 300;

const POST_QUANTUM: &str = "post-quantum recipients are not supported yet";
/// Of recipients of a plugin's keys, where there is no such key.
pub(super) const PLUGIN: &str = "it takes an age plugin, and there is no key of one that may be started";
#[cfg(not(feature = "ssh-rsa"))]
const RSA: &str = "ssh-rsa recipients need a build with the feature ssh-rsa";

/// The `age1…` recipient of an X25519 public key.
pub(super) fn encode_x25519(public: &[u8; 32]) -> String {
    bech32_encode(Hrp::parse_unchecked("age"), public)
}

/// The `age1…` recipient of an SSH ed25519 public key (what ssh-to-age prints): u = (1 + y) / (1 - y).
///
/// `public` is a line of a `.pub` file or of an sops recipient: `ssh-ed25519 AAAA… [comment]`.
///
/// # Errors
/// What is wrong with the line: another type of key, damaged, or not a point of the curve.
pub fn convert_public(public: &str) -> Result<String, String> {
    let mut fields = public.split_ascii_whitespace();
    let (Some(kind), Some(blob)) = (fields.next(), fields.next()) else {
        return Err("is not an SSH public key".into());
    };
    let point = parse_ed25519(kind, blob)?;
    Ok(encode_x25519(&point.to_montgomery().0))
}

/// The texts that may stand as recipient in a sops file for a machine with this public key.
///
/// `public` is an `age1…` recipient, or an SSH ed25519 public key with or without comment: that one is
/// used both converted and as it is.
///
/// # Errors
/// Why `public` is no public key that this program can use.
pub fn opened_by(public: &str) -> Result<Vec<String>, String> {
    let public = public.trim_ascii();
    if holds_private_key(public) {
        return Err("is a private key; give its public key, which `sops-activate recipient` prints".into());
    }
    if plugin::is_recipient(public) {
        return Ok(vec![public.into()]);
    }
    match unsupported(public) {
        Some(PLUGIN) => return Err("is not a valid recipient of an age plugin: a character is wrong".into()),
        Some(reason) => return Err(reason.into()),
        None => {}
    }
    if public.starts_with("age1") {
        decode_key(public, "age").map_err(|fault| format!("is not a valid age recipient: {fault}"))?;
        return Ok(vec![public.into()]);
    }
    let native = without_comment(public);
    if public.starts_with(SSH_RSA) {
        return Ok(vec![native]);
    }
    Ok(vec![convert_public(public)?, native])
}

/// A recipient as it is compared: an SSH public key without its comment, anything else as it is.
#[must_use]
pub fn without_comment(recipient: &str) -> String {
    let mut fields = recipient.split_ascii_whitespace();
    match (fields.next(), fields.next()) {
        (Some(kind), Some(blob)) if is_ssh_type(kind) => format!("{kind} {blob}"),
        _ => recipient.into(),
    }
}

/// A recipient of a file, fit to be printed: without control characters, and cut where it gets too long.
pub(super) fn shown(recipient: &str) -> String {
    shown_within(MAX_SHOWN, recipient)
}

/// What a plugin says, fit to be printed in the same way.
pub(super) fn shown_message(message: &str) -> String {
    shown_within(MAX_MESSAGE, message.trim())
}

fn shown_within(most: usize, text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(most) {
        match character {
            '\'' | '"' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}

/// Why no key of this program can open an entry for this recipient, if that is so; a plugin may, if there is one.
pub(super) fn unsupported(recipient: &str) -> Option<&'static str> {
    let tail = recipient.strip_prefix("age1");
    match recipient.split_ascii_whitespace().next().unwrap_or_default() {
        _ if recipient.starts_with("age1pq1") => Some(POST_QUANTUM),
        // The data part of bech32 has no `1`, so that a second one means a longer prefix: `age1NAME1…`.
        _ if tail.is_some_and(|tail| tail.contains('1')) => Some(PLUGIN),
        #[cfg(not(feature = "ssh-rsa"))]
        SSH_RSA => Some(RSA),
        _ => None,
    }
}

/// Why no key of this program can open a stanza of this type, if that is so.
pub(super) fn unsupported_stanza(tag: &str) -> Option<&'static str> {
    match tag {
        "mlkem768x25519" => Some(POST_QUANTUM),
        #[cfg(not(feature = "ssh-rsa"))]
        SSH_RSA => Some(RSA),
        "piv-p256" | "p256tag" | "mlkem768p256tag" => Some(PLUGIN),
        _ => None,
    }
}

/// For whom a stanza is, as far as it says so.
pub(super) fn describe_stanza(stanza: &Stanza) -> String {
    match (stanza.tag.as_str(), stanza.args.first()) {
        ("X25519", _) => "an age1… recipient (not named in the file)".into(),
        ("mlkem768x25519", _) => "an age1pq1… recipient (not named in the file)".into(),
        (tag @ (SSH_ED25519 | SSH_RSA), Some(key)) => format!("{tag} (key tag {})", shown(key)),
        (tag, _) => format!("a recipient of type {}", shown(tag)),
    }
}

/// The 32 bytes of a bech32 string with this prefix, in lower or upper case throughout.
///
/// # Errors
/// What is wrong with it; never a character of it.
pub(super) fn decode_key(text: &str, prefix: &str) -> Result<[u8; 32], &'static str> {
    let parsed = CheckedHrpstring::new::<bech32::Bech32>(text).map_err(|error| match error {
        CheckedHrpstringError::Checksum(_) => "its checksum does not match, a character is wrong or missing",
        _ => "a character is not allowed, or upper and lower case are mixed",
    })?;
    if !parsed.hrp().as_str().eq_ignore_ascii_case(prefix) {
        return Err("it is of another kind");
    }
    // 52 characters carry 260 bits: the last one may only be one whose unused bits are zero.
    let data = parsed.data_part_ascii_no_checksum();
    if data.len() != KEY_CHARS || !matches!(data.last(), Some(b'q' | b's' | b'Q' | b'S')) {
        return Err("it does not hold 32 bytes");
    }
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(parsed.byte_iter()).for_each(|(byte, value)| *byte = value);
    Ok(bytes)
}

/// Whether this is the first field of an SSH public key.
pub(super) fn is_ssh_type(field: &str) -> bool {
    // Not just by its start: `ssh-keyscan` writes host names in front, and `ssh-gateway` is one.
    matches!(field, SSH_ED25519 | SSH_RSA | "ssh-dss")
        || field.starts_with("ecdsa-sha2-")
        || field.ends_with("@openssh.com")
}

/// The point of an SSH ed25519 public key, given by its two fields.
///
/// # Errors
/// What is wrong with them, as a clause that follows the place where they stand.
pub(super) fn parse_ed25519(kind: &str, blob: &str) -> Result<EdwardsPoint, String> {
    if kind != SSH_ED25519 {
        let kind = if is_ssh_type(kind) { kind } else { "unknown" };
        return Err(format!("is a key of type {}; only {SSH_ED25519} can be converted", shown(kind)));
    }
    let wire = BASE64_STANDARD.decode(blob).map_err(|_| "is not valid base64")?;
    let mut wire = Wire(&wire);
    match (wire.string(), wire.string(), wire.0) {
        (Some(name), Some(key), []) if name == SSH_ED25519.as_bytes() => {
            let key = key.try_into().map_err(|_| "is damaged: an ed25519 key has 32 bytes")?;
            ed25519_point(key).ok_or_else(|| "is not a valid point of the curve".into())
        }
        _ => Err("is damaged: it does not hold one ed25519 key".into()),
    }
}

/// The point of an Ed25519 public key; `None` if it is none, not the canonical form of it, or of small
/// order (everybody could open what is encrypted for that).
pub(super) fn ed25519_point(public: &[u8; 32]) -> Option<EdwardsPoint> {
    let point = CompressedEdwardsY(*public).decompress()?;
    (point.compress().0 == *public && !point.is_small_order()).then_some(point)
}

/// The SSH wire form of an ed25519 public key (RFC 8709, section 4).
pub(super) fn ed25519_wire(public: &[u8; 32]) -> [u8; 51] {
    let mut wire = *b"\0\0\0\x0bssh-ed25519\0\0\0\x20--------------------------------";
    wire[19..].copy_from_slice(public);
    wire
}

/// The text of an SSH ed25519 public key, without comment: also the recipient for age's native use of it.
pub(super) fn ed25519_text(public: &[u8; 32]) -> String {
    format!("{SSH_ED25519} {}", BASE64_STANDARD.encode(ed25519_wire(public)))
}

/// Reads SSH's wire encoding (RFC 4251, section 5). What is left lies in field 0.
pub(super) struct Wire<'a>(pub(super) &'a [u8]);

impl<'a> Wire<'a> {
    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    /// A number.
    pub(super) fn uint32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A string: its length, then its bytes.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.uint32()?;
        self.take(usize::try_from(length).ok()?)
    }
}
