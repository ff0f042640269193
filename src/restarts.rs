//! Asking units to restart and reload, after the flip.

use std::ffi::OsString;
use std::path::Path;

use tracing::info;

use crate::error::{Failure, Subject};
use crate::system::{files, services};
use crate::units::Requests;

/// How units are asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Via {
    /// By `systemctl`, looked for in this `PATH` first (`SOPS_RESTART_UNITS_VIA_SYSTEMCTL`).
    Systemctl(Option<OsString>),
    /// By the lists in `/run/nixos` that NixOS's switch reads afterwards.
    Lists,
}

/// Where the lists are.
const LISTS: &str = "/run/nixos";

/// Asks for the restarts and reloads of `units`. What fails is given back; the new secrets stay live.
#[must_use]
pub fn request(units: &Requests, via: &Via) -> Vec<Failure> {
    for line in units.explain() {
        info!("{line}");
    }
    let (restart, reload) = (units.restart(), units.reload_only());
    match via {
        Via::Lists => append("activation", &restart, &reload),
        Via::Systemctl(path) => [("try-restart", restart), ("try-reload-or-restart", reload)]
            .iter()
            .filter(|(_, units)| !units.is_empty())
            .filter_map(|(verb, units)| {
                let error = services::systemctl(verb, units, path.as_deref()).err()?;
                let asked = if *verb == "try-restart" { "restart" } else { "reload" };
                let failure = Failure::new(format!("ask units to {asked}"), Subject::Run, error.to_string())
                    .detail("meanwhile", "the new secrets are live; these units still use the old ones")
                    .hint(format!("run `systemctl {verb} {}`", units.join(" ")));
                Some(failure)
            })
            .collect(),
    }
}

/// Fills the lists of a dry activation.
#[must_use]
pub fn list_dry(units: &Requests) -> Vec<Failure> {
    append("dry-activation", &units.restart(), &units.reload_only())
}

fn append(prefix: &str, restart: &[&str], reload: &[&str]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (verb, units) in [("restart", restart), ("reload", reload)] {
        let list = Path::new(LISTS).join(format!("{prefix}-{verb}-list"));
        if units.is_empty() {
            continue;
        }
        let lines: Vec<String> = units.iter().map(|unit| (*unit).to_owned()).collect();
        match files::append_lines(&list, &lines) {
            Ok(true) => {}
            Ok(false) => info!("'{LISTS}' is not there, so no unit is asked to {verb}: {}", units.join(" ")),
            Err(error) => failures.push(
                Failure::new(format!("ask units to {verb}"), Subject::Run, error.to_string())
                    .hint(format!("{verb} them by hand: {}", units.join(" "))),
            ),
        }
    }
    failures
}
