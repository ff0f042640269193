//! The real tools, and a directory of their own for the files they make.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use sops_activate::keys::Keyring;

/// A directory that is removed with its files.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("sops-activate-keys-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).unwrap()
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// Makes an SSH key with these options, `NAME` and `NAME.pub`.
    pub fn ssh_keygen(&self, name: &str, options: &str) {
        let mut arguments: Vec<_> = options.split(' ').collect();
        let file = self.file(name);
        arguments.extend(["-q", "-C", "root@host", "-f", file.to_str().unwrap()]);
        if !options.contains("-N ") {
            arguments.extend(["-N", ""]);
        }
        run("ssh-keygen", &arguments, b"");
    }

    /// Makes an age key and gives its recipient.
    pub fn age_keygen(&self, name: &str) -> String {
        run("age-keygen", &["-o", self.file(name).to_str().unwrap()], b"");
        let recipient = run("age-keygen", &["-y", self.file(name).to_str().unwrap()], b"");
        String::from_utf8(recipient).unwrap().trim().to_owned()
    }

    /// A keyring of the SSH key `name`.
    pub fn ssh_keyring(&self, name: &str) -> Keyring {
        let mut keyring = Keyring::new();
        keyring.add_ssh_key(Path::new(name), &self.read(name));
        keyring
    }

    /// A keyring of the age key file `name`.
    pub fn age_keyring(&self, name: &str) -> Keyring {
        let mut keyring = Keyring::new();
        keyring.add_age_key_file(Path::new(name), &self.read(name));
        keyring
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Runs a tool that has to succeed, and gives what it prints.
pub fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = output(program, arguments, input);
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Runs a tool.
pub fn output(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("these tests need the program '{program}': {error}"));
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}

/// Encrypts with the real age.
pub fn age(options: &[&str], recipients: &[&str], plaintext: &[u8]) -> Vec<u8> {
    let mut arguments = options.to_vec();
    for recipient in recipients {
        arguments.extend(["-r", recipient]);
    }
    run("age", &arguments, plaintext)
}
