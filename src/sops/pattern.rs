//! Go regular expressions (RE2 syntax), of which a rule may hold one.
//!
//! A rule decides which values are encrypted, so a pattern must match here exactly where it matches in Go.
//! Each pattern is therefore read with Go's grammar (`regexp/syntax`, Perl flags) and written again in the
//! grammar of `regex-lite`, in the few forms that mean the same there. ASCII classes, the byte-sized engine
//! and no Unicode tables are what Go's `\d`, `\w` and `\b` need; what does need tables is refused by name.

use std::fmt::Write as _;

use regex_lite::Regex;

/// A compiled pattern.
#[derive(Debug)]
pub struct Pattern(Option<Regex>);

/// A pattern that Go can compile and this program cannot.
#[derive(Debug)]
pub struct Unsupported(
    /// What it is in the pattern.
    pub &'static str,
);

impl Pattern {
    /// Compiles a pattern. One that Go cannot compile matches nothing, as in sops.
    ///
    /// # Errors
    /// [`Unsupported`].
    pub fn new(pattern: &[u8]) -> Result<Self, Unsupported> {
        let Ok(pattern) = std::str::from_utf8(pattern) else { return Ok(Self(None)) };
        match translate(pattern) {
            Ok(translated) => match Regex::new(&translated) {
                Ok(regex) => Ok(Self(Some(regex))),
                Err(_) => Err(Unsupported("it is too large or too deeply nested")),
            },
            Err(Invalid) => Ok(Self(None)),
            Err(Refused(what)) => Err(Unsupported(what)),
        }
    }

    /// Whether the pattern matches anywhere in `text`. Each byte that is not UTF-8 counts as one U+FFFD.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        let Some(regex) = &self.0 else { return false };
        match std::str::from_utf8(text) {
            Ok(text) => regex.is_match(text),
            Err(_) => regex.is_match(&super::replace_invalid_utf8(text)),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Untranslatable {
    Invalid,
    Unsupported(&'static str),
}

use Untranslatable::{Invalid, Unsupported as Refused};

/// What stands before a repetition operator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Atom,
    Repetition,
}

struct Translator<'p> {
    rest: &'p str,
    out: String,
    /// For each open group, whether case was folded in front of it.
    open_groups: Vec<bool>,
    before: Before,
    /// Whether case is folded here.
    folds: bool,
    /// Whether it is anywhere.
    folds_case: bool,
    beyond_ascii: bool,
}

fn translate(pattern: &str) -> Result<String, Untranslatable> {
    let mut translator = Translator {
        rest: pattern,
        out: String::new(),
        open_groups: Vec::new(),
        before: Before::Nothing,
        folds: false,
        folds_case: false,
        beyond_ascii: false,
    };
    while let Some(character) = translator.next() {
        translator.token(character)?;
    }
    if !translator.open_groups.is_empty() {
        return Err(Invalid);
    }
    if translator.folds_case && translator.beyond_ascii {
        return Err(Refused("(?i) together with letters beyond ASCII"));
    }
    Ok(translator.out)
}

impl Translator<'_> {
    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next()?;
        self.rest = characters.as_str();
        Some(character)
    }

    fn skip(&mut self, prefix: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(prefix) else { return false };
        self.rest = rest;
        true
    }

    fn token(&mut self, character: char) -> Result<(), Untranslatable> {
        let mut before = Before::Atom;
        match character {
            '(' => before = self.group()?,
            ')' => {
                self.folds = self.open_groups.pop().ok_or(Invalid)?;
                self.out.push(')');
            }
            '|' => {
                self.out.push('|');
                before = Before::Nothing;
            }
            '^' | '$' | '.' => self.out.push(character),
            '[' => self.class()?,
            '*' | '+' | '?' => before = self.repetition(&character.to_string())?,
            '{' => match self.counts()? {
                Some(counts) => before = self.repetition(&counts)?,
                None => self.literal('{'),
            },
            '\\' => before = self.escape()?,
            other => self.literal(other),
        }
        self.before = before;
        Ok(())
    }

    /// A character that stands for itself, in a form that is never an operator.
    fn literal(&mut self, character: char) {
        self.beyond_ascii |= !character.is_ascii();
        if character.is_ascii_alphanumeric() {
            self.out.push(character);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(self.out, "\\x{{{:x}}}", u32::from(character));
        }
    }

    fn repetition(&mut self, operator: &str) -> Result<Before, Untranslatable> {
        // Go: "missing argument to repetition operator", and a** is no double star.
        if self.before != Before::Atom {
            return Err(Invalid);
        }
        self.skip("?"); // lazy or not: whether it matches at all does not depend on it
        self.out.push_str(operator);
        Ok(Before::Repetition)
    }

    /// The counts behind `{`, or `None` if what follows is not a repetition and the brace a literal.
    fn counts(&mut self) -> Result<Option<String>, Untranslatable> {
        let Some((inside, rest)) = self.rest.split_once('}') else { return Ok(None) };
        let (low, high) = inside.split_once(',').unwrap_or((inside, inside));
        let well_formed = |digits: &str| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && !(digits.len() > 1 && digits.starts_with('0'))
        };
        if low.is_empty() || !well_formed(low) || !well_formed(high) {
            return Ok(None);
        }
        let bound = |digits: &str| digits.parse::<u32>().ok().filter(|count| *count <= 1000).ok_or(Invalid);
        let low = bound(low)?;
        if !high.is_empty() && bound(high)? < low {
            return Err(Invalid);
        }
        self.rest = rest;
        Ok(Some(format!("{{{inside}}}")))
    }

    fn group(&mut self) -> Result<Before, Untranslatable> {
        if !self.skip("?") {
            self.open_groups.push(self.folds);
            self.out.push_str("(?:");
            return Ok(Before::Nothing);
        }
        if self.skip("P<") || self.skip("<") {
            let (name, rest) = self.rest.split_once('>').ok_or(Invalid)?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(Invalid);
            }
            self.rest = rest;
            self.open_groups.push(self.folds);
            self.out.push_str("(?:");
            return Ok(Before::Nothing);
        }
        self.flags()
    }

    /// The flags behind `(?`, and whether they open a group. `U` only says how long a match is.
    fn flags(&mut self) -> Result<Before, Untranslatable> {
        let mut flags = [('i', None), ('m', None), ('s', None)];
        let (mut on, mut named) = (true, true);
        let end = loop {
            match self.next().ok_or(Invalid)? {
                '-' if on => (on, named) = (false, false),
                end @ (':' | ')') if named => break end,
                'U' => named = true,
                letter => {
                    let flag = flags.iter_mut().find(|(name, _)| *name == letter).ok_or(Invalid)?;
                    flag.1 = Some(on);
                    named = true;
                    self.folds_case |= letter == 'i' && on;
                }
            }
        };
        let letters = |wanted| flags.iter().filter(move |flag| flag.1 == Some(wanted)).map(|flag| flag.0);
        let (set, cleared): (String, String) = (letters(true).collect(), letters(false).collect());
        let dash = if cleared.is_empty() { "" } else { "-" };
        let folds = flags[0].1.unwrap_or(self.folds);
        if end == ')' {
            self.folds = folds;
            if !set.is_empty() || !cleared.is_empty() {
                let _ = write!(self.out, "(?{set}{dash}{cleared})");
            }
            return Ok(if self.before == Before::Nothing { Before::Nothing } else { Before::Atom });
        }
        self.open_groups.push(std::mem::replace(&mut self.folds, folds));
        let _ = write!(self.out, "(?{set}{dash}{cleared}:");
        Ok(Before::Nothing)
    }

    /// An escape outside of a class.
    fn escape(&mut self) -> Result<Before, Untranslatable> {
        if self.skip("Q") {
            let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
            let empty = text.is_empty();
            text.chars().for_each(|character| self.literal(character));
            self.rest = rest;
            return Ok(if empty { self.before } else { Before::Atom });
        }
        match self.rest.chars().next().ok_or(Invalid)? {
            // Wrapped, as `\b{` means something else here.
            assertion @ ('A' | 'z' | 'b' | 'B') => {
                self.next();
                let _ = write!(self.out, "(?:\\{assertion})");
            }
            class if perl_class(class).is_some() => {
                self.next();
                let (negated, members) = perl_class(class).ok_or(Invalid)?;
                let caret = if negated { "^" } else { "" };
                let _ = write!(self.out, "[{caret}{members}]");
            }
            _ => {
                let character = self.escaped_character()?;
                self.literal(character);
            }
        }
        Ok(Before::Atom)
    }

    /// An escape that stands for one character, behind its backslash.
    fn escaped_character(&mut self) -> Result<char, Untranslatable> {
        let character = self.next().ok_or(Invalid)?;
        let value = match character {
            'p' | 'P' => return Err(Refused("\\p needs Unicode tables")),
            'a' => 7,
            'f' => 12,
            't' => 9,
            'n' => 10,
            'r' => 13,
            'v' => 11,
            '0'..='7' => {
                let more = self.rest.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                if character != '0' && more == 0 {
                    return Err(Invalid); // a back reference
                }
                let digits = format!("{character}{}", &self.rest[..more]);
                self.rest = &self.rest[more..];
                u32::from_str_radix(&digits, 8).map_err(|_| Invalid)?
            }
            'x' => self.hexadecimal()?,
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => u32::from(other),
            _ => return Err(Invalid),
        };
        match value {
            0xd800..=0xdfff => Err(Refused("a surrogate")),
            value => char::from_u32(value).ok_or(Invalid),
        }
    }

    fn hexadecimal(&mut self) -> Result<u32, Untranslatable> {
        let digits = if self.skip("{") {
            let (digits, rest) = self.rest.split_once('}').ok_or(Invalid)?;
            self.rest = rest;
            digits
        } else {
            let (digits, rest) = self.rest.split_at_checked(2).ok_or(Invalid)?;
            self.rest = rest;
            digits
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Invalid);
        }
        u32::from_str_radix(digits, 16).map_err(|_| Invalid)
    }

    /// A class, behind its `[`.
    fn class(&mut self) -> Result<(), Untranslatable> {
        let open = if self.skip("^") { "[^" } else { "[" };
        self.out.push_str(open);
        let mut first = true;
        while first || !self.skip("]") {
            first = false;
            if self.rest.starts_with("[:") && self.posix_class()? {
                continue;
            }
            let escaped = self.rest.strip_prefix('\\').and_then(|rest| rest.chars().next());
            if let Some((negated, members)) = escaped.and_then(perl_class) {
                self.rest = &self.rest[2..];
                self.out.push_str(if negated { complement(members) } else { members });
                continue;
            }
            let low = self.class_character()?;
            let mut high = low;
            self.literal(low);
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") && self.rest.len() > 1 {
                self.skip("-");
                high = self.class_character()?;
                if high < low {
                    return Err(Invalid);
                }
                self.out.push('-');
                self.literal(high);
            }
            if self.folds {
                self.other_case(low, high);
            }
        }
        self.out.push(']');
        Ok(())
    }

    /// The letters of a range in their other case. `regex-lite` adds only one half of a range that has both.
    fn other_case(&mut self, low: char, high: char) {
        for (first, last) in [('A', 'Z'), ('a', 'z')] {
            let ends = [low.max(first), high.min(last)];
            if ends[0] <= ends[1] {
                // As they are: behind `(?i)` an escaped letter is no end of a range there.
                let [low, high] =
                    ends.map(|letter| char::from(u8::try_from(letter).unwrap_or_default() ^ 0x20));
                let _ = write!(self.out, "{low}-{high}");
            }
        }
    }

    fn class_character(&mut self) -> Result<char, Untranslatable> {
        if self.skip("\\") { self.escaped_character() } else { self.next().ok_or(Invalid) }
    }

    /// `[:name:]`; without a closing `:]` the bracket is a literal.
    fn posix_class(&mut self) -> Result<bool, Untranslatable> {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
            "space", "upper", "word", "xdigit",
        ];
        let Some((name, rest)) = self.rest[2..].split_once(":]") else { return Ok(false) };
        if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(Invalid);
        }
        match name {
            "upper" | "lower" if self.folds => self.out.push_str("A-Za-z"),
            "^upper" | "^lower" if self.folds => self.out.push_str("[:^alpha:]"),
            _ => drop(write!(self.out, "[:{name}:]")),
        }
        self.rest = rest;
        Ok(true)
    }
}

/// Go's Perl classes: whether it is the complement, and the members. Its `\s` has no vertical tab.
fn perl_class(letter: char) -> Option<(bool, &'static str)> {
    let members = match letter.to_ascii_lowercase() {
        'd' => "0-9",
        's' => "\\x09\\x0a\\x0c\\x0d\\x20",
        'w' => "0-9A-Za-z_",
        _ => return None,
    };
    Some((letter.is_ascii_uppercase(), members))
}

/// The complement of such a class, to stand among other members.
fn complement(members: &str) -> &'static str {
    match members {
        "0-9" => "\\x00-\\x2f\\x3a-\\x{10ffff}",
        "0-9A-Za-z_" => "\\x00-\\x2f\\x3a-\\x40\\x5b-\\x5e\\x60\\x7b-\\x{10ffff}",
        _ => "\\x00-\\x08\\x0b\\x0e-\\x1f\\x21-\\x{10ffff}",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let compiled =
            Pattern::new(pattern.as_bytes()).unwrap_or_else(|refused| panic!("{pattern}: {refused:?}"));
        compiled.matches(text.as_bytes())
    }

    #[test]
    fn patterns_are_unanchored_and_go_like() {
        for (pattern, yes, no) in [
            ("^(data|stringData)$", "stringData", "metadata"),
            ("ass", "password", "pasword"),
            ("((?i)(pass|secret($|[^N]))|key|token$)", "dbPASSWORD", "secretName"),
            ("(?i)api_key", "API_KEY", "APIKEY"),
            ("(?i:a)b", "Ab", "AB"),
            ("(?i)a(?-i)b", "Ab", "AB"),
            ("(?i)^[1-a_]$", "b", "{"),
            ("(?i)^[^1-a_]$", "{", "b"),
            ("(?i)^[B-b]$", "Z", "1"),
            ("(?i)^[B-b]$", "z", "{"),
            ("(?i)^[[:upper:]]$", "a", "1"),
            ("(?i)^[[:^upper:]]$", "1", "a"),
            ("(?i)^[[:upper:][-`a]$", "x", "{"),
            ("(?i:(?-i)[1-a])(?i:b)", "AB", "bb"),
            ("((?i))[A-B]", "A", "a"),
            (r"^\d+$", "0123", "٣"),
            (r"^\w+$", "a_9", "é"),
            (r"\bkey\b", "ékey", "akey"),
            (r"^[\d\-x]+$", "1-x", "1_x"),
            (r"^[\D]$", "é", "5"),
            (r"^[^\W_]+$", "a5", "_"),
            (r"^\s$", "\t", "\u{b}"),
            (r"^[\S]$", "\u{b}", " "),
            ("[[:alpha:]]", "1a", "123"),
            ("^[[:^digit:]]+$", "ab", "a1"),
            (r"^\Qa.b\E$", "a.b", "aXb"),
            (r"^a\.b\z", "a.b", "aXb"),
            (r"^\x41\x{e9}\101$", "AéA", "A"),
            ("^.$", "é", "\n"),
            ("(?s)^.$", "\n", "ab"),
            ("(?m)^b$", "a\nb", "ab"),
            ("^[é]$", "é", "Ã"),
            ("^é+$", "éé", "é\u{a9}"),
            ("^[a[b]$", "[", "c"),
            ("^[]a]$", "]", "b"),
            ("^[^]a]$", "b", "]"),
            ("^[a&&b]+$", "a&b", "c"),
            ("^[+--]$", "-", "."),
            ("^a{2}$", "aa", "a"),
            ("^a{2,3}$", "aaa", "a"),
            ("^a{2,}$", "aaaa", "a"),
            ("^a{,2}$", "a{,2}", "a"),
            ("^a{$", "a{", "a"),
            ("^a{01}$", "a{01}", "a"),
            ("^#  x$", "#  x", "x"),
            ("(?P<n>a)(?<m>b)", "ab", "a"),
            ("(?U)^a+?$", "aa", "b"),
            (r"a\_b\-c\<", "a_b-c<", "ab"),
            ("(?)^a$", "a", "b"),
            ("(?:a|b)+?c", "abc", "ab"),
            ("^*a", "a", "b"),
        ] {
            assert!(matches(pattern, yes), "{pattern} should match {yes:?}");
            assert!(!matches(pattern, no), "{pattern} should not match {no:?}");
        }
        assert!(matches("", "anything") && matches("a||b", ""));
    }

    #[test]
    fn what_go_cannot_compile_matches_nothing() {
        let bad = r"(?=a) (?!a) (?<=a) (?<!a) (?>a) (?#a) (?x)a \1 a** a*+ a++ a{2}{3} *a (*a) a|+ (a a) [a [] [b-a] \8 \E
                    \C \Z \h \y \u0041 a\ [[:foo:]] a{1001} a{3,2} a{99999999999} (?P<>a) (?P<a-b>a) (?P<a (? (?i (?i- (?-)a
                    (?--i)a \x \x1 \xzz \x{} \x{110000} [\b] [a-\d] \18 (?P=n) (?k";
        for pattern in bad.split_ascii_whitespace() {
            assert_eq!(translate(pattern), Err(Invalid), "{pattern}");
            assert!(!matches(pattern, "a"), "{pattern}");
        }
        assert!(!Pattern::new(b"a|\xff").unwrap().matches(b"a"));
    }

    #[test]
    fn what_needs_unicode_tables_is_refused() {
        for pattern in [r"\pL", r"[\p{Greek}]", r"\PN", "(?i)é", r"[\x{d800}]", &"(".repeat(300)] {
            let closed = format!("{pattern}{}", ")".repeat(pattern.matches('(').count().saturating_sub(1)));
            let pattern = if pattern.starts_with("((") { format!("{closed})") } else { pattern.to_owned() };
            assert!(Pattern::new(pattern.as_bytes()).is_err(), "{pattern}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_count_as_one_character_each() {
        let pattern = Pattern::new(b"^a..b$").unwrap();
        assert!(pattern.matches(b"a\xe2\x82b"));
        assert!(!pattern.matches(b"a\xe2b"));
        assert!(Pattern::new("\u{fffd}".as_bytes()).unwrap().matches(b"\xff"));
    }
}
