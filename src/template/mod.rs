//! Templates: placeholders replaced by secrets, in one scan from left to right.
//!
//! sops-nix replaces placeholder after placeholder in the whole text, in random order, so that a secret's
//! value can pull in another secret. Here a template is cut into pieces before any value is known, and a
//! value is never looked at again.
//!
//! A placeholder that ends in `>` may carry filters in front of it: `<SOPS:…:PLACEHOLDER|trim|json>`.

mod filter;

use std::collections::BTreeMap;
use std::fmt;

use crate::secret::{Secret, SecretBuffer};
pub use filter::Filter;

/// What our module's and sops-nix's placeholders start with, and hold further on.
const MARKS: (&[u8], &[u8]) = (b"<SOPS:", b":PLACEHOLDER");
/// Longest filter list, in bytes: what is longer is not a list of filters.
const MAX_FILTERS: usize = 128;

/// What is said of more than [`SecretBuffer::MAX`] bytes.
const TOO_LARGE: &str = "it becomes larger than 256 MiB";

/// Why a template cannot be rendered.
#[derive(Debug)]
pub struct Fault {
    /// What is wrong: a clause about it, or several.
    pub text: String,
    /// What to do about the first of them.
    pub hint: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}

const UNKNOWN: &str = "write the placeholder as `config.sops.placeholder` gives it, and declare its secret";
const OTHER_PHASE: &str =
    "declare that secret for this phase as well, under another name, and use the placeholder of that one";
const NOT_CLOSED: &str = "put filters right behind PLACEHOLDER, without blanks: `PLACEHOLDER|json>`";
const NO_FILTER: &str = "correct the filter, or take it out";
const REFUSED: &str = "use another filter, or change the value with `sops edit`";
const SMALLER: &str = "leave large secrets out of templates: programs can read their own files";

/// The placeholders of a manifest.
pub struct Placeholders<'a> {
    /// By their text without a final `>`, which may be replaced by filters.
    by_stem: BTreeMap<&'a [u8], Stem<'a>>,
    /// The lengths of stems that occur, longest first.
    lengths: Vec<usize>,
    /// The bytes that placeholders start with, so that plain text is skipped quickly.
    first: Vec<u8>,
}

/// The placeholders with one stem: the stem itself, and the stem with a final `>`.
#[derive(Clone, Copy, Default)]
struct Stem<'a> {
    bare: Option<Placeholder<'a>>,
    bracketed: Option<Placeholder<'a>>,
}

#[derive(Clone, Copy)]
struct Placeholder<'a> {
    /// The secret that it stands for.
    name: &'a str,
    /// That secret's place in the manifest; `None` if the secret belongs to the other phase.
    secret: Option<usize>,
}

/// A placeholder in a text: the bytes that it takes, what it is, and its filters.
type Found<'a> = (usize, Placeholder<'a>, Vec<Filter>);

/// A template cut into pieces.
#[derive(Debug)]
pub struct Template<'t> {
    pieces: Vec<Piece<'t>>,
}

#[derive(Debug)]
enum Piece<'t> {
    Text(&'t [u8]),
    Value { secret: usize, name: String, filters: Vec<Filter> },
}

impl<'a> Placeholders<'a> {
    /// Placeholders from their text, the name of the secret and its place in the manifest. An empty text is
    /// left out: it would fit everywhere.
    pub fn new(all: impl IntoIterator<Item = (&'a str, &'a str, Option<usize>)>) -> Self {
        let mut by_stem: BTreeMap<&[u8], Stem<'a>> = BTreeMap::new();
        for (text, name, secret) in all {
            let placeholder = Some(Placeholder { name, secret });
            match text.as_bytes() {
                [] | [b'>'] => {}
                [stem @ .., b'>'] => by_stem.entry(stem).or_default().bracketed = placeholder,
                text => by_stem.entry(text).or_default().bare = placeholder,
            }
        }
        let mut lengths: Vec<usize> = by_stem.keys().map(|stem| stem.len()).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        let mut first: Vec<u8> = by_stem.keys().map(|stem| stem[0]).chain([MARKS.0[0]]).collect();
        first.sort_unstable();
        first.dedup();
        Self { by_stem, lengths, first }
    }

    /// Distance to the next byte that a placeholder may start at.
    fn next_candidate(&self, rest: &[u8]) -> Option<usize> {
        match self.first[..] {
            [only] => memchr::memchr(only, rest),
            [one, two] => memchr::memchr2(one, two, rest),
            _ => rest.iter().position(|byte| self.first.contains(byte)),
        }
    }

    /// The longest placeholder that `rest` starts with, its filters, and the bytes that it takes.
    fn longest_at(&self, rest: &[u8]) -> Option<Result<Found<'a>, Fault>> {
        self.lengths.iter().find_map(|&length| {
            let Stem { bare, bracketed } = *self.by_stem.get(rest.get(..length)?)?;
            let bare = bare.map(|placeholder| Ok((length, placeholder, Vec::new())));
            match (bracketed, rest.get(length)) {
                (Some(placeholder), Some(b'>')) => Some(Ok((length + 1, placeholder, Vec::new()))),
                (Some(placeholder), Some(b'|')) => {
                    with_filters(placeholder, length + 1, &rest[length + 1..]).or(bare)
                }
                _ => bare,
            }
        })
    }

    /// What is wrong if `rest` starts like a placeholder, and is none.
    fn unknown_at(&self, rest: &[u8]) -> Option<Fault> {
        let unknown = unknown_placeholder(rest)?;
        let not_closed =
            self.lengths.iter().find_map(|&length| self.by_stem.get(rest.get(..length)?)?.bracketed);
        Some(match not_closed {
            Some(Placeholder { name, .. }) => Fault {
                text: format!(
                    "the placeholder of secret '{name}' does not end as `PLACEHOLDER>` or `PLACEHOLDER|filter>`"
                ),
                hint: NOT_CLOSED,
            },
            None => {
                Fault { text: format!("it has a placeholder of no known secret, '{unknown}'"), hint: UNKNOWN }
            }
        })
    }
}

/// A placeholder whose filters start at `list`, which is `before` bytes into the text; `None` if no `>` ends them.
fn with_filters<'a>(
    placeholder: Placeholder<'a>,
    before: usize,
    list: &[u8],
) -> Option<Result<Found<'a>, Fault>> {
    let end = memchr::memchr(b'>', &list[..list.len().min(MAX_FILTERS)])?;
    Some(match filter::parse_list(&list[..end]) {
        Ok(filters) => Ok((before + end + 1, placeholder, filters)),
        Err(word) => {
            let known = Filter::WORDS.join(", ");
            let name = placeholder.name;
            let text = format!(
                "the placeholder of secret '{name}' has an unknown filter '{word}' (known are {known})"
            );
            Err(Fault { text, hint: NO_FILTER })
        }
    })
}

impl<'t> Template<'t> {
    /// Cuts `text` into pieces.
    ///
    /// # Errors
    /// A clause for each placeholder that stands for no secret of this manifest, is not closed, or has an unknown filter.
    pub fn parse(text: &'t [u8], placeholders: &Placeholders<'_>) -> Result<Self, Fault> {
        let mut pieces = Vec::new();
        let mut faults = Vec::new();
        let mut text_start = 0;
        let mut at = 0;
        while let Some(skip) = placeholders.next_candidate(&text[at..]) {
            at += skip;
            match placeholders.longest_at(&text[at..]) {
                Some(Ok((length, Placeholder { secret: Some(secret), name, .. }, filters))) => {
                    pieces.push(Piece::Text(&text[text_start..at]));
                    pieces.push(Piece::Value { secret, name: name.to_owned(), filters });
                    at += length;
                    text_start = at;
                }
                Some(Ok((length, Placeholder { name, .. }, _))) => {
                    let text = format!(
                        "it has the placeholder of secret '{name}', which is installed in the other phase"
                    );
                    faults.push(Fault { text, hint: OTHER_PHASE });
                    at += length;
                }
                Some(Err(fault)) => {
                    faults.push(fault);
                    at += 1;
                }
                None => {
                    faults.extend(placeholders.unknown_at(&text[at..]));
                    at += 1;
                }
            }
        }
        pieces.push(Piece::Text(&text[text_start..]));
        faults.dedup_by(|one, other| one.text == other.text);
        match faults.first().map(|first| first.hint) {
            None => Ok(Self { pieces }),
            Some(hint) => {
                let texts: Vec<String> = faults.into_iter().map(|fault| fault.text).collect();
                Err(Fault { text: texts.join("; "), hint })
            }
        }
    }

    /// The secrets that the template needs, by their place in the manifest; repeated ones are repeated.
    pub fn secrets(&self) -> impl Iterator<Item = usize> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Value { secret, .. } => Some(*secret),
        })
    }

    /// The template with `value` of each secret in place. Bytes are kept as they are.
    ///
    /// # Errors
    /// Why a filter does not take a value; the value itself is not told. Or it becomes larger than
    /// [`SecretBuffer::MAX`].
    pub fn render<'v>(&self, value: impl Fn(usize) -> Option<&'v Secret>) -> Result<Secret, Fault> {
        let size: usize = self
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.len(),
                Piece::Value { secret, .. } => value(*secret).map_or(0, |value| value.expose().len()),
            })
            .fold(0, usize::saturating_add);
        let mut rendered = SecretBuffer::with_capacity(size);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => rendered.push(text),
                Piece::Value { secret, name, filters } => {
                    let refused = |text| Fault { text, hint: REFUSED };
                    let value = value(*secret)
                        .ok_or_else(|| refused("a secret that it needs has no value".to_owned()))?;
                    if filters.is_empty() {
                        rendered.push(value.expose());
                    } else {
                        let filtered = filter::apply(filters, value);
                        let filtered = filtered.map_err(|why| refused(format!("secret '{name}': {why}")))?;
                        rendered.push(filtered.expose());
                    }
                }
            }
        }
        rendered.into_secret().ok_or_else(|| Fault { text: TOO_LARGE.to_owned(), hint: SMALLER })
    }
}

/// A text of the shape of sops-nix's placeholders, at the start of `rest`.
fn unknown_placeholder(rest: &[u8]) -> Option<String> {
    let behind = rest.strip_prefix(MARKS.0)?;
    let window = &behind[..behind.len().min(128)];
    let end = memchr::memmem::find(window, MARKS.1)?;
    let inner = &window[..end];
    let plain = inner.iter().all(u8::is_ascii_hexdigit);
    plain.then(|| format!("<SOPS:{}:PLACEHOLDER>", String::from_utf8_lossy(inner)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, pairs: &[(&str, &str)]) -> Result<String, String> {
        let values: Vec<Secret> = pairs.iter().map(|(_, value)| Secret::copy_of(value.as_bytes())).collect();
        let placeholders =
            Placeholders::new(pairs.iter().enumerate().map(|(index, (text, _))| (*text, "s", Some(index))));
        let template = Template::parse(template.as_bytes(), &placeholders).map_err(|fault| fault.text)?;
        let rendered = template.render(|index| values.get(index)).map_err(|fault| fault.text)?;
        Ok(String::from_utf8(rendered.expose().to_vec()).unwrap())
    }

    #[test]
    fn a_value_is_never_scanned_again() {
        assert_eq!(render("<A>-<B>", &[("<A>", "<B>"), ("<B>", "<A>")]).unwrap(), "<B>-<A>");
    }

    #[test]
    fn the_longest_placeholder_wins() {
        assert_eq!(render("xAxAB", &[("xA", "1"), ("xAB", "2")]).unwrap(), "12");
    }

    #[test]
    fn an_empty_placeholder_replaces_nothing() {
        assert_eq!(render("abc>", &[("", "x"), (">", "y")]).unwrap(), "abc>");
    }

    #[test]
    fn text_around_placeholders_is_kept() {
        assert_eq!(render("a<<A>>b<A", &[("<A>", "1")]).unwrap(), "a<1>b<A");
    }

    #[test]
    fn filters_are_applied_in_order() {
        assert_eq!(render("[<A|trim|json>]", &[("<A>", " a\"b\n")]).unwrap(), r#"["a\"b"]"#);
        assert_eq!(render("<A|base64>", &[("<A>", "\u{0}ÿ")]).unwrap(), "AMO/");
        assert_eq!(render("<A|shell>", &[("<A>", "it's")]).unwrap(), r"'it'\''s'");
        assert_eq!(render("<A|url>", &[("<A>", "a b/ü")]).unwrap(), "a%20b%2F%C3%BC");
    }

    #[test]
    fn an_unknown_filter_is_named() {
        let error = render("<A|upper>", &[("<A>", "x")]).unwrap_err();
        assert!(error.contains("unknown filter 'upper'") && error.contains("trim, json"), "{error}");
    }

    #[test]
    fn a_placeholder_of_no_secret_is_named() {
        let error = render("a <SOPS:00ff:PLACEHOLDER> b", &[]).unwrap_err();
        assert!(error.contains("'<SOPS:00ff:PLACEHOLDER>'"), "{error}");
        assert_eq!(render("<SOPS:not hex:PLACEHOLDER>", &[]).unwrap(), "<SOPS:not hex:PLACEHOLDER>");
    }

    #[test]
    fn a_placeholder_that_is_not_closed_is_told_from_one_of_no_secret() {
        let all = [("<SOPS:00ff:PLACEHOLDER>", "x")];
        for template in
            ["<SOPS:00ff:PLACEHOLDER | json>", "<SOPS:00ff:PLACEHOLDER", "<SOPS:00ff:PLACEHOLDER|json"]
        {
            let error = render(template, &all).unwrap_err();
            assert!(error.contains("of secret 's' does not end"), "{template}: {error}");
        }
        let error = render("<SOPS:00fe:PLACEHOLDER|json", &all).unwrap_err();
        assert!(error.contains("no known secret"), "{error}");
    }

    #[test]
    fn a_placeholder_of_the_other_phase_is_named() {
        let placeholders = Placeholders::new([("<A>", "password", None)]);
        let fault = Template::parse(b"<A>", &placeholders).unwrap_err();
        assert!(fault.text.contains("'password'") && fault.text.contains("other phase"), "{fault:?}");
    }
}
