//! Why a file stayed closed, told as a failure: what it is encrypted for, what keys this machine has, and what to do next.

use std::path::Path;

use crate::error::{Failure, Subject};
use crate::keys::{Keyring, Locked};
use crate::sops::{Fault, FaultKind};
use crate::system;

/// What helps against a file of a manifest that is not there.
pub const ADD_IT: &str = "is the file in the repository, and added to git so that Nix sees it?";

/// The failure of a file that is not there or cannot be read.
#[must_use]
pub fn unreadable(path: &Path, error: &system::Error) -> Failure {
    Failure::new("decrypt", Subject::Run, error.to_string()).file(path.display()).hint(ADD_IT)
}

/// The failure of a file that is damaged, of another format, or lacks the key.
#[must_use]
pub fn fault_failure(path: &Path, fault: &Fault) -> Failure {
    let cause = format!("'{}': {fault}", path.display());
    let failure = Failure::new("decrypt", Subject::Run, cause).file(path.display());
    match (&fault.hint, usual_hint(fault.kind)) {
        (Some(hint), _) => failure.hint(hint.as_ref()),
        (None, Some(hint)) => failure.hint(hint),
        (None, None) => failure,
    }
}

/// What helps against most faults of a kind.
fn usual_hint(kind: FaultKind) -> Option<&'static str> {
    match kind {
        FaultKind::Parse => {
            Some("declare the format that the file has, or restore the file from version control")
        }
        FaultKind::Metadata | FaultKind::Value | FaultKind::Mac => Some(
            "the file is damaged, or was edited without `sops`: restore it from version control, or encrypt it anew",
        ),
        FaultKind::NoMetadata | FaultKind::Limit | FaultKind::Emit | FaultKind::Lookup => None,
    }
}

/// The label of the keys that this machine has, which stands in every failure of a closed file.
pub const THIS_MACHINE: &str = "this machine";

/// How many of this machine's keys a message tells.
const MAX_TOLD: usize = 20;

/// The failure of a file that no identity of this machine opens: recipients, identities, next step.
#[must_use]
pub fn locked_failure(path: &Path, locked: &Locked, keyring: &Keyring) -> Failure {
    let cause = match locked.reason.strip_suffix(" it") {
        Some(reason) => format!("{reason} '{}'", path.display()),
        None => format!("'{}': {}", path.display(), locked.reason),
    };
    let mut failure = Failure::new("decrypt", Subject::Run, cause).file(path.display());
    for detail in &locked.details {
        failure = failure.detail("about", detail.clone());
    }
    if !locked.encrypted_for.is_empty() {
        failure = failure.detail("encrypted for", locked.encrypted_for.join(" "));
    }
    for identity in keyring.public().iter().take(MAX_TOLD) {
        failure =
            failure.detail(THIS_MACHINE, format!("{} ({})", identity.recipient, identity.source.display()));
    }
    for (key, source) in keyring.held_by_plugins().take(MAX_TOLD) {
        failure = failure.detail(THIS_MACHINE, format!("{key} ({})", source.display()));
    }
    if keyring.is_empty() {
        failure = failure.detail(THIS_MACHINE, "no usable key");
    }
    for unusable in keyring.unusable().iter().take(MAX_TOLD) {
        failure =
            failure.detail("not usable", format!("{} ({})", unusable.source.display(), unusable.reason));
    }
    failure.hint(locked_hint(locked, keyring))
}

fn locked_hint(locked: &Locked, keyring: &Keyring) -> String {
    if locked.encrypted_for.is_empty() {
        // An age file, damaged so far that its recipients do not matter.
        return "declare the format that the file has, or restore the file from version control".to_owned();
    }
    if locked.ours_but_broken {
        return "the wrapped key for this machine is damaged: restore the file from version control, \
                or run `sops updatekeys` where it still opens"
            .to_owned();
    }
    if locked.plugin_failed {
        return "put right what the plugin says, or add an age recipient of this machine to the file with `sops updatekeys`"
            .to_owned();
    }
    if let Some(advice) = keyring.missing_plugin() {
        return advice;
    }
    if locked.unsupported {
        return "add an age recipient of this machine to the file with `sops updatekeys`".to_owned();
    }
    match keyring.public().iter().find(|identity| identity.recipient.starts_with("age1")) {
        Some(identity) => format!(
            "run `clan secrets machines add-secret MACHINE SECRET`, or `sops updatekeys` after adding {} to .sops.yaml",
            identity.recipient
        ),
        None if !keyring.is_empty() => "run `sops updatekeys` after adding the recipient of one of this machine's keys to \
                                        .sops.yaml; the recipient of a plugin's key stands in a comment of its key file"
            .to_owned(),
        None if keyring.unusable().is_empty() => {
            "give the machine a key: see `sops.age.sshKeyPaths` and `sops.age.keyFile`".to_owned()
        }
        None => "make one of the keys above usable, or name another one in `sops.age.sshKeyPaths` or \
                 `sops.age.keyFile`"
            .to_owned(),
    }
}
