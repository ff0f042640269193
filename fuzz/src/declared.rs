//! What a machine declares: manifest, templates, accounts; and the records of its generations.

use std::collections::HashMap;

use serde_json::Value;
use sops_activate::accounts::Accounts;
use sops_activate::manifest::{self, Key, Manifest, Placement, SecretSpec, TemplateBody};
use sops_activate::record::Record;
use sops_activate::secret::Secret;
use sops_activate::template::{Placeholders, Template};

/// `/etc/passwd` and `/etc/group`: the first good line of a name counts.
pub fn accounts(data: &[u8]) {
    let ours = Accounts::parse(data, data);
    let mut theirs: HashMap<&[u8], u32> = HashMap::new();
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    for line in lines.iter().rev() {
        let fields: Vec<&[u8]> =
            line.strip_suffix(b"\r").unwrap_or(line).split(|byte| *byte == b':').collect();
        let [name, _, id, _, ..] = fields[..] else { continue };
        let Some(id) = std::str::from_utf8(id).ok().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
        else {
            continue;
        };
        let Ok(id) = id.parse::<u32>() else { continue };
        let refused = name.is_empty() || b"+-#".contains(&name[0]) || name.contains(&0);
        if !refused && id != u32::MAX {
            theirs.insert(name, id);
        }
    }
    for (name, id) in &theirs {
        if let Ok(name) = std::str::from_utf8(name) {
            assert_eq!((ours.uid(name), ours.gid(name)), (Some(*id), Some(*id)), "{name}");
        }
    }
    for name in lines.iter().take(20).filter_map(|line| std::str::from_utf8(line).ok()) {
        let name = name.split(':').next().unwrap_or_default();
        assert_eq!(ours.uid(name), theirs.get(name.as_bytes()).copied(), "{name}");
        let similar = ours.similar_user(name);
        assert!(similar.is_none_or(|similar| theirs.contains_key(similar.as_bytes())));
    }
}

/// A manifest: what is read is what `serde_json` reads, and reads the same in another spelling of the JSON.
pub fn manifest(data: &[u8]) {
    let json: Result<Value, _> = serde_json::from_slice(data);
    let manifest = match manifest::parse(data) {
        Ok(manifest) => manifest,
        Err(faults) => {
            assert!(!faults.is_empty());
            assert!(
                faults.iter().all(|fault| fault.len() <= 4096 && !fault.chars().any(char::is_control)),
                "{faults:?}"
            );
            assert!(json.is_ok() || faults.len() == 1, "{faults:?}");
            return;
        }
    };
    let json = json.expect("what is taken is JSON");
    let list = |name: &str| json[name].as_array().cloned().unwrap_or_default();
    assert_eq!(manifest.secrets.len(), list("secrets").len());
    for (ours, theirs) in manifest.secrets.iter().zip(list("secrets")) {
        assert_eq!(Some(ours.name.as_str()), theirs["name"].as_str());
        assert!(theirs["sopsFile"].as_str().is_some_and(|path| path.starts_with(['/', '%'])));
        if let Key::Path(key) = &ours.key {
            assert_eq!(Some(key.as_str()), theirs["key"].as_str());
        }
        if let Ok(mode) = &ours.place.mode {
            let text = theirs["mode"].as_str().unwrap_or("0400");
            assert_eq!(u32::from_str_radix(text, 8), Ok(mode.bits()));
            assert!(mode.bits() <= 0o777);
        }
    }
    assert_eq!(manifest.templates.len(), list("templates").len());
    for (ours, theirs) in manifest.templates.iter().zip(list("templates")) {
        assert_eq!(Some(ours.name.as_str()), theirs["name"].as_str());
        if let TemplateBody::Content(text) = &ours.body {
            assert_eq!(Some(text.as_str()), theirs["content"].as_str());
        }
    }
    let keep = json["keepGenerations"].as_u64().unwrap_or(1);
    assert_eq!(u64::from(manifest.keep_generations), keep);
    let again = manifest::parse(&serde_json::to_vec_pretty(&json).expect("JSON"));
    assert_eq!(again.map(|again| told(&again)), Ok(told(&manifest)));
}

/// All that a manifest declares, as text.
fn told(manifest: &Manifest) -> Vec<String> {
    let place = |place: &Placement| {
        let Placement { path, owner, group, mode, restart_units, reload_units } = place;
        format!("{} {owner:?} {group:?} {mode:?} {restart_units:?} {reload_units:?}", path.display())
    };
    let secrets = manifest.secrets.iter().map(|secret| {
        let SecretSpec { name, key, sops_file, format, place: own } = secret;
        format!("{name:?} {key:?} {} {format:?} {}", sops_file.display(), place(own))
    });
    let templates = manifest.templates.iter().map(|template| {
        let body = match &template.body {
            TemplateBody::Content(text) => format!("{text:?}"),
            TemplateBody::File(path) => path.display().to_string(),
        };
        format!("{:?} {body} {}", template.name, place(&template.place))
    });
    let rest = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        manifest.placeholders,
        (&manifest.mount_point, &manifest.symlink_path),
        manifest.keep_generations,
        (&manifest.age_key_file, &manifest.age_ssh_key_paths),
        (&manifest.gnupg_home, &manifest.gnupg_ssh_key_paths),
        (manifest.use_tmpfs, manifest.user_mode, manifest.own_schema),
        manifest.logging,
        manifest.on_failure,
        (&manifest.machine_recipients, &manifest.age_plugins),
    );
    secrets.chain(templates).chain([rest]).collect()
}

/// The placeholders of the template target; what stands for one may look like another.
const PLACEHOLDERS: [(&str, &str); 6] = [
    ("<A>", "<AB>"),
    ("<AB>", "b'\""),
    ("C", "<A"),
    ("<SOPS:00:PLACEHOLDER>", "C"),
    ("xA", ""),
    ("xAB", "\u{e4}\n"),
];

/// A template: without filters it is what a slow and obvious replacement makes of it.
pub fn template(data: &[u8]) {
    let values: Vec<Secret> =
        PLACEHOLDERS.iter().map(|(_, value)| Secret::copy_of(value.as_bytes())).collect();
    let all = PLACEHOLDERS.iter().enumerate().map(|(index, (text, _))| (*text, "name", Some(index)));
    let placeholders = Placeholders::new(all);
    let template = match Template::parse(data, &placeholders) {
        Ok(template) => template,
        Err(fault) => {
            assert!(fault.text.split("; ").all(|text| text.len() <= 4096), "{fault:?}");
            return;
        }
    };
    let rendered = template.render(|index| values.get(index));
    if data.contains(&b'|') {
        return;
    }
    let mut expected = Vec::new();
    let mut rest = data;
    while let [first, behind @ ..] = rest {
        let fitting = PLACEHOLDERS.iter().filter(|(text, _)| rest.starts_with(text.as_bytes()));
        if let Some((text, value)) = fitting.max_by_key(|(text, _)| text.len()) {
            expected.extend_from_slice(value.as_bytes());
            rest = &rest[text.len()..];
        } else {
            expected.push(*first);
            rest = behind;
        }
    }
    assert_eq!(rendered.map(|rendered| rendered.expose().to_vec()).map_err(|fault| fault.text), Ok(expected));
}

/// The record of a generation: what is read is what would be written.
pub fn record(data: &[u8]) {
    if let Some(record) = Record::from_json(data) {
        assert_eq!(Record::from_json(&record.to_json()), Some(record));
    }
}
