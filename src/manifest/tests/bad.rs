//! Manifests with faults: each is named, with the entry it is about.

use serde_json::json;

use super::*;

/// Asserts that exactly `expected` is said.
#[track_caller]
fn assert_faults(manifest: &Value, expected: &[&str]) {
    assert_eq!(faults(manifest), expected);
}

/// Asserts that setting `pointer` to each of `values` gives one fault, with `expected` in it.
#[track_caller]
fn assert_refused(pointer: &str, values: &[Value], expected: &str) {
    for value in values {
        let faults = faults(&nixos_with(&[(pointer, value.clone())]));
        assert!(
            faults.len() == 1 && faults[0].contains(expected) && !faults[0].contains('\n'),
            "{pointer} = {value}: {faults:?} should be one line with {expected:?}"
        );
    }
}

#[test]
fn bytes_that_are_no_json_object_are_refused() {
    for (text, expected) in [
        ("", "manifest: is empty"),
        ("[]", "manifest: must be an object, not a list"),
        ("null", "manifest: must be an object, not null"),
        ("\"x\"", "manifest: must be an object, not a string"),
        ("{\"secrets\": [", "manifest: is not valid JSON: EOF while parsing a list at line 1 column 13"),
    ] {
        assert_eq!(parse(text.as_bytes()).err(), Some(vec![expected.to_owned()]), "{text}");
    }
}

#[test]
fn the_parts_that_cannot_be_guessed_must_be_there() {
    assert_faults(
        &json!({}),
        &[
            "manifest: secretsMountPoint is missing",
            "manifest: symlinkPath is missing",
            "manifest: secrets is missing",
        ],
    );
    assert_faults(&nixos_without("/secrets"), &["manifest: secrets is missing"]);
    assert_faults(&nixos_without("/secrets/0/name"), &["secrets[0]: name is missing"]);
    assert_faults(&nixos_without("/secrets/0/sopsFile"), &["secret 'test_key': sopsFile is missing"]);
    assert_faults(
        &nixos_without("/secrets/0/key"),
        &["secret 'test_key': key is missing; \"\" stands for the whole file"],
    );
    let mut misspelt = nixos_without("/symlinkPath");
    misspelt["symlinkpath"] = json!("/run/secrets");
    assert_faults(&misspelt, &["manifest: symlinkPath is missing (it is spelt 'symlinkpath' here)"]);
}

#[test]
fn values_of_a_wrong_type_are_refused_by_name() {
    let not_text = [json!(1), json!(true), json!([]), json!({})];
    for field in ["key", "path", "owner", "group", "mode", "sopsFile", "format"] {
        let expected = format!("secret 'test_key': {field} must be a string, not ");
        assert_refused(&format!("/secrets/0/{field}"), &not_text, &expected);
    }
    assert_refused("/secrets/0/name", &not_text, "secrets[0]: name must be a string, not ");
    for field in ["uid", "gid"] {
        let values = [json!("0"), json!(1.5), json!(1e30), json!(true)];
        let expected = format!("secret 'test_key': {field} must be a whole number, not ");
        assert_refused(&format!("/secrets/0/{field}"), &values, &expected);
    }
    for field in ["restartUnits", "reloadUnits"] {
        let pointer = format!("/secrets/0/{field}");
        assert_refused(&pointer, &[json!("nginx.service"), json!({})], "must be a list, not ");
        assert_refused(
            &pointer,
            &[json!(["a", 1]), json!(["a", null])],
            &format!("{field}[1] must be a string"),
        );
    }
    for field in ["symlinkPath", "secretsMountPoint", "ageKeyFile", "gnupgHome", "onFailure"] {
        assert_refused(&format!("/{field}"), &not_text, &format!("manifest: {field} must be a string, not "));
    }
    for field in ["useTmpfs", "userMode", "logging/keyImport", "logging/secretChanges"] {
        assert_refused(&format!("/{field}"), &[json!("true"), json!(0)], "must be true or false, not ");
    }
    for field in ["secrets", "templates", "sshKeyPaths", "ageSshKeyPaths", "agePlugins", "machineRecipients"]
    {
        assert_refused(
            &format!("/{field}"),
            &[json!("x"), json!({})],
            &format!("manifest: {field} must be a list"),
        );
    }
    for field in ["logging", "placeholderBySecretName"] {
        assert_refused(&format!("/{field}"), &[json!([]), json!("x")], &format!("{field} must be an object"));
    }
    assert_refused("/secrets/0", &[json!("x"), json!(null)], "secrets[0]: must be an object, not ");
    assert_refused("/templates/0", &[json!(7)], "templates[0]: must be an object, not a number");
}

#[test]
fn numbers_out_of_range_are_refused() {
    let ids = [json!(-1), json!(4_294_967_295u64), json!(4_294_967_296u64), json!(u64::MAX), json!(i64::MIN)];
    assert_refused("/secrets/0/uid", &ids, "secret 'test_key': uid ");
    assert_refused("/secrets/0/gid", &ids, " is not between 0 and 4294967294");
    assert_refused("/keepGenerations", &[json!(-1), json!(1u64 << 40)], "manifest: keepGenerations ");
    assert_refused(
        "/keepGenerations",
        &[json!(1.0), json!("1")],
        "keepGenerations must be a whole number, not ",
    );
    assert_refused("/schema", &[json!(0), json!(2)], "is unknown, only 1 is known");
    assert_refused("/schema", &[json!("1"), json!(1.0)], "schema must be a whole number");
}

#[test]
fn unknown_words_are_refused_with_the_known_ones() {
    assert_faults(
        &nixos_with(&[("/secrets/0/format", json!("xml"))]),
        &["secret 'test_key': format 'xml' is unknown; known are: yaml, json, binary, dotenv, ini, age"],
    );
    assert_refused("/secrets/0/format", &[json!(""), json!("YAML"), json!("yaml ")], "is unknown; known are");
    assert_faults(
        &nixos_with(&[("/onFailure", json!("ignore"))]),
        &["manifest: onFailure 'ignore' is unknown; known are: keep-going, abort"],
    );
}

#[test]
fn names_that_would_leave_the_directory_are_refused() {
    let names =
        ["../escaped", "../../../run/escaped", "a/../b", "/etc/shadow", "a//b", "a/", ".", "a\u{0}b", "a\nb"];
    for name in names {
        assert_refused("/secrets/0/name", &[json!(name)], "its name ");
        let mut bad = template("t");
        bad["name"] = json!(name);
        let placeholders = ("/placeholderBySecretName", json!({ "test_key": "<1>" }));
        let faults = faults(&nixos_with(&[("/templates/0", bad), placeholders]));
        assert!(faults.len() == 1 && faults[0].starts_with("template '"), "{faults:?}");
    }
    assert_refused("/secrets/0/name", &[json!("")], "secrets[0]: its name is empty");
    for name in ["rendered", "rendered/t", "rendered/a/b"] {
        assert_refused("/secrets/0/name", &[json!(name)], "is for templates");
    }
    assert!(parsed(&nixos_with(&[("/secrets/0/name", json!("rendered.d/t"))])).is_ok());
}

#[test]
fn one_name_cannot_be_two_secrets_or_a_file_and_a_directory() {
    let other = |name: &str| ("/secrets/9", secret(name, &json!({})));
    assert_faults(
        &nixos_with(&[other("a"), other("b"), other("a"), other("a")]),
        &["secret 'a': is declared more than once"],
    );
    assert_faults(
        &nixos_with(&[other("a/b/c"), other("a"), other("a-b")]),
        &["secret 'a/b/c': 'a' is a secret too, and cannot be a file and a directory at once"],
    );
    let templates = json!([template("x/y"), template("x"), template("x")]);
    let placeholders = json!({ "test_key": "<1>" });
    assert_faults(
        &nixos_with(&[("/templates", templates), ("/placeholderBySecretName", placeholders)]),
        &[
            "template 'x': is declared more than once",
            "template 'x/y': 'x' is a template too, and cannot be a file and a directory at once",
        ],
    );
}

#[test]
fn paths_that_cannot_be_used_are_refused() {
    let pointers =
        ["/secretsMountPoint", "/symlinkPath", "/secrets/0/path", "/secrets/0/sopsFile", "/ageKeyFile"];
    for pointer in pointers {
        assert_refused(pointer, &[json!("rel"), json!("./x"), json!("~/x")], "is not an absolute path");
        assert_refused(pointer, &[json!("/a/../b"), json!("/..")], "holds a '..' element");
        assert_refused(pointer, &[json!("/a\u{0}"), json!("/a\nb")], "holds a control character");
        assert_refused(pointer, &[json!("/x".repeat(3000))], "is longer than 4095 bytes");
        assert_refused(pointer, &[json!("%r/x")], "'%r' is replaced in user mode only");
    }
    for list in ["ageSshKeyPaths", "sshKeyPaths", "agePlugins"] {
        let expected = format!("manifest: {list} 'x' is not an absolute path");
        assert_refused(&format!("/{list}"), &[json!(["/age-plugin-a", "x"])], &expected);
        assert_refused(&format!("/{list}"), &[json!([""])], "is not an absolute path");
    }
    for program in ["/bin/sh", "/age-plugin-", "/age-plugin-x/bin/x"] {
        let expected = format!("manifest: agePlugins '{program}' is not called age-plugin-NAME");
        assert_refused("/agePlugins", &[json!([program])], &expected);
    }
    for field in ["/secrets/0/sopsFile", "/secretsMountPoint", "/symlinkPath"] {
        assert_refused(field, &[json!("")], " is empty");
    }
}

#[test]
fn links_and_secrets_cannot_be_in_each_others_place() {
    assert_refused(
        "/secretsMountPoint",
        &[json!("/run/secrets"), json!("/run/secrets/d")],
        "lies in symlinkPath",
    );
    assert_refused("/secretsMountPoint", &[json!("/")], "is the root directory");
    let in_the_way =
        ["/", "/run", "/run/secrets", "/run/secrets.d", "/run/secrets.d/1/x"].map(|path| json!(path));
    assert_refused("/secrets/0/path", &in_the_way, "is where the secrets themselves live");
    assert_faults(
        &nixos_with(&[("/secrets/1", secret("b", &json!({ "path": "/run//secrets/test_key" })))]),
        &["secret 'b': path '/run/secrets/test_key' is that of secret 'test_key' too"],
    );
}

#[test]
fn one_file_has_one_format() {
    let other = secret("b", &json!({ "format": "binary", "sopsFile": "/nix/store//x-secrets.yaml" }));
    assert_faults(
        &nixos_with(&[("/secrets/1", other)]),
        &["secret 'b': format binary differs from yaml of secret 'test_key', which is in the same file \
           '/nix/store/x-secrets.yaml'"],
    );
}

#[test]
fn pgp_and_other_key_sources_are_mutually_exclusive() {
    let gnupg = ("/gnupgHome", json!("/root/.gnupg"));
    assert_faults(
        &nixos_with(&[gnupg.clone(), ("/ageKeyFile", json!("/k")), ("/sshKeyPaths", json!(["/s"]))]),
        &[
            "manifest: gnupgHome and sshKeyPaths are both set; they are mutually exclusive",
            "manifest: gnupgHome and ageKeyFile are both set; they are mutually exclusive",
        ],
    );
    assert!(parsed(&nixos_with(&[gnupg])).is_ok());
    assert!(parsed(&nixos_with(&[("/gnupgHome", json!("")), ("/ageKeyFile", json!("/k"))])).is_ok());
}

#[test]
fn units_that_systemctl_would_misread_are_refused() {
    let units = ["", " ", "a b", "a\nb", "--now", "-M x", "u\u{0}"].map(|unit| json!(["ok.service", unit]));
    assert_refused("/secrets/0/restartUnits", &units, "secret 'test_key': restartUnits: the unit name '");
    assert_refused("/secrets/0/reloadUnits", &units, "secret 'test_key': reloadUnits: the unit name '");
}

#[test]
fn each_secret_needs_a_placeholder_of_its_own_when_there_are_templates() {
    let with = |placeholders: Value| {
        let other = ("/secrets/1", secret("other", &json!({})));
        nixos_with(&[other, ("/templates/0", template("t")), ("/placeholderBySecretName", placeholders)])
    };
    let missing = "its placeholder is not in placeholderBySecretName, but there are templates";
    assert_faults(&with(json!({ "test_key": "<1>" })), &[&format!("secret 'other': {missing}")]);
    assert_faults(
        &with(json!({ "test_key": "<1>", "other": "<1>" })),
        &["placeholderBySecretName 'test_key': is the placeholder of 'other' too"],
    );
    assert_faults(
        &with(json!({ "test_key": "<1>", "other": 7, "more": "" })),
        &[
            "placeholderBySecretName 'more': is empty",
            "placeholderBySecretName 'other': must be a string, not a number",
            &format!("secret 'other': {missing}"),
        ],
    );
    assert!(
        parsed(&nixos_without("/placeholderBySecretName")).is_ok(),
        "no templates, no placeholders needed"
    );
}

#[test]
fn a_template_needs_content_or_a_file() {
    let with = |content: Value, file: Value| {
        let mut bad = template("t");
        bad["content"] = content;
        bad["file"] = file;
        nixos_with(&[("/templates/0", bad), ("/placeholderBySecretName", json!({ "test_key": "<1>" }))])
    };
    assert_faults(&with(json!(""), json!("")), &["template 't': has neither content nor file"]);
    assert_faults(&with(json!(null), json!(null)), &["template 't': has neither content nor file"]);
    assert_faults(&with(json!(7), json!("")), &["template 't': content must be a string, not a number"]);
    assert_faults(&with(json!(""), json!("t")), &["template 't': file 't' is not an absolute path"]);
}

#[test]
fn keys_that_stand_twice_are_refused() {
    let text = nixos().to_string();
    let doubled = text.replacen("\"uid\":0", "\"uid\":0,\"uid\":1", 1).replacen('{', "{\"secrets\":[],", 1);
    let faults = parse(doubled.as_bytes()).err().unwrap_or_default();
    assert!(faults.contains(&"manifest: 'secrets' stands in it more than once".to_owned()), "{faults:?}");
    let doubled = text.replacen("\"uid\":0", "\"uid\":0,\"uid\":1", 1);
    let expected = "secret 'test_key': 'uid' stands in it more than once".to_owned();
    assert_eq!(parse(doubled.as_bytes()).err(), Some(vec![expected]));
}

#[test]
fn all_faults_are_listed_in_one_go() {
    let manifest = json!({
        "secrets": [
            { "name": "../x", "key": 1, "format": "xml", "uid": -1, "restartUnits": [""], "mode": 400 },
            { "name": "ok", "key": "", "sopsFile": "/s" },
            7
        ],
        "templates": [{ "name": "t" }, { "name": "u", "content": "x" }],
        "symlinkPath": "rel", "keepGenerations": -1, "schema": 3
    });
    assert_faults(
        &manifest,
        &[
            "manifest: schema 3 is unknown, only 1 is known; use the sops-activate that belongs to the module",
            "manifest: secretsMountPoint is missing",
            "manifest: symlinkPath 'rel' is not an absolute path",
            "secret '../x': its name has the path element '..'",
            "secret '../x': sopsFile is missing",
            "secret '../x': format 'xml' is unknown; known are: yaml, json, binary, dotenv, ini, age",
            "secret '../x': uid -1 is not between 0 and 4294967294",
            "secret '../x': mode must be a string, not a number",
            "secret '../x': restartUnits: the unit name '' is empty",
            "secrets[2]: must be an object, not a number",
            "template 't': has neither content nor file",
            "manifest: keepGenerations -1 is not between 0 and 4294967295",
            "secret 'ok': its placeholder is not in placeholderBySecretName, but there are templates",
        ],
    );
}

#[test]
fn text_of_the_manifest_cannot_forge_or_flood_messages() {
    let faults =
        faults(&nixos_with(&[("/secrets/0/name", json!(format!("a\n\u{1b}[31m{}", "x".repeat(9999))))]));
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("secret 'a\\n\\u{1b}[31mxxx") && faults[0].len() < 400, "{faults:?}");
}

#[test]
fn hostile_shapes_end_in_an_error_soon() {
    let nested = format!("{}{}", "{\"a\":".repeat(200), "1");
    assert!(parse(nested.as_bytes()).is_err_and(|faults| faults[0].contains("recursion limit")));
    let deep_name = "a/".repeat(1_000_000) + "a";
    assert_refused("/secrets/0/name", &[json!(deep_name)], "longer than");
    let many: Vec<_> = (0..20_000).map(|_| json!({ "name": "a" })).collect();
    let faults = faults(&nixos_with(&[("/secrets", json!(many))]));
    assert_eq!(faults.len(), 1001);
    assert!(faults[1000].starts_with("and ") && faults[1000].ends_with("faults more"), "{}", faults[1000]);
}

#[test]
fn a_manifest_of_more_secrets_or_templates_than_any_machine_has_is_refused() {
    for key in ["secrets", "templates"] {
        let many = vec![json!({}); (1 << 16) + 1];
        let faults = faults(&nixos_with(&[(&format!("/{key}"), json!(many))]));
        assert!(faults[0].contains(&format!("{key} has more than 65536 entries")), "{faults:?}");
    }
}

#[test]
fn every_cut_manifest_is_an_error_and_no_changed_byte_a_panic() {
    let whole = nixos().to_string().into_bytes();
    for length in 0..whole.len() {
        assert!(parse(&whole[..length]).is_err(), "cut at {length}");
    }
    for at in 0..whole.len() {
        for byte in [0, b'"', b'\\', b'{', b'}', b'[', b',', b'-', b'9', b'%', b'/', b'.', 0xc3, 0xff] {
            let mut changed = whole.clone();
            changed[at] = byte;
            if let Err(faults) = parse(&changed) {
                assert!(
                    !faults.is_empty() && faults.iter().all(|fault| !fault.contains('\n')),
                    "{at}: {faults:?}"
                );
            }
        }
    }
}
