//! Printing of INI.

use super::super::fault::{Fault, FaultKind};
use super::super::tree::{Comment, Entry, Map, Node, Scalar};
use super::super::{scalar_text, too_large};
use super::blanks::trim;
use crate::secret::{Secret, SecretBuffer};

/// Prints a document as sops does: keys padded to the longest of their section, values quoted where they must
/// be, one comment in front of each section and key.
///
/// # Errors
/// [`Fault`] of kind `Emit`: a section that is not a map, or a value that is not a scalar.
pub fn emit(map: &Map<'_, Secret>) -> Result<Secret, Fault> {
    let mut out = SecretBuffer::default();
    let sections = map.entries.iter().filter_map(|entry| match entry {
        Entry::Pair(name, node) => Some((name, node)),
        Entry::Comment(_) => None,
    });
    let count = sections.clone().count();
    for (index, (name, node)) in sections.enumerate() {
        let Node::Map(map) = node else { return Err(fault("the file has a value outside of all sections")) };
        let section = Section::new(map)?;
        section.comment.into_iter().for_each(|comment| comment_lines(comment, &mut out));
        if index > 0 || !name.eq_ignore_ascii_case(super::DEFAULT) {
            for part in [b"[", name.as_ref(), b"]\n"] {
                out.push(part);
            }
        } else if section.keys.is_empty() {
            continue;
        }
        section.emit(&mut out);
        if index + 1 < count {
            out.push(b"\n");
        }
    }
    out.into_secret().ok_or_else(too_large)
}

fn fault(message: &str) -> Fault {
    Fault::new(FaultKind::Emit, message)
}

struct Section<'m> {
    comment: Option<&'m Secret>,
    keys: Vec<Key<'m>>,
}

struct Key<'m> {
    name: &'m [u8],
    quote: &'static str,
    value: &'m Scalar<Secret>,
    comment: Option<&'m Secret>,
}

impl<'m> Section<'m> {
    /// A comment in front of the first key is the section's, any other that of the key before it.
    fn new(map: &'m Map<'_, Secret>) -> Result<Self, Fault> {
        let mut section = Self { comment: None, keys: Vec::new() };
        for (index, entry) in map.entries.iter().enumerate() {
            match (entry, section.keys.last_mut()) {
                (Entry::Comment(Comment { text, .. }), Some(key)) => key.comment = Some(text),
                (Entry::Comment(Comment { text, .. }), None) if index == 0 => section.comment = Some(text),
                (Entry::Comment(_), None) => {}
                (Entry::Pair(name, Node::Scalar(value)), _) => {
                    section.keys.push(Key { name, quote: key_quote(name), value, comment: None });
                }
                (Entry::Pair(..), _) => return Err(fault("an INI value is a map or a list")),
            }
        }
        Ok(section)
    }

    fn emit(&self, out: &mut SecretBuffer) {
        let width = self.keys.iter().map(Key::width).max().unwrap_or(0);
        for key in &self.keys {
            key.comment.into_iter().for_each(|comment| comment_lines(comment, out));
            for part in [key.quote.as_bytes(), key.name, key.quote.as_bytes()] {
                out.push(part);
            }
            out.fill(b' ', width - key.width());
            let value = scalar_text(key.value);
            let quote = value_quote(value.expose());
            for part in [b" = ", quote.as_bytes(), value.expose(), quote.as_bytes(), b"\n"] {
                out.push(part);
            }
        }
    }
}

impl Key<'_> {
    fn width(&self) -> usize {
        self.name.len() + 2 * self.quote.len()
    }
}

fn key_quote(name: &[u8]) -> &'static str {
    if name.iter().any(|byte| matches!(byte, b'"' | b'=' | b':')) {
        "`"
    } else if name.contains(&b'`') {
        "\"\"\""
    } else {
        ""
    }
}

fn value_quote(value: &[u8]) -> &'static str {
    if value.iter().any(|byte| matches!(byte, b'\n' | b'`')) {
        "\"\"\""
    } else if value.iter().any(|byte| matches!(byte, b'#' | b';')) {
        "`"
    } else if trim(value).len() != value.len() {
        "\""
    } else {
        ""
    }
}

fn comment_lines(comment: &Secret, out: &mut SecretBuffer) {
    if comment.expose().is_empty() {
        return;
    }
    for line in comment.expose().split(|byte| *byte == b'\n') {
        let (sign, text): (&[u8], &[u8]) = match line {
            [b'#', text @ ..] => (b"# ", text),
            [b';', text @ ..] | text => (b"; ", text),
        };
        for part in [sign, trim(text), b"\n"] {
            out.push(part);
        }
    }
}
