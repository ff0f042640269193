//! Runs a case on a machine of its own, and compares.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::case::{Case, Name, Step, What, translated};
use crate::fixtures::Fixtures;
use crate::machine::{self, AGENT, CASE, Call, Done, STORE};
use crate::manifest::with_placeholders;
use crate::tree::Tree;

const MANIFEST: &str = "/run/case/manifest.json";

/// Runs `case` under `name` in this thread, which must end with it. The error is a report.
///
/// With `bless`, what comes of it is put into the case.
pub fn run(case: &mut Case, name: Name, fixtures: &Fixtures, bless: bool) -> Result<(), String> {
    machine::enter(fixtures);
    let baseline = Tree::now();
    let mut report = String::new();
    for index in 0..case.steps.len() {
        let step = &case.steps[index];
        let traces = carry_out(step, name, fixtures);
        let faults = never(step, name, &traces, fixtures);
        if !faults.is_empty() {
            let _ = writeln!(report, "step {}: {}", index + 1, faults.join("\n  "));
        }
        let names = |text: &str| fixtures.named(text);
        let mut outcome = Outcome::of(&traces, &names);
        outcome.tree = wants_tree(step).then(|| traces.after.shown(&baseline, &names));
        if bless {
            outcome.bless(case, index);
        } else if let Some(differences) = outcome.differences(&case.steps[index], name) {
            let _ = writeln!(report, "step {}:\n{differences}", index + 1);
        }
    }
    if report.is_empty() { Ok(()) } else { Err(report) }
}

/// What came of a step.
struct Traces {
    all: Vec<Done>,
    before: Tree,
    after: Tree,
}

fn carry_out(step: &Step, name: Name, fixtures: &Fixtures) -> Traces {
    if let Some(text) = &step.manifest {
        std::fs::write(MANIFEST, fixtures.expanded(text)).unwrap();
    }
    if let Some(script) = &step.before {
        machine::script(&fixtures.expanded(script));
    }
    let mut environment: BTreeMap<String, String> =
        step.environment.iter().map(|(key, value)| (key.clone(), fixtures.expanded(value))).collect();
    let (program, arguments) = match (&step.what, name) {
        (What::Shell(script), _) => {
            environment.insert("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into());
            ("/bin/sh".to_owned(), vec!["-e".into(), "-c".into(), script.clone()])
        }
        (What::DropIn(arguments), _) => (agent(Name::SopsInstallSecrets), arguments.clone()),
        (What::Command(arguments), Name::SopsInstallSecrets) => match translated(arguments) {
            Some(translated) => {
                if translated.dry {
                    environment.insert("NIXOS_ACTION".into(), "dry-activate".into());
                }
                (agent(Name::SopsInstallSecrets), translated.arguments)
            }
            None => (agent(Name::SopsActivate), arguments.clone()),
        },
        (What::Command(arguments), Name::SopsActivate) => (agent(name), arguments.clone()),
    };
    let arguments: Vec<String> = arguments.iter().map(|argument| fixtures.expanded(argument)).collect();
    let call = Call {
        program: Path::new(&program),
        arguments: &arguments,
        environment: &environment,
        umask: step.umask,
        uid: step.uid,
        stdin: &fixtures.expanded(&step.stdin),
    };
    let before = Tree::now();
    let all = machine::run(&call, step.parallel);
    Traces { all, before, after: Tree::now() }
}

fn agent(name: Name) -> String {
    format!("{AGENT}/{}", name.as_str())
}

impl Fixtures {
    /// A text of a case with the real paths, recipients and placeholders.
    fn expanded(&self, text: &str) -> String {
        let mut text = with_placeholders(text).replace("<manifest>", MANIFEST);
        text = text.replace("<store>", STORE).replace("<case>", CASE).replace("<agent>", AGENT);
        for (real, name) in &self.names {
            text = text.replace(name, real);
        }
        text
    }

    /// The other way round, for what programs print.
    fn named(&self, text: &str) -> String {
        let mut text = text.replace(STORE, "<store>").replace(MANIFEST, "<manifest>").replace(CASE, "<case>");
        for name in [Name::SopsInstallSecrets, Name::SopsActivate] {
            text = text.replace(&agent(name), "<agent>");
        }
        for (real, name) in &self.names {
            text = text.replace(real, name);
        }
        for secret in self.private_keys() {
            text = text.replace(&secret, "<private key>");
        }
        let text = between(&text, "# created: ", "\\n", "<time>");
        let text = between(&text, "since ", " UTC", "<time>");
        let text = between(&text, "for process ", "\n", "<pid>");
        between(&text, "(key tag ", ")", "<tag>")
    }
}

/// Replaces what stands between two marks.
fn between(text: &str, start: &str, end: &str, name: &str) -> String {
    let mut parts = text.split(start);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        replaced.push_str(start);
        match part.split_once(end) {
            Some((_, rest)) => {
                replaced.push_str(name);
                replaced.push_str(end);
                replaced.push_str(rest);
            }
            None => replaced.push_str(part),
        }
    }
    replaced
}

/// Commands that change nothing, whatever they find.
fn is_read_only(step: &Step) -> bool {
    match &step.what {
        What::Command(arguments) => !arguments.iter().any(|word| word == "install") || is_dry(step),
        What::DropIn(_) | What::Shell(_) => false,
    }
}

fn is_dry(step: &Step) -> bool {
    let by_argument = match &step.what {
        What::Command(arguments) => arguments.iter().any(|argument| argument == "--dry-run"),
        _ => false,
    };
    by_argument || step.environment.get("NIXOS_ACTION").is_some_and(|action| action == "dry-activate")
}

fn wants_tree(step: &Step) -> bool {
    !step.unchanged && !is_read_only(step) && !matches!(step.what, What::Shell(_))
        || (is_dry(step) && step.tree.is_some())
}

/// What must hold after every step, whatever it is about.
fn never(step: &Step, name: Name, traces: &Traces, fixtures: &Fixtures) -> Vec<String> {
    let mut faults = Vec::new();
    if step.unchanged || is_read_only(step) {
        // A dry run tells NixOS what it would restart.
        let told = |path: &Path| {
            is_dry(step)
                && (path.starts_with("/run/nixos/dry-activation-restart-list")
                    || path.starts_with("/run/nixos/dry-activation-reload-list")
                    || path == Path::new("/run/nixos"))
        };
        faults.extend(
            traces
                .after
                .changes_since(&traces.before, &told)
                .into_iter()
                .map(|change| format!("this must not change anything, but: {change}")),
        );
    } else if step.exit == Some(1) && name == Name::SopsActivate && matches!(step.what, What::Command(_)) {
        faults.extend(touched_generations(traces));
    }
    for lock in traces.after.open_locks() {
        faults.push(format!("{lock} can be opened by others"));
    }
    for secret in fixtures.private_keys() {
        let holds = |bytes: &[u8]| memchr::memmem::find(bytes, secret.as_bytes()).is_some();
        if traces.all.iter().any(|done| holds(&done.stdout) || holds(&done.stderr)) {
            faults.push("a private key is in the output".to_owned());
        }
        let keys = ["/var/lib/sops-nix", "/run/.etc/upper/ssh", "/run/user", "/home"];
        let of_the_machine = |path: &Path| keys.iter().any(|key| path.starts_with(key));
        for (path, content) in traces.after.files().filter(|(path, _)| !of_the_machine(path)) {
            if holds(content) {
                faults.push(format!("a private key is in {}", path.display()));
            }
        }
    }
    for place in ["/run/secrets.d/age-keys.txt", "/run/secrets-for-users.d/age-keys.txt"] {
        if traces.after.has(place) && !traces.before.has(place) {
            faults.push(format!("{place} was made"));
        }
    }
    faults
}

/// Exit code 1 says that nothing was changed: the link, the generations and the links to them are as they were.
fn touched_generations(traces: &Traces) -> Vec<String> {
    let may_be_made_before = |path: &Path| {
        // The mount comes first; a mount point alone is no generation.
        matches!(path.to_str(), Some("/run/secrets.d" | "/run/secrets-for-users.d" | "/run/nixos"))
    };
    traces
        .after
        .changes_since(&traces.before, &may_be_made_before)
        .into_iter()
        .map(|change| format!("exit 1, but: {change}"))
        .collect()
}

/// What is compared with the case.
struct Outcome {
    exit: i32,
    stdout: String,
    stderr: String,
    tree: Option<String>,
}

impl Outcome {
    fn of(traces: &Traces, names: &dyn Fn(&str) -> String) -> Self {
        let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => names(text),
            Err(_) => format!("(not UTF-8) {}", bytes.escape_ascii()),
        };
        let joined = |part: &dyn Fn(&Done) -> String| {
            // Which of several runs says what is not known beforehand, nor who waits for whom.
            let mut texts: Vec<String> = traces.all.iter().map(part).collect();
            if texts.len() > 1 {
                for text in &mut texts {
                    *text =
                        text.split_inclusive('\n').filter(|line| !line.starts_with("waiting for")).collect();
                }
                texts.sort();
            }
            texts.concat()
        };
        let worst = traces.all.iter().map(|done| done.code).max().unwrap_or(0);
        Self {
            exit: worst,
            stdout: joined(&|done| text(&done.stdout)),
            stderr: joined(&|done| text(&done.stderr)),
            tree: None,
        }
    }

    fn bless(&self, case: &mut Case, index: usize) {
        let mut texts = vec![("stdout", self.stdout.as_str()), ("stderr", self.stderr.as_str())];
        if let Some(tree) = &self.tree {
            texts.push(("tree", tree));
        }
        case.bless(index, self.exit, &texts);
    }

    fn differences(&self, step: &Step, name: Name) -> Option<String> {
        let mut report = String::new();
        let expected = match (step.exit, name, &step.what) {
            (Some(3), Name::SopsInstallSecrets, What::Command(arguments))
                if translated(arguments).is_some() =>
            {
                Some(1)
            }
            (exit, _, _) => exit,
        };
        if expected != Some(self.exit) {
            let _ = writeln!(report, "  exit: {expected:?} expected, was {}", self.exit);
        }
        let no_tree = String::new();
        for (what, expected, actual) in [
            ("stdout", &step.stdout, Some(&self.stdout)),
            ("stderr", &step.stderr, Some(&self.stderr)),
            ("tree", &step.tree, self.tree.as_ref().or(step.tree.as_ref().map(|_| &no_tree))),
        ] {
            match (expected, actual) {
                (None, None) => {}
                (Some(expected), Some(actual)) if expected == actual => {}
                (Some(expected), Some(actual)) => {
                    let _ = write!(report, "  {what}:\n{}", diff(expected, actual));
                }
                (expected, actual) => {
                    let _ = writeln!(
                        report,
                        "  {what}: {expected:?} expected, was {actual:?} (CLI_BLESS=1 writes it)"
                    );
                }
            }
        }
        (!report.is_empty()).then_some(report)
    }
}

/// Lines that are expected and missing with `-`, lines that traces instead with `+`.
fn diff(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    // The longest common subsequence, from the end.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        let both = i < old.len() && j < new.len();
        if both && old[i] == new[j] {
            let _ = writeln!(text, "      {}", old[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            let _ = writeln!(text, "    - {}", old[i]);
            i += 1;
        } else {
            let _ = writeln!(text, "    + {}", new[j]);
            j += 1;
        }
    }
    text
}
