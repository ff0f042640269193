//! The parser's states inside lists and maps.

use super::cursor::Mark;
use super::event::{Event, What};
use super::parser::{Parser, State};
use super::refuse;
use super::token::Kind;
use crate::sops::Fault;

impl<'s> Parser<'s> {
    /// An item of a block list, or its end.
    pub(super) fn block_entry(&mut self, indentless: bool) -> Result<Event<'s>, Fault> {
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
    pub(super) fn block_key(&mut self) -> Result<Event<'s>, Fault> {
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

    pub(super) fn block_value(&mut self) -> Result<Event<'s>, Fault> {
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
    pub(super) fn flow_entry(&mut self, first: bool) -> Result<Event<'s>, Fault> {
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

    pub(super) fn flow_pair_key(&mut self) -> Result<Event<'s>, Fault> {
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
    pub(super) fn flow_key(&mut self, first: bool) -> Result<Event<'s>, Fault> {
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
    pub(super) fn flow_value(&mut self, then: State, end: Kind) -> Result<Event<'s>, Fault> {
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
