//! What a scalar means: yaml.v3's rules for plain scalars, and the few tags it knows.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::timestamp;
use crate::sops::number::{self, Integer};

/// The tags that change what a scalar means. All others are dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tag {
    /// None, or `!`: the form decides.
    None,
    Str,
    Null,
    Bool,
    Int,
    Float,
    Timestamp,
    Binary,
    /// Not known, so the scalar is taken as a string.
    Other,
}

impl Tag {
    /// The tag that is written out as `tag`.
    pub fn of(tag: &[u8]) -> Self {
        let name = match tag {
            b"" | b"!" => return Self::None,
            _ => tag.strip_prefix(b"tag:yaml.org,2002:").or_else(|| tag.strip_prefix(b"!!")),
        };
        match name {
            Some(b"str") => Self::Str,
            Some(b"null") => Self::Null,
            Some(b"bool") => Self::Bool,
            Some(b"int") => Self::Int,
            Some(b"float") => Self::Float,
            Some(b"timestamp") => Self::Timestamp,
            Some(b"binary") => Self::Binary,
            _ => Self::Other,
        }
    }
}

/// The meaning of a scalar.
#[derive(Debug, PartialEq)]
pub(super) enum Meaning {
    /// A string: the text of the scalar.
    Str,
    /// A string of other bytes.
    Bytes(Vec<u8>),
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number that sops has no type for.
    Huge,
    Float(f64),
    /// In RFC 3339.
    Time(String),
    /// The tag does not fit the text.
    Misfit,
}

/// The meaning of a scalar in the file.
pub(super) fn resolve(tag: Tag, plain: bool, text: &[u8]) -> Meaning {
    let with_time = matches!(tag, Tag::None | Tag::Timestamp);
    let found = || plain_meaning(text, with_time);
    match tag {
        Tag::None if plain => found(),
        Tag::None | Tag::Str | Tag::Other => Meaning::Str,
        Tag::Binary => decode_binary(text),
        Tag::Null => Some(found()).filter(|m| *m == Meaning::Null).unwrap_or(Meaning::Misfit),
        Tag::Bool => Some(found()).filter(|m| matches!(m, Meaning::Bool(_))).unwrap_or(Meaning::Misfit),
        Tag::Int => {
            Some(found()).filter(|m| matches!(m, Meaning::Int(_) | Meaning::Huge)).unwrap_or(Meaning::Misfit)
        }
        Tag::Timestamp => Some(found()).filter(|m| matches!(m, Meaning::Time(_))).unwrap_or(Meaning::Misfit),
        Tag::Float => match found() {
            #[allow(clippy::cast_precision_loss)] // as Go converts it
            Meaning::Int(number) => Meaning::Float(number as f64),
            number @ Meaning::Float(_) => number,
            _ => Meaning::Misfit,
        },
    }
}

/// Base64 with padding; line breaks are skipped, as Go does, nothing else.
fn decode_binary(text: &[u8]) -> Meaning {
    let compact: Cow<'_, [u8]> = if text.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
    } else {
        Cow::Borrowed(text)
    };
    STANDARD.decode(&compact[..]).map_or(Meaning::Misfit, Meaning::Bytes)
}

/// Whether `text`, printed without quotes, would be read back as a string.
pub(super) fn is_plain_string(text: &[u8]) -> bool {
    plain_meaning(text, true) == Meaning::Str
}

/// The meaning of a plain scalar.
fn plain_meaning(text: &[u8], with_time: bool) -> Meaning {
    match text {
        b"" | b"~" | b"null" | b"Null" | b"NULL" => return Meaning::Null,
        b"true" | b"True" | b"TRUE" => return Meaning::Bool(true),
        b"false" | b"False" | b"FALSE" => return Meaning::Bool(false),
        b".nan" | b".NaN" | b".NAN" => return Meaning::Float(f64::NAN),
        b".inf" | b".Inf" | b".INF" | b"+.inf" | b"+.Inf" | b"+.INF" => return Meaning::Float(f64::INFINITY),
        b"-.inf" | b"-.Inf" | b"-.INF" => return Meaning::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let Ok(text) = std::str::from_utf8(text) else { return Meaning::Str };
    match text.as_bytes()[0] {
        b'.' => number::parse_float(text.as_bytes()).map_or(Meaning::Str, Meaning::Float),
        b'+' | b'-' | b'0'..=b'9' => {
            if let Some(time) = timestamp::parse(text).filter(|_| with_time) {
                return Meaning::Time(time);
            }
            numeric(&text.replace('_', ""))
        }
        _ => Meaning::Str,
    }
}

/// Whole numbers and floats, `_` taken out before.
fn numeric(text: &str) -> Meaning {
    match number::parse_int_literal(text.as_bytes()) {
        Ok(Integer::Signed(number)) => return Meaning::Int(number),
        Ok(Integer::Unsigned(_)) => return Meaning::Huge,
        Err(_) => {}
    }
    if is_float(text)
        && let Ok(number) = number::parse_float(text.as_bytes())
    {
        return Meaning::Float(number);
    }
    // yaml.v3 tries these two prefixes once more, without the sign rules of a Go literal.
    for (prefix, radix) in [("0b", 2), ("0o", 8)] {
        let negative = text.strip_prefix('-').and_then(|rest| rest.strip_prefix(prefix));
        let digits = match (text.strip_prefix(prefix), negative) {
            (Some(rest), _) => rest.to_owned(),
            (_, Some(rest)) => format!("-{rest}"),
            _ => continue,
        };
        if let Ok(number) = number::parse_int_radix(digits.as_bytes(), radix) {
            return Meaning::Int(number);
        }
    }
    Meaning::Str
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    all_digits(whole)
        && all_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|digits| !digits.is_empty() && all_digits(digits))
}
