//! Keys and age files against the real `age`, `age-keygen` and `ssh-keygen`. A missing tool fails the test.
#![allow(clippy::disallowed_methods, clippy::panic, clippy::unwrap_used)]

mod age_files;
mod key_files;
mod tools;
