//! Scalars: plain, quoted, literal and folded.

use super::cursor::{Content, Mark};
use super::refuse;
use super::scanner::Scanner;
use super::token::{Kind, Token};
use crate::sops::Fault;

/// White space between two pieces of a plain or quoted scalar. Line breaks are folded.
#[derive(Default)]
struct Gap {
    first_break: Vec<u8>,
    more_breaks: Vec<u8>,
    /// A line break was met, an escaped one included.
    broken: bool,
}

impl Gap {
    /// Puts the folded breaks into `content` and starts anew: one break is a space, each further one a line break.
    fn fold_into(&mut self, content: &mut Content<'_>) {
        if self.first_break.first() != Some(&b'\n') {
            content.add(&self.first_break);
        } else if self.more_breaks.is_empty() {
            content.add(b" ");
        }
        content.add(&self.more_breaks);
        self.first_break.clear();
        self.more_breaks.clear();
        self.broken = false;
    }
}

/// What to do with the line breaks at the end of a block scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}

/// The header of a block scalar, and what is known of its lines.
struct Block {
    chomp: Chomp,
    /// Column of its text; 0 as long as it is not known.
    indent: usize,
    breaks: Vec<u8>,
    line: usize,
}

impl<'s> Scanner<'s> {
    /// A scalar without quotes: up to `: `, ` #`, a line further left, or a sign of the flow collection around it.
    pub(super) fn scan_plain(&mut self) -> Result<Token<'s>, Fault> {
        let start = self.cursor.mark;
        let indent = usize::try_from(self.indent + 1).unwrap_or(0);
        let mut content = self.cursor.content();
        let mut gap = Gap::default();
        let mut blanks = self.cursor.content();
        while !self.cursor.is_document_indicator() && self.cursor.byte(0) != b'#' {
            while !self.cursor.is_space_or_end(0) && !self.ends_plain() {
                if gap.broken {
                    gap.fold_into(&mut content);
                } else {
                    blanks.move_into(&mut content);
                }
                self.cursor.read(&mut content);
                self.cursor.read_run(&mut content, |byte| !b":,?[]{}".contains(&byte));
            }
            if !self.cursor.is_blank(0) && !self.cursor.is_break(0) {
                break;
            }
            self.read_gap(&mut gap, &mut blanks, indent)?;
            if self.flow_level == 0 && self.cursor.mark.column < indent {
                break;
            }
        }
        if gap.broken {
            self.simple_key_allowed = true;
        }
        Ok(scalar(start, content, true))
    }

    fn ends_plain(&self) -> bool {
        match self.cursor.byte(0) {
            b':' => self.cursor.is_space_or_end(1),
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => self.flow_level > 0,
            _ => false,
        }
    }

    /// Blanks and breaks. Blanks count only before the first break; a tab may not stand in for `indent`.
    fn read_gap(&mut self, gap: &mut Gap, blanks: &mut Content<'s>, indent: usize) -> Result<(), Fault> {
        while self.cursor.is_blank(0) || self.cursor.is_break(0) {
            if self.cursor.is_blank(0) {
                if !gap.broken {
                    self.cursor.read(blanks);
                } else if self.cursor.byte(0) == b'\t' && self.cursor.mark.column < indent {
                    return self.fail("found a tab character that violates indentation");
                } else {
                    self.cursor.skip();
                }
            } else if gap.broken {
                self.cursor.read_break(&mut gap.more_breaks);
            } else {
                *blanks = self.cursor.content();
                self.cursor.read_break(&mut gap.first_break);
                gap.broken = true;
            }
        }
        Ok(())
    }

    /// A scalar in single or double quotes.
    pub(super) fn scan_quoted(&mut self, single: bool) -> Result<Token<'s>, Fault> {
        let start = self.cursor.mark;
        let quote = if single { b'\'' } else { b'"' };
        let mut content = self.cursor.content();
        self.cursor.skip();
        loop {
            if self.cursor.is_document_indicator() {
                return Err(refuse(start.line + 1, "found unexpected document indicator in a quoted scalar"));
            }
            if self.cursor.at_end() {
                return Err(refuse(start.line + 1, "a quoted scalar is not closed"));
            }
            let mut gap = Gap::default();
            while !self.cursor.is_space_or_end(0) {
                let byte = self.cursor.byte(0);
                if single && self.cursor.stands(b"''") {
                    content.add(b"'");
                    self.cursor.skip_many(2);
                } else if byte == quote {
                    break;
                } else if !single && byte == b'\\' && self.cursor.is_break(1) {
                    self.cursor.skip();
                    self.cursor.skip_break();
                    gap.broken = true;
                    break;
                } else if !single && byte == b'\\' {
                    self.read_escape(&mut content)?;
                } else {
                    self.cursor.read(&mut content);
                    self.cursor.read_run(&mut content, |byte| !b"\"'\\".contains(&byte));
                }
            }
            if self.cursor.byte(0) == quote {
                break;
            }
            let mut blanks = self.cursor.content();
            self.read_gap(&mut gap, &mut blanks, 0)?;
            if gap.broken {
                gap.fold_into(&mut content);
            } else {
                blanks.move_into(&mut content);
            }
        }
        self.cursor.skip();
        Ok(scalar(start, content, false))
    }

    /// An escape sequence of a double-quoted scalar.
    fn read_escape(&mut self, content: &mut Content<'s>) -> Result<(), Fault> {
        let escaped: &[u8] = match self.cursor.byte(1) {
            b'0' => b"\0",
            b'a' => b"\x07",
            b'b' => b"\x08",
            b't' | b'\t' => b"\t",
            b'n' => b"\n",
            b'v' => b"\x0B",
            b'f' => b"\x0C",
            b'r' => b"\r",
            b'e' => b"\x1B",
            b' ' => b" ",
            b'"' => b"\"",
            b'\'' => b"'",
            b'\\' => b"\\",
            b'N' => "\u{85}".as_bytes(),
            b'_' => "\u{A0}".as_bytes(),
            b'L' => "\u{2028}".as_bytes(),
            b'P' => "\u{2029}".as_bytes(),
            b'x' => return self.read_code(2, content),
            b'u' => return self.read_code(4, content),
            b'U' => return self.read_code(8, content),
            _ => return self.fail("found unknown escape character"),
        };
        content.add(escaped);
        self.cursor.skip_many(2);
        Ok(())
    }

    /// The character that is written as `digits` hexadecimal digits.
    fn read_code(&mut self, digits: usize, content: &mut Content<'s>) -> Result<(), Fault> {
        self.cursor.skip_many(2);
        let mut code = 0;
        for _ in 0..digits {
            let Some(digit) = char::from(self.cursor.byte(0)).to_digit(16) else {
                return self.fail("did not find expected hexadecimal number");
            };
            code = code << 4 | digit;
            self.cursor.skip();
        }
        let Some(character) = char::from_u32(code) else {
            return self.fail("found invalid Unicode character escape code");
        };
        content.add(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// A literal (`|`) or folded (`>`) scalar.
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<Token<'s>, Fault> {
        let start = self.cursor.mark;
        self.cursor.skip();
        let mut block = self.scan_block_header(start)?;
        let mut content = self.cursor.content();
        let mut last_break = Vec::new();
        let mut after_blank = false;
        self.scan_block_breaks(&mut block)?;
        while self.cursor.mark.column == block.indent && !self.cursor.at_end() {
            let blank = self.cursor.is_blank(0);
            let fold = !literal && !after_blank && !blank && last_break.first() == Some(&b'\n');
            if !fold {
                content.add(&last_break);
            } else if block.breaks.is_empty() {
                content.add(b" ");
            }
            content.add(&block.breaks);
            last_break.clear();
            block.breaks.clear();
            after_blank = blank;
            while !self.cursor.is_break_or_end(0) {
                self.cursor.read(&mut content);
                self.cursor.read_run(&mut content, |_| true);
            }
            self.cursor.read_break(&mut last_break);
            self.scan_block_breaks(&mut block)?;
        }
        if block.chomp != Chomp::Strip {
            content.add(&last_break);
        }
        if block.chomp == Chomp::Keep {
            content.add(&block.breaks);
        }
        Ok(scalar(start, content, false))
    }

    /// What stands behind `|` or `>`: chomping and indentation signs in any order, a comment, the line break.
    fn scan_block_header(&mut self, start: Mark) -> Result<Block, Fault> {
        let mut chomp = None;
        let mut increment = None;
        for _ in 0..2 {
            match self.cursor.byte(0) {
                b'+' if chomp.is_none() => chomp = Some(Chomp::Keep),
                b'-' if chomp.is_none() => chomp = Some(Chomp::Strip),
                b'0' if increment.is_none() => return self.fail("found an indentation indicator equal to 0"),
                digit @ b'1'..=b'9' if increment.is_none() => increment = Some(usize::from(digit - b'0')),
                _ => break,
            }
            self.cursor.skip();
        }
        self.cursor.skip_blanks();
        if self.cursor.byte(0) == b'#' {
            self.scan_line_comment(start);
            self.cursor.take_line();
        }
        if !self.cursor.is_break_or_end(0) {
            return self.fail("did not find expected comment or line break after a block scalar's header");
        }
        self.cursor.skip_break();
        let outer = usize::try_from(self.indent).unwrap_or(0);
        let indent = increment.map_or(0, |increment| outer + increment);
        let chomp = chomp.unwrap_or(Chomp::Clip);
        Ok(Block { chomp, indent, breaks: Vec::new(), line: start.line + 1 })
    }

    /// Indentation and empty lines. The first line that is not empty fixes the column of the text.
    fn scan_block_breaks(&mut self, block: &mut Block) -> Result<(), Fault> {
        let mut widest = 0;
        loop {
            while self.cursor.byte(0) == b' ' && (block.indent == 0 || self.cursor.mark.column < block.indent)
            {
                self.cursor.skip();
            }
            widest = widest.max(self.cursor.mark.column);
            let short = block.indent == 0 || self.cursor.mark.column < block.indent;
            if short && self.cursor.byte(0) == b'\t' {
                return Err(refuse(
                    block.line,
                    "found a tab character where an indentation space is expected in a block scalar",
                ));
            }
            if !self.cursor.is_break(0) {
                break;
            }
            self.cursor.read_break(&mut block.breaks);
        }
        if block.indent == 0 {
            block.indent = widest.max(usize::try_from(self.indent + 1).unwrap_or(0)).max(1);
        }
        Ok(())
    }
}

fn scalar(start: Mark, content: Content<'_>, plain: bool) -> Token<'_> {
    Token::with(Kind::Scalar { plain }, start, content.finish())
}
