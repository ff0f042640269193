//! Checked types of the manifest: a value of one of these types is known to be valid.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::sops;

/// The directory of rendered templates inside a generation. No secret may lie in it.
pub const RENDERED: &str = "rendered";

/// The longest path that the kernel takes, in bytes, without its final NUL (`PATH_MAX`).
pub(super) const PATH_MAX: usize = 4095;

/// The whole manifest, checked. Built by [`super::parse`] only.
pub struct Manifest {
    /// The secrets, in the order of the file.
    pub secrets: Vec<SecretSpec>,
    /// The templates, in the order of the file.
    pub templates: Vec<TemplateSpec>,
    /// The text that stands in templates for a secret's value. Complete when there are templates; it may
    /// also name secrets that this manifest does not have, such as those of the other phase.
    pub placeholders: BTreeMap<Name, String>,
    /// Where the memory file system is mounted (`/run/secrets.d`).
    pub mount_point: PathBuf,
    /// The link to the live generation (`/run/secrets`).
    pub symlink_path: PathBuf,
    /// How many old generations are kept; 0 keeps all.
    pub keep_generations: u32,
    /// The age key file.
    pub age_key_file: Option<PathBuf>,
    /// SSH host keys to use as age identities.
    pub age_ssh_key_paths: Vec<PathBuf>,
    /// The home of GPG, not supported yet: named in a note when a file needs it.
    pub gnupg_home: Option<PathBuf>,
    /// SSH RSA keys to import into GPG; as above.
    pub gnupg_ssh_key_paths: Vec<PathBuf>,
    /// tmpfs with `noswap` instead of ramfs.
    pub use_tmpfs: bool,
    /// Unprivileged mode (home-manager): no mount, no owners.
    pub user_mode: bool,
    /// What to print.
    pub logging: Logging,
    /// What to do when a part fails.
    pub on_failure: OnFailure,
    /// Public keys of the machine, for `check`.
    pub machine_recipients: Vec<String>,
    /// The plugin programs that may be started, absolute paths; no others are.
    pub age_plugins: Vec<PathBuf>,
    /// Whether our own module wrote it (`"schema": 1`): `key` then counts for dotenv and ini too.
    pub own_schema: bool,
}

/// One secret.
pub struct SecretSpec {
    /// Its name, which is also its path inside a generation.
    pub name: Name,
    /// Where in the file it is.
    pub key: Key,
    /// The file it is in.
    pub sops_file: PathBuf,
    /// The format of that file.
    pub format: Format,
    /// What becomes of the plaintext.
    pub place: Placement,
}

/// One template.
pub struct TemplateSpec {
    /// Its name, below `rendered/`.
    pub name: Name,
    /// Its text with placeholders.
    pub body: TemplateBody,
    /// What becomes of the rendered text.
    pub place: Placement,
}

/// Where a template's text is.
pub enum TemplateBody {
    /// In the manifest.
    Content(String),
    /// In a file.
    File(PathBuf),
}

/// Owner, mode, link and units: what secrets and templates have in common.
pub struct Placement {
    /// The declared path; a link is made there if it is not the place in the live generation itself.
    pub path: PathBuf,
    /// The owner.
    pub owner: Account,
    /// The group.
    pub group: Account,
    /// The file mode, or why it is none: a bad mode fails this one secret only.
    pub mode: Result<Mode, String>,
    /// Units to restart when it changes.
    pub restart_units: Vec<UnitName>,
    /// Units to reload when it changes.
    pub reload_units: Vec<UnitName>,
}

/// A user or group, as declared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Account {
    /// By name, to be looked up.
    Name(String),
    /// By number.
    Id(u32),
}

/// A relative path without empty, `.` or `..` elements or control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(pub(super) String);

/// Permission bits, `0000` to `0777`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode(pub(super) u32);

/// The name of a systemd unit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UnitName(pub(super) String);

/// What part of a file a secret is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key {
    /// Everything.
    Whole,
    /// The scalar at this path, elements separated by `/`.
    Path(String),
}

/// The format of a secret's file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// One of sops' formats.
    Sops(sops::Format),
    /// A plain age file.
    Age,
}

/// What to do when a part of the run fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFailure {
    /// Install what is whole, keep the last good copy of the rest, exit 3.
    #[default]
    KeepGoing,
    /// Change nothing, exit 1.
    Abort,
}

/// What the agent prints beside errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Logging {
    /// A line for each imported key.
    pub key_import: bool,
    /// The change report.
    pub secret_changes: bool,
}

/// The places of a machine's two phases, where its module puts them: mount point, and link to the live generation.
pub const PHASES: [(&str, &str); 2] =
    [("/run/secrets-for-users.d", "/run/secrets-for-users"), ("/run/secrets.d", "/run/secrets")];

impl Manifest {
    /// When it is installed: `users` (before users are made), `services`, or `user` (home-manager's).
    #[must_use]
    pub fn phase(&self) -> &'static str {
        if self.user_mode {
            "user"
        } else if self.symlink_path.as_os_str().as_encoded_bytes().ends_with(b"-for-users") {
            "users"
        } else {
            "services"
        }
    }
}

impl Format {
    /// Every format and the word for it in a manifest and on the command line.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("yaml", Self::Sops(sops::Format::Yaml)),
        ("json", Self::Sops(sops::Format::Json)),
        ("binary", Self::Sops(sops::Format::Binary)),
        ("dotenv", Self::Sops(sops::Format::Dotenv)),
        ("ini", Self::Sops(sops::Format::Ini)),
        ("age", Self::Age),
    ];

    /// The word for this format.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, format)| *format == self).map_or("", |(word, _)| word)
    }

    /// The format that a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, format)| *format)
    }
}
