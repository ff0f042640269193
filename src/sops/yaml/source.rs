//! From the bytes of a file to text that the scanner can trust: one encoding, no control characters.

use std::borrow::Cow;

use super::refuse;
use crate::sops::Fault;

/// Takes the byte order mark off and checks every character, as yaml.v3's reader does: UTF-8 with or without a
/// mark, UTF-16 only with one. The answer is valid UTF-8 and holds no NUL, so the scanner may take NUL for the end.
///
/// # Errors
/// `Parse` for invalid UTF-8 or UTF-16 and for control characters other than tab and line breaks.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => Cow::Owned(from_utf16(rest, u16::from_le_bytes)?),
        [0xFE, 0xFF, rest @ ..] => Cow::Owned(from_utf16(rest, u16::from_be_bytes)?),
        [0xEF, 0xBB, 0xBF, rest @ ..] | rest => Cow::Borrowed(rest),
    };
    check(&text)?;
    Ok(text)
}

/// UTF-16 units of one byte order to UTF-8.
fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Vec<u8>, Fault> {
    let pairs = bytes.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(refuse(1, "the UTF-16 text ends in the middle of a character"));
    }
    let mut text = String::with_capacity(bytes.len());
    for character in char::decode_utf16(pairs.map(|pair| unit([pair[0], pair[1]]))) {
        text.push(character.map_err(|_| refuse(line_of(text.as_bytes()), "invalid UTF-16"))?);
    }
    Ok(text.into_bytes())
}

/// Refuses what is not UTF-8 and the characters that YAML does not allow in a file.
fn check(text: &[u8]) -> Result<(), Fault> {
    if let Err(error) = std::str::from_utf8(text) {
        return Err(refuse(line_of(&text[..error.valid_up_to()]), "invalid UTF-8"));
    }
    let bad = text.iter().enumerate().find(|&(at, &byte)| match byte {
        0xC2 => matches!(text.get(at + 1), Some(0x80..=0x84 | 0x86..=0x9F)),
        0xEF => matches!(text.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])),
        0x09 | 0x0A | 0x0D | 0x20..=0x7E | 0x80.. => false,
        _ => true,
    });
    match bad {
        Some((at, _)) => Err(refuse(line_of(&text[..at]), "control characters are not allowed")),
        None => Ok(()),
    }
}

/// The line, counted from 1, on which the text before a fault ends.
fn line_of(before: &[u8]) -> usize {
    1 + memchr::memchr_iter(b'\n', before).count()
}
