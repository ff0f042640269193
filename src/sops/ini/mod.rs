//! INI as sops reads and prints it, with the library gopkg.in/ini.v1 (format, sections 3.4 and 7.2).

mod blanks;
mod emit;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memmem;

use super::dotenv::unescape_newlines;
use super::fault::{Fault, FaultKind};
use super::flat::Flat;
use super::metadata;
use super::tree::{Comment, Entry, Map, Node, Scalar, Text};
use blanks::{trim, trim_end, trim_start};
pub use emit::emit;

/// The section of keys that stand before any other. It always comes first, even empty.
pub const DEFAULT: &[u8] = b"DEFAULT";

/// Reads a file: its document, whose entries are its sections, and its sops block if there is one.
///
/// # Errors
/// [`Fault`] of kind `Parse` or `Metadata`.
pub fn parse(bytes: &[u8]) -> Result<(Map<'_, Text<'_>>, Option<Flat<'_>>), Fault> {
    let sections =
        Reader { rest: without_mark(bytes), line: 0, comment: Vec::new(), unnamed: 1 }.sections()?;
    let mut map = Map::default();
    let mut block = None;
    for section in sections {
        if section.name != metadata::NAME {
            map.entries.push(Entry::Pair(Cow::Borrowed(section.name), Node::Map(section.into_map())));
            continue;
        }
        if block.is_some() {
            return Err(Fault::new(FaultKind::Metadata, "the file has more than one section [sops]"));
        }
        let mut flat = Flat::default();
        for key in section.keys {
            let Cow::Borrowed(name) = key.name else { continue };
            let value = match key.value {
                Cow::Borrowed(value) => unescape_newlines(value),
                Cow::Owned(value) => Cow::Owned(unescape_newlines(&value).into_owned()),
            };
            flat.insert(name, value)?;
        }
        block = Some(flat);
    }
    Ok((map, block))
}

/// Skips a byte order mark: UTF-8's whole, of UTF-16 only the mark, as the library does.
fn without_mark(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0xfe, 0xff, rest @ ..] | [0xff, 0xfe, rest @ ..] | [0xef, 0xbb, 0xbf, rest @ ..] => rest,
        _ => bytes,
    }
}

struct Section<'a> {
    name: &'a [u8],
    comment: Vec<u8>,
    keys: Vec<Key<'a>>,
    places: HashMap<Text<'a>, usize>,
}

struct Key<'a> {
    name: Text<'a>,
    value: Text<'a>,
    comment: Vec<u8>,
}

impl<'a> Section<'a> {
    fn new(name: &'a [u8]) -> Self {
        Self { name, comment: Vec::new(), keys: Vec::new(), places: HashMap::new() }
    }

    /// A key that is there already keeps its place and gets the new value and comment.
    fn set(&mut self, key: Key<'a>) {
        let place = *self.places.entry(key.name.clone()).or_insert(self.keys.len());
        match self.keys.get_mut(place) {
            Some(known) => *known = key,
            None => self.keys.push(key),
        }
    }

    fn into_map(self) -> Map<'a, Text<'a>> {
        let mut map = Map::default();
        let comment = |text: Vec<u8>, entries: &mut Vec<Entry<'a, Text<'a>>>| {
            if !text.is_empty() {
                entries.push(Entry::Comment(Comment { text: Cow::Owned(without_sign(text)), inline: false }));
            }
        };
        comment(self.comment, &mut map.entries);
        for key in self.keys {
            map.entries.push(Entry::Pair(key.name, Node::Scalar(Scalar::Text(key.value))));
            comment(key.comment, &mut map.entries);
        }
        map
    }
}

/// Strips the comment sign of the first line, repeated or not, and the blanks around it.
fn without_sign(comment: Vec<u8>) -> Vec<u8> {
    let Some(sign @ (b';' | b'#')) = comment.first().copied() else { return comment };
    let start = comment.iter().position(|byte| *byte != sign && *byte != b' ').unwrap_or(comment.len());
    comment[start..].to_vec()
}

struct Reader<'a> {
    rest: &'a [u8],
    line: usize,
    /// Comments that wait for the section or key they belong to.
    comment: Vec<u8>,
    /// The number that the next key `-` of the section gets for a name.
    unnamed: usize,
}

impl<'a> Reader<'a> {
    fn sections(mut self) -> Result<Vec<Section<'a>>, Fault> {
        let mut sections = Vec::new();
        let mut section = Section::new(DEFAULT);
        while let Some(line) = self.next_line() {
            let line = trim_start(line);
            match line.first() {
                None => {}
                Some(b'#' | b';') => self.comment.extend_from_slice(line),
                Some(b'[') => {
                    sections.push(section);
                    section = self.section(line)?;
                }
                Some(_) => {
                    let key = self.key(line)?;
                    section.set(key);
                }
            }
        }
        sections.push(section);
        Ok(sections)
    }

    /// The next line with its line feed, `None` at the end.
    fn next_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.line += 1;
        Some(line)
    }

    fn fault(&self, what: &str) -> Fault {
        Fault::new(FaultKind::Parse, format!("line {}: {what}", self.line))
    }

    fn section(&mut self, line: &'a [u8]) -> Result<Section<'a>, Fault> {
        let close = memchr::memrchr(b']', line).ok_or_else(|| self.fault("the section's name has no ']'"))?;
        let mut section = Section::new(&line[1..close]);
        if section.name.is_empty() {
            return Err(self.fault("the section has no name"));
        }
        self.keep_comment(&line[close + 1..]);
        section.comment = trim(&std::mem::take(&mut self.comment)).to_vec();
        self.unnamed = 1;
        Ok(section)
    }

    /// Keeps what follows the first comment sign in `text`.
    fn keep_comment(&mut self, text: &[u8]) {
        if let Some(sign) = memchr::memchr2(b'#', b';', text) {
            self.comment.extend_from_slice(&text[sign..]);
        }
    }

    fn key(&mut self, line: &'a [u8]) -> Result<Key<'a>, Fault> {
        let (name, value) = self.split_key(line)?;
        let name = if name == b"-" {
            self.unnamed += 1;
            Cow::Owned(format!("#{}", self.unnamed - 1).into_bytes())
        } else {
            Cow::Borrowed(name)
        };
        if name.is_empty() {
            return Err(self.fault("the key has no name"));
        }
        let value = self.value(value)?;
        let comment = trim(&std::mem::take(&mut self.comment)).to_vec();
        Ok(Key { name, value, comment })
    }

    /// The name of a key, which may be quoted, and what follows the delimiter.
    fn split_key(&self, line: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Fault> {
        let delimiter = |text: &[u8]| memchr::memchr2(b'=', b':', text);
        // Not quoted: a file that is not encrypted may be all secret.
        let no_delimiter = || self.fault("there is no '=' or ':'");
        let quote: &[u8] = match line {
            [b'"', b'"', b'"', ..] if line.len() > 6 => b"\"\"\"",
            [b'"', ..] => b"\"",
            [b'`', ..] => b"`",
            _ => {
                let at = delimiter(line).ok_or_else(no_delimiter)?;
                if at == 0 {
                    return Err(self.fault("the key has no name"));
                }
                return Ok((trim(&line[..at]), &line[at + 1..]));
            }
        };
        let quoted = &line[quote.len()..];
        let close =
            memmem::find(quoted, quote).ok_or_else(|| self.fault("the key's quotes are not closed"))?;
        let behind = &quoted[close + quote.len()..];
        let at = delimiter(behind).ok_or_else(no_delimiter)?;
        Ok((trim(&quoted[..close]), &behind[at + 1..]))
    }

    fn value(&mut self, text: &'a [u8]) -> Result<Text<'a>, Fault> {
        let text = trim_start(text);
        let quote: &[u8] = match text {
            [b'"', b'"', b'"', _, ..] => b"\"\"\"",
            [b'`', ..] => b"`",
            _ => return Ok(self.unquoted_value(trim_end(text))),
        };
        let inside = &text[quote.len()..];
        match memmem::rfind(inside, quote) {
            Some(close) => Ok(Cow::Borrowed(&inside[..close])),
            None => self.value_of_lines(inside, quote).map(Cow::Owned),
        }
    }

    /// A quoted value that goes on over the following lines.
    fn value_of_lines(&mut self, first: &[u8], quote: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut value = first.to_vec();
        while let Some(line) = self.next_line() {
            if let Some(close) = memmem::rfind(line, quote) {
                value.extend_from_slice(&line[..close]);
                self.keep_comment(trim_end(&line[close..]));
                return Ok(value);
            }
            value.extend_from_slice(line);
        }
        Err(self.fault("the file ends within quotes"))
    }

    fn unquoted_value(&mut self, text: &'a [u8]) -> Text<'a> {
        if let [value @ .., b'\\'] = text {
            return Cow::Owned(self.continued_value(value));
        }
        let mut value = text;
        if let Some(sign) = memchr::memchr2(b'#', b';', text) {
            self.comment.extend_from_slice(&text[sign..]);
            value = trim_end(&text[..sign]);
        }
        Cow::Borrowed(match value {
            [open @ (b'"' | b'\''), inside @ .., close] if open == close && !inside.contains(open) => inside,
            _ => value,
        })
    }

    /// A value whose line ends with a backslash: the following lines join it, up to one that does not.
    fn continued_value(&mut self, first: &[u8]) -> Vec<u8> {
        let mut value = first.to_vec();
        while let Some(line) = self.next_line() {
            let line = trim(line);
            value.extend_from_slice(line);
            if line.is_empty() || value.last() != Some(&b'\\') {
                break;
            }
            value.pop();
        }
        value
    }
}
