//! Files of a generation: exactly as declared, never open too early, never outside.

use std::path::Path;
use std::process::Command;

use nix::sys::stat::{Mode, umask};
use sops_activate::secret::Secret;
use sops_activate::system::generation::Same;
use sops_activate::system::{Gid, Uid};

use crate::namespace::{Bell, directory, file, isolated, link, mount, names, rights};
use crate::{CURRENT, KEYS, MOUNT, ROOT, generation, mounted, refused};

const ALICE: (Uid, Gid) = (Uid::from_raw(1000), Gid::from_raw(1234));

#[test]
fn modes_and_owners_are_exact_whatever_the_umask() {
    isolated(|| {
        let fs = mounted();
        for mask in [0o000, 0o022, 0o077, 0o777] {
            umask(Mode::from_bits_truncate(mask));
            let mut new = fs.create_generation(1, KEYS).unwrap();
            for mode in [0o000, 0o400, 0o440, 0o444, 0o600, 0o640, 0o660, 0o666, 0o755, 0o777] {
                new.write(&format!("{mode:o}"), b"x", mode, ALICE.0, ALICE.1).unwrap();
                assert_eq!(
                    rights(format!("{MOUNT}/1/{mode:o}")),
                    format!("1000:1234 {mode:04o}"),
                    "umask {mask:o}"
                );
            }
            new.write("d/e/f", b"x", 0o400, ALICE.0, ALICE.1).unwrap();
            for made in ["1", "1/d", "1/d/e"] {
                assert_eq!(rights(format!("{MOUNT}/{made}")), "0:96 0751", "umask {mask:o}");
            }
        }
    });
}

#[test]
fn a_mode_beyond_0777_is_refused() {
    isolated(|| {
        let mut new = mounted().create_generation(1, KEYS).unwrap();
        for mode in [0o4755, 0o2755, 0o1777, 0o10000] {
            let error = refused(new.write("s", b"x", mode, ROOT.0, ROOT.1));
            assert_eq!(error, format!("cannot write 's' to generation 1: mode {mode:o} is more than 0777"));
        }
        assert_eq!(names("/run/secrets.d/1"), Vec::<String>::new());
    });
}

#[test]
fn contents_are_written_whole_and_read_back() {
    isolated(|| {
        let fs = mounted();
        let mut new = fs.create_generation(7, KEYS).unwrap();
        assert_eq!(new.number(), 7);
        let large: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        for (name, content) in
            [("empty", &b""[..]), ("zero", b"\0\n\xff"), ("large", &large), ("vars/a/b", b"nested")]
        {
            new.write(name, content, 0o640, ALICE.0, ALICE.1).unwrap();
            assert_eq!(std::fs::read(format!("{MOUNT}/7/{name}")).unwrap(), content);
        }
        fs.flip(Path::new(CURRENT), 7).unwrap();
        let live = fs.live(Path::new(CURRENT)).unwrap().generation.unwrap();
        assert_eq!(live.number(), 7);
        assert_eq!(live.names().unwrap(), ["empty", "large", "vars/a/b", "zero"]);
        let read = live.read("large").unwrap().unwrap();
        assert!(read.content.expose() == large);
        assert_eq!((read.mode, read.uid, read.gid), (0o640, ALICE.0, ALICE.1));
        assert!(live.read("absent").unwrap().is_none());
    });
}

#[test]
fn a_copy_is_carried_over_as_it_is_and_read_only_up_to_the_limit() {
    isolated(|| {
        let fs = mounted();
        generation(&fs, 1, &["d/e/f", "huge"]);
        fs.flip(Path::new(CURRENT), 1).unwrap();
        // As its owner may do.
        let huge = std::fs::File::options().write(true).open("/run/secrets.d/1/huge").unwrap();
        huge.set_len(1 << 40).unwrap();
        let live = fs.live(Path::new(CURRENT)).unwrap().generation.unwrap();
        assert_eq!(refused(live.read("huge")), "cannot read 'huge' of generation 1: File too large");
        let mut next = fs.create_generation(2, KEYS).unwrap();
        for name in ["d/e/f", "huge"] {
            next.carry(&live, name).unwrap();
            assert_eq!(rights(format!("/run/secrets.d/2/{name}")), "0:0 0400");
        }
        assert_eq!(rights("/run/secrets.d/2/d"), "0:96 0751");
        assert_eq!(std::fs::read_to_string("/run/secrets.d/2/d/e/f").unwrap(), "d/e/f");
        assert_eq!(std::fs::metadata("/run/secrets.d/2/huge").unwrap().len(), 1 << 40);
        for (name, cause) in [
            ("d/e/f", "File exists"),
            ("absent", "No such file or directory"),
            ("../1/huge", "the name is not a plain relative path"),
        ] {
            assert_eq!(
                refused(next.carry(&live, name)),
                format!("cannot keep the old copy of '{name}': {cause}")
            );
        }
    });
}

#[test]
fn comparing_sees_content_mode_owner_and_group() {
    isolated(|| {
        let fs = mounted();
        let mut new = fs.create_generation(1, KEYS).unwrap();
        new.write("d/s", b"secret", 0o400, ALICE.0, ALICE.1).unwrap();
        std::os::unix::fs::symlink("d/s", "/run/secrets.d/1/link").unwrap();
        std::os::unix::fs::symlink("d", "/run/secrets.d/1/dirlink").unwrap();
        fs.flip(Path::new(CURRENT), 1).unwrap();
        let live = fs.live(Path::new(CURRENT)).unwrap().generation.unwrap();
        let same = |name: &str, content: &[u8], mode, uid: u32, gid: u32| {
            live.same(name, &Secret::copy_of(content), mode, uid.into(), gid.into()).unwrap()
        };
        assert_eq!(same("d/s", b"secret", 0o400, 1000, 1234), Same::Equal);
        assert_eq!(same("d/s", b"secreT", 0o400, 1000, 1234), Same::Different);
        assert_eq!(same("d/s", b"secret.", 0o400, 1000, 1234), Same::Different);
        assert_eq!(same("d/s", b"", 0o400, 1000, 1234), Same::Different);
        assert_eq!(same("d/s", b"secret", 0o440, 1000, 1234), Same::Different);
        assert_eq!(same("d/s", b"secret", 0o400, 1001, 1234), Same::Different);
        assert_eq!(same("d/s", b"secret", 0o400, 1000, 0), Same::Different);
        // No file of that name: nothing there, a directory, below a file, a link to the right file, through a link.
        for name in ["t", "d", "d/s/t", "link", "dirlink/s"] {
            assert_eq!(same(name, b"secret", 0o400, 1000, 1234), Same::Absent, "{name}");
            assert!(live.read(name).unwrap().is_none(), "{name}");
        }
    });
}

#[test]
fn names_that_lead_out_are_refused() {
    isolated(|| {
        let fs = mounted();
        let mut new = fs.create_generation(1, KEYS).unwrap();
        fs.flip(Path::new(CURRENT), 1).unwrap();
        let live = fs.live(Path::new(CURRENT)).unwrap().generation.unwrap();
        let deep = vec!["d"; 65].join("/");
        for name in
            ["", "/", "/abs", "a//b", "a/", ".", "..", "../x", "a/../../x", "./a", "a/.", "nul\0", &deep]
        {
            assert!(
                refused(new.write(name, b"x", 0o400, ROOT.0, ROOT.1)).contains(": the name "),
                "{name:?}"
            );
            assert!(refused(live.read(name)).contains(": the name "), "{name:?}");
        }
        assert_eq!(
            (names("/run"), names(MOUNT)),
            (vec!["secrets".into(), "secrets.d".into()], vec!["1".into()])
        );
        assert_eq!(names("/run/secrets.d/1"), Vec::<String>::new());
        // The deepest that is allowed can be listed and removed again; dots inside a name are just dots.
        let deepest = vec!["d"; 64].join("/");
        for name in [&*deepest, "..a/b..", "...", "ünï cødé"] {
            new.write(name, b"x", 0o400, ROOT.0, ROOT.1).unwrap();
        }
        assert_eq!(live.names().unwrap(), ["...", "..a/b..", &deepest, "ünï cødé"]);
        assert_eq!(rights(format!("/run/secrets.d/1/{}", vec!["d"; 63].join("/"))), "0:96 0751");
        fs.remove_debris(None).unwrap();
        assert_eq!(names(MOUNT), Vec::<String>::new());
    });
}

#[test]
fn a_name_too_long_for_the_file_system_is_an_error_only() {
    isolated(|| {
        let mut new = mounted().create_generation(1, KEYS).unwrap();
        let long = "x".repeat(256);
        assert!(refused(new.write(&long, b"x", 0o400, ROOT.0, ROOT.1)).ends_with("File name too long"));
        assert!(
            refused(new.write(&format!("{long}/x"), b"x", 0o400, ROOT.0, ROOT.1))
                .ends_with("File name too long")
        );
        new.write(&long[1..], b"x", 0o400, ROOT.0, ROOT.1).unwrap();
    });
}

#[test]
fn names_in_each_others_way_are_refused() {
    isolated(|| {
        let mut new = mounted().create_generation(1, KEYS).unwrap();
        let mut write = |name: &str| new.write(name, b"x", 0o400, ROOT.0, ROOT.1);
        write("a").unwrap();
        write("d/e/f").unwrap();
        assert_eq!(
            refused(write("a/b")),
            "cannot write 'a/b' to generation 1: 'a' is a file, so nothing can be in it"
        );
        assert!(refused(write("a")).ends_with("something of that name is there already"));
        assert!(refused(write("d/e")).ends_with("something of that name is there already"));
        assert!(refused(write("d/e/f/g")).ends_with("'f' is a file, so nothing can be in it"));
        // And after a refusal the rest goes on.
        for name in ["d/e/g", "d/h", "b", "d/e/i"] {
            write(name).unwrap();
        }
        assert_eq!(names("/run/secrets.d/1/d/e"), ["f", "g", "i"]);
    });
}

#[test]
fn a_planted_link_in_the_new_generation_is_not_followed() {
    isolated(|| {
        directory("/run/outside", 0, 0o755);
        file("/run/outside/victim", "old", 0, 0o600);
        let mut new = mounted().create_generation(1, KEYS).unwrap();
        link("/run/secrets.d/1/dir", "/run/outside", 0);
        link("/run/secrets.d/1/file", "/run/outside/victim", 0);
        link("/run/secrets.d/1/dangling", "/run/outside/new", 0);
        for name in ["dir/x", "file", "dangling"] {
            refused(new.write(name, b"x", 0o444, ALICE.0, ALICE.1));
        }
        assert_eq!(names("/run/outside"), ["victim"]);
        assert_eq!(std::fs::read("/run/outside/victim").unwrap(), b"old");
        assert_eq!(
            (rights("/run/outside"), rights("/run/outside/victim")),
            ("0:0 0755".into(), "0:0 0600".into())
        );
    });
}

#[test]
fn a_full_file_system_is_an_error_and_the_live_generation_stays() {
    isolated(|| {
        directory(MOUNT, 0, 0o755);
        mount("tmpfs", MOUNT, "size=64k,mode=0751");
        let (fs, _) = sops_activate::system::secretfs::SecretFs::mount(
            Path::new(MOUNT),
            sops_activate::system::secretfs::FsKind::Tmpfs,
            KEYS,
        )
        .unwrap();
        generation(&fs, 1, &["a"]);
        fs.flip(Path::new(CURRENT), 1).unwrap();
        let mut new = fs.create_generation(2, KEYS).unwrap();
        let error = refused(new.write("big", &vec![7; 100_000], 0o444, ROOT.0, ROOT.1));
        assert_eq!(error, "cannot write 'big' to generation 2: No space left on device");
        // What was written of it is closed to everybody, and goes with the next clean-up.
        assert_eq!(rights("/run/secrets.d/2/big"), "0:0 0000");
        assert!(refused(fs.write_record(2, &vec![b'x'; 100_000])).ends_with("No space left on device"));
        fs.remove_debris(Some(1)).unwrap();
        assert_eq!(names(MOUNT), ["1"]);
        assert_eq!(std::fs::read("/run/secrets/a").unwrap(), b"a");
        let mut new = fs.create_generation(2, KEYS).unwrap();
        new.write("fits", &vec![7; 30_000], 0o444, ROOT.0, ROOT.1).unwrap();
    });
}

#[test]
fn a_read_only_file_system_is_an_error() {
    isolated(|| {
        let fs = mounted();
        generation(&fs, 1, &["a"]);
        let mut new = fs.create_generation(2, KEYS).unwrap();
        let flags = nix::mount::MsFlags::MS_REMOUNT | nix::mount::MsFlags::MS_RDONLY;
        nix::mount::mount(None::<&str>, MOUNT, None::<&str>, flags, None::<&str>).unwrap();
        for error in [
            refused(new.write("b", b"x", 0o400, ROOT.0, ROOT.1)),
            refused(fs.create_generation(3, KEYS)),
            refused(fs.write_record(1, b"{}")),
            refused(fs.prune(1, 2)),
        ] {
            assert!(error.ends_with("Read-only file system"), "{error}");
        }
        assert_eq!(names("/run/secrets.d/1"), ["a"]);
        // A mount that has the right owner and mode can still be looked at, and used.
        assert_eq!(mounted().path(), Path::new(MOUNT));
    });
}

#[test]
fn nobody_can_open_a_file_before_it_is_whole() {
    isolated(|| {
        let fs = mounted();
        let mut new = fs.create_generation(1, KEYS).unwrap();
        let bell = Bell::default();
        let content = vec![b'x'; 50_000];
        let (early, opened) = std::thread::scope(|scope| {
            let ring = bell.at_the_end();
            let poller = scope.spawn(|| {
                nix::unistd::setfsgid(Gid::from_raw(1234));
                nix::unistd::setfsuid(Uid::from_raw(1000));
                let (mut early, mut opened, mut next) = (0, 0, 0);
                let start = std::time::Instant::now();
                while (!bell.rang() || next < 300) && start.elapsed().as_secs() < 30 {
                    if let Ok(read) = std::fs::read(format!("{MOUNT}/1/open-{next}")) {
                        early += usize::from(read.len() != content.len());
                        opened += 1;
                        next += 1;
                    }
                    early += usize::from(std::fs::read(format!("{MOUNT}/1/closed-{next}")).is_ok());
                }
                (early, opened)
            });
            for number in 0..300 {
                new.write(&format!("open-{number}"), &content, 0o400, ALICE.0, ALICE.1).unwrap();
                new.write(&format!("closed-{number}"), &content, 0o400, Uid::from_raw(1001), ALICE.1)
                    .unwrap();
            }
            drop(ring);
            poller.join().unwrap()
        });
        assert_eq!((early, opened), (0, 300));
    });
}

#[test]
fn others_may_enter_but_not_list() {
    isolated(|| {
        let fs = mounted();
        let mut new = fs.create_generation(1, KEYS).unwrap();
        new.write("d/open", b"x", 0o444, ROOT.0, ROOT.1).unwrap();
        new.write("d/closed", b"x", 0o400, ROOT.0, ROOT.1).unwrap();
        fs.flip(Path::new(CURRENT), 1).unwrap();
        let may = |program: &str, path: &str| {
            let mut command = Command::new(program);
            std::os::unix::process::CommandExt::uid(&mut command, 1000);
            std::os::unix::process::CommandExt::gid(&mut command, 1000);
            command.arg(path).output().unwrap().status.success()
        };
        assert!(may("cat", "/run/secrets/d/open"));
        assert!(!may("cat", "/run/secrets/d/closed"));
        for path in ["/run/secrets.d", "/run/secrets/", "/run/secrets/d"] {
            assert!(!may("ls", path), "{path}");
        }
        assert!(may("ls", "/run"));
    });
}
