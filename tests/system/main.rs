//! The room `system` on the real kernel: every rule with a case that it allows and one that it refuses.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "../common/namespace.rs"]
mod namespace;

mod confine;
mod current;
mod files;
mod generation;
mod generations;
mod links;
mod lock;
mod process;
mod races;
mod secretfs;

use std::path::Path;

use sops_activate::system::secretfs::{FsKind, SecretFs};
use sops_activate::system::{Gid, Uid};

/// The group that directories get: `keys` on NixOS.
const KEYS: Gid = Gid::from_raw(96);
const ROOT: (Uid, Gid) = (Uid::from_raw(0), Gid::from_raw(0));

const MOUNT: &str = "/run/secrets.d";
const CURRENT: &str = "/run/secrets";

/// A ramfs at the usual place.
fn mounted() -> SecretFs {
    let (fs, warnings) = SecretFs::mount(Path::new(MOUNT), FsKind::Ramfs, KEYS).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    fs
}

/// A generation with one file a name, root's, 0400, its content being its name.
fn generation(fs: &SecretFs, number: u64, names: &[&str]) {
    let mut new = fs.create_generation(number, KEYS).unwrap();
    for name in names {
        new.write(name, name.as_bytes(), 0o400, ROOT.0, ROOT.1).unwrap();
    }
}

/// The error of a call that must fail.
fn refused<T>(result: Result<T, sops_activate::system::Error>) -> String {
    match result {
        Ok(_) => panic!("was allowed"),
        Err(error) => error.to_string(),
    }
}
