//! Which units are asked to restart or reload, and because of what.

use std::collections::BTreeMap;

use crate::changes::Tense;
use crate::manifest::{Placement, UnitName};

/// Units to ask, each once, with the names of the secrets and templates that are the reason.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Requests {
    /// To be restarted if running.
    pub restart: BTreeMap<String, Vec<String>>,
    /// To be reloaded (or else restarted) if running.
    pub reload: BTreeMap<String, Vec<String>>,
}

impl Requests {
    /// Notes the units of something that was added or changed; `name` is what it is called.
    pub fn note(&mut self, name: &str, place: &Placement) {
        note(&mut self.restart, &place.restart_units, name);
        note(&mut self.reload, &place.reload_units, name);
    }

    /// Adds what an earlier run decided to ask for and did not live to ask.
    pub fn add(&mut self, unasked: &Self) {
        for (ours, theirs) in [(&mut self.restart, &unasked.restart), (&mut self.reload, &unasked.reload)] {
            for (unit, names) in theirs {
                let causes = ours.entry(unit.clone()).or_default();
                causes
                    .extend(names.iter().filter(|name| !causes.contains(name)).cloned().collect::<Vec<_>>());
            }
        }
    }

    /// Whether there is nothing to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.restart.is_empty() && self.reload.is_empty()
    }

    /// The units to reload: those that are restarted anyway need no reload.
    #[must_use]
    pub fn reload_only(&self) -> Vec<&str> {
        self.reload.keys().filter(|unit| !self.restart.contains_key(*unit)).map(String::as_str).collect()
    }

    /// The units to restart.
    #[must_use]
    pub fn restart(&self) -> Vec<&str> {
        self.restart.keys().map(String::as_str).collect()
    }

    /// One line for each unit: what is asked of it, or would be, and why.
    #[must_use]
    pub fn explain(&self, tense: Tense) -> Vec<String> {
        let (restarting, reloading) = match tense {
            Tense::Done => ("restarting", "reloading"),
            Tense::Would => ("would restart", "would reload"),
        };
        let line = |verb: &str, unit: &str, causes: &[String]| {
            format!("{verb} {unit}, because of {}", causes.join(", "))
        };
        let restarts = self.restart.iter().map(|(unit, causes)| line(restarting, unit, causes));
        let reloads = self.reload_only();
        let reloads = self
            .reload
            .iter()
            .filter(|(unit, _)| reloads.contains(&unit.as_str()))
            .map(|(unit, causes)| line(reloading, unit, causes));
        restarts.chain(reloads).collect()
    }
}

fn note(requests: &mut BTreeMap<String, Vec<String>>, units: &[UnitName], name: &str) {
    for unit in units {
        let causes = requests.entry(unit.as_str().to_owned()).or_default();
        if !causes.iter().any(|cause| cause == name) {
            causes.push(name.to_owned());
        }
    }
}
