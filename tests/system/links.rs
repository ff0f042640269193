//! Links at declared paths, with the owners of the directories as adversaries.
//!
//! `1000` is the owner of the secret, `1001` somebody else.

use std::collections::BTreeMap;
use std::path::Path;

use sops_activate::system::Error;
use sops_activate::system::links::{Placed, check, place, remove};

use crate::namespace::{
    again, as_user, assert_passed, directory, file, isolated, link, names, rights, role, target,
};
use crate::refused;

pub(crate) const SECRET: &str = "/run/secrets/token";
pub(crate) const MADE: Placed = Placed::Made { replaced: None };

/// Places the link of a secret of `uid`.
pub(crate) fn place_for(uid: u32, path: &str) -> Result<Placed, Error> {
    place(Path::new(path), Path::new(SECRET), uid.into(), uid.into())
}

pub(crate) fn remove_for(uid: u32, path: &str) -> Result<bool, Error> {
    remove(Path::new(path), Path::new(SECRET), uid.into())
}

/// Everything below a directory, with content and owner, to see that nothing changed.
pub(crate) fn tree(path: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([(path.to_owned(), rights(path))]);
    for name in names(path) {
        let below = format!("{path}/{name}");
        let meta = std::fs::symlink_metadata(&below).unwrap();
        if meta.is_dir() {
            all.extend(tree(&below));
        } else {
            let content =
                if meta.is_symlink() { target(&below) } else { std::fs::read_to_string(&below).unwrap() };
            all.insert(below.clone(), format!("{} {content}", rights(&below)));
        }
    }
    all
}

#[test]
fn a_link_is_made_once_with_its_owner() {
    isolated(|| {
        directory("/run/home", 1000, 0o700);
        assert_eq!(place_for(1000, "/run/home/token").unwrap(), MADE);
        assert_eq!(target("/run/home/token"), SECRET);
        assert_eq!(rights("/run/home/token"), "1000:1000 0777");
        assert_eq!(place_for(1000, "/run/home/token").unwrap(), Placed::Unchanged);
        assert_eq!(names("/run/home"), ["token"]);
    });
}

#[test]
fn a_link_with_another_text_owner_or_group_is_replaced() {
    isolated(|| {
        directory("/run/home", 1000, 0o700);
        for (text, uid) in
            [("/etc/hostname", 1000), ("/etc/hostname", 0), (SECRET, 0), (SECRET, 1001), ("../x", 1001)]
        {
            link("/run/home/token", text, uid);
            assert_eq!(place_for(1000, "/run/home/token").unwrap(), MADE, "{text} {uid}");
            assert_eq!(
                (target("/run/home/token"), rights("/run/home/token")),
                (SECRET.into(), "1000:1000 0777".into())
            );
            std::fs::remove_file("/run/home/token").unwrap();
        }
    });
}

#[test]
fn a_regular_file_gives_way_with_a_warning() {
    isolated(|| {
        directory("/run/home", 1000, 0o700);
        for uid in [0, 1000, 1001] {
            file("/run/home/token", "old", uid, 0o644);
            let warning = format!("'/run/home/token' was a regular file and is now a link to '{SECRET}'");
            assert_eq!(place_for(1000, "/run/home/token").unwrap(), Placed::Made { replaced: Some(warning) });
            assert_eq!(target("/run/home/token"), SECRET);
            std::fs::remove_file("/run/home/token").unwrap();
        }
        directory("/run/home/own", 1000, 0o755);
        file("/run/home/own/token", "old", 1000, 0o644);
        assert!(matches!(
            place_for(1000, "/run/home/own/token").unwrap(),
            Placed::Made { replaced: Some(_) }
        ));
        directory("/run/root", 0, 0o755);
        file("/run/root/token", "old", 0, 0o644);
        assert!(matches!(place_for(0, "/run/root/token").unwrap(), Placed::Made { replaced: Some(_) }));
    });
}

#[test]
fn directories_and_special_files_do_not_give_way() {
    isolated(|| {
        directory("/run/home/token", 1000, 0o755);
        directory("/run/home", 1000, 0o755);
        assert!(refused(place_for(1000, "/run/home/token")).ends_with("a directory is in the way"));
        std::fs::remove_dir("/run/home/token").unwrap();
        nix::unistd::mkfifo("/run/home/token", nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert!(
            refused(place_for(1000, "/run/home/token")).contains("neither a file nor a link is in the way")
        );
        assert!(!remove_for(1000, "/run/home/token").unwrap());
        assert_eq!(names("/run/home"), ["token"]);
    });
}

#[test]
fn paths_that_are_not_plain_are_refused() {
    isolated(|| {
        for (path, cause) in [
            ("home/token", "is not an absolute path"),
            ("", "is not an absolute path"),
            ("/run/../run/token", "contains '..'"),
            ("/run/home/..", "contains '..'"),
            ("/", "'/' is not a place for it"),
            ("/run/nul\0/token", "Invalid argument"),
        ] {
            assert!(refused(place_for(0, path)).contains(cause), "{path:?}");
            assert!(refused(remove_for(0, path)).contains(cause), "{path:?}");
        }
        place_for(0, "/run//./home/./token/").unwrap();
        assert_eq!(target("/run/home/token"), SECRET);
        file("/run/file", "x", 0, 0o644);
        assert!(refused(place_for(0, "/run/file/token")).ends_with("'/run/file' is not a directory"));
        assert!(
            refused(place_for(0, &format!("/run/{}/token", "x".repeat(256)))).contains("File name too long")
        );
        place_for(0, &format!("/run/{}", "x".repeat(255))).expect("the longest name there can be");
    });
}

#[test]
fn missing_parents_take_owner_and_group_of_the_nearest_one_there_is() {
    isolated(|| {
        directory("/run/home", 1000, 0o700);
        nix::unistd::chown("/run/home", None, Some(77.into())).unwrap();
        for mask in [0o000, 0o077] {
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask));
            let path = format!("/run/home/{mask:o}/b/c/token");
            assert_eq!(place_for(1000, &path).unwrap(), MADE);
            for made in [format!("/run/home/{mask:o}"), format!("/run/home/{mask:o}/b/c")] {
                assert_eq!(rights(&made), "1000:77 0755");
            }
            assert_eq!(rights(&path), "1000:1000 0777");
            let now = nix::sys::stat::umask(nix::sys::stat::Mode::empty());
            assert_eq!(now.bits(), mask, "the umask is as it was");
        }
        // Below a directory of root's they are root's, whoever owns the secret.
        directory("/run/srv", 0, 0o755);
        nix::unistd::chown("/run/srv", None, Some(78.into())).unwrap();
        place_for(1000, "/run/srv/a/b/token").unwrap();
        assert_eq!((rights("/run/srv/a"), rights("/run/srv/a/b")), ("0:78 0755".into(), "0:78 0755".into()));
        // We are root again afterwards.
        file("/run/mine", "", 0, 0o600);
        assert_eq!(rights("/run/mine"), "0:0 0600");
        assert!(!remove_for(1000, "/run/srv/absent/token").unwrap());
        assert_eq!(names("/run/srv"), ["a"]);
    });
}

#[test]
fn a_parent_its_owner_may_not_write_to_stays_as_it_is() {
    isolated(|| {
        directory("/run/home", 1000, 0o555);
        let error = refused(place_for(1000, "/run/home/a/token"));
        assert_eq!(
            error,
            "cannot make link '/run/home/a/token': cannot make directory '/run/home/a': Permission denied"
        );
        assert_eq!(names("/run/home"), Vec::<String>::new());
        // The link itself is our doing.
        place_for(1000, "/run/home/token").unwrap();
    });
}

#[test]
fn a_directory_of_somebody_else_on_the_way_is_refused() {
    isolated(|| {
        directory("/run/home/theirs/sub", 1000, 0o755);
        directory("/run/home/theirs", 1001, 0o755);
        directory("/run/home", 0, 0o755);
        let before = tree("/run/home");
        for path in ["/run/home/theirs/token", "/run/home/theirs/sub/token", "/run/home/theirs/new/token"] {
            let error = refused(place_for(1000, path));
            assert!(
                error.contains(
                    "unsafe path transition: '/run/home/theirs' belongs to uid 1001, not root or uid 1000"
                ),
                "{error}"
            );
            assert!(refused(place_for(0, path)).ends_with("belongs to uid 1001, not root"));
            assert!(refused(remove_for(1000, path)).contains("unsafe path transition"));
        }
        assert_eq!(tree("/run/home"), before);
        place_for(1001, "/run/home/theirs/token").unwrap();
        place_for(1000, "/run/home/token").unwrap();
    });
}

#[test]
fn a_link_of_somebody_else_on_the_way_is_refused() {
    isolated(|| {
        directory("/run/etc", 0, 0o755);
        directory("/run/own", 1000, 0o755);
        directory("/run/tmp", 0, 0o1777);
        link("/run/tmp/app", "/run/etc", 1001);
        link("/run/tmp/own", "/run/own", 1001);
        for path in ["/run/tmp/app/token", "/run/tmp/own/token"] {
            for uid in [0, 1000] {
                let error = refused(place_for(uid, path));
                assert!(
                    error.contains("unsafe path transition: '/run/tmp/")
                        && error.contains("belongs to uid 1001"),
                    "{error}"
                );
            }
        }
        assert!(names("/run/etc").is_empty() && names("/run/own").is_empty());
        place_for(1000, "/run/tmp/token").unwrap();
        assert_eq!(rights("/run/tmp/token"), "1000:1000 0777");
    });
}

#[test]
fn links_of_root_are_followed_by_hand() {
    isolated(|| {
        directory("/run/real/deep", 0, 0o755);
        directory("/run/home", 1000, 0o755);
        link("/run/absolute", "/run/real/deep", 0);
        link("/run/relative", "real/./deep//", 0);
        link("/run/real/up", "../home", 0);
        link("/run/real/far-up", "../../../../../run/home", 0);
        link("/run/chain", "absolute", 0);
        for (way, end) in [
            ("absolute", "real/deep"),
            ("relative", "real/deep"),
            ("chain", "real/deep"),
            ("real/up", "home"),
            ("real/far-up", "home"),
        ] {
            let name = way.replace('/', "-");
            assert_eq!(place_for(1000, &format!("/run/{way}/{name}")).unwrap(), MADE, "{way}");
            assert_eq!(target(&format!("/run/{end}/{name}")), SECRET);
            place_for(1000, &format!("/run/{way}/made-{name}/token")).unwrap();
            assert!(remove_for(1000, &format!("/run/{way}/{name}")).unwrap());
        }
    });
}

#[test]
fn endless_and_dangling_links_are_errors() {
    isolated(|| {
        link("/run/self", "self", 0);
        link("/run/ping", "pong/x", 0);
        link("/run/pong", "ping/x", 0);
        for path in ["/run/self/token", "/run/ping/token"] {
            assert!(refused(place_for(0, path)).contains("too many links"), "{path}");
            assert!(refused(remove_for(0, path)).contains("too many links"), "{path}");
        }
        // The end of a dangling link of root's is made, as any missing directory.
        link("/run/dangling", "/run/nowhere/at/all", 0);
        assert!(!remove_for(0, "/run/dangling/token").unwrap());
        place_for(0, "/run/dangling/token").unwrap();
        assert_eq!(target("/run/nowhere/at/all/token"), SECRET);
    });
}

#[test]
fn a_link_of_the_owner_may_lead_to_the_owners_directories_only() {
    isolated(|| {
        directory("/run/etc/sub", 0, 0o755);
        directory("/run/persist", 1000, 0o755);
        directory("/run/home", 1000, 0o755);
        link("/run/home/app", "/run/etc", 1000);
        link("/run/home/gone", "/run/etc/new", 1000);
        link("/run/home/conf", "/run/persist", 1000);
        let before = tree("/run/etc");
        for path in [
            "/run/home/app/token",
            "/run/home/app/sub/token",
            "/run/home/app/made/token",
            "/run/home/gone/token",
        ] {
            let error = refused(place_for(1000, path));
            assert!(
                error.contains(
                    "unsafe path transition: a link that uid 1000 could have made leads to '/run/etc"
                ),
                "{error}"
            );
            assert!(!matches!(remove_for(1000, path), Ok(true)));
        }
        assert_eq!(tree("/run/etc"), before);
        // For a secret of root's even their own directory is somebody else's.
        assert!(
            refused(place_for(0, "/run/home/conf/token"))
                .contains("'/run/home' belongs to uid 1000, not root")
        );
        place_for(1000, "/run/home/conf/token").unwrap();
        place_for(1000, "/run/home/conf/a/b/token").unwrap();
        assert_eq!(
            (target("/run/persist/token"), rights("/run/persist/a/b")),
            (SECRET.into(), "1000:1000 0755".into())
        );
    });
}

#[test]
fn a_link_of_roots_that_the_owner_can_rename_leads_no_further_than_their_own() {
    isolated(|| {
        directory("/run/etc", 0, 0o755);
        directory("/run/persist", 1000, 0o755);
        directory("/run/home", 1000, 0o755);
        link("/run/home/result", "/run/etc", 0);
        link("/run/home/own", "/run/persist", 0);
        // Nothing stops them from giving it the name that is declared.
        as_user(1000, || std::fs::rename("/run/home/result", "/run/home/app").unwrap());
        assert!(
            refused(place_for(1000, "/run/home/app/token")).contains("a link that uid 1000 could have made")
        );
        assert_eq!(names("/run/etc"), Vec::<String>::new());
        place_for(1000, "/run/home/own/token").unwrap();
        // The same in a directory of root's that a group can write to.
        directory("/run/shared", 0, 0o775);
        link("/run/shared/app", "/run/etc", 0);
        assert!(
            refused(place_for(1000, "/run/shared/app/token"))
                .contains("a link that uid 1000 could have made")
        );
        directory("/run/sticky", 0, 0o1777);
        link("/run/sticky/app", "/run/etc", 0);
        place_for(1000, "/run/sticky/app/token").unwrap();
    });
}

#[test]
fn nothing_of_roots_is_replaced_below_a_directory_that_others_can_change() {
    isolated(|| {
        directory("/run/home/.config/unit", 0, 0o755);
        directory("/run/home/.config", 1000, 0o755);
        directory("/run/home", 1000, 0o755);
        file("/run/home/.config/unit/token", "root's", 0, 0o644);
        link("/run/home/.config/unit/link", "/etc/passwd", 0);
        let before = tree("/run/home");
        for name in ["token", "link"] {
            let error = refused(place_for(1000, &format!("/run/home/.config/unit/{name}")));
            assert!(
                error.contains("exists, in a directory of uid 0 below one that others can change"),
                "{error}"
            );
        }
        assert_eq!(tree("/run/home"), before);
        // New links there, and the renewal of our own, are fine.
        assert_eq!(place_for(1000, "/run/home/.config/unit/new").unwrap(), MADE);
        assert_eq!(place_for(1000, "/run/home/.config/unit/new").unwrap(), Placed::Unchanged);
        link("/run/home/.config/unit/same", SECRET, 0);
        assert_eq!(place_for(1000, "/run/home/.config/unit/same").unwrap(), MADE);
        link("/run/home/.config/unit/older", "/run/secrets/older", 1000);
        assert_eq!(place_for(1000, "/run/home/.config/unit/older").unwrap(), MADE);
        // Reached over directories of root's alone, the same file gives way.
        directory("/run/unit", 0, 0o755);
        file("/run/unit/token", "root's", 0, 0o644);
        assert!(matches!(place_for(1000, "/run/unit/token").unwrap(), Placed::Made { replaced: Some(_) }));
    });
}

#[test]
fn a_link_of_roots_that_a_third_person_can_rename_is_not_followed_for_root() {
    isolated(|| {
        directory("/run/shared/app", 0, 0o755);
        directory("/run/elsewhere", 0, 0o755);
        link("/run/shared/way", "/run/elsewhere", 0);
        link("/run/firm", "/run/elsewhere", 0);
        // Root's, and a group may write to it.
        directory("/run/shared", 0, 0o775);
        let error = refused(place_for(0, "/run/shared/way/token"));
        assert!(error.contains("a link that others could have made leads to '/run/elsewhere'"), "{error}");
        assert_eq!(names("/run/elsewhere"), Vec::<String>::new());
        assert_eq!(place_for(0, "/run/firm/token").unwrap(), MADE);
        assert_eq!(place_for(0, "/run/shared/app/token").unwrap(), MADE);
        // With the sticky bit nobody else can rename it.
        directory("/run/shared", 0, 0o1777);
        assert_eq!(place_for(0, "/run/shared/way/other").unwrap(), MADE);
    });
}

#[test]
fn nothing_of_roots_is_replaced_for_root_where_a_third_person_could_slide_it() {
    isolated(|| {
        directory("/run/shared/app", 0, 0o755);
        file("/run/shared/app/token", "root's", 0, 0o644);
        link("/run/shared/app/link", "/etc/hostname", 0);
        link("/run/shared/app/older", "/run/secrets/older", 0);
        directory("/run/shared", 0, 0o775);
        let before = tree("/run/shared");
        for name in ["token", "link"] {
            let error = refused(place_for(0, &format!("/run/shared/app/{name}")));
            assert!(error.contains("below one that others can change"), "{error}");
        }
        assert_eq!(tree("/run/shared"), before);
        assert_eq!(place_for(0, "/run/shared/app/older").unwrap(), MADE);
    });
}

#[test]
fn checking_tells_what_placing_would_and_changes_nothing() {
    isolated(|| {
        directory("/run/home/full", 1000, 0o755);
        directory("/run/home/theirs", 1001, 0o755);
        directory("/run/home", 1000, 0o755);
        file("/run/home/file", "x", 1000, 0o644);
        let before = tree("/run");
        for (name, cause) in [
            ("new", None),
            ("file", None),
            ("a/b/new", None),
            ("full", Some("a directory is in the way")),
            ("theirs/new", Some("unsafe path transition")),
            ("file/new", Some("is not a directory")),
        ] {
            let path = format!("/run/home/{name}");
            let checked = check(Path::new(&path), Path::new(SECRET), 1000.into(), 1000.into());
            assert_eq!(tree("/run"), before);
            match cause {
                None => checked.unwrap(),
                Some(cause) => {
                    let error = refused(checked);
                    assert!(error.contains(cause), "{error}");
                    assert_eq!(refused(place_for(1000, &path)), error);
                }
            }
        }
    });
}

#[test]
fn only_a_link_to_exactly_the_secret_is_removed() {
    isolated(|| {
        directory("/run/home", 1000, 0o755);
        place_for(1000, "/run/home/token").unwrap();
        assert!(remove_for(1000, "/run/home/token").unwrap());
        assert!(!remove_for(1000, "/run/home/token").unwrap());
        link("/run/home/other", "/run/secrets/tokens", 1000);
        link("/run/home/dots", "/run/secrets/../secrets/token", 1000);
        file("/run/home/file", "x", 1000, 0o600);
        directory("/run/home/dir", 1000, 0o755);
        for name in ["other", "dots", "file", "dir", "file/x", "absent/x"] {
            assert!(!remove_for(1000, &format!("/run/home/{name}")).unwrap_or(false), "{name}");
        }
        assert_eq!(names("/run/home"), ["dir", "dots", "file", "other"]);
    });
}

#[test]
fn a_read_only_file_system_is_an_error_and_leaves_no_trace() {
    isolated(|| {
        directory("/run/ro", 0, 0o755);
        crate::namespace::mount("tmpfs", "/run/ro", "mode=0755");
        place_for(0, "/run/ro/old").unwrap();
        let flags = nix::mount::MsFlags::MS_REMOUNT | nix::mount::MsFlags::MS_RDONLY;
        nix::mount::mount(None::<&str>, "/run/ro", None::<&str>, flags, None::<&str>).unwrap();
        for path in ["/run/ro/token", "/run/ro/a/token"] {
            assert!(refused(place_for(0, path)).ends_with("Read-only file system"));
        }
        assert!(refused(remove_for(0, "/run/ro/old")).ends_with("Read-only file system"));
        assert_eq!(place_for(0, "/run/ro/old").unwrap(), Placed::Unchanged);
        assert_eq!(names("/run/ro"), ["old"]);
    });
}

#[test]
fn user_mode_is_plain() {
    fn body() {
        if role().is_some() {
            assert_eq!(place_for(1000, "/run/home/a/token").unwrap(), MADE);
            assert_eq!(
                place_for(0, "/run/home/a/token").unwrap(),
                Placed::Unchanged,
                "owners are not looked at"
            );
            assert_eq!(place_for(1000, "/run/theirs/open/token").unwrap(), MADE);
            assert!(refused(place_for(1000, "/run/theirs/token")).ends_with("Permission denied"));
            assert!(remove_for(1000, "/run/theirs/open/token").unwrap());
            return;
        }
        directory("/run/home", 1000, 0o700);
        directory("/run/theirs/open", 1001, 0o777);
        directory("/run/theirs", 1001, 0o755);
        assert_passed(&again(&body, "user", 1000).output().unwrap());
        assert_eq!(
            (rights("/run/home/a"), rights("/run/home/a/token")),
            ("1000:1000 0755".into(), "1000:1000 0777".into())
        );
        assert_eq!(names("/run/theirs/open"), Vec::<String>::new());
    }
    isolated(body);
}
