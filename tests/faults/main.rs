//! Nothing lost: the built binary on the real kernel, killed at every system call, with every system call failing, with
//! a disk that takes one byte at a time, and with a user who moves things under its hands.
//!
//! By default a fixed part of the points is tried; `FAULTS=all` tries all of them. Arguments are parts of the names of
//! tests to run.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod attack;
#[path = "../common/fixtures.rs"]
#[allow(dead_code)]
mod fixtures;
mod inject;
mod judge;
#[path = "../common/machine.rs"]
mod machine;
#[path = "../common/manifest.rs"]
mod manifest;
#[path = "../common/namespace.rs"]
mod namespace;
mod pieces;
mod scenario;
mod state;
#[path = "../common/tools.rs"]
mod tools;
#[path = "../common/tree.rs"]
mod tree;
mod walk;

use std::process::ExitCode;

use fixtures::Fixtures;
use scenario::SCENARIOS;

/// What came of a test: a line of figures, and everything that should not have been.
pub struct Verdict {
    pub figures: String,
    pub violations: Vec<String>,
}

type Test<'a> = (String, Box<dyn Fn() -> Verdict + 'a>);

fn main() -> ExitCode {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let all = std::env::var_os("FAULTS").is_some_and(|value| value == "all");
    let list = std::env::args().any(|argument| argument == "--list");
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let fixtures = Fixtures::make();
    let mut tests: Vec<Test<'_>> = Vec::new();
    for scenario in &SCENARIOS {
        let (name, fixtures) = (scenario.name, &fixtures);
        tests.push((format!("kill {name}"), Box::new(move || walk::kill(scenario, fixtures, all))));
        tests.push((format!("fail {name}"), Box::new(move || walk::fail(scenario, fixtures, all))));
        tests.push((format!("pieces {name}"), Box::new(move || pieces::try_all(scenario, fixtures))));
    }
    tests.push(("attack".to_owned(), Box::new(|| attack::run(&fixtures, all))));
    tests.retain(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())));
    if list {
        for (name, _) in &tests {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    assert!(!tests.is_empty(), "no test is named like {wanted:?}");
    let failed = tests.iter().filter(|(name, test)| !passes(name, test)).count();
    let (ok, passed) = (if failed == 0 { "ok" } else { "FAILED" }, tests.len() - failed);
    println!("\ntest result: {ok}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one test and prints what came of it.
fn passes(name: &str, test: &dyn Fn() -> Verdict) -> bool {
    let start = std::time::Instant::now();
    let verdict = test();
    let took = start.elapsed().as_secs_f32();
    let ok = verdict.violations.is_empty();
    println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
    println!("  {}, violations: {} ({took:.1} s)", verdict.figures, verdict.violations.len());
    for violation in verdict.violations.iter().take(20) {
        println!("  {violation}");
    }
    ok
}
