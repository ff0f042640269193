//! One run at a time.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use sops_activate::system::lock::Lock;

use crate::namespace::{again, as_user, directory, file, isolated, link, names, rights, role};
use crate::refused;

const POINT: &str = "/run/secrets.d";

fn acquire(patience: u64) -> Result<Lock, sops_activate::system::Error> {
    Lock::acquire_within(Path::new(POINT), |_| (), Duration::from_millis(patience))
}

/// Starts another process that holds the lock, and waits until it does.
fn holder(body: &impl Fn()) -> Child {
    let mut child = again(&body, "holder", 0).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("LOCKED")), "the holder did not get the lock");
    child
}

fn hold() {
    let _lock = acquire(0).unwrap();
    println!("LOCKED");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn the_lock_is_free_after_use() {
    isolated(|| {
        for _ in 0..2 {
            let lock = acquire(0).unwrap();
            assert_eq!(rights("/run/secrets.d.lock"), "0:0 0600");
            let pid = std::fs::read_to_string("/run/secrets.d.lock").unwrap();
            assert_eq!(pid, format!("{}\n", std::process::id()));
            let error = acquire(10).map(|_| ()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "cannot lock '/run/secrets.d.lock': process {} has held it for 0 s",
                    std::process::id()
                )
            );
            drop(lock);
        }
        assert_eq!(names("/run"), ["secrets.d.lock"]);
    });
}

#[test]
fn a_second_run_is_told_who_holds_the_lock_and_waits() {
    fn body() {
        if role().is_some() {
            return hold();
        }
        let mut child = holder(&body);
        let started = Instant::now();
        let mut told = Vec::new();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let mut said = String::new();
                let lock = Lock::acquire(Path::new(POINT), |who| who.clone_into(&mut said));
                (lock.is_ok(), said)
            });
            std::thread::sleep(Duration::from_millis(200));
            assert!(!waiter.is_finished());
            // Killed, not ended: the lock dies with it all the same.
            child.kill().unwrap();
            let (acquired, said) = waiter.join().unwrap();
            assert!(acquired);
            told.push(said);
        });
        assert_eq!(told, [format!("process {}", child.id())]);
        assert!(started.elapsed() < Duration::from_secs(20));
        child.wait().unwrap();
        // And what the dead holder left in the file stops nobody.
        drop(acquire(0).unwrap());
    }
    isolated(body);
}

#[test]
fn a_holder_that_never_ends_is_an_error_in_the_end() {
    fn body() {
        if role().is_some() {
            return hold();
        }
        let mut child = holder(&body);
        let error = refused(acquire(150));
        assert_eq!(
            error,
            format!("cannot lock '/run/secrets.d.lock': process {} has held it for 0 s", child.id())
        );
        child.kill().unwrap();
        child.wait().unwrap();
    }
    isolated(body);
}

#[test]
fn a_lock_file_that_was_removed_is_made_anew() {
    isolated(|| {
        let old = acquire(0).unwrap();
        let waited = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| acquire(20_000));
            std::thread::sleep(Duration::from_millis(100));
            std::fs::remove_file("/run/secrets.d.lock").unwrap();
            drop(old);
            waiter.join().unwrap().unwrap()
        });
        assert!(Path::new("/run/secrets.d.lock").exists(), "it locks a file that others can find");
        refused(acquire(0));
        drop(waited);
    });
}

#[test]
fn nobody_else_can_take_the_lock() {
    isolated(|| {
        // Also not on a file that was too open before.
        file("/run/secrets.d.lock", "", 0, 0o644);
        as_user(1000, || std::fs::File::open("/run/secrets.d.lock").unwrap());
        drop(acquire(0).unwrap());
        assert_eq!(rights("/run/secrets.d.lock"), "0:0 0600");
        as_user(1000, || std::fs::File::open("/run/secrets.d.lock").unwrap_err());
    });
}

#[test]
fn a_lock_file_that_is_not_ours_is_refused() {
    isolated(|| {
        let path = "/run/secrets.d.lock";
        file(path, "", 1000, 0o600);
        assert!(refused(acquire(0)).ends_with("it belongs to uid 1000"));
        std::fs::remove_file(path).unwrap();
        file("/run/victim", "x", 0, 0o644);
        link(path, "/run/victim", 0);
        assert!(refused(acquire(0)).ends_with("it is a link"));
        assert_eq!(
            (std::fs::read("/run/victim").unwrap(), rights("/run/victim")),
            (b"x".to_vec(), "0:0 0644".into())
        );
        std::fs::remove_file(path).unwrap();
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert!(refused(acquire(0)).ends_with("it is not a regular file"));
        std::fs::remove_file(path).unwrap();
        directory(path, 0, 0o755);
        assert!(refused(acquire(0)).ends_with("Is a directory"));
        std::fs::remove_dir(path).unwrap();
        drop(acquire(0).unwrap());
    });
}

#[test]
fn the_lock_of_a_mount_point_further_down_makes_its_directories() {
    isolated(|| {
        let _lock = Lock::acquire(Path::new("/run/a/b/s.d"), |_| ()).unwrap();
        assert_eq!((rights("/run/a"), rights("/run/a/b/s.d.lock")), ("0:0 0755".into(), "0:0 0600".into()));
    });
}
