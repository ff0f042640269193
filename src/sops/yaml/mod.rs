//! YAML as sops reads and prints it.
//!
//! sops' YAML is that of Go's yaml.v3: libyaml's grammar (YAML 1.1), own rules for what a plain scalar means, and
//! comments that stay with what they stand next to. All three are needed to the letter: grammar and meaning decide
//! what the MAC is taken over, comments decide the whole-file output. No YAML crate keeps comments, so the scanner is
//! our own; it follows libyaml's design step by step (format, sections 3.5, 3.6, 7.3 and 7.4).
//!
//! Reading goes through `source` (encodings), `scanner` with `scalars`, `properties` and `comments` (tokens), `parser`
//! with `collections` (events), `compose` (nodes) and `build` with `resolve` (the tree); printing is `emit`, `style` and `writer`.

mod build;
mod collections;
mod comments;
mod compose;
mod cursor;
mod emit;
mod event;
mod parser;
mod properties;
mod resolve;
mod scalars;
mod scanner;
mod source;
mod style;
mod timestamp;
mod token;
mod writer;

use std::borrow::Cow;

use super::tree::{Map, Text};
use super::{Fault, FaultKind, MAX_DEPTH, too_large};
use crate::secret::Secret;

/// Reads a YAML file: one map for each document, the sops block still in it. A document that is empty or null is
/// an empty map; a file without any document gives no map at all.
///
/// Text is borrowed from `bytes` where it stands there in one piece.
///
/// # Errors
/// [`Fault`] of kind `Parse` for what is not YAML, not a map at the top, has a key that is not a string, or a
/// key twice in its first document; of kind `Limit` for nesting deeper than [`MAX_DEPTH`] and for aliases that
/// expand without end.
pub fn parse(bytes: &[u8]) -> Result<Vec<Map<'_, Text<'_>>>, Fault> {
    match source::decode(bytes)? {
        Cow::Borrowed(text) => build::build(compose::compose(text)?, |text| text),
        Cow::Owned(text) => build::build(compose::compose(&text)?, |text| Cow::Owned(text.into_owned())),
    }
}

/// Prints documents as `sops decrypt` does, byte for byte. The three texts that sops itself misprints (a string of
/// several lines that starts with a tab, and in lists and in maps within lists one that starts with a blank or an empty
/// line) are printed so that they read back as the same text.
///
/// # Errors
/// [`Fault`] of kind `Limit`: it is too large.
pub fn emit(documents: &[Map<'_, Secret>]) -> Result<Secret, Fault> {
    let mut emitter = emit::Emitter::new();
    for (number, document) in documents.iter().enumerate() {
        emitter.document(document, number == 0);
    }
    emitter.into_secret().ok_or_else(too_large)
}

/// A fault of the text, with its line (counted from 1).
fn refuse(line: usize, problem: &str) -> Fault {
    Fault::new(FaultKind::Parse, format!("line {line}: {problem}"))
}

/// The refusal of deep nesting.
fn too_deep(line: usize) -> Fault {
    Fault::new(FaultKind::Limit, format!("line {line}: nested deeper than {MAX_DEPTH} levels"))
}

#[cfg(test)]
mod tests;
