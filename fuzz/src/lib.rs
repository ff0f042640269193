//! What is fuzzed: one function for each kind of input, which panics when something that must hold does not.
//!
//! Two drivers call them: libFuzzer (`fuzz/run`) and the integration test `tests/fuzz`, which takes this file as a
//! module of its own.

mod declared;
mod keys;
mod lookup;
mod pattern;
mod plain;
mod plugin;
mod sealed;
mod tree;

#[allow(unused_imports)] // by the tests that measure
pub use plain::{beside_block, block_key, keyring};

/// One kind of input.
pub struct Target {
    /// Its name, which is also that of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// What is done with an input. Panics when something is wrong.
    pub run: fn(&[u8]),
    /// How many inputs the short run of the test makes.
    pub tries: u64,
}

const fn target(name: &'static str, run: fn(&[u8]), tries: u64) -> Target {
    Target { name, run, tries }
}

/// All of them. Public-key operations make some slower than the others.
pub const TARGETS: &[Target] = &[
    target("yaml", plain::yaml, 15_000),
    target("json", plain::json, 20_000),
    target("ini", plain::ini, 20_000),
    target("dotenv", plain::dotenv, 20_000),
    target("sealed_yaml", sealed::yaml, 10_000),
    target("sealed_json", sealed::json, 20_000),
    target("sealed_ini", sealed::ini, 20_000),
    target("sealed_dotenv", sealed::dotenv, 20_000),
    target("sealed_binary", sealed::binary, 20_000),
    target("enc_value", sealed::enc_value, 20_000),
    target("metadata", sealed::metadata, 20_000),
    target("wrapped_key", sealed::wrapped_key, 20_000),
    target("lookup", lookup::lookup, 6_000),
    target("pattern", pattern::pattern, 20_000),
    target("pattern_text", pattern::pattern_text, 20_000),
    target("age_file", keys::age_file, 20_000),
    target("identity_file", keys::identity_file, 20_000),
    target("ssh_key", keys::ssh_key, 20_000),
    target("recipients", keys::recipients, 20_000),
    target("plugin", plugin::says, 20_000),
    target("accounts", declared::accounts, 20_000),
    target("manifest", declared::manifest, 20_000),
    target("template", declared::template, 20_000),
    target("record", declared::record, 20_000),
];

/// Runs one target, by its name.
#[allow(dead_code)] // by libFuzzer's driver only
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target").run)(data);
}
