//! Every parser, with thousands of damaged inputs, the same ones in every run: the short form of `fuzz/run`.
//!
//! What is done with an input is in `fuzz/src`, which the fuzzer has in common with this test. Each target runs in a
//! process of its own, with little memory and a watchdog: whatever ends it is named with its input, which is kept.
//! `FUZZ=10` tries ten times as many. Arguments are parts of the names of targets.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod inputs;
mod memory;
#[path = "../sops/random.rs"]
#[allow(dead_code)]
mod random;
#[path = "../../fuzz/src/lib.rs"]
mod targets;
mod worker;

use std::process::ExitCode;

use targets::{TARGETS, Target};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, start, progress] = &arguments[..]
        && flag == worker::FLAG
    {
        worker::work(target(name), start.parse().unwrap(), progress.as_ref());
        return ExitCode::SUCCESS;
    }
    if let [flag, kind, size] = &arguments[..]
        && flag == memory::FLAG
    {
        memory::measure(kind, size.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let targets: Vec<&Target> = TARGETS.iter().filter(|target| is_wanted(target.name)).collect();
    let kinds =
        memory::KINDS.iter().map(|(kind, _)| *kind).filter(|kind| is_wanted(&format!("memory of {kind}")));
    let kinds: Vec<&str> = kinds.collect();
    if arguments.iter().any(|argument| argument == "--list") {
        let names = targets.iter().map(|target| target.name.to_owned());
        for name in names.chain(kinds.iter().map(|kind| format!("memory of {kind}"))) {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    assert!(!(targets.is_empty() && kinds.is_empty()), "no test is named like {wanted:?}");
    let failed = fuzz(&targets) + kinds.iter().filter(|kind| !takes_linear_memory(kind)).count();
    let (ok, passed) = (if failed == 0 { "ok" } else { "FAILED" }, targets.len() + kinds.len() - failed);
    println!("test result: {ok}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the targets. Gives the number of those that failed.
fn fuzz(targets: &[&Target]) -> usize {
    let (mut executions, mut failed) = (0, 0);
    for target in targets {
        let start = std::time::Instant::now();
        let (tried, failure) = worker::run(target);
        executions += tried;
        failed += usize::from(failure.is_some());
        let word = if failure.is_none() { "ok" } else { "FAILED" };
        println!("test {} ... {word} ({tried} inputs, {:.1} s)", target.name, start.elapsed().as_secs_f32());
        if let Some(failure) = failure {
            println!("  {failure}");
        }
    }
    println!("{executions} inputs, {failed} targets failed");
    failed
}

fn takes_linear_memory(kind: &str) -> bool {
    let (figures, is_linear) = memory::check(kind);
    println!("test memory of {kind} ... {}\n  {figures}", if is_linear { "ok" } else { "FAILED" });
    is_linear
}

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("a target")
}
