//! A kernel that takes and gives one byte at a time, and is interrupted before each: all that is written must be whole
//! in the end.
//!
//! strace cannot do this: a return value that it invents leaves the byte unwritten. So the C library's two functions
//! are replaced.

use std::process::Command;

use crate::Verdict;
use crate::fixtures::Fixtures;
use crate::inject;
use crate::judge::{Judge, Struck};
use crate::machine::{self, AGENT};
use crate::scenario::{NEW_MANIFEST, Scenario};
use crate::tools;

const LIBRARY: &str = "/run/case/pieces.so";
const TRACE: &str = "/run/case/trace";
const SOURCE: &[u8] = br"
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
static int turn;
static long piece(long number, int fd, void *bytes, size_t count) {
    if (++turn % 2) { errno = EINTR; return -1; }
    return syscall(number, fd, bytes, count > 1 ? 1 : count);
}
ssize_t read(int fd, void *bytes, size_t count) { return piece(SYS_read, fd, bytes, count); }
ssize_t write(int fd, const void *bytes, size_t count) { return piece(SYS_write, fd, (void *)bytes, count); }
";

/// Makes the run of a scenario in pieces.
pub fn try_all(scenario: &Scenario, fixtures: &Fixtures) -> Verdict {
    std::thread::scope(|scope| scope.spawn(|| run(scenario, fixtures)).join().unwrap())
}

fn run(scenario: &Scenario, fixtures: &Fixtures) -> Verdict {
    machine::enter(fixtures);
    scenario.set_up();
    tools::run(Command::new("cc").args(["-shared", "-fPIC", "-x", "c", "-", "-o", LIBRARY]), SOURCE);
    let mut judge = Judge::of(scenario);
    let preload = format!("LD_PRELOAD={LIBRARY}");
    let program = format!("{AGENT}/sops-activate");
    let arguments =
        ["-qq", "-e", "trace=read,write", "-o", TRACE, "-E", &preload, &program, "install", NEW_MANIFEST];
    let done = scenario.run(&inject::program_path("strace"), &arguments.map(str::to_owned));
    judge.failed(&done, &Struck { silent: false });
    judge.require(done.code == scenario.exit, || format!("exit {}", done.code));
    let trace = std::fs::read_to_string(TRACE).unwrap();
    let [reads, writes] =
        ["read(", "write("].map(|call| trace.lines().filter(|line| is_piece(line, call)).count());
    judge.require(reads > 1000 && writes > 3, || "the pieces are not of one byte".to_owned());
    judge.next_run();
    Verdict { figures: format!("reads of one byte: {reads}, writes: {writes}"), violations: judge.violations }
}

fn is_piece(line: &str, call: &str) -> bool {
    line.starts_with(call) && line.contains(", 1)") && line.ends_with("= 1")
}
