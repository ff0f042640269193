//! The manifest: JSON bytes to checked types, every fault listed in one go.
//!
//! It is what sops-nix's NixOS, home-manager and nix-darwin modules write, plus a few fields of our own.

mod checks;
mod entries;
mod fields;
mod json;
mod names;
pub mod types;
pub mod user_mode;

use std::ffi::OsStr;
use std::path::PathBuf;

use entries::Context;
use fields::{Faults, Fields, PathRule, Place, shown};
pub use json::MAX_BYTES;
use json::{Pair, Value};
pub use types::*;

/// Generations kept when the manifest does not say: the default of sops-nix's option.
const DEFAULT_KEEP_GENERATIONS: u32 = 1;

const FIELDS: &[&str] = &[
    "secrets",
    "templates",
    "placeholderBySecretName",
    "secretsMountPoint",
    "symlinkPath",
    "keepGenerations",
    "ageKeyFile",
    "ageSshKeyPaths",
    "gnupgHome",
    "sshKeyPaths",
    "useTmpfs",
    "userMode",
    "logging",
    "schema",
    "onFailure",
    "machineRecipients",
    "agePlugins",
];

/// Reads a manifest.
///
/// In user mode the paths may still hold `%r`; [`user_mode::expand`] replaces it.
///
/// # Errors
/// All that is wrong with it, one line a fault, each naming the secret or key it is about.
pub fn parse(bytes: &[u8]) -> Result<Manifest, Vec<String>> {
    let value = json::read(bytes).map_err(|why| vec![format!("manifest: {why}")])?;
    let Value::Object(entries) = value else {
        return Err(vec![format!("manifest: must be an object, not {}", value.kind())]);
    };
    let mut faults = Faults::default();
    let manifest = read(&entries, &mut faults);
    check(&manifest, &mut faults);
    faults.into_result(manifest)
}

/// Builds the manifest from all that is right in it. What is wrong is noted and left out.
fn read(entries: &[Pair<'_>], faults: &mut Faults) -> Manifest {
    let fields = Fields::new(Place::Only("manifest"), entries, FIELDS, &[], faults);
    let own_schema = schema(&fields, faults);
    let user_mode = fields.boolean("userMode", false, faults);
    let rule = if user_mode { PathRule::UserMode } else { PathRule::Absolute };
    let mount_point = fields.required_path("secretsMountPoint", rule, faults).unwrap_or_default();
    let symlink_path = fields.required_path("symlinkPath", rule, faults).unwrap_or_default();
    // An empty list of secrets is fine; none at all is some other file, and would take every secret away.
    fields.required("secrets", faults);
    let context = Context { rule, symlink_path: &symlink_path, own_schema };
    let secrets = read_each(fields.entries("secrets", faults), |index, value| {
        entries::secret(index, value, &context, faults)
    });
    let templates = read_each(fields.entries("templates", faults), |index, value| {
        entries::template(index, value, &context, faults)
    });
    let on_failure = [("keep-going", OnFailure::KeepGoing), ("abort", OnFailure::Abort)];
    Manifest {
        secrets,
        templates,
        placeholders: checks::placeholders(fields.object("placeholderBySecretName", faults), faults),
        keep_generations: fields
            .number("keepGenerations", u32::MAX, faults)
            .unwrap_or(DEFAULT_KEEP_GENERATIONS),
        age_key_file: fields.path("ageKeyFile", rule, faults),
        age_ssh_key_paths: fields.paths("ageSshKeyPaths", rule, faults),
        gnupg_home: fields.path("gnupgHome", rule, faults),
        gnupg_ssh_key_paths: fields.paths("sshKeyPaths", rule, faults),
        use_tmpfs: fields.boolean("useTmpfs", false, faults),
        logging: logging(&fields, faults),
        on_failure: fields.choice("onFailure", &on_failure, faults).unwrap_or_default(),
        machine_recipients: recipients(&fields, faults),
        age_plugins: plugins(&fields, rule, faults),
        mount_point,
        symlink_path,
        user_mode,
        own_schema,
    }
}

/// Checks what must hold between the parts.
fn check(manifest: &Manifest, faults: &mut Faults) {
    checks::key_sources(manifest, faults);
    checks::names("secret", manifest.secrets.iter().map(|secret| &secret.name), faults);
    checks::names("template", manifest.templates.iter().map(|template| &template.name), faults);
    checks::formats(&manifest.secrets, faults);
    checks::placeholders_fit(manifest, faults);
    checks::paths(manifest, faults);
}

fn read_each<T>(list: &[Value<'_>], mut read: impl FnMut(usize, &Value<'_>) -> Option<T>) -> Vec<T> {
    list.iter().enumerate().filter_map(|(index, value)| read(index, value)).collect()
}

/// Whether our own module wrote the manifest, in the one version of it that there is.
fn schema(fields: &Fields<'_>, faults: &mut Faults) -> bool {
    match fields.number("schema", u32::MAX, faults) {
        None => false,
        Some(1) => true,
        Some(other) => {
            let hint = "use the sops-activate that belongs to the module";
            faults.add(fields.place, format_args!("schema {other} is unknown, only 1 is known; {hint}"));
            false
        }
    }
}

fn logging(fields: &Fields<'_>, faults: &mut Faults) -> Logging {
    let entries = fields.object("logging", faults);
    let fields = Fields::new(Place::Only("logging"), entries, &["keyImport", "secretChanges"], &[], faults);
    Logging {
        key_import: fields.boolean("keyImport", true, faults),
        secret_changes: fields.boolean("secretChanges", true, faults),
    }
}

fn recipients(fields: &Fields<'_>, faults: &mut Faults) -> Vec<String> {
    let texts = fields.texts("machineRecipients", faults);
    if texts.iter().any(|text| text.trim().is_empty()) {
        faults.add(fields.place, "machineRecipients holds an empty recipient");
    }
    texts.into_iter().map(str::to_owned).collect()
}

/// The programs of plugins, whose names say which keys they are for (<https://c2sp.org/age-plugin>).
fn plugins(fields: &Fields<'_>, rule: PathRule, faults: &mut Faults) -> Vec<PathBuf> {
    let programs = fields.paths("agePlugins", rule, faults);
    let is_plugin = |program: &PathBuf| {
        let name =
            program.file_name().and_then(OsStr::to_str).and_then(|name| name.strip_prefix("age-plugin-"));
        name.is_some_and(|name| !name.is_empty())
    };
    for program in programs.iter().filter(|program| !is_plugin(program)) {
        let program = shown(&program.to_string_lossy());
        faults.add(fields.place, format_args!("agePlugins '{program}' is not called age-plugin-NAME"));
    }
    programs
}

#[cfg(test)]
mod tests;
