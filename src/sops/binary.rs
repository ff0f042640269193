//! Binary files: any bytes, stored as the string `data` of a JSON object (format, section 3.1).

use super::fault::{Fault, FaultKind};
use super::tree::{Entry, Map, Node, Scalar};
use crate::secret::Secret;

/// The bytes, exactly as they were encrypted.
///
/// # Errors
/// [`Fault`] of kind `Emit`: there is no `data`, or it is not a string.
pub fn emit(map: &Map<'_, Secret>) -> Result<Secret, Fault> {
    match data(map) {
        Some(Node::Scalar(Scalar::Text(text))) => Ok(Secret::copy_of(text.expose())),
        Some(_) => Err(fault("its 'data' is not a string")),
        None => Err(fault("it has no 'data'")),
    }
}

/// The same, moved out instead of copied: binary files are the large ones.
///
/// # Errors
/// As [`emit`].
pub fn into_data(map: Map<'_, Secret>) -> Result<Secret, Fault> {
    let is_data = |entry: &Entry<'_, Secret>| matches!(entry, Entry::Pair(key, _) if key.as_ref() == b"data");
    match map.entries.into_iter().find(is_data) {
        Some(Entry::Pair(_, Node::Scalar(Scalar::Text(text)))) => Ok(text),
        Some(_) => Err(fault("its 'data' is not a string")),
        None => Err(fault("it has no 'data'")),
    }
}

/// The value that holds the bytes.
pub fn data<'m, T>(map: &'m Map<'_, T>) -> Option<&'m Node<'m, T>> {
    map.entries.iter().find_map(|entry| match entry {
        Entry::Pair(key, value) if key.as_ref() == b"data" => Some(value),
        _ => None,
    })
}

fn fault(what: &str) -> Fault {
    Fault::new(FaultKind::Emit, format!("the file is not an encrypted binary file: {what}"))
        .hint("declare the format that the file has: yaml, json, dotenv or ini")
}
