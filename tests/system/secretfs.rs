//! The mount: made once, proven each time, never a directory on a disk.

use std::path::Path;

use sops_activate::system::secretfs::{FsKind, SecretFs};

use crate::namespace::{again, assert_passed, directory, file, isolated, link, mount, names, rights, role};
use crate::{KEYS, MOUNT, mounted, refused};

/// The lines of mountinfo for a mount point, as the kernel writes it.
fn mounts_at(point: &str) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().filter(|line| line.split(' ').nth(4) == Some(point)).map(str::to_owned).collect()
}

fn mount_at(path: &str, kind: FsKind) -> Result<(SecretFs, Vec<String>), sops_activate::system::Error> {
    SecretFs::mount(Path::new(path), kind, KEYS)
}

#[test]
fn a_ramfs_is_mounted_once_with_its_options_whatever_the_umask() {
    isolated(|| {
        for umask in [0o000, 0o077] {
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(umask));
            let point = format!("/run/a/{umask}/secrets.d");
            for _ in 0..2 {
                let (_, warnings) = mount_at(&point, FsKind::Ramfs).unwrap();
                assert_eq!(warnings, Vec::<String>::new());
                let mounts = mounts_at(&point);
                assert_eq!(mounts.len(), 1, "{mounts:?}");
                assert!(mounts[0].contains(" rw,nosuid,nodev,noexec,"), "{mounts:?}");
                assert!(mounts[0].ends_with(" - ramfs none rw,mode=751"), "{mounts:?}");
                assert_eq!(rights(&point), "0:96 0751");
                assert_eq!(rights(format!("/run/a/{umask}")), "0:0 0755", "parents are made open");
            }
        }
    });
}

#[test]
fn a_tmpfs_is_mounted_with_noswap() {
    isolated(|| {
        let (_, warnings) = mount_at(MOUNT, FsKind::Tmpfs).unwrap();
        let mounts = mounts_at(MOUNT);
        assert_eq!(mounts.len(), 1);
        // A kernel before 6.4 does not know the option, and must say so instead.
        directory("/run/probe", 0, 0o755);
        let flags = nix::mount::MsFlags::empty();
        let known =
            nix::mount::mount(Some("none"), "/run/probe", Some("tmpfs"), flags, Some("noswap")).is_ok();
        assert_eq!(
            (mounts[0].contains(",noswap"), warnings.is_empty()),
            (known, known),
            "{mounts:?} {warnings:?}"
        );
        assert!(mounts[0].contains(" - tmpfs none rw,mode=751"), "{mounts:?}");
        assert_eq!(mount_at(MOUNT, FsKind::Tmpfs).unwrap().1, warnings);
        assert_eq!(mounts_at(MOUNT).len(), 1);
    });
}

#[test]
fn a_mount_of_the_other_kind_is_kept_with_a_note() {
    isolated(|| {
        mount_at("/run/t", FsKind::Tmpfs).unwrap();
        let (_, notes) = mount_at("/run/t", FsKind::Ramfs).unwrap();
        assert!(
            notes[0].contains("'/run/t' is a tmpfs; it becomes a ramfs as declared at the next boot"),
            "{notes:?}"
        );
        mount_at("/run/r", FsKind::Ramfs).unwrap();
        let (_, notes) = mount_at("/run/r", FsKind::Tmpfs).unwrap();
        assert_eq!(notes, ["'/run/r' is a ramfs; it becomes a tmpfs as declared at the next boot"]);
        assert_eq!((mounts_at("/run/t").len(), mounts_at("/run/r").len()), (1, 1));
    });
}

#[test]
fn a_tmpfs_that_can_be_swapped_out_is_used_with_a_loud_warning() {
    isolated(|| {
        directory(MOUNT, 0, 0o755);
        mount("tmpfs", MOUNT, "mode=0700");
        let (_, notes) = mount_at(MOUNT, FsKind::Tmpfs).unwrap();
        assert_eq!(notes.len(), 1);
        assert!(notes[0].contains("is a tmpfs without noswap: secrets may be written to swap"), "{notes:?}");
        assert_eq!(rights(MOUNT), "0:96 0751");
    });
}

#[test]
fn an_empty_directory_is_mounted_over_and_one_with_content_is_refused() {
    isolated(|| {
        directory("/run/empty", 0, 0o700);
        mount_at("/run/empty", FsKind::Ramfs).unwrap();
        assert_eq!(mounts_at("/run/empty").len(), 1);
        // /run is a tmpfs here: by its magic alone this directory would pass for our mount.
        directory("/run/full/1", 0, 0o755);
        let error = refused(mount_at("/run/full", FsKind::Ramfs));
        assert_eq!(
            error,
            "cannot use '/run/full' for secrets: it is not mounted, and not empty either: '/run/full/1' is in it"
        );
        assert!(mounts_at("/run/full").is_empty());
        assert_eq!(refused(SecretFs::open(Path::new("/run/full"))), error);
    });
}

#[test]
fn another_file_system_at_the_mount_point_is_not_ours() {
    isolated(|| {
        directory(MOUNT, 0, 0o755);
        mount("proc", MOUNT, "");
        assert!(refused(mount_at(MOUNT, FsKind::Ramfs)).contains("it is not mounted, and not empty either"));
        assert_eq!(mounts_at(MOUNT).len(), 1);
    });
}

#[test]
fn a_link_or_a_file_at_the_mount_point_is_refused() {
    isolated(|| {
        directory("/run/elsewhere", 0, 0o755);
        link("/run/link", "/run/elsewhere", 0);
        link("/run/dangling", "/run/nowhere", 0);
        file("/run/file", "", 0, 0o644);
        for path in ["/run/link", "/run/dangling", "/run/file"] {
            let error = refused(mount_at(path, FsKind::Ramfs));
            assert!(error.ends_with("it is a link or a file, not a directory"), "{path}: {error}");
            assert!(refused(SecretFs::open(Path::new(path))).ends_with("not a directory"));
        }
        assert!(mounts_at("/run/elsewhere").is_empty());
        assert!(!Path::new("/run/nowhere").exists());
    });
}

#[test]
fn relative_paths_and_dots_are_refused() {
    isolated(|| {
        assert!(refused(mount_at("run/s", FsKind::Ramfs)).contains("is not an absolute path"));
        assert!(refused(mount_at("/run/../run/s", FsKind::Ramfs)).contains("contains '..'"));
        assert!(refused(mount_at("/", FsKind::Ramfs)).contains("'/' is not a place for it"));
        assert_eq!(names("/run"), Vec::<String>::new());
    });
}

#[test]
fn a_planted_mount_of_somebody_else_is_refused() {
    isolated(|| {
        directory(MOUNT, 0, 0o755);
        mount("tmpfs", MOUNT, "uid=1000,mode=0755");
        assert!(refused(mount_at(MOUNT, FsKind::Tmpfs)).ends_with("it belongs to uid 1000"));
        assert!(refused(SecretFs::open(Path::new(MOUNT))).ends_with("it belongs to uid 1000"));
        assert_eq!(rights(MOUNT), "1000:0 0755", "it is left as it was");
    });
}

#[test]
fn a_mount_that_others_have_filled_is_refused() {
    isolated(|| {
        directory(MOUNT, 0, 0o755);
        // As by `mount -t tmpfs none /run/secrets.d`: everybody may write there.
        mount("tmpfs", MOUNT, "mode=1777");
        directory("/run/secrets.d/5", 1000, 0o755);
        let expected = "'5' in it belongs to uid 1000";
        assert!(refused(mount_at(MOUNT, FsKind::Tmpfs)).ends_with(expected));
        assert!(refused(SecretFs::open(Path::new(MOUNT))).ends_with(expected));
        // What root has put there is root's.
        std::fs::remove_dir("/run/secrets.d/5").unwrap();
        directory("/run/secrets.d/5", 0, 0o751);
        mount_at(MOUNT, FsKind::Tmpfs).unwrap();
        assert_eq!(rights(MOUNT), "0:96 0751");
        // Empty, it is as good as a new one, and closed.
        directory("/run/empty", 0, 0o755);
        mount("tmpfs", "/run/empty", "mode=1777");
        mount_at("/run/empty", FsKind::Tmpfs).unwrap();
        assert_eq!(rights("/run/empty"), "0:96 0751");
    });
}

#[test]
fn the_way_to_the_mount_point_may_hold_links_of_root_only() {
    isolated(|| {
        directory("/run/real", 0, 0o755);
        link("/run/root-link", "real", 0);
        for _ in 0..2 {
            mount_at("/run/root-link/s", FsKind::Ramfs).unwrap();
            assert_eq!(mounts_at("/run/real/s").len(), 1);
        }
        link("/run/user-link", "/run/real", 1000);
        let error = refused(mount_at("/run/user-link/u", FsKind::Ramfs));
        assert!(
            error.contains("unsafe path transition: '/run/user-link' belongs to uid 1000, not root"),
            "{error}"
        );
        directory("/run/users", 1000, 0o755);
        assert!(
            refused(mount_at("/run/users/s", FsKind::Ramfs)).contains("'/run/users' belongs to uid 1000")
        );
        assert_eq!(names("/run/users"), Vec::<String>::new());
    });
}

#[test]
fn a_mount_point_with_odd_characters_is_recognised() {
    isolated(|| {
        for point in ["/run/a b\tc\\d#e", "/run/größe", "/run/new\nline"] {
            for _ in 0..2 {
                mount_at(point, FsKind::Ramfs).unwrap();
            }
            let stacked = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
            assert_eq!(stacked.matches(" - ramfs").count(), 1, "{point:?}");
            nix::mount::umount(point).unwrap();
        }
    });
}

#[test]
fn opening_changes_nothing() {
    isolated(|| {
        assert!(SecretFs::open(Path::new("/run/no/where")).unwrap().is_none());
        directory("/run/empty", 0, 0o700);
        assert!(SecretFs::open(Path::new("/run/empty")).unwrap().is_none());
        assert_eq!(rights("/run/empty"), "0:0 0700");
        assert_eq!(names("/run"), ["empty"]);
        mounted();
        nix::unistd::chown(MOUNT, None, Some(0.into())).unwrap();
        assert_eq!(SecretFs::open(Path::new(MOUNT)).unwrap().unwrap().path(), Path::new(MOUNT));
        assert_eq!(rights(MOUNT), "0:0 0751");
    });
}

#[test]
fn user_mode_uses_a_plain_directory_of_its_own() {
    fn body() {
        if role().is_some() {
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
            assert!(SecretFs::existing_directory(Path::new("/run/user/1000/s.d")).unwrap().is_none());
            let fs = SecretFs::directory(Path::new("/run/user/1000/s.d")).unwrap();
            assert!(SecretFs::existing_directory(Path::new("/run/user/1000/s.d")).unwrap().is_some());
            let mut new = fs.create_generation(1, KEYS).unwrap();
            new.write("a/b", b"x", 0o440, crate::ROOT.0, crate::ROOT.1).unwrap();
            fs.flip(Path::new("/run/user/1000/secrets"), 1).unwrap();
            assert!(
                refused(SecretFs::directory(Path::new("/run/user/other/s.d"))).contains("Permission denied")
            );
            assert!(
                refused(SecretFs::directory(Path::new("/run/user/theirs"))).contains("belongs to uid 1001")
            );
            return;
        }
        directory("/run/user/1000", 1000, 0o700);
        directory("/run/user/other", 1001, 0o755);
        directory("/run/user/theirs", 1001, 0o755);
        assert_passed(&again(&body, "user", 1000).output().unwrap());
        assert_eq!(rights("/run/user/1000/s.d"), "1000:1000 0751");
        assert_eq!(rights("/run/user/1000/s.d/1/a"), "1000:1000 0751");
        assert_eq!(rights("/run/user/1000/secrets/a/b"), "1000:1000 0440");
        assert!(mounts_at("/run/user/1000/s.d").is_empty());
        assert_eq!(names("/run/user/theirs"), Vec::<String>::new());
    }
    isolated(body);
}
