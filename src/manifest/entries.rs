//! One secret or one template of the manifest.

use std::path::{Path, PathBuf};

use super::fields::{Faults, Fields, PathRule, Place, shown};
use super::json::Value;
use super::types::{
    Account, Format, Key, Mode, Name, Placement, RENDERED, SecretSpec, TemplateBody, TemplateSpec, UnitName,
};
use crate::sops;

/// What the reading of an entry depends on beside the entry.
pub(super) struct Context<'m> {
    /// The rule for its paths.
    pub(super) rule: PathRule,
    /// The link to the live generation, for entries without a `path`.
    pub(super) symlink_path: &'m Path,
    /// Whether `key` counts for dotenv and ini.
    pub(super) own_schema: bool,
}

/// The mode of a secret that declares none: the default of sops-nix's option.
const DEFAULT_MODE: &str = "0400";

/// The largest user or group number. The one above it, -1 as the kernel sees it, would make `fchown` keep
/// the owner as it is.
const LARGEST_ID: u32 = u32::MAX - 1;

const SECRET_FIELDS: &[&str] = &[
    "name",
    "key",
    "path",
    "owner",
    "uid",
    "group",
    "gid",
    "sopsFile",
    "format",
    "mode",
    "restartUnits",
    "reloadUnits",
];
const TEMPLATE_FIELDS: &[&str] = &[
    "name",
    "content",
    "file",
    "path",
    "owner",
    "uid",
    "group",
    "gid",
    "mode",
    "restartUnits",
    "reloadUnits",
];
/// Options of sops-nix that its modules leave in the manifest though no agent reads them.
const IGNORED_FIELDS: &[&str] = &["neededForUsers", "sopsFileHash"];

/// Reads `secrets[index]`; `None` if it has faults, which are noted.
pub(super) fn secret(
    index: usize,
    value: &Value<'_>,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<SecretSpec> {
    let fields = entry("secret", index, value, SECRET_FIELDS, faults)?;
    let name = name(&fields, faults);
    if let Some(name) = &name
        && (name.as_str() == RENDERED || name.parents().next() == Some(RENDERED))
    {
        faults.add(fields.place, format_args!("'{RENDERED}/' is for templates; choose another name"));
    }
    let sops_file = fields.required_path("sopsFile", context.rule, faults);
    let format = match fields.get("format") {
        // What sops-nix does without one.
        None => Some(Format::Sops(sops::Format::Yaml)),
        Some(_) => fields.choice("format", &Format::WORDS, faults),
    };
    let key = format.and_then(|format| key(&fields, format, context.own_schema, faults));
    let place = placement(&fields, name.as_ref(), Path::new(""), context, faults);
    Some(SecretSpec { name: name?, key: key?, sops_file: sops_file?, format: format?, place: place? })
}

/// Reads `templates[index]`; `None` if it has faults, which are noted.
pub(super) fn template(
    index: usize,
    value: &Value<'_>,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<TemplateSpec> {
    let fields = entry("template", index, value, TEMPLATE_FIELDS, faults)?;
    let name = name(&fields, faults);
    let faults_before = faults.count();
    let text = fields.text("content", faults).filter(|text| !text.is_empty());
    let file = fields.path("file", context.rule, faults);
    // sops-nix's module always writes `file`, and its agent takes `content` first.
    let body = match (text, file) {
        (Some(text), _) => Some(TemplateBody::Content(text.to_owned())),
        (None, Some(file)) => Some(TemplateBody::File(file)),
        (None, None) => {
            if faults.count() == faults_before {
                faults.add(fields.place, "has neither content nor file");
            }
            None
        }
    };
    let place = placement(&fields, name.as_ref(), Path::new(RENDERED), context, faults);
    Some(TemplateSpec { name: name?, body: body?, place: place? })
}

/// The fields of an entry, under its name if it has one.
fn entry<'v>(
    kind: &'static str,
    index: usize,
    value: &'v Value<'v>,
    known: &[&str],
    faults: &mut Faults,
) -> Option<Fields<'v>> {
    let position = Place::Nameless(kind, index);
    let Value::Object(entries) = value else {
        faults.add(position, format_args!("must be an object, not {}", value.kind()));
        return None;
    };
    let place = match entries.iter().find(|(key, _)| key == "name") {
        Some((_, Value::Text(name))) if !name.is_empty() => Place::Named(kind, name),
        _ => position,
    };
    Some(Fields::new(place, entries, known, IGNORED_FIELDS, faults))
}

fn name(fields: &Fields<'_>, faults: &mut Faults) -> Option<Name> {
    let text = fields.required_text("name", faults)?;
    Name::parse(text).map_err(|why| faults.add(fields.place, format_args!("its name {why}"))).ok()
}

/// What part of the file is wanted. sops-nix's module puts the secret's own name into `key` of dotenv and
/// ini secrets, and means the whole file; only in a manifest of our own does it count there.
fn key(fields: &Fields<'_>, format: Format, own_schema: bool, faults: &mut Faults) -> Option<Key> {
    let text = fields.text("key", faults);
    let counts = match format {
        Format::Age | Format::Sops(sops::Format::Binary) => false,
        Format::Sops(sops::Format::Dotenv | sops::Format::Ini) => own_schema,
        Format::Sops(sops::Format::Yaml | sops::Format::Json) => true,
    };
    match text {
        _ if !counts => Some(Key::Whole),
        Some("") => Some(Key::Whole),
        Some(path) => Some(Key::Path(path.to_owned())),
        // Not the whole file: its other secrets must not be handed out for want of a word.
        None => {
            if fields.get("key").is_none() {
                faults.add(fields.place, "key is missing; \"\" stands for the whole file");
            }
            None
        }
    }
}

fn placement(
    fields: &Fields<'_>,
    name: Option<&Name>,
    directory: &Path,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<Placement> {
    let path = match fields.path("path", context.rule, faults) {
        Some(path) => Some(path),
        None => own_path(name, directory, context),
    };
    let owner = account(fields, "owner", "uid", faults);
    let group = account(fields, "group", "gid", faults);
    let mode = match fields.get("mode") {
        Some(_) => fields.text("mode", faults),
        None => Some(DEFAULT_MODE),
    };
    let restart_units = units(fields, "restartUnits", faults);
    let reload_units = units(fields, "reloadUnits", faults);
    Some(Placement {
        path: path?,
        owner: owner?,
        group: group?,
        mode: Mode::parse(mode?),
        restart_units,
        reload_units,
    })
}

/// The place in the live generation, for which no link is needed.
fn own_path(name: Option<&Name>, directory: &Path, context: &Context<'_>) -> Option<PathBuf> {
    Some(context.symlink_path.join(directory).join(name?.as_str()))
}

/// The owner or group: the name if there is one, else the number, else root.
fn account(fields: &Fields<'_>, name: &str, number: &str, faults: &mut Faults) -> Option<Account> {
    let id = match fields.get(number) {
        Some(_) => fields.number(number, LARGEST_ID, faults),
        None => Some(0),
    };
    match fields.get(name) {
        Some(_) => fields.text(name, faults).map(|name| Account::Name(name.to_owned())),
        None => id.map(Account::Id),
    }
}

fn units(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Vec<UnitName> {
    let mut units = Vec::new();
    for text in fields.texts(key, faults) {
        match UnitName::parse(text) {
            Ok(unit) => units.push(unit),
            Err(why) => {
                faults.add(fields.place, format_args!("{key}: the unit name '{}' {why}", shown(text)));
            }
        }
    }
    units
}
