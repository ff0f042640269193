//! Whether a machine can open a file, proven from public data alone.

use std::collections::BTreeSet;
use std::path::Path;

use tracing::warn;

use crate::error::{Failure, Subject};
use crate::keys;
use crate::sops::metadata::Metadata;
use crate::withheld::{holds_private_key, without_private_keys};

/// The public keys of one machine.
pub struct Machine {
    /// As they were given.
    given: Vec<String>,
    /// Every text that a recipient of this machine may have in a sops file: an SSH key counts converted too.
    texts: BTreeSet<String>,
}

impl Machine {
    /// A machine with these public keys: age recipients or SSH public keys. If some were given and none can
    /// be used, nothing can be proven, and the failure says so. A private key among them is a failure, too: who can read
    /// the arguments, or the manifest in the store, has it.
    pub fn new<'a>(given: impl Iterator<Item = &'a str>) -> (Self, Vec<Failure>) {
        let mut machine = Self { given: Vec::new(), texts: BTreeSet::new() };
        let mut failures = Vec::new();
        for recipient in given {
            let shown = without_private_keys(recipient.trim_ascii());
            match keys::opened_by(recipient) {
                Ok(texts) => machine.texts.extend(texts),
                Err(reason) if holds_private_key(recipient) => failures.push(
                    Failure::new(format!("use recipient '{shown}' of this machine"), Subject::Run, reason)
                        .hint("make a new key for the machine: this one has been where others can read it"),
                ),
                Err(reason) => warn!("cannot use recipient '{shown}' of this machine: {reason}"),
            }
            machine.given.push(shown.into_owned());
        }
        if machine.texts.is_empty() && !machine.given.is_empty() {
            let cause = "none of its public keys can be used";
            let failure = Failure::new("prove what this machine can open", Subject::Run, cause)
                .detail("public keys", machine.given.join(" "))
                .hint("give the recipient that `sops-activate recipient` prints of the machine's key");
            failures.push(failure);
        }
        (machine, failures)
    }

    /// Whether there is a public key to prove anything with.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.texts.is_empty()
    }

    /// Proves that the machine can open a file with this sops block. Without any public key nothing is
    /// proven, and everything passes.
    ///
    /// # Errors
    /// It cannot.
    pub fn can_open(&self, path: &Path, metadata: &Metadata) -> Result<(), Failure> {
        if !self.is_known() {
            return Ok(());
        }
        let named: Vec<&str> = metadata
            .key_groups
            .iter()
            .flat_map(|group| group.age.iter().map(|entry| entry.recipient.as_str()))
            .collect();
        let ours = |recipient: &&str| self.texts.contains(&keys::without_comment(recipient));
        if metadata.key_groups.len() == 1 && named.iter().any(ours) {
            return Ok(());
        }
        let cause = match metadata.key_groups.len() {
            0 | 1 => format!("none of this machine's keys can open '{}'", path.display()),
            groups => format!(
                "'{}' has its key split over {groups} key groups (Shamir), which is not supported yet",
                path.display()
            ),
        };
        Err(Failure::new("decrypt", Subject::Run, cause)
            .file(path.display())
            .detail(
                "encrypted for",
                if named.is_empty() { "no age recipient".to_owned() } else { named.join(" ") },
            )
            .detail("this machine", self.given.join(" "))
            .hint(
                "run `clan secrets machines add-secret MACHINE SECRET`, or `sops updatekeys` after adding \
                 the machine to .sops.yaml",
            ))
    }
}
