//! Whole manifests: what is read from good ones, and what is said about bad ones.

mod bad;
mod good;

use serde_json::{Value, json};

use super::*;

/// A manifest with one secret as sops-nix's NixOS module writes it.
fn nixos() -> Value {
    json!({
        "secrets": [{
            "name": "test_key", "key": "test_key", "path": "/run/secrets/test_key",
            "owner": null, "uid": 0, "group": null, "gid": 0, "mode": "0400",
            "sopsFile": "/nix/store/x-secrets.yaml", "sopsFileHash": "ab", "format": "yaml",
            "neededForUsers": false, "restartUnits": [], "reloadUnits": []
        }],
        "templates": [],
        "placeholderBySecretName": {},
        "secretsMountPoint": "/run/secrets.d", "symlinkPath": "/run/secrets", "keepGenerations": 1,
        "gnupgHome": null, "sshKeyPaths": [], "ageKeyFile": null,
        "ageSshKeyPaths": ["/etc/ssh/ssh_host_ed25519_key"],
        "useTmpfs": false, "userMode": false,
        "logging": { "keyImport": true, "secretChanges": true }
    })
}

/// The same, changed: each `(pointer, value)` is set, creating the last element if need be.
fn nixos_with(changes: &[(&str, Value)]) -> Value {
    let mut manifest = nixos();
    for (pointer, value) in changes {
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        match manifest.pointer_mut(parent).unwrap() {
            Value::Object(map) => {
                map.insert(last.to_owned(), value.clone());
            }
            Value::Array(items) => match last.parse::<usize>() {
                Ok(index) if index < items.len() => items[index] = value.clone(),
                _ => items.push(value.clone()),
            },
            scalar => panic!("{pointer}: {scalar}"),
        }
    }
    manifest
}

/// The same without the field at `pointer`.
fn nixos_without(pointer: &str) -> Value {
    let mut manifest = nixos();
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    manifest.pointer_mut(parent).and_then(Value::as_object_mut).unwrap().remove(last).unwrap();
    manifest
}

/// One more secret, right in all that is not changed.
fn secret(name: &str, changes: &Value) -> Value {
    let mut secret = nixos()["secrets"][0].clone();
    secret["name"] = json!(name);
    secret["key"] = json!(name);
    secret["path"] = json!(format!("/run/secrets/{name}"));
    for (key, value) in changes.as_object().unwrap() {
        secret[key] = value.clone();
    }
    secret
}

fn template(name: &str) -> Value {
    json!({
        "name": name, "content": "x", "file": "/nix/store/x", "path": format!("/run/secrets/rendered/{name}"),
        "owner": null, "uid": 0, "group": null, "gid": 0, "mode": "0400", "restartUnits": [], "reloadUnits": []
    })
}

fn parsed(manifest: &Value) -> Result<Manifest, Vec<String>> {
    parse(manifest.to_string().as_bytes())
}

/// The faults of a manifest that must have some.
fn faults(manifest: &Value) -> Vec<String> {
    parsed(manifest).err().unwrap_or_default()
}
