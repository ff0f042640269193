//! `docs/limits.md` beside the source: no limit is forgotten there, and each is tested.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Constants with such names that limit no input.
const NO_LIMITS: [&str; 1] = ["src/sops/yaml/emit.rs MAX_SIMPLE_KEY"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The cells of the rows of all tables.
fn rows() -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|-"));
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).filter(|cells: &Vec<String>| cells[0] != "what").collect()
}

/// `src/x.rs NAME` for each constant that is a limit by its name.
fn constants() -> BTreeSet<String> {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    let mut constants = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let file = file.strip_prefix(root()).unwrap().display().to_string();
        for name in text
            .lines()
            .filter_map(|line| line.split_once("const ")?.1.split_once(": "))
            .map(|(name, _)| name)
        {
            let is_limit = ["MAX", "MOST", "LONGEST", "DEEPEST", "LARGEST", "LIMIT"]
                .iter()
                .any(|word| name.contains(word));
            if is_limit && !name.contains(char::is_whitespace) {
                constants.insert(format!("{file} {name}"));
            }
        }
    }
    constants
}

#[test]
fn every_limit_stands_in_the_table_with_its_constant() {
    let rows = rows();
    assert!(rows.len() > 40, "the tables were not found");
    let told = rows.iter().map(|row| row[2].as_str()).filter(|constant| *constant != "-");
    let told: BTreeSet<String> = told.map(|constant| constant.replace('`', "")).collect();
    let mut constants = constants();
    for no_limit in NO_LIMITS {
        assert!(constants.remove(no_limit), "{no_limit} is gone");
    }
    let missing: Vec<_> = constants.difference(&told).collect();
    let gone: Vec<_> = told.difference(&constants).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not in the table: {missing:?}, not in the source: {gone:?}"
    );
}

#[test]
fn every_limit_names_a_test_that_is_there() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    rust_files(&root().join("tests"), &mut files);
    let source: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    for row in rows() {
        assert_eq!(row.len(), 5, "{row:?}");
        let test = row[4].replace('`', "");
        let is_case = root().join("tests/cli").join(&test).with_extension("toml").is_file();
        assert!(is_case || source.contains(&format!("fn {test}(")), "there is no test '{test}': {row:?}");
    }
}
