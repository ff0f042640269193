//! Keys and encrypted files for all cases, made once by the real sops, age and ssh-keygen.

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::tools;

/// What `secrets.yaml` decrypts to. `secrets2.yaml` is the same with another `test_key`.
const YAML: &str = "test_key: test_value\nother: other_value\nempty: \"\"\nmulti: |\n    line1\n    line2\n\
    number: 42\nflag: true\nlist:\n    - a\n    - b\nnested:\n    test:\n        file: nested_value\n    num: 7\n";
const JSON: &str = r#"{"test_key": "test_value", "nested": {"test": {"file": "nested_value"}}, "list": ["a", {"b": "c"}],
    "number": 42, "flag": true}"#;

/// A directory of fixtures that is removed with its files.
///
/// * `store`: encrypted files, and key files that a case names (`<store>` in cases).
/// * `keys`: the machine's own keys.
/// * `agent`: the built binary under both of its names.
pub struct Fixtures {
    directory: PathBuf,
    /// The recipient of the machine's age key.
    pub machine: String,
    /// Texts that differ from run to run, and what stands for them in cases.
    pub names: Vec<(String, String)>,
}

impl Fixtures {
    /// Makes all of them.
    pub fn make() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("sops-activate-cli-{}-{number}", std::process::id()));
        for part in ["store", "keys", "agent"] {
            std::fs::create_dir_all(directory.join(part)).unwrap();
        }
        // The directory is the user's who runs the tests; a step may run as another.
        std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
        let mut fixtures = Self { directory, machine: String::new(), names: Vec::new() };
        fixtures.agent();
        fixtures.keys();
        fixtures.plugins();
        fixtures.sops_files();
        fixtures.age_files();
        fixtures
    }

    /// A part of the directory.
    pub fn part(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The private keys, which must never show anywhere.
    pub fn private_keys(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for name in ["keys/key.txt", "keys/ssh_host_ed25519_key", "store/other.txt"] {
            let text = std::fs::read_to_string(self.directory.join(name)).unwrap();
            let secret = text
                .lines()
                .filter(|line| !line.starts_with(['#', '-']) && line.len() > 40)
                .map(str::to_owned);
            lines.extend(secret);
        }
        lines
    }

    fn agent(&self) {
        let program = self.part("agent").join("sops-activate");
        std::fs::copy(env!("CARGO_BIN_EXE_sops-activate"), &program).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        symlink("sops-activate", self.part("agent").join("sops-install-secrets")).unwrap();
    }

    fn keys(&mut self) {
        self.machine = self.age_key("keys/key.txt", "<machine>");
        self.age_key("store/other.txt", "<other>");
        self.ssh_key("keys/ssh_host_ed25519_key", "ed25519", "", "<host>");
        self.ssh_key("store/rsa", "rsa", "", "<rsa>");
        self.ssh_key("store/enc25519", "ed25519", "a passphrase", "<enc25519>");
        let converted = tools::run(
            Command::new(self.part("agent").join("sops-activate"))
                .arg("recipient")
                .arg(self.part("keys").join("ssh_host_ed25519_key.pub")),
            b"",
        );
        self.name("<host-converted>", String::from_utf8(converted).unwrap().trim());
        std::fs::copy(
            self.part("keys").join("ssh_host_ed25519_key.pub"),
            self.part("store").join("host.pub"),
        )
        .unwrap();
    }

    /// Programs of plugins: a real one, and a script that another test of ours uses, too.
    fn plugins(&mut self) {
        let toy = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm-tests/nixos/common/age-plugin-toy");
        for program in [tools::real_plugin(), toy] {
            let copy = self.part("store").join(program.file_name().unwrap());
            std::fs::copy(&program, &copy).unwrap_or_else(|error| {
                panic!("these tests need {}: {error}; run ./check once", program.display())
            });
            std::fs::set_permissions(copy, PermissionsExt::from_mode(0o755)).unwrap();
        }
        self.name("<unencrypted>", "age1unencrypted1k5fr0r");
        self.name("<toy>", "age1toy1d4skgefqvehhygrpyp6x2um52fke6x");
    }

    fn age_key(&mut self, path: &str, name: &str) -> String {
        let file = self.directory.join(path);
        tools::run(Command::new("age-keygen").arg("-o").arg(&file), b"");
        let recipient = tools::run(Command::new("age-keygen").arg("-y").arg(&file), b"");
        let recipient = String::from_utf8(recipient).unwrap().trim().to_owned();
        self.name(name, &recipient);
        recipient
    }

    fn ssh_key(&mut self, path: &str, kind: &str, passphrase: &str, name: &str) {
        let file = self.directory.join(path);
        let file = file.to_str().unwrap();
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", kind, "-N", passphrase, "-C", "root@host", "-f", file]);
        tools::run(&mut command, b"");
        let public = std::fs::read_to_string(format!("{file}.pub")).unwrap();
        self.name(name, public.trim().trim_end_matches(" root@host"));
    }

    fn name(&mut self, name: &str, text: &str) {
        self.names.push((text.to_owned(), name.to_owned()));
    }

    /// The text that `name` stands for.
    pub fn text(&self, name: &str) -> &str {
        &self.names.iter().find(|(_, known)| known == name).unwrap().0
    }

    fn sops_files(&self) {
        let (machine, other) = (self.text("<machine>"), self.text("<other>"));
        let (host, converted) = (self.text("<host>"), self.text("<host-converted>"));
        let all = format!("{machine},{converted}");
        let yaml2 = YAML.replace("test_value", "CHANGED");
        let files: &[(&str, &str, &[u8], &str)] = &[
            ("secrets.yaml", "yaml", YAML.as_bytes(), &all),
            ("secrets2.yaml", "yaml", yaml2.as_bytes(), &all),
            ("secrets.json", "json", JSON.as_bytes(), &all),
            ("secrets.bin", "binary", b"binary \0 value\n", &all),
            ("secrets.env", "dotenv", b"TEST_KEY=test_value\nOTHER=x y\n", &all),
            ("secrets.ini", "ini", b"[section]\ntest_key = test_value\n", &all),
            ("native.yaml", "yaml", YAML.as_bytes(), host),
            ("foreign.yaml", "yaml", YAML.as_bytes(), other),
            ("clear.yaml", "yaml", b"open_unencrypted: open_value\ntest_key: test_value\n", &all),
            ("text.bin", "binary", b"a \"quoted\" 'value'\n", &all),
            ("unencrypted.yaml", "yaml", YAML.as_bytes(), self.text("<unencrypted>")),
            ("toy.yaml", "yaml", YAML.as_bytes(), self.text("<toy>")),
            ("toy.json", "json", JSON.as_bytes(), self.text("<toy>")),
        ];
        std::thread::scope(|scope| {
            for (name, format, plaintext, recipients) in files {
                scope.spawn(move || self.sops_file(name, format, plaintext, recipients));
            }
        });
        std::fs::write(self.part("store").join("plain.yaml"), YAML).unwrap();
    }

    /// A `PATH` in which the plugins are, too.
    fn path(&self) -> OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.part("store")).chain(std::env::split_paths(&path));
        std::env::join_paths(all).unwrap()
    }

    fn sops_file(&self, name: &str, format: &str, plaintext: &[u8], recipients: &str) {
        let input = self.directory.join(format!("plain-{name}"));
        std::fs::write(&input, plaintext).unwrap();
        let output_type = if format == "binary" { "json" } else { format };
        let mut command = tools::sops();
        command.args(["encrypt", "--input-type", format, "--output-type", output_type, "--age", recipients]);
        command.arg(&input).current_dir(&self.directory).env("PATH", self.path());
        let encrypted = tools::run(&mut command, b"");
        std::fs::write(self.part("store").join(name), encrypted).unwrap();
        std::fs::remove_file(input).unwrap();
    }

    fn age_files(&self) {
        for (name, recipient, plaintext) in [
            ("one.age", "<machine>", &b"age one"[..]),
            ("two.age", "<machine>", b"age two\n"),
            ("host.age", "<host>", b"age host"),
            ("foreign.age", "<other>", b"age foreign"),
            ("toy.age", "<toy>", b"age toy"),
        ] {
            let mut age = Command::new("age");
            age.args(["-r", self.text(recipient)]).env("PATH", self.path());
            let encrypted = tools::run(&mut age, plaintext);
            std::fs::write(self.part("store").join(name), encrypted).unwrap();
        }
    }
}

impl Drop for Fixtures {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
