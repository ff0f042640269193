//! Reading what we are told to read.

use std::path::Path;

use sops_activate::system::files::{append_lines, read, read_key};

use crate::namespace::{again, assert_passed, directory, file, isolated, link, names, rights, role};
use crate::refused;

fn read_at(path: &str, limit: u64) -> Result<Vec<u8>, sops_activate::system::Error> {
    read(Path::new(path), limit).map(|bytes| bytes.to_vec())
}

#[test]
fn regular_files_are_read_whole_up_to_the_limit() {
    isolated(|| {
        for size in [0, 1, 4095, 4096, 4097, 1_000_000_usize] {
            let content = "x".repeat(size);
            file("/run/f", &content, 0, 0o600);
            assert_eq!(read_at("/run/f", size as u64).unwrap(), content.as_bytes());
            if let Some(limit) = (size as u64).checked_sub(1) {
                let error = refused(read_at("/run/f", limit));
                assert_eq!(
                    error,
                    format!("cannot read '/run/f': it is larger than the limit of {limit} bytes")
                );
            }
        }
        link("/run/l", "f", 0);
        assert_eq!(read_at("/run/l", 1 << 20).unwrap().len(), 1_000_000);
    });
}

#[test]
fn files_without_a_size_are_read_to_their_end() {
    let status = std::fs::read("/proc/self/limits").unwrap();
    let read = read_at("/proc/self/limits", 1 << 20).unwrap();
    assert_eq!(read.len(), status.len());
    assert!(refused(read_at("/proc/self/limits", 100)).ends_with("it is larger than the limit of 100 bytes"));
    assert!(read_at("/proc/kallsyms", 1 << 30).unwrap().len() > 100_000, "many chunks");
}

#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    isolated(|| {
        nix::unistd::mkfifo("/run/fifo", nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        link("/run/loop", "loop", 0);
        let _socket = std::os::unix::net::UnixListener::bind("/run/socket").unwrap();
        for (path, cause) in [
            ("/run/fifo", "it is not a regular file"),
            ("/dev/null", "it is not a regular file"),
            ("/dev/zero", "it is not a regular file"),
            ("/run", "Is a directory"),
            ("/run/socket", "No such device or address"),
            ("/run/loop", "Too many symbolic links encountered"),
            ("/run/absent", "No such file or directory"),
            ("/run/fifo/x", "Not a directory"),
            ("/run/nul\0", "Invalid argument"),
        ] {
            let error = refused(read_at(path, 1 << 20));
            assert!(error.starts_with("cannot open '/") && error.ends_with(cause), "{error}");
        }
    });
}

#[test]
fn a_size_beyond_all_memory_is_an_error_not_an_abort() {
    isolated(|| {
        let sparse = std::fs::File::create("/run/sparse").unwrap();
        sparse.set_len(1 << 60).unwrap();
        assert!(refused(read_at("/run/sparse", u64::MAX)).starts_with("cannot read '/run/sparse': "));
        assert!(refused(read_at("/run/sparse", 1 << 20)).contains("limit of 1048576 bytes"));
        assert!(refused(read_key(Path::new("/run/sparse")).map(|_| ())).contains("limit of 1048576 bytes"));
    });
}

#[test]
fn key_files_that_others_can_touch_are_warned_about() {
    isolated(|| {
        let warning = |uid, mode| {
            file("/run/key", "AGE-SECRET-KEY-1", uid, mode);
            let key = read_key(Path::new("/run/key")).unwrap();
            assert_eq!(&key.bytes[..], b"AGE-SECRET-KEY-1");
            key.warning
        };
        for mode in [0o400, 0o600, 0o700] {
            assert_eq!(warning(0, mode), None);
        }
        let said = |mode, text: &str| assert_eq!(warning(0, mode).unwrap(), text);
        said(0o644, "'/run/key' is readable by others (mode 0644): chmod 0400 '/run/key'");
        said(0o640, "'/run/key' is readable by its group (mode 0640): chmod 0400 '/run/key'");
        said(0o602, "'/run/key' is accessible by others (mode 0602): chmod 0400 '/run/key'");
        assert_eq!(warning(1000, 0o400).unwrap(), "'/run/key' belongs to uid 1000, who can replace it");
    });
}

#[test]
fn a_user_reads_keys_of_root_and_of_their_own_without_a_warning() {
    fn body() {
        if role().is_some() {
            assert_eq!(read_key(Path::new("/run/own")).unwrap().warning, None);
            assert!(read_key(Path::new("/run/other")).unwrap().warning.is_some());
            assert!(refused(read_key(Path::new("/run/root")).map(|_| ())).ends_with("Permission denied"));
            return;
        }
        file("/run/own", "x", 1000, 0o400);
        file("/run/other", "x", 1001, 0o404);
        file("/run/root", "x", 0, 0o400);
        assert_passed(&again(&body, "user", 1000).output().unwrap());
    }
    isolated(body);
}

#[test]
fn lists_are_appended_to_where_somebody_reads_them() {
    isolated(|| {
        let list = Path::new("/run/nixos/activation-restart-list");
        let lines = |units: &[&str]| units.iter().map(|unit| (*unit).to_owned()).collect::<Vec<_>>();
        assert!(!append_lines(list, &lines(&["a.service"])).unwrap());
        assert_eq!(names("/run"), Vec::<String>::new());
        directory("/run/nixos", 0, 0o755);
        assert!(append_lines(list, &lines(&["a.service", "b.service"])).unwrap());
        assert!(append_lines(list, &[]).unwrap());
        assert!(append_lines(list, &lines(&["a.service"])).unwrap());
        assert_eq!(std::fs::read_to_string(list).unwrap(), "a.service\nb.service\na.service\n");
        assert_eq!(rights(list), "0:0 0600");
        link("/run/nixos/planted", "/run/victim", 0);
        assert!(
            refused(append_lines(Path::new("/run/nixos/planted"), &lines(&["x"]))).ends_with("it is a link")
        );
        assert!(!Path::new("/run/victim").exists());
    });
}

#[test]
fn a_list_that_does_not_fit_stays_as_it_was() {
    isolated(|| {
        directory("/run/full", 0, 0o755);
        crate::namespace::mount("tmpfs", "/run/full", "size=4k");
        let list = Path::new("/run/full/list");
        assert!(append_lines(list, &["a.service".to_owned()]).unwrap());
        let many: Vec<String> = (0..1000).map(|number| format!("{number}.service")).collect();
        let error = append_lines(list, &many).unwrap_err();
        assert_eq!(error.to_string(), "cannot append to '/run/full/list': No space left on device");
        assert_eq!(std::fs::read_to_string(list).unwrap(), "a.service\n");
    });
}
