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
use super::event::{Event, Notes, What};
use super::refuse;
use super::scanner::Scanner;
use super::token::{Kind, Token};
use crate::sops::{Fault, FaultKind};

/// How many `%TAG` directives a document may have. Each is compared with all others.
const MAX_HANDLES: usize = 100;

/// Prefixes longer than this one lead to no tag that means something here.
const MAX_PREFIX: usize = 100;

/// The handle of a tag and the prefix it stands for.
type Handle<'s> = (Cow<'s, [u8]>, Cow<'s, [u8]>);

/// What the parser expects next.
#[derive(Clone, Copy)]
pub(super) enum State {
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
    pub(super) state: State,
    /// What to go on with when the current node is done.
    pub(super) states: Vec<State>,
    /// Comments that wait for an event.
    pub(super) pending: Notes,
    /// A head comment above a `-` whose item is a block collection: it belongs to that collection as a whole.
    pub(super) stem: Option<Vec<u8>>,
    /// Handles and prefixes of the document.
    handles: Vec<Handle<'s>>,
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
    pub(super) fn peek(&mut self) -> Result<(Kind, Mark), Fault> {
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

    pub(super) fn skip(&mut self) {
        self.scanner.take();
    }

    fn take(&mut self, start: Mark) -> Token<'s> {
        self.scanner.take().unwrap_or_else(|| Token::bare(Kind::StreamEnd, start))
    }

    pub(super) fn pop_state(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    /// An event that takes the gathered comments.
    pub(super) fn noted(&mut self, event: Event<'s>) -> Event<'s> {
        self.stem = None;
        Event { notes: std::mem::take(&mut self.pending), ..event }
    }

    /// A node that is not there. It takes no comments.
    pub(super) fn empty(&mut self, at: Mark, then: State) -> Event<'s> {
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
                    if self.handles.len() >= MAX_HANDLES {
                        let message =
                            format!("line {}: more than {MAX_HANDLES} %TAG directives", start.line + 1);
                        return Err(Fault::new(FaultKind::Limit, message));
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
    pub(super) fn node(&mut self, block: bool, indentless: bool) -> Result<Event<'s>, Fault> {
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
            // A tag that is longer than any known one need not be put together.
            Some((_, prefix)) if prefix.len() > MAX_PREFIX => Ok(b"!unknown".to_vec()),
            Some((_, prefix)) => Ok([&prefix[..], &token.suffix[..]].concat()),
            None => Err(refuse(token.start.line + 1, "found undefined tag handle")),
        }
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
