//! What must hold after a fault, and after the run that follows it.

use std::path::{Path, PathBuf};

use crate::machine::Done;
use crate::scenario::{NEW_MANIFEST, Next, OLD_MANIFEST, Scenario};
use crate::state::{self, State};
use crate::tree::Tree;

/// What stands in secrets, and must stand nowhere else.
const PLAINTEXT: [&str; 8] =
    ["test_value", "other_value", "line1", "CHANGED", "nested_value", "age one", "age host", "x y"];

const LISTS: [&str; 2] = ["/run/nixos/activation-restart-list", "/run/nixos/activation-reload-list"];

/// What is known of a fault besides the run's own words.
pub struct Struck {
    /// It made the run unable to say anything.
    pub silent: bool,
}

/// Compares the machine with what a scenario promises.
pub struct Judge<'a> {
    scenario: &'a Scenario,
    old: State,
    new: State,
    /// The machine before the fault.
    before: Tree,
    /// Whether the run ended with exit code 3.
    partly: bool,
    pub violations: Vec<String>,
}

impl<'a> Judge<'a> {
    /// To be made just before the fault.
    pub fn of(scenario: &'a Scenario) -> Self {
        let (old, new) = (scenario.old_state(), scenario.new_state());
        Self { scenario, old, new, before: Tree::now(), partly: false, violations: Vec::new() }
    }

    pub fn require(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(otherwise());
        }
    }

    /// After a death at any point: the old or the new state, whole.
    pub fn killed(&mut self) {
        self.nothing_open();
        let live = match State::live() {
            Ok(live) => live,
            Err(what) => return self.violations.push(what),
        };
        let is_new = live == self.new.live_part();
        let is_old = live == self.old.live_part();
        self.require(is_new || is_old, || format!("neither the old nor the new secrets: {live:#?}"));
        let declared: Vec<String> = self.old.links.keys().chain(self.new.links.keys()).cloned().collect();
        for path in declared {
            if !is_new {
                self.require_as_before(&path);
                continue;
            }
            // A link that is no longer declared may outlive its secret until the next run.
            if let (true, Some(text)) = (self.new.links.contains_key(&path), state::link(&path)) {
                let ours = [&self.old, &self.new].iter().any(|state| state.links.get(&path) == Some(&text));
                let as_before = self.before.unchanged(Path::new(&path));
                self.require(ours || as_before, || format!("{path} -> {text}, which is nobody's"));
                self.require(as_before || Path::new(&path).exists(), || format!("{path} -> {text} dangles"));
            }
        }
    }

    /// After a run with a failed call, by its exit code.
    pub fn failed(&mut self, done: &Done, struck: &Struck) {
        self.nothing_open();
        let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
        let stdout = String::from_utf8_lossy(&done.stdout).into_owned();
        for word in PLAINTEXT {
            self.require(!stderr.contains(word) && !stdout.contains(word), || {
                format!("{word} in the output")
            });
        }
        self.partly = done.code == 3;
        match done.code {
            0 => self.all_as_declared(),
            1 => self.nothing_changed(),
            3 => self.partly_done(&stderr, struck),
            code => self.violations.push(format!("exit {code}")),
        }
        if done.code != 0 && !struck.silent {
            self.require(stderr.contains("error: cannot "), || {
                "no error says what could not be done".to_owned()
            });
        }
        self.say_why(0, &format!("exit {}", done.code), &stderr);
    }

    /// Adds what the run said to the violations from the one with number `first`.
    fn say_why(&mut self, first: usize, run: &str, stderr: &str) {
        let said = stderr.replace('\n', "\n    ");
        for violation in &mut self.violations[first..] {
            *violation = format!("{run}: {violation}\n    said: {said}");
        }
    }

    /// Exit 0.
    fn all_as_declared(&mut self) {
        self.require(self.scenario.exit == 0, || "exit 0, although secrets fail".to_owned());
        self.final_state(&self.new.clone());
        self.units_asked();
    }

    /// Exit 1: the secrets, the links and the lists are as they were, and nothing of the new ones is left.
    fn nothing_changed(&mut self) {
        // The mount comes first; a directory that is made for a link to be is none yet.
        // An empty directory in the place of the link gives way just before it is renamed.
        let gave_way = state::live_generation() == Ok(None);
        let may = |path: &Path| match path.to_str() {
            Some("/run/secrets.d" | "/run/nixos") => true,
            Some("/run/secrets") => gave_way,
            _ => false,
        };
        let changes = Tree::now().changes_since(&self.before, &may);
        self.violations.extend(changes.into_iter().map(|change| format!("exit 1, but {change}")));
    }

    /// Exit 3: everything is new, or named in an error and old.
    fn partly_done(&mut self, stderr: &str, struck: &Struck) {
        let live = match State::live() {
            Ok(live) => live,
            Err(what) => return self.violations.push(what),
        };
        let named = |name: &str| struck.silent || stderr.contains(&format!("'{name}'"));
        for (path, wanted) in &self.new.secrets.clone() {
            let inner = path.trim_start_matches("/run/secrets/");
            let name = inner.trim_start_matches("rendered/");
            let (is, was) = (live.secrets.get(path), self.old.secrets.get(path));
            let fine = is == Some(wanted) || (is == was && named(name));
            self.require(fine, || format!("exit 3, but {path} is {is:?} and {wanted:?} is declared"));
        }
        // Secrets that fail and have no old copy are in no state.
        let others: Vec<_> =
            live.secrets.keys().filter(|path| !self.new.secrets.contains_key(*path)).cloned().collect();
        self.require(others.is_empty(), || format!("undeclared: {others:?}"));
        for (path, wanted) in self.new.links.clone() {
            let secret = wanted.split(' ').next().unwrap().trim_start_matches("/run/secrets/");
            let named = named(&path) || named(secret.trim_start_matches("rendered/"));
            let fine = self.new.has_link(&path) || (named && self.before.unchanged(Path::new(&path)));
            self.require(fine, || format!("exit 3, but {path} is {:?}", state::link(&path)));
        }
    }

    /// The run after the fault makes everything good, and leaves nothing behind.
    pub fn next_run(&mut self) {
        let (manifest, state, exit) = match self.scenario.next {
            Next::New => (NEW_MANIFEST, self.new.clone(), self.scenario.exit),
            Next::Old => (OLD_MANIFEST, self.old.clone(), 0),
        };
        let done = self.scenario.install(manifest);
        let count = self.violations.len();
        self.require(done.code == exit, || format!("exit {}", done.code));
        self.final_state(&state);
        self.nothing_open();
        self.nothing_left_behind(&state);
        // After a first activation that failed in part, units of what is added now are asked, and rightly so.
        let first_in_part = self.scenario.old.is_none() && self.partly;
        if self.scenario.next == Next::New && !first_in_part {
            self.units_asked();
        }
        self.say_why(count, "the next run", &String::from_utf8_lossy(&done.stderr));
    }

    fn final_state(&mut self, state: &State) {
        match State::live() {
            Ok(live) => self.require(live == state.live_part(), || format!("not as declared: {live:#?}")),
            Err(what) => self.violations.push(what),
        }
        for path in state.links.keys() {
            self.require(state.has_link(path), || format!("{path} is {:?}", state::link(path)));
            self.require(Path::new(path).exists(), || format!("{path} dangles"));
        }
    }

    /// One generation with its record, the links, and the directories that they are in; nothing temporary.
    fn nothing_left_behind(&mut self, state: &State) {
        let number = state::live_generation().ok().flatten().unwrap_or_default();
        let generation = PathBuf::from(format!("/run/secrets.d/{number}"));
        let record = generation.with_extension("json");
        let ours =
            ["/run/secrets", "/run/secrets.d", "/run/secrets.d.lock", "/run/nixos", LISTS[0], LISTS[1]];
        let links = || self.old.links.keys().chain(self.new.links.keys());
        let mut left = Vec::new();
        let now = Tree::now();
        for (path, kind) in now.kinds() {
            let directory = kind == libc::S_IFDIR && links().any(|link| Path::new(link).starts_with(path));
            let link = path.to_str().is_some_and(|path| state.links.contains_key(path));
            let expected = directory
                || link
                || path.starts_with(&generation)
                || path == record
                || ours.iter().any(|ours| path == Path::new(ours));
            let owner = if path.starts_with("/home/alice") { "1000:100" } else { "0:0" };
            if directory && now.rights(path) != (0o755, owner.to_owned()) {
                self.violations.push(format!("{} is {:?}", path.display(), now.rights(path)));
            }
            let made_by_us = path.to_string_lossy().contains(".sops-activate-");
            if made_by_us || (!expected && !self.before_all(path)) {
                left.push(path.display().to_string());
            }
        }
        self.require(left.is_empty(), || format!("left behind: {left:?}"));
        let unasked = std::fs::read_to_string(&record)
            .is_ok_and(|text| text.contains(r#""unasked":{"reload":{},"restart":{}}"#));
        self.require(unasked, || "the record says that units are still to be asked".to_owned());
    }

    /// Whether something stood at `path` before, and belongs to nothing of ours.
    fn before_all(&self, path: &Path) -> bool {
        let text = path.to_str().unwrap_or_default();
        self.before.has(text) && !path.starts_with("/run/secrets.d") && !self.old.links.contains_key(text)
    }

    /// Every unit of what changed is in NixOS's lists.
    fn units_asked(&mut self) {
        for (list, units) in LISTS.iter().zip([self.scenario.restart, self.scenario.reload]) {
            let text = std::fs::read_to_string(list).unwrap_or_default();
            let mut asked: Vec<&str> = text.lines().collect();
            asked.sort_unstable();
            asked.dedup();
            // Asked twice is as good as once.
            self.require(asked == units, || format!("{list} holds {asked:?}, not {units:?}"));
        }
    }

    /// At every moment: no file that others can read but a whole one, and no plaintext outside.
    fn nothing_open(&mut self) {
        let now = Tree::now();
        for (path, content) in now.files() {
            let (mode, owner) = now.rights(path);
            if let Ok(inner) = path.strip_prefix("/run/secrets.d") {
                let text = format!("{mode:04o} {owner} {}", content.escape_ascii());
                let shown = inner.iter().skip(1).collect::<PathBuf>();
                let shown = format!("/run/secrets/{}", shown.display());
                let whole =
                    [&self.old, &self.new].iter().any(|state| state.secrets.get(&shown) == Some(&text));
                let closed = mode == 0 || (inner.iter().count() == 1 && mode == 0o600 && owner == "0:0");
                self.require(closed || whole, || format!("{} is open: {text}", path.display()));
            } else {
                let holds = |word: &&str| memchr::memmem::find(content, word.as_bytes()).is_some();
                let found = PLAINTEXT.iter().find(|word| holds(word));
                self.require(found.is_none(), || format!("plaintext in {}", path.display()));
            }
        }
    }

    fn require_as_before(&mut self, path: &str) {
        let same = self.before.unchanged(Path::new(path));
        self.require(same, || format!("the old secrets are live, but {path} is {:?}", state::link(path)));
    }
}
