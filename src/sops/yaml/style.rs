//! How a string is printed: the choice that yaml.v3 makes (format, section 7.3).

use super::resolve::is_plain_string;

/// The forms of a scalar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// What the characters of a text allow.
#[allow(clippy::struct_excessive_bools)] // each form is allowed or not by itself
pub(super) struct Analysis {
    /// There are line breaks, LS and PS included: it cannot be a simple key.
    pub multiline: bool,
    plain: bool,
    single: bool,
    literal: bool,
}

/// The form in which a string is printed.
pub(super) fn choose(text: &[u8], analysis: &Analysis) -> Style {
    let wanted = if text.contains(&b'\n') {
        Style::Literal
    } else if is_plain_string(text) && !is_base_60(text) && !is_old_bool(text) {
        Style::Plain
    } else {
        Style::Double
    };
    choose_for(wanted, analysis)
}

/// The form in which text is printed that carries a tag, which says what it means.
pub(super) fn choose_tagged(text: &[u8], analysis: &Analysis) -> Style {
    choose_for(if text.contains(&b'\n') { Style::Literal } else { Style::Plain }, analysis)
}

fn choose_for(wanted: Style, analysis: &Analysis) -> Style {
    match wanted {
        Style::Plain if analysis.plain => Style::Plain,
        Style::Plain if analysis.single => Style::Single,
        Style::Literal if analysis.literal => Style::Literal,
        _ => Style::Double,
    }
}

/// Looks at every character once.
pub(super) fn analyze(text: &[u8]) -> Analysis {
    let indicators = starts_like_syntax(text) || holds_syntax(text);
    let mut seen = Characters::default();
    let mut before = Before::Other;
    let mut rest = text;
    while let Some(character) = first_character(rest) {
        let at_start = rest.len() == text.len();
        rest = &rest[character.len()..];
        before = match character {
            b" " => {
                seen.outer_space |= at_start || rest.is_empty();
                seen.last_space = rest.is_empty();
                seen.break_space |= before == Before::Break;
                Before::Space
            }
            _ if is_break(character) => {
                seen.breaks = true;
                seen.outer_break |= at_start || rest.is_empty();
                seen.space_break |= before == Before::Space;
                Before::Break
            }
            _ => Before::Other,
        };
        seen.tab |= character == b"\t";
        seen.special |= character != b"\t" && !is_printable(character);
    }
    let quiet = !seen.space_break && !seen.special;
    let single = quiet && !seen.tab && !seen.break_space;
    Analysis {
        multiline: seen.breaks,
        plain: single && !indicators && !seen.outer_space && !seen.outer_break && !seen.breaks,
        single,
        literal: quiet && !seen.last_space && !text.is_empty(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Space,
    Break,
    Other,
}

#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // each is one independent finding
struct Characters {
    tab: bool,
    special: bool,
    breaks: bool,
    outer_space: bool,
    outer_break: bool,
    last_space: bool,
    break_space: bool,
    space_break: bool,
}

/// The first character of valid UTF-8.
pub(super) fn first_character(text: &[u8]) -> Option<&[u8]> {
    let length = match text.first()? {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    };
    Some(text.get(..length).unwrap_or(text))
}

/// LF, CR, NEL, LS and PS.
pub(super) fn is_break(character: &[u8]) -> bool {
    matches!(character, b"\n" | b"\r" | [0xC2, 0x85] | [0xE2, 0x80, 0xA8 | 0xA9])
}

/// What yaml.v3 prints as it is: nothing beyond U+FFFF, no byte order mark, no controls but LF.
pub(super) fn is_printable(character: &[u8]) -> bool {
    match character {
        [0xC2, second] => *second >= 0xA0,
        [0xEF, 0xBB, 0xBF] | [0xEF, 0xBF, 0xBE | 0xBF] => false,
        [b'\n' | 0x20..=0x7E] | [_, _] | [_, _, _] => true,
        _ => false,
    }
}

fn starts_like_syntax(text: &[u8]) -> bool {
    let indicator = text.first().is_some_and(|first| b"#,[]{}&*!|>'\"%@`".contains(first));
    let lone_sign = matches!(text, [b'?' | b':' | b'-'] | [b'?' | b':' | b'-', b' ' | b'\t', ..]);
    indicator || lone_sign || text.starts_with(b"---") || text.starts_with(b"...")
}

/// `: ` or a final `:`, ` #`.
fn holds_syntax(text: &[u8]) -> bool {
    let colon = text.windows(2).any(|pair| matches!(pair, [b':', b' ' | b'\t']));
    let comment = text.windows(2).any(|pair| matches!(pair, [b' ' | b'\t' | b'\n' | b'\r', b'#']));
    colon || comment || text.ends_with(b":")
}

/// Numbers like `12:30`, which YAML 1.1 reads with base 60: `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`.
fn is_base_60(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let mut parts = unsigned.split(|&byte| byte == b':');
    let digits = |part: &[u8]| part.iter().all(|byte| byte.is_ascii_digit() || *byte == b'_');
    let first = parts.next().is_some_and(|part| part.first().is_some_and(u8::is_ascii_digit) && digits(part));
    let mut rest: Vec<&[u8]> = parts.collect();
    let Some(last) = rest.last_mut() else { return false };
    if let Some(point) = last.iter().position(|&byte| byte == b'.') {
        if !digits(&last[point + 1..]) {
            return false;
        }
        *last = &last[..point];
    }
    first
        && rest.iter().all(|part| match part {
            [digit] | [b'0'..=b'5', digit] => digit.is_ascii_digit(),
            _ => false,
        })
}

/// What YAML 1.1 reads as true or false, and yaml.v3 does not.
fn is_old_bool(text: &[u8]) -> bool {
    matches!(
        text,
        b"y" | b"Y"
            | b"yes"
            | b"Yes"
            | b"YES"
            | b"on"
            | b"On"
            | b"ON"
            | b"n"
            | b"N"
            | b"no"
            | b"No"
            | b"NO"
            | b"off"
            | b"Off"
            | b"OFF"
    )
}
