//! Comments: to which token each one belongs (yaml.v3's rules, which sops inherits).
//!
//! A comment is a *head* (above something), a *line* comment (behind it) or a *foot* (below it). Which one is decided
//! while scanning, by blank lines and columns; the parser then hands it to the token at or behind its `token` mark.

use std::collections::HashMap;

use super::cursor::Mark;
use super::scanner::Scanner;
use super::token::Kind;

/// How far the scanner looks ahead over white space for a comment, in bytes.
const LOOK_AHEAD: usize = 512;

/// Where a comment stands, seen from what it belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Head,
    Line,
    Foot,
}

/// One comment: one line, or a block of lines joined by LF, with their `#`.
pub(super) struct Comment {
    pub place: Place,
    pub text: Vec<u8>,
    /// The comment belongs to the first token that starts here or later.
    pub token: Mark,
    /// Where the search for it began.
    scan: Mark,
    start: Mark,
    end: Mark,
}

/// A block of comment lines that is being gathered.
struct Block {
    text: Vec<u8>,
    scan: Mark,
    token: Mark,
    start: Mark,
}

impl Scanner<'_> {
    /// Steps over white space and comments to the next token.
    pub(super) fn scan_to_next_token(&mut self) {
        let scan = self.cursor.mark;
        loop {
            // Tabs are not indentation: not at the start of a line, nor after `-`, `?` and `:` of a block.
            let tabs = self.flow_level > 0 || !self.simple_key_allowed;
            while self.cursor.byte(0) == b' ' || tabs && self.cursor.byte(0) == b'\t' {
                self.cursor.skip();
            }
            self.head_of_first_item();
            if self.cursor.byte(0) == b'#' {
                self.scan_comments(scan);
            }
            if !self.cursor.is_break(0) {
                return;
            }
            self.cursor.skip_break();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    /// A comment behind the key of a list becomes a head comment once the first `-` is followed by something.
    fn head_of_first_item(&mut self) {
        let mut last = self.tokens.iter().rev().map(|token| token.kind);
        let after_first_dash =
            last.next() == Some(Kind::BlockEntry) && last.next() == Some(Kind::BlockSequenceStart);
        if !after_first_dash || self.cursor.is_break(0) {
            return;
        }
        let here = self.cursor.mark;
        if let Some(comment) = self.comments.back_mut()
            && comment.place == Place::Line
        {
            comment.place = Place::Head;
            if comment.start.line + 1 == here.line {
                comment.token = here;
            }
        }
    }

    /// Takes a comment that stands behind a token on its line. `owner` is the token it belongs to.
    pub(super) fn scan_line_comment(&mut self, owner: Mark) {
        if self.cursor.newlines > 0 {
            return;
        }
        let blanks = (0..LOOK_AHEAD).take_while(|&ahead| self.cursor.is_blank(ahead)).count();
        if blanks == LOOK_AHEAD || self.cursor.byte(blanks) != b'#' {
            return;
        }
        self.cursor.skip_many(blanks);
        let start = self.cursor.mark;
        let text = self.cursor.take_line().to_vec();
        let none = Mark::default();
        self.comments.push_back(Comment {
            place: Place::Line,
            text,
            token: owner,
            scan: none,
            start,
            end: none,
        });
    }

    /// Takes a block of comment lines, split into feet of what came before and a head of what follows.
    fn scan_comments(&mut self, scan: Mark) {
        let (owner, after_value) = self.owner_above();
        let indent = usize::try_from(self.indent).unwrap_or(0);
        let foot_line = self.foot_line(scan);
        let mut first_empty = self.cursor.newlines <= 1;
        let mut recent_empty = false;
        let mut mark = self.cursor.mark;
        let mut block = Block { text: Vec::new(), scan, token: owner, start: Mark::default() };
        let mut ahead = 0;
        // `mark.column` counts from 1 here; the line break behind a comment line is stepped over unseen.
        while ahead < LOOK_AHEAD {
            mark.column += 1;
            if self.cursor.is_blank(ahead) {
                ahead += 1;
                continue;
            }
            let byte = self.cursor.byte(ahead);
            let close_flow = self.flow_level > 0 && matches!(byte, b']' | b'}');
            mark.index = self.cursor.mark.index + ahead;
            let dedented = block.start.column < indent + 1;
            if close_flow || self.cursor.is_break_or_end(ahead) {
                if close_flow || !recent_empty {
                    let below = block.start.line == foot_line && !after_value;
                    if close_flow || first_empty && (below || dedented) {
                        if dedented && !block.text.is_empty() {
                            block.token = block.start;
                        }
                        self.end_foot(&mut block, mark);
                    } else if !block.text.is_empty() && byte != 0 {
                        block.text.push(b'\n');
                    }
                }
                if !self.cursor.is_break(ahead) {
                    break;
                }
                first_empty = false;
                recent_empty = true;
                mark.column = 0;
                mark.line += 1;
                ahead += 1;
                continue;
            }
            if mark.column < indent + 1 && mark.column != block.start.column {
                self.end_foot(&mut block, mark);
            }
            if byte != b'#' {
                break;
            }
            if block.text.is_empty() {
                block.start = mark;
            } else {
                block.text.push(b'\n');
            }
            recent_empty = false;
            self.skip_to(ahead);
            block.text.extend_from_slice(self.cursor.take_line());
            mark = Mark { column: 0, ..self.cursor.mark };
            ahead = 1;
        }
        let end = Mark { index: (self.cursor.mark.index + ahead).saturating_sub(1), ..mark };
        self.end_block(&mut block, Place::Head, end);
    }

    /// The token that a foot comment would belong to, and whether that is a `:`.
    fn owner_above(&self) -> (Mark, bool) {
        let mut last = self.tokens.iter().rev();
        let token = match last.next() {
            Some(entry) if entry.kind == Kind::FlowEntry => last.next().or(Some(entry)),
            other => other,
        };
        token.map_or((Mark::default(), false), |token| (token.start, token.kind == Kind::Value))
    }

    /// The line on which a comment must start to be a foot of what came before: the one right below it.
    fn foot_line(&self, scan: Mark) -> usize {
        let here = self.cursor.mark;
        if scan.line == 0 {
            return usize::MAX;
        }
        let line = (here.line + 1).saturating_sub(self.cursor.newlines);
        if self.cursor.newlines == 0 && here.column > 1 { line + 1 } else { line }
    }

    /// Steps over `bytes` bytes of blanks and line breaks.
    fn skip_to(&mut self, bytes: usize) {
        let until = self.cursor.mark.index + bytes;
        while self.cursor.mark.index < until && !self.cursor.at_end() {
            if self.cursor.is_break(0) {
                self.cursor.skip_break();
            } else {
                self.cursor.skip();
            }
        }
    }

    /// What was gathered is a foot; what comes next starts anew at `end`.
    fn end_foot(&mut self, block: &mut Block, end: Mark) {
        if self.end_block(block, Place::Foot, end) {
            block.scan = end;
            block.token = end;
        }
    }

    fn end_block(&mut self, block: &mut Block, place: Place, end: Mark) -> bool {
        if block.text.is_empty() {
            return false;
        }
        let text = std::mem::take(&mut block.text);
        let token = if place == Place::Head { block.start } else { block.token };
        self.comments.push_back(Comment { place, text, token, scan: block.scan, start: block.start, end });
        true
    }

    /// The comments that reach without a gap from the last one back to `stop`: for each column (from 1) the
    /// first one there.
    pub(super) fn recent_comments(&self, mut stop: usize) -> HashMap<usize, Mark> {
        let mut first = HashMap::new();
        for comment in self.comments.iter().rev() {
            if comment.end.index < stop {
                break;
            }
            first.insert(comment.start.column, comment.start);
            stop = comment.scan.index;
        }
        first
    }
}
