//! What the owner of a secret may do with their copy of it (lease it, make it larger), and that nobody else is held up by that.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "common/fixtures.rs"]
mod fixtures;
#[path = "common/machine.rs"]
mod machine;
#[allow(dead_code)]
#[path = "common/tools.rs"]
mod tools;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const ALICE: (u32, u32) = (1000, 100);
const STORE: &str = "/run/store";

/// Installs `a`, which is alice's, and `b`, which is root's: the key of each in its file.
fn install(a: (&str, &str), b: &str) -> Output {
    let secret = |name: &str, file: &str, key: &str, owner: &str| -> Value {
        json!({ "name": name, "key": key, "sopsFile": format!("{STORE}/{file}"), "format": "yaml", "owner": owner })
    };
    let manifest = json!({
        "schema": 1, "secretsMountPoint": "/run/secrets.d", "symlinkPath": "/run/secrets",
        "secrets": [secret("a", a.0, a.1, "alice"), secret("b", "secrets.yaml", b, "root")],
        "ageKeyFile": "/var/lib/sops-nix/key.txt",
    });
    std::fs::write("/run/case/manifest.json", manifest.to_string()).unwrap();
    let mut command = Command::new("/run/agent/sops-activate");
    command.args(["install", "/run/case/manifest.json"]).output().unwrap()
}

fn said(done: &Output) -> String {
    format!("{:?}: {}", done.status.code(), String::from_utf8_lossy(&done.stderr))
}

fn as_alice(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).uid(ALICE.0).gid(ALICE.1);
    command
}

/// Alice holds a lease on her secret: whoever opens it waits for her, or is told to try again.
fn lease() -> Child {
    let script = "import fcntl, os, signal, time\n\
        signal.signal(signal.SIGIO, lambda *_: None)\n\
        lease = os.open(os.path.realpath('/run/secrets/a'), os.O_RDONLY)\n\
        fcntl.fcntl(lease, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
        print('leased', flush=True)\n\
        while True: time.sleep(1)\n";
    let mut child = as_alice("python3", &["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "leased\n");
    child
}

#[test]
fn a_lease_of_the_owner_holds_up_nobody() {
    machine::with_machine(|_| {
        assert!(install(("secrets.yaml", "test_key"), "test_key").status.success());
        let mut leased = lease();
        let since = Instant::now();
        let done = install(("secrets.yaml", "test_key"), "other");
        assert!(done.status.success(), "{}", said(&done));
        assert_eq!(std::fs::read_to_string("/run/secrets/b").unwrap(), "other_value");
        assert_eq!(std::fs::read_to_string("/run/secrets/a").unwrap(), "test_value");
        leased.kill().unwrap();
        leased.wait().unwrap();

        // Nor where it is the old copy that has to stay.
        let mut leased = lease();
        let done = install(("foreign.yaml", "test_key"), "test_key");
        assert_eq!(done.status.code(), Some(3), "{}", said(&done));
        assert_eq!(std::fs::read_to_string("/run/secrets/b").unwrap(), "test_value");
        leased.kill().unwrap();
        leased.wait().unwrap();
        assert_eq!(std::fs::read_to_string("/run/secrets/a").unwrap(), "test_value");
        assert!(since.elapsed() < Duration::from_secs(30), "the kernel ends leases after 45 s");
    });
}

#[test]
fn an_old_copy_that_its_owner_made_huge_is_kept_and_not_read() {
    machine::with_machine(|_| {
        assert!(install(("secrets.yaml", "test_key"), "test_key").status.success());
        let grow = "chmod u+w /run/secrets/a && truncate -s 100T /run/secrets/a && chmod 0440 /run/secrets/a";
        assert!(as_alice("sh", &["-c", grow]).status().unwrap().success());
        let done = install(("foreign.yaml", "test_key"), "other");
        assert_eq!(done.status.code(), Some(3), "{}", said(&done));
        assert!(said(&done).contains("the old copy stays in place"));
        assert_eq!(std::fs::read_to_string("/run/secrets/b").unwrap(), "other_value");
        let kept = std::fs::metadata("/run/secrets/a").unwrap();
        assert_eq!((kept.len(), kept.mode() & 0o777, kept.uid()), (100 << 40, 0o440, ALICE.0));
        assert_eq!(std::fs::read_link("/run/secrets").unwrap(), Path::new("/run/secrets.d/2"));
        // The next good value takes its place.
        let done = install(("secrets.yaml", "test_key"), "other");
        assert!(done.status.success(), "{}", said(&done));
        assert_eq!(std::fs::read_to_string("/run/secrets/a").unwrap(), "test_value");
        assert_eq!(std::fs::metadata("/run/secrets/a").unwrap().mode() & 0o777, 0o400);
    });
}
