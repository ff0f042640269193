//! Seccomp (seccomp(2)): the system calls that are left.
//!
//! Any other call fails as if the kernel did not have it (`ENOSYS`): C libraries go on with an older one then, and a
//! call that nobody thought of is an error message and not a lost boot. The list serves glibc and musl.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Files, by descriptor and by name.
const FILES: &[c_long] = &[
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_linkat,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_symlinkat,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
];

/// What the same functions call where the kernel still has the old names; musl does.
#[cfg(target_arch = "x86_64")]
const OLD_NAMES: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_dup2,
    libc::SYS_getdents,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_stat,
    libc::SYS_symlink,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_NAMES: &[c_long] = &[];

/// Memory, threads, time, and what a process asks about itself.
const PROCESS: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mlock,
    libc::SYS_mlock2,
    libc::SYS_mremap,
    libc::SYS_munlock,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_setfsgid,
    libc::SYS_setfsuid,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_umask,
    libc::SYS_uname,
    libc::SYS_wait4,
    libc::SYS_waitid,
];

/// Leaves the calls of this file.
///
/// # Errors
/// A sentence that says what is missing.
pub(super) fn only_needed() -> Result<(), String> {
    let filter = program().map_err(|error| format!("cannot limit system calls: {error}"))?;
    seccompiler::apply_filter(&filter).map_err(|error| format!("cannot limit system calls: {error}"))
}

fn program() -> Result<BpfProgram, BackendError> {
    let whole = FILES.iter().chain(OLD_NAMES).chain(PROCESS).map(|call| (*call, Vec::new()));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = whole.collect();
    for (call, alternatives) in in_part() {
        let alternatives = alternatives.into_iter().map(rule).collect::<Result<_, _>>()?;
        rules.insert(call, alternatives);
    }
    let refuse = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, architecture)?.try_into()
}

/// What an argument must be: its bits under the mask.
struct Argument {
    index: u8,
    mask: u64,
    value: u64,
}

impl Argument {
    fn is(index: u8, value: u64) -> Self {
        Self { index, mask: u64::MAX, value }
    }

    fn has(index: u8, bits: u64) -> Self {
        Self { index, mask: bits, value: bits }
    }

    fn has_not(index: u8, bits: u64) -> Self {
        Self { index, mask: bits, value: 0 }
    }
}

/// setuid, setgid and sticky.
const SPECIAL_BITS: u64 = 0o7000;

/// What is asked of `fcntl`.
const DESCRIPTOR_COMMANDS: &[libc::c_int] =
    &[libc::F_DUPFD, libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_SETFL];

/// Calls that are left with some arguments only, and these in alternatives. `clone3` is not among them, as its flags
/// cannot be looked at.
fn in_part() -> Vec<(c_long, Vec<Vec<Argument>>)> {
    let executable = flag(libc::PROT_EXEC);
    vec![
        (libc::SYS_mmap, vec![vec![Argument::has_not(2, executable)]]),
        (libc::SYS_mprotect, vec![vec![Argument::has_not(2, executable)]]),
        // No file becomes setuid.
        (libc::SYS_fchmod, vec![vec![Argument::has_not(1, SPECIAL_BITS)]]),
        // Descriptors, and no signals: F_SETOWN with F_NOTIFY would kill any process.
        (
            libc::SYS_fcntl,
            DESCRIPTOR_COMMANDS.iter().map(|command| vec![Argument::is(1, flag(*command))]).collect(),
        ),
        // Threads, and no other processes.
        (libc::SYS_clone, vec![vec![Argument::has(0, flag(libc::CLONE_THREAD))]]),
        // A thread's name; staying undumpable.
        (
            libc::SYS_prctl,
            vec![
                vec![Argument::is(0, flag(libc::PR_SET_NAME))],
                vec![Argument::is(0, flag(libc::PR_SET_DUMPABLE)), Argument::is(1, 0)],
            ],
        ),
        // Limits are asked for, not set.
        (libc::SYS_prlimit64, vec![vec![Argument::is(2, 0)]]),
        // abort(3).
        (libc::SYS_tgkill, vec![vec![Argument::is(0, u64::from(std::process::id()))]]),
    ]
}

fn rule(arguments: Vec<Argument>) -> Result<SeccompRule, BackendError> {
    let condition = |Argument { index, mask, value }| {
        SeccompCondition::new(index, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), value)
    };
    SeccompRule::new(arguments.into_iter().map(condition).collect::<Result<_, _>>()?)
}

/// A flag as it stands in a register.
fn flag(value: libc::c_int) -> u64 {
    u64::from(value.unsigned_abs())
}
