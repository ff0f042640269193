//! Files that the real sops writes: what opens, what is refused, and that both agree.
#![allow(clippy::disallowed_methods)]

mod damage;
mod generate;
mod property;
mod random;
#[path = "../common/sops.rs"]
mod tools;
