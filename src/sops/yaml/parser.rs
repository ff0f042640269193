//! From tokens to events: libyaml's grammar as a state machine, and yaml.v3's hand-over of comments.
//!
//! ```text
//! stream         = StreamStart document? explicit_document* StreamEnd
//! block_node     = Alias | properties? (block_collection | flow_collection | Scalar)
//! block_sequence = BlockSequenceStart (BlockEntry block_node?)* BlockEnd
//! indentless     = (BlockEntry block_node?)+                       only as a value or key of a block mapping
//! block_mapping  = BlockMappingStart ((Key node?)? (Value node?)?)* BlockEnd
//! flow_sequence  = FlowSequenceStart (flow_entry FlowEntry)* flow_entry? FlowSequenceEnd
//! flow_mapping   = FlowMappingStart (flow_entry FlowEntry)* flow_entry? FlowMappingEnd
//! flow_entry     = flow_node | Key flow_node? (Value flow_node?)?
//! ```

use std::borrow::Cow;

use super::comments::Place;
use super::cursor::Mark;
use super::refuse;
use super::scanner::{Kind, Scanner, Token};
use crate::sops::Fault;

/// Comments as they are handed to an event: lines joined by LF, each with its `#`.
#[derive(Default)]
pub(super) struct Notes {
    pub head: Vec<u8>,
    pub line: Vec<u8>,
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
    fn new(what: What<'s>, start: Mark) -> Self {
        Self { what, start, anchor: Cow::Borrowed(&[]), tag: Vec::new(), notes: Notes::default() }
    }
}

/// What the parser expects next.
#[derive(Clone, Copy)]
enum State {
    StreamStart,
    FirstDocument,
    Document,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockEntry,
    IndentlessEntry,
    BlockKey,
    BlockValue,
    FlowEntry { first: bool },
    FlowPairKey,
    FlowPairValue,
    FlowPairEnd,
    FlowKey { first: bool },
    FlowValue,
    FlowEmptyValue,
    End,
}

/// Produces the events of a stream.
pub(super) struct Parser<'s> {
    scanner: Scanner<'s>,
    state: State,
    /// What to go on with when the current node is done.
    states: Vec<State>,
    /// Comments that wait for an event.
    pending: Notes,
    /// A head comment above a `-` whose item is a block collection: it belongs to that collection as a whole.
    stem: Option<Vec<u8>>,
    /// Handles and prefixes of the document.
    handles: Vec<(Cow<'s, [u8]>, Cow<'s, [u8]>)>,
}

impl<'s> Parser<'s> {
    /// A parser of text that `source::decode` has checked.
    pub fn new(text: &'s [u8]) -> Self {
        Self {
            scanner: Scanner::new(text),
            state: State::StreamStart,
            states: Vec::new(),
            pending: Notes::default(),
            stem: None,
            handles: Vec::new(),
        }
    }

    /// The next event; `StreamEnd` again and again at the end.
    ///
    /// # Errors
    /// `Parse` for text that is not YAML, `Limit` for nesting.
    pub fn next(&mut self) -> Result<Event<'s>, Fault> {
        match self.state {
            State::StreamStart => {
                self.peek()?;
                self.skip();
                self.state = State::FirstDocument;
                self.next_document(true)
            }
            State::FirstDocument => self.next_document(true),
            State::Document => self.next_document(false),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(true, false),
            State::BlockEntry => self.block_entry(false),
            State::IndentlessEntry => self.block_entry(true),
            State::BlockKey => self.block_key(),
            State::BlockValue => self.block_value(),
            State::FlowEntry { first } => self.flow_entry(first),
            State::FlowPairKey => self.flow_pair_key(),
            State::FlowPairValue => self.flow_value(State::FlowPairEnd, Kind::FlowSequenceEnd),
            State::FlowPairEnd => {
                let (_, start) = self.peek()?;
                self.state = State::FlowEntry { first: false };
                Ok(Event::new(What::MappingEnd, start))
            }
            State::FlowKey { first } => self.flow_key(first),
            State::FlowValue => self.flow_value(State::FlowKey { first: false }, Kind::FlowMappingEnd),
            State::FlowEmptyValue => {
                let (_, start) = self.peek()?;
                Ok(self.empty(start, State::FlowKey { first: false }))
            }
            State::End => Ok(Event::new(What::StreamEnd, Mark::default())),
        }
    }

    /// Kind and place of the next token. Comments up to there are gathered.
    fn peek(&mut self) -> Result<(Kind, Mark), Fault> {
        self.scanner.settle()?;
        let (kind, start) =
            self.scanner.tokens.front().map_or((Kind::StreamEnd, Mark::default()), |t| (t.kind, t.start));
        while let Some(comment) = self.scanner.comments.front() {
            // No heads on ends: they are kept for what follows.
            let held = comment.place == Place::Head && kind == Kind::BlockEnd;
            if comment.token.index > start.index || held {
                break;
            }
            let Some(comment) = self.scanner.comments.pop_front() else { break };
            let register = match comment.place {
                Place::Head => &mut self.pending.head,
                Place::Line => &mut self.pending.line,
                Place::Foot => &mut self.pending.foot,
            };
            if !register.is_empty() {
                register.push(b'\n');
            }
            register.extend_from_slice(&comment.text);
        }
        Ok((kind, start))
    }

    fn skip(&mut self) {
        self.scanner.take();
    }

    fn take(&mut self, start: Mark) -> Token<'s> {
        self.scanner.take().unwrap_or_else(|| Token::bare(Kind::StreamEnd, start))
    }

    fn pop_state(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    /// An event that takes the gathered comments.
    fn noted(&mut self, event: Event<'s>) -> Event<'s> {
        self.stem = None;
        Event { notes: std::mem::take(&mut self.pending), ..event }
    }

    /// A node that is not there. It takes no comments.
    fn empty(&mut self, at: Mark, then: State) -> Event<'s> {
        self.state = then;
        Event::new(What::Scalar { value: Cow::Borrowed(&[]), plain: true }, at)
    }

    fn next_document(&mut self, first: bool) -> Result<Event<'s>, Fault> {
        let (mut kind, mut start) = self.peek()?;
        while !first && kind == Kind::DocumentEnd {
            self.skip();
            (kind, start) = self.peek()?;
        }
        if kind == Kind::StreamEnd {
            self.state = State::End;
            return Ok(Event::new(What::StreamEnd, start));
        }
        self.states.push(State::DocumentEnd);
        let mut event = Event::new(What::DocumentStart, start);
        let directive = matches!(kind, Kind::VersionDirective { .. } | Kind::TagDirective);
        if first && !directive && kind != Kind::DocumentStart {
            self.add_default_handles();
            self.state = State::BlockNode;
            event.notes.head = split_document_head(&mut self.pending.head);
            return Ok(event);
        }
        self.directives()?;
        let (kind, start) = self.peek()?;
        if kind != Kind::DocumentStart {
            return Err(refuse(start.line + 1, "did not find expected <document start>"));
        }
        self.skip();
        self.state = State::DocumentContent;
        Ok(event)
    }

    fn directives(&mut self) -> Result<(), Fault> {
        let mut version_seen = false;
        loop {
            let (kind, start) = self.peek()?;
            match kind {
                Kind::VersionDirective { .. } if version_seen => {
                    return Err(refuse(start.line + 1, "found duplicate %YAML directive"));
                }
                Kind::VersionDirective { major: 1, minor: 1 } => version_seen = true,
                Kind::VersionDirective { .. } => {
                    return Err(refuse(start.line + 1, "only %YAML 1.1 is known"));
                }
                Kind::TagDirective => {
                    let token = self.take(start);
                    if self.handles.iter().any(|(handle, _)| *handle == token.value) {
                        return Err(refuse(start.line + 1, "found duplicate %TAG directive"));
                    }
                    self.handles.push((token.value, token.suffix));
                    continue;
                }
                _ => break,
            }
            self.skip();
        }
        self.add_default_handles();
        Ok(())
    }

    fn add_default_handles(&mut self) {
        for (handle, prefix) in [(&b"!"[..], &b"!"[..]), (b"!!", b"tag:yaml.org,2002:")] {
            if self.handles.iter().all(|(known, _)| **known != *handle) {
                self.handles.push((Cow::Borrowed(handle), Cow::Borrowed(prefix)));
            }
        }
    }

    fn document_content(&mut self) -> Result<Event<'s>, Fault> {
        let (kind, start) = self.peek()?;
        match kind {
            Kind::VersionDirective { .. }
            | Kind::TagDirective
            | Kind::DocumentStart
            | Kind::DocumentEnd
            | Kind::StreamEnd => {
                let then = self.states.pop().unwrap_or(State::End);
                Ok(self.empty(start, then))
            }
            _ => self.node(true, false),
        }
    }

    fn document_end(&mut self) -> Result<Event<'s>, Fault> {
        let (kind, start) = self.peek()?;
        if kind == Kind::DocumentEnd {
            self.skip();
        }
        self.handles.clear();
        self.state = State::Document;
        let mut event = self.noted(Event::new(What::DocumentEnd, start));
        if event.notes.foot.is_empty() {
            event.notes.foot = std::mem::take(&mut event.notes.head);
        }
        Ok(event)
    }

    /// A node with its anchor and tag. `indentless`: a list may stand at the column of its key.
    fn node(&mut self, block: bool, indentless: bool) -> Result<Event<'s>, Fault> {
        let (mut kind, start) = self.peek()?;
        if kind == Kind::Alias {
            self.pop_state();
            let name = self.take(start).value;
            return Ok(self.noted(Event::new(What::Alias(name), start)));
        }
        let mut event = Event::new(What::SequenceStart, start);
        let mut tagged = false;
        let mut anchored = false;
        while kind == Kind::Anchor && !anchored || kind == Kind::Tag && !tagged {
            let token = self.take(start);
            if kind == Kind::Anchor {
                anchored = true;
                event.anchor = token.value;
            } else {
                tagged = true;
                event.tag = self.full_tag(&token)?;
            }
            kind = self.peek()?.0;
        }
        match kind {
            Kind::BlockEntry if indentless => {
                self.state = State::IndentlessEntry;
                return Ok(event);
            }
            Kind::Scalar { plain } => {
                let value = self.take(start).value;
                self.pop_state();
                return Ok(self.noted(Event { what: What::Scalar { value, plain }, ..event }));
            }
            Kind::FlowSequenceStart => self.state = State::FlowEntry { first: true },
            Kind::FlowMappingStart => {
                event.what = What::MappingStart { flow: true };
                self.state = State::FlowKey { first: true };
            }
            Kind::BlockSequenceStart | Kind::BlockMappingStart if block => {
                let mapping = kind == Kind::BlockMappingStart;
                if mapping {
                    event.what = What::MappingStart { flow: false };
                }
                self.state = if mapping { State::BlockKey } else { State::BlockEntry };
                event.notes.head = self.stem.take().unwrap_or_default();
                self.skip();
                return Ok(event);
            }
            _ if tagged || anchored => {
                self.pop_state();
                return Ok(Event { what: What::Scalar { value: Cow::Borrowed(&[]), plain: true }, ..event });
            }
            _ => return Err(refuse(self.peek()?.1.line + 1, "did not find expected node content")),
        }
        let event = self.noted(event);
        self.skip();
        Ok(event)
    }

    fn full_tag(&self, token: &Token<'s>) -> Result<Vec<u8>, Fault> {
        if token.value.is_empty() {
            return Ok(token.suffix.to_vec());
        }
        match self.handles.iter().find(|(handle, _)| *handle == token.value) {
            Some((_, prefix)) => Ok([&prefix[..], &token.suffix[..]].concat()),
            None => Err(refuse(token.start.line + 1, "found undefined tag handle")),
        }
    }

    /// An item of a block list, or its end.
    fn block_entry(&mut self, indentless: bool) -> Result<Event<'s>, Fault> {
        let (kind, start) = self.peek()?;
        if kind == Kind::BlockEntry {
            let then = if indentless { State::IndentlessEntry } else { State::BlockEntry };
            let head = self.pending.head.len();
            self.skip();
            let (next, _) = self.peek()?;
            self.split_stem(head, next);
            let ends = match next {
                Kind::BlockEntry | Kind::BlockEnd => true,
                Kind::Key | Kind::Value => indentless,
                _ => false,
            };
            if ends {
                return Ok(self.empty(start, then));
            }
            self.states.push(then);
            return self.node(true, false);
        }
        if !indentless && kind != Kind::BlockEnd {
            return Err(refuse(start.line + 1, "did not find expected '-' indicator"));
        }
        self.pop_state();
        if !indentless {
            self.skip();
        }
        Ok(Event::new(What::SequenceEnd, start))
    }

    /// Sets a head comment of `length` bytes aside if a block collection follows the `-` below it.
    fn split_stem(&mut self, length: usize, next: Kind) {
        if length == 0 || !matches!(next, Kind::BlockSequenceStart | Kind::BlockMappingStart) {
            return;
        }
        let rest = self.pending.head.get(length + 1..).unwrap_or_default().to_vec();
        let mut stem = std::mem::replace(&mut self.pending.head, rest);
        stem.truncate(length);
        self.stem = Some(stem);
    }

    /// A key of a block map, or its end.
    fn block_key(&mut self) -> Result<Event<'s>, Fault> {
        let (kind, start) = self.peek()?;
        match kind {
            Kind::Key => {
                self.skip();
                let (next, _) = self.peek()?;
                if matches!(next, Kind::Key | Kind::Value | Kind::BlockEnd) {
                    return Ok(self.empty(start, State::BlockValue));
                }
                self.states.push(State::BlockValue);
                self.node(true, true)
            }
            Kind::BlockEnd => {
                self.pop_state();
                let event = self.noted(Event::new(What::MappingEnd, start));
                self.skip();
                Ok(event)
            }
            _ => Err(refuse(start.line + 1, "did not find expected key")),
        }
    }

    fn block_value(&mut self) -> Result<Event<'s>, Fault> {
        let (kind, start) = self.peek()?;
        if kind != Kind::Value {
            return Ok(self.empty(start, State::BlockKey));
        }
        self.skip();
        let (next, _) = self.peek()?;
        if matches!(next, Kind::Key | Kind::Value | Kind::BlockEnd) {
            return Ok(self.empty(start, State::BlockKey));
        }
        self.states.push(State::BlockKey);
        self.node(true, true)
    }

    /// Steps over the comma between two entries of a flow collection.
    fn flow_separator(&mut self, first: bool, end: Kind) -> Result<(Kind, Mark), Fault> {
        let (kind, start) = self.peek()?;
        if first || kind == end {
            return Ok((kind, start));
        }
        if kind != Kind::FlowEntry {
            let closing = if end == Kind::FlowMappingEnd { '}' } else { ']' };
            return Err(refuse(start.line + 1, &format!("did not find expected ',' or '{closing}'")));
        }
        self.skip();
        self.peek()
    }

    /// An item of a flow list, or its end. `key: value` as an item is a map of one pair.
    fn flow_entry(&mut self, first: bool) -> Result<Event<'s>, Fault> {
        let (kind, start) = self.flow_separator(first, Kind::FlowSequenceEnd)?;
        match kind {
            Kind::Key => {
                self.skip();
                self.state = State::FlowPairKey;
                Ok(Event::new(What::MappingStart { flow: true }, start))
            }
            Kind::FlowSequenceEnd => Ok(self.flow_end(What::SequenceEnd, start)),
            _ => {
                self.states.push(State::FlowEntry { first: false });
                self.node(false, false)
            }
        }
    }

    fn flow_end(&mut self, what: What<'s>, start: Mark) -> Event<'s> {
        self.pop_state();
        let event = self.noted(Event::new(what, start));
        self.skip();
        event
    }

    fn flow_pair_key(&mut self) -> Result<Event<'s>, Fault> {
        let (kind, start) = self.peek()?;
        if matches!(kind, Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd) {
            // libyaml steps over that token too.
            self.skip();
            return Ok(self.empty(start, State::FlowPairValue));
        }
        self.states.push(State::FlowPairValue);
        self.node(false, false)
    }

    /// A key of a flow map, or its end.
    fn flow_key(&mut self, first: bool) -> Result<Event<'s>, Fault> {
        let (kind, start) = self.flow_separator(first, Kind::FlowMappingEnd)?;
        match kind {
            Kind::Key => {
                self.skip();
                let (next, at) = self.peek()?;
                if matches!(next, Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd) {
                    return Ok(self.empty(at, State::FlowValue));
                }
                self.states.push(State::FlowValue);
                self.node(false, false)
            }
            Kind::FlowMappingEnd => Ok(self.flow_end(What::MappingEnd, start)),
            _ => {
                self.states.push(State::FlowEmptyValue);
                self.node(false, false)
            }
        }
    }

    /// The value of a pair in a flow collection that ends with `end`.
    fn flow_value(&mut self, then: State, end: Kind) -> Result<Event<'s>, Fault> {
        let (kind, start) = self.peek()?;
        if kind != Kind::Value {
            return Ok(self.empty(start, then));
        }
        self.skip();
        let (next, at) = self.peek()?;
        if next == Kind::FlowEntry || next == end {
            return Ok(self.empty(at, then));
        }
        self.states.push(then);
        self.node(false, false)
    }
}

/// The first document's head is the part of the first comment block before its last empty line; the rest stays
/// for the first key.
fn split_document_head(head: &mut Vec<u8>) -> Vec<u8> {
    let Some(last) = head.len().checked_sub(1) else { return Vec::new() };
    for at in (1..=last).rev().filter(|&at| head[at] == b'\n') {
        let end = if at == last {
            at
        } else if head[at - 1] == b'\n' {
            at - 1
        } else {
            continue;
        };
        let rest = head.split_off(at + 1);
        let mut document = std::mem::replace(head, rest);
        document.truncate(end);
        return document;
    }
    Vec::new()
}
