//! `check`: what can be known about a manifest without any private key. Always strict: every fault is listed.
//!
//! The list of recipients of a sops file is public, so that a build can fail for a secret that the machine
//! will not be able to open.

use std::path::Path;

use tracing::{error, info, warn};

use crate::closed;
use crate::error::{self, Exit, Failure, Subject};
use crate::inputs;
use crate::manifest::{Format, Key, Manifest, SecretSpec};
use crate::open::{self, MAX_FILE};
use crate::plan;
use crate::recipients::Machine;
use crate::sops::{self, Document, Protection};
use crate::system::files;
use crate::template::Template;

/// What is asked.
pub struct Request<'a> {
    /// The manifest file.
    pub manifest: &'a Path,
    /// How far to go.
    pub level: Level,
    /// Public keys of the machine, beside those that the manifest names.
    pub recipients: Vec<String>,
}

/// How far a check goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Level {
    /// The manifest and its templates. No sops file is opened.
    Manifest,
    /// Every sops file is parsed, every key looked for, every recipient list compared.
    #[default]
    SopsFile,
}

/// Checks a manifest. Faults go to the log.
#[must_use]
pub fn run(request: &Request<'_>) -> Exit {
    let manifest = match inputs::unexpanded_manifest(request.manifest) {
        Ok(manifest) => manifest,
        Err(message) => {
            error!("{message}");
            return Exit::Unchanged;
        }
    };
    let mut failures = declared(&manifest);
    if request.level == Level::SopsFile {
        let named = request.recipients.iter().chain(&manifest.machine_recipients);
        let (machine, unusable) = Machine::new(named.map(String::as_str));
        failures.extend(unusable);
        failures.extend(sops_files(&manifest, &machine));
    }
    for message in error::messages(&failures) {
        error!("{message}");
    }
    if failures.is_empty() { Exit::Success } else { Exit::Unchanged }
}

/// Faults of single secrets and templates that show without any sops file.
fn declared(manifest: &Manifest) -> Vec<Failure> {
    let secrets = manifest.secrets.iter().map(|spec| (secret(spec), &spec.place));
    let templates =
        manifest.templates.iter().map(|spec| (Subject::Template(spec.name.as_str().into()), &spec.place));
    let mut failures: Vec<Failure> = secrets
        .chain(templates)
        .filter_map(|(subject, place)| place.mode.as_ref().err().map(|cause| plan::bad_mode(subject, cause)))
        .collect();
    let placeholders = plan::placeholders(manifest);
    for spec in &manifest.templates {
        let subject = Subject::Template(spec.name.as_str().into());
        let text = plan::template_text(&subject, &spec.body, &inputs::template);
        let parsed = text.and_then(|text| {
            Template::parse(&text, &placeholders)
                .map(|_| ())
                .map_err(|fault| plan::unrendered(&subject, fault))
        });
        failures.extend(parsed.err());
    }
    failures
}

/// Faults of the files: each is read once.
fn sops_files(manifest: &Manifest, machine: &Machine) -> Vec<Failure> {
    let mut failures = Vec::new();
    for members in open::by_file(&manifest.secrets) {
        let specs: Vec<&SecretSpec> = members.iter().map(|index| &manifest.secrets[*index]).collect();
        let Some(first) = specs.first() else { continue };
        let about = |failure: &Failure| {
            let about_each = |spec: &&SecretSpec| Failure { subject: secret(spec), ..failure.clone() };
            specs.iter().map(about_each).collect::<Vec<_>>()
        };
        match files::read(&first.sops_file, MAX_FILE) {
            Err(error) => failures.extend(about(&closed::unreadable(&first.sops_file, &error))),
            Ok(bytes) => match first.format {
                Format::Sops(format) => failures.extend(sops_file(&specs, format, &bytes, machine, &about)),
                Format::Age => {
                    if let Err(reason) = crate::keys::check_age_file(&bytes) {
                        let cause = format!("'{}': {reason}", first.sops_file.display());
                        failures.extend(about(&Failure::new("decrypt", Subject::Run, cause)));
                    } else if machine.is_known() {
                        let path = first.sops_file.display();
                        info!(
                            "'{path}' is a plain age file, which does not tell who can open it: not proven"
                        );
                    }
                }
            },
        }
    }
    failures
}

fn sops_file(
    specs: &[&SecretSpec],
    format: sops::Format,
    bytes: &[u8],
    machine: &Machine,
    about: &dyn Fn(&Failure) -> Vec<Failure>,
) -> Vec<Failure> {
    let path = &specs[0].sops_file;
    let document = match Document::parse(bytes, format) {
        Ok(document) => document,
        Err(fault) => return about(&closed::fault_failure(path, &fault)),
    };
    let mut failures = Vec::new();
    if let Err(failure) = machine.can_open(path, document.metadata()) {
        failures.extend(about(&failure));
    }
    let places = match document.places() {
        Ok(places) => places,
        Err(fault) => return about(&closed::fault_failure(path, &fault)),
    };
    for spec in specs {
        let Key::Path(key) = &spec.key else { continue };
        match places.locate(key) {
            Ok(Protection::Encrypted) => {}
            Ok(Protection::Clear) => warn!(
                "secret '{}' stands unencrypted in '{}': everybody who has the file can read it",
                spec.name.as_str(),
                path.display()
            ),
            Err(fault) => {
                failures.push(Failure { subject: secret(spec), ..closed::fault_failure(path, &fault) });
            }
        }
    }
    failures
}

fn secret(spec: &SecretSpec) -> Subject {
    Subject::Secret(spec.name.as_str().to_owned())
}
