//! Files of the real sops that were changed afterwards: nothing of them comes out that sops would not print.

use sops_activate::sops::{FaultKind, Format};

use crate::random::{Random, seed};
use crate::tools::Sops;

const FORMATS: [Format; 5] = [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary];

const RULES: [&[&str]; 6] = [
    &[],
    &["encrypted_suffix: _enc"],
    &["unencrypted_regex: _plain$"],
    &["encrypted_regex: _enc$", "mac_only_encrypted: true"],
    &["encrypted_comment_regex: 'enc:'"],
    &["unencrypted_comment_regex: 'plain:'"],
];

/// A document with two encrypted values next to each other and a clear one, whatever the rule.
fn sample(format: Format) -> &'static str {
    match format {
        Format::Yaml => {
            "# enc: and more\na_enc: first\n# enc: and more\nb_enc: second value\n# enc: and more\nm:\n    l_enc:\n        - 1\n        - true\n        - deep\n# plain: value\nc_plain: clear text\nd_unencrypted: clear too\n"
        }
        Format::Json => {
            "{\"a_enc\": \"first\", \"b_enc\": \"second value\", \"m\": {\"l_enc\": [1, true, \"deep\"]}, \"c_plain\": \"clear text\", \"d_unencrypted\": \"clear too\"}"
        }
        Format::Dotenv => {
            "# enc: it\na_enc=first\n# enc: it\nb_enc=second value\n# plain: value\nc_plain=clear text\nd_unencrypted=clear too\n"
        }
        Format::Ini => {
            "[s]\na_enc = first\nb_enc = second value\nc_plain = clear text\nd_unencrypted = clear too\n[t]\na_enc = third\n"
        }
        Format::Binary => "first line\nsecond line\0\u{1}",
    }
}

/// Each encrypted value of a file that is not in its sops block: start and end.
fn sealed(file: &str) -> Vec<(usize, usize)> {
    let starts = file.match_indices("ENC[").map(|found| found.0);
    starts
        .map(|start| (start, start + file[start..].find(']').unwrap() + 1))
        .filter(|(start, _)| {
            let line = file[..*start].rsplit('\n').next().unwrap();
            !line.contains("mac")
        })
        .collect()
}

/// Whether an encrypted value is a comment: those are not authenticated, and stay as they are if broken.
fn is_comment(value: &str) -> bool {
    value.ends_with("type:comment]")
}

struct Case<'s> {
    sops: &'s Sops,
    format: Format,
    rule: &'s [&'s str],
    file: String,
}

impl Case<'_> {
    #[track_caller]
    fn refused(&self, what: &str, file: &str, kinds: &[FaultKind]) {
        match self.sops.whole(self.format, file.as_bytes()) {
            Err(fault) if kinds.contains(&fault.kind) => {}
            Err(fault) => {
                panic!("{:?} {:?} {what}: {:?}: {fault}\n{file}", self.format, self.rule, fault.kind)
            }
            Ok(_) => panic!("{:?} {:?} {what}: accepted\n{file}", self.format, self.rule),
        }
    }
}

/// Calls `check` with a file for every format and rule.
fn each_case(check: impl Fn(&Case<'_>)) {
    let sops = Sops::new();
    for format in FORMATS {
        for rule in RULES {
            if format == Format::Binary && !rule.is_empty() {
                continue;
            }
            let file = sops.encrypt(format, rule, sample(format).as_bytes()).unwrap();
            let case = Case { sops: &sops, format, rule, file: String::from_utf8(file).unwrap() };
            let whole = case.sops.whole(format, case.file.as_bytes()).unwrap();
            assert_eq!(whole, sops.decrypt(format, case.file.as_bytes()).unwrap());
            check(&case);
        }
    }
}

#[test]
fn a_flipped_bit_in_any_part_of_a_value_is_found() {
    each_case(|case| {
        for (start, end) in sealed(&case.file) {
            if is_comment(&case.file[start..end]) {
                continue;
            }
            for part in ["data:", "iv:", "tag:"] {
                let at = start + case.file[start..end].find(part).unwrap() + part.len();
                let replacement = if &case.file[at..=at] == "A" { "B" } else { "A" };
                let mut file = case.file.clone();
                file.replace_range(at..=at, replacement);
                case.refused(part, &file, &[FaultKind::Value]);
            }
        }
    });
}

#[test]
fn swapped_values_are_found() {
    each_case(|case| {
        let values: Vec<_> = sealed(&case.file)
            .into_iter()
            .filter(|(start, end)| !is_comment(&case.file[*start..*end]))
            .collect();
        for pair in values.windows(2) {
            let [(first, first_end), (second, second_end)] = *pair else { panic!("not a pair") };
            let (a, b) = (&case.file[first..first_end], &case.file[second..second_end]);
            let file =
                [&case.file[..first], b, &case.file[first_end..second], a, &case.file[second_end..]].concat();
            // Two items of one list authenticate in each other's place: there the MAC must see it.
            case.refused("swapped", &file, &[FaultKind::Value, FaultKind::Mac]);
            let file = [&case.file[..first], b, &case.file[first_end..]].concat();
            case.refused("doubled", &file, &[FaultKind::Value, FaultKind::Mac]);
        }
    });
}

#[test]
fn values_of_another_file_are_found() {
    let sops = Sops::new();
    for format in FORMATS {
        let [file, other] = [(); 2].map(|()| {
            String::from_utf8(sops.encrypt(format, &[], sample(format).as_bytes()).unwrap()).unwrap()
        });
        let case = Case { sops: &sops, format, rule: &[], file };
        for ((start, end), (from, to)) in sealed(&case.file).into_iter().zip(sealed(&other)) {
            if !is_comment(&case.file[start..end]) {
                let file = [&case.file[..start], &other[from..to], &case.file[end..]].concat();
                case.refused("of another file", &file, &[FaultKind::Value]);
            }
        }
        let mac = |file: &str| {
            let field = file.find("mac").unwrap();
            let start = field + file[field..].find("ENC[").unwrap();
            (start, start + file[start..].find(']').unwrap() + 1)
        };
        let ((start, end), (from, to)) = (mac(&case.file), mac(&other));
        let file = [&case.file[..start], &other[from..to], &case.file[end..]].concat();
        case.refused("MAC of another file", &file, &[FaultKind::Mac]);
        let file = [&case.file[..start], &case.file[end..]].concat();
        case.refused("no MAC", &file, &[FaultKind::Mac]);
    }
}

#[test]
fn lines_that_are_missing_doubled_or_moved_are_found() {
    each_case(|case| {
        if matches!(case.format, Format::Binary | Format::Json) {
            return;
        }
        let lines: Vec<&str> = case.file.lines().collect();
        let plain = sample(case.format).lines().count();
        let only_encrypted = case.rule.contains(&"mac_only_encrypted: true");
        let kinds = [FaultKind::Mac, FaultKind::Value, FaultKind::Parse, FaultKind::Metadata];
        for at in 0..plain {
            let line = lines[at];
            let counts = line.contains("ENC[") || line.contains("clear") && !only_encrypted;
            if !counts || line.trim_start().starts_with(['#', ';']) || line.contains("type:comment") {
                continue;
            }
            let without = [&lines[..at], &lines[at + 1..]].concat().join("\n") + "\n";
            case.refused("without a line", &without, &kinds);
            if case.format != Format::Ini {
                let doubled = [&lines[..=at], &lines[at..]].concat().join("\n") + "\n";
                case.refused("with a line twice", &doubled, &kinds);
            }
            if lines[at + 1].contains("ENC[") && !lines[at + 1].contains("type:comment") && at + 1 < plain {
                let mut moved = lines.clone();
                moved.swap(at, at + 1);
                case.refused("with lines exchanged", &(moved.join("\n") + "\n"), &kinds);
            }
        }
    });
}

#[test]
fn changed_names_texts_and_times_are_found() {
    each_case(|case| {
        let only_encrypted = case.rule.contains(&"mac_only_encrypted: true");
        if case.file.contains("clear text") && !only_encrypted {
            case.refused(
                "clear value",
                &case.file.replacen("clear text", "clear test", 1),
                &[FaultKind::Mac],
            );
        }
        if case.file.lines().any(|line| line.contains("b_enc") && line.contains("ENC[")) {
            let renamed = case.file.replacen("b_enc", "x_enc", 1);
            case.refused("renamed", &renamed, &[FaultKind::Value]);
        }
        let year = case.file.find("lastmodified").unwrap();
        let year = year + case.file[year..].find("20").unwrap();
        let file = [&case.file[..year], "19", &case.file[year + 2..]].concat();
        case.refused("lastmodified", &file, &[FaultKind::Mac]);
    });
}

#[test]
fn a_file_that_is_cut_off_never_opens() {
    each_case(|case| {
        let whole = case.sops.whole(case.format, case.file.as_bytes()).unwrap();
        let kinds =
            [FaultKind::Parse, FaultKind::NoMetadata, FaultKind::Metadata, FaultKind::Value, FaultKind::Mac];
        for end in (0..case.file.len()).step_by(7) {
            let Some(cut) = case.file.get(..end) else { continue };
            // What follows the MAC and the keys (the rule, the version) may be missing if it decides nothing.
            if case.sops.whole(case.format, cut.as_bytes()).is_ok_and(|printed| printed == whole) {
                assert!(end > case.file.rfind("mac").unwrap(), "cut at {end}:\n{cut}");
                continue;
            }
            case.refused("cut", cut, &kinds);
        }
    });
}

/// Random bytes changed, inserted, removed, doubled. Whatever opens then, opens in sops, to the same bytes; and
/// what sops opens is opened or refused, but never something else.
#[test]
fn random_damage_gives_what_sops_gives_or_nothing() {
    let mut random = Random::new(seed());
    let sops = Sops::new();
    let (mut tried, mut opened) = (0, 0);
    for format in FORMATS {
        let rules: &[&[&str]] = if format == Format::Binary { &RULES[..1] } else { &RULES[..4] };
        for rule in rules {
            let file = sops.encrypt(format, rule, sample(format).as_bytes()).unwrap();
            for _ in 0..150 {
                let damaged = damage(&file, &mut random);
                tried += 1;
                let Ok(printed) = sops.whole(format, &damaged) else { continue };
                opened += 1;
                match sops.decrypt(format, &damaged) {
                    Ok(wanted) if wanted == printed => {}
                    // The command line, unlike the library, refuses odd versions; that is not what is asked here.
                    Err(error) if is_about_the_version(&error) => {}
                    other => {
                        let other = other.map(|wanted| String::from_utf8_lossy(&wanted).into_owned());
                        let (printed, damaged) =
                            (String::from_utf8_lossy(&printed), String::from_utf8_lossy(&damaged));
                        panic!("{format:?} {rule:?}: printed\n{printed}\ninstead of {other:?}\n{damaged}");
                    }
                }
            }
        }
    }
    println!("{opened} of {tried} damaged files opened, as in sops");
    assert!(opened > 0 && opened < tried / 2);
}

/// The words of the library that the command line of sops reads versions with.
fn is_about_the_version(error: &str) -> bool {
    let words = [
        "Version string empty",
        "strconv.ParseUint",
        "Major.Minor.Patch",
        "major number",
        "minor number",
        "patch number",
    ];
    let rest = ["prerelease", "build meta data", "Major number", "Minor number", "Patch number"];
    words.iter().chain(&rest).any(|word| error.contains(word))
}

fn damage(file: &[u8], random: &mut Random) -> Vec<u8> {
    let mut file = file.to_vec();
    for _ in 0..=random.below(2) {
        let at = random.below(file.len());
        let length = random.below(20).min(file.len() - at);
        match random.below(6) {
            0 => file[at] ^= 1 << random.below(8),
            1 => drop(file.drain(at..at + length)),
            2 => {
                let piece = file[at..at + length].to_vec();
                let to = random.below(file.len());
                file.splice(to..to, piece);
            }
            3 => file.insert(at, b"\n\t \"':#[]{}=\\\0\xff"[random.below(15)]),
            4 => {
                let from = random.below(file.len());
                file[at] = file[from];
            }
            _ => {
                let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
                let (a, b) = (random.below(lines.len()), random.below(lines.len()));
                let mut moved = lines.clone();
                moved.swap(a, b);
                file = moved.concat();
            }
        }
        if file.is_empty() {
            break;
        }
    }
    file
}
