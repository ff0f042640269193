//! What must hold between the entries of a manifest.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::fields::{Faults, Place, shown};
use super::json::{Pair, Value};
use super::types::{Manifest, Name, PHASES, SecretSpec};

/// Checks that no name stands twice and none is a directory of another.
///
/// `kind` is `secret` or `template`; the two are checked apart, as templates have a directory of their own.
pub(super) fn names<'m>(
    kind: &'static str,
    names: impl Iterator<Item = &'m Name> + Clone,
    faults: &mut Faults,
) {
    let mut all = HashSet::new();
    let mut reported = HashSet::new();
    for name in names.clone() {
        if !all.insert(name.as_str()) && reported.insert(name) {
            faults.add(Place::Named(kind, name.as_str()), "is declared more than once");
        }
    }
    for name in names {
        if let Some(parent) = name.parents().find(|parent| all.contains(parent)) {
            faults.add(
                Place::Named(kind, name.as_str()),
                format_args!(
                    "'{}' is a {kind} too, and cannot be a file and a directory at once",
                    shown(parent)
                ),
            );
        }
    }
}

/// Checks that all secrets of one file agree about its format.
pub(super) fn formats(secrets: &[SecretSpec], faults: &mut Faults) {
    let mut first: HashMap<&Path, &SecretSpec> = HashMap::new();
    for secret in secrets {
        let before = *first.entry(&secret.sops_file).or_insert(secret);
        if before.format != secret.format {
            faults.add(
                Place::Named("secret", secret.name.as_str()),
                format_args!(
                    "format {} differs from {} of secret '{}', which is in the same file '{}'",
                    secret.format.as_str(),
                    before.format.as_str(),
                    shown(before.name.as_str()),
                    shown(&secret.sops_file.to_string_lossy()),
                ),
            );
        }
    }
}

/// Checks that the mount point, the link to the live generation and the links at declared paths can all exist.
pub(super) fn paths(manifest: &Manifest, faults: &mut Faults) {
    let faults_before = faults.count();
    machinery(manifest, faults);
    if faults.count() == faults_before {
        links(manifest, faults);
    }
}

fn machinery(manifest: &Manifest, faults: &mut Faults) {
    let (mount, link) = (&manifest.mount_point, &manifest.symlink_path);
    let both_known = !mount.as_os_str().is_empty() && !link.as_os_str().is_empty();
    if both_known && mount.starts_with(link) {
        let (mount, link) = (shown(&mount.to_string_lossy()), shown(&link.to_string_lossy()));
        faults.add("manifest", format_args!("secretsMountPoint '{mount}' lies in symlinkPath '{link}'"));
    }
    for (key, path) in [("secretsMountPoint", mount), ("symlinkPath", link)] {
        if path.as_os_str() == "/" {
            faults.add("manifest", format_args!("{key} is the root directory"));
        }
    }
    let phase =
        |at: &Path| PHASES.iter().position(|(mount, link)| at == Path::new(mount) || at == Path::new(link));
    if let (Some(one), Some(other)) = (phase(mount), phase(link))
        && one != other
    {
        // It would take the other phase's generations for its own, and remove them.
        faults.add("manifest", "secretsMountPoint is that of one phase and symlinkPath that of the other");
    }
}

/// Whether `path` lies where a phase keeps its secrets that is not the one of this manifest.
fn is_of_another_phase(manifest: &Manifest, path: &Path) -> bool {
    let others = PHASES.iter().filter(|(mount, link)| {
        manifest.mount_point != Path::new(mount) && manifest.symlink_path != Path::new(link)
    });
    others.into_iter().any(|(mount, link)| path.starts_with(mount) || path.starts_with(link))
}

/// Each path once, and none where the secrets live.
fn links(manifest: &Manifest, faults: &mut Faults) {
    let (mount, link) = (&manifest.mount_point, &manifest.symlink_path);
    let secrets = manifest.secrets.iter().map(|secret| ("secret", &secret.name, &secret.place.path));
    let templates =
        manifest.templates.iter().map(|template| ("template", &template.name, &template.place.path));
    let mut seen: HashMap<&Path, (&str, &Name)> = HashMap::new();
    for (kind, name, path) in secrets.chain(templates) {
        let place = Place::Named(kind, name.as_str());
        let path_shown = || shown(&path.to_string_lossy());
        let in_mount = !mount.as_os_str().is_empty() && path.starts_with(mount);
        if in_mount || link.starts_with(path) || mount.starts_with(path) {
            let path = path_shown();
            faults.add(place, format_args!("path '{path}' is where the secrets themselves live"));
        } else if is_of_another_phase(manifest, path) {
            let path = path_shown();
            faults.add(place, format_args!("path '{path}' is where the secrets of the other phase live"));
        }
        match seen.insert(path, (kind, name)) {
            // One name twice is a fault of its own.
            Some((other_kind, other)) if (other_kind, other) != (kind, name) => {
                let (path, other) = (path_shown(), shown(other.as_str()));
                faults.add(place, format_args!("path '{path}' is that of {other_kind} '{other}' too"));
            }
            _ => {}
        }
    }
}

/// Checks that PGP through `gnupgHome` and other sources of keys are not mixed, as sops-nix does.
pub(super) fn key_sources(manifest: &Manifest, faults: &mut Faults) {
    if manifest.gnupg_home.is_none() {
        return;
    }
    let mut exclusive = |key: &str| {
        faults.add("manifest", format_args!("gnupgHome and {key} are both set; they are mutually exclusive"));
    };
    if !manifest.gnupg_ssh_key_paths.is_empty() {
        exclusive("sshKeyPaths");
    }
    if manifest.age_key_file.is_some() {
        exclusive("ageKeyFile");
    }
}

/// Reads `placeholderBySecretName`. Entries whose name could not be a secret's are of no use and left out.
pub(super) fn placeholders(entries: &[Pair<'_>], faults: &mut Faults) -> BTreeMap<Name, String> {
    let mut placeholders = BTreeMap::new();
    for (name, value) in entries {
        let place = format!("placeholderBySecretName '{}'", shown(name));
        match value {
            Value::Text(text) if text.is_empty() => faults.add(&place, "is empty"),
            Value::Text(text) => {
                if let Ok(name) = Name::parse(name)
                    && placeholders.insert(name, text.to_string()).is_some()
                {
                    faults.add(&place, "stands in it more than once");
                }
            }
            other => faults.add(&place, format_args!("must be a string, not {}", other.kind())),
        }
    }
    placeholders
}

/// Checks that each secret has a placeholder and none has that of another, if there are templates.
pub(super) fn placeholders_fit(manifest: &Manifest, faults: &mut Faults) {
    if manifest.templates.is_empty() {
        return;
    }
    for secret in &manifest.secrets {
        if !manifest.placeholders.contains_key(&secret.name) {
            let place = Place::Named("secret", secret.name.as_str());
            faults.add(place, "its placeholder is not in placeholderBySecretName, but there are templates");
        }
    }
    let mut owners: HashMap<&str, &Name> = HashMap::new();
    for (name, text) in &manifest.placeholders {
        if let Some(other) = owners.insert(text, name) {
            let place = format!("placeholderBySecretName '{}'", shown(name.as_str()));
            faults.add(&place, format_args!("is the placeholder of '{}' too", shown(other.as_str())));
        }
    }
}
