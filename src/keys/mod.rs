//! The machine's identities, and how they open wrapped data keys and age files. No files: bytes are handed in.
//!
//! * `age_file`, `ssh`: key files to identities. `identity`: an identity at one stanza of an age header, with
//!   `diffie_hellman`.
//! * `armor`, `age`: age files. `recipient`, `recipients_of`: public keys.
//! * `plugin`: keys that another program holds.
//! * `locked`: what is told when nothing opens.

mod age;
mod age_file;
mod armor;
mod diffie_hellman;
mod identity;
mod locked;
mod plugin;
mod recipient;
mod recipients_of;
mod ssh;
#[cfg(test)]
mod tests;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

pub use locked::{Locked, recipients_named};
pub use plugin::{Header, Told};
pub use recipient::{convert_public, opened_by, without_comment};
pub use recipients_of::{MAX_INPUT, Recipients, recipients_of};

use crate::secret::{DataKey, Secret};
use crate::sops::metadata::{AgeEntry, Metadata};
use age::Closed;
use identity::{Identity, X25519};
use locked::Failures;
use plugin::{PluginKey, Plugins};

/// Longest wrapped data key taken, in bytes of armor. sops writes one stanza, of 400 to 2,500.
const MAX_WRAPPED_KEY: usize = 64 * 1024;

/// Most identities of a machine. Each is tried at each stanza.
const MAX_IDENTITIES: usize = 1024;
/// What is noted of a source with more.
const TOO_MANY: &str = "holds a key too many: only the first 1024 of all are used";

/// Every identity of the machine, and a note for each source that gave none.
///
/// Several threads may open files with one keyring.
#[derive(Default)]
pub struct Keyring {
    /// In the order in which they were added; `public` has the same length and order.
    identities: Vec<Identity>,
    public: Vec<PublicIdentity>,
    unusable: Vec<Unusable>,
    plugins: Plugins,
    may_start: MayStart,
}

/// Which plugins may be started.
struct MayStart {
    names: Vec<String>,
    /// Where they are listed, for messages.
    listed_in: &'static str,
    /// Programs that are not listed, and that there is a key of.
    missing: Vec<String>,
}

impl Default for MayStart {
    fn default() -> Self {
        Self { names: Vec::new(), listed_in: "the list of plugins", missing: Vec::new() }
    }
}

/// The public half of an identity: what may be printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicIdentity {
    /// The recipient that encrypts to it: `age1…`, `ssh-ed25519 AAAA…` or `ssh-rsa AAAA…`.
    pub recipient: String,
    /// Where the identity came from.
    pub source: PathBuf,
}

/// A key source that gave no identity (or lost some), and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unusable {
    /// The file.
    pub source: PathBuf,
    /// The reason: a clause about the file, lower case, never with key material.
    pub reason: String,
}

/// A data key that was unwrapped.
pub struct Unlocked {
    /// The key of the file.
    pub key: DataKey,
    /// The identity that opened it.
    pub by: PublicIdentity,
}

impl Keyring {
    /// A keyring without identities.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A keyring that takes keys of the plugins with these names (`tpm` of `age-plugin-tpm`). `listed_in`: what the administrator
    /// lists them in.
    #[must_use]
    pub fn with_plugins<'a>(names: impl Iterator<Item = &'a str>, listed_in: &'static str) -> Self {
        let names = names.map(str::to_owned).collect();
        let may_start = MayStart { names, listed_in, missing: Vec::new() };
        Self { may_start, ..Self::default() }
    }

    /// Adds every identity of an age key file (one a line, `#` comments, LF or CRLF), and the keys in it that plugins hold.
    ///
    /// What cannot be used is noted in [`Self::unusable`], line by line; the other lines count.
    pub fn add_age_key_file(&mut self, source: &Path, content: &[u8]) {
        let file = age_file::parse(content);
        for key in file.keys {
            self.add_x25519(source, key);
        }
        for (number, key) in file.plugin_keys {
            self.add_plugin_key(source, number, key);
        }
        for fault in file.faults {
            self.add_unusable(source, fault);
        }
    }

    /// Adds the two identities of an SSH ed25519 private key: converted to X25519, and native `ssh-ed25519`.
    ///
    /// A key that cannot be used is noted in [`Self::unusable`].
    pub fn add_ssh_key(&mut self, source: &Path, content: &[u8]) {
        match ssh::parse(content) {
            Ok(key) => {
                self.add_x25519(source, key.converted());
                self.add(source, key.public_text(), Identity::SshEd25519(key.native()));
            }
            Err(ssh::Rejected::Rsa) => self.add_rsa_key(source, content),
            Err(ssh::Rejected::Other(reason)) => self.add_unusable(source, reason),
        }
    }

    /// Notes that `source` could not be used at all.
    pub fn add_unusable(&mut self, source: &Path, reason: impl Into<String>) {
        self.unusable.push(Unusable { source: source.into(), reason: reason.into() });
    }

    /// The public halves, in the order they were added.
    #[must_use]
    pub fn public(&self) -> &[PublicIdentity] {
        &self.public
    }

    /// What is told of the keys that plugins hold, and where each came from.
    pub fn held_by_plugins(&self) -> impl Iterator<Item = (String, &Path)> {
        self.plugins.keys.iter().map(|(source, key)| (key.described(), source.as_path()))
    }

    /// What to add to the list of plugins, if there is a key of one that is not in it.
    #[must_use]
    pub fn missing_plugin(&self) -> Option<String> {
        let MayStart { missing, listed_in, .. } = &self.may_start;
        missing.first().map(|program| format!("add {program} to {listed_in}"))
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty() && self.plugins.keys.is_empty()
    }

    /// The sources that gave no identity.
    #[must_use]
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    /// Unwraps the data key of a sops file with the first identity that fits.
    ///
    /// The entries that name one of our recipients come first. All others follow, since nothing keeps the
    /// name of a recipient and the key inside its entry together.
    ///
    /// # Errors
    /// [`Locked`] when none does.
    pub fn unlock(&self, metadata: &Metadata) -> Result<Unlocked, Locked> {
        let group = match metadata.key_groups.as_slice() {
            [] => return Err(Locked::nobody()),
            [group] => group,
            groups => return Err(Locked::shamir(groups)),
        };
        let entries = group.age.iter().map(|entry| (self.named_by(entry), entry));
        let (mut ours, others): (Vec<_>, Vec<_>) = entries.partition(|(named, _)| named.is_some());
        ours.extend(others);
        let mut failures = Failures::default();
        for (named, entry) in ours {
            match self.open_entry(entry, named) {
                Ok(unlocked) => return Ok(unlocked),
                Err(closed) => failures.add(entry, named.is_some(), closed),
            }
        }
        Err(Locked::group(group, failures, self.is_empty()))
    }

    /// Opens a plain age file (armored or not): the whole plaintext and the identity that opened it.
    ///
    /// # Errors
    /// [`Locked`] when none does or the file is damaged.
    pub fn open_age_file(&self, bytes: &[u8]) -> Result<(Secret, PublicIdentity), Locked> {
        match open_armored_or_not(bytes, &self.identities, &self.plugins) {
            Ok(opened) => {
                let by = self.opener(opened.by, None);
                Ok((opened.plaintext, by))
            }
            Err(closed) => Err(Locked::age_file(closed, self.is_empty())),
        }
    }

    /// The names of the plugins that hold keys of this machine.
    #[must_use]
    pub fn plugins(&self) -> Vec<String> {
        self.plugins.names()
    }

    /// Those of `headers` that no plugin has opened yet, each once.
    #[must_use]
    pub fn unanswered<'h>(&self, headers: &'h [Header]) -> Vec<&'h Header> {
        self.plugins.unanswered(headers)
    }

    /// Asks the plugin `name`, which talks over `conversation`, for what opens `headers`. Whatever it answers is kept, and counts when
    /// their files are opened the next time.
    pub fn ask_plugin(
        &mut self,
        name: &str,
        headers: &[&Header],
        conversation: &mut (impl BufRead + Write),
    ) -> Told {
        self.plugins.ask(name, headers, conversation)
    }

    /// Notes that the plugin `name` could not be asked, and why.
    pub fn could_not_ask(&mut self, name: &str, headers: &[&Header], reason: &str) {
        self.plugins.could_not_ask(name, headers, reason);
    }

    fn add_plugin_key(&mut self, source: &Path, line: usize, key: PluginKey) {
        if !self.may_start.names.contains(&key.name) {
            let listed_in = self.may_start.listed_in;
            self.may_start.missing.push(plugin::program(&key.name));
            let reason = format!("line {line} is {}, which is not in {listed_in}", key.described());
            self.add_unusable(source, reason);
        } else if self.plugins.keys.len() == MAX_IDENTITIES {
            self.add_unusable(source, TOO_MANY);
        } else {
            self.plugins.keys.push((source.into(), key));
        }
    }

    /// Who opened an age file: one of our identities, or a plugin, whose recipient the sops file tells.
    fn opener(&self, by: age::By, recipient: Option<&str>) -> PublicIdentity {
        match by {
            age::By::Identity(index) => self.public[index].clone(),
            age::By::Plugin(name) => {
                let held = self.plugins.keys.iter().find(|(_, key)| key.name == name);
                let recipient = recipient.filter(|recipient| plugin::is_recipient(recipient));
                PublicIdentity {
                    recipient: recipient.map_or_else(|| plugin::program(&name), recipient::shown),
                    source: held.map(|(source, _)| source.clone()).unwrap_or_default(),
                }
            }
        }
    }

    fn add_x25519(&mut self, source: &Path, key: X25519) {
        self.add(source, key.recipient(), Identity::X25519(key));
    }

    fn add(&mut self, source: &Path, recipient: String, identity: Identity) {
        if self.identities.len() == MAX_IDENTITIES {
            let is_noted = |last: &Unusable| last.source == source && last.reason == TOO_MANY;
            if !self.unusable.last().is_some_and(is_noted) {
                self.add_unusable(source, TOO_MANY);
            }
            return;
        }
        self.public.push(PublicIdentity { recipient, source: source.into() });
        self.identities.push(identity);
    }

    #[cfg(not(feature = "ssh-rsa"))]
    fn add_rsa_key(&mut self, source: &Path, _content: &[u8]) {
        self.add_unusable(source, RSA_HELP);
    }

    #[cfg(feature = "ssh-rsa")]
    fn add_rsa_key(&mut self, source: &Path, content: &[u8]) {
        match ssh::parse_rsa(content) {
            Some((recipient, key)) => self.add(source, recipient, Identity::SshRsa(Box::new(key))),
            None => self.add_unusable(source, "is an RSA key that is damaged or protected by a passphrase"),
        }
    }

    /// The identity whose recipient an entry names.
    fn named_by(&self, entry: &AgeEntry) -> Option<usize> {
        let recipient = without_comment(&entry.recipient);
        self.public.iter().position(|public| public.recipient == recipient)
    }

    fn open_entry(&self, entry: &AgeEntry, first: Option<usize>) -> Result<Unlocked, Closed> {
        let damaged = |reason: String, ours| Closed::Damaged { reason, ours };
        if entry.enc.len() > MAX_WRAPPED_KEY {
            return Err(damaged("it is longer than 64 KiB".into(), false));
        }
        let file = armor::decode(entry.enc.as_bytes()).map_err(|reason| damaged(reason, false))?;
        let opened = age::open(&file, &self.identities, first, &self.plugins)?;
        let key = DataKey::from_secret(&opened.plaintext)
            .ok_or_else(|| damaged("it does not hold a data key of 32 bytes".into(), true))?;
        Ok(Unlocked { key, by: self.opener(opened.by, Some(&entry.recipient)) })
    }
}

/// What to do about an RSA key.
#[cfg(not(feature = "ssh-rsa"))]
const RSA_HELP: &str = "is an RSA key, which age cannot convert; give the machine an ed25519 host key \
    (`ssh-keygen -t ed25519`) and encrypt for that one";

/// Opens an age file in either of its two forms.
fn open_armored_or_not(
    bytes: &[u8],
    identities: &[Identity],
    plugins: &Plugins,
) -> Result<age::Opened, Closed> {
    if armor::is_binary(bytes) {
        return age::open(bytes, identities, None, plugins);
    }
    let file = armor::decode(bytes).map_err(|reason| Closed::Damaged { reason, ours: false })?;
    age::open(&file, identities, None, plugins)
}

/// Whether `bytes` is an age file, as far as that shows without a key.
///
/// # Errors
/// What is wrong with it, a clause about "it".
pub fn check_age_file(bytes: &[u8]) -> Result<(), String> {
    match open_armored_or_not(bytes, &[], &Plugins::default()) {
        Err(Closed::Damaged { reason, .. }) => Err(reason),
        Ok(_) | Err(Closed::NotOurs { .. }) => Ok(()),
    }
}
