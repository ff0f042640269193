//! Random YAML, with comments in odd places, beside the real sops: what both print must be the same bytes.
//!
//! Each batch of documents is tried twice: as sops encrypts and lays it out, and in its own layout with the values
//! left in clear, which is what a file looks like that was edited by hand. The documents are the same on every run.

use sops_activate::sops::Format;

use crate::random::Random;
use crate::tools::Sops;

const BATCHES: u64 = 40;
const DOCUMENTS: usize = 10;

#[test]
fn random_documents_are_printed_as_sops_prints_them() {
    let sops = Sops::new();
    for batch in 1..=BATCHES {
        let mut random = Random::new(batch);
        let documents: Vec<_> = (0..DOCUMENTS).map(|_| document(&mut random)).collect();
        let plain = documents.join("---\n");
        let encrypt = |rule: &[&str]| {
            let file = sops.encrypt(Format::Yaml, rule, plain.as_bytes());
            String::from_utf8(file.unwrap_or_else(|error| panic!("{error}\n{plain}"))).unwrap()
        };
        compare(&sops, &encrypt(&[]));

        let clear = encrypt(&["encrypted_regex: ^$none"]);
        let block = &clear[clear.find("\nsops:\n").unwrap() + 1..];
        let block = &block[..=block.find("\n---\n").unwrap()];
        let (first, rest) = plain.split_once("---\n").unwrap();
        let by_hand = if random.once_in(2) { format!("{first}{block}") } else { format!("{block}{first}") };
        let by_hand = format!("{by_hand}---\n{rest}");
        compare(&sops, &by_hand);
        compare(&sops, &by_hand.replace('\n', "\r\n"));
    }
}

fn compare(sops: &Sops, file: &str) {
    let theirs =
        sops.decrypt(Format::Yaml, file.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{file}"));
    let ours = sops.whole(Format::Yaml, file.as_bytes()).unwrap_or_else(|fault| panic!("{fault}\n{file}"));
    let (theirs, ours) = (String::from_utf8_lossy(&theirs), String::from_utf8_lossy(&ours));
    let line = ours.lines().zip(theirs.lines()).position(|(ours, theirs)| ours != theirs);
    let shown = |text: &str| {
        let lines = text.lines().skip(line.unwrap_or_default().saturating_sub(8)).take(12);
        lines.collect::<Vec<_>>().join("\n")
    };
    assert!(ours == theirs, "{file}--- sops\n{}\n--- sops-activate\n{}", shown(&theirs), shown(&ours));
}

/// Texts that need care; in double quotes they are what they are.
const TEXTS: [&str; 62] = [
    "a",
    "foo bar",
    "1",
    "-1",
    "1.5",
    "true",
    "null",
    "~",
    "yes",
    "y",
    "Off",
    "2020-01-02",
    "12:30",
    "0x1F",
    "0777",
    "1e3",
    "-",
    "?",
    ":",
    "#",
    "a#b",
    "a # b",
    "a: b",
    "a:b",
    "- x",
    "\\\"q\\\"",
    "it's",
    "'s'",
    "<<",
    "&a",
    "*a",
    "!t",
    "%x",
    "@x",
    "`x",
    "{",
    "[a",
    "é",
    "😀",
    "\\u2028",
    "\\uFEFF",
    "\\uFEFFab",
    "\\a\\e",
    "\\t",
    "a\\tb",
    "a\\n",
    "a\\n\\n",
    "a\\nb",
    " a",
    "a ",
    "a\\n b",
    "---",
    "...",
    "a\\r\\nb",
    "\\\\",
    "\\x85",
    "\\xA0",
    "a\\u2028b",
    "a \\nb",
    "",
    "|",
    "a\\n\\tb",
];

/// Values without quotes.
const PLAIN: [&str; 28] = [
    "v",
    "some words",
    "1",
    "-7",
    "0x1F",
    "0o17",
    "017",
    "1_000",
    "1.50",
    "1e6",
    ".5",
    "-.inf",
    ".NaN",
    "true",
    "~",
    "null",
    "2020-1-2",
    "2020-01-02T03:04:05+01:00",
    "12:30",
    "a#b",
    "a:b",
    "-x",
    "é",
    "!!str 5",
    "!x y",
    "!!binary aGVsbG8=",
    "!!float 3",
    "",
];

fn document(random: &mut Random) -> String {
    let depth = random.below(4);
    gap(random, 0) + &map(random, 0, depth)
}

fn map(random: &mut Random, indent: usize, depth: usize) -> String {
    let mut text = String::new();
    for number in 0..=random.below(4) {
        let key = match random.below(8) {
            0 => format!("\"{}{number}\"", random.pick(&TEXTS)),
            1 => format!("{}{number}", "k".repeat(random.below(3) + 126)),
            _ => format!("{}{number}", random.pick(&["k", "key_", "a b ", "y", "n"])),
        };
        text += &gap(random, indent);
        let blanks = " ".repeat(indent);
        if random.once_in(30) {
            text += &format!("{blanks}? {key}\n{blanks}:");
        } else {
            text += &format!("{blanks}{key}:");
        }
        text += &value(random, indent, depth, false);
    }
    text + &gap(random, indent)
}

fn list(random: &mut Random, indent: usize, depth: usize) -> String {
    let mut text = String::new();
    for _ in 0..=random.below(3) {
        text += &format!("{}{}-", gap(random, indent), " ".repeat(indent));
        text += &value(random, indent, depth, true);
    }
    text + &gap(random, indent)
}

/// What stands behind `key:` or `-`, with its line break.
fn value(random: &mut Random, indent: usize, depth: usize, item: bool) -> String {
    let kind = if depth == 0 { random.below(6) } else { random.below(12) };
    match kind {
        0..=2 => format!(" {}{}\n", random.pick(&PLAIN), behind(random)),
        3 => format!(" \"{}\"{}\n", random.pick(&TEXTS), behind(random)),
        4 => block_scalar(random, indent),
        5 => format!(" {}{}\n", flow(random, 2), behind(random)),
        6 | 7 if item && random.once_in(2) => {
            format!(" {}", map(random, indent + 2, depth - 1).trim_start_matches(' '))
        }
        8 if item && random.once_in(2) => {
            format!(" {}", list(random, indent + 2, depth - 1).trim_start_matches(' '))
        }
        6..=8 => {
            let start = format!("{}\n{}", behind(random), gap(random, indent));
            let more = [1, 2, 2, 4][random.below(4)];
            start + &map(random, indent + more, depth - 1)
        }
        _ => {
            let start = format!("{}\n{}", behind(random), gap(random, indent));
            let more = if item { 2 } else { [0, 2, 4][random.below(3)] };
            start + &list(random, indent + more, depth - 1)
        }
    }
}

fn block_scalar(random: &mut Random, indent: usize) -> String {
    let sign = random.pick(&["|", "|-", "|+", ">", ">-"]);
    let mut text = format!(" {sign}{}\n", behind(random));
    let blanks = " ".repeat(indent + 1 + random.below(4));
    for line in 0..=random.below(4) {
        let content =
            random.pick(&["line", "more words", "# no comment", "- no item", "k: v", " indented", ""]);
        // The first line says how far the text is indented, and must not make sops print what it cannot read.
        text += &if line == 0 { format!("{blanks}first\n") } else { format!("{blanks}{content}\n") };
    }
    text
}

fn flow(random: &mut Random, depth: usize) -> String {
    let members = random.below(4);
    match random.below(if depth == 0 { 1 } else { 3 }) {
        0 => random.pick(&["x", "1", "\"q\"", "'s'", "two words", "null", "a:b", "\"\\u2028\""]).to_owned(),
        1 => {
            let members: String =
                (0..members).map(|_| flow(random, depth - 1) + "," + &break_in(random)).collect();
            format!("[{}{members}]", break_in(random))
        }
        _ => {
            let mut text = String::from("{") + &break_in(random);
            for number in 0..members {
                text += &format!("f{number}: {},{}", flow(random, depth - 1), break_in(random));
            }
            text + "}"
        }
    }
}

/// White space inside a flow collection, far enough to the right for any block around it.
fn break_in(random: &mut Random) -> String {
    match random.below(8) {
        0 => format!("\n{}", " ".repeat(20)),
        1 => format!(" {}\n{}", comment(random), " ".repeat(20)),
        2 => format!("\n{}{}\n{}", " ".repeat(20), comment(random), " ".repeat(20)),
        _ => " ".to_owned(),
    }
}

/// A comment at the end of a line, sometimes.
fn behind(random: &mut Random) -> String {
    if random.once_in(5) { format!(" {}", comment(random)) } else { String::new() }
}

fn comment(random: &mut Random) -> String {
    match random.below(8) {
        // Not an empty one: above an item of an encrypted list sops makes an empty string of it.
        0 => "# ".to_owned(),
        1 => "#!x".to_owned(),
        2 => "## é 😀".to_owned(),
        3 => format!("# {}", "long ".repeat(random.below(150))),
        _ => format!("# c{}", random.below(100)),
    }
}

/// Empty lines and comments at all sorts of columns.
fn gap(random: &mut Random, indent: usize) -> String {
    let mut text = String::new();
    while random.once_in(3) {
        if random.once_in(3) {
            text += random.pick(&["\n", "\n", "   \n"]);
        } else {
            let column = [indent, indent, indent, 0, 1, 2, 4, indent + 2, indent + 4][random.below(9)];
            text += &format!("{}{}\n", " ".repeat(column), comment(random));
        }
    }
    text
}
