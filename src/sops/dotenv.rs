//! dotenv as sops reads and prints it: `KEY=value` lines without any quoting (format, sections 3.3 and 7.2).

use std::borrow::Cow;

use memchr::memmem;

use super::fault::{Fault, FaultKind};
use super::flat::Flat;
use super::tree::{Comment, Entry, Map, Node, Scalar, Text};
use super::{scalar_text, too_large};
use crate::secret::{Secret, SecretBuffer};

/// Keys of the sops block start so.
const PREFIX: &[u8] = b"sops_";

/// Reads a file: its document, and its sops block if there is one.
///
/// # Errors
/// [`Fault`] of kind `Parse` or `Metadata`.
pub fn parse(bytes: &[u8]) -> Result<(Map<'_, Text<'_>>, Flat<'_>), Fault> {
    let mut map = Map::default();
    let mut block = Flat::default();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        if let [b'#', comment @ ..] = line {
            map.entries.push(Entry::Comment(Comment { text: Cow::Borrowed(comment), inline: false }));
            continue;
        }
        let Some(equals) = memchr::memchr(b'=', line) else {
            return Err(Fault::new(FaultKind::Parse, format!("line {} has no '='", number + 1)));
        };
        let (key, value) = (&line[..equals], unescape_newlines(&line[equals + 1..]));
        match key.strip_prefix(PREFIX) {
            Some(path) => block.insert(path, value)?,
            None => map.entries.push(Entry::Pair(Cow::Borrowed(key), Node::Scalar(Scalar::Text(value)))),
        }
    }
    Ok((map, block))
}

/// Turns each `\n` pair into a line feed; there is no other escape, and none for the backslash.
#[must_use]
pub fn unescape_newlines(text: &[u8]) -> Text<'_> {
    if memmem::find(text, b"\\n").is_none() {
        return Cow::Borrowed(text);
    }
    let mut unescaped = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memmem::find(rest, b"\\n") {
        unescaped.extend_from_slice(&rest[..at]);
        unescaped.push(b'\n');
        rest = &rest[at + 2..];
    }
    unescaped.extend_from_slice(rest);
    Cow::Owned(unescaped)
}

/// Prints a document as sops does.
///
/// # Errors
/// [`Fault`] of kind `Emit`: a value that is not a scalar.
pub fn emit(map: &Map<'_, Secret>) -> Result<Secret, Fault> {
    let mut out = SecretBuffer::default();
    for entry in &map.entries {
        match entry {
            Entry::Comment(comment) => {
                out.push(b"#");
                out.push(comment.text.expose());
            }
            Entry::Pair(key, Node::Scalar(scalar)) => {
                out.push(key);
                out.push(b"=");
                let text = scalar_text(scalar);
                for (index, line) in text.expose().split(|byte| *byte == b'\n').enumerate() {
                    out.push(if index == 0 { b"" } else { b"\\n" });
                    out.push(line);
                }
            }
            Entry::Pair(..) => return Err(Fault::new(FaultKind::Emit, "a dotenv value is a map or a list")),
        }
        out.push(b"\n");
    }
    out.into_secret().ok_or_else(too_large)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs<'m>(map: &'m Map<'_, Text<'_>>) -> Vec<(&'m [u8], &'m [u8])> {
        map.entries
            .iter()
            .map(|entry| match entry {
                Entry::Pair(key, Node::Scalar(Scalar::Text(value))) => (key.as_ref(), value.as_ref()),
                Entry::Comment(comment) => (&b"#"[..], comment.text.as_ref()),
                Entry::Pair(..) => panic!("not text"),
            })
            .collect()
    }

    #[test]
    fn lines_are_taken_as_they_are() {
        let (map, block) =
            parse(b"A= x \\n\"y\" \n\n# c=1\nB=a=b\r\n=v\nexport C=\xff\nsops_mac=m\nsops_x=1").unwrap();
        assert_eq!(
            pairs(&map),
            [
                (&b"A"[..], &b" x \n\"y\" "[..]),
                (b"#", b" c=1"),
                (b"B", b"a=b\r"),
                (b"", b"v"),
                (b"export C", b"\xff")
            ]
        );
        assert_eq!(block.into_map().entries.len(), 2);
        assert!(parse(b"").unwrap().1.is_empty());
    }

    #[test]
    fn only_the_pair_backslash_n_is_an_escape() {
        assert_eq!(unescape_newlines(b"a\\nb\\\\n\\t\\"), &b"a\nb\\\n\\t\\"[..]);
        assert!(matches!(unescape_newlines(b"plain"), Cow::Borrowed(b"plain")));
    }

    #[test]
    fn a_line_without_equals_is_refused_by_number() {
        for text in ["A=1\nnope", "A=1\n ", "A=1\n\r"] {
            let fault = parse(text.as_bytes()).map(|_| ()).unwrap_err();
            assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Parse, "line 2 has no '='"));
        }
        assert!(parse(b"sops_mac=1\nsops_mac=2").is_err_and(|fault| fault.kind == FaultKind::Metadata));
        assert!(parse(b"sops_=1").is_err_and(|fault| fault.kind == FaultKind::Metadata));
    }

    #[test]
    fn printing() {
        let secret = |text: &[u8]| Secret::copy_of(text);
        let pair = |key: &'static [u8], scalar| Entry::Pair(Cow::Borrowed(key), Node::Scalar(scalar));
        let map = Map {
            entries: vec![
                pair(b"A", Scalar::Text(secret(b"x\ny\n"))),
                Entry::Comment(Comment { text: secret(b" c"), inline: false }),
                pair(b"B", Scalar::Text(secret(b""))),
                pair(b"C", Scalar::Bool(true)),
            ],
        };
        assert_eq!(emit(&map).unwrap().expose(), b"A=x\\ny\\n\n# c\nB=\nC=true\n");
        let map = Map { entries: vec![Entry::Pair(Cow::Borrowed(b"A"), Node::Map(Map::default()))] };
        assert!(emit(&map).is_err_and(|fault| fault.kind == FaultKind::Emit));
    }
}
