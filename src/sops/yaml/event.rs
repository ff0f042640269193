//! Events: what the parser makes of the tokens.

use std::borrow::Cow;

use super::cursor::Mark;

/// Comments as they are handed to an event: lines joined by LF, each with its `#`.
#[derive(Default)]
pub(super) struct Notes {
    /// Above.
    pub head: Vec<u8>,
    /// Behind, on the same line.
    pub line: Vec<u8>,
    /// Below.
    pub foot: Vec<u8>,
}

/// What an event is.
pub(super) enum What<'s> {
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias(Cow<'s, [u8]>),
    Scalar { value: Cow<'s, [u8]>, plain: bool },
    SequenceStart,
    SequenceEnd,
    MappingStart { flow: bool },
    MappingEnd,
}

/// One event.
pub(super) struct Event<'s> {
    pub what: What<'s>,
    pub start: Mark,
    /// The anchor that names the node, empty without one.
    pub anchor: Cow<'s, [u8]>,
    /// The tag in full, empty without one.
    pub tag: Vec<u8>,
    pub notes: Notes,
}

impl<'s> Event<'s> {
    /// An event without anchor, tag and comments.
    pub fn new(what: What<'s>, start: Mark) -> Self {
        Self { what, start, anchor: Cow::Borrowed(&[]), tag: Vec::new(), notes: Notes::default() }
    }
}
