//! Debris, pruning and records.

use std::path::Path;

use crate::namespace::{directory, file, isolated, link, mount, names, rights};
use crate::{KEYS, MOUNT, ROOT, generation, mounted, refused};

#[test]
fn a_new_generation_starts_empty_whatever_a_dead_run_left() {
    isolated(|| {
        let fs = mounted();
        directory("/run/outside", 0, 0o755);
        file("/run/outside/precious", "x", 0, 0o600);
        directory("/run/secrets.d/1/a/b", 1000, 0);
        file("/run/secrets.d/1/a/b/half", "x", 0, 0);
        link("/run/secrets.d/1/to-dir", "/run/outside", 0);
        link("/run/secrets.d/1/to-file", "/run/outside/precious", 0);
        file("/run/secrets.d/1.json", "{}", 0, 0o600);
        link("/run/secrets.d/2", "/run/outside", 0);
        file("/run/secrets.d/3", "", 0, 0);
        for number in 1..=4 {
            generation(&fs, number, &["s"]);
            assert_eq!(names(&format!("{MOUNT}/{number}")), ["s"]);
        }
        assert_eq!(names(MOUNT), ["1", "2", "3", "4"]);
        assert_eq!(names("/run/outside"), ["precious"]);
        assert_eq!(rights("/run/outside"), "0:0 0755");
    });
}

#[test]
fn removing_stops_at_another_file_system() {
    isolated(|| {
        let fs = mounted();
        generation(&fs, 1, &["d/s"]);
        directory("/run/secrets.d/1/d/m", 0, 0o755);
        mount("tmpfs", "/run/secrets.d/1/d/m", "");
        file("/run/secrets.d/1/d/m/theirs", "x", 0, 0o600);
        generation(&fs, 2, &["s"]);
        generation(&fs, 3, &["s"]);
        assert!(
            refused(fs.create_generation(1, KEYS)).starts_with("cannot make generation '/run/secrets.d/1': ")
        );
        let error = refused(fs.prune(1, 3));
        assert!(error.starts_with("cannot remove '/run/secrets.d/1': "), "{error}");
        assert_eq!(names(MOUNT), ["1", "3"], "the rest was pruned all the same");
        assert_eq!(names("/run/secrets.d/1/d/m"), ["theirs"]);
    });
}

#[test]
fn pruning_keeps_the_newest_and_never_the_live_one() {
    isolated(|| {
        let cases: [(u32, u64, &[&str]); 7] = [
            (0, 5, &["1", "2", "3", "4", "5", "6"]),
            (1, 5, &["5", "6"]),
            (3, 5, &["3", "4", "5", "6"]),
            (5, 5, &["1", "2", "3", "4", "5", "6"]),
            (u32::MAX, 5, &["1", "2", "3", "4", "5", "6"]),
            (1, 1, &["1", "2", "3", "4", "5", "6"]),
            (2, 9, &["8"]),
        ];
        for (keep, live, left) in cases {
            let fs = mounted();
            for number in [1, 2, 3, 4, 5, 6].into_iter().chain((live == 9).then_some(8)) {
                generation(&fs, number, &["s"]);
                fs.write_record(number, b"{}").unwrap();
            }
            fs.prune(keep, live).unwrap();
            let mut expected: Vec<String> =
                left.iter().flat_map(|n| [(*n).to_owned(), format!("{n}.json")]).collect();
            expected.sort();
            assert_eq!(names(MOUNT), expected, "keep {keep}, live {live}");
            drop(fs);
            nix::mount::umount(MOUNT).unwrap();
        }
    });
}

#[test]
fn what_has_no_number_is_not_pruned() {
    isolated(|| {
        let fs = mounted();
        for name in ["lost+found", "01", "1x", "-1", "+1", "1.json.d"] {
            directory(&format!("{MOUNT}/{name}"), 0, 0o700);
        }
        generation(&fs, 1, &["s"]);
        generation(&fs, 2, &["s"]);
        fs.prune(1, 2).unwrap();
        fs.remove_debris(Some(2)).unwrap();
        assert_eq!(names(MOUNT), ["+1", "-1", "01", "1.json.d", "1x", "2", "lost+found"]);
    });
}

#[test]
fn debris_is_what_is_newer_than_the_live_generation() {
    isolated(|| {
        let fs = mounted();
        let fill = || {
            for number in 1..=4 {
                generation(&fs, number, &["d/s"]);
                fs.write_record(number, b"{}").unwrap();
            }
            file("/run/secrets.d/2.json.new", "{", 0, 0);
            file("/run/secrets.d/age-keys.txt", "AGE-SECRET-KEY-", 0, 0o600);
            file("/run/secrets.d/note", "", 0, 0o600);
        };
        fill();
        fs.remove_debris(Some(2)).unwrap();
        assert_eq!(names(MOUNT), ["1", "1.json", "2", "2.json", "note"]);
        fill();
        fs.remove_debris(None).unwrap();
        assert_eq!(names(MOUNT), ["note"]);
        fs.remove_debris(Some(9)).unwrap();
    });
}

#[test]
fn records_are_whole_and_for_root_only() {
    isolated(|| {
        let fs = mounted();
        assert!(fs.read_record(1).unwrap().is_none());
        for content in [&b"{}"[..], b"", &vec![b' '; 200_000]] {
            fs.write_record(1, content).unwrap();
            assert!(fs.read_record(1).unwrap().unwrap() == content);
            assert_eq!(rights("/run/secrets.d/1.json"), "0:0 0600");
            assert_eq!(names(MOUNT), ["1.json"]);
        }
        // A run that was killed in between.
        file("/run/secrets.d/1.json.new", "{", 0, 0);
        fs.write_record(1, b"{}").unwrap();
        assert_eq!(names(MOUNT), ["1.json"]);
        // A link is replaced, not written or read through.
        file("/run/victim", "x", 0, 0o644);
        link("/run/secrets.d/2.json", "/run/victim", 0);
        assert!(fs.read_record(2).unwrap().is_none());
        fs.write_record(2, b"{}").unwrap();
        assert_eq!(std::fs::read("/run/victim").unwrap(), b"x");
        let huge = std::fs::File::create("/run/secrets.d/3.json").unwrap();
        if huge.set_len((64 << 20) + 1).is_ok() {
            assert!(refused(fs.read_record(3)).ends_with("File too large"));
        }
        let mut new = fs.create_generation(3, KEYS).unwrap();
        assert!(fs.read_record(3).unwrap().is_none(), "a new generation has no old record");
        new.write("s", b"", 0o400, ROOT.0, ROOT.1).unwrap();
        assert!(Path::new("/run/secrets.d/3/s").exists());
    });
}
