//! Faults, put into the agent's system calls by strace.

use std::collections::BTreeMap;
use std::fmt;

use crate::fixtures::Fixtures;
use crate::machine::{self, AGENT, Done};
use crate::scenario::{NEW_MANIFEST, Scenario};

const TRACE: &str = "/run/case/trace";

/// One system call of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Syscall {
    pub name: String,
    /// Which of the calls of this name, from 1.
    pub nth: usize,
    /// Arguments and result, for reports.
    pub text: String,
    /// Whether the agent has begun its work: before, only the loader and the runtime are at work.
    pub at_work: bool,
}

/// What happens at a system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The process dies; the call is not made.
    Kill,
    /// The call is not made and fails with this error.
    Error(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => formatter.write_str("signal=KILL"),
            Self::Error(errno) => write!(formatter, "error={errno}"),
        }
    }
}

/// The system calls of a run without faults, in their order.
pub fn record(scenario: &Scenario, fixtures: &Fixtures) -> Vec<Syscall> {
    let done_and_trace = || {
        machine::enter(fixtures);
        scenario.set_up();
        (strace(scenario, &[]), std::fs::read_to_string(TRACE).unwrap())
    };
    let (done, trace) = std::thread::scope(|scope| scope.spawn(done_and_trace).join().unwrap());
    assert_eq!(done.code, scenario.exit, "{}", String::from_utf8_lossy(&done.stderr));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calls = Vec::new();
    let mut at_work = false;
    for line in trace.lines() {
        let Some((name, _)) = line.split_once('(') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        // strace is not there yet at the first; and how often we look after a child depends on the time it takes.
        let again = name == "wait4" && counts.contains_key(name);
        if again || ["execve", "clock_nanosleep", "restart_syscall"].contains(&name) {
            continue;
        }
        at_work |= line.contains(NEW_MANIFEST);
        let nth = counts.entry(name).or_default();
        *nth += 1;
        calls.push(Syscall { name: name.to_owned(), nth: *nth, text: line.to_owned(), at_work });
    }
    assert!(at_work && calls.len() > 100, "the trace makes no sense:\n{trace}");
    calls
}

/// Runs the agent on the new manifest with one fault. The second value is whether the fault struck.
pub fn run(scenario: &Scenario, call: &Syscall, fault: Fault) -> (Done, bool) {
    let inject = format!("inject={}:{fault}:when={}", call.name, call.nth);
    let done = strace(scenario, &["-e", &inject]);
    let struck = match fault {
        Fault::Kill => done.code == 137,
        Fault::Error(_) => std::fs::read_to_string(TRACE).unwrap().contains("(INJECTED)"),
    };
    (done, struck)
}

/// Only the agent itself is traced, not the programs it starts.
fn strace(scenario: &Scenario, options: &[&str]) -> Done {
    let program = format!("{AGENT}/sops-activate");
    let arguments: Vec<String> = ["-qq", "-e", "signal=none", "-o", TRACE]
        .iter()
        .chain(options)
        .chain(&["--", &program, "install", NEW_MANIFEST])
        .map(|argument| (*argument).to_owned())
        .collect();
    scenario.run(&program_path("strace"), &arguments)
}

/// Where a program of the test's own `PATH` is: the agent gets another one.
pub fn program_path(name: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|place| place.join(name)).find(|program| program.exists());
    found.unwrap_or_else(|| panic!("these tests need the program {name}")).display().to_string()
}
