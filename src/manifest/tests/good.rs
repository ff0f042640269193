//! Manifests of all the modules, and what is made of them.

use std::path::Path;

use serde_json::json;

use super::*;
use crate::sops;

type Outcome = Result<(), Vec<String>>;

#[test]
fn the_manifest_of_the_nixos_module_is_read_whole() -> Outcome {
    let manifest = parsed(&nixos())?;
    assert_eq!(manifest.mount_point, Path::new("/run/secrets.d"));
    assert_eq!(manifest.symlink_path, Path::new("/run/secrets"));
    assert_eq!(manifest.keep_generations, 1);
    assert_eq!(manifest.age_key_file, None);
    assert_eq!(manifest.age_ssh_key_paths, [Path::new("/etc/ssh/ssh_host_ed25519_key")]);
    assert_eq!(manifest.gnupg_home, None);
    assert!(manifest.gnupg_ssh_key_paths.is_empty());
    assert!(!manifest.use_tmpfs && !manifest.user_mode && !manifest.own_schema);
    assert_eq!(manifest.logging, Logging { key_import: true, secret_changes: true });
    assert_eq!(manifest.on_failure, OnFailure::KeepGoing);
    assert_eq!(manifest.secrets.len(), 1);
    let secret = &manifest.secrets[0];
    assert_eq!(secret.name.as_str(), "test_key");
    assert_eq!(secret.key, Key::Path("test_key".into()));
    assert_eq!(secret.sops_file, Path::new("/nix/store/x-secrets.yaml"));
    assert_eq!(secret.format, Format::Sops(sops::Format::Yaml));
    assert_eq!(secret.place.path, Path::new("/run/secrets/test_key"));
    assert_eq!((&secret.place.owner, &secret.place.group), (&Account::Id(0), &Account::Id(0)));
    assert_eq!(secret.place.mode.as_ref().map(|mode| mode.bits()), Ok(0o400));
    Ok(())
}

#[test]
fn the_manifest_of_the_home_manager_module_is_read_and_expanded() -> Outcome {
    let text = json!({
        "secrets": [{
            "name": "token", "key": "token", "path": "%r/tokens/token", "format": "yaml", "mode": "0400",
            "sopsFile": "/nix/store/x-secrets.yaml"
        }],
        "templates": [{
            "name": "t", "content": "", "file": "/nix/store/t", "path": "/home/alice/.config/t%%", "mode": "0600",
            "restartUnits": [], "reloadUnits": []
        }],
        "placeholderBySecretName": { "token": "<SOPS:1:PLACEHOLDER>" },
        "secretsMountPoint": "%r/secrets.d", "symlinkPath": "/home/alice/.config/sops-nix/secrets",
        "keepGenerations": 1, "gnupgHome": null, "sshKeyPaths": [], "ageKeyFile": "%r/key.txt",
        "ageSshKeyPaths": [], "userMode": true, "logging": { "keyImport": true, "secretChanges": true }
    });
    let manifest = parsed(&text)?;
    assert!(manifest.user_mode && !manifest.use_tmpfs);
    assert_eq!(manifest.secrets[0].place.owner, Account::Id(0));
    assert!(user_mode::expand(parsed(&text)?, None).is_err());
    let manifest = user_mode::expand(manifest, Some("/run/user/1000".as_ref()))?;
    assert_eq!(manifest.mount_point, Path::new("/run/user/1000/secrets.d"));
    assert_eq!(manifest.symlink_path, Path::new("/home/alice/.config/sops-nix/secrets"));
    assert_eq!(manifest.age_key_file.as_deref(), Some(Path::new("/run/user/1000/key.txt")));
    assert_eq!(manifest.secrets[0].place.path, Path::new("/run/user/1000/tokens/token"));
    assert_eq!(manifest.templates[0].place.path, Path::new("/home/alice/.config/t%"));
    Ok(())
}

#[test]
fn paths_that_become_one_by_expanding_are_refused() -> Outcome {
    let manifest = parsed(&nixos_with(&[
        ("/userMode", json!(true)),
        ("/secrets/0/path", json!("%r/x")),
        ("/secrets/1", secret("b", &json!({ "path": "/run/user/7/x" }))),
    ]))?;
    let faults = user_mode::expand(manifest, Some("/run/user/7".as_ref())).err().unwrap_or_default();
    assert_eq!(faults, ["secret 'b': path '/run/user/7/x' is that of secret 'test_key' too"]);
    Ok(())
}

#[test]
fn expanding_leaves_a_system_manifest_alone() -> Outcome {
    let manifest = parsed(&nixos_with(&[("/secrets/0/path", json!("/a/%r/%%"))]))?;
    let manifest = user_mode::expand(manifest, None)?;
    assert_eq!(manifest.secrets[0].place.path, Path::new("/a/%r/%%"));
    Ok(())
}

#[test]
fn the_manifest_of_the_nix_darwin_module_is_read() -> Outcome {
    let text = json!({
        "secrets": [{
            "name": "a", "key": "a", "path": "/run/secrets/a", "format": "json", "mode": "0440", "uid": 0, "gid": 0,
            "owner": "root", "group": "staff", "sopsFile": "/nix/store/s.json", "neededForUsers": false
        }],
        "templates": [], "placeholderBySecretName": {},
        "secretsMountPoint": "/run/secrets.d", "symlinkPath": "/run/secrets", "keepGenerations": 0,
        "gnupgHome": null, "sshKeyPaths": [], "ageKeyFile": "/k", "ageSshKeyPaths": [], "useTmpfs": false,
        "userMode": false, "logging": { "keyImport": false, "secretChanges": false }
    });
    let manifest = parsed(&text)?;
    let place = &manifest.secrets[0].place;
    assert_eq!((&place.owner, &place.group), (&Account::Name("root".into()), &Account::Name("staff".into())));
    assert!(place.restart_units.is_empty() && place.reload_units.is_empty());
    assert_eq!(manifest.keep_generations, 0);
    assert_eq!(manifest.logging, Logging { key_import: false, secret_changes: false });
    Ok(())
}

#[test]
fn the_fields_of_our_own_module_are_read() -> Outcome {
    let manifest = parsed(&nixos_with(&[
        ("/schema", json!(1)),
        ("/onFailure", json!("abort")),
        ("/machineRecipients", json!(["age1abc", "ssh-ed25519 AAAA"])),
        ("/agePlugins", json!(["/nix/store/p/bin/age-plugin-tpm"])),
        ("/secrets/1", secret("plain-age", &json!({ "format": "age", "sopsFile": "/x.age" }))),
    ]))?;
    assert!(manifest.own_schema);
    assert_eq!(manifest.on_failure, OnFailure::Abort);
    assert_eq!(manifest.machine_recipients, ["age1abc", "ssh-ed25519 AAAA"]);
    assert_eq!(manifest.age_plugins, [Path::new("/nix/store/p/bin/age-plugin-tpm")]);
    assert_eq!(manifest.secrets[1].format, Format::Age);
    Ok(())
}

#[test]
fn what_is_left_out_has_the_default_of_the_options() -> Outcome {
    let manifest = parsed(&json!({
        "secrets": [{ "name": "d/a", "key": "a", "sopsFile": "/s.yaml" }],
        "secretsMountPoint": "/m", "symlinkPath": "/l"
    }))?;
    let secret = &manifest.secrets[0];
    assert_eq!(secret.format, Format::Sops(sops::Format::Yaml));
    assert_eq!(secret.place.path, Path::new("/l/d/a"));
    assert_eq!(secret.place.mode.as_ref().map(|mode| mode.bits()), Ok(0o400));
    assert_eq!(secret.place.owner, Account::Id(0));
    assert_eq!(manifest.keep_generations, 1);
    assert_eq!(manifest.logging, Logging { key_import: true, secret_changes: true });
    Ok(())
}

#[test]
fn an_empty_list_of_secrets_is_a_manifest() -> Outcome {
    let manifest = parsed(&nixos_with(&[("/secrets", json!([]))]))?;
    assert!(manifest.secrets.is_empty());
    Ok(())
}

#[test]
fn unknown_fields_are_ignored() -> Outcome {
    parsed(&nixos_with(&[
        ("/newInSopsNix", json!({ "deep": [1, 2] })),
        ("/secrets/0/newToo", json!(null)),
        ("/logging/newAsWell", json!(7)),
    ]))?;
    Ok(())
}

#[test]
fn the_name_of_an_owner_goes_before_its_number() -> Outcome {
    let manifest = parsed(&nixos_with(&[
        ("/secrets/0", secret("a", &json!({ "owner": "web", "uid": 5, "group": null, "gid": 4321 }))),
        ("/secrets/1", secret("b", &json!({ "uid": 4_294_967_294u32, "gid": null, "group": "" }))),
    ]))?;
    let [a, b] = [&manifest.secrets[0].place, &manifest.secrets[1].place];
    assert_eq!((&a.owner, &a.group), (&Account::Name("web".into()), &Account::Id(4321)));
    assert_eq!((&b.owner, &b.group), (&Account::Id(4_294_967_294), &Account::Name(String::new())));
    Ok(())
}

#[test]
fn a_bad_mode_fails_its_own_secret_only() -> Outcome {
    let manifest = parsed(&nixos_with(&[
        ("/secrets/1", secret("bad", &json!({ "mode": "4755" }))),
        ("/secrets/2", secret("empty", &json!({ "mode": "" }))),
    ]))?;
    assert!(manifest.secrets[0].place.mode.is_ok());
    assert!(manifest.secrets[1].place.mode.as_ref().is_err_and(|why| why.contains("4755")));
    assert!(manifest.secrets[2].place.mode.is_err());
    Ok(())
}

#[test]
fn key_counts_where_it_can_mean_something() -> Outcome {
    let whole = |format: &str, key: &str, schema: bool| -> Result<bool, Vec<String>> {
        let mut text = nixos_with(&[("/secrets/0/format", json!(format)), ("/secrets/0/key", json!(key))]);
        if schema {
            text["schema"] = json!(1);
        }
        Ok(parsed(&text)?.secrets[0].key == Key::Whole)
    };
    for format in ["yaml", "json"] {
        assert!(!whole(format, "a/b/0", false)? && !whole(format, "a", true)? && whole(format, "", false)?);
    }
    for format in ["dotenv", "ini"] {
        assert!(whole(format, "test_key", false)?, "sops-nix's module means the whole file");
        assert!(!whole(format, "test_key", true)? && whole(format, "", true)?);
    }
    for format in ["binary", "age"] {
        assert!(whole(format, "test_key", false)? && whole(format, "test_key", true)?);
    }
    let without_key = json!({
        "secrets": [{ "name": "b", "format": "binary", "sopsFile": "/b" }],
        "secretsMountPoint": "/m", "symlinkPath": "/l"
    });
    assert_eq!(parsed(&without_key)?.secrets[0].key, Key::Whole);
    Ok(())
}

#[test]
fn templates_take_their_content_first_and_else_their_file() -> Outcome {
    let mut in_file = template("b/c");
    in_file["content"] = json!("");
    let manifest = parsed(&nixos_with(&[
        ("/templates/0", template("a")),
        ("/templates/1", in_file),
        (
            "/placeholderBySecretName",
            json!({ "test_key": "<1>", "of-the-other-phase": "<2>", "not/../a name": "<3>" }),
        ),
    ]))?;
    assert!(matches!(&manifest.templates[0].body, TemplateBody::Content(text) if text == "x"));
    assert!(
        matches!(&manifest.templates[1].body, TemplateBody::File(file) if file == Path::new("/nix/store/x"))
    );
    assert_eq!(manifest.templates[1].place.path, Path::new("/run/secrets/rendered/b/c"));
    let placeholders: Vec<_> = manifest.placeholders.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    assert_eq!(placeholders, [("of-the-other-phase", "<2>"), ("test_key", "<1>")]);
    Ok(())
}

#[test]
fn a_secret_and_a_template_may_have_one_name() -> Outcome {
    let placeholders = json!({ "test_key": "<1>" });
    parsed(&nixos_with(&[
        ("/templates/0", template("test_key")),
        ("/placeholderBySecretName", placeholders),
    ]))?;
    Ok(())
}

#[test]
fn paths_lose_doubled_and_trailing_slashes_and_dots() -> Outcome {
    let manifest = parsed(&nixos_with(&[
        ("/secrets/0/path", json!("//etc//wifi/./psk/")),
        ("/secretsMountPoint", json!("/run/secrets.d/")),
    ]))?;
    assert_eq!(manifest.secrets[0].place.path.as_os_str(), "/etc/wifi/psk");
    assert_eq!(manifest.mount_point.as_os_str(), "/run/secrets.d");
    Ok(())
}

#[test]
fn a_path_inside_the_live_generation_is_taken() -> Outcome {
    let manifest = parsed(&nixos_with(&[("/secrets/0/path", json!("/run/secrets/other-name"))]))?;
    assert_eq!(manifest.secrets[0].place.path, Path::new("/run/secrets/other-name"));
    Ok(())
}

#[test]
fn a_thousand_secrets_are_read_in_no_time() -> Outcome {
    let secrets: Vec<_> = (0..1000).map(|i| secret(&format!("a/b/{i}"), &json!({}))).collect();
    let manifest = parsed(&nixos_with(&[("/secrets", json!(secrets))]))?;
    assert_eq!(manifest.secrets.len(), 1000);
    assert_eq!(manifest.secrets[999].name.as_str(), "a/b/999");
    Ok(())
}
