//! From text to tokens: libyaml's scanner with the additions of yaml.v3 (sops reads YAML with that library).
//!
//! Two things are clever here, as in libyaml. A *simple key* is only known as a key when its `:` is met, so every
//! token that could start one is remembered, and `Key` (and `BlockMappingStart`) are put in front of it afterwards.
//! And indentation becomes tokens: `BlockSequenceStart`, `BlockMappingStart`, `BlockEnd`.
//!
//! Comments go into a queue of their own (`comments.rs`); the parser merges the two by position. So that a comment
//! behind a token is known when the token is used, two tokens more than needed are always read ahead.

use std::collections::VecDeque;

use super::comments::Comment;
use super::cursor::{Cursor, Mark};
use super::token::{Kind, Token};
use super::{refuse, too_deep};
use crate::sops::{Fault, MAX_DEPTH};

/// What may turn out to be a key without `?`: at most one for each flow level.
#[derive(Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    /// Nothing but a key can stand here.
    required: bool,
    /// Number of the token it starts with, counted from the start of the stream.
    token: usize,
    mark: Mark,
}

/// Reads tokens and comments.
pub(super) struct Scanner<'s> {
    pub(super) cursor: Cursor<'s>,
    pub(super) tokens: VecDeque<Token<'s>>,
    pub(super) comments: VecDeque<Comment>,
    /// How many tokens have been handed out.
    taken: usize,
    pub(super) flow_level: usize,
    /// Column of the current block collection, -1 outside of all.
    pub(super) indent: isize,
    indents: Vec<isize>,
    pub(super) simple_key_allowed: bool,
    simple_keys: Vec<SimpleKey>,
    started: bool,
}

impl<'s> Scanner<'s> {
    /// A scanner of text that `source::decode` has checked.
    pub fn new(text: &'s [u8]) -> Self {
        Self {
            cursor: Cursor::new(text),
            tokens: VecDeque::new(),
            comments: VecDeque::new(),
            taken: 0,
            flow_level: 0,
            indent: -1,
            indents: Vec::new(),
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            started: false,
        }
    }

    /// Reads until the first token of the queue is settled: it is no longer a possible key, and two more follow it
    /// (yaml.v3's look-ahead; which comments a token gets depends on it).
    ///
    /// # Errors
    /// `Parse` for text that is not YAML, `Limit` for deeper nesting than [`MAX_DEPTH`].
    pub fn settle(&mut self) -> Result<(), Fault> {
        loop {
            if self.tokens.len() > 2 && !self.first_may_be_key()? {
                return Ok(());
            }
            self.fetch_token()?;
        }
    }

    /// Takes the first token out of the queue; call [`Self::settle`] before.
    pub fn take(&mut self) -> Option<Token<'s>> {
        self.taken += 1;
        self.tokens.pop_front()
    }

    /// A refusal with the line where the scanner stands.
    pub(super) fn fail<T>(&self, problem: &str) -> Result<T, Fault> {
        Err(refuse(self.cursor.mark.line + 1, problem))
    }

    fn first_may_be_key(&mut self) -> Result<bool, Fault> {
        let Some(level) = self.tokens.front().and_then(|token| token.key_level) else { return Ok(false) };
        match self.simple_keys.get(level) {
            Some(key) if key.possible && key.token == self.taken => self.is_key_valid(level),
            _ => Ok(false),
        }
    }

    /// A simple key must be on one line and within 1024 characters of its `:`.
    fn is_key_valid(&mut self, level: usize) -> Result<bool, Fault> {
        let here = self.cursor.mark;
        let Some(key) = self.simple_keys.get_mut(level) else { return Ok(false) };
        if !key.possible {
            return Ok(false);
        }
        if key.mark.line < here.line || key.mark.index + 1024 < here.index {
            if key.required {
                return Err(refuse(key.mark.line + 1, "could not find expected ':'"));
            }
            key.possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    /// Remembers that the next token may be a key. Returns the flow level, for that token.
    fn save_simple_key(&mut self) -> Result<Option<usize>, Fault> {
        if !self.simple_key_allowed {
            return Ok(None);
        }
        let mark = self.cursor.mark;
        let required = self.flow_level == 0 && self.indent == column(mark);
        self.remove_simple_key()?;
        let level = self.simple_keys.len() - 1;
        self.simple_keys[level] =
            SimpleKey { possible: true, required, token: self.taken + self.tokens.len(), mark };
        Ok(Some(level))
    }

    /// Gives up the possible key of this flow level.
    fn remove_simple_key(&mut self) -> Result<(), Fault> {
        if let Some(key) = self.simple_keys.last_mut()
            && key.possible
        {
            if key.required {
                return Err(refuse(key.mark.line + 1, "could not find expected ':'"));
            }
            key.possible = false;
        }
        Ok(())
    }

    /// Opens a block collection if the column is right of the current one. `before` is the number of the token
    /// that the start token goes in front of; at the end without it.
    fn roll_indent(&mut self, mark: Mark, kind: Kind, before: Option<usize>) -> Result<(), Fault> {
        if self.flow_level > 0 || self.indent >= column(mark) {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column(mark);
        if self.indents.len() > MAX_DEPTH {
            return Err(too_deep(mark.line + 1));
        }
        self.insert(before, Token::bare(kind, mark));
        Ok(())
    }

    fn insert(&mut self, before: Option<usize>, token: Token<'s>) {
        match before.map(|number| number.saturating_sub(self.taken)) {
            Some(place) if place <= self.tokens.len() => self.tokens.insert(place, token),
            _ => self.tokens.push_back(token),
        }
    }

    /// Closes the block collections right of `column`. The ends stand before `scan`, where the white space began,
    /// or before the comments that belong to the collection by their column.
    fn unroll_indent(&mut self, column: isize, scan: Mark) {
        if self.flow_level > 0 || self.indent <= column {
            return;
        }
        let recent = self.recent_comments(scan.index.saturating_sub(1));
        let mut end = Mark { index: scan.index.saturating_sub(1), ..scan };
        while self.indent > column {
            let wanted = usize::try_from(self.indent + 1).unwrap_or(0);
            if let Some(&first) = recent.get(&wanted) {
                end = first;
            }
            self.tokens.push_back(Token::bare(Kind::BlockEnd, end));
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn fetch_token(&mut self) -> Result<(), Fault> {
        if !self.started {
            self.started = true;
            self.tokens.push_back(Token::bare(Kind::StreamStart, self.cursor.mark));
            return Ok(());
        }
        let scan = self.cursor.mark;
        self.scan_to_next_token();
        self.unroll_indent(column(self.cursor.mark), scan);
        if self.cursor.at_end() {
            return self.fetch_stream_end();
        }
        if self.cursor.mark.column == 0 && self.cursor.byte(0) == b'%' {
            return self.fetch_directive();
        }
        if self.cursor.is_document_indicator() {
            let start = self.cursor.byte(0) == b'-';
            return self.fetch_document_indicator(if start {
                Kind::DocumentStart
            } else {
                Kind::DocumentEnd
            });
        }
        // A comment behind `key:` or `item,` belongs to what stands before the sign.
        let sign = if self.flow_level == 0 { b':' } else { b',' };
        let mut owner = self.cursor.mark;
        if self.cursor.byte(0) == sign
            && let Some(last) = self.tokens.back()
        {
            owner = last.start;
        }
        self.fetch_content()?;
        if self.tokens.back().is_none_or(|last| last.kind != Kind::BlockEntry) {
            self.scan_line_comment(owner);
        }
        Ok(())
    }

    fn fetch_content(&mut self) -> Result<(), Fault> {
        let flow = self.flow_level > 0;
        let alone = self.cursor.is_space_or_end(1);
        match self.cursor.byte(0) {
            b'[' => self.fetch_flow_start(Kind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(Kind::FlowMappingStart),
            b']' => self.fetch_flow_end(Kind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(Kind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if alone => self.fetch_block_entry(),
            b'?' if flow || alone => self.fetch_key(),
            b':' if flow || alone => self.fetch_value(),
            b'*' => self.fetch_keyable(|this| this.scan_anchor(Kind::Alias)),
            b'&' => self.fetch_keyable(|this| this.scan_anchor(Kind::Anchor)),
            b'!' => self.fetch_keyable(Self::scan_tag),
            b'|' if !flow => self.fetch_block_scalar(true),
            b'>' if !flow => self.fetch_block_scalar(false),
            b'\'' => self.fetch_keyable(|this| this.scan_quoted(true)),
            b'"' => self.fetch_keyable(|this| this.scan_quoted(false)),
            b'|' | b'>' | b'#' | b'%' | b'@' | b'`' | b' ' | b'\t' => {
                self.fail("found character that cannot start any token")
            }
            _ => self.fetch_keyable(Self::scan_plain),
        }
    }

    fn fetch_stream_end(&mut self) -> Result<(), Fault> {
        if self.cursor.mark.column != 0 {
            self.cursor.mark.column = 0;
            self.cursor.mark.line += 1;
        }
        self.leave_all()?;
        self.tokens.push_back(Token::bare(Kind::StreamEnd, self.cursor.mark));
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), Fault> {
        self.leave_all()?;
        let token = self.scan_directive()?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_document_indicator(&mut self, kind: Kind) -> Result<(), Fault> {
        self.leave_all()?;
        let start = self.cursor.mark;
        self.cursor.skip_many(3);
        self.tokens.push_back(Token::bare(kind, start));
        Ok(())
    }

    /// The end of a document closes everything.
    fn leave_all(&mut self) -> Result<(), Fault> {
        self.unroll_indent(-1, self.cursor.mark);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: Kind) -> Result<(), Fault> {
        let key_level = self.save_simple_key()?;
        self.simple_keys.push(SimpleKey::default());
        self.flow_level += 1;
        let start = self.cursor.mark;
        if self.flow_level > MAX_DEPTH {
            return Err(too_deep(start.line + 1));
        }
        self.simple_key_allowed = true;
        self.cursor.skip();
        self.tokens.push_back(Token { key_level, ..Token::bare(kind, start) });
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: Kind) -> Result<(), Fault> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            self.simple_keys.pop();
        }
        self.push_sign(kind, false);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), Fault> {
        self.remove_simple_key()?;
        self.push_sign(Kind::FlowEntry, true);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), Fault> {
        // In flow context the parser will refuse it.
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.fail("block sequence entries are not allowed in this context");
            }
            self.roll_indent(self.cursor.mark, Kind::BlockSequenceStart, None)?;
        }
        self.remove_simple_key()?;
        self.push_sign(Kind::BlockEntry, true);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), Fault> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.fail("mapping keys are not allowed in this context");
            }
            self.roll_indent(self.cursor.mark, Kind::BlockMappingStart, None)?;
        }
        self.remove_simple_key()?;
        self.push_sign(Kind::Key, self.flow_level == 0);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), Fault> {
        let level = self.simple_keys.len() - 1;
        if self.is_key_valid(level)? {
            let key = self.simple_keys[level];
            self.insert(Some(key.token), Token::bare(Kind::Key, key.mark));
            self.roll_indent(key.mark, Kind::BlockMappingStart, Some(key.token))?;
            self.simple_keys[level].possible = false;
            self.push_sign(Kind::Value, false);
            return Ok(());
        }
        // It follows a key that was marked with `?`.
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.fail("mapping values are not allowed in this context");
            }
            self.roll_indent(self.cursor.mark, Kind::BlockMappingStart, None)?;
        }
        self.push_sign(Kind::Value, self.flow_level == 0);
        Ok(())
    }

    /// Takes a sign of one character.
    fn push_sign(&mut self, kind: Kind, simple_key_allowed: bool) {
        self.simple_key_allowed = simple_key_allowed;
        let start = self.cursor.mark;
        self.cursor.skip();
        self.tokens.push_back(Token::bare(kind, start));
    }

    /// A token that may start a simple key, and that none may follow on its line.
    fn fetch_keyable(&mut self, scan: fn(&mut Self) -> Result<Token<'s>, Fault>) -> Result<(), Fault> {
        let key_level = self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = scan(self)?;
        self.tokens.push_back(Token { key_level, ..token });
        Ok(())
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), Fault> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let token = self.scan_block_scalar(literal)?;
        self.tokens.push_back(token);
        Ok(())
    }
}

/// The column as the indentation counts it.
fn column(mark: Mark) -> isize {
    isize::try_from(mark.column).unwrap_or(isize::MAX)
}
