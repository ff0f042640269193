//! The walls of the house: which room may use what. The map of the rooms is in `src/lib.rs`.
//!
//! Read from the source text, so a wall that is broken is named with its file. Code of tests is left out
//! (everything behind `#[cfg(test)]`, and files in a `tests` directory): it may read fixtures.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io::Result;
use std::path::{Path, PathBuf};

/// Rooms and what must not be named in them: a room is a file or directory below `src`.
const WALLS: &[(&[&str], &[&str], &str)] = &[
    (
        &["sops"],
        &["crate::keys", "crate::manifest"],
        "a sops file is opened with a data key that is handed in",
    ),
    (&["keys"], &["crate::manifest", "crate::accounts"], "keys know files as bytes only"),
    (
        &["secret"],
        &["crate::", "serde", "Debug", "Display", "Clone"],
        "a secret is neither printed nor copied",
    ),
    (
        &["system"],
        &["crate::manifest", "crate::keys", "crate::sops"],
        "effects know nothing of what they move",
    ),
    (
        &["manifest", "accounts", "template", "plan", "changes", "units", "sops", "secret"],
        &["std::fs", "std::env", "std::process", "std::net", "std::time", "crate::system"],
        "values in, values out",
    ),
    (
        &["manifest", "accounts", "changes", "units"],
        &["crate::keys", "DataKey"],
        "what is declared and what changed is public",
    ),
];

/// The only rooms that may call the kernel.
const KERNEL: &[&str] = &["nix::", "libc::", "caps::"];

/// The rooms that may ask for effects: the door, the stories, and the chapters that `install` tells its
/// story in. `keys` starts a program for PGP from one file.
const STORIES: &[&str] = &[
    "main",
    "cli",
    "log",
    "install",
    "check",
    "closed",
    "decrypt",
    "explain",
    "recipient",
    "status",
    "decide",
    "identities",
    "inputs",
    "open",
    "outer_links",
    "plugins",
    "restarts",
    "switch",
    "keys/pgp",
];

/// No file is longer than this, in lines.
const LONGEST_FILE: usize = 600;

/// What is not finished.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!"];

/// A source file: its path below `src` without `.rs`, and its text.
struct Source {
    room: String,
    text: String,
}

impl Source {
    fn is_in(&self, room: &str) -> bool {
        self.room == room || self.room.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'))
    }

    fn is_test(&self) -> bool {
        self.room.split('/').any(|element| element == "tests")
    }
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// All Rust files below `directory` of the repository.
fn sources(directory: &str) -> Result<Vec<Source>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut paths = Vec::new();
    if top.is_dir() {
        rust_files(&top, &mut paths)?;
    }
    paths.sort();
    let source = |path: PathBuf| {
        let below = path.strip_prefix(&top).unwrap_or(&path).with_extension("");
        let name = below.to_string_lossy();
        let room = name.strip_suffix("/mod").unwrap_or(&name).to_owned();
        Ok(Source { room, text: fs::read_to_string(path)? })
    };
    paths.into_iter().map(source).collect()
}

/// The code of a file without comments, texts and blanks, with grouped imports written out, so that
/// `use crate::{a, keys::B};` holds `crate::keys`. Tests at its end are left out.
fn code(text: &str) -> String {
    let code = without_comments_and_texts(text);
    let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    // One blank where words meet, none elsewhere.
    let mut dense = String::new();
    for word in code.split_whitespace() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        if dense.ends_with(is_word) && word.starts_with(is_word) {
            dense.push(' ');
        }
        dense.push_str(word);
    }
    let groups: Vec<String> = dense.split("crate::{").skip(1).map(grouped_imports).collect();
    dense + " " + &groups.concat()
}

/// `crate::x` for each item at the top of a group: `a,keys::B,c::{d,e}};…`.
fn grouped_imports(group: &str) -> String {
    let mut depth = 0usize;
    let mut written = String::from("crate::");
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            '{' => depth += 1,
            ',' if depth == 0 => written.push_str(" crate::"),
            _ if depth == 0 => written.push(c),
            _ => {}
        }
    }
    written + " "
}

/// Rust text with comments and the contents of string literals taken out.
fn without_comments_and_texts(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if let Some(quoted) = ["'\"'", "'\\\"'"].into_iter().find(|quoted| rest.starts_with(quoted)) {
            // A quotation mark as a character: no text begins here.
            quoted.len()
        } else if let Some(length) = raw_text(rest) {
            length
        } else if c == '"' {
            plain_text(rest)
        } else {
            kept.push(c);
            c.len_utf8()
        };
        rest = &rest[skipped..];
    }
    kept
}

/// The length of a raw string literal that starts here.
fn raw_text(rest: &str) -> Option<usize> {
    let behind = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let marks = behind.len() - behind.trim_start_matches('#').len();
    let inside = behind[marks..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(marks));
    let closing = inside.find(&end)?;
    Some(rest.len() - inside.len() + closing + end.len())
}

/// The length of the string literal that starts here.
fn plain_text(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Whether `code` names `what`, as a whole word: `nix::` is not in `unix::`.
fn names(code: &str, what: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(what).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let behind = code[at + what.len()..].chars().next();
        let open_end = what.ends_with(':') || what.ends_with('!');
        !before.is_some_and(is_word) && (open_end || !behind.is_some_and(is_word))
    })
}

/// The sources of the program without their tests.
fn rooms() -> Result<Vec<(Source, String)>> {
    let rooms: Vec<_> = sources("src")?
        .into_iter()
        .filter(|source| !source.is_test())
        .map(|source| {
            let code = code(&source.text);
            (source, code)
        })
        .collect();
    assert!(rooms.iter().any(|(source, _)| source.room == "secret"), "the sources were not found");
    Ok(rooms)
}

#[test]
fn no_room_reaches_through_a_wall() -> Result<()> {
    let mut breaches = Vec::new();
    for (source, code) in rooms()? {
        for (in_rooms, forbidden, why) in WALLS {
            if in_rooms.iter().any(|room| source.is_in(room)) {
                let found = forbidden.iter().filter(|what| names(&code, what));
                breaches.extend(found.map(|what| format!("src/{}: {what} ({why})", source.room)));
            }
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
    Ok(())
}

#[test]
fn only_system_calls_the_kernel() -> Result<()> {
    let mut breaches = Vec::new();
    for (source, code) in rooms()?.iter().filter(|(source, _)| !source.is_in("system")) {
        let found = KERNEL.iter().filter(|what| names(code, what));
        breaches.extend(found.map(|what| format!("src/{}: {what}", source.room)));
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
    Ok(())
}

#[test]
fn only_the_stories_ask_for_effects() -> Result<()> {
    let mut breaches = Vec::new();
    for (source, code) in rooms()? {
        let may = STORIES.iter().any(|room| source.is_in(room)) || source.is_in("system");
        if !may && names(&code, "crate::system") {
            breaches.push(source.room);
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
    Ok(())
}

#[test]
fn only_system_and_the_door_are_excused_from_the_list_of_effects() -> Result<()> {
    let mut breaches = Vec::new();
    for (source, code) in rooms()? {
        if !source.is_in("system") && source.room != "main" && names(&code, "clippy::disallowed_methods") {
            breaches.push(source.room);
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
    Ok(())
}

#[test]
fn no_file_is_longer_than_a_reader_can_bear() -> Result<()> {
    let mut long = Vec::new();
    for directory in ["src", "tests", "benches"] {
        for source in sources(directory)? {
            let lines = source.text.lines().count();
            if lines > LONGEST_FILE {
                long.push(format!("{directory}/{}: {lines} lines", source.room));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
    Ok(())
}

#[test]
fn nothing_is_left_unfinished() -> Result<()> {
    let mut unfinished = Vec::new();
    for (source, code) in rooms()? {
        let found = UNFINISHED.iter().filter(|what| names(&code, what));
        unfinished.extend(found.map(|what| format!("src/{}: {what}", source.room)));
    }
    assert!(unfinished.is_empty(), "{unfinished:#?}");
    Ok(())
}

#[test]
fn the_reader_of_these_tests_sees_what_is_code_and_nothing_else() {
    let seen = |text: &str, what: &str| names(&code(text), what);
    assert!(seen("use crate::keys::Keyring;", "crate::keys"));
    assert!(seen("use crate::{secret::Secret, sops::{self, tree}, keys as k};", "crate::keys"));
    assert!(seen("use crate :: {\n    keys,\n};", "crate::keys"));
    assert!(seen("let x = crate::\n    keys::new();", "crate::keys"));
    assert!(seen("fn f() { nix::unistd::chown() }", "nix::"));
    assert!(seen("let q = '\"'; todo!(\"later\")", "todo!"));
    assert!(seen("let q = '\\\"'; todo!()", "todo!"));
    assert!(seen("let t = r#\"a\"b\"#; todo!()", "todo!"));
    assert!(seen("let t = \"\\\"\"; todo!()", "todo!"));
    assert!(seen("#[derive(Clone)] struct S;", "Clone"));
    assert!(!seen("use std::os::unix::ffi::OsStrExt;", "nix::"));
    assert!(!seen("use crate::{sops::{keys, tree}};", "crate::keys"));
    assert!(!seen("// crate::keys\n/* todo!() */ let x = \"nix::\";", "crate::keys"));
    assert!(!seen("/* todo!() */ let x = \"todo!\";", "todo!"));
    assert!(!seen("let x = r\"todo!\";", "todo!"));
    assert!(!seen("use crate::keys_of_nothing;", "crate::keys"));
    assert!(!seen("fn f() {}\n\n#[cfg(test)]\nmod tests { use std::fs; }", "std::fs"));
}
