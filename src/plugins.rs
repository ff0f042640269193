//! Plugins: which ones a run may start, and how they are asked about the files that none of this machine's keys opens.

use std::ffi::OsStr;
use std::path::PathBuf;

use tracing::info;

use crate::keys::{Header, Keyring};
use crate::manifest::Manifest;
use crate::system::plugins::{Plugins, in_path};

/// Where an administrator lists the plugins of a machine, for messages.
pub const OPTION: &str = "sops.age.plugins";

/// The plugins that a manifest names. One of sops-nix's module names none, and means those in `path`.
#[must_use]
pub fn of_manifest(manifest: &Manifest, path: Option<&OsStr>) -> Plugins {
    let programs: Vec<PathBuf> = if manifest.own_schema || !manifest.age_plugins.is_empty() {
        manifest.age_plugins.clone()
    } else {
        in_path(path)
    };
    Plugins::prepare(&programs)
}

/// Asks the plugins that hold keys of this machine about files that stayed closed: `closed` are the headers of these. Afterwards the
/// keyring knows the answers, so that those files can be tried again.
pub fn ask(keyring: &mut Keyring, plugins: &mut Plugins, closed: &[Header]) {
    for name in keyring.plugins() {
        let headers = keyring.unanswered(closed);
        if headers.is_empty() {
            return;
        }
        let knows_many = converse(keyring, plugins, &name, &headers);
        if headers.len() > 1 && !knows_many {
            // Other clients ask about one file at a time, so there may be plugins that know nothing else.
            for header in keyring.unanswered(closed) {
                converse(keyring, plugins, &name, &[header]);
            }
        }
    }
}

/// One conversation. Tells whether the plugin has shown that it takes several files at once.
fn converse(keyring: &mut Keyring, plugins: &mut Plugins, name: &str, headers: &[&Header]) -> bool {
    match plugins.talk(name) {
        Ok(mut conversation) => {
            let told = keyring.ask_plugin(name, headers, &mut conversation);
            for message in &told.messages {
                info!("age-plugin-{name}: {message}");
            }
            told.knows_many
        }
        Err(error) => {
            keyring.could_not_ask(name, headers, &error.to_string());
            // Nor could it be asked about single files.
            true
        }
    }
}
