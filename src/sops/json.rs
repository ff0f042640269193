//! JSON as sops reads and prints it (format, sections 3.2 and 7.1).

use std::borrow::Cow;

use super::fault::{Fault, FaultKind};
use super::number;
use super::tree::{Entry, Item, Map, Node, Scalar, Text};
use super::{MAX_DEPTH, replace_invalid_utf8, too_large};
use crate::secret::{Secret, SecretBuffer};

/// Reads a file that holds one JSON object. Order and duplicate keys are kept; every number is a double, as in
/// sops up to 3.12; what is not Unicode becomes U+FFFD. Strings without escapes are borrowed from `bytes`.
///
/// # Errors
/// [`Fault`] of kind `Parse` or `Limit`.
pub fn parse(bytes: &[u8]) -> Result<Map<'_, Text<'_>>, Fault> {
    let mut reader = Reader { bytes, at: 0 };
    reader.skip_blanks();
    let Node::Map(map) = reader.value(0)? else {
        return Err(Fault::new(FaultKind::Parse, "the file is JSON, but not an object"));
    };
    reader.skip_blanks();
    if reader.at != bytes.len() {
        return Err(reader.fault("the end of the file"));
    }
    Ok(map)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        let blanks =
            self.bytes[self.at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += blanks.count();
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn fault(&self, expected: &str) -> Fault {
        let before = &self.bytes[..self.at.min(self.bytes.len())];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = 1 + self.at - memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let found = if self.at >= self.bytes.len() { "the file ends" } else { "the JSON is invalid" };
        Fault::new(FaultKind::Parse, format!("{found} at line {line}, column {column}: expected {expected}"))
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a, Text<'a>>, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::new(
                FaultKind::Limit,
                format!("the JSON is nested more than {MAX_DEPTH} deep"),
            ));
        }
        Ok(match self.peek() {
            Some(b'{') => Node::Map(self.object(depth)?),
            Some(b'[') => Node::List(self.array(depth)?),
            Some(b'"') => Node::Scalar(Scalar::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Node::Scalar(Scalar::Float(self.number()?)),
            Some(b't') => self.word("true", Scalar::Bool(true))?,
            Some(b'f') => self.word("false", Scalar::Bool(false))?,
            Some(b'n') => self.word("null", Scalar::Null)?,
            _ => return Err(self.fault("a value")),
        })
    }

    fn word(&mut self, word: &str, scalar: Scalar<Text<'a>>) -> Result<Node<'a, Text<'a>>, Fault> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.fault("a value"));
        }
        self.at += word.len();
        Ok(Node::Scalar(scalar))
    }

    fn object(&mut self, depth: usize) -> Result<Map<'a, Text<'a>>, Fault> {
        let mut map = Map::default();
        self.at += 1;
        self.skip_blanks();
        if self.skip(b'}') {
            return Ok(map);
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(self.fault("a key in double quotes"));
            }
            let key = self.string()?;
            self.skip_blanks();
            if !self.skip(b':') {
                return Err(self.fault("':'"));
            }
            self.skip_blanks();
            map.entries.push(Entry::Pair(key, self.value(depth + 1)?));
            self.skip_blanks();
            if self.skip(b'}') {
                return Ok(map);
            }
            if !self.skip(b',') {
                return Err(self.fault("',' or '}'"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Item<'a, Text<'a>>>, Fault> {
        let mut items = Vec::new();
        self.at += 1;
        self.skip_blanks();
        if self.skip(b']') {
            return Ok(items);
        }
        loop {
            self.skip_blanks();
            items.push(Item::Node(self.value(depth + 1)?));
            self.skip_blanks();
            if self.skip(b']') {
                return Ok(items);
            }
            if !self.skip(b',') {
                return Err(self.fault("',' or ']'"));
            }
        }
    }

    fn number(&mut self) -> Result<f64, Fault> {
        let start = self.at;
        self.skip(b'-');
        if !self.skip(b'0') {
            self.digits()?;
        }
        if self.skip(b'.') {
            self.digits()?;
        }
        if self.skip(b'e') || self.skip(b'E') {
            let _ = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        number::parse_float(&self.bytes[start..self.at]).map_err(|_| {
            self.at = start;
            self.fault("a number that fits a double")
        })
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let count = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.fault("a digit"));
        }
        self.at += count;
        Ok(())
    }

    fn string(&mut self) -> Result<Text<'a>, Fault> {
        self.at += 1;
        let start = self.at;
        let end =
            memchr::memchr2(b'"', b'\\', &self.bytes[start..]).map_or(self.bytes.len(), |at| start + at);
        let plain = &self.bytes[start..end];
        if let Some(control) = plain.iter().position(|byte| *byte < 0x20) {
            self.at = start + control;
            return Err(self.fault("no control character in a string"));
        }
        self.at = end;
        if self.skip(b'"') && std::str::from_utf8(plain).is_ok() {
            return Ok(Cow::Borrowed(plain));
        }
        self.at = start;
        self.string_with_escapes().map(Cow::Owned)
    }

    fn string_with_escapes(&mut self) -> Result<Vec<u8>, Fault> {
        let mut text = Vec::new();
        loop {
            let rest = &self.bytes[self.at..];
            let stop =
                rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
            text.extend_from_slice(replace_invalid_utf8(&rest[..stop]).as_bytes());
            self.at += stop;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    let character = self.escape()?;
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(_) => return Err(self.fault("no control character in a string")),
                None => return Err(self.fault("'\"'")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let character = match self.peek() {
            Some(character @ (b'"' | b'\\' | b'/')) => char::from(character),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.fault("an escape that JSON knows")),
        };
        self.at += 1;
        Ok(character)
    }

    /// `uXXXX`, behind its `u`; two that form a surrogate pair are one character, a lone half is U+FFFD.
    fn unicode_escape(&mut self) -> Result<char, Fault> {
        let first = self.four_digits().ok_or_else(|| self.fault("four hexadecimal digits"))?;
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 2;
            if let Some(second @ 0xdc00..0xe000) = self.four_digits() {
                let value = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = back;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        let value =
            digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))?;
        self.at += 4;
        Some(value)
    }
}

/// Prints a document as sops does: one tab a level, comments dropped, a final line feed.
///
/// # Errors
/// [`Fault`] of kind `Emit`: a number that JSON has no text for.
pub fn emit(map: &Map<'_, Secret>) -> Result<Secret, Fault> {
    let mut out = SecretBuffer::default();
    emit_map(map, 0, &mut out)?;
    out.push(b"\n");
    out.into_secret().ok_or_else(too_large)
}

fn emit_map(map: &Map<'_, Secret>, depth: usize, out: &mut SecretBuffer) -> Result<(), Fault> {
    let mut separator = "{";
    for entry in &map.entries {
        let Entry::Pair(key, value) = entry else { continue };
        out.push(separator.as_bytes());
        new_line(depth + 1, out);
        emit_string(key, out);
        out.push(b": ");
        emit_node(value, depth + 1, out)?;
        separator = ",";
    }
    close(separator == ",", "{}", depth, out);
    Ok(())
}

fn emit_list(items: &[Item<'_, Secret>], depth: usize, out: &mut SecretBuffer) -> Result<(), Fault> {
    let mut separator = "[";
    for item in items {
        let Item::Node(value) = item else { continue };
        out.push(separator.as_bytes());
        new_line(depth + 1, out);
        emit_node(value, depth + 1, out)?;
        separator = ",";
    }
    close(separator == ",", "[]", depth, out);
    Ok(())
}

fn close(has_content: bool, brackets: &str, depth: usize, out: &mut SecretBuffer) {
    if has_content {
        new_line(depth, out);
        out.push(&brackets.as_bytes()[1..]);
    } else {
        out.push(brackets.as_bytes());
    }
}

fn new_line(depth: usize, out: &mut SecretBuffer) {
    out.push(b"\n");
    out.fill(b'\t', depth);
}

fn emit_node(node: &Node<'_, Secret>, depth: usize, out: &mut SecretBuffer) -> Result<(), Fault> {
    match node {
        Node::Map(map) => return emit_map(map, depth, out),
        Node::List(items) => return emit_list(items, depth, out),
        Node::Scalar(Scalar::Text(text)) => emit_string(text.expose(), out),
        Node::Scalar(Scalar::Time(text)) => emit_string(text.as_bytes(), out),
        Node::Scalar(Scalar::Int(value)) => out.push(Secret::new(value.to_string().into_bytes()).expose()),
        Node::Scalar(Scalar::Float(value)) => {
            let text = number::json(*value)
                .ok_or_else(|| Fault::new(FaultKind::Emit, "a value is a number that JSON cannot express"))?;
            out.push(Secret::new(text.into_bytes()).expose());
        }
        Node::Scalar(Scalar::Bool(value)) => out.push(if *value { b"true" } else { b"false" }),
        Node::Scalar(Scalar::Null) => out.push(b"null"),
    }
    Ok(())
}

/// A string with the escapes of Go's `encoding/json`, which also escapes what HTML would take for markup.
fn emit_string(text: &[u8], out: &mut SecretBuffer) {
    out.push(b"\"");
    let mut rest = text;
    while !rest.is_empty() {
        let (valid, invalid) = match std::str::from_utf8(rest) {
            Ok(valid) => (valid, 0),
            // One escape for each byte, as Go does it.
            Err(error) => (std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default(), 1),
        };
        emit_valid(valid, out);
        if invalid != 0 {
            out.push(b"\\ufffd");
        }
        rest = &rest[valid.len() + invalid..];
    }
    out.push(b"\"");
}

fn emit_valid(text: &str, out: &mut SecretBuffer) {
    let mut start = 0;
    for (at, character) in text.char_indices() {
        let escape = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\x08' => "\\b",
            '\x0c' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => "",
            _ => continue,
        };
        out.push(&text.as_bytes()[start..at]);
        start = at + character.len_utf8();
        if escape.is_empty() {
            out.push(format!("\\u{:04x}", u32::from(character)).as_bytes());
        } else {
            out.push(escape.as_bytes());
        }
    }
    out.push(&text.as_bytes()[start..]);
}

#[cfg(test)]
mod tests;
