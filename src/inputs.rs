//! Files into checked types: the manifest, the account files, templates.

use std::ffi::OsStr;
use std::path::Path;

use tracing::warn;

use crate::accounts::Accounts;
use crate::manifest::{self, Manifest, user_mode};
use crate::system::files;

/// Largest account file or template, in bytes.
const MAX_SMALL_FILE: u64 = 16 * 1024 * 1024;

/// Reads and checks a manifest, and puts the runtime directory in place of `%r` in a user's.
///
/// # Errors
/// One message that lists every fault.
pub fn manifest(path: &Path, runtime_dir: Option<&OsStr>) -> Result<Manifest, String> {
    unexpanded_manifest(path)
        .and_then(|manifest| user_mode::expand(manifest, runtime_dir).map_err(|faults| faulty(path, &faults)))
}

/// Reads and checks a manifest, and leaves `%r` as it is: a build has no runtime directory.
///
/// # Errors
/// One message that lists every fault.
pub fn unexpanded_manifest(path: &Path) -> Result<Manifest, String> {
    let no_manifest = |message: String| format!("{message}\n  hint: {WHAT_IT_IS}");
    let bytes = files::read(path, manifest::MAX_BYTES as u64)
        .map_err(|error| no_manifest(faulty(path, &[error.to_string()])))?;
    manifest::parse(&bytes).map_err(|faults| {
        let message = faulty(path, &faults);
        // Every manifest has this key, and hardly another file.
        let is_one = memchr::memmem::find(&bytes, b"\"secretsMountPoint\"").is_some();
        if is_one { message } else { no_manifest(message) }
    })
}

/// For who names something else than a manifest.
const WHAT_IT_IS: &str = "a manifest is the JSON file that the NixOS module writes; a sops file is printed by `sops-activate decrypt`";

fn faulty(path: &Path, faults: &[String]) -> String {
    format!("cannot use manifest '{}':\n  {}", path.display(), faults.join("\n  "))
}

/// The account files; one that cannot be read is as good as empty, and fails the secrets that need it.
#[must_use]
pub fn accounts() -> Accounts {
    let read = |path: &str| {
        files::read(Path::new(path), MAX_SMALL_FILE).unwrap_or_else(|error| {
            warn!("{error}");
            Vec::new().into()
        })
    };
    Accounts::parse(&read("/etc/passwd"), &read("/etc/group"))
}

/// The text of a template that is kept in a file.
///
/// # Errors
/// It cannot be read, or is larger than 16 MiB.
pub fn template(path: &Path) -> Result<Vec<u8>, String> {
    files::read(path, MAX_SMALL_FILE).map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
}
