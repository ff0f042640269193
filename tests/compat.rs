//! Each difference in `docs/compat.md` names its tests, and they are there.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io::Result;
use std::path::Path;

/// The rows of all tables with a column of tests: the whole row, and its last cell.
fn rows(text: &str) -> Vec<(&str, &str)> {
    let rows = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    let cells = rows.filter_map(|row| Some((row, row.trim_end_matches('|').rsplit_once('|')?.1.trim())));
    cells.filter(|(_, tests)| *tests != "test").collect()
}

/// The code of every Rust file below `directory`.
fn code(directory: &Path, all: &mut String) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            code(&path, all)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&fs::read_to_string(path)?);
        }
    }
    Ok(())
}

#[test]
fn every_difference_names_tests_that_are_there() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/compat.md"))?;
    let mut all = String::new();
    code(&root.join("src"), &mut all)?;
    code(&root.join("tests"), &mut all)?;
    let is_there = |name: &str| {
        if name.contains('/') {
            return root.join("tests/cli").join(name).with_extension("toml").is_file();
        }
        let function = format!("fn {name}(");
        all.contains(&format!("#[test]\n{function}")) || all.contains(&format!("#[test]\n    {function}"))
    };
    let rows = rows(&text);
    assert!(rows.len() > 50, "the tables were not found");
    let mut missing = Vec::new();
    for (row, tests) in rows {
        let names: Vec<&str> = tests.split_whitespace().map(|name| name.trim_matches('`')).collect();
        missing.extend(names.iter().filter(|name| !is_there(name)).map(|name| format!("{name}: {row}")));
        if names.is_empty() {
            missing.push(row.to_owned());
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    Ok(())
}
