//! Files that the real sops writes: what opens, what is refused, and that both agree.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::format_push_string
)]

mod damage;
mod generate;
mod property;
mod random;
#[path = "../common/sops.rs"]
mod tools;
mod yaml;
