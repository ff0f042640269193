//! What went wrong, in the one shape that every message has, and the exit codes.

use std::fmt::{self, Write as _};

/// How a run ended (contract: exit codes).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// All is as declared.
    Success,
    /// Nothing was changed; the previous generation is untouched.
    Unchanged,
    /// The command line is wrong.
    Usage,
    /// A new generation is active (or the live one was kept), but some of it is missing or stale, each part named.
    Partial,
}

impl Exit {
    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Unchanged => 1,
            Self::Usage => 2,
            Self::Partial => 3,
        }
    }
}

/// What a failure is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A secret, by name.
    Secret(String),
    /// A template, by name.
    Template(String),
    /// The run itself.
    Run,
}

impl Subject {
    /// `secret 'wifi/psk'`, or nothing for the run.
    fn describe(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Secret(name) => Some(("secret", name)),
            Self::Template(name) => Some(("template", name)),
            Self::Run => None,
        }
    }
}

/// One thing that could not be done: what, to which secret, from which file, why, and what to do next.
///
/// Never holds plaintext or key material; everything in it may be printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The action that failed, as a verb phrase: `decrypt`, `set the owner of`.
    pub doing: String,
    /// What it was done to.
    pub subject: Subject,
    /// Why: one clause that names the file.
    pub cause: String,
    /// Facts that help: label and text, one line each.
    pub details: Vec<(&'static str, String)>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure of `doing` to `subject`, because of `cause`.
    pub fn new(doing: impl Into<String>, subject: Subject, cause: impl Into<String>) -> Self {
        Self { doing: doing.into(), subject, cause: cause.into(), details: Vec::new(), hint: None }
    }

    /// The same failure with a line of detail.
    #[must_use]
    pub fn detail(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.details.push((label, text.into()));
        self
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn same_reason(&self, other: &Self) -> bool {
        self.doing == other.doing
            && self.subject.describe().map(|(kind, _)| kind) == other.subject.describe().map(|(kind, _)| kind)
            && self.cause == other.cause
            && self.details == other.details
            && self.hint == other.hint
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&message(&[self]))
    }
}

impl std::error::Error for Failure {}

/// One message for each reason: secrets that failed for the same reason (one file, mostly) share it.
#[must_use]
pub fn messages(failures: &[Failure]) -> Vec<String> {
    let mut groups: Vec<Vec<&Failure>> = Vec::new();
    for failure in failures {
        match groups.iter_mut().find(|group| group[0].same_reason(failure)) {
            Some(group) => group.push(failure),
            None => groups.push(vec![failure]),
        }
    }
    groups.iter().map(|group| message(group)).collect()
}

/// The first line of a failure's message: what could not be done, and why.
#[must_use]
pub fn summary(failure: &Failure) -> String {
    headline(failure, &[failure])
}

/// The text of a group of failures that have their reason in common.
fn message(group: &[&Failure]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let mut text = headline(first, group);
    let width = first.details.iter().map(|(label, _)| label.len() + 1).max().unwrap_or(0);
    for (label, detail) in &first.details {
        let _ = write!(text, "\n  {:width$} {detail}", format!("{label}:"));
    }
    if let Some(hint) = &first.hint {
        let _ = write!(text, "\n  hint: {hint}");
    }
    text
}

fn headline(first: &Failure, group: &[&Failure]) -> String {
    let names: Vec<String> = group
        .iter()
        .filter_map(|failure| failure.subject.describe())
        .map(|(_, name)| format!("'{name}'"))
        .collect();
    let mut text = format!("cannot {}", first.doing);
    if let Some((kind, _)) = first.subject.describe() {
        let plural = if names.len() == 1 { "" } else { "s" };
        let _ = write!(text, " {kind}{plural} {}", names.join(", "));
    }
    let _ = write!(text, ": {}", first.cause);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(name: &str) -> Failure {
        Failure::new(
            "decrypt",
            Subject::Secret(name.into()),
            "none of this machine's keys can open '/nix/store/x'",
        )
        .detail("encrypted for", "age1aaa age1bbb")
        .detail("this machine", "age1ccc (/etc/ssh/ssh_host_ed25519_key)")
        .hint("run `sops updatekeys`")
    }

    #[test]
    fn a_failure_reads_as_the_contract_says() {
        assert_eq!(
            locked("wifi/psk").to_string(),
            "cannot decrypt secret 'wifi/psk': none of this machine's keys can open '/nix/store/x'\n  \
             encrypted for: age1aaa age1bbb\n  \
             this machine:  age1ccc (/etc/ssh/ssh_host_ed25519_key)\n  \
             hint: run `sops updatekeys`"
        );
    }

    #[test]
    fn secrets_with_one_reason_share_a_message() {
        let (a, b) = (locked("a"), locked("b"));
        let other = Failure::new("decrypt", Subject::Secret("c".into()), "the MAC does not match");
        let all = messages(&[a, other, b]);
        assert_eq!(all.len(), 2);
        assert!(all[0].starts_with("cannot decrypt secrets 'a', 'b': none of"));
        assert!(all[1].starts_with("cannot decrypt secret 'c': the MAC"));
    }
}
