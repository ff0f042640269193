//! What a plugin finds when it is started by the built binary: nothing but what it needs.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "common/fixtures.rs"]
mod fixtures;
#[path = "common/machine.rs"]
mod machine;
#[allow(dead_code)]
#[path = "common/tools.rs"]
mod tools;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::json;

const PROGRAM: &str = "/run/agent/sops-activate";
const KEY: &str = "AGE-PLUGIN-TOY-1D4SKGEFQVEHHYGRPYP6X2UM5XM5YKJ";

/// Notes what can be seen from inside, then does its work.
const SPY: &str = r#"#!/bin/sh
seen=/run/case/seen
mkdir -p $seen
for what in environ status limits stat; do cat /proc/$$/$what > $seen/$what; done
for descriptor in /proc/$$/fd/*; do readlink $descriptor; done > $seen/descriptors
readlink /proc/$$/cwd > $seen/directory
echo $$ > $seen/pid
umask > $seen/umask
cat /proc/[0-9]*/cmdline > $seen/arguments 2> /dev/null
cat /proc/$PPID/environ > $seen/environ-of-parent
cat /proc/$PPID/status > $seen/status-of-parent
exec /run/store/age-plugin-toy "$@"
"#;

fn seen(what: &str) -> String {
    std::fs::read_to_string(Path::new("/run/case/seen").join(what)).unwrap()
}

/// A line of a `status` that the plugin saw.
fn status(of: &str, key: &str) -> String {
    let status = seen(of);
    let line = status.lines().find(|line| line.starts_with(&format!("{key}:"))).unwrap();
    line.split_once(':').unwrap().1.trim().to_owned()
}

/// A manifest with a secret that only this plugin opens.
fn prepare(plugin: &str) {
    let manifest = json!({
        "schema": 1, "secretsMountPoint": "/run/secrets.d", "symlinkPath": "/run/secrets",
        "secrets": [{ "name": "a", "key": "test_key", "sopsFile": "/run/store/toy.yaml", "format": "yaml" }],
        "ageKeyFile": "/run/case/toy.txt", "agePlugins": ["/run/case/age-plugin-toy"],
    });
    std::fs::write("/run/case/manifest.json", manifest.to_string()).unwrap();
    std::fs::write("/run/case/toy.txt", KEY).unwrap();
    std::fs::write("/run/case/age-plugin-toy", plugin).unwrap();
    machine::script("chmod 0400 toy.txt; chmod 0755 age-plugin-toy");
}

fn install() -> Output {
    prepare(SPY);
    let mut command = Command::new(PROGRAM);
    command.args(["--log", "trace", "install", "/run/case/manifest.json"]);
    command.env_clear().envs([("PATH", "/usr/bin:/bin"), ("SECRETIVE", "value")]).current_dir("/run/case");
    command.output().unwrap()
}

#[test]
fn a_plugin_has_nothing_but_what_it_needs() {
    machine::with_machine(|_| {
        let done = install();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
        assert_eq!(std::fs::read_to_string("/run/secrets/a").unwrap(), "test_value");

        assert_eq!(seen("environ"), "HOME=/var/empty\0");
        assert_eq!(seen("environ-of-parent"), "");
        assert_eq!(seen("directory").trim(), "/");
        assert_eq!(seen("umask").trim(), "0077");
        // dac_override 1, dac_read_search 2.
        for set in ["CapEff", "CapPrm", "CapBnd"] {
            assert_eq!(status("status", set), "0000000000000006", "{set}");
            assert_eq!(status("status-of-parent", set), "0000000000000006", "{set} of the other half");
        }
        assert_eq!(status("status", "CapInh"), "0000000000000000");
        assert_eq!(status("status", "NoNewPrivs"), "1");
        let limits = seen("limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
        // A group of its own: the fifth field behind the name in parentheses.
        let stat = seen("stat");
        let group = stat.rsplit(") ").next().unwrap().split(' ').nth(2).unwrap();
        assert_eq!(group, seen("pid").trim());

        let expected = |target: &str| {
            let own = ["/run/case/age-plugin-toy", "/run/case/seen/descriptors", "/dev/null"];
            own.contains(&target) || target.starts_with("pipe:")
        };
        let descriptors = seen("descriptors");
        assert!(descriptors.lines().count() >= 3);
        assert_eq!(descriptors.lines().find(|target| !expected(target)), None, "{descriptors}");

        for place in [said.as_str(), &seen("arguments"), &String::from_utf8_lossy(&done.stdout)] {
            assert!(!place.contains(KEY) && !place.contains("SECRETIVE"), "{place}");
        }
        assert!(seen("arguments").contains("--age-plugin=identity-v1"), "the control");
    });
}

#[test]
fn a_plugin_does_not_outlive_the_run_that_it_talks_to() {
    machine::with_machine(|_| {
        prepare("#!/bin/sh\necho $$ > /run/case/pid\nexec sleep 1000\n");
        let mut run = Command::new(PROGRAM).args(["install", "/run/case/manifest.json"]).spawn().unwrap();
        let since = Instant::now();
        let soon = |what: &str, is: &dyn Fn() -> bool| {
            while !is() {
                assert!(since.elapsed() < Duration::from_secs(30), "{what}");
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        let pid = || std::fs::read_to_string("/run/case/pid").ok().filter(|pid| pid.ends_with('\n'));
        soon("it is not started", &|| pid().is_some());
        run.kill().unwrap();
        run.wait().unwrap();
        let status = format!("/proc/{}/status", pid().unwrap().trim());
        soon("it goes on", &|| {
            std::fs::read_to_string(&status).map_or(true, |status| status.contains("State:\tZ"))
        });
    });
}

#[test]
fn a_plugin_is_not_started_for_what_our_own_keys_open() {
    machine::with_machine(|_| {
        machine::script("mkdir -p seen");
        let manifest = |file: &str| {
            json!({
                "schema": 1, "secretsMountPoint": "/run/secrets.d", "symlinkPath": "/run/secrets",
                "secrets": [{ "name": "a", "key": "test_key", "sopsFile": file, "format": "yaml" }],
                "ageKeyFile": "/run/case/keys.txt", "agePlugins": ["/run/case/age-plugin-toy"],
            })
        };
        std::fs::write("/run/case/age-plugin-toy", SPY).unwrap();
        machine::script(&format!(
            "chmod 0755 age-plugin-toy; cat /var/lib/sops-nix/key.txt > keys.txt; echo {KEY} >> keys.txt; chmod 0400 keys.txt"
        ));
        for (file, starts) in [("/run/store/secrets.yaml", false), ("/run/store/toy.yaml", true)] {
            std::fs::write("/run/case/manifest.json", manifest(file).to_string()).unwrap();
            let done = Command::new(PROGRAM).args(["install", "/run/case/manifest.json"]).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            assert_eq!(Path::new("/run/case/seen/pid").exists(), starts, "{file}");
        }
    });
}
