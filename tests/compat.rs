//! Each difference in `docs/compat.md` names its tests, and they are there.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io::Result;
use std::path::Path;

/// The rows of the tables whose last column is `test`: the whole row, and its last cell.
fn rows(text: &str) -> Vec<(&str, &str)> {
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in text.lines() {
        let cell = line.trim_end_matches('|').rsplit_once('|').map_or("", |(_, cell)| cell.trim());
        match line {
            _ if !line.starts_with('|') => in_table = false,
            _ if cell == "test" => in_table = true,
            _ if in_table && !cell.starts_with("--") => rows.push((line, cell)),
            _ => {}
        }
    }
    rows
}

/// Whether a name in the column of tests is there: a case or folder of cases of `tests/cli`, or any file or folder.
fn is_there(root: &Path, name: &str) -> bool {
    let case = root.join("tests/cli").join(name.trim_end_matches("/*"));
    let is_case = if name.ends_with("/*") { case.is_dir() } else { case.with_extension("toml").is_file() };
    is_case || (name.contains('/') && root.join(name).exists())
}

#[test]
fn every_difference_names_tests_that_are_there() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/compat.md"))?;
    let rows = rows(&text);
    assert!(rows.len() > 50, "the tables were not found");
    let mut missing = Vec::new();
    for (row, tests) in rows {
        let mut folder = String::new();
        for name in tests.split(", ") {
            // A name without a folder is in the one of the name before it.
            let name = if name.contains('/') { name.to_owned() } else { format!("{folder}/{name}") };
            if !is_there(root, &name) {
                missing.push(format!("'{name}' in {row}"));
            }
            folder = name.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned());
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    Ok(())
}

#[test]
fn no_section_stands_twice() -> Result<()> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compat.md"))?;
    let mut sections: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
    sections.sort_unstable();
    let twice: Vec<_> = sections.windows(2).filter(|two| two[0] == two[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
    Ok(())
}
