//! Random documents, encrypted by the real sops: what we print is what sops prints, and every key has the value
//! that was put in.

use std::sync::atomic::{AtomicUsize, Ordering};

use sops_activate::sops::{Document, Format, Protection};

use crate::generate::{Generated, Leaf, generate, noise};
use crate::random::{Random, seed};
use crate::tools::Sops;

const RULES: [&[&str]; 9] = [
    &[],
    &["unencrypted_suffix: _unencrypted"],
    &["encrypted_suffix: _enc"],
    &["encrypted_regex: ^(data|Secret)"],
    &[r"unencrypted_regex: (?i)^key\d|SECTION1"],
    &["encrypted_comment_regex: 'enc:'"],
    &["unencrypted_comment_regex: 'plain:'"],
    &["encrypted_suffix: _enc", "mac_only_encrypted: true"],
    &["encrypted_regex: (?!not for Go"],
];

/// One document. Says how it went, or whether sops itself refused the document.
fn check(sops: &Sops, format: Format, seed: u64) -> Result<bool, String> {
    let mut random = Random::new(seed);
    let is_noise = matches!(format, Format::Ini | Format::Dotenv) && random.once_in(3);
    let Generated { text, leaves } = if is_noise {
        Generated { text: noise(format, &mut random), leaves: Vec::new() }
    } else {
        generate(format, &mut random)
    };
    let rule = if format == Format::Binary { RULES[0] } else { random.pick(&RULES) };
    let context = |what: String| {
        let shown = if format == Format::Binary { "…".into() } else { String::from_utf8_lossy(&text) };
        format!("{what}\n  seed {seed}, {format:?}, {rule:?}\n{shown}")
    };
    let encrypted = sops.encrypt(format, rule, &text);
    let encrypted = encrypted.and_then(|file| Ok((sops.decrypt(format, &file)?, file)));
    let (wanted, file) = match encrypted {
        Ok(both) => both,
        Err(_) if is_noise => return Ok(false),
        Err(error) => return Err(context(format!("sops itself: {error}"))),
    };
    check_whole(sops, format, &file, &wanted).map_err(context)?;
    check_keys(sops, format, &file, &leaves, rule.is_empty()).map_err(context)?;
    // sops counts comments as items of a list, and knows no escapes in a path.
    let position = |step: &str| step.starts_with(|first: char| first.is_ascii_digit());
    let nameable =
        |leaf: &&Leaf| leaf.is_text && !leaf.path.contains('\\') && !leaf.path.split('[').any(position);
    let texts: Vec<_> = leaves.iter().filter(nameable).collect();
    if !texts.is_empty() {
        let leaf = texts[random.below(texts.len())];
        let extracted = sops.extract(format, &file, &leaf.path);
        if extracted.as_ref().ok() != leaf.value.as_ref() {
            let wanted = &leaf.value;
            return Err(context(format!("sops extracts {extracted:?} for {} and not {wanted:?}", leaf.path)));
        }
    }
    Ok(true)
}

fn check_whole(sops: &Sops, format: Format, file: &[u8], wanted: &[u8]) -> Result<(), String> {
    let printed = sops.whole(format, file).map_err(|fault| format!("not printed: {fault}"))?;
    if printed != wanted {
        let [ours, theirs] = [&printed, wanted].map(String::from_utf8_lossy);
        return Err(format!("printed\n{ours}\ninstead of\n{theirs}"));
    }
    Ok(())
}

/// Every key has its value; and what can be said of a key without any private key is the same.
fn check_keys(
    sops: &Sops,
    format: Format,
    file: &[u8],
    leaves: &[Leaf],
    all_sealed: bool,
) -> Result<(), String> {
    let opened = sops.open(format, file).map_err(|fault| format!("not opened: {fault}"))?;
    let document = Document::parse(file, format).map_err(|fault| format!("not read: {fault}"))?;
    for leaf in leaves {
        let found = opened.lookup(&leaf.key).map(|secret| secret.expose().to_vec());
        if found.as_ref().ok() != leaf.value.as_ref() {
            let found = found.map(|value| String::from_utf8_lossy(&value).into_owned());
            return Err(format!("key {:?} is {found:?}", leaf.key));
        }
        let clear = leaf.value.as_ref().is_some_and(Vec::is_empty) || leaf.key.contains("_unencrypted");
        let protection = if clear { Protection::Clear } else { Protection::Encrypted };
        let located = document.locate(&leaf.key);
        let right = match (&located, &found) {
            (Ok(located), Ok(_)) => *located == protection || !all_sealed,
            (Err(before), Err(after)) => before.message == after.message,
            _ => false,
        };
        if !right {
            return Err(format!("key {:?} is located {located:?}", leaf.key));
        }
    }
    Ok(())
}

/// Checks `documents` documents that sops takes; all failures are told at once.
fn check_many(format: Format, documents: usize) {
    let (seed, sops) = (seed(), Sops::new());
    let times: usize = std::env::var("SOPS_TEST_TIMES").map_or(1, |times| times.parse().unwrap());
    let (documents, next, taken) = (documents * times, AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut failures = Vec::new();
        while taken.load(Ordering::Relaxed) < documents && failures.len() < 5 {
            let number = next.fetch_add(1, Ordering::Relaxed);
            assert!(number < 20 * documents, "sops takes hardly any of these documents");
            match check(&sops, format, seed.wrapping_add(number as u64)) {
                Ok(true) => drop(taken.fetch_add(1, Ordering::Relaxed)),
                Ok(false) => {}
                Err(failure) => failures.push(failure),
            }
        }
        failures
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n----\n"));
    println!("{} documents", taken.load(Ordering::Relaxed));
}

#[test]
fn random_yaml_is_what_sops_makes_of_it() {
    check_many(Format::Yaml, 120);
}

#[test]
fn random_json_is_what_sops_makes_of_it() {
    check_many(Format::Json, 70);
}

#[test]
fn random_dotenv_is_what_sops_makes_of_it() {
    check_many(Format::Dotenv, 50);
}

#[test]
fn random_ini_is_what_sops_makes_of_it() {
    check_many(Format::Ini, 80);
}

#[test]
fn random_bytes_are_what_sops_makes_of_them() {
    check_many(Format::Binary, 20);
}
