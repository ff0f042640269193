//! Key files into the keyring. What cannot be used is noted there, and is fatal to nobody but the secrets
//! that stay closed for it.

use std::path::{Path, PathBuf};

use tracing::{info, warn};

use crate::keys::{Keyring, PublicIdentity};
use crate::manifest::Manifest;
use crate::plugins;
use crate::system::files::{self, KeyFile};
use crate::system::plugins::Plugins;
use crate::withheld::holds_private_key;

/// Every identity that a manifest names; those of plugins as far as they are among `plugins`.
#[must_use]
pub fn load(manifest: &Manifest, plugins: &Plugins) -> Keyring {
    let mut keyring = Keyring::with_plugins(plugins.names(), plugins::OPTION);
    for path in &manifest.age_ssh_key_paths {
        with_key_file(&mut keyring, path, |keyring, key| keyring.add_ssh_key(path, &key.bytes));
    }
    // As sops-nix: of SSH keys only, whose recipient is not written in the key file itself.
    if manifest.logging.key_import {
        report_imported(&keyring, &manifest.age_ssh_key_paths);
    }
    if let Some(path) = &manifest.age_key_file {
        with_key_file(&mut keyring, path, |keyring, key| keyring.add_age_key_file(path, &key.bytes));
    }
    keyring
}

/// Adds the identities of a file of either kind: an SSH private key or an age key file.
pub fn add_any(keyring: &mut Keyring, path: &Path) {
    if holds_private_key(&path.to_string_lossy()) {
        keyring.add_unusable(
            path,
            "is a private key itself, not the file with it; give the file, or the key in SOPS_AGE_KEY",
        );
        return;
    }
    with_key_file(keyring, path, |keyring, key| {
        if key.bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
            keyring.add_ssh_key(path, &key.bytes);
        } else {
            keyring.add_age_key_file(path, &key.bytes);
        }
    });
}

/// Tells of each SSH key that was imported, in the form in which it is an age key, as sops-nix does.
fn report_imported(keyring: &Keyring, ssh_keys: &[PathBuf]) {
    let converted = |identity: &&PublicIdentity| {
        identity.recipient.starts_with("age1") && ssh_keys.contains(&identity.source)
    };
    for PublicIdentity { recipient, source } in keyring.public().iter().filter(converted) {
        info!("Imported {} as age key with fingerprint {recipient}", source.display());
    }
}

/// Notes each source that gave no identity.
pub fn report_unusable(keyring: &Keyring) {
    for unusable in keyring.unusable() {
        // Reasons are clauses about the file, or what the kernel says.
        let clause = ["is ", "holds ", "starts "].iter().any(|verb| unusable.reason.starts_with(verb));
        let it = if clause { "it " } else { "" };
        info!("cannot use key '{}': {it}{}", unusable.source.display(), unusable.reason);
    }
}

fn with_key_file(keyring: &mut Keyring, path: &Path, add: impl FnOnce(&mut Keyring, &KeyFile)) {
    match files::read_key(path) {
        Ok(key) => {
            if let Some(warning) = key.warning.as_ref().filter(|_| !is_public(&key.bytes)) {
                warn!("key {warning}");
            }
            add(keyring, &key);
        }
        Err(error) => keyring.add_unusable(path, error.cause),
    }
}

/// Whether a file holds public keys only, which everybody may read: what is wrong with it is that it is the wrong one.
fn is_public(bytes: &[u8]) -> bool {
    let is_public =
        |line: &[u8]| [&b"age1"[..], b"ssh-", b"ecdsa-", b"sk-"].iter().any(|kind| line.starts_with(kind));
    let mut lines = bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .peekable();
    lines.peek().is_some() && lines.all(is_public)
}
