//! Points in time as yaml.v3 recognises them in plain scalars.

use crate::sops::time::{self, Timestamp};

/// Reads one of yaml.v3's four forms, with years of four digits and one or two digits elsewhere, and gives the
/// RFC 3339 text of it:
/// `Y-M-D`, `Y-M-D h:m:s[.f]` (UTC; Go takes any number of blanks there), `Y-M-DTh:m:s[.f](Z|±hh:mm)` and the same with `t`.
pub(super) fn parse(text: &str) -> Option<String> {
    let mut rest = text.as_bytes();
    let rest = &mut rest;
    let (century, years) = (fixed(rest)?, fixed(rest)?);
    sign(rest, b"-")?;
    let month = short(rest)?;
    sign(rest, b"-")?;
    let date = Timestamp::date(u16::from(century) * 100 + u16::from(years), month, short(rest)?)?;
    if rest.is_empty() {
        return Some(date.rfc3339_nano());
    }
    let separator = sign(rest, b"Tt ")?;
    while separator == b' ' && rest.first() == Some(&b' ') {
        sign(rest, b" ")?;
    }
    let hour = short(rest)?;
    sign(rest, b":")?;
    let minute = short(rest)?;
    sign(rest, b":")?;
    let second = short(rest)?;
    let time = date.at(hour, minute, second, fraction(rest)?)?;
    let time = if separator == b' ' { time } else { time.in_zone(zone(rest)?)? };
    rest.is_empty().then(|| time.rfc3339_nano())
}

/// Exactly two digits.
fn fixed(rest: &mut &[u8]) -> Option<u8> {
    let [tens, units, behind @ ..] = *rest else { return None };
    let both = tens.is_ascii_digit() && units.is_ascii_digit();
    *rest = behind;
    both.then(|| (tens - b'0') * 10 + (units - b'0'))
}

/// One or two digits.
fn short(rest: &mut &[u8]) -> Option<u8> {
    match *rest {
        [digit, second, ..] if digit.is_ascii_digit() && second.is_ascii_digit() => fixed(rest),
        [digit, behind @ ..] if digit.is_ascii_digit() => {
            *rest = behind;
            Some(digit - b'0')
        }
        _ => None,
    }
}

/// One of these signs.
fn sign(rest: &mut &[u8], wanted: &[u8]) -> Option<u8> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    wanted.contains(first).then_some(*first)
}

/// An optional fraction of a second, in nanoseconds. Go takes a comma for the point too.
fn fraction(rest: &mut &[u8]) -> Option<u32> {
    match *rest {
        [b'.' | b',', digits @ ..] if digits.first().is_some_and(u8::is_ascii_digit) => {
            let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            *rest = &digits[length..];
            time::nanoseconds(&digits[..length])
        }
        _ => Some(0),
    }
}

/// `Z` or `±hh:mm`, in minutes.
fn zone(rest: &mut &[u8]) -> Option<i16> {
    let first = sign(rest, b"Z+-")?;
    if first == b'Z' {
        return Some(0);
    }
    let hours = i16::from(fixed(rest)?);
    sign(rest, b":")?;
    let minutes = i16::from(fixed(rest)?);
    if minutes > 59 {
        return None;
    }
    let offset = hours * 60 + minutes;
    Some(if first == b'-' { -offset } else { offset })
}
