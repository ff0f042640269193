//! The built binary, looked at from outside while it runs: what it holds in each phase (`/proc/PID/status`), and which
//! system calls it is denied.
//!
//! A run is stopped where it opens a certain file, by a signal that strace injects there.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

#[allow(dead_code)]
#[path = "common/fixtures.rs"]
mod fixtures;
#[path = "common/machine.rs"]
mod machine;
#[allow(dead_code)]
#[path = "common/tools.rs"]
mod tools;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

const PROGRAM: &str = "/run/agent/sops-activate";
const MANIFEST: &str = "/run/case/manifest.json";
const SOPS_FILE: &str = "/run/store/secrets.yaml";

// chown 0, dac_override 1, dac_read_search 2, fowner 3, setgid 6, setuid 7, ipc_lock 14.
const WRITER: u64 = 0x40cf;
// dac_read_search 2, ipc_lock 14.
const READER: u64 = 0x4004;

fn write_manifest(key: &str) {
    let manifest = json!({
        "secrets": [{ "name": "a", "key": key, "sopsFile": SOPS_FILE, "format": "yaml", "restartUnits": ["a.service"],
                      "path": "/var/lib/a/link" }],
        "templates": [{ "name": "t", "content": "<SOPS:1:PLACEHOLDER>" }],
        "placeholderBySecretName": { "a": "<SOPS:1:PLACEHOLDER>" },
        "secretsMountPoint": "/run/secrets.d", "symlinkPath": "/run/secrets", "schema": 1,
        "ageKeyFile": "/var/lib/sops-nix/key.txt", "ageSshKeyPaths": ["/etc/ssh/ssh_host_ed25519_key"],
    });
    std::fs::write(MANIFEST, manifest.to_string()).unwrap();
}

/// The program under strace, with options of it.
fn traced(options: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/run/case/trace"]).args(options).arg(PROGRAM).args(arguments);
    command.env_clear().env("PATH", "/run/case/bin:/usr/bin:/bin").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The values of `/proc/PID/status`.
type Status = BTreeMap<String, String>;

fn status(pid: Pid) -> Option<Status> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    Some(pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect())
}

fn number(status: &Status, key: &str) -> u64 {
    u64::from_str_radix(&status[key], 16).unwrap()
}

/// The process that strace runs, once it says that it is stopped by the injected signal.
fn stopped(strace: &Child) -> (Pid, Status) {
    let start = Instant::now();
    while !std::fs::read_to_string("/run/case/trace").is_ok_and(|trace| trace.contains("stopped by SIGSTOP"))
    {
        assert!(start.elapsed() < Duration::from_secs(30), "it does not stop where it should");
        std::thread::sleep(Duration::from_millis(5));
    }
    let children = format!("/proc/{0}/task/{0}/children", strace.id());
    let children = std::fs::read_to_string(children).unwrap();
    let found = children.split_whitespace().find_map(|pid| {
        let pid = Pid::from_raw(pid.parse().ok()?);
        let status = status(pid)?;
        status["Name"].starts_with("sops-activate").then_some((pid, status))
    });
    found.expect("strace runs the program")
}

/// What a run holds where it opens `file` for the first time; it goes on afterwards and must succeed.
fn held_at(file: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Status {
    std::fs::write("/run/case/trace", "").unwrap();
    let mut strace = traced(&["-P", file, "-e", "inject=openat:signal=SIGSTOP:when=1"], arguments)
        .envs(environment.iter().copied())
        .spawn()
        .expect("strace is needed");
    let (pid, status) = stopped(&strace);
    kill(pid, Signal::SIGCONT).unwrap();
    let exit = strace.wait().unwrap();
    assert!(exit.success(), "{exit} at {file}");
    status
}

/// What holds in every phase after a process was confined.
fn assert_confined(phase: &str, status: &Status, capabilities: u64) {
    println!(
        "{phase}: CapEff {} CapBnd {} NoNewPrivs {} Seccomp {}",
        status["CapEff"], status["CapBnd"], status["NoNewPrivs"], status["Seccomp"]
    );
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        assert_eq!(number(status, set) & !capabilities, 0, "{phase}: {set}");
    }
    for set in ["CapInh", "CapAmb"] {
        assert_eq!(number(status, set), 0, "{phase}: {set}");
    }
    assert_eq!(status["NoNewPrivs"], "1", "{phase}");
    // 2: a filter.
    assert_eq!(status["Seccomp"], "2", "{phase}");
}

#[test]
fn capabilities_and_filters_of_each_phase() {
    machine::with_machine(|_| {
        write_manifest("test_key");
        let install = ["install", MANIFEST];
        let before = held_at("/etc/passwd", &[], &install);
        println!("before the mount: CapEff {}", before["CapEff"]);
        assert_ne!(number(&before, "CapEff") & (1 << 21), 0, "the control: it can mount here, by sys_admin");
        assert_eq!(before["NoNewPrivs"], "1", "hardened before anything of users is read");
        for file in ["/var/lib/sops-nix/key.txt", "/etc/ssh/ssh_host_ed25519_key", SOPS_FILE] {
            assert_confined(file, &held_at(file, &[], &install), WRITER);
            assert_confined(
                &format!("dry, {file}"),
                &held_at(file, &[], &["install", "--dry-run", MANIFEST]),
                WRITER,
            );
        }
        write_manifest("other");
        let list = "/run/nixos/activation-restart-list";
        assert_confined("asking for restarts", &held_at(list, &[], &install), WRITER);
        for arguments in [
            vec!["check", MANIFEST],
            vec!["explain", MANIFEST],
            vec!["decrypt", "-i", "/var/lib/sops-nix/key.txt", SOPS_FILE],
        ] {
            assert_confined(arguments[0], &held_at(SOPS_FILE, &[], &arguments), READER);
        }
        let key = "/etc/ssh/ssh_host_ed25519_key";
        assert_confined("recipient", &held_at(key, &[], &["recipient", key]), READER);
    });
}

/// Calls that a trace shows as denied, and programs that were started.
fn denied_and_started(trace: &str) -> (Vec<&str>, Vec<&str>) {
    let call = |line: &str| line.contains(" clone3(") || line.contains("<... clone3 resumed>");
    let denied = trace.lines().filter(|line| line.contains("= -1 ENOSYS") && !call(line)).collect();
    let started = trace.lines().filter(|line| line.contains(" execve(")).collect();
    (denied, started)
}

/// The key, the environment, the arguments, and how many programs are started.
type Run<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str], usize);

#[test]
fn nothing_that_is_needed_is_denied() {
    machine::with_machine(|_| {
        machine::script(
            "mkdir -p bin; printf '#!/bin/sh\\nexit 0\\n' > bin/systemctl; chmod 0755 bin/systemctl",
        );
        let by_systemctl = [("SOPS_RESTART_UNITS_VIA_SYSTEMCTL", "1")];
        let runs: [Run<'_>; 9] = [
            ("test_key", &[], &["install", MANIFEST], 1),
            ("test_key", &[], &["install", MANIFEST], 1),
            ("other", &[], &["install", "--dry-run", MANIFEST], 1),
            ("other", &[], &["install", "--report", "json", MANIFEST], 1),
            // The program, its other half, and systemctl.
            ("test_key", &by_systemctl, &["install", MANIFEST], 3),
            ("test_key", &[], &["check", MANIFEST], 1),
            ("test_key", &[], &["explain", MANIFEST], 1),
            ("test_key", &[], &["status"], 1),
            ("test_key", &[], &["decrypt", "-i", "/var/lib/sops-nix/key.txt", SOPS_FILE], 1),
        ];
        for (key, environment, arguments, programs) in runs {
            write_manifest(key);
            let done = traced(&[], arguments).envs(environment.iter().copied()).output().unwrap();
            assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
            let trace = std::fs::read_to_string("/run/case/trace").unwrap();
            assert!(
                trace.contains("seccomp(") || trace.contains("PR_SET_SECCOMP"),
                "{arguments:?} is not confined"
            );
            let (denied, started) = denied_and_started(&trace);
            assert_eq!(denied, Vec::<&str>::new(), "{arguments:?}");
            assert_eq!(started.len(), programs, "{arguments:?}: {started:?}");
        }
        assert!(Path::new("/var/lib/a/link").exists());

        // So many files that threads open them, one of them by a plugin: the program, its other half, the plugin.
        let secrets: Vec<_> = (0..24)
            .map(|number| {
                let copy = format!("/run/case/{number}.yaml");
                std::fs::copy(if number == 0 { "/run/store/unencrypted.yaml" } else { SOPS_FILE }, &copy)
                    .unwrap();
                json!({ "name": number.to_string(), "key": "test_key", "sopsFile": copy, "format": "yaml" })
            })
            .collect();
        let manifest = json!({
            "secrets": secrets, "secretsMountPoint": "/run/secrets.d", "symlinkPath": "/run/secrets", "schema": 1,
            "ageKeyFile": "/var/lib/sops-nix/key.txt", "agePlugins": ["/run/store/age-plugin-unencrypted"],
        });
        std::fs::write(MANIFEST, manifest.to_string()).unwrap();
        machine::script("echo AGE-PLUGIN-UNENCRYPTED-1CR7ZD5 >> /var/lib/sops-nix/key.txt");
        let done = traced(&[], &["install", MANIFEST]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let trace = std::fs::read_to_string("/run/case/trace").unwrap();
        assert!(trace.contains("CLONE_THREAD"), "a thread is started");
        let (denied, started) = denied_and_started(&trace);
        assert_eq!(denied, Vec::<&str>::new());
        assert_eq!(started.len(), 3, "{started:?}");
    });
}
