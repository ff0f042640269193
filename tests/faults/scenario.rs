//! The runs that faults are put into: what was live before, what is declared, and what must come of it.
//!
//! No run reads more than four files, so that the agent starts no thread and every run makes the same calls.

use std::collections::BTreeMap;
use std::path::Path;

use crate::machine::{self, AGENT, CASE, Call, Done, STORE};
use crate::manifest;
use crate::state::State;

/// One run, from one state to another.
pub struct Scenario {
    pub name: &'static str,
    /// The manifest of the run before, if there was one.
    pub old: Option<&'static str>,
    /// What happens between the two runs: a shell script.
    pub between: &'static str,
    /// The manifest of the run that the fault strikes.
    pub new: &'static str,
    /// Which manifest the run after it has.
    pub next: Next,
    /// What is live before, and the links there are; nothing on the first run.
    pub old_state: &'static str,
    /// What a run without a fault makes of it.
    pub new_state: &'static str,
    /// How a run without a fault ends.
    pub exit: i32,
    /// Units that are to be asked.
    pub restart: &'static [&'static str],
    pub reload: &'static [&'static str],
    /// Whether they are asked by `systemctl`.
    pub systemctl: bool,
}

/// What is declared after the fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The same again.
    New,
    /// What was declared before: a rollback.
    Old,
}

const OLD: &str = r#"{"secrets": [
    {"name": "a", "key": "test_key", "owner": "web", "mode": "0440", "path": "/var/lib/app/a", "restartUnits": ["a.service"]},
    {"name": "dir/b", "key": "other", "owner": "alice", "group": "users", "path": "/home/alice/.config/app/b", "reloadUnits": ["b.service"]},
    {"name": "gone", "key": "multi", "mode": "0444", "path": "/var/lib/app/gone", "restartUnits": ["gone.service"]},
    {"name": "moved", "key": "number", "path": "/var/lib/app/here"},
    {"name": "same", "key": "flag", "restartUnits": ["same.service"]}],
  "templates": [{"name": "t.env", "content": "A={{a}}\n", "owner": "web", "path": "/var/lib/app/t.env", "restartUnits": ["t.service"]}]}"#;

const OLD_STATE: &str = r"
/run/secrets/a 0440 995:0 test_value
/run/secrets/dir/b 0400 1000:100 other_value
/run/secrets/gone 0444 0:0 line1\nline2\n
/run/secrets/moved 0400 0:0 42
/run/secrets/rendered/t.env 0400 995:0 A=test_value\n
/run/secrets/same 0400 0:0 true
/var/lib/app/a -> /run/secrets/a 995:0
/var/lib/app/gone -> /run/secrets/gone 0:0
/var/lib/app/here -> /run/secrets/moved 0:0
/var/lib/app/t.env -> /run/secrets/rendered/t.env 995:0
/home/alice/.config/app/b -> /run/secrets/dir/b 1000:100
";

/// Another value, owner and mode, another path, one more, one less.
const NEW: &str = r#"{"secrets": [
    {"name": "a", "key": "test_key", "sopsFile": "<store>/secrets2.yaml", "owner": "alice", "mode": "0640", "path": "/var/lib/app/a", "restartUnits": ["a.service"]},
    {"name": "dir/b", "key": "other", "owner": "alice", "group": "users", "mode": "0600", "path": "/home/alice/.config/app/b", "reloadUnits": ["b.service"]},
    {"name": "dir/c", "key": "nested/test/file", "path": "/var/lib/more/c", "restartUnits": ["c.service"]},
    {"name": "moved", "key": "number", "path": "/var/lib/app/there"},
    {"name": "same", "key": "flag", "restartUnits": ["same.service"]}],
  "templates": [{"name": "t.env", "content": "A={{a}}\n", "owner": "web", "path": "/var/lib/app/t.env", "restartUnits": ["t.service"]}]}"#;

const NEW_STATE: &str = r"
/run/secrets/a 0640 1000:0 CHANGED
/run/secrets/dir/b 0600 1000:100 other_value
/run/secrets/dir/c 0400 0:0 nested_value
/run/secrets/moved 0400 0:0 42
/run/secrets/rendered/t.env 0400 995:0 A=CHANGED\n
/run/secrets/same 0400 0:0 true
/var/lib/app/a -> /run/secrets/a 1000:0
/var/lib/app/there -> /run/secrets/moved 0:0
/var/lib/app/t.env -> /run/secrets/rendered/t.env 995:0
/var/lib/more/c -> /run/secrets/dir/c 0:0
/home/alice/.config/app/b -> /run/secrets/dir/b 1000:100
";

/// `a` and with it the template cannot be opened, one more neither, one has an unknown owner; two are new and well.
const FAILING: &str = r#"{"secrets": [
    {"name": "a", "key": "test_key", "sopsFile": "<store>/foreign.yaml", "owner": "alice", "mode": "0400", "path": "/var/lib/app/a", "restartUnits": ["a.service"]},
    {"name": "dir/b", "key": "test_key", "owner": "alice", "group": "users", "path": "/home/alice/.config/app/b", "reloadUnits": ["b.service"]},
    {"name": "never", "key": "other", "sopsFile": "<store>/foreign.yaml", "path": "/var/lib/app/never"},
    {"name": "nobody's", "key": "other", "owner": "ghost"},
    {"name": "moved", "key": "number", "path": "/var/lib/app/here"},
    {"name": "same", "key": "flag", "restartUnits": ["same.service"]}],
  "templates": [{"name": "t.env", "content": "A={{a}}\n", "owner": "web", "path": "/var/lib/app/t.env", "restartUnits": ["t.service"]}]}"#;

const FAILING_STATE: &str = r"
/run/secrets/a 0440 995:0 test_value
/run/secrets/dir/b 0400 1000:100 test_value
/run/secrets/moved 0400 0:0 42
/run/secrets/rendered/t.env 0400 995:0 A=test_value\n
/run/secrets/same 0400 0:0 true
/var/lib/app/a -> /run/secrets/a 995:0
/var/lib/app/here -> /run/secrets/moved 0:0
/var/lib/app/t.env -> /run/secrets/rendered/t.env 995:0
/home/alice/.config/app/b -> /run/secrets/dir/b 1000:100
";

/// Plain age files and sops files of several formats, by the SSH host key and the age key.
const MIXED: &str = r#"{"ageSshKeyPaths": ["/etc/ssh/ssh_host_ed25519_key"], "useTmpfs": true, "secrets": [
    {"name": "one", "sopsFile": "<store>/one.age", "owner": "web", "path": "/home/alice/one", "owner": "alice", "group": "users"},
    {"name": "host", "sopsFile": "<store>/host.age", "mode": "0444"},
    {"name": "whole.env", "key": "", "sopsFile": "<store>/secrets.env", "mode": "0440"},
    {"name": "json", "key": "nested/test/file", "sopsFile": "<store>/secrets.json"}]}"#;

const MIXED_STATE: &str = r"
/run/secrets/host 0444 0:0 age host
/run/secrets/json 0400 0:0 nested_value
/run/secrets/one 0400 1000:100 age one
/run/secrets/whole.env 0440 0:0 TEST_KEY=test_value\nOTHER=x y\n
/home/alice/one -> /run/secrets/one 1000:100
";

/// A key of the plugin beside the machine's own.
const PLUGIN_KEY: &str = "echo AGE-PLUGIN-TOY-1D4SKGEFQVEHHYGRPYP6X2UM5XM5YKJ >> /var/lib/sops-nix/key.txt";

/// The value of `a` is opened by the plugin alone, the others by the machine's own key.
const BY_PLUGIN: &str = r#"{"agePlugins": ["<store>/age-plugin-toy"], "secrets": [
    {"name": "a", "key": "other", "sopsFile": "<store>/toy.yaml", "owner": "web", "mode": "0440", "path": "/var/lib/app/a", "restartUnits": ["a.service"]},
    {"name": "dir/b", "key": "other", "owner": "alice", "group": "users", "path": "/home/alice/.config/app/b", "reloadUnits": ["b.service"]},
    {"name": "moved", "key": "number", "path": "/var/lib/app/here"},
    {"name": "same", "key": "flag", "restartUnits": ["same.service"]}],
  "templates": [{"name": "t.env", "content": "A={{a}}\n", "owner": "web", "path": "/var/lib/app/t.env", "restartUnits": ["t.service"]}]}"#;

const BY_PLUGIN_STATE: &str = r"
/run/secrets/a 0440 995:0 other_value
/run/secrets/dir/b 0400 1000:100 other_value
/run/secrets/moved 0400 0:0 42
/run/secrets/rendered/t.env 0400 995:0 A=other_value\n
/run/secrets/same 0400 0:0 true
/var/lib/app/a -> /run/secrets/a 995:0
/var/lib/app/here -> /run/secrets/moved 0:0
/var/lib/app/t.env -> /run/secrets/rendered/t.env 995:0
/home/alice/.config/app/b -> /run/secrets/dir/b 1000:100
";

/// Somebody else's link, a file where a link belongs, and an empty directory where the link to the live generation
/// belongs.
const IN_THE_WAY: &str =
    "mkdir -p /run/secrets /var/lib/app; echo mine > /var/lib/app/a; ln -s /nowhere /var/lib/app/t.env";

pub const SCENARIOS: [Scenario; 8] = [
    Scenario { name: "first activation", between: IN_THE_WAY, new: OLD, new_state: OLD_STATE, ..PLAIN },
    Scenario { name: "first activation, age and tmpfs", new: MIXED, new_state: MIXED_STATE, ..PLAIN },
    Scenario { name: "switch", ..SWITCH },
    Scenario { name: "switch, then back", next: Next::Old, ..SWITCH },
    Scenario { name: "switch with systemctl", systemctl: true, ..SWITCH },
    Scenario {
        name: "switch with failures",
        old: Some(OLD),
        old_state: OLD_STATE,
        new: FAILING,
        new_state: FAILING_STATE,
        exit: 3,
        reload: &["b.service"],
        ..PLAIN
    },
    Scenario {
        name: "switch by a plugin",
        old: Some(OLD),
        old_state: OLD_STATE,
        between: PLUGIN_KEY,
        new: BY_PLUGIN,
        new_state: BY_PLUGIN_STATE,
        restart: &["a.service", "t.service"],
        ..PLAIN
    },
    Scenario {
        name: "nothing changed but a link",
        old: Some(OLD),
        old_state: OLD_STATE,
        between: "rm /var/lib/app/a",
        new: OLD,
        new_state: OLD_STATE,
        ..PLAIN
    },
];

/// What the others are made from.
pub const PLAIN: Scenario = Scenario {
    name: "",
    old: None,
    between: "",
    new: "",
    next: Next::New,
    old_state: "",
    new_state: "",
    exit: 0,
    restart: &[],
    reload: &[],
    systemctl: false,
};

const SWITCH: Scenario = Scenario {
    old: Some(OLD),
    old_state: OLD_STATE,
    new: NEW,
    new_state: NEW_STATE,
    restart: &["a.service", "c.service", "t.service"],
    reload: &["b.service"],
    ..PLAIN
};

/// The manifests, as the agent gets them.
pub const OLD_MANIFEST: &str = "/run/case/old.json";
pub const NEW_MANIFEST: &str = "/run/case/new.json";

/// A `systemctl` that writes down what it is asked, as NixOS's lists have it.
const SYSTEMCTL: &str = r#"#!/bin/sh
[ "$1" = --no-block ] || exit 9
case $2 in
  try-restart) list=restart ;;
  try-reload-or-restart) list=reload ;;
  *) exit 9 ;;
esac
shift 2
printf '%s\n' "$@" >> /run/nixos/activation-$list-list
"#;

impl Scenario {
    /// Brings the machine, which must be a fresh one, into the state before the run.
    pub fn set_up(&self) {
        machine::script("mkdir -p /home/alice; chown 1000:100 /home/alice; mkdir /run/case/bin");
        let systemctl = Path::new(CASE).join("bin/systemctl");
        std::fs::write(&systemctl, SYSTEMCTL).unwrap();
        std::fs::set_permissions(&systemctl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        // Where the agent looks last: the machine's own would ask a systemd that is not there.
        machine::script("[ ! -e /usr/bin/systemctl ] || mount --bind bin/systemctl /usr/bin/systemctl");
        for (text, at) in [(self.old, OLD_MANIFEST), (Some(self.new), NEW_MANIFEST)] {
            let text = manifest::filled_in(text.unwrap_or("{}")).unwrap();
            std::fs::write(at, text.replace("<store>", STORE)).unwrap();
        }
        if self.old.is_some() {
            let done = self.install(OLD_MANIFEST);
            assert_eq!(done.code, 0, "{}", String::from_utf8_lossy(&done.stderr));
            let state = self.old_state();
            assert_eq!(State::live().ok(), Some(state.live_part()), "the state before the run");
        }
        machine::script(self.between);
    }

    /// Runs the agent without any fault.
    pub fn install(&self, manifest: &str) -> Done {
        self.run(&format!("{AGENT}/sops-activate"), &["install".to_owned(), manifest.to_owned()])
    }

    /// Runs a program with the environment of this scenario.
    pub fn run(&self, program: &str, arguments: &[String]) -> Done {
        let mut environment = BTreeMap::from([("HOME".to_owned(), "/var/empty".to_owned())]);
        if self.systemctl {
            environment.insert("SOPS_RESTART_UNITS_VIA_SYSTEMCTL".to_owned(), "1".to_owned());
            environment.insert("PATH".to_owned(), format!("{CASE}/bin"));
        }
        let program = Path::new(program);
        let call = Call { program, arguments, environment: &environment, umask: 0o022, uid: 0, stdin: "" };
        machine::run(&call, 1).remove(0)
    }

    pub fn old_state(&self) -> State {
        State::parse(self.old_state)
    }

    pub fn new_state(&self) -> State {
        State::parse(self.new_state)
    }
}
