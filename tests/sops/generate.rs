//! Random documents: their text in a format, and the value of every key.

use std::fmt::Write as _;

use sops_activate::sops::Format;

use crate::random::Random;

/// A document and what is in it.
pub struct Generated {
    pub text: Vec<u8>,
    pub leaves: Vec<Leaf>,
}

/// One value and where it is.
pub struct Leaf {
    /// The key in a manifest.
    pub key: String,
    /// The path in sops' notation.
    pub path: String,
    /// Its plain text; `None` for null, a map or a list, which no key may name.
    pub value: Option<Vec<u8>>,
    /// Whether it is a string, which `sops --extract` gives back as it is.
    pub is_text: bool,
}

pub fn generate(format: Format, random: &mut Random) -> Generated {
    match format {
        Format::Yaml => yaml(random),
        Format::Json => json(random),
        Format::Dotenv => dotenv(random),
        Format::Ini => ini(random),
        Format::Binary => {
            let length = random.below(200) * random.below(100);
            Generated { text: bytes(random, length), leaves: Vec::new() }
        }
    }
}

fn bytes(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length).map(|_| u8::try_from(random.next() & 0xff).unwrap()).collect()
}

const WORDS: [&str; 24] = [
    "a",
    "db",
    "password",
    "true",
    "no",
    "0777",
    "1e3",
    "12:30",
    "2020-01-02",
    "null",
    "~",
    "é",
    "日本",
    "😀",
    "<tag> & \"q\"",
    "back\\slash",
    "it's",
    "x: y",
    "#no",
    "tab\there",
    "- d",
    "{",
    "%",
    "=",
];

fn string(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.below(5) {
        if random.once_in(2) {
            text.push_str(random.pick(&[" ", "", "\n", "  ", "_", "\u{a0}", "\u{2028}", "\r\n"]));
        }
        text.push_str(random.pick(&WORDS));
    }
    if random.once_in(6) {
        text.push('\n');
    }
    text
}

/// A text for a YAML value: sops loses lines that start with a tab, and misprints some in lists.
fn yaml_string(random: &mut Random) -> String {
    let text = string(random);
    if text.contains('\n') && text.starts_with(['\t', ' ', '\n', '\r', '\u{a0}', '\u{2028}']) {
        return text.replace(['\n', '\r'], "");
    }
    text
}

fn key(random: &mut Random, number: usize) -> String {
    let suffix = random.pick(&["", "_unencrypted", "_enc", "", "", ".x", ":y", " z", "é", "ß\"", "\\k"]);
    format!("{}{number}{suffix}", random.pick(&["key", "data", "n", "yes", "Secret", "-", "a b"]))
}

/// Quotes a text as JSON does, which YAML reads the same.
fn quoted(text: &str, random: &mut Random) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{2028}' | '\u{a0}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            'a' if random.once_in(3) => quoted.push_str("\\u0061"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

struct Writer<'r> {
    random: &'r mut Random,
    text: String,
    leaves: Vec<Leaf>,
    keys: usize,
    yaml: bool,
}

/// Where a value is: the manifest's key and sops' path.
#[derive(Clone, Default)]
struct Place {
    key: String,
    path: String,
}

impl Place {
    fn below(&self, step: &str, sops: &str) -> Self {
        let slash = if self.path.is_empty() { "" } else { "/" };
        Self { key: format!("{}{slash}{step}", self.key), path: format!("{}[{sops}]", self.path) }
    }
}

impl Writer<'_> {
    fn leaf(&mut self, place: &Place, value: Option<&str>, is_text: bool) {
        let value = value.map(|value| value.as_bytes().to_vec());
        self.leaves.push(Leaf { key: place.key.clone(), path: place.path.clone(), value, is_text });
    }

    /// A scalar that is not a string, in both formats.
    fn number_or_word(&mut self, place: &Place) -> String {
        let number = format!("{}", self.random.next() % 1_000_000);
        let negative = format!("-{number}");
        let words = [
            ("true", Some("true")),
            ("false", Some("false")),
            ("null", None),
            ("0", Some("0")),
            (number.as_str(), Some(number.as_str())),
            (negative.as_str(), Some(negative.as_str())),
            ("1.5", Some("1.5")),
            ("-0.25e-3", Some("-0.00025")),
            ("1e+21", Some("1000000000000000000000")),
            ("9007199254740991", Some("9007199254740991")),
        ];
        let (source, value) = words[self.random.below(words.len())];
        self.leaf(place, value, false);
        source.to_owned()
    }

    fn next_key(&mut self) -> String {
        self.keys += 1;
        key(self.random, self.keys)
    }

    fn json_value(&mut self, place: &Place, depth: usize) {
        match self.random.below(if depth > 3 { 5 } else { 8 }) {
            0..=2 => {
                let value = string(self.random);
                self.leaf(place, Some(&value), true);
                let quoted = quoted(&value, self.random);
                self.text.push_str(&quoted);
            }
            3 | 4 => {
                let source = self.number_or_word(place);
                self.text.push_str(&source);
            }
            5 | 6 => self.json_map(place, depth + 1),
            _ => {
                self.leaf(place, None, false);
                self.text.push('[');
                for index in 0..self.random.below(4) {
                    self.text.push_str(if index == 0 { "" } else { ", " });
                    self.json_value(&place.below(&index.to_string(), &index.to_string()), depth + 1);
                }
                self.text.push(']');
            }
        }
    }

    fn json_map(&mut self, place: &Place, depth: usize) {
        if depth > 0 {
            self.leaf(place, None, false);
        }
        self.text.push('{');
        for index in 0..self.random.below(6) {
            self.text.push_str(if index == 0 { "\n" } else { ",\n" });
            let key = self.next_key();
            let source = quoted(&key, self.random);
            let _ = write!(self.text, "{source}: ");
            self.json_value(&place.below(&key, &format!("{key:?}")), depth);
        }
        self.text.push('}');
    }

    /// A comment line, or none. In a list it is not empty: sops makes the item `""` of that.
    fn comment(&mut self, indent: usize, in_list: bool) {
        if self.yaml && self.random.once_in(3) {
            let marks = ["enc: me", "plain: me", " a note", "#", " é 😀", "x # y", ""];
            let mark = self.random.pick(&marks[..marks.len() - usize::from(in_list)]);
            let _ = writeln!(self.text, "{:indent$}#{mark}", "");
        }
    }

    /// The value behind `key:` or `-`, up to its line feed.
    fn yaml_value(&mut self, place: &Place, indent: usize, in_list: bool) {
        match self.random.below(if indent > 8 { 6 } else { 9 }) {
            0..=2 => {
                let value = yaml_string(self.random);
                self.leaf(place, Some(&value), true);
                let source = self.yaml_text(&value, indent + 2);
                let _ = writeln!(self.text, " {source}");
            }
            3 | 4 => {
                let source = self.number_or_word(place);
                let _ = writeln!(self.text, " {source}");
            }
            5 => {
                let number = format!("0x{:x}", self.random.below(100_000));
                let value = i64::from_str_radix(&number[2..], 16).unwrap().to_string();
                let words = [
                    (number.as_str(), value.as_str()),
                    ("2020-01-02", "2020-01-02T00:00:00Z"),
                    ("2020-01-02T03:04:05.5+02:00", "2020-01-02T03:04:05.5+02:00"),
                    ("1_000", "1000"),
                ];
                let (source, value) = words[self.random.below(words.len())];
                self.leaf(place, Some(value), false);
                let _ = writeln!(self.text, " {source}");
            }
            6 | 7 => {
                self.leaf(place, None, false);
                if self.random.once_in(5) || in_list {
                    self.text.push_str(self.random.pick(&[" {}\n", " []\n"]));
                } else {
                    self.text.push('\n');
                    self.yaml_map(place, indent + 2, 1);
                }
            }
            _ => {
                self.leaf(place, None, false);
                if in_list {
                    self.text.push_str(" []\n");
                    return;
                }
                self.text.push('\n');
                for index in 0..=self.random.below(4) {
                    self.comment(indent + 2, true);
                    let _ = write!(self.text, "{:width$}-", "", width = indent + 2);
                    let place = place.below(&index.to_string(), &index.to_string());
                    self.yaml_value(&place, indent + 4, true);
                }
            }
        }
    }

    fn yaml_text(&mut self, value: &str, indent: usize) -> String {
        let plain = !value.is_empty() && value.chars().all(|character| character.is_ascii_alphabetic());
        let word = matches!(value, "true" | "no" | "null");
        if plain && !word && self.random.once_in(2) {
            return value.to_owned();
        }
        let printable =
            value.chars().all(|character| character == '\n' || (' '..'\x7f').contains(&character));
        if printable && value.ends_with('\n') && !value.ends_with("\n\n") && !value.starts_with('\n') {
            let lines: Vec<String> = value.lines().map(|line| format!("{:indent$}{line}", "")).collect();
            if lines.iter().all(|line| line.trim_end() == line) && !value.starts_with(' ') {
                return format!("|\n{}", lines.join("\n"));
            }
        }
        if printable && !value.contains('\n') && self.random.once_in(2) {
            return format!("'{}'", value.replace('\'', "''"));
        }
        quoted(value, self.random)
    }

    fn yaml_map(&mut self, place: &Place, indent: usize, least: usize) {
        for _ in 0..least + self.random.below(5) {
            self.comment(indent, false);
            let key = self.next_key();
            let source = quoted(&key, self.random);
            let _ = write!(self.text, "{:indent$}{source}:", "");
            self.yaml_value(&place.below(&key, &format!("{key:?}")), indent, false);
        }
    }
}

fn json(random: &mut Random) -> Generated {
    let mut writer = Writer { random, text: String::new(), leaves: Vec::new(), keys: 0, yaml: false };
    writer.json_map(&Place::default(), 0);
    Generated { text: writer.text.into_bytes(), leaves: writer.leaves }
}

fn yaml(random: &mut Random) -> Generated {
    let mut writer = Writer { random, text: String::new(), leaves: Vec::new(), keys: 0, yaml: true };
    writer.yaml_map(&Place::default(), 0, 1);
    writer.comment(0, false);
    let leaves = std::mem::take(&mut writer.leaves);
    if writer.random.once_in(4) {
        // Keys of other documents are not found.
        writer.text.push_str("---\n");
        writer.yaml_map(&Place::default(), 0, 1);
    }
    Generated { text: writer.text.into_bytes(), leaves }
}

fn dotenv(random: &mut Random) -> Generated {
    let (mut text, mut leaves) = (Vec::new(), Vec::new());
    for number in 0..random.below(8) {
        if random.once_in(3) {
            text.extend_from_slice(b"#");
            text.extend_from_slice(random.pick(&["enc: me", " plain: me", "", " A=b", "\u{e9}"]).as_bytes());
            text.push(b'\n');
        }
        let key = format!(
            "{}{number}{}",
            random.pick(&["KEY_", "DATA", "a.b ", "export "]),
            random.pick(&["", "_unencrypted", "_enc"])
        );
        let mut value: Vec<u8> = string(random).into_bytes();
        if random.once_in(4) {
            let more = random.below(10);
            value.extend(bytes(random, more));
        }
        // A pair `\n` in the value would come back as a line feed.
        value.retain(|byte| *byte != b'\\');
        text.extend_from_slice(format!("{key}=").as_bytes());
        for (index, line) in value.split(|byte| *byte == b'\n').enumerate() {
            text.extend_from_slice(if index == 0 { b"" } else { b"\\n" });
            text.extend_from_slice(line);
        }
        text.extend_from_slice(random.pick(&["\n", "\n\n"]).as_bytes());
        let is_text = std::str::from_utf8(&value).is_ok();
        leaves.push(Leaf { path: format!("[{key:?}]"), key, value: Some(value), is_text });
    }
    Generated { text, leaves }
}

fn ini(random: &mut Random) -> Generated {
    let (mut text, mut leaves) = (String::new(), Vec::new());
    for section in 0..=random.below(4) {
        let name = if section == 0 {
            "DEFAULT".to_owned()
        } else {
            format!("section{section}{}", random.pick(&["", "_enc", " x", ".y"]))
        };
        if section > 0 {
            text.push_str(random.pick(&["", "; about it\n", "# one\n; two\n"]));
            let _ = write!(text, "[{name}]{}", random.pick(&["\n", " ; behind\n", "\n\n"]));
        }
        for number in 0..random.below(5) {
            text.push_str(random.pick(&["", "; enc: me\n", "# plain: me\n", "\n"]));
            let key = format!("key{number}{}", random.pick(&["", "_unencrypted", "_enc", ".x"]));
            let value = random.pick(&[
                "",
                "v",
                "two words",
                "a=b:c",
                "é",
                "\"q",
                "50%",
                "#x;",
                " outer ",
                "l1\nl2\n",
                "`",
            ]);
            let source = match value {
                value if value.contains('\n') => format!("\"\"\"{value}\"\"\""),
                value if value.contains('#') || value.starts_with(' ') => format!("`{value}`"),
                "`" => "\"\"\"`\"\"\"".to_owned(),
                value => value.to_owned(),
            };
            let _ = writeln!(text, "{key}{}{source}", random.pick(&["=", " = ", ": "]));
            let path = format!("[{name:?}][{key:?}]");
            leaves.push(Leaf {
                key: format!("{name}/{key}"),
                path,
                value: Some(value.into()),
                is_text: true,
            });
        }
    }
    Generated { text: text.into_bytes(), leaves }
}

/// Text that looks like INI or dotenv, at random: whether it is valid, sops decides.
pub fn noise(format: Format, random: &mut Random) -> Vec<u8> {
    let pieces: &[&str] = match format {
        Format::Ini => &[
            "[",
            "]",
            "[s]",
            "=",
            ":",
            "\n",
            "\n",
            "\r\n",
            "#",
            ";",
            "\"",
            "\"\"\"",
            "`",
            "'",
            "\\",
            " ",
            "\t",
            "k",
            "k=v\n",
            "-",
            "\u{a0}",
            "é",
            "DEFAULT",
            "\\n",
            "[a]\nx=1\n",
            "%(x)s",
            "v",
        ],
        _ => &[
            "A", "=", "\n", "\n", "#", "B=c\n", " ", "\\n", "\\", "\"", "'", "\r", "é", "export ", "\t",
            "A=\n",
        ],
    };
    let mut text = Vec::new();
    for _ in 0..random.below(25) {
        text.extend_from_slice(random.pick(pieces).as_bytes());
        if random.once_in(40) {
            text.push(u8::try_from(random.next() & 0xff).unwrap());
        }
    }
    text
}
