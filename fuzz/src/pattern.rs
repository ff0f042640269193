//! The patterns of rules, against a matcher that is small enough to be obviously right.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};
use sops_activate::sops::{Document, FaultKind, Format};

use super::plain::{self, block_key, is_fit_to_print};
use super::tree::Choices;

/// A pattern, as Go understands it.
enum Pattern {
    Character(char),
    Any,
    /// `[…]`: negated, ranges.
    Class(bool, Vec<(char, char)>),
    Start,
    End,
    Boundary(bool),
    Sequence(Vec<Pattern>),
    Choice(Vec<Pattern>),
    Repeat(Box<Pattern>, usize, Option<usize>),
    FoldCase(Box<Pattern>),
}

use Pattern::{Any, Boundary, Character, Choice, Class, End, FoldCase, Repeat, Sequence, Start};

const CHARACTERS: [char; 10] = ['a', 'A', 'b', 'B', '_', '1', ' ', '-', '.', '\n'];
/// A class: how it is written, whether it is negated, its ranges.
type Written = (&'static str, bool, &'static [(char, char)]);

const CLASSES: [Written; 7] = [
    (r"\d", false, &[('0', '9')]),
    (r"\D", true, &[('0', '9')]),
    (r"\w", false, &[('0', '9'), ('A', 'Z'), ('a', 'z'), ('_', '_')]),
    ("[[:^alpha:]]", true, &[('A', 'Z'), ('a', 'z')]),
    ("[[:upper:]1]", false, &[('A', 'Z'), ('1', '1')]),
    ("[^[:lower:]_]", true, &[('a', 'z'), ('_', '_')]),
    ("[[:punct:]Aa]", false, &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~'), ('A', 'A'), ('a', 'a')]),
];

/// How often something is repeated: the operator, at least, at most.
const REPETITIONS: [(&str, usize, Option<usize>); 7] = [
    ("*", 0, None),
    ("+", 1, None),
    ("?", 0, Some(1)),
    ("{2}", 2, Some(2)),
    ("{1,3}", 1, Some(3)),
    ("{2,}", 2, None),
    ("*?", 0, None),
];

/// Makes a pattern, and writes it in Go's grammar.
fn make(choices: &mut Choices<'_>, depth: usize, text: &mut String) -> Pattern {
    let kinds = if depth == 0 { 7 } else { 12 };
    match choices.below(kinds) {
        kind @ 0..7 => make_simple(kind, choices, text),
        7 => Sequence((0..choices.below(4)).map(|_| make(choices, depth - 1, text)).collect()),
        8 | 9 => {
            text.push('(');
            let mut arms = vec![make(choices, depth - 1, text)];
            for _ in 0..choices.below(3) {
                text.push('|');
                arms.push(make(choices, depth - 1, text));
            }
            text.push(')');
            Choice(arms)
        }
        10 => {
            text.push_str("(?:");
            let repeated = make(choices, depth - 1, text);
            let (operator, least, most) = choices.pick(&REPETITIONS);
            text.push(')');
            text.push_str(operator);
            Repeat(Box::new(repeated), least, most)
        }
        _ => {
            text.push_str("(?i:");
            let folded = make(choices, depth - 1, text);
            text.push(')');
            FoldCase(Box::new(folded))
        }
    }
}

/// A pattern without parts.
fn make_simple(kind: usize, choices: &mut Choices<'_>, text: &mut String) -> Pattern {
    let (written, pattern) = match kind {
        0 => {
            let character = choices.pick(&CHARACTERS);
            let plain = character.is_alphanumeric();
            let written =
                if plain { character.to_string() } else { format!("\\x{:02x}", u32::from(character)) };
            (written, Character(character))
        }
        1 => (".".to_owned(), Any),
        2 => {
            let (written, negated, ranges) = choices.pick(&CLASSES);
            (written.to_owned(), Class(negated, ranges.to_vec()))
        }
        3 => ("^".to_owned(), Start),
        4 => ("$".to_owned(), End),
        5 => {
            let holds = choices.below(2) == 0;
            (if holds { r"\b" } else { r"\B" }.to_owned(), Boundary(holds))
        }
        _ => {
            let negated = choices.below(2) == 1;
            let (one, other) = (choices.pick(&['0', 'A', 'a']), choices.pick(&['1', 'B', 'b']));
            let (low, high) = (one.min(other), one.max(other));
            let caret = if negated { "^" } else { "" };
            (format!("[{caret}{low}-{high}_]"), Class(negated, vec![(low, high), ('_', '_')]))
        }
    };
    text.push_str(&written);
    pattern
}

/// Where a match that starts at `at` may end.
fn ends(pattern: &Pattern, text: &[char], at: usize, fold: bool) -> BTreeSet<usize> {
    let one = |holds: &dyn Fn(char) -> bool| {
        text.get(at).filter(|c| holds(**c)).map(|_| at + 1).into_iter().collect()
    };
    let here = |holds: bool| if holds { BTreeSet::from([at]) } else { BTreeSet::new() };
    let cases = |c: char| if fold { vec![c.to_ascii_lowercase(), c.to_ascii_uppercase()] } else { vec![c] };
    let is_word = |at: Option<usize>| {
        at.and_then(|at| text.get(at)).is_some_and(|c| c.is_ascii_alphanumeric() || *c == '_')
    };
    match pattern {
        Character(wanted) => one(&|c| cases(c).contains(wanted)),
        Any => one(&|c| c != '\n'),
        Class(negated, ranges) => one(&|c| {
            *negated != ranges.iter().any(|(low, high)| cases(c).iter().any(|c| (low..=high).contains(&c)))
        }),
        Start => here(at == 0),
        End => here(at == text.len()),
        Boundary(holds) => here(*holds == (is_word(at.checked_sub(1)) != is_word(Some(at)))),
        Sequence(parts) => parts.iter().fold(BTreeSet::from([at]), |starts, part| {
            starts.into_iter().flat_map(|at| ends(part, text, at, fold)).collect()
        }),
        Choice(arms) => arms.iter().flat_map(|arm| ends(arm, text, at, fold)).collect(),
        FoldCase(folded) => ends(folded, text, at, true),
        Repeat(repeated, least, most) => {
            let mut reached = if *least == 0 { BTreeSet::from([at]) } else { BTreeSet::new() };
            let mut starts = BTreeSet::from([at]);
            for count in 1..=most.unwrap_or(least + text.len() + 1) {
                starts = starts.into_iter().flat_map(|at| ends(repeated, text, at, fold)).collect();
                if count >= *least {
                    reached.extend(&starts);
                }
            }
            reached
        }
    }
}

/// Whether the rule `encrypted_regex: pattern` says that the value under `key` is encrypted. What stands there is
/// not, so that it is refused exactly then. `None` if the pattern is not supported.
fn matches(pattern: &str, key: &str) -> Option<bool> {
    let mut block: Value = serde_json::from_str(plain::JSON).expect("a block of the real sops");
    block["encrypted_regex"] = pattern.into();
    let file =
        Value::Object(Map::from_iter([(key.to_owned(), "x".into()), ("sops".to_owned(), block)])).to_string();
    let document = match Document::parse(file.as_bytes(), Format::Json) {
        Ok(document) => document,
        Err(fault) => {
            assert!(fault.kind == FaultKind::Metadata && fault.message.contains("not supported"), "{fault}");
            is_fit_to_print(&fault);
            return None;
        }
    };
    match document.open(block_key(Format::Json)) {
        Ok(_) => Some(false),
        Err(fault) if fault.kind == FaultKind::Value => Some(true),
        Err(fault) => panic!("{fault}"),
    }
}

/// Patterns that are made, and texts for them.
pub fn pattern(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut written = String::from("(?:");
    let pattern = make(&mut choices, 4, &mut written);
    let _ = write!(written, ")");
    let length = choices.below(12);
    let text: Vec<char> =
        (0..length).map(|_| choices.pick(&['a', 'b', 'A', 'B', '_', '1', ' ', '\n', 'ä'])).collect();
    let expected = (0..=text.len()).any(|at| !ends(&pattern, &text, at, false).is_empty());
    let key: String = text.iter().collect();
    assert_eq!(matches(&written, &key), Some(expected), "{written} in {key:?}");
}

/// Any text as a pattern: it means something, is refused, or matches nothing.
pub fn pattern_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (pattern, key) = text.split_once('\n').unwrap_or((&text, "abc XYZ_1"));
    if !pattern.is_empty() && key != "sops" {
        let _ = matches(pattern, key);
    }
}
