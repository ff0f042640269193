//! Memory is linear in the input: what twice as much input takes at most is twice as much memory, and some more.
//!
//! Each size of each kind runs in a process of its own. What is measured is how much more resident memory it had at its
//! largest (`VmHWM`, proc(5)) than before; no time is measured.

use std::fs;
use std::process::Command;

use sops_activate::accounts::Accounts;
use sops_activate::error::{Failure, Subject, messages};
use sops_activate::keys::{self, Keyring};
use sops_activate::manifest;
use sops_activate::record::Record;
use sops_activate::secret::Secret;
use sops_activate::sops::{Document, Format};
use sops_activate::template::{Placeholders, Template};

use crate::targets::{beside_block, block_key, keyring};

/// The argument that makes this program measure: kind, bytes of input.
pub const FLAG: &str = "--memory";
/// Bytes of the smallest input; then come twice and four times as much.
const SMALLEST: usize = 512 * 1024;
/// Most memory for four times the input, as a multiple of that for the input: lists that double are half empty at worst.
const RATIO: f64 = 6.0;

/// What is done with an input of about so many bytes; gives the bytes that it really had.
type Kind = fn(usize) -> usize;

pub const KINDS: &[(&str, Kind)] = &[
    ("yaml", |size| whole(&entries(size, "key", ": value\n"), Format::Yaml)),
    ("yaml comments", |size| whole(&format!("a: 1\n{}", "# c\n".repeat(size / 4)), Format::Yaml)),
    ("yaml lists", |size| whole(&format!("a: [{}1]\n", "[], {}, ".repeat(size / 8)), Format::Yaml)),
    ("json", |size| whole(&json(size), Format::Json)),
    ("json escapes", |size| whole(&format!("{{\"a\":\"{}\"}}", "\\u0001".repeat(size / 6)), Format::Json)),
    ("dotenv", |size| whole(&entries(size, "KEY", "=value\n"), Format::Dotenv)),
    ("ini", |size| whole(&format!("[s]\n{}", entries(size, "key", " = value\n")), Format::Ini)),
    ("age header", |size| {
        // Below the limit of a header; so is the number of stanzas.
        let line = "A".repeat(64) + "\n";
        age_file(&format!("-> x y\n{}\n", line.repeat(30)).repeat(size / 8000))
    }),
    ("armor", |size| {
        age_file(&format!("-----BEGIN AGE ENCRYPTED FILE-----\n{}", entries(size, &"A".repeat(50), "\n")))
    }),
    ("key file", |size| {
        let input = entries(size, "AGE-SECRET-KEY-1", "\n");
        Keyring::new().add_age_key_file("k".as_ref(), input.as_bytes());
        input.len()
    }),
    ("recipients", |size| {
        let input = entries(size.min(keys::MAX_INPUT), "host", " ssh-ed25519 AAAA\n");
        assert!(keys::recipients_of(input.as_bytes()).is_err());
        input.len()
    }),
    ("manifest", |size| manifest_with(size, "\",\"key\":\"\",\"sopsFile\":\"/s\"},", true)),
    ("manifest faults", |size| manifest_with(size, "\"},", false)),
    ("template", |size| {
        let placeholders = Placeholders::new([("<A>", "a", Some(0))]);
        let (input, value) = ("<A>-".repeat(size / 4), Secret::new(b"value".to_vec()));
        let template = Template::parse(input.as_bytes(), &placeholders).unwrap();
        assert!(template.render(|_| Some(&value)).is_ok());
        input.len()
    }),
    ("passwd", |size| {
        let input = entries(size, "user", ":x:1000:100::/:/bin/sh\n");
        assert_eq!(Accounts::parse(input.as_bytes(), b"").uid("user1"), Some(1000));
        input.len()
    }),
    ("record", |size| {
        let items = entries(size, "{\"format\":\"yaml\",\"outcome\":\"fresh\",\"name\":\"", "\"},");
        let unasked = "\"unasked\":{\"restart\":{},\"reload\":{}}";
        let input = format!(
            "{{\"schema\":1,\"time\":0,\"items\":[{}],\"links\":[],{unasked}}}",
            items.trim_end_matches(',')
        );
        assert!(Record::from_json(input.as_bytes()).is_some());
        input.len()
    }),
    ("failures", |size| {
        let count = size / 64;
        let failure = |number: usize| {
            let cause = format!("none of this machine's keys can open '/s/{number}'");
            Failure::new("decrypt", Subject::Secret(number.to_string()), cause).file(format!("/s/{number}"))
        };
        let failures: Vec<Failure> = (0..count).map(failure).collect();
        assert_eq!(messages(&failures).len(), 1);
        count * 64
    }),
];

/// Lines of about `size` bytes together, each with a number between two texts.
fn entries(size: usize, before: &str, behind: &str) -> String {
    let lines = size / (before.len() + behind.len() + 5);
    (0..lines).map(|number| [before, &number.to_string(), behind].concat()).collect()
}

fn json(size: usize) -> String {
    format!("{{{}\"end\":1}}", entries(size, "\"key", "\":[1,\"x\"],"))
}

fn whole(body: &str, format: Format) -> usize {
    let file = beside_block(body.as_bytes(), format);
    let document = Document::parse(&file, format).unwrap();
    assert!(!document.open(block_key(format)).unwrap().whole().unwrap().expose().is_empty());
    file.len()
}

fn age_file(text: &str) -> usize {
    let is_header = text.starts_with("->");
    let around = if is_header { ["age-encryption.org/v1\n", "--- AAAA\n0123456789abcdef"] } else { ["", ""] };
    let file = [around[0], text, around[1]].concat();
    assert!(keyring().open_age_file(file.as_bytes()).is_err());
    file.len()
}

fn manifest_with(size: usize, behind: &str, is_good: bool) -> usize {
    let secrets = entries(size, "{\"name\":\"s", behind);
    let input = format!(
        "{{\"secretsMountPoint\":\"/run/secrets.d\",\"symlinkPath\":\"/run/secrets\",\"secrets\":[{}]}}",
        secrets.trim_end_matches(',')
    );
    assert_eq!(manifest::parse(input.as_bytes()).is_ok(), is_good);
    input.len()
}

/// Does it, and prints bytes of input and KiB of memory.
pub fn measure(kind: &str, size: usize) {
    let run = KINDS.iter().find(|(name, _)| *name == kind).expect("a kind").1;
    let status = |field: &str| -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field of proc(5)");
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
    };
    // What is made once, such as keys, is made now.
    run(4096);
    let before = status("VmRSS");
    let bytes = run(size);
    println!("{bytes} {}", status("VmHWM").saturating_sub(before));
}

/// Measures three sizes of a kind. Gives figures, and whether memory grew faster than the input.
pub fn check(kind: &str) -> (String, bool) {
    let figures = [1, 2, 4].map(|times| {
        let size = (SMALLEST * times).to_string();
        let output =
            Command::new(std::env::current_exe().unwrap()).args([FLAG, kind, &size]).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let (bytes, memory) = told.trim().split_once(' ').unwrap_or_else(|| {
            panic!("{kind} {size}: {}", String::from_utf8_lossy(&output.stderr));
        });
        (bytes.parse::<f64>().unwrap() / 1024.0, memory.parse::<f64>().unwrap())
    });
    let [(_, one), _, (bytes, four)] = figures;
    let texts = figures.map(|(bytes, memory)| format!("{bytes:.0} KiB take {memory:.0} KiB"));
    // Little memory is a matter of pages.
    let is_linear = four <= one.max(256.0) * RATIO;
    (format!("{}: {:.1} bytes a byte", texts.join(", "), four / bytes), is_linear)
}
