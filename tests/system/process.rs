//! Hardening, capabilities, and programs we start.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use sops_activate::system;
use sops_activate::system::confine::capabilities::{WRITER, keep};
use sops_activate::system::process::{effective_uid, harden, now, start};

use crate::namespace::{again, assert_passed, directory, isolated, names, rights, role};
use crate::refused;

/// A line of this thread's status.
fn status(key: &str) -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(&format!("{key}:"))).unwrap();
    line.split_once(':').unwrap().1.trim().to_owned()
}

#[test]
fn hardening_shows_in_proc() {
    isolated(|| {
        assert_eq!(status("NoNewPrivs"), "0");
        assert_eq!(status("VmLck"), "0 kB");
        assert_eq!(harden(), Vec::<String>::new());
        assert_eq!(status("NoNewPrivs"), "1");
        assert_ne!(status("VmLck"), "0 kB");
        assert_eq!(status("Umask"), "0077");
        assert!(!nix::sys::prctl::get_dumpable().unwrap());
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    });
}

#[test]
fn a_hardened_process_of_a_user_belongs_to_root_in_proc() {
    fn body() {
        if role().is_none() {
            return assert_passed(&again(&body, "user", 1000).output().unwrap());
        }
        assert_eq!(effective_uid().as_raw(), 1000);
        assert!(rights("/proc/self/mem").starts_with("1000:1000 "));
        memory_is_not_locked_by_halves();
        assert!(rights("/proc/self/mem").starts_with("0:0 "));
        keep(&WRITER).unwrap();
        assert_eq!(status("CapPrm"), "0000000000000000");
    }
    isolated(body);
}

#[test]
fn the_capability_of_a_container_is_not_taken_for_the_real_one() {
    fn body() {
        if role().is_none() {
            let inner = again(&body, "container", 0);
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user"]).arg(inner.get_program()).args(inner.get_args());
            for (name, value) in inner.get_envs() {
                command.env(name, value.unwrap());
            }
            return assert_passed(&command.output().unwrap());
        }
        assert!(effective_uid().is_root());
        assert_eq!(status("CapEff"), status("CapBnd"), "it has them all, in its own namespace");
        memory_is_not_locked_by_halves();
        keep(&WRITER).unwrap();
        assert_eq!(status("CapEff"), "00000000000040cf");
    }
    isolated(body);
}

/// With a small limit, locking all memory could succeed now and make an allocation fail later.
fn memory_is_not_locked_by_halves() {
    setrlimit(Resource::RLIMIT_MEMLOCK, 8 << 20, 8 << 20).unwrap();
    assert_eq!(harden(), ["cannot lock memory: neither the capability nor the limit for it"]);
    assert_eq!(std::hint::black_box(vec![1_u8; 64 << 20]).len(), 64 << 20);
}

#[test]
fn only_the_writer_capabilities_stay() {
    isolated(|| {
        // chown 0, dac_override 1, dac_read_search 2, fowner 3, setgid 6, setuid 7, ipc_lock 14.
        let writer = "00000000000040cf";
        let mount_works = || {
            nix::mount::mount(
                Some("none"),
                "/run/m",
                Some("ramfs"),
                nix::mount::MsFlags::empty(),
                None::<&str>,
            )
        };
        directory("/run/m", 0, 0o755);
        mount_works().unwrap();
        keep(&WRITER).unwrap();
        for set in ["CapEff", "CapPrm", "CapBnd"] {
            assert_eq!(status(set), writer, "{set}");
        }
        for set in ["CapInh", "CapAmb"] {
            assert_eq!(status(set), "0000000000000000", "{set}");
        }
        assert_eq!(mount_works(), Err(nix::errno::Errno::EPERM));
        std::os::unix::fs::chown("/run/m", Some(1000), Some(1000)).unwrap();
        keep(&WRITER).expect("twice is fine");
        // A program we start gets no more than that.
        let child = Command::new("grep").args(["CapEff", "/proc/self/status"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&child.stdout).trim(), format!("CapEff:\t{writer}"));
    });
}

#[test]
fn secrets_and_links_can_be_written_after_the_drop() {
    isolated(|| {
        assert_eq!(harden(), Vec::<String>::new());
        let fs = crate::mounted();
        keep(&WRITER).unwrap();
        let mut new = fs.create_generation(1, crate::KEYS).unwrap();
        new.write("d/s", &vec![b'x'; 20 << 20], 0o440, 1000.into(), 1001.into()).unwrap();
        assert_eq!(rights("/run/secrets.d/1/d/s"), "1000:1001 0440");
        fs.write_record(1, b"{}").unwrap();
        fs.flip(Path::new(crate::CURRENT), 1).unwrap();
        directory("/run/home", 1000, 0o700);
        let place = |path: &str| {
            system::links::place(Path::new(path), Path::new("/run/secrets/d/s"), 1000.into(), 1000.into())
        };
        place("/run/home/a/b/link").unwrap();
        assert_eq!(rights("/run/home/a/b"), "1000:1000 0755");
        assert_eq!(rights("/run/home/a/b/link"), "1000:1000 0777");
        // Acting as that user for a moment must not have undone the hardening.
        assert!(!nix::sys::prctl::get_dumpable().unwrap());
        assert_eq!(status("CapEff"), "00000000000040cf");
        fs.prune(1, 1).unwrap();
    });
}

#[test]
fn a_hardened_process_leaves_no_core() {
    fn body() {
        match role().as_deref() {
            None => {
                setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY).unwrap();
                let crash = |how: &str, at: &str| {
                    directory(at, 0, 0o777);
                    again(&body, how, 0).current_dir(at).output().unwrap().status
                };
                assert!(crash("soft", "/run/soft").core_dumped(), "the control must leave one");
                let status = crash("hardened", "/run/hardened");
                assert_eq!(status.signal(), Some(6));
                assert!(!status.core_dumped());
                assert_eq!(names("/run/hardened"), Vec::<String>::new());
            }
            Some("soft") => std::process::abort(),
            Some(_) => {
                assert_eq!(harden(), Vec::<String>::new());
                std::process::abort();
            }
        }
    }
    isolated(body);
}

fn run(program: &Path, arguments: &[&str], limit: Duration) -> Result<(), system::Error> {
    start(program, arguments)?.finish(limit)
}

#[test]
fn programs_run_with_nothing_but_what_they_are_given() {
    isolated(|| {
        let sh = Path::new("/bin/sh");
        let second = Duration::from_secs(20);
        let script = "env | grep -v ^PWD= | grep -v ^_= | grep -v ^SHLVL= > /run/env; exit 0";
        run(sh, &["-c", script], second).unwrap();
        assert_eq!(std::fs::read_to_string("/run/env").unwrap(), "");
        assert!(refused(run(sh, &["-c", "exit 3"], second)).ends_with("exit status: 3"));
        assert!(refused(run(sh, &["-c", "kill -9 $$"], second)).contains("signal: 9"));
        let error = refused(run(Path::new("/run/absent"), &["x", "y\nz"], second));
        assert_eq!(error, "cannot run '/run/absent x y\\nz': No such file or directory");
        assert!(refused(run(Path::new("sh"), &[], second)).ends_with("the program's path is not absolute"));
        let since = Instant::now();
        let error = refused(run(sh, &["-c", "exec sleep 60"], Duration::from_millis(100)));
        assert!(error.ends_with("it did not end within 0 s and was killed"), "{error}");
        assert!(since.elapsed() < Duration::from_secs(20));
        std::fs::write("/run/true", "no program").unwrap();
        assert!(refused(run(Path::new("/run/true"), &[], second)).ends_with("Permission denied"));
    });
}

#[test]
fn the_clock_is_that_of_this_century() {
    assert!((1_700_000_000..5_000_000_000).contains(&now()));
}
