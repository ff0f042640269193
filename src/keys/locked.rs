//! Why a file stayed closed, in terms that an administrator can act on.

use super::age::{Asking, Closed};
use super::plugin::Header;
use super::recipient;
use crate::sops::metadata::{AgeEntry, KeyGroup, Metadata};

/// How many recipients or details are listed.
const MAX_LISTED: usize = 50;

/// Why nothing opened a file: all that an administrator needs to see, beside the keyring's own lists.
#[derive(Debug)]
pub struct Locked {
    /// Why, in a clause: "none of this machine's keys can open it", or what was broken or not supported.
    pub reason: String,
    /// The recipients that the file names, fit to be printed: `age1…`, `ssh-ed25519 AAAA…`, `PGP <fingerprint>`, `kms`, ….
    pub encrypted_for: Vec<String>,
    /// More about single recipients, a line each, that `reason` does not say. Often empty.
    pub details: Vec<String>,
    /// Whether one of them is ours, so that the wrapped key itself must be damaged.
    pub ours_but_broken: bool,
    /// Whether the file could be opened only by something that this program does not support: other keys for
    /// this machine would not help.
    pub unsupported: bool,
    /// Whether a plugin that was asked has failed.
    pub plugin_failed: bool,
    /// What plugins may be asked about: it may open then.
    pub unasked: Vec<Header>,
}

/// What went wrong at the age entries of a group.
#[derive(Default)]
pub(super) struct Failures {
    /// Line by line, in the order of the attempts, but for `broken`.
    details: Vec<String>,
    /// What is wrong with the first entry that was ours and did not open.
    broken: Option<String>,
    /// How many entries are of a kind that this program cannot open, and the first such reason.
    unsupported: usize,
    unsupported_reason: Option<&'static str>,
    plugin_failed: bool,
    unasked: Vec<Header>,
}

impl Failures {
    /// Notes that `entry` stayed closed. `named`: it names one of our recipients.
    pub(super) fn add(&mut self, entry: &AgeEntry, named: bool, closed: Closed) {
        let of = recipient::shown(&entry.recipient);
        let broken = match closed {
            Closed::Damaged { reason, ours } if ours || named => {
                format!("the data key that is wrapped for {of} is damaged: {reason}")
            }
            Closed::Damaged { reason, .. } => return self.details.push(format!("{of}: {reason}")),
            Closed::NotOurs { .. } if named => format!(
                "the entry for {of} names this machine's key, which does not open it: \
                it was damaged, or made for another key"
            ),
            Closed::NotOurs { asking: Asking::Unasked(header), .. } => return self.unasked.push(header),
            Closed::NotOurs { asking: Asking::Refused(refusal), .. } => {
                self.plugin_failed |= refusal.is_fault;
                return self.details.push(format!("{of}: {}", refusal.reason));
            }
            Closed::NotOurs { unsupported, asking: Asking::Nobody, .. } => {
                if let Some(reason) = recipient::unsupported(&entry.recipient).or(unsupported) {
                    self.unsupported += 1;
                    self.unsupported_reason.get_or_insert(reason);
                    self.details.push(format!("{of}: {reason}"));
                }
                return;
            }
        };
        match self.broken {
            None => self.broken = Some(broken),
            Some(_) => self.details.push(broken),
        }
    }
}

impl Locked {
    /// A file without any recipient.
    pub(super) fn nobody() -> Self {
        Self::because("it names no recipient at all".into(), Vec::new())
    }

    /// A file whose key is split.
    pub(super) fn shamir(groups: &[KeyGroup]) -> Self {
        let reason =
            format!("its key is split over {} key groups (Shamir), which is not supported yet", groups.len());
        Self { unsupported: true, ..Self::because(reason, groups.iter().flat_map(recipients).collect()) }
    }

    /// A file with one key group of which no entry opened. `keyless`: there was no identity to try.
    pub(super) fn group(group: &KeyGroup, failures: Failures, keyless: bool) -> Self {
        let encrypted_for: Vec<_> = recipients(group).collect();
        if encrypted_for.is_empty() {
            return Self::nobody();
        }
        let mut details = failures.details;
        details.extend(foreign(group).map(|recipient| format!("{recipient}: not supported yet")));
        let ours_but_broken = failures.broken.is_some();
        let unsupported = !ours_but_broken && failures.unsupported == group.age.len();
        let reason = match (failures.broken, failures.unsupported_reason) {
            (Some(broken), _) => broken,
            _ if unsupported && group.age.is_empty() => foreign_reason(group),
            (None, Some(reason)) if unsupported => format!("it cannot be opened: {reason}"),
            _ => no_match(keyless).into(),
        };
        if unsupported && (group.age.is_empty() || encrypted_for.len() == 1) {
            details.clear(); // the reason says it all
        }
        limit(&mut details);
        let (unasked, plugin_failed) = (failures.unasked, failures.plugin_failed);
        let because = Self::because(reason, encrypted_for);
        Self { details, ours_but_broken, unsupported, plugin_failed, unasked, ..because }
    }

    /// A plain age file.
    pub(super) fn age_file(closed: Closed, keyless: bool) -> Self {
        match closed {
            Closed::Damaged { reason, ours } => {
                Self { ours_but_broken: ours, ..Self::because(reason, Vec::new()) }
            }
            Closed::NotOurs { stanzas, asking: Asking::Unasked(header), .. } => {
                Self { unasked: vec![header], ..Self::because(no_match(keyless).into(), stanzas) }
            }
            Closed::NotOurs { stanzas, asking: Asking::Refused(refusal), .. } => Self {
                details: vec![refusal.reason],
                plugin_failed: refusal.is_fault,
                ..Self::because(no_match(keyless).into(), stanzas)
            },
            Closed::NotOurs { stanzas, unsupported: None, .. } => {
                Self::because(no_match(keyless).into(), stanzas)
            }
            Closed::NotOurs { stanzas, unsupported: Some(reason), .. } if stanzas.len() == 1 => {
                Self { unsupported: true, ..Self::because(format!("it cannot be opened: {reason}"), stanzas) }
            }
            Closed::NotOurs { stanzas, unsupported: Some(reason), .. } => {
                Self { details: vec![reason.into()], ..Self::because(no_match(keyless).into(), stanzas) }
            }
        }
    }

    fn because(reason: String, mut encrypted_for: Vec<String>) -> Self {
        limit(&mut encrypted_for);
        Self {
            reason,
            encrypted_for,
            details: Vec::new(),
            ours_but_broken: false,
            unsupported: false,
            plugin_failed: false,
            unasked: Vec::new(),
        }
    }
}

fn no_match(keyless: bool) -> &'static str {
    if keyless {
        "this machine has no usable age key to open it"
    } else {
        "none of this machine's keys can open it"
    }
}

/// Everybody whom a sops file names as recipient, fit to be printed.
#[must_use]
pub fn recipients_named(metadata: &Metadata) -> Vec<String> {
    metadata.key_groups.iter().flat_map(recipients).collect()
}

/// Everything that a group names, fit to be printed.
fn recipients(group: &KeyGroup) -> impl Iterator<Item = String> {
    group.age.iter().map(|entry| recipient::shown(&entry.recipient)).chain(foreign(group))
}

/// What a group names beside age recipients.
fn foreign(group: &KeyGroup) -> impl Iterator<Item = String> {
    let pgp = group.pgp.iter().map(|fingerprint| format!("PGP {}", recipient::shown(fingerprint)));
    pgp.chain(group.other.iter().map(|kind| (*kind).into()))
}

/// Why a group without age recipients cannot be opened.
fn foreign_reason(group: &KeyGroup) -> String {
    let mut all: Vec<_> = foreign(group).collect();
    limit(&mut all);
    format!("it is encrypted only for {}, which is not supported yet", all.join(", "))
}

fn limit(list: &mut Vec<String>) {
    let more = list.len().saturating_sub(MAX_LISTED);
    if more > 0 {
        list.truncate(MAX_LISTED);
        list.push(format!("and {more} more"));
    }
}
