//! What went wrong, in the one shape that every message has, and the exit codes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Write as _};

use crate::withheld::without_private_keys;

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
/// Never holds plaintext or key material; everything in it may be printed. Private keys that somebody gave in place of
/// their file are taken out of each text here.
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
    /// The file that `cause` names in quotes, so that many files with one fault can share a message.
    pub file: Option<String>,
}

impl Failure {
    /// A failure of `doing` to `subject`, because of `cause`.
    pub fn new(doing: impl Into<String>, subject: Subject, cause: impl Into<String>) -> Self {
        Self { doing: told(doing), subject, cause: told(cause), details: Vec::new(), hint: None, file: None }
    }

    /// The same failure with a line of detail.
    #[must_use]
    pub fn detail(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.details.push((label, told(text)));
        self
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(told(hint));
        self
    }

    /// The same failure with the file that its cause names in quotes.
    #[must_use]
    pub fn file(mut self, file: impl fmt::Display) -> Self {
        self.file = Some(told(file.to_string()));
        self
    }

    /// All that failures for the same reason have in common; `cause` is what tells theirs.
    fn reason<'f>(&'f self, cause: Cow<'f, str>) -> Reason<'f> {
        let kind = self.subject.describe().map(|(kind, _)| kind);
        Reason { doing: &self.doing, kind, cause, details: &self.details, hint: self.hint.as_deref() }
    }

    /// The cause, whatever the file.
    fn cause_of_any_file(&self) -> Cow<'_, str> {
        match &self.file {
            Some(file) => Cow::Owned(self.cause.replacen(&format!("'{file}'"), "''", 1)),
            None => Cow::Borrowed(&self.cause),
        }
    }
}

/// A text that may be printed.
fn told(text: impl Into<String>) -> String {
    let text = text.into();
    match without_private_keys(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(told) => told,
    }
}

#[derive(PartialEq, Eq, Hash)]
struct Reason<'f> {
    doing: &'f str,
    kind: Option<&'static str>,
    cause: Cow<'f, str>,
    details: &'f [(&'static str, String)],
    hint: Option<&'f str>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&message(&[self], None))
    }
}

impl std::error::Error for Failure {}

/// How many files get a message each though they failed for the same reason; more of them share one.
const MAX_ALIKE: usize = 10;
/// How much of any one text a message tells, in bytes.
const MAX_TEXT: usize = 4096;
/// Longest message without its hint, in bytes.
const MAX_MESSAGE: usize = 4 * MAX_TEXT;

/// One message for each reason: secrets that failed for the same reason (one file, mostly) share it, and so do files
/// if there are many.
#[must_use]
pub fn messages(failures: &[Failure]) -> Vec<String> {
    let same =
        grouped(failures.len(), &|index| failures[index].reason(Cow::Borrowed(&failures[index].cause)));
    let first = |group: usize| &failures[same[group][0]];
    let alike = grouped(same.len(), &|group| first(group).reason(first(group).cause_of_any_file()));
    let all = |group: &usize| same[*group].iter().map(|index| &failures[*index]);
    let mut messages: Vec<Option<String>> = vec![None; same.len()];
    for groups in alike {
        if groups.len() > MAX_ALIKE {
            let files: Vec<&str> =
                groups[1..].iter().filter_map(|group| first(*group).file.as_deref()).collect();
            let all: Vec<&Failure> = groups.iter().flat_map(all).collect();
            messages[groups[0]] = Some(message(&all, Some(listed(&files))));
        } else {
            for group in groups {
                messages[group] = Some(message(&all(&group).collect::<Vec<_>>(), None));
            }
        }
    }
    messages.into_iter().flatten().collect()
}

/// Groups the numbers below `count` that have the same reason; the groups stand in the order of their first members.
fn grouped<'f>(count: usize, reason: &dyn Fn(usize) -> Reason<'f>) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<Reason<'f>, usize> = HashMap::new();
    for one in 0..count {
        let group = *known.entry(reason(one)).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// The first line of a failure's message: what could not be done, and why.
#[must_use]
pub fn summary(failure: &Failure) -> String {
    headline(&[failure])
}

/// The text of a group of failures that have their reason in common. Its headline tells one file; `others` are those that
/// it holds for, too.
fn message(group: &[&Failure], others: Option<String>) -> String {
    let Some(first) = group.first() else { return String::new() };
    let mut text = headline(group);
    let others = others.map(|others| ("same for", others));
    let details = || others.iter().chain(&first.details);
    let width = details().map(|(label, _)| label.len() + 1).max().unwrap_or(0);
    for (label, detail) in details() {
        if text.len() > MAX_MESSAGE {
            text.push_str("\n  …");
            break;
        }
        let _ = write!(text, "\n  {:width$} {}", format!("{label}:"), fit_to_print(detail));
    }
    if let Some(hint) = &first.hint {
        let _ = write!(text, "\n  hint: {}", fit_to_print(hint));
    }
    text
}

fn headline(group: &[&Failure]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let mut text = format!("cannot {}", first.doing);
    if let Some((kind, _)) = first.subject.describe() {
        let plural = if group.len() == 1 { "" } else { "s" };
        let names: Vec<&str> =
            group.iter().filter_map(|failure| failure.subject.describe()).map(|(_, name)| name).collect();
        let _ = write!(text, " {kind}{plural} {}", listed(&names));
    }
    let _ = write!(text, ": {}", fit_to_print(&first.cause));
    text
}

/// Names or files in quotes: all of them, if they are not too many.
fn listed(names: &[&str]) -> String {
    let mut text = String::new();
    for (index, name) in names.iter().enumerate() {
        if text.len() > MAX_TEXT / 2 {
            let _ = write!(text, " and {} more", names.len() - index);
            break;
        }
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}'{name}'");
    }
    text
}

/// Text that may come from a file: on one line, and not endless.
fn fit_to_print(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        if shown.len() >= MAX_TEXT {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
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

    #[test]
    fn many_files_with_one_fault_share_a_message() {
        let failure = |number: usize| {
            let cause = format!("none of this machine's keys can open '/s/{number}'");
            Failure::new("decrypt", Subject::Secret(format!("s{number}")), cause)
                .detail("this machine", "age1ccc")
                .hint("run it")
                .file(format!("/s/{number}"))
        };
        let other = Failure::new("decrypt", Subject::Secret("c".into()), "the MAC does not match");
        let few: Vec<Failure> = (0..MAX_ALIKE).map(failure).collect();
        assert_eq!(messages(&few).len(), MAX_ALIKE);
        let many: Vec<Failure> = (0..10).map(failure).chain([other]).chain([failure(10)]).collect();
        assert_eq!(
            messages(&many),
            [
                "cannot decrypt secrets 's0', 's1', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10': none of this \
                 machine's keys can open '/s/0'\n  \
                 same for:     '/s/1', '/s/2', '/s/3', '/s/4', '/s/5', '/s/6', '/s/7', '/s/8', '/s/9', '/s/10'\n  \
                 this machine: age1ccc\n  hint: run it",
                "cannot decrypt secret 'c': the MAC does not match",
            ]
        );
    }

    #[test]
    fn messages_are_neither_endless_nor_forged() {
        let failure = |number: usize| {
            let mut failure = locked(&format!("{number}{}", "n".repeat(200)));
            failure.cause = format!("a\n<2>b {}", "c".repeat(10_000));
            failure.details = vec![("encrypted for", "x\ry".repeat(1000)); 50];
            failure
        };
        let failures: Vec<Failure> = (0..300).map(failure).collect();
        let messages = messages(&failures);
        assert_eq!(messages.len(), 1);
        assert!(messages[0].len() < 2 * MAX_MESSAGE, "{} bytes", messages[0].len());
        assert!(
            messages[0].contains(" and 2") && messages[0].contains(" more: a\\n<2>b ccc"),
            "{}",
            messages[0]
        );
        assert!(messages[0].ends_with("\n  …\n  hint: run `sops updatekeys`"));
        assert!(messages[0].lines().all(|line| line.starts_with("cannot ") || line.starts_with("  ")));
    }
}
