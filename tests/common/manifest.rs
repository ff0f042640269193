//! Manifests as sops-nix's module writes them, from the little that a case says.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::tools;

/// Fills in what the module would write.
///
/// A secret's default `path` is its place in the live generation, its format that of its file's ending.
pub fn filled_in(text: &str) -> Result<String, String> {
    let text = with_placeholders(text);
    let mut manifest: Map<String, Value> =
        serde_json::from_str(&text).map_err(|error| format!("manifest: {error}"))?;
    let defaults = json!({
        "secrets": [],
        "secretsMountPoint": "/run/secrets.d",
        "symlinkPath": "/run/secrets",
        "keepGenerations": 1,
        "gnupgHome": null,
        "sshKeyPaths": [],
        "ageKeyFile": "/var/lib/sops-nix/key.txt",
        "ageSshKeyPaths": [],
        "useTmpfs": false,
        "userMode": false,
        "logging": { "keyImport": true, "secretChanges": true },
    });
    add_missing(&mut manifest, defaults);
    let link = manifest.get("symlinkPath").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut placeholders = Map::new();
    for secret in objects(&mut manifest, "secrets") {
        let name = secret.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let file = secret.get("sopsFile").and_then(Value::as_str).unwrap_or("<store>/secrets.yaml");
        let format = format_of(file);
        add_missing(
            secret,
            json!({
                "key": name,
                "sopsFile": "<store>/secrets.yaml",
                "format": format,
                "path": format!("{link}/{name}"),
            }),
        );
        add_missing(secret, placement());
        placeholders.insert(name.clone(), Value::String(placeholder(&name)));
    }
    let mut any = false;
    for template in objects(&mut manifest, "templates") {
        any = true;
        let name = template.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        add_missing(
            template,
            json!({ "content": "", "file": "", "path": format!("{link}/rendered/{name}") }),
        );
        add_missing(template, placement());
    }
    if any {
        add_missing(&mut manifest, json!({ "placeholderBySecretName": placeholders }));
    }
    Ok(Value::Object(manifest).to_string())
}

fn placement() -> Value {
    json!({ "owner": null, "uid": 0, "group": null, "gid": 0, "mode": "0400", "restartUnits": [], "reloadUnits": [] })
}

fn add_missing(object: &mut Map<String, Value>, defaults: Value) {
    let Value::Object(defaults) = defaults else { return };
    for (key, value) in defaults {
        object.entry(key).or_insert(value);
    }
}

fn objects<'m>(
    manifest: &'m mut Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = &'m mut Map<String, Value>> {
    let list = manifest.get_mut(key).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

fn format_of(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("json") => "json",
        Some("bin") => "binary",
        Some("env") => "dotenv",
        Some("ini") => "ini",
        Some("age") => "age",
        _ => "yaml",
    }
}

/// The placeholder that sops-nix's module makes for a secret.
fn placeholder(name: &str) -> String {
    let digest = tools::hex(&Sha256::digest(name));
    format!("<SOPS:{digest}:PLACEHOLDER>")
}

/// Replaces `{{name}}` by that secret's placeholder, and `{{name|filter}}` by one with filters.
pub fn with_placeholders(text: &str) -> String {
    let mut parts = text.split("{{");
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((inner, rest)) = part.split_once("}}") else {
            replaced.push_str("{{");
            replaced.push_str(part);
            continue;
        };
        match inner.split_once('|') {
            Some((name, filters)) => {
                let placeholder = placeholder(name);
                replaced.push_str(placeholder.trim_end_matches('>'));
                replaced.push('|');
                replaced.push_str(filters);
                replaced.push('>');
            }
            None => replaced.push_str(&placeholder(inner)),
        }
        replaced.push_str(rest);
    }
    replaced
}
