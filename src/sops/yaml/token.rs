//! Tokens: what the scanner makes of the text.

use std::borrow::Cow;

use super::cursor::Mark;

/// The kinds of tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    StreamStart,
    StreamEnd,
    /// `%YAML major.minor`.
    VersionDirective {
        major: u8,
        minor: u8,
    },
    /// `%TAG handle prefix`: value and suffix of the token.
    TagDirective,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    /// `!handle!suffix`: value and suffix of the token.
    Tag,
    /// Its text is the token's value.
    Scalar {
        plain: bool,
    },
}

/// One token.
pub(super) struct Token<'s> {
    pub kind: Kind,
    pub start: Mark,
    pub value: Cow<'s, [u8]>,
    pub suffix: Cow<'s, [u8]>,
    /// The flow level whose possible simple key this token starts.
    pub(super) key_level: Option<usize>,
}

impl<'s> Token<'s> {
    /// A token that is nothing but its kind.
    pub fn bare(kind: Kind, start: Mark) -> Self {
        Self::with(kind, start, Cow::Borrowed(&[]))
    }

    /// A token that carries text.
    pub fn with(kind: Kind, start: Mark, value: Cow<'s, [u8]>) -> Self {
        Self { kind, start, value, suffix: Cow::Borrowed(&[]), key_level: None }
    }
}
