//! What can be wrong with a sops file, in words for the person who has to repair it.

use std::borrow::Cow;
use std::fmt;

/// What is wrong with a sops file. Never holds plaintext; key names and positions are public.
#[derive(Debug)]
pub struct Fault {
    /// The class of the fault, for callers that branch on it.
    pub kind: FaultKind,
    /// What is wrong and where, lower case, without the file's name.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<Cow<'static, str>>,
}

/// The classes of faults, in the order in which a file is worked on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// Not a file of the declared format.
    Parse,
    /// There is no sops block: the file is not encrypted.
    NoMetadata,
    /// The sops block is there and wrong.
    Metadata,
    /// Larger or deeper than this program takes.
    Limit,
    /// A value cannot be decrypted or is not of its type.
    Value,
    /// The MAC does not match: the file was changed by something other than sops.
    Mac,
    /// The document cannot be printed in its format.
    Emit,
    /// The wanted key is not there, or not a scalar.
    Lookup,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The same fault with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// Bytes of a file in the form in which a message quotes them: one line, no control characters, cut short.
#[must_use]
pub fn quoted(bytes: &[u8]) -> String {
    const LONGEST: usize = 120;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * LONGEST)]);
    let mut shown = String::from("'");
    for (index, character) in text.chars().enumerate() {
        if index == LONGEST {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.push('\'');
    shown
}
