//! The built binary, run as root on the real kernel: one case a file in `tests/cli`, each on a machine of its own, under
//! both names of the program. `tests/cli/README.md` tells how to write one.
//!
//! Arguments are parts of the names of cases to run; `CLI_BLESS=1` writes what comes of them into their files.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

#[path = "common/case.rs"]
mod case;
#[path = "common/fixtures.rs"]
mod fixtures;
#[path = "common/machine.rs"]
mod machine;
#[path = "common/manifest.rs"]
mod manifest;
#[path = "common/runner.rs"]
mod runner;
#[path = "common/tools.rs"]
mod tools;
#[path = "common/tree.rs"]
mod tree;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use case::{Case, Name};
use fixtures::Fixtures;

fn main() -> ExitCode {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let bless = std::env::var_os("CLI_BLESS").is_some_and(|value| value == "1");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut files = case_files(&root);
    files.retain(|(_, name)| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())));
    if std::env::args().any(|argument| argument == "--list") {
        for (_, name) in &files {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    assert!(!files.is_empty(), "no case is named like {wanted:?}");
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let fixtures = Fixtures::make();
    let results = all(&files, &fixtures, bless);
    let failures: Vec<_> =
        results.iter().filter_map(|(name, result)| Some((name, result.as_ref().err()?))).collect();
    for (name, report) in &failures {
        println!("\n---- {name} ----\n{report}");
    }
    let ok = if failures.is_empty() { "ok" } else { "FAILED" };
    let passed = results.len() - failures.len();
    println!(
        "\ntest result: {ok}. {passed} passed; {} failed; 0 ignored; 0 measured; 0 filtered out",
        failures.len()
    );
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every case below `root`, with its name.
fn case_files(root: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| ending == "toml") {
                let name = path.strip_prefix(root).unwrap().with_extension("").display().to_string();
                files.push((path, name));
            }
        }
    }
    files.sort();
    files
}

type Outcome = (String, Result<(), String>);

/// Runs all cases, several at once; the results are in no order.
fn all(files: &[(PathBuf, String)], fixtures: &Fixtures, bless: bool) -> Vec<Outcome> {
    let next = Mutex::new(files.iter());
    let results = Mutex::new(Vec::new());
    let threads = 2 * std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some((file, name)) = next.lock().unwrap().next() else { break };
                    for result in one(file, name, fixtures, bless) {
                        println!("test {} ... {}", result.0, if result.1.is_ok() { "ok" } else { "FAILED" });
                        results.lock().unwrap().push(result);
                    }
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by(|(a, _), (b, _)| a.cmp(b));
    results
}

/// Runs one case, under each name.
fn one(file: &Path, name: &str, fixtures: &Fixtures, bless: bool) -> Vec<Outcome> {
    let read = || Case::read(file);
    let names = match read() {
        Ok(case) => case.names(),
        Err(error) => return vec![(name.to_owned(), Err(error))],
    };
    let mut results = Vec::new();
    for called in names {
        let bless = bless && *called == Name::SopsActivate;
        let run = || -> Result<(), String> {
            let mut case = read()?;
            let result = runner::run(&mut case, *called, fixtures, bless);
            if bless {
                case.save();
            }
            result.map_err(|report| format!("{}\n{report}", case.title))
        };
        // A thread of its own, because its mount namespace ends with it.
        let result = std::thread::scope(|scope| scope.spawn(run).join());
        let result = result.unwrap_or_else(|_| Err("the test itself failed: see above".to_owned()));
        results.push((format!("{name} as {}", called.as_str()), result));
    }
    results
}
