//! `explain`: everything about a secret, for the person at the console. Decrypts nothing but wrapped data keys.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use tracing::error;

use crate::accounts::Accounts;
use crate::error::{Exit, Failure};
use crate::identities;
use crate::inputs;
use crate::keys::{Header, Keyring};
use crate::manifest::{Account, Format, Key, Manifest, Placement, SecretSpec, UnitName};
use crate::open;
use crate::plugins;
use crate::record::{Outcome, Record};
use crate::system::plugins::Plugins;
use crate::system::secretfs::SecretFs;
use crate::system::{self, process};
use crate::withheld::without_private_keys;

/// What is asked.
pub struct Request<'a> {
    /// The manifest file.
    pub manifest: &'a Path,
    /// The secrets wanted, or all if empty.
    pub names: &'a [String],
    /// `XDG_RUNTIME_DIR`, for user mode.
    pub runtime_dir: Option<&'a OsStr>,
    /// `PATH`, for the plugins of a manifest of sops-nix's.
    pub path: Option<&'a OsStr>,
}

/// The manifest and the plugins that may be started: what has to be had before the process confines itself.
pub fn prepare(request: &Request<'_>) -> Option<(Manifest, Plugins)> {
    match inputs::manifest(request.manifest, request.runtime_dir) {
        Ok(manifest) => {
            let plugins = plugins::of_manifest(&manifest, request.path);
            Some((manifest, plugins))
        }
        Err(message) => {
            error!("{message}");
            None
        }
    }
}

/// Prints a block of facts for each secret. Ends with success if every one of them can be opened, and is as declared
/// if it is installed.
pub fn run(request: &Request<'_>, prepared: Option<(Manifest, Plugins)>, out: &mut dyn Write) -> Exit {
    let Some((manifest, mut plugins)) = prepared else { return Exit::Unchanged };
    let known: BTreeSet<&str> = manifest.secrets.iter().map(|spec| spec.name.as_str()).collect();
    let unknown: Vec<&str> =
        request.names.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
    if !unknown.is_empty() {
        error!(
            "there is no secret '{}' in '{}'\n  hint: {}",
            unknown.join("', '"),
            request.manifest.display(),
            some_of(&known)
        );
        return Exit::Unchanged;
    }
    let is_wanted = |spec: &&SecretSpec| {
        request.names.is_empty() || request.names.iter().any(|name| name == spec.name.as_str())
    };
    let wanted: Vec<&SecretSpec> = manifest.secrets.iter().filter(is_wanted).collect();
    let mut keyring = identities::load(&manifest, &plugins);
    if !keyring.plugins().is_empty() {
        let unasked = |spec: &&SecretSpec| open::access(&spec.sops_file, spec.format, &keyring).unasked;
        let unasked: Vec<Header> = wanted.iter().flat_map(unasked).collect();
        plugins::ask(&mut keyring, &mut plugins, &unasked);
    }
    let facts = Facts { manifest: &manifest, keyring, accounts: inputs::accounts(), live: live(&manifest) };
    let mut text = String::new();
    let mut all_well = true;
    for spec in wanted {
        all_well &= facts.describe(spec, &mut text);
    }
    if let Err(error) = out.write_all(without_private_keys(&text).as_bytes()) {
        error!("cannot write to standard output: {error}");
        return Exit::Unchanged;
    }
    if all_well { Exit::Success } else { Exit::Partial }
}

/// How many secrets are named to somebody who asked for one that is not there.
const MAX_OFFERED: usize = 10;

/// What the manifest has, for somebody who asked for something else.
fn some_of(known: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = known.iter().take(MAX_OFFERED).copied().collect();
    match (known.len(), known.len() - names.len()) {
        (0, _) => "it has no secret at all".to_owned(),
        (_, 0) => format!("it has '{}'", names.join("', '")),
        (_, more) => format!("it has '{}', and {more} more", names.join("', '")),
    }
}

/// What is live, for the state of each secret.
enum Live {
    /// Nothing.
    Nothing,
    /// A generation; without a record if another program made it.
    Generation(u64, Option<Record>),
    /// It cannot be looked at, mostly for want of root's rights.
    Unknown(system::Error),
}

fn live(manifest: &Manifest) -> Live {
    match live_record(manifest) {
        Ok(Some((number, record))) => Live::Generation(number, record),
        Ok(None) => Live::Nothing,
        Err(error) => Live::Unknown(error),
    }
}

/// The number of the live generation, and its record if it has one that can be read.
fn live_record(manifest: &Manifest) -> Result<Option<(u64, Option<Record>)>, system::Error> {
    let secretfs = if manifest.user_mode {
        SecretFs::existing_directory(&manifest.mount_point)?
    } else {
        SecretFs::open(&manifest.mount_point)?
    };
    let Some(secretfs) = secretfs else { return Ok(None) };
    let live = secretfs.live(&manifest.symlink_path)?;
    let Some(number) = live.number.filter(|_| live.generation.is_some()) else { return Ok(None) };
    let record = secretfs.read_record(number)?.and_then(|bytes| Record::from_json(&bytes));
    Ok(Some((number, record)))
}

/// All that is known while secrets are described.
struct Facts<'a> {
    manifest: &'a Manifest,
    keyring: Keyring,
    accounts: Accounts,
    live: Live,
}

impl Facts<'_> {
    /// Appends the block of one secret to `text`; false if no identity opens it, or it is stale, missing or without its link.
    fn describe(&self, spec: &SecretSpec, text: &mut String) -> bool {
        let name = spec.name.as_str();
        let _ = writeln!(text, "secret {name}");
        let mut line = |label: &str, fact: &str| {
            let _ = writeln!(text, "  {:15}{fact}", format!("{label}:"));
        };
        line("phase", self.manifest.phase());
        line("file", &format!("{} ({})", spec.sops_file.display(), spec.format.as_str()));
        line(
            "key",
            match (&spec.key, spec.format) {
                (Key::Path(key), _) => key,
                (Key::Whole, Format::Age) => "the whole plaintext",
                (Key::Whole, _) => "the whole file",
            },
        );
        let access = open::access(&spec.sops_file, spec.format, &self.keyring);
        match &access.encrypted_for[..] {
            [] => {}
            recipients => line("encrypted for", &recipients.join("\n                 ")),
        }
        match &access.opened_by {
            Ok(by) => line("opened by", &format!("{} ({})", by.recipient, by.source.display())),
            Err(failure) => describe_failure(failure, &mut line),
        }
        let has_link = self.describe_place(&spec.place, name, &mut line);
        let (state, is_fresh) = self.state(name);
        line("state", &state);
        access.opened_by.is_ok() && has_link && is_fresh
    }

    /// Where it is and whose; false if its link could not be made.
    fn describe_place(&self, place: &Placement, name: &str, line: &mut impl FnMut(&str, &str)) -> bool {
        let (owner, group) = self.owner(place);
        line("owner", &owner);
        line("group", &group);
        match &place.mode {
            Ok(mode) => line("mode", &format!("{:04o}", mode.bits())),
            Err(cause) => line("mode", &format!("not usable: {cause}")),
        }
        let target = self.manifest.symlink_path.join(name);
        line("place", &target.display().to_string());
        let no_link = self.failed_link(&place.path);
        match no_link {
            _ if place.path == target => {}
            Some(reason) => line("link", &format!("{} (not made: {reason})", place.path.display())),
            None => line("link", &place.path.display().to_string()),
        }
        for (label, units) in [("restarts", &place.restart_units), ("reloads", &place.reload_units)] {
            if !units.is_empty() {
                let units: Vec<&str> = units.iter().map(UnitName::as_str).collect();
                line(label, &units.join(" "));
            }
        }
        no_link.is_none()
    }

    /// Owner and group, as a file of this phase gets them: before users are made everything is root's, and a user's
    /// own files are theirs.
    fn owner(&self, place: &Placement) -> (String, String) {
        match self.manifest.phase() {
            "users" => ("root (0)".to_owned(), "root (0)".to_owned()),
            "user" => {
                let mine = |id: u32| format!("{id} (whoever runs it)");
                (mine(process::effective_uid().as_raw()), mine(process::effective_gid().as_raw()))
            }
            _ => (
                account(&place.owner, |name| self.accounts.uid(name)),
                account(&place.group, |name| self.accounts.gid(name)),
            ),
        }
    }

    /// Why the last run could not make the link at `path`, if that is so.
    fn failed_link(&self, path: &Path) -> Option<&str> {
        let Live::Generation(_, Some(record)) = &self.live else { return None };
        record.failed_links.iter().find(|link| Path::new(&link.path) == path).map(|link| &*link.reason)
    }

    /// The state of a secret in the live generation; false if there is something wrong with it.
    fn state(&self, name: &str) -> (String, bool) {
        let (number, record) = match &self.live {
            Live::Nothing => return ("not installed".to_owned(), true),
            Live::Unknown(error) => return (format!("not known: {error}"), true),
            Live::Generation(number, None) => {
                return (format!("not known: generation {number} was made by another program"), true);
            }
            Live::Generation(number, Some(record)) => (number, record),
        };
        let Some(item) = record.items.iter().find(|item| item.inner == name) else {
            return (format!("not in the live generation ({number})"), true);
        };
        let reason = item.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        match item.outcome {
            Outcome::Fresh => (format!("fresh, in generation {number}"), true),
            outcome => (format!("{}, in generation {number}{reason}", outcome.as_str()), false),
        }
    }
}

fn describe_failure(failure: &Failure, line: &mut impl FnMut(&str, &str)) {
    line("opened by", &format!("nothing: {}", failure.cause));
    let told = ["encrypted for"];
    for (label, fact) in failure.details.iter().filter(|(label, _)| !told.contains(label)) {
        line(label, fact);
    }
    if let Some(hint) = &failure.hint {
        line("hint", hint);
    }
}

fn account(account: &Account, id: impl Fn(&str) -> Option<u32>) -> String {
    match account {
        Account::Id(id) => id.to_string(),
        Account::Name(name) => match id(name) {
            Some(id) => format!("{name} ({id})"),
            None => format!("{name} (does not exist)"),
        },
    }
}
