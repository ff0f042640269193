//! How large things may be: each limit of `docs/limits.md` is there, and holds.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod files;
mod growth;
#[path = "../../fuzz/src/plain.rs"]
#[allow(dead_code)]
mod plain;
mod table;
