//! The walks: one run after another on machines of their own, each with a fault at another system call.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use crate::Verdict;
use crate::fixtures::Fixtures;
use crate::inject::{self, Fault, Syscall};
use crate::judge::{Judge, Struck};
use crate::machine;
use crate::scenario::Scenario;

/// Errors that calls are made to fail with.
const ERRORS: [&str; 6] = ["ENOSPC", "EIO", "EACCES", "EMFILE", "ENOMEM", "EINTR"];

/// Calls that have no way to fail.
const CANNOT_FAIL: [&str; 13] = [
    "umask",
    "geteuid",
    "getegid",
    "getuid",
    "getgid",
    "getpid",
    "gettid",
    "setfsuid",
    "setfsgid",
    "exit_group",
    "rt_sigaction",
    "rt_sigprocmask",
    "sigaltstack",
];

/// Calls for memory: they fail with ENOMEM only, and then there may be no way but to abort.
const MEMORY: [&str; 6] = ["brk", "mmap", "mremap", "munmap", "madvise", "mprotect"];

/// Calls that change something on the machine.
const CHANGING: [&str; 18] = [
    "chown",
    "clone",
    "clone3",
    "exit_group",
    "fchmod",
    "fchown",
    "fchownat",
    "flock",
    "ftruncate",
    "linkat",
    "mkdirat",
    "mount",
    "renameat",
    "symlinkat",
    "unlinkat",
    "vfork",
    "wait4",
    "write",
];

/// Without `FAULTS=all`, this part of the points is tried of calls that change nothing, …
const ONE_OF: usize = 8;
/// … and this part of all errors: no divisor of their number, so that each strikes every kind of call.
const ONE_ERROR_OF: usize = 17;

/// Kills the agent at system calls.
pub fn kill(scenario: &Scenario, fixtures: &Fixtures, all: bool) -> Verdict {
    let calls = inject::record(scenario, fixtures);
    let tried = |(index, call): &(usize, Syscall)| {
        all || index.is_multiple_of(ONE_OF) || CHANGING.contains(&call.name.as_str()) || makes_file(call)
    };
    let number = calls.len();
    let points: Vec<_> =
        calls.into_iter().enumerate().filter(tried).map(|(_, call)| (call, Fault::Kill)).collect();
    let figures = format!("kill points tried: {} of {number}", points.len());
    Verdict { figures, violations: try_each(&points, scenario, fixtures) }
}

/// Makes system calls fail.
pub fn fail(scenario: &Scenario, fixtures: &Fixtures, all: bool) -> Verdict {
    let mut points = Vec::new();
    for call in inject::record(scenario, fixtures) {
        let name = call.name.as_str();
        if !call.at_work || CANNOT_FAIL.contains(&name) {
            continue;
        }
        let errors = match name {
            // Nothing else comes of it, but ENOSYS.
            "getrandom" => &["EINTR"][..],
            _ if MEMORY.contains(&name) => &["ENOMEM"],
            _ => &ERRORS,
        };
        points.extend(errors.iter().map(|error| (call.clone(), Fault::Error(error))));
    }
    let number = points.len();
    let mut index = 0;
    points.retain(|_| {
        index += 1;
        all || index % ONE_ERROR_OF == 0
    });
    let figures = format!("errors tried: {} of {number}", points.len());
    Verdict { figures, violations: try_each(&points, scenario, fixtures) }
}

fn makes_file(call: &Syscall) -> bool {
    call.text.contains("O_CREAT")
}

/// Tries all points, several at once.
fn try_each(points: &[(Syscall, Fault)], scenario: &Scenario, fixtures: &Fixtures) -> Vec<String> {
    let next = Mutex::new(points.iter());
    let violations = Mutex::new(Vec::new());
    let threads = 1 + std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some((call, fault)) = next.lock().unwrap().next() else { break };
                    // A thread of its own, because its mount namespace ends with it.
                    let trial = || try_one(scenario, call, *fault, fixtures);
                    let found = std::thread::scope(|scope| scope.spawn(trial).join());
                    let found =
                        found.unwrap_or_else(|_| vec!["the test itself failed: see above".to_owned()]);
                    let place =
                        |what| format!("{fault} at {} {}: {what}\n    {}", call.name, call.nth, call.text);
                    violations.lock().unwrap().extend(found.into_iter().map(place));
                }
            });
        }
    });
    violations.into_inner().unwrap()
}

fn try_one(scenario: &Scenario, call: &Syscall, fault: Fault, fixtures: &Fixtures) -> Vec<String> {
    machine::enter(fixtures);
    scenario.set_up();
    let mut judge = Judge::of(scenario);
    let (done, struck) = inject::run(scenario, call, fault);
    if !struck {
        return vec!["the run did not come to this call".to_owned()];
    }
    let memory = MEMORY.contains(&call.name.as_str());
    match fault {
        Fault::Kill => judge.killed(),
        Fault::Error(_) if memory && done.code == 134 => judge.killed(),
        // What cannot be written cannot be read.
        Fault::Error(_) => judge.failed(&done, &Struck { silent: call.text.starts_with("write(2,") }),
    }
    judge.next_run();
    judge.violations
}
