//! What must not get out: values and keys are followed through every output, record and trace of the built binary.
//!
//! Canaries stand for values. Each output is searched for any ten bytes of one, plain, in base64 and in hexadecimal; and
//! for the length of one, which is a number that nothing else would print.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "common/fixtures.rs"]
mod fixtures;
#[path = "common/machine.rs"]
mod machine;
#[allow(dead_code)]
#[path = "common/tools.rs"]
mod tools;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fixtures::Fixtures;
use machine::{Call, Done};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

/// A value, and one that stands in a comment; neither holds anything that a program would say by itself.
const CANARIES: [&str; 2] = ["Qz7vKpW3xTg9LmYb4RnHs2Jd", "Vf6uXcE8aNk5ZqBw1DyMt0Gh"];
/// The length of the third one, in bytes.
const LENGTH: usize = 70_919;
/// How much of a canary is a leak, in bytes.
const WINDOW: usize = 10;

const PROGRAM: &str = "/run/agent/sops-activate";
const MANIFEST: &str = "/run/case/manifest.json";

/// Every text that gives a canary or a key away.
fn needles(secrets: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut needles = Vec::new();
    for secret in secrets {
        for window in secret.windows(WINDOW) {
            let hex = tools::hex(window);
            needles.extend([window.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()]);
        }
        for shift in 0..3 {
            let shifted = [&b"xxx"[..shift], secret].concat();
            // The ends depend on what stands beside it.
            let text = BASE64_STANDARD.encode(shifted);
            needles.push(text.as_bytes()[4..16].to_vec());
        }
    }
    needles
}

fn leaks(text: &[u8], needles: &[Vec<u8>]) -> bool {
    needles.iter().any(|needle| memchr::memmem::find(text, needle).is_some())
}

fn start(arguments: &[&str], environment: &[(&str, &str)], uid: u32) -> Child {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let environment: BTreeMap<String, String> =
        environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let call = Call {
        program: Path::new(PROGRAM),
        arguments: &arguments,
        environment: &environment,
        umask: 0o022,
        uid,
        stdin: "",
    };
    machine::start(&call)
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Done {
    machine::finish(start(arguments, environment, 0))
}

/// Encrypts canaries in every format, and damages copies in every way that is noticed only after decryption.
const FILES: &str = r#"
sops() { "$SOPS" --disable-version-check encrypt --age "$RECIPIENT" "$@"; }
head -c 70919 /dev/zero | tr '\0' 'L' > long
printf 'a: %s\nmap:\n  b: %s # %s\n# %s\nlist: [%s]\nlong: %s\n' "$A" "$A" "$B" "$B" "$A" "$(cat long)" > p.yaml; sops p.yaml > e.yaml
printf '{"a": "%s", "map": {"b": "%s"}, "n": 4711471147114711}' "$A" "$A" > p.json; sops p.json > e.json
printf '%s\000%s' "$A" "$B" > p.bin; sops --input-type binary --output-type json p.bin > e.bin
printf 'A=%s\n#%s\n' "$A" "$B" > p.env; sops p.env > e.env
printf '; %s\n[s]\na=%s\n' "$B" "$A" > p.ini; sops p.ini > e.ini
printf '%s' "$A" | age -r "$RECIPIENT" > e.age
rm p.* long
printf 'a: %s\nb: [%s\n' "$A" "$B" > plain.broken; printf 'a: %s\nb: %s\n' "$A" "$B" > plain.yaml; printf '%s\n%s\n' "$A" "$B" > plain.text; printf 'A=%s\n%s\n' "$A" "$B" > plain.env
printf 'a: *%s\n' "$A" > plain.alias; printf 'a: !%s!x y\n' "$A" > plain.tag; printf '%%%s\n' "$A" > plain.directive; printf '[%s\n' "$A" > plain.section; printf '"%s' "$A" > plain.quote
jq 'del(.map)' e.json > removed.json; jq '.a |= sub("type:str"; "type:int")' e.json > int.json; jq '.a |= sub("type:str"; "type:bool")' e.json > bool.json
jq '.a |= sub("type:str"; "type:float")' e.json > float.json; jq '.a |= sub("type:str"; "type:time")' e.json > time.json; jq '.sops.mac |= sub("data:."; "data:")' e.json > mac.json
sed '/^ *- ENC/d' e.yaml > removed.yaml; sed '/^A=/s/tag:./tag:/' e.env > tag.env; sed 's/^a *= */b = /' e.ini > renamed.ini
size=$(stat -c %s e.age); head -c $((size - 1)) e.age > cut.age; { cat e.age; echo x; } > longer.age
# Keys that are no keys any more, but nearly.
sed '/SECRET/s/.$/b/' /var/lib/sops-nix/key.txt > typo.txt; sed '/SECRET/s/^/x/' /var/lib/sops-nix/key.txt > prefix.txt; sed '/SECRET/s/^AGE/AGE-PLUGIN/' /var/lib/sops-nix/key.txt > plugin.txt
sed '3s/^./-/' /etc/ssh/ssh_host_ed25519_key > damaged-ssh; sed 's/OPENSSH/RSA/' /etc/ssh/ssh_host_ed25519_key > pem-ssh; sed '$d' /etc/ssh/ssh_host_ed25519_key > cut-ssh
tr 'A-Z' 'a-z' < /var/lib/sops-nix/key.txt > lower.txt; chmod 0600 *.txt *ssh
"#;

fn make_files(fixtures: &Fixtures) {
    let sops = tools::sops();
    let mut command = Command::new("/bin/sh");
    command.args(["-eu", "-c", FILES]).current_dir(machine::CASE).env_clear();
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("SOPS", sops.get_program());
    command.env("RECIPIENT", &fixtures.machine).env("A", CANARIES[0]).env("B", CANARIES[1]);
    tools::run(&mut command, b"");
}

/// A secret of the manifest, from a file in the case's directory.
fn secret(name: &str, file: &str, key: &str) -> serde_json::Value {
    let format = match file.rsplit('.').next().unwrap() {
        "bin" => "binary",
        "env" => "dotenv",
        other => other,
    };
    json!({ "name": name, "key": key, "sopsFile": format!("/run/case/{file}"), "format": format })
}

fn write_manifest(change: serde_json::Value) {
    let mut manifest = json!({
        "secrets": [], "secretsMountPoint": "/run/secrets.d", "symlinkPath": "/run/secrets", "schema": 1,
        "ageKeyFile": "/var/lib/sops-nix/key.txt", "ageSshKeyPaths": ["/etc/ssh/ssh_host_ed25519_key"],
    });
    let serde_json::Value::Object(change) = change else { panic!("no object") };
    manifest.as_object_mut().unwrap().extend(change);
    std::fs::write(MANIFEST, manifest.to_string()).unwrap();
}

/// Everything that can be installed.
fn good() -> Vec<serde_json::Value> {
    vec![
        secret("yaml", "e.yaml", "a"),
        secret("yaml-nested", "e.yaml", "map/b"),
        secret("yaml-long", "e.yaml", "long"),
        secret("yaml-whole", "e.yaml", ""),
        secret("json", "e.json", "a"),
        secret("json-whole", "e.json", ""),
        secret("bin", "e.bin", ""),
        secret("env", "e.env", "A"),
        secret("ini", "e.ini", "s/a"),
        secret("age", "e.age", ""),
    ]
}

/// Everything that is decrypted, or nearly, and then refused.
fn bad() -> Vec<serde_json::Value> {
    let damaged = [
        "removed.json",
        "int.json",
        "bool.json",
        "float.json",
        "time.json",
        "mac.json",
        "removed.yaml",
        "tag.env",
    ];
    let mut secrets: Vec<_> = damaged
        .iter()
        .map(|file| secret(&format!("bad/{file}"), file, if file.ends_with("env") { "A" } else { "a" }))
        .collect();
    secrets.extend([
        secret("bad/renamed", "renamed.ini", "s/b"),
        secret("bad/cut", "cut.age", ""),
        secret("bad/longer", "longer.age", ""),
        secret("bad/map", "e2.yaml", "map"),
        secret("bad/below", "e2.yaml", "a/b"),
        secret("bad/list", "e2.yaml", "list/7"),
    ]);
    secrets
}

/// A run of the program: what it is about, what the manifest says, and the arguments.
type Scenario = (&'static str, serde_json::Value, Vec<&'static str>);

const INSTALL: [&str; 2] = ["install", MANIFEST];
const INSTALL_JSON: [&str; 4] = ["install", "--report", "json", MANIFEST];

/// Runs about values.
fn runs_about_values() -> Vec<Scenario> {
    let both = [good(), bad()].concat();
    let all = json!({ "secrets": both });
    let abort = json!({ "secrets": both, "onFailure": "abort" });
    let placeholders = json!({ "yaml": "<SOPS:1:PLACEHOLDER>", "bin": "<SOPS:2:PLACEHOLDER>" });
    let templates = json!([
        { "name": "good", "content": "x <SOPS:1:PLACEHOLDER> <SOPS:2:PLACEHOLDER|base64>" },
        { "name": "filter", "content": "<SOPS:2:PLACEHOLDER|shell>" },
        { "name": "json", "content": "<SOPS:1:PLACEHOLDER|nope>" },
    ]);
    let few = [secret("yaml", "e.yaml", "a"), secret("bin", "e.bin", "")];
    let rendered = json!({ "secrets": few, "templates": templates, "placeholderBySecretName": placeholders });
    let (mut owner, mut link) = (secret("o", "e.yaml", "a"), secret("l", "e.yaml", "a"));
    owner["owner"] = json!("nobodyelse");
    link["path"] = json!("/etc/passwd/x");
    let decrypt = |arguments: &[&'static str]| {
        [&["decrypt", "-i", "/var/lib/sops-nix/key.txt"][..], arguments].concat()
    };
    vec![
        ("a first run", json!({ "secrets": good() }), INSTALL.into()),
        ("everything that fails", all.clone(), INSTALL.into()),
        ("as JSON", all.clone(), INSTALL_JSON.into()),
        ("abort", abort, INSTALL_JSON.into()),
        ("a dry run", all.clone(), vec!["install", "--dry-run", MANIFEST]),
        ("a check", all.clone(), vec!["check", MANIFEST]),
        ("explain", all.clone(), vec!["explain", MANIFEST]),
        ("status", all, vec!["status", MANIFEST]),
        ("templates", rendered, INSTALL.into()),
        ("owner and link", json!({ "secrets": [owner, link] }), INSTALL.into()),
        ("decrypt of a damaged file", json!({}), decrypt(&["/run/case/int.json"])),
        ("decrypt of a map", json!({}), decrypt(&["--key", "map", "/run/case/e.yaml"])),
        ("files that are not encrypted", json!({ "secrets": plain() }), INSTALL_JSON.into()),
    ]
}

/// Files that hold values and are not encrypted, declared in formats that they have and have not.
fn plain() -> Vec<serde_json::Value> {
    let formats = ["yaml", "json", "binary", "dotenv", "ini", "age"];
    let files = [
        "plain.yaml",
        "plain.text",
        "plain.env",
        "plain.broken",
        "plain.alias",
        "plain.tag",
        "plain.directive",
        "plain.section",
        "plain.quote",
    ];
    let pairs = files.iter().flat_map(|file| formats.iter().map(move |format| (file, format)));
    pairs
        .map(|(file, format)| {
            // Two formats may not be declared for one file.
            let copy = format!("/run/case/{format}-{file}");
            std::fs::copy(format!("/run/case/{file}"), &copy).unwrap();
            json!({ "name": format!("{file}/{format}"), "key": "a", "sopsFile": copy, "format": format })
        })
        .collect()
}

/// Runs about keys.
fn runs_about_keys() -> Vec<Scenario> {
    let case = |name: &str| format!("/run/case/{name}");
    let damaged = ["typo.txt", "prefix.txt", "plugin.txt", "lower.txt", "damaged-ssh", "pem-ssh", "cut-ssh"];
    let paths: Vec<String> = damaged.map(case).into();
    let few = [secret("yaml", "e.yaml", "a"), secret("bin", "e.bin", "")];
    let with_key = |name: &str| json!({ "secrets": few, "ageKeyFile": case(name), "ageSshKeyPaths": [] });
    let as_file = |(file, format): (String, &str)| json!({ "name": format, "key": "a", "sopsFile": file, "format": format });
    let as_files: Vec<_> = [
        ("/var/lib/sops-nix/key.txt".to_owned(), "dotenv"),
        ("/etc/ssh/ssh_host_ed25519_key".to_owned(), "yaml"),
        (case("typo.txt"), "json"),
        (case("prefix.txt"), "ini"),
        (case("damaged-ssh"), "age"),
    ]
    .into_iter()
    .map(as_file)
    .collect();
    vec![
        (
            "damaged keys",
            json!({ "secrets": few, "ageKeyFile": paths[0], "ageSshKeyPaths": paths }),
            INSTALL.into(),
        ),
        ("a word before the key", with_key("prefix.txt"), INSTALL.into()),
        ("a key of a plugin", with_key("plugin.txt"), INSTALL_JSON.into()),
        ("a key in lower case", with_key("lower.txt"), vec!["explain", MANIFEST]),
        ("keys as sops files", json!({ "secrets": as_files }), INSTALL.into()),
        ("a key as manifest", json!({}), vec!["install", "/var/lib/sops-nix/key.txt"]),
        ("recipient of a damaged key", json!({}), vec!["recipient", "/run/case/typo.txt"]),
        ("recipient of a damaged SSH key", json!({}), vec!["recipient", "/run/case/damaged-ssh"]),
    ]
}

/// Runs that are given a key where a public one or a file is meant; the manifest is as wrong as the arguments.
fn runs_with_misplaced_keys() -> Vec<(&'static str, serde_json::Value, Vec<String>)> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let text = read("/var/lib/sops-nix/key.txt");
    let age = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).unwrap();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut runs = Vec::new();
    for key in [age.to_owned(), age.to_lowercase(), read("/etc/ssh/ssh_host_ed25519_key")] {
        let few = [secret("yaml", "e.yaml", "a")];
        let recipients = json!({ "secrets": few, "machineRecipients": [key] });
        let paths = json!({ "secrets": few, "ageKeyFile": format!("/{key}"), "ageSshKeyPaths": [key] });
        for command in [&INSTALL[..], &INSTALL_JSON, &["check", MANIFEST], &["explain", MANIFEST]] {
            runs.push(("a key as recipient", recipients.clone(), words(command)));
            runs.push(("a key as path", paths.clone(), words(command)));
        }
        let (option, identity) = (format!("--recipient={key}"), format!("--identity={key}"));
        for command in [
            &["check", option.as_str(), MANIFEST][..],
            &["decrypt", &identity, "/run/case/e.yaml"],
            &["decrypt", &key],
            &["recipient", &key],
            &["install", "--report", "json", &key],
            &["explain", MANIFEST, &key],
            &["status", &key],
            &[&key],
        ] {
            runs.push(("a key as argument", recipients.clone(), words(command)));
        }
    }
    runs
}

/// The machine's private keys: as they stand in files, and the bytes that they are.
fn key_material(fixtures: &Fixtures) -> Vec<Vec<u8>> {
    let read = |path: &str| std::fs::read_to_string(fixtures.part(path)).unwrap();
    let mut parts = Vec::new();
    for file in ["keys/key.txt", "store/other.txt"] {
        let text = read(file);
        let key = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).unwrap();
        // What all keys have in common is no secret.
        let own = key.trim_start_matches("AGE-SECRET-KEY-1");
        parts.extend([own.as_bytes().to_vec(), own.to_lowercase().into_bytes()]);
        parts.push(bech32::decode(key).unwrap().1);
    }
    let text = read("keys/ssh_host_ed25519_key");
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let key = BASE64_STANDARD.decode(body).unwrap();
    // A string of 64 bytes, the seed and the public key behind it, is the only one of its length (PROTOCOL.key of OpenSSH).
    let at = memchr::memmem::find(&key, &[0, 0, 0, 64]).unwrap() + 4;
    parts.push(key[at..at + 32].to_vec());
    parts
}

#[test]
fn no_value_and_no_key_is_ever_printed_at_the_most_talkative_level() {
    machine::with_machine(|fixtures| {
        make_files(fixtures);
        std::fs::copy("/run/case/e.yaml", "/run/case/e2.yaml").unwrap();
        let keys = key_material(fixtures);
        let mut secrets: Vec<&[u8]> = CANARIES.iter().map(|canary| canary.as_bytes()).collect();
        let long = "L".repeat(WINDOW);
        secrets.extend([long.as_bytes(), b"4711471147114711"]);
        secrets.extend(keys.iter().map(Vec::as_slice));
        let mut all = needles(&secrets);
        all.retain(|needle| needle.len() >= WINDOW);
        all.push(LENGTH.to_string().into_bytes());
        let mut codes = Vec::new();
        let owned = |(name, manifest, arguments): Scenario| {
            (name, manifest, arguments.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        let runs = runs_about_values().into_iter().chain(runs_about_keys()).map(owned);
        for (name, manifest, arguments) in runs.chain(runs_with_misplaced_keys()) {
            write_manifest(manifest);
            let arguments = ["--log", "trace"].into_iter().chain(arguments.iter().map(String::as_str));
            let arguments: Vec<&str> = arguments.collect();
            let done = run(&arguments, &[("SOPS_AGE_KEY", "AGE-SECRET-KEY-1QZ7VKPW3XTG9LMYB4RNHS2JD")]);
            for (stream, text) in [("stdout", &done.stdout), ("stderr", &done.stderr)] {
                let shown = String::from_utf8_lossy(text);
                assert!(!leaks(text, &all), "{name}: a secret is on {stream}:\n{shown}");
                assert!(
                    !shown.contains("3XTG9LMYB4"),
                    "{name}: a key of the environment is on {stream}:\n{shown}"
                );
            }
            assert!(!records().iter().any(|record| leaks(record, &all)), "{name}: a secret is in a record");
            codes.push((name, done.code));
        }
        // The scenarios are what they are meant to be: the first succeeds, and the second fails in part.
        assert_eq!(codes[0], ("a first run", 0));
        assert_eq!(codes[1], ("everything that fails", 3));
        assert!(codes.iter().all(|(_, code)| *code < 4), "{codes:?}");
        // And the needles find what is there to be found.
        write_manifest(json!({ "secrets": good() }));
        assert_eq!(run(&INSTALL, &[]).code, 0);
        let installed = std::fs::read("/run/secrets/yaml").unwrap();
        assert!(leaks(&installed, &all) && leaks(BASE64_STANDARD.encode(&installed).as_bytes(), &all));
        assert!(leaks(tools::hex(&installed).as_bytes(), &all));
        assert!(leaks(&std::fs::read("/var/lib/sops-nix/key.txt").unwrap(), &all));
        assert!(leaks(&BASE64_STANDARD.decode(ssh_key_text()).unwrap(), &all));
        nothing_under_the_mount_holds_a_key(&keys);
    });
}

fn ssh_key_text() -> String {
    let text = std::fs::read_to_string("/etc/ssh/ssh_host_ed25519_key").unwrap();
    text.lines().filter(|line| !line.starts_with('-')).collect()
}

/// The records beside the generations.
fn records() -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir("/run/secrets.d") else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn nothing_under_the_mount_holds_a_key(keys: &[Vec<u8>]) {
    let mut directories = vec![PathBuf::from("/run/secrets.d")];
    let mut files = 0;
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            files += 1;
            let content = std::fs::read(&path).unwrap();
            let holds = keys.iter().any(|key| memchr::memmem::find(&content, key).is_some());
            assert!(!holds, "a private key is in {}", path.display());
        }
    }
    assert!(files > 0, "there is nothing under the mount to be looked at");
}

/// A run that is held where it has all secrets in memory: it waits for a `systemctl` that does not end.
fn held_run(uid: u32) -> Child {
    let secrets = |file: &str| json!({ "secrets": [{ "name": "a", "key": "a", "sopsFile": format!("/run/case/{file}"), "format": "yaml", "restartUnits": ["a.service"] }] });
    write_manifest(secrets("e.yaml"));
    assert_eq!(run(&["install", MANIFEST], &[]).code, 0);
    write_manifest(
        json!({ "secrets": [{ "name": "a", "key": "map/b", "mode": "0440", "sopsFile": "/run/case/e.yaml", "format": "yaml", "restartUnits": ["a.service"] }] }),
    );
    machine::script(
        "mkdir -p bin; printf '#!/bin/sh\\ntouch /run/held\\nexec sleep 60\\n' > bin/systemctl; chmod 0755 bin/systemctl; rm -f /run/held",
    );
    let child = start(
        &["install", MANIFEST],
        &[("SOPS_RESTART_UNITS_VIA_SYSTEMCTL", "1"), ("PATH", "/run/case/bin:/bin")],
        uid,
    );
    wait_for("/run/held");
    child
}

fn wait_for(path: &str) {
    let start = Instant::now();
    while !Path::new(path).exists() {
        assert!(start.elapsed() < Duration::from_secs(30), "{path} does not appear");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn only_child(pid: u32) -> u32 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.trim().parse().expect("it waits for one other process")
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

#[test]
fn keys_are_neither_in_the_environment_nor_in_the_arguments_of_a_run() {
    machine::with_machine(|fixtures| {
        make_files(fixtures);
        let keys = key_material(fixtures);
        let mut child = held_run(0);
        for part in ["environ", "cmdline"] {
            let text = std::fs::read(format!("/proc/{}/{part}", child.id())).unwrap();
            assert!(!text.is_empty(), "{part} cannot be read, so nothing is shown");
            assert!(!keys.iter().any(|key| memchr::memmem::find(&text, key).is_some()), "a key is in {part}");
        }
        // Its other half, and the systemctl that it runs, are told nothing at all.
        let asker = only_child(child.id());
        for helper in [asker, only_child(asker)] {
            let environment = std::fs::read_to_string(format!("/proc/{helper}/environ")).unwrap();
            assert!(
                !environment.contains("SOPS") && !environment.contains("PATH=/run/case"),
                "{environment:?}"
            );
        }
        end(&mut child, Signal::SIGKILL);
    });
}

/// Kills a held run, and what it started.
fn end(child: &mut Child, signal: Signal) -> std::process::ExitStatus {
    let helpers = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    // Rust's handler takes the first SIGSEGV, if it was no fault, for the end of its service.
    let status = loop {
        kill(pid_of(child), signal).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
    };
    for helper in helpers.split_whitespace() {
        let _ = kill(Pid::from_raw(helper.parse().unwrap()), Signal::SIGKILL);
    }
    status
}

#[test]
fn no_core_is_made_when_a_run_dies_with_secrets_in_memory() {
    machine::with_machine(|fixtures| {
        make_files(fixtures);
        // What the kernel does to any other program here: without this the test would show nothing.
        let mut control = Command::new("sleep").arg("60").current_dir(machine::CASE).spawn().unwrap();
        no_limit_for_cores(control.id());
        kill(pid_of(&control), Signal::SIGABRT).unwrap();
        let makes_cores = control.wait().unwrap().core_dumped();
        // Not SIGQUIT: whatever a shell starts in the background ignores it, and so would all that we start.
        for signal in [Signal::SIGABRT, Signal::SIGSEGV] {
            let mut child = held_run(0);
            let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
            let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
            assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
            // The limit alone does not stop systemd-coredump: the process must not be dumpable, whatever the limit is.
            let raised = makes_cores && no_limit_for_cores(child.id());
            let status = end(&mut child, signal);
            assert_eq!(status.signal(), Some(signal as i32));
            assert!(!status.core_dumped(), "{signal}: a core was made (limit raised: {raised})");
            machine::script("rm -rf /run/secrets /run/held; umount /run/secrets.d");
        }
        assert!(
            makes_cores,
            "the kernel makes no cores here for anybody: set the limit (`ulimit -c unlimited`)"
        );
    });
}

/// Lifts the limit of a process from outside; false if we may not.
fn no_limit_for_cores(pid: u32) -> bool {
    let pid = pid.to_string();
    Command::new("prlimit").args(["--pid", &pid, "--core=unlimited"]).output().unwrap().status.success()
}

#[test]
fn a_users_own_run_cannot_be_looked_into_by_their_other_programs() {
    machine::with_machine(|fixtures| {
        make_files(fixtures);
        machine::script(
            "mkdir -p /run/user/1000 /home/alice; cp /var/lib/sops-nix/key.txt /run/user/1000/key.txt; \
             chown -R alice:users /run/user/1000 /home/alice; chmod 0700 /run/user/1000",
        );
        write_manifest(json!({
            "userMode": true, "secretsMountPoint": "%r/secrets.d", "symlinkPath": "/home/alice/secrets",
            "ageKeyFile": "%r/key.txt", "ageSshKeyPaths": [], "secrets": [secret("a", "e.yaml", "a")],
        }));
        // Held at the lock, which is taken after the process has closed itself off.
        machine::script(
            "touch /run/user/1000/secrets.d.lock; chown alice /run/user/1000/secrets.d.lock; \
             (flock 9; touch /run/held; exec sleep 60) 9>>/run/user/1000/secrets.d.lock >/dev/null 2>&1 & echo $! > /run/holder",
        );
        wait_for("/run/held");
        let mut child = start(&["install", MANIFEST], &[("XDG_RUNTIME_DIR", "/run/user/1000")], 1000);
        let directory = format!("/proc/{}/environ", child.id());
        let owner = || std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&directory).unwrap());
        let begin = Instant::now();
        // Files of a process in /proc belong to root as soon as it is not dumpable, and else to its user.
        while owner() != 0 {
            assert!(begin.elapsed() < Duration::from_secs(30), "it stays dumpable");
            std::thread::sleep(Duration::from_millis(5));
        }
        let as_alice = Command::new("setpriv")
            .args(["--reuid=1000", "--regid=100", "--clear-groups", "cat", &directory])
            .output()
            .unwrap();
        assert!(!as_alice.status.success(), "another program of the user reads its environment");
        end(&mut child, Signal::SIGKILL);
        machine::script("kill $(cat /run/holder)");
    });
}
