//! What differs between the live generation and the new one, and how it is reported.

use std::collections::BTreeMap;

use crate::manifest::RENDERED;

/// What happened to a file of a generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The live generation has no such file.
    Added,
    /// Content, mode, owner or group differ.
    Modified,
    /// The new generation has no such file.
    Removed,
}

/// Which of the two kinds of files a change is about. sops-nix reports them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A secret.
    Secret,
    /// A rendered template.
    Rendered,
}

impl Kind {
    /// Kind and plain name of a file of a generation.
    #[must_use]
    pub fn of_file(inner: &str) -> (Self, &str) {
        match inner.split_once('/') {
            Some((RENDERED, name)) => (Self::Rendered, name),
            _ => (Self::Secret, inner),
        }
    }
}

/// All changes of a run.
#[derive(Default, Debug)]
pub struct Changes {
    /// By file; the kinds apart, names sorted.
    all: BTreeMap<(Kind, String), Change>,
}

impl Changes {
    /// Notes that the file `inner` of a generation changed.
    pub fn note(&mut self, change: Change, inner: &str) {
        let (kind, name) = Kind::of_file(inner);
        self.all.insert((kind, name.to_owned()), change);
    }

    /// Whether the live generation is what is wanted already.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What happened to the file `inner`, if anything did.
    #[must_use]
    pub fn of(&self, inner: &str) -> Option<Change> {
        let (kind, name) = Kind::of_file(inner);
        self.all.get(&(kind, name.to_owned())).copied()
    }

    /// The files that `change` happened to, as paths inside the generation, sorted.
    #[must_use]
    pub fn names(&self, change: Change) -> Vec<String> {
        let changed = self.all.iter().filter(|(_, c)| **c == change);
        changed
            .map(|((kind, name), _)| match kind {
                Kind::Secret => name.clone(),
                Kind::Rendered => format!("{RENDERED}/{name}"),
            })
            .collect()
    }

    /// The change report in sops-nix's words: names sorted, secrets before rendered templates.
    #[must_use]
    pub fn report(&self, tense: Tense) -> Vec<String> {
        let mut lines = Vec::new();
        for kind in [Kind::Secret, Kind::Rendered] {
            for change in [Change::Added, Change::Modified, Change::Removed] {
                let names: Vec<&str> = self
                    .all
                    .iter()
                    .filter(|((k, _), c)| (*k, **c) == (kind, change))
                    .map(|((_, name), _)| name.as_str())
                    .collect();
                if !names.is_empty() {
                    lines.push(line(kind, change, tense, &names));
                }
            }
        }
        lines
    }
}

/// Whether the changes were made or only looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tense {
    /// `adding`, `modifying`, `removing`.
    Done,
    /// `would add`, `would modify`, `would remove`.
    Would,
}

fn line(kind: Kind, change: Change, tense: Tense, names: &[&str]) -> String {
    let verb = match (tense, change) {
        (Tense::Done, Change::Added) => "adding",
        (Tense::Done, Change::Modified) => "modifying",
        (Tense::Done, Change::Removed) => "removing",
        (Tense::Would, Change::Added) => "would add",
        (Tense::Would, Change::Modified) => "would modify",
        (Tense::Would, Change::Removed) => "would remove",
    };
    let noun = match kind {
        Kind::Secret => "secret",
        Kind::Rendered => "rendered secret",
    };
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("{verb} {noun}{plural}: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_has_sops_nix_words_and_order() {
        let mut changes = Changes::default();
        changes.note(Change::Removed, "rendered/t.env");
        changes.note(Change::Added, "b");
        changes.note(Change::Added, "a/c");
        changes.note(Change::Modified, "m");
        assert_eq!(
            changes.report(Tense::Done),
            ["adding secrets: a/c, b", "modifying secret: m", "removing rendered secret: t.env"]
        );
        assert_eq!(changes.report(Tense::Would)[0], "would add secrets: a/c, b");
    }
}
