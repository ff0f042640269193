//! Asking units to restart and reload, after the flip.

use std::ffi::OsString;
use std::path::Path;

use tracing::info;

use crate::changes::Tense;
use crate::error::{Failure, Subject};
use crate::system::files;
use crate::system::services::{Asker, Refusal};
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
pub const LISTS: &str = "/run/nixos";

impl Via {
    /// Gets ready for asking, while programs can still be started: nothing is asked for yet. `any` tells whether
    /// anything might be.
    #[must_use]
    pub fn prepare(&self, any: bool) -> Asking {
        match self {
            Self::Systemctl(path) if any => Asking::Systemctl(Asker::start(path.as_deref())),
            Self::Systemctl(_) | Self::Lists => Asking::Lists,
        }
    }
}

/// Whom to ask.
pub enum Asking {
    /// Systemd, by `systemctl`.
    Systemctl(Asker),
    /// NixOS's switch, afterwards.
    Lists,
}

/// What came of asking.
pub struct Asked {
    /// What failed; the new secrets stay live.
    pub failures: Vec<Failure>,
    /// What could not be asked for and is to be asked for again. What `systemctl` itself refused is not among it: a
    /// unit that does not exist would have all the others restarted at every run.
    pub unasked: Requests,
}

/// Asks for the restarts and reloads of `units`.
#[must_use]
pub fn request(units: &Requests, way: &mut Asking) -> Asked {
    for line in units.explain(Tense::Done) {
        info!("{line}");
    }
    match way {
        Asking::Lists => append("activation", units),
        Asking::Systemctl(asker) => by_systemctl(units, asker),
    }
}

fn by_systemctl(units: &Requests, systemd: &mut Asker) -> Asked {
    let mut asked = Asked { failures: Vec::new(), unasked: units.clone() };
    let (restart, reload) = (units.restart(), units.reload_only());
    for (what, verb, names, unasked) in [
        ("restart", "try-restart", restart, &mut asked.unasked.restart),
        ("reload", "try-reload-or-restart", reload, &mut asked.unasked.reload),
    ] {
        let result = if names.is_empty() { Ok(()) } else { systemd.ask(verb, &names) };
        if !matches!(result, Err(Refusal::NotStarted(_))) {
            unasked.clear();
        }
        if let Err(Refusal::NotStarted(error) | Refusal::Failed(error)) = result {
            let failure = Failure::new(format!("ask units to {what}"), Subject::Run, error.to_string())
                .detail("meanwhile", "the new secrets are live; these units still use the old ones")
                .hint(format!("run `systemctl {verb} {}`", names.join(" ")));
            asked.failures.push(failure);
        }
    }
    asked
}

/// Tells what would be asked, and fills the lists of a dry activation.
#[must_use]
pub fn list_dry(units: &Requests) -> Vec<Failure> {
    for line in units.explain(Tense::Would) {
        info!("{line}");
    }
    append("dry-activation", units).failures
}

fn append(prefix: &str, units: &Requests) -> Asked {
    let mut asked = Asked { failures: Vec::new(), unasked: units.clone() };
    let (restart, reload) = (units.restart(), units.reload_only());
    for (verb, names, unasked) in
        [("restart", restart, &mut asked.unasked.restart), ("reload", reload, &mut asked.unasked.reload)]
    {
        let list = Path::new(LISTS).join(format!("{prefix}-{verb}-list"));
        let lines: Vec<String> = names.iter().map(|unit| (*unit).to_owned()).collect();
        let result = if lines.is_empty() { Ok(true) } else { files::append_lines(&list, &lines) };
        match result {
            Ok(true) => unasked.clear(),
            Ok(false) => {
                unasked.clear();
                info!("'{LISTS}' is not there, so no unit is asked to {verb}: {}", names.join(" "));
            }
            Err(error) => asked.failures.push(
                Failure::new(format!("ask units to {verb}"), Subject::Run, error.to_string())
                    .hint(format!("{verb} them by hand: {}", names.join(" "))),
            ),
        }
    }
    asked
}
