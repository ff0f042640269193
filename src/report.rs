//! The outcome of a run on standard output: sops-nix's change report, or JSON for programs.

use std::io::Write;

use serde_json::{Value, json};
use tracing::warn;

use crate::changes::{Change, Kind, Tense};
use crate::decide::Steps;
use crate::error::{self, Exit, Failure};
use crate::manifest::{Manifest, UnitName};
use crate::record::Outcome;
use crate::withheld::without_private_keys;

/// How the outcome is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Form {
    /// sops-nix's words: what was added, modified and removed.
    #[default]
    Text,
    /// One JSON object (`docs/report.md`).
    Json,
}

/// What became of a run that got as far as deciding what to do.
pub struct Report<'a> {
    /// What was declared.
    pub manifest: &'a Manifest,
    /// What was decided, and what failed.
    pub steps: &'a Steps<'a>,
    /// The generation that is live now, if one is.
    pub generation: Option<u64>,
    /// Whether there was a generation to compare with.
    pub has_previous: bool,
    /// Whether it was made or only looked at.
    pub tense: Tense,
    /// How the run ends.
    pub exit: Exit,
}

impl Report<'_> {
    /// Prints the report to `out`.
    pub fn print(&self, form: Form, out: &mut dyn Write) {
        let lines = match form {
            Form::Json => vec![self.to_json().to_string()],
            // Nothing is told of a first generation, and nothing to a user: so sops-nix has it.
            Form::Text if !self.has_previous || self.manifest.user_mode => Vec::new(),
            Form::Text if !self.manifest.logging.secret_changes => Vec::new(),
            Form::Text => self.steps.changes.report(self.tense),
        };
        print(&lines, out);
    }

    fn to_json(&self) -> Value {
        let items: Vec<Value> = self
            .steps
            .files
            .iter()
            .map(|(plan, outcome)| {
                let (kind, name) = Kind::of_file(&plan.inner);
                let failure = plan.content.as_ref().err();
                json!({
                    "kind": match kind { Kind::Secret => "secret", Kind::Rendered => "template" },
                    "name": name,
                    "file": plan.file.as_ref().map(|file| file.display().to_string()),
                    "outcome": outcome.as_str(),
                    "change": self.change(&plan.inner, *outcome),
                    "reason": failure.map(|failure| failure.cause.clone()),
                    "hint": failure.and_then(|failure| failure.hint.clone()),
                    "openedBy": plan.opened_by,
                    "phase": self.manifest.phase(),
                    "restartUnits": unit_names(&plan.place.restart_units),
                    "reloadUnits": unit_names(&plan.place.reload_units),
                })
            })
            .collect();
        json!({
            "schema": 1,
            "phase": self.manifest.phase(),
            "dryRun": self.tense == Tense::Would,
            "exit": self.exit.code(),
            "generation": self.generation,
            "items": items,
            "removed": self.steps.changes.names(Change::Removed),
            "restart": self.steps.units.restart,
            "reload": self.steps.units.reload,
            "failures": self.steps.failures.iter().map(failure_json).collect::<Vec<_>>(),
        })
    }

    fn change(&self, inner: &str, outcome: Outcome) -> &'static str {
        match (outcome, self.steps.changes.of(inner)) {
            (Outcome::Missing, _) => "none",
            (_, Some(Change::Added)) => "added",
            (_, Some(Change::Modified)) => "modified",
            _ => "unchanged",
        }
    }
}

/// Tells of a run that was refused before it decided anything.
pub fn print_refused(messages: &[String], form: Form, out: &mut dyn Write) {
    if form == Form::Json {
        let report = json!({ "schema": 1, "exit": Exit::Unchanged.code(), "errors": messages });
        print(&[report.to_string()], out);
    }
}

fn unit_names(units: &[UnitName]) -> Vec<&str> {
    units.iter().map(UnitName::as_str).collect()
}

fn failure_json(failure: &Failure) -> Value {
    let details: Vec<Value> =
        failure.details.iter().map(|(label, text)| json!({ "label": label, "text": text })).collect();
    json!({
        "message": error::summary(failure),
        "details": details,
        "hint": failure.hint,
    })
}

fn print(lines: &[String], out: &mut dyn Write) {
    let told = lines.iter().map(|line| without_private_keys(line));
    let printed = told.into_iter().try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
    if let Err(error) = printed {
        warn!("cannot write the report: {error}");
    }
}
