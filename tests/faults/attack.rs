//! A user who moves everything under declared paths in their home while the agent activates again and again, and
//! users who try to open every file that is made.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use crate::Verdict;
use crate::fixtures::Fixtures;
use crate::machine::{self, STORE};
use crate::manifest;
use crate::namespace::{self, Bell};
use crate::scenario::{NEW_MANIFEST, OLD_MANIFEST, PLAIN, Scenario};
use crate::state::{self, State};
use crate::tree::Tree;

const ALICE: u32 = 1000;
const NOBODY: u32 = 65534;

/// Alice's own secrets in her home, two that are not hers and are declared there, and one for everybody.
const A: &str = r#"{"secrets": [
    {"name": "a", "key": "test_key", "owner": "alice", "group": "users", "path": "/home/alice/app/a"},
    {"name": "dir/b", "key": "other", "owner": "alice", "group": "users", "path": "/home/alice/app/deep/b"},
    {"name": "everybody's", "key": "test_key", "mode": "0444"},
    {"name": "root's", "key": "test_key", "path": "/home/alice/app/root"},
    {"name": "web's", "key": "test_key", "owner": "web", "path": "/home/alice/app/deep/web"}]}"#;

const STATE: &str = r"
/run/secrets/a 0400 1000:100 test_value
/run/secrets/dir/b 0400 1000:100 other_value
/run/secrets/everybody's 0444 0:0 test_value
/run/secrets/root's 0400 0:0 test_value
/run/secrets/web's 0400 995:0 test_value
/home/alice/app/a -> /run/secrets/a 1000:100
/home/alice/app/deep/b -> /run/secrets/dir/b 1000:100
";

/// Other people's places with names like those under the paths, and what Alice moves about.
const PLACES: &str = "
mkdir -p /var/lib/canary/deep /var/lib/web/deep /home/bob/deep /home/alice/app/deep /home/alice/moves/dir/deep
for place in /var/lib/canary /var/lib/web /home/bob; do
  for name in a root deep/b deep/web; do echo canary > $place/$name; done
  ln -s a $place/link
done
mkdir /etc/canary; echo canary > /etc/canary/a
chown -R 995:994 /var/lib/web; chown -R 1001:100 /home/bob
cd /home/alice/moves
ln -s /var/lib/canary to-root; ln -s /var/lib/web to-web; ln -s /home/bob to-bob; ln -s /etc/canary to-etc
ln -s /run/secrets.d to-mount; ln -s /run up; ln -s . here; ln -s /var/lib/canary/a to-file; ln -s loop loop
echo file > file; mkfifo fifo
chown -hR 1000:100 /home/alice";

/// What stands ready in `moves`.
const MOVES: [&str; 12] = [
    "to-root", "to-web", "to-bob", "to-etc", "to-mount", "up", "here", "to-file", "loop", "file", "fifo",
    "dir",
];
/// Where Alice strikes: the directories on the way, the links, and the names that they are made under.
const TARGETS: [&str; 7] = [
    "app",
    "app",
    "app/deep",
    "app/a",
    "app/deep/b",
    // FNV-1a of the names `a` and `b`, as in `src/system/links.rs`.
    "app/.sops-activate-af63dc4c8601ec8c",
    "app/deep/.sops-activate-af63df4c8601f1a5",
];

/// What all of them have come to.
#[derive(Default)]
struct Counts {
    activations: AtomicU64,
    /// Those in which a link of Alice's could not be made.
    refused: AtomicU64,
    /// The live one.
    generation: AtomicU64,
    moves: AtomicU64,
    opens: AtomicU64,
    denied: AtomicU64,
    reads: AtomicU64,
}

const SCENARIO: Scenario = Scenario { name: "attack", new: A, new_state: STATE, exit: 3, ..PLAIN };

/// Attacks for some seconds.
pub fn run(fixtures: &Fixtures, all: bool) -> Verdict {
    let time = Duration::from_secs(if all { 120 } else { 10 });
    std::thread::scope(|scope| scope.spawn(|| attack(fixtures, time)).join().unwrap())
}

fn attack(fixtures: &Fixtures, time: Duration) -> Verdict {
    machine::enter(fixtures);
    for (at, store) in [(OLD_MANIFEST, "secrets.yaml"), (NEW_MANIFEST, "secrets2.yaml")] {
        let text =
            manifest::filled_in(A).unwrap().replace("<store>/secrets.yaml", &format!("{STORE}/{store}"));
        std::fs::write(at, text).unwrap();
    }
    machine::script(PLACES);
    let canaries = Tree::now();
    let (counts, bell) = (Counts::default(), Bell::default());
    let mut violations = Vec::new();
    std::thread::scope(|scope| {
        for seed in [1, 2] {
            let (counts, bell) = (&counts, &bell);
            scope.spawn(move || namespace::as_user(ALICE, || move_about(seed, counts, bell)));
        }
        let watcher = scope.spawn(|| namespace::as_user(NOBODY, || watch(&counts, &bell)));
        let end = bell.at_the_end();
        violations.extend(activate(time, &counts));
        drop(end);
        violations.extend(watcher.join().unwrap());
    });
    let allowed = |path: &Path| path.starts_with("/home/alice") || is_ours(path);
    let changes = Tree::now().changes_since(&canaries, &allowed);
    violations.extend(changes.into_iter().map(|change| format!("outside of Alice's home: {change}")));
    violations.extend(afterwards());
    let figures = counts.figures();
    violations.extend(counts.shown_nothing());
    Verdict { figures, violations }
}

/// Activates again and again, each time with other values.
fn activate(time: Duration, counts: &Counts) -> Vec<String> {
    let start = Instant::now();
    while start.elapsed() < time {
        let count = counts.activations.fetch_add(1, Ordering::Relaxed);
        let done = SCENARIO.install(if count.is_multiple_of(2) { OLD_MANIFEST } else { NEW_MANIFEST });
        let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
        // What is not Alice's cannot be linked to from her home, whatever she does.
        if done.code != 3 || !stderr.contains("'root's'") || !stderr.contains("'web's'") {
            return vec![format!("exit {}: {stderr}", done.code)];
        }
        let refused = stderr.contains("'a'") || stderr.contains("'dir/b'");
        counts.refused.fetch_add(u64::from(refused), Ordering::Relaxed);
        let generation = state::live_generation().ok().flatten().unwrap_or(0);
        counts.generation.store(generation, Ordering::Relaxed);
    }
    Vec::new()
}

impl Counts {
    fn figures(&self) -> String {
        let [activations, refused, moves, opens, denied, reads] =
            [&self.activations, &self.refused, &self.moves, &self.opens, &self.denied, &self.reads]
                .map(|count| count.load(Ordering::Relaxed));
        format!(
            "activations: {activations} ({refused} with a link of Alice's refused), moves: {moves}; opens by \
             nobody: {opens}, denied: {denied}, whole reads of what is for everybody: {reads}"
        )
    }

    /// Each check has a twin that shows that it could have failed.
    fn shown_nothing(&self) -> Vec<String> {
        let refused = self.refused.load(Ordering::Relaxed);
        let made = self.activations.load(Ordering::Relaxed) - refused;
        let (denied, reads) = (self.denied.load(Ordering::Relaxed), self.reads.load(Ordering::Relaxed));
        [
            ("link was refused", refused),
            ("link was made", made),
            ("open was denied", denied),
            ("file was read", reads),
        ]
        .iter()
        .filter(|(_, count)| *count == 0)
        .map(|(what, _)| format!("no {what}: this has shown nothing"))
        .collect()
    }
}

/// What runs change: their own places, and below the mount point generations, their records and what is declared.
fn is_ours(path: &Path) -> bool {
    if ["/run/secrets", "/run/secrets.d", "/run/nixos", "/home"].iter().any(|ours| path == Path::new(ours)) {
        return true;
    }
    let Some(below) = path.strip_prefix("/run/secrets.d").ok().and_then(Path::to_str) else { return false };
    let (generation, name) = below.split_once('/').unwrap_or((below, ""));
    let number = generation.strip_suffix(".json").unwrap_or(generation);
    number.bytes().all(|byte| byte.is_ascii_digit())
        && ["", "a", "dir", "dir/b", "everybody's", "root's", "web's"].contains(&name)
}

/// When the attack is over, one run makes all of it good that can be.
fn afterwards() -> Vec<String> {
    machine::script("rm -r /home/alice; mkdir /home/alice; chown 1000:100 /home/alice");
    let done = SCENARIO.install(OLD_MANIFEST);
    let wanted = SCENARIO.new_state();
    let mut violations = Vec::new();
    if State::live().as_ref() != Ok(&wanted.live_part()) {
        violations.push(format!("after the attack (exit {}): {:?}", done.code, State::live()));
    }
    violations.extend(
        wanted
            .links
            .keys()
            .filter(|path| !wanted.has_link(path))
            .map(|path| format!("after the attack: {path}")),
    );
    violations
}

/// Alice makes her own live secret as large as she likes, or small; the next run puts it right.
fn grow(random: &mut impl FnMut(usize) -> usize) {
    let secret = Path::new("/run/secrets/a");
    let _ = std::fs::set_permissions(secret, PermissionsExt::from_mode(0o600));
    if let Ok(file) = File::options().write(true).open(secret) {
        let _ = file.set_len(1 << random(46));
    }
}

/// Alice: exchanges what stands at a target with what stands ready, as fast as she can.
fn move_about(seed: u64, counts: &Counts, bell: &Bell) {
    let mut state = seed;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 1_000_003).unwrap() % below
    };
    while !bell.rang() {
        let target = format!("/home/alice/{}", TARGETS[random(TARGETS.len())]);
        let ready = format!("/home/alice/moves/{}", MOVES[random(MOVES.len())]);
        if random(16) == 0 {
            grow(&mut random);
        }
        let exchange = RenameFlags::RENAME_EXCHANGE;
        let there = Path::new(&target).symlink_metadata().is_ok();
        let moved = if there {
            let moved = renameat2(AT_FDCWD, &*ready, AT_FDCWD, &*target, exchange);
            // Back again, soon: the way must be good from time to time, or nothing is ever made.
            if moved.is_ok() && random(4) > 0 {
                std::thread::sleep(Duration::from_micros(u64::try_from(random(300)).unwrap()));
                let _ = renameat2(AT_FDCWD, &*ready, AT_FDCWD, &*target, exchange);
            }
            moved
        } else {
            renameat2(AT_FDCWD, &*ready, AT_FDCWD, &*target, RenameFlags::empty())
        };
        counts.moves.fetch_add(u64::from(moved.is_ok()), Ordering::Relaxed);
        if random(16) == 0 {
            put_in_order(random(2) == 0);
        }
    }
}

/// Makes again what got lost: each move takes something away.
fn put_in_order(app: bool) {
    let moves = Path::new("/home/alice/moves");
    for (name, target) in [
        ("to-root", "/var/lib/canary"),
        ("to-web", "/var/lib/web"),
        ("to-bob", "/home/bob"),
        ("to-etc", "/etc/canary"),
        ("to-mount", "/run/secrets.d"),
        ("to-file", "/var/lib/canary/a"),
    ] {
        let _ = std::os::unix::fs::symlink(target, moves.join(name));
    }
    let _ = std::fs::create_dir_all(moves.join("dir/deep"));
    // Not opened if it is there: by now the FIFO may have this name.
    let _ = File::create_new(moves.join("file"));
    if app && !Path::new("/home/alice/app").is_dir() {
        let _ = std::fs::remove_file("/home/alice/app");
    }
}

/// Nobody: tries to open what is being made, by the names that it will have.
fn watch(counts: &Counts, bell: &Bell) -> Vec<String> {
    let mut violations = Vec::new();
    while !bell.rang() {
        let live = counts.generation.load(Ordering::Relaxed);
        for number in live..live + 3 {
            for name in ["a", "dir/b", "everybody's", "root's", "web's", ".json", ".json.new"] {
                let slash = if name.starts_with('.') { "" } else { "/" };
                let path = format!("/run/secrets.d/{number}{slash}{name}");
                counts.opens.fetch_add(1, Ordering::Relaxed);
                let content = match File::open(&path) {
                    Ok(mut file) => {
                        let mut bytes = Vec::new();
                        file.read_to_end(&mut bytes).map(|_| bytes)
                    }
                    Err(error) => Err(error),
                };
                match content {
                    Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                        counts.denied.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(_) => {}
                    Ok(bytes) if name == "everybody's" && (bytes == b"test_value" || bytes == b"CHANGED") => {
                        counts.reads.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(bytes) => violations.push(format!("nobody read {path}: {}", bytes.escape_ascii())),
                }
            }
        }
        if std::fs::read_dir("/run/secrets.d").is_ok() {
            violations.push("nobody lists the generations".to_owned());
        }
        if violations.len() > 20 {
            break;
        }
    }
    violations
}
