//! The plan against the live generation: what changes, what fails, and what is kept because its successor
//! failed.

use std::collections::BTreeSet;

use crate::changes::{Change, Changes};
use crate::error::Failure;
use crate::plan::{File, Planned};
use crate::record::Outcome;
use crate::system::generation::{Generation, Same};
use crate::system::{self, Gid, Uid};
use crate::units::Requests;

/// What a run has decided to do, before it does anything.
#[derive(Default)]
pub struct Steps<'m> {
    /// Every secret and template, and what becomes of it.
    pub files: Vec<(Planned<'m>, Outcome)>,
    /// What differs from the live generation.
    pub changes: Changes,
    /// The units of what differs.
    pub units: Requests,
    /// What failed so far.
    pub failures: Vec<Failure>,
}

/// Compares the plan with the live generation.
///
/// # Errors
/// The live generation cannot be read.
pub fn decide<'m>(planned: Vec<Planned<'m>>, live: Option<&Generation>) -> Result<Steps<'m>, system::Error> {
    let mut steps = Steps::default();
    let live_names: BTreeSet<String> = match live {
        Some(live) => live.names()?.into_iter().collect(),
        None => BTreeSet::new(),
    };
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    let mut files = Vec::with_capacity(planned.len());
    for plan in planned {
        let in_live = live.filter(|_| live_names.contains(&plan.inner));
        let outcome = match &plan.content {
            Ok(file) => {
                if let Some(change) = compare(in_live, &plan.inner, file)? {
                    steps.changes.note(change, &plan.inner);
                    steps.units.note(plan.name(), plan.place);
                }
                Outcome::Fresh
            }
            Err(failure) => {
                let (outcome, meanwhile) = match in_live {
                    Some(_) => (Outcome::Stale, "the old copy stays in place, as it was"),
                    None => (Outcome::Missing, "it is missing: there is no old copy to keep"),
                };
                steps.failures.push(failure.clone().detail("meanwhile", meanwhile));
                outcome
            }
        };
        files.push((plan, outcome));
    }
    for (plan, outcome) in &files {
        if *outcome != Outcome::Missing {
            kept.insert(&plan.inner);
        }
    }
    for gone in live_names.iter().filter(|name| !kept.contains(name.as_str())) {
        steps.changes.note(Change::Removed, gone);
    }
    steps.files = files;
    Ok(steps)
}

fn compare(live: Option<&Generation>, inner: &str, file: &File) -> Result<Option<Change>, system::Error> {
    let Some(live) = live else { return Ok(Some(Change::Added)) };
    let (uid, gid) = (Uid::from_raw(file.uid), Gid::from_raw(file.gid));
    Ok(match live.same(inner, &file.content, file.mode, uid, gid)? {
        Same::Equal => None,
        Same::Different => Some(Change::Modified),
        Same::Absent => Some(Change::Added),
    })
}
