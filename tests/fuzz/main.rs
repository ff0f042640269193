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
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let targets: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| wanted.is_empty() || wanted.iter().any(|part| target.name.contains(part.as_str())))
        .collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for target in &targets {
            println!("{}: test", target.name);
        }
        return ExitCode::SUCCESS;
    }
    assert!(!targets.is_empty(), "no target is named like {wanted:?}");
    let (mut executions, mut failed) = (0, 0);
    for target in &targets {
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
    println!("\n{executions} inputs, {failed} targets failed");
    let (ok, passed) = (if failed == 0 { "ok" } else { "FAILED" }, targets.len() - failed);
    println!("test result: {ok}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("a target")
}
