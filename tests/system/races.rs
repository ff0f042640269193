//! Links at declared paths, while the owner of a directory swaps what is in it.
//!
//! `1000` is the owner of the secret.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::links::{MADE, SECRET, place_for, remove_for, tree};
use crate::namespace::{Bell, directory, file, isolated, link, names, rights, target};

/// The temporary name that is tried first for `/run/home/token`: FNV-1a of the last element.
fn usual_temporary_name() -> String {
    let hash = b"token".iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!("/run/home/.sops-activate-{hash:016x}")
}

#[test]
fn planted_temporary_names_change_nothing() {
    isolated(|| {
        directory("/run/home", 1000, 0o755);
        file("/run/victim", "x", 0, 0o644);
        // The first name that is tried is FNV-1a of the last element.
        let hash = b"token".iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        let path = &*format!("/run/home/.sops-activate-{hash:016x}");
        for planted in ["link", "file", "directory"] {
            match planted {
                "link" => link(path, "/run/victim", 1000),
                "file" => file(path, "", 1000, 0o644),
                _ => directory(path, 1000, 0o755),
            }
            assert_eq!(place_for(1000, "/run/home/token").unwrap(), MADE, "{planted}");
            assert_eq!(
                (target("/run/home/token"), rights("/run/home/token")),
                (SECRET.into(), "1000:1000 0777".into())
            );
            std::fs::remove_file("/run/home/token").unwrap();
            // What is no directory went, so that nothing of a killed run stays.
            assert_eq!(Path::new(path).exists(), planted == "directory");
        }
        assert_eq!(
            (std::fs::read("/run/victim").unwrap(), rights("/run/victim")),
            (b"x".to_vec(), "0:0 0644".into())
        );
    });
}

#[test]
fn what_is_swapped_in_for_the_temporary_link_does_not_get_the_owner() {
    isolated(|| {
        directory("/run/home", 1000, 0o755);
        // What of root's happens to lie in the directory is the prey.
        swap_in(|| file("/run/prey", "root's", 0, 0o600));
        swap_in(|| link("/run/prey", "/run/secrets/other", 0));
    });
}

/// Places a link again and again while its owner renames root's `prey` over each temporary link they catch.
fn swap_in(make_prey: impl Fn()) {
    let temporary = usual_temporary_name();
    let bell = Bell::default();
    let swapped = std::thread::scope(|scope| {
        let ring = bell.at_the_end();
        scope.spawn(|| {
            nix::unistd::setfsgid(1000.into());
            nix::unistd::setfsuid(1000.into());
            while !bell.rang() {
                if std::fs::symlink_metadata(&temporary).is_ok_and(|meta| meta.is_symlink()) {
                    let _ = std::fs::rename("/run/home/prey", &temporary);
                }
            }
        });
        let (mut swapped, start) = (0, std::time::Instant::now());
        while swapped < 3 && start.elapsed().as_secs() < 60 {
            make_prey();
            std::fs::rename("/run/prey", "/run/home/prey").unwrap();
            let placed = place_for(1000, "/run/home/token");
            swapped += u32::from(placed.is_err_and(|error| error.cause.starts_with("somebody exchanged")));
            for path in names("/run/home").into_iter().map(|name| format!("/run/home/{name}")) {
                let ours = std::fs::read_link(&path).is_ok_and(|text| text == Path::new(SECRET));
                // What is renamed just now is looked at in the next round.
                let owner = std::fs::symlink_metadata(&path).map_or(0, |meta| MetadataExt::uid(&meta));
                assert!(ours || owner == 0, "{path} got the owner");
                let _ = std::fs::remove_file(&path);
            }
        }
        drop(ring);
        swapped
    });
    assert!(swapped > 0, "nothing was ever exchanged in time: the test showed nothing");
}

#[test]
fn an_owner_who_swaps_everything_all_the_time_gains_nothing() {
    isolated(|| {
        directory("/run/canary/app", 0, 0o755);
        file("/run/canary/token", "canary", 0, 0o600);
        file("/run/canary/app/token", "canary", 0, 0o600);
        let before = tree("/run/canary");
        directory("/run/home", 1000, 0o755);
        let bell = Bell::default();
        let (placed, refusals) = std::thread::scope(|scope| {
            let ring = bell.at_the_end();
            for adversary in [swap_directories, swap_temporary_names] {
                let bell = &bell;
                scope.spawn(move || {
                    nix::unistd::setfsgid(1000.into());
                    nix::unistd::setfsuid(1000.into());
                    while !bell.rang() {
                        adversary();
                    }
                });
            }
            let (mut placed, mut refusals) = (0, 0);
            let start = std::time::Instant::now();
            while start.elapsed().as_millis() < 2500 {
                for path in ["/run/home/app/token", "/run/home/app/new/token", "/run/home/token"] {
                    match place_for(1000, path) {
                        Ok(_) => placed += 1,
                        Err(_) => refusals += 1,
                    }
                }
                let _ = remove_for(1000, "/run/home/app/token");
            }
            drop(ring);
            (placed, refusals)
        });
        assert_eq!(tree("/run/canary"), before);
        // Both happened, or the race was none.
        assert!(placed > 20 && refusals > 20, "{placed} placed, {refusals} refused");
    });
}

/// A real directory, a link to root's and nothing take turns at `/run/home/app`.
fn swap_directories() {
    let _ = std::fs::create_dir("/run/home/dir");
    let _ = std::os::unix::fs::symlink("/run/canary", "/run/home/evil");
    let _ = std::fs::rename("/run/home/dir", "/run/home/app");
    let _ = std::fs::rename("/run/home/app", "/run/home/away");
    let _ = std::fs::rename("/run/home/evil", "/run/home/app");
    let _ = std::fs::remove_file("/run/home/app");
    let _ = std::os::unix::fs::symlink("/run/canary", "/run/home/app");
    let _ = std::fs::remove_file("/run/home/app");
    let _ = std::fs::remove_dir_all("/run/home/away");
    let _ = std::fs::rename("/run/home/dir", "/run/home/app");
}

/// Whatever temporary name turns up becomes a link to root's file.
fn swap_temporary_names() {
    for place in ["/run/home", "/run/home/app"] {
        let Ok(entries) = std::fs::read_dir(place) else { continue };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(".sops-activate-") {
                let _ = std::fs::remove_file(entry.path());
                let _ = std::os::unix::fs::symlink("/run/canary/token", entry.path());
            }
        }
    }
}
