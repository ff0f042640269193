//! The corpus of sops files: made by the real sops, damaged, crafted. Every case of it, by its manifest.
//!
//! It lies outside of the crate: in `SOPS_CORPUS`, else in `../shared/corpus` beside the crate. Where it is not,
//! each test says `skipped: …`. `tests/sops` makes files of the same kinds on the spot.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sops_activate::keys::Keyring;
use sops_activate::sops::{Document, Fault, FaultKind, Format, Opened};

/// What one file may take, in a build without optimisation.
const LONGEST: Duration = Duration::from_secs(2);
/// What all of them together may take, in KiB.
const LARGEST: u64 = 256 * 1024;

/// What is wanted of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    Refused(FaultKind),
    Locked,
    /// Printed as sops prints it, where sops accepts it; or else refused.
    PrintedOrRefused,
    /// Printed: only the command line of sops refuses it.
    Printed,
}

/// Files that are refused with another class than the corpus gives, and why that is as good.
const OTHER_CLASS: [(&str, Wanted, &str); 10] = [
    ("env-crlf", Wanted::Refused(FaultKind::Metadata), "the first thing wrong is lastmodified"),
    ("ini-truncated", Wanted::Refused(FaultKind::Metadata), "sops, too, says 'No keys found in file'"),
    ("datakey-15-bytes", Wanted::Locked, "a data key has 32 bytes: that is seen before any value is tried"),
    ("datakey-24-bytes", Wanted::Locked, "as above"),
    ("datakey-31-bytes", Wanted::Locked, "as above"),
    ("datakey-64-bytes", Wanted::Locked, "as above"),
    ("yaml-int-key", Wanted::Refused(FaultKind::Parse), "the parser sees it first"),
    ("yaml-null-key", Wanted::Refused(FaultKind::Parse), "as above"),
    ("yaml-nested-int-key", Wanted::Refused(FaultKind::Parse), "as above"),
    ("yaml-self-alias", Wanted::Refused(FaultKind::Limit), "its expansion has no end"),
];

/// Good files that are not printed as sops prints them. Each is a line in `docs/compat.md`.
const OTHERWISE: [(&str, &str); 1] =
    [("y-literal", "sops prints null for a text of several lines that starts with a tab, and so loses it")];

struct Corpus {
    root: PathBuf,
    manifest: Value,
}

impl Corpus {
    /// The corpus, or `None` where there is none.
    fn find() -> Option<Self> {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
        let root = std::env::var_os("SOPS_CORPUS").map_or(beside, PathBuf::from);
        let Ok(manifest) = std::fs::read(root.join("manifest.json")) else {
            println!("skipped: there is no corpus at {}", root.display());
            return None;
        };
        Some(Self { root, manifest: serde_json::from_slice(&manifest).unwrap() })
    }

    fn cases(&self, list: &str) -> impl Iterator<Item = &Value> {
        self.manifest[list].as_array().unwrap().iter()
    }

    fn read(&self, file: &Value) -> Vec<u8> {
        std::fs::read(self.root.join(text(file))).unwrap()
    }

    fn keyring(&self, case: &Value) -> Keyring {
        let mut keyring = Keyring::new();
        for key in case["keys"].as_array().unwrap() {
            let (source, content) = (Path::new(text(key)), self.read(key));
            if source.extension().is_some_and(|extension| extension == "txt") {
                keyring.add_age_key_file(source, &content);
            } else if text(key).starts_with("keys/ssh_") {
                keyring.add_ssh_key(source, &content);
            }
        }
        keyring
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn format(case: &Value) -> Format {
    match text(&case["format"]) {
        "yaml" => Format::Yaml,
        "json" => Format::Json,
        "binary" => Format::Binary,
        "dotenv" => Format::Dotenv,
        "ini" => Format::Ini,
        other => panic!("format {other}"),
    }
}

/// How far a file got.
#[derive(Debug)]
#[allow(dead_code)] // shown when a test fails
enum Outcome {
    Refused(FaultKind, Fault),
    Locked(String),
    Printed(Vec<u8>),
}

fn open<'a>(bytes: &'a [u8], format: Format, keyring: &Keyring) -> Result<Opened<'a>, Outcome> {
    let refused = |fault: Fault| Outcome::Refused(fault.kind, fault);
    let document = Document::parse(bytes, format).map_err(refused)?;
    let unlocked = keyring.unlock(document.metadata()).map_err(|locked| Outcome::Locked(locked.reason))?;
    document.open(&unlocked.key).map_err(refused)
}

/// Opens and prints a file, and fails if that takes too long.
fn outcome(corpus: &Corpus, case: &Value) -> Outcome {
    let start = Instant::now();
    let bytes = corpus.read(&case["file"]);
    let outcome = match open(&bytes, format(case), &corpus.keyring(case)) {
        Ok(opened) => match opened.whole() {
            Ok(whole) => Outcome::Printed(whole.expose().to_vec()),
            Err(fault) => Outcome::Refused(fault.kind, fault),
        },
        Err(outcome) => outcome,
    };
    assert!(start.elapsed() < LONGEST, "{} took {:?}", case["name"], start.elapsed());
    outcome
}

/// The peak of this process's memory so far, in KiB.
fn assert_small() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let peak: u64 = line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < LARGEST, "the peak was {peak} KiB");
}

/// What the error of a file must name whose keys are of a kind that is not supported (yet).
fn unsupported(name: &str, reason: &str) -> bool {
    let names: &[&str] = match name {
        name if name.starts_with("g-") || name.starts_with("shamir-") => &["Shamir"],
        name if name.starts_with("p-") || name.starts_with("old-") => &["PGP"],
        "k-ssh-rsa" => &["ssh-rsa", "RSA"],
        name if name.contains("pq") => &["post-quantum", "mlkem768x25519"],
        _ => &[],
    };
    names.iter().any(|name| reason.contains(name))
}

/// Reports all failures at once.
fn assert_none(failures: &[String], cases: usize) {
    println!("{cases} cases");
    assert!(failures.is_empty(), "{} of {cases} cases:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn good_files_open_byte_for_byte() {
    let Some(corpus) = Corpus::find() else { return };
    let (mut failures, mut unsupported_kinds, mut cases) = (Vec::new(), Vec::new(), 0);
    for case in corpus.cases("good") {
        let name = text(&case["name"]);
        cases += 1;
        match outcome(&corpus, case) {
            Outcome::Printed(printed) if printed == corpus.read(&case["plaintext"]) => {
                assert!(OTHERWISE.iter().all(|other| other.0 != name), "{name} is printed as sops prints it");
            }
            Outcome::Refused(..) | Outcome::Printed(_) if OTHERWISE.iter().any(|other| other.0 == name) => {}
            Outcome::Printed(printed) => {
                let (printed, wanted) = (printed.escape_ascii(), corpus.read(&case["plaintext"]));
                failures.push(format!("{name}: printed {printed}\n   instead of {}", wanted.escape_ascii()));
            }
            Outcome::Locked(reason) if unsupported(name, &reason) => unsupported_kinds.push(name),
            other => failures.push(format!("{name}: {other:?}")),
        }
    }
    println!("not supported, and said so: {}", unsupported_kinds.join(" "));
    assert_small();
    assert_none(&failures, cases);
}

#[test]
fn bad_files_are_refused_for_the_right_reason() {
    let Some(corpus) = Corpus::find() else { return };
    let (mut failures, mut cases, mut accepted) = (Vec::new(), 0, Vec::new());
    for case in corpus.cases("bad") {
        let (name, class) = (text(&case["name"]), text(&case["class"]));
        cases += 1;
        let outcome = outcome(&corpus, case);
        let wanted = match class {
            "parse" => Wanted::Refused(FaultKind::Parse),
            "no-metadata" => Wanted::Refused(FaultKind::NoMetadata),
            "metadata" => Wanted::Refused(FaultKind::Metadata),
            "value" => Wanted::Refused(FaultKind::Value),
            "mac" => Wanted::Refused(FaultKind::Mac),
            "emit" => Wanted::Refused(FaultKind::Emit),
            "limit" => Wanted::Refused(FaultKind::Limit),
            "no-key" => Wanted::Locked,
            "cli-only" => Wanted::Printed,
            class if class.starts_with("accepted-") => Wanted::PrintedOrRefused,
            other => panic!("class {other}"),
        };
        let wanted = OTHER_CLASS.iter().find(|other| other.0 == name).map_or(wanted, |other| other.1);
        match (wanted, outcome) {
            (Wanted::Refused(wanted), Outcome::Refused(kind, _)) if kind == wanted => {}
            (Wanted::Locked, Outcome::Locked(_)) | (Wanted::Printed, Outcome::Printed(_)) => {}
            (Wanted::Refused(_), Outcome::Locked(reason)) if unsupported(name, &reason) => {}
            (Wanted::PrintedOrRefused, Outcome::Printed(printed))
                if Some(printed.as_slice()) == stdout(case) =>
            {
                accepted.push(name.to_owned());
            }
            (Wanted::PrintedOrRefused, Outcome::Refused(kind, fault)) => {
                accepted.push(format!("{name} [{kind:?}: {fault}]"));
            }
            (_, other) => failures.push(format!("{name} ({class}): {other:?}")),
        }
    }
    println!("accepted by sops; here the same, or [refused]:\n  {}", accepted.join("\n  "));
    assert_small();
    assert_none(&failures, cases);
}

fn stdout(case: &Value) -> Option<&[u8]> {
    case["sops_stdout"].as_str().map(str::as_bytes)
}

/// Where the contract goes further than sops-nix: the value that a key has here, and an error there.
const FURTHER: [(&str, &str, &str); 6] = [
    ("good/nix-keys.yaml", "bool", "true"),
    ("good/nix-keys.yaml", "a/x/y", "slashkey"),
    ("good/nix-keys.yaml", "list/0", "a"),
    ("good/nix-keys.yaml", "p/q", "topslash"),
    ("good/nix-keys.json", "bool", "true"),
    ("good/nix-keys.json", "p/q", "ts"),
];

#[test]
fn keys_give_what_sops_nix_gives_or_more() {
    let Some(corpus) = Corpus::find() else { return };
    let (mut failures, mut cases) = (Vec::new(), 0);
    let keys = serde_json::json!({ "keys": ["keys/age_a.txt"] });
    for case in corpus.cases("key_lookup") {
        cases += 1;
        let (file, key) = (text(&case["file"]), text(&case["key"]));
        let bytes = corpus.read(&case["file"]);
        let found = match open(&bytes, format(case), &corpus.keyring(&keys)) {
            Ok(opened) => {
                opened.lookup(key).map(|secret| secret.expose().to_vec()).map_err(|fault| fault.message)
            }
            Err(outcome) => panic!("{file}: {outcome:?}"),
        };
        let further =
            FURTHER.iter().find(|further| file == further.0 && key == further.1).map(|further| further.2);
        let wanted = match (case["value_base64"].as_str(), further) {
            (Some(value), _) => Some(STANDARD.decode(value).unwrap()),
            (None, further) => further.map(|value| value.as_bytes().to_vec()),
        };
        if found.as_ref().ok() != wanted.as_ref() {
            failures.push(format!("{file} {key:?}: {found:?} instead of {wanted:?} {}", case["error"]));
        }
    }
    assert_none(&failures, cases);
}
