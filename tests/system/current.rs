//! The link to the live generation.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::namespace::{Bell, directory, file, isolated, link, names, rights, target};
use crate::{CURRENT, MOUNT, generation, mounted, refused};

fn replant(text: &str) {
    let _ = std::fs::remove_file(CURRENT);
    link(CURRENT, text, 0);
}

#[test]
fn the_number_is_read_from_the_link() {
    isolated(|| {
        let fs = mounted();
        let live = fs.live(Path::new(CURRENT)).unwrap();
        assert!(live.number.is_none() && live.generation.is_none() && live.warning.is_none());
        assert_eq!(live.next_number(), 1);
        generation(&fs, 3, &["s"]);
        replant("/run/secrets.d/3");
        let live = fs.live(Path::new(CURRENT)).unwrap();
        assert_eq!(live.number, Some(3));
        assert_eq!(live.generation.unwrap().names().unwrap(), ["s"]);
        assert!(live.warning.is_none());
        // The ramfs was lost: counting goes on.
        replant("/run/secrets.d/41");
        let live = fs.live(Path::new(CURRENT)).unwrap();
        assert_eq!((live.number, live.generation.is_none(), live.next_number()), (Some(41), true, 42));
        // A file or a link of that number is no generation.
        file("/run/secrets.d/41", "", 0, 0o600);
        assert!(fs.live(Path::new(CURRENT)).unwrap().generation.is_none());
        link("/run/secrets.d/42", "3", 0);
        replant("/run/secrets.d/42");
        assert!(fs.live(Path::new(CURRENT)).unwrap().generation.is_none());
    });
}

#[test]
fn a_link_into_the_mount_that_names_no_generation_is_refused() {
    isolated(|| {
        let fs = mounted();
        for text in [
            "abc",
            "",
            "01",
            "-1",
            "1/a",
            "1/",
            "99999999999999999999",
            "18446744073709551615",
            "1.json",
            "..",
        ] {
            replant(&format!("{MOUNT}/{text}"));
            let error = refused(fs.live(Path::new(CURRENT)));
            assert!(error.ends_with("which is no generation"), "{error}");
        }
    });
}

#[test]
fn a_link_elsewhere_is_no_generation_and_is_replaced() {
    isolated(|| {
        let fs = mounted();
        generation(&fs, 1, &["s"]);
        for text in ["/run/secrets.d-old/9", "/run/secrets.d", "secrets.d/1", "/etc"] {
            replant(text);
            let live = fs.live(Path::new(CURRENT)).unwrap();
            assert!(live.number.is_none() && live.generation.is_none());
            let warning = live.warning.unwrap();
            assert_eq!(
                warning,
                format!(
                    "'/run/secrets' is a link to '{text}', which is no generation of ours, and will be replaced"
                )
            );
            fs.flip(Path::new(CURRENT), 1).unwrap();
            assert_eq!(target(CURRENT), "/run/secrets.d/1");
        }
        assert!(Path::new("/etc/passwd").exists());
    });
}

#[test]
fn what_is_empty_gives_way_and_what_is_full_does_not() {
    isolated(|| {
        let fs = mounted();
        generation(&fs, 1, &["s"]);
        file(CURRENT, "precious", 0, 0o644);
        assert!(refused(fs.live(Path::new(CURRENT))).ends_with("it is a file with content"));
        file(CURRENT, "", 0, 0o644);
        assert_eq!(
            fs.live(Path::new(CURRENT)).unwrap().warning.unwrap(),
            "'/run/secrets' is an empty file and will be replaced"
        );
        fs.flip(Path::new(CURRENT), 1).unwrap();
        assert_eq!(target(CURRENT), "/run/secrets.d/1");
        std::fs::remove_file(CURRENT).unwrap();
        directory(CURRENT, 0, 0o755);
        assert!(fs.live(Path::new(CURRENT)).unwrap().warning.unwrap().contains("is an empty directory"));
        fs.flip(Path::new(CURRENT), 1).unwrap();
        assert_eq!(target(CURRENT), "/run/secrets.d/1");
        std::fs::remove_file(CURRENT).unwrap();
        file("/run/x", "", 0, 0o644);
        directory(CURRENT, 0, 0o755);
        file("/run/secrets/precious", "x", 0, 0o644);
        assert!(refused(fs.live(Path::new(CURRENT))).ends_with("it is a directory with content"));
        assert!(refused(fs.flip(Path::new(CURRENT), 1)).ends_with("Directory not empty"));
        assert_eq!(names(CURRENT), ["precious"]);
        assert_eq!(names("/run"), ["secrets", "secrets.d", "x"], "no temporary name stays");
    });
}

#[test]
fn missing_directories_of_the_link_are_made() {
    isolated(|| {
        let fs = mounted();
        generation(&fs, 1, &["s"]);
        assert!(fs.live(Path::new("/run/a/b/secrets")).unwrap().number.is_none());
        assert!(!Path::new("/run/a").exists(), "looking makes nothing");
        fs.flip(Path::new("/run/a/b/secrets"), 1).unwrap();
        assert_eq!(target("/run/a/b/secrets"), "/run/secrets.d/1");
        assert_eq!((rights("/run/a"), rights("/run/a/b")), ("0:0 0755".into(), "0:0 0755".into()));
    });
}

#[test]
fn the_link_of_a_killed_run_is_cleaned_up() {
    isolated(|| {
        let fs = mounted();
        generation(&fs, 1, &["s"]);
        fs.flip(Path::new(CURRENT), 1).unwrap();
        // Caught in the act: the temporary name is the same on every run.
        let aside = AtomicBool::new(false);
        let bell = Bell::default();
        let seen = std::thread::scope(|scope| {
            let ring = bell.at_the_end();
            let watcher = scope.spawn(|| {
                let mut seen = None;
                while !bell.rang() {
                    if let Some(name) =
                        names("/run").into_iter().find(|name| name.starts_with(".sops-activate-"))
                    {
                        aside.store(true, Ordering::Release);
                        seen = Some(name);
                    }
                }
                seen
            });
            for _ in 0..200_000 {
                fs.flip(Path::new(CURRENT), 1).unwrap();
                if aside.load(Ordering::Acquire) {
                    break;
                }
            }
            drop(ring);
            watcher.join().unwrap()
        });
        let leftover = format!("/run/{}", seen.expect("the temporary name was never seen"));
        link(&leftover, "/run/secrets.d/0", 0);
        fs.flip(Path::new(CURRENT), 1).unwrap();
        assert_eq!(names("/run"), ["secrets", "secrets.d"]);
    });
}

#[test]
fn the_flip_leaves_no_moment_without_secrets() {
    isolated(|| {
        let fs = mounted();
        for number in [1, 2] {
            generation(&fs, number, &["s"]);
        }
        fs.flip(Path::new(CURRENT), 1).unwrap();
        let bell = Bell::default();
        let looks = std::thread::scope(|scope| {
            let ring = bell.at_the_end();
            let reader = scope.spawn(|| {
                let mut looks = 0_u32;
                while !bell.rang() {
                    assert_eq!(std::fs::read("/run/secrets/s").unwrap(), b"s");
                    assert!(["/run/secrets.d/1", "/run/secrets.d/2"].contains(&&*target(CURRENT)));
                    looks += 1;
                }
                looks
            });
            for turn in 0..2000_u64 {
                fs.flip(Path::new(CURRENT), 1 + turn % 2).unwrap();
            }
            drop(ring);
            reader.join().unwrap()
        });
        assert!(looks > 10, "{looks}");
        assert_eq!(names("/run"), ["secrets", "secrets.d"]);
        assert_eq!(rights(CURRENT), "0:0 0777");
    });
}
