//! A machine for one case: a mount namespace with users, keys, an empty `/run`, and an `/etc` that nobody else sees.

// Each test program uses a part of this.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, umask};

use crate::fixtures::Fixtures;

pub const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nweb:x:995:994::/var/empty:/bin/false\n\
    alice:x:1000:100::/home/alice:/bin/sh\nnobody:x:65534:65534::/var/empty:/bin/false\n";
pub const GROUP: &str =
    "root:x:0:\nwheel:x:1:alice\nusers:x:100:\nkeys:x:96:\nweb:x:994:\nnogroup:x:65534:\n";

/// Where the parts of a machine are that are not the machine's own.
pub const STORE: &str = "/run/store";
pub const AGENT: &str = "/run/agent";
pub const CASE: &str = "/run/case";
/// What is written into `/etc`, and nothing else.
pub const ETC_CHANGES: &str = "/run/.etc/upper";

/// Nothing that a test starts may take longer.
const DEADLINE: Duration = Duration::from_secs(120);

/// Puts this thread, and what it starts, onto a machine of its own. The thread must end with the case.
pub fn enter(fixtures: &Fixtures) {
    unshare(CloneFlags::CLONE_NEWNS).expect("these tests mount file systems: run them as root");
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    // Held open, because a mount may soon lie over the place that they are in.
    let parts = [("store", STORE), ("agent", AGENT), ("keys", "/run/.keys")]
        .map(|(part, at)| (std::fs::File::open(fixtures.part(part)).unwrap(), at));
    for place in ["/run", "/home", "/var/lib"] {
        mount(Some("none"), place, Some("tmpfs"), MsFlags::empty(), Some("mode=0755")).unwrap();
    }
    for (part, at) in &parts {
        std::fs::create_dir_all(at).unwrap();
        let source = format!("/proc/thread-self/fd/{}", part.as_raw_fd());
        mount(Some(&*source), *at, none, MsFlags::MS_BIND, none).unwrap();
        let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(none, *at, none, read_only, none).unwrap();
    }
    for directory in [CASE, ETC_CHANGES, "/run/.etc/work", "/run/nixos", "/var/lib/sops-nix"] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let layers = format!("lowerdir=/etc,upperdir={ETC_CHANGES},workdir=/run/.etc/work");
    mount(Some("none"), "/etc", Some("overlay"), MsFlags::empty(), Some(&*layers)).unwrap();
    std::fs::write("/etc/passwd", PASSWD).unwrap();
    std::fs::write("/etc/group", GROUP).unwrap();
    std::fs::create_dir_all("/etc/ssh").unwrap();
    secret_file("/run/.keys/key.txt", "/var/lib/sops-nix/key.txt");
    secret_file("/run/.keys/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key");
}

/// Runs `body` in a thread of its own, on a machine of its own.
pub fn with_machine(body: impl FnOnce(&Fixtures) + Send) {
    let fixtures = Fixtures::make();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            enter(&fixtures);
            body(&fixtures);
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn secret_file(from: &str, to: &str) {
    std::fs::copy(from, to).unwrap();
    std::fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// A program to be run on the machine.
pub struct Call<'a> {
    pub program: &'a Path,
    pub arguments: &'a [String],
    /// All of its environment.
    pub environment: &'a BTreeMap<String, String>,
    pub umask: u32,
    /// The user; the group is 100 unless it is root.
    pub uid: u32,
    pub stdin: &'a str,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Done {
    /// The exit code, or 128 and the signal's number.
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Runs a program `times` times at once.
pub fn run(call: &Call<'_>, times: usize) -> Vec<Done> {
    let running: Vec<_> = (0..times).map(|_| start(call)).collect();
    running.into_iter().map(finish).collect()
}

/// Starts a program.
pub fn start(call: &Call<'_>) -> Child {
    let mut command = Command::new(call.program);
    command.args(call.arguments).env_clear().envs(call.environment).current_dir("/");
    if call.uid != 0 {
        command.uid(call.uid).gid(100);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // This thread's own: `unshare` has taken it out of the process's.
    umask(Mode::from_bits_truncate(call.umask));
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", call.program.display()));
    umask(Mode::from_bits_truncate(0o022));
    let mut stdin = child.stdin.take().unwrap();
    // A program that reads nothing closes it.
    let _ = std::io::Write::write_all(&mut stdin, call.stdin.as_bytes());
    child
}

/// Waits for the end of a program.
pub fn finish(mut child: Child) -> Done {
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = |pipe: &mut dyn Read| {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    };
    std::thread::scope(|scope| {
        let stdout = scope.spawn(move || read(&mut out));
        let stderr = scope.spawn(move || read(&mut err));
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > DEADLINE {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        Done {
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
        }
    })
}

/// Runs a shell script as root, with the usual programs; it has to succeed.
pub fn script(text: &str) {
    let done = Command::new("/bin/sh")
        .args(["-e", "-u", "-c", text])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .current_dir(CASE)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(done.status.success(), "in 'before': {}", String::from_utf8_lossy(&done.stderr));
}
