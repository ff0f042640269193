//! A place in the text, and the pieces of text that are taken from there.

use std::borrow::Cow;

/// A position. Comments are told apart by it, so it is counted exactly as yaml.v3 counts.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Characters before this one.
    pub index: usize,
    /// Line breaks before this one.
    pub line: usize,
    /// Characters before this one on its line.
    pub column: usize,
}

/// A reader over text that [`super::source::decode`] has checked. Behind the end it sees NUL.
pub(super) struct Cursor<'s> {
    text: &'s [u8],
    offset: usize,
    /// Where the reader stands.
    pub mark: Mark,
    /// Line breaks since the last character that is not blank.
    pub newlines: usize,
}

impl<'s> Cursor<'s> {
    /// A reader at the start of `text`.
    pub fn new(text: &'s [u8]) -> Self {
        Self { text, offset: 0, mark: Mark::default(), newlines: 0 }
    }

    /// The byte `ahead` bytes from here; NUL behind the end.
    pub fn byte(&self, ahead: usize) -> u8 {
        self.text.get(self.offset + ahead).copied().unwrap_or(0)
    }

    /// Whether the text is used up.
    pub fn at_end(&self) -> bool {
        self.offset >= self.text.len()
    }

    /// Whether a space or tab stands `ahead` bytes from here.
    pub fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.byte(ahead), b' ' | b'\t')
    }

    /// Whether a line break stands `ahead` bytes from here: LF, CR, NEL, LS or PS.
    pub fn is_break(&self, ahead: usize) -> bool {
        match self.byte(ahead) {
            b'\r' | b'\n' => true,
            0xC2 => self.byte(ahead + 1) == 0x85,
            0xE2 => self.byte(ahead + 1) == 0x80 && matches!(self.byte(ahead + 2), 0xA8 | 0xA9),
            _ => false,
        }
    }

    /// A line break or the end.
    pub fn is_break_or_end(&self, ahead: usize) -> bool {
        self.byte(ahead) == 0 || self.is_break(ahead)
    }

    /// A space, a tab, a line break or the end.
    pub fn is_space_or_end(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_break_or_end(ahead)
    }

    /// Whether `---` or `...` stands here at the start of a line, followed by a blank, a break or the end.
    pub fn is_document_indicator(&self) -> bool {
        self.mark.column == 0 && (self.stands(b"---") || self.stands(b"...")) && self.is_space_or_end(3)
    }

    /// Whether exactly `wanted` stands here.
    pub fn stands(&self, wanted: &[u8]) -> bool {
        self.text.get(self.offset..self.offset + wanted.len()) == Some(wanted)
    }

    /// Steps over one character that is not a line break.
    pub fn skip(&mut self) {
        if self.at_end() {
            return;
        }
        if !self.is_blank(0) {
            self.newlines = 0;
        }
        self.offset += width(self.byte(0));
        self.mark.index += 1;
        self.mark.column += 1;
    }

    /// Steps over `count` characters.
    pub fn skip_many(&mut self, count: usize) {
        for _ in 0..count {
            self.skip();
        }
    }

    /// Steps over blanks.
    pub fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.skip();
        }
    }

    /// Steps over one line break, CR LF counting as one; nothing happens elsewhere.
    pub fn skip_break(&mut self) {
        if self.stands(b"\r\n") {
            self.offset += 2;
            self.mark.index += 2;
        } else if self.is_break(0) {
            self.offset += width(self.byte(0));
            self.mark.index += 1;
        } else {
            return;
        }
        self.mark.column = 0;
        self.mark.line += 1;
        self.newlines += 1;
    }

    /// Takes one character over into `content`.
    pub fn read(&mut self, content: &mut Content<'s>) {
        let from = self.offset;
        self.skip();
        content.copy(from, self.offset);
    }

    /// Takes over characters, all of them ASCII and none a blank or a break, while `wanted` holds for them. The same
    /// as reading them one by one, only faster.
    pub fn read_run(&mut self, content: &mut Content<'s>, wanted: fn(u8) -> bool) {
        let rest = &self.text[self.offset.min(self.text.len())..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_graphic() && wanted(**byte)).count();
        if length > 0 {
            content.copy(self.offset, self.offset + length);
            self.offset += length;
            self.mark.index += length;
            self.mark.column += length;
            self.newlines = 0;
        }
    }

    /// Takes one line break over: LS and PS as they are, every other as LF.
    pub fn read_break(&mut self, breaks: &mut Vec<u8>) {
        if self.byte(0) == 0xE2 && self.is_break(0) {
            breaks.extend_from_slice(&[0xE2, 0x80, self.byte(2)]);
        } else if self.is_break(0) {
            breaks.push(b'\n');
        }
        self.skip_break();
    }

    /// Steps over characters while `wanted` holds for their first byte, and hands them out.
    pub fn take_while(&mut self, wanted: fn(u8) -> bool) -> &'s [u8] {
        let from = self.offset;
        while !self.at_end() && wanted(self.byte(0)) {
            self.skip();
        }
        &self.text[from..self.offset]
    }

    /// Steps over the rest of the line, its break excluded, and hands it out.
    pub fn take_line(&mut self) -> &'s [u8] {
        let from = self.offset;
        while !self.is_break_or_end(0) {
            self.skip();
        }
        &self.text[from..self.offset]
    }

    /// An empty piece of text, to be filled from here on.
    pub fn content(&self) -> Content<'s> {
        Content { text: self.text, from: 0, to: 0, own: None }
    }
}

/// How many bytes the character has that starts with `first`.
fn width(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

/// Text that is gathered from a file; borrowed from it as long as it is one piece there.
pub(super) struct Content<'s> {
    text: &'s [u8],
    from: usize,
    to: usize,
    own: Option<Vec<u8>>,
}

impl<'s> Content<'s> {
    /// Appends a range of the file.
    pub fn copy(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        if let Some(own) = &mut self.own {
            own.extend_from_slice(&self.text[from..to]);
        } else if self.from == self.to {
            (self.from, self.to) = (from, to);
        } else if self.to == from {
            self.to = to;
        } else {
            let range = from..to;
            self.add(&self.text[range]);
        }
    }

    /// Appends bytes that do not stand like that in the file.
    pub fn add(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let (text, from, to) = (self.text, self.from, self.to);
        self.own.get_or_insert_with(|| text[from..to].to_vec()).extend_from_slice(bytes);
    }

    /// Appends what was gathered to `other`, and starts anew.
    pub fn move_into(&mut self, other: &mut Self) {
        if let Some(own) = self.own.take() {
            other.add(&own);
        } else {
            other.copy(self.from, self.to);
        }
        (self.from, self.to) = (0, 0);
    }

    /// Hands the text over.
    pub fn finish(self) -> Cow<'s, [u8]> {
        match self.own {
            Some(own) => Cow::Owned(own),
            None => Cow::Borrowed(&self.text[self.from..self.to]),
        }
    }
}
