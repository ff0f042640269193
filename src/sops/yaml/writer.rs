//! Printing characters: what yaml.v3's emitter keeps track of while it prints, and its scalar forms.

use super::style::{first_character, is_break, is_printable};
use crate::secret::{Secret, SecretBuffer};

/// The output, and where on a line it stands.
pub(super) struct Writer {
    out: SecretBuffer,
    column: usize,
    /// The last thing was white space, or counts as such.
    whitespace: bool,
    /// Only indentation (`- ` and `? ` included) stands on this line.
    indention: bool,
    /// A foot comment was printed at this column: the next thing there gets an empty line before it.
    foot_column: Option<usize>,
}

impl Writer {
    /// Nothing printed yet.
    pub fn new() -> Self {
        let out = SecretBuffer::with_capacity(4096);
        Self { out, column: 0, whitespace: true, indention: true, foot_column: None }
    }

    /// What was printed, unless it is too large.
    pub fn into_secret(self) -> Option<Secret> {
        self.out.into_secret()
    }

    /// Whether a new line was begun.
    pub fn at_line_start(&self) -> bool {
        self.column == 0
    }

    /// Says where a foot comment was printed.
    pub fn set_foot_column(&mut self, column: Option<usize>) {
        self.foot_column = column;
    }

    fn put(&mut self, character: &[u8]) {
        self.out.push(character);
        self.column += 1;
    }

    fn put_break(&mut self) {
        self.put_break_as(b"\n");
    }

    fn put_break_as(&mut self, character: &[u8]) {
        self.out.push(character);
        self.column = 0;
        self.indention = true;
    }

    /// Goes to `column` of a line on which nothing but indentation stands.
    pub fn indent(&mut self, column: usize) {
        if !self.indention || self.column > column || self.column == column && !self.whitespace {
            self.put_break();
        }
        if self.foot_column == Some(column) {
            self.put_break();
        }
        if let Some(blanks) = column.checked_sub(self.column) {
            self.out.fill(b' ', blanks);
            self.column = column;
        }
        self.whitespace = true;
        self.foot_column = None;
    }

    /// A sign that stands apart from what is before it, such as `-` or `?`. `opens`: something may follow at once.
    pub fn sign(&mut self, sign: &[u8], opens: bool, indention: bool) {
        self.separate();
        self.put_all(sign);
        self.whitespace = opens;
        self.indention &= indention;
    }

    /// A sign right behind what is before it, such as `:`.
    pub fn attached_sign(&mut self, sign: &[u8]) {
        self.put_all(sign);
        (self.whitespace, self.indention) = (false, false);
    }

    fn separate(&mut self) {
        if !self.whitespace {
            self.put(b" ");
        }
    }

    fn put_all(&mut self, mut text: &[u8]) {
        while let Some(character) = first_character(text) {
            self.put(character);
            text = &text[character.len()..];
        }
    }

    /// A comment of several lines. Each line gets a `#`, also where a text holds line breaks of its own.
    pub fn comment(&mut self, lines: &[&Secret], column: usize) {
        self.indent(column);
        let mut broken = false;
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                self.put_break();
                broken = true;
            }
            broken = self.comment_line(line.expose(), broken, column);
        }
        if !broken {
            self.put_break();
        }
        self.whitespace = true;
    }

    /// One line of a comment; `broken`: it follows a line break. Returns whether it ends with one.
    fn comment_line(&mut self, text: &[u8], broken: bool, column: usize) -> bool {
        if broken {
            self.indent(column);
        }
        self.put(b"#");
        self.indention = false;
        let mut broken = false;
        let mut marked = true;
        for chunk in text.utf8_chunks() {
            let mut rest = chunk.valid().as_bytes();
            while let Some(character) = first_character(rest) {
                rest = &rest[character.len()..];
                if is_break(character) {
                    self.put_break_as(character);
                    (broken, marked) = (true, false);
                    continue;
                }
                if broken {
                    self.indent(column);
                }
                if !marked && character != b"#" {
                    self.put_all(b"# ");
                }
                self.put(character);
                self.indention = false;
                (broken, marked) = (false, true);
            }
            if !chunk.invalid().is_empty() {
                // sops dies of it; a comment is no data.
                self.put("\u{FFFD}".as_bytes());
            }
        }
        broken
    }

    /// A tag in its short form, such as `!!binary`.
    pub fn tag(&mut self, tag: &[u8]) {
        self.separate();
        self.put_all(tag);
        (self.whitespace, self.indention) = (false, false);
    }

    /// Without quotes.
    pub fn plain(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.separate();
            self.put_all(text);
            self.whitespace = false;
        }
        self.indention = false;
    }

    /// In single quotes. LS and PS are printed as they are, and what follows starts at `column`.
    pub fn single_quoted(&mut self, text: &[u8], column: usize) {
        self.separate();
        self.put(b"'");
        self.whitespace = false;
        self.indention = false;
        let mut broken = false;
        let mut rest = text;
        while let Some(character) = first_character(rest) {
            rest = &rest[character.len()..];
            if is_break(character) {
                self.put_break_as(character);
                broken = true;
                continue;
            }
            if character == b" " {
                self.put(character);
                continue;
            }
            if broken {
                self.indent(column);
            }
            if character == b"'" {
                self.put(b"'");
            }
            self.put(character);
            self.indention = false;
            broken = false;
        }
        self.put(b"'");
        (self.whitespace, self.indention) = (false, false);
    }

    /// In double quotes.
    pub fn double_quoted(&mut self, text: &[u8]) {
        self.separate();
        self.put(b"\"");
        // yaml.v3 looks for the mark at the start of the text, at every character.
        let marked = text.starts_with("\u{FEFF}".as_bytes());
        let mut rest = text;
        while let Some(character) = first_character(rest) {
            rest = &rest[character.len()..];
            let special = matches!(character, b"\"" | b"\\") || is_break(character);
            if special || marked || !is_printable(character) {
                self.escaped(character);
            } else {
                self.put(character);
            }
        }
        self.put(b"\"");
        (self.whitespace, self.indention) = (false, false);
    }

    fn escaped(&mut self, character: &[u8]) {
        let code = std::str::from_utf8(character)
            .ok()
            .and_then(|text| text.chars().next())
            .map_or(0xFFFD, u32::from);
        let sign: &[u8] = match code {
            0x00 => b"\\0",
            0x07 => b"\\a",
            0x08 => b"\\b",
            0x09 => b"\\t",
            0x0A => b"\\n",
            0x0B => b"\\v",
            0x0C => b"\\f",
            0x0D => b"\\r",
            0x1B => b"\\e",
            0x22 => b"\\\"",
            0x5C => b"\\\\",
            0x85 => b"\\N",
            0xA0 => b"\\_",
            0x2028 => b"\\L",
            0x2029 => b"\\P",
            _ => {
                let digits = match code {
                    0..=0xFF => 2,
                    0x100..=0xFFFF => 4,
                    _ => 8,
                };
                self.put_all(match digits {
                    2 => b"\\x",
                    4 => b"\\u",
                    _ => b"\\U",
                });
                for place in (0..digits).rev() {
                    let digit = code >> (4 * place) & 0xF;
                    self.put(&[b"0123456789ABCDEF"[digit as usize]]);
                }
                return;
            }
        };
        self.put_all(sign);
    }

    /// As a literal block at `column`, `depth` columns right of the collection it stands in.
    pub fn literal(&mut self, text: &[u8], column: usize, depth: usize) {
        self.separate();
        self.put(b"|");
        // The indentation is told where the text itself starts with white space. yaml.v3 always says 4 here, also
        // where it is 2, and nothing before a tab: it cannot read that back, so there we differ.
        let indented =
            first_character(text).is_some_and(|first| matches!(first, b" " | b"\t") || is_break(first));
        if indented {
            self.put(&[b'0' + u8::try_from(depth.clamp(1, 9)).unwrap_or(9)]);
        }
        match breaks_at_end(text) {
            (0, _) => self.put(b"-"),
            (1, false) => {}
            _ => self.put(b"+"),
        }
        self.put_break();
        self.whitespace = true;
        let mut broken = true;
        let mut rest = text;
        while let Some(character) = first_character(rest) {
            rest = &rest[character.len()..];
            if is_break(character) {
                self.put_break_as(character);
                broken = true;
                continue;
            }
            if broken {
                self.indent(column);
            }
            self.put(character);
            self.indention = false;
            broken = false;
        }
    }
}

/// How many line breaks end the text (at most 2 are counted), and whether there is nothing else.
fn breaks_at_end(text: &[u8]) -> (usize, bool) {
    let mut rest = text;
    let mut count = 0;
    while count < 2 {
        let cut = [&b"\n"[..], b"\r", "\u{85}".as_bytes(), "\u{2028}".as_bytes(), "\u{2029}".as_bytes()]
            .iter()
            .find_map(|ending| rest.strip_suffix(*ending));
        let Some(shorter) = cut else { break };
        rest = shorter;
        count += 1;
    }
    (count, rest.is_empty())
}
