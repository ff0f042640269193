//! Anchors, aliases, tags and directives.

use std::borrow::Cow;

use super::cursor::{Content, Mark};
use super::scanner::Scanner;
use super::token::{Kind, Token};
use crate::sops::Fault;

impl<'s> Scanner<'s> {
    /// `&name` or `*name`.
    pub(super) fn scan_anchor(&mut self, kind: Kind) -> Result<Token<'s>, Fault> {
        let start = self.cursor.mark;
        self.cursor.skip();
        let name = self.cursor.take_while(is_word);
        let ends = self.cursor.is_space_or_end(0)
            || matches!(self.cursor.byte(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            return self.fail("did not find expected alphabetic or numeric character in an anchor or alias");
        }
        Ok(Token::with(kind, start, Cow::Borrowed(name)))
    }

    /// `!<uri>`, `!suffix`, `!handle!suffix` or `!`. The token's value is the handle with its marks, its suffix the
    /// rest; the handle is empty where the suffix is the whole tag.
    pub(super) fn scan_tag(&mut self) -> Result<Token<'s>, Fault> {
        let start = self.cursor.mark;
        let mut suffix = self.cursor.content();
        let mut handle = Cow::Borrowed(&b""[..]);
        if self.cursor.stands(b"!<") {
            self.cursor.skip_many(2);
            self.scan_uri(&mut suffix, false)?;
            if self.cursor.byte(0) != b'>' {
                return self.fail("did not find the expected '>' of a tag");
            }
            self.cursor.skip();
        } else {
            self.cursor.skip();
            let word = self.cursor.take_while(is_word);
            if self.cursor.byte(0) == b'!' {
                self.cursor.skip();
                handle = marked(word);
                self.scan_uri(&mut suffix, false)?;
            } else if word.is_empty() && !is_uri(self.cursor.byte(0)) {
                suffix.add(b"!");
            } else {
                handle = Cow::Borrowed(b"!");
                suffix.add(word);
                self.scan_uri(&mut suffix, true)?;
            }
        }
        if !self.cursor.is_space_or_end(0) {
            return self.fail("did not find expected whitespace or line break after a tag");
        }
        Ok(Token { suffix: suffix.finish(), ..Token::with(Kind::Tag, start, handle) })
    }

    /// The characters of a tag, `%XX` decoded.
    fn scan_uri(&mut self, content: &mut Content<'s>, may_be_empty: bool) -> Result<(), Fault> {
        let mut empty = !may_be_empty;
        while is_uri(self.cursor.byte(0)) {
            if self.cursor.byte(0) == b'%' {
                let high = char::from(self.cursor.byte(1)).to_digit(16);
                let low = char::from(self.cursor.byte(2)).to_digit(16);
                let (Some(high), Some(low)) = (high, low) else {
                    return self.fail("did not find URI escaped octet in a tag");
                };
                content.add(&[u8::try_from(high << 4 | low).unwrap_or_default()]);
                self.cursor.skip_many(3);
            } else {
                self.cursor.read(content);
            }
            empty = false;
        }
        if empty { self.fail("did not find expected tag URI") } else { Ok(()) }
    }

    /// `%YAML` or `%TAG`, with the rest of the line.
    pub(super) fn scan_directive(&mut self) -> Result<Token<'s>, Fault> {
        let start = self.cursor.mark;
        self.cursor.skip();
        let name = self.cursor.take_while(is_word);
        let token = match name {
            b"YAML" if self.cursor.is_space_or_end(0) => {
                self.cursor.skip_blanks();
                let major = self.scan_version_number()?;
                if self.cursor.byte(0) != b'.' {
                    return self.fail("did not find expected digit or '.' character in a %YAML directive");
                }
                self.cursor.skip();
                let minor = self.scan_version_number()?;
                Token::bare(Kind::VersionDirective { major, minor }, start)
            }
            b"TAG" if self.cursor.is_space_or_end(0) => self.scan_tag_directive(start)?,
            _ => return self.fail("found unknown directive name"),
        };
        self.cursor.skip_blanks();
        if self.cursor.byte(0) == b'#' {
            self.cursor.take_line();
        }
        if !self.cursor.is_break_or_end(0) {
            return self.fail("did not find expected comment or line break after a directive");
        }
        self.cursor.skip_break();
        Ok(token)
    }

    fn scan_version_number(&mut self) -> Result<u8, Fault> {
        let digits = self.cursor.take_while(|byte| byte.is_ascii_digit());
        if !matches!(digits.len(), 1 | 2) {
            return self.fail("did not find expected version number in a %YAML directive");
        }
        Ok(digits.iter().fold(0, |number, digit| number * 10 + (digit - b'0')))
    }

    fn scan_tag_directive(&mut self, start: Mark) -> Result<Token<'s>, Fault> {
        self.cursor.skip_blanks();
        if self.cursor.byte(0) != b'!' {
            return self.fail("did not find expected '!' in a %TAG directive");
        }
        self.cursor.skip();
        let word = self.cursor.take_while(is_word);
        let handle = if self.cursor.byte(0) == b'!' {
            self.cursor.skip();
            marked(word)
        } else if word.is_empty() {
            Cow::Borrowed(&b"!"[..])
        } else {
            return self.fail("did not find expected '!' in a %TAG directive");
        };
        if !self.cursor.is_blank(0) {
            return self.fail("did not find expected whitespace in a %TAG directive");
        }
        self.cursor.skip_blanks();
        let mut prefix = self.cursor.content();
        self.scan_uri(&mut prefix, false)?;
        if !self.cursor.is_space_or_end(0) {
            return self.fail("did not find expected whitespace or line break in a %TAG directive");
        }
        Ok(Token { suffix: prefix.finish(), ..Token::with(Kind::TagDirective, start, handle) })
    }
}

/// A handle with its marks: `!word!`.
fn marked<'s>(word: &[u8]) -> Cow<'s, [u8]> {
    Cow::Owned([b"!", word, b"!"].concat())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_uri(byte: u8) -> bool {
    is_word(byte) || b";/?:@&=+$,.!~*'()[]%".contains(&byte)
}
