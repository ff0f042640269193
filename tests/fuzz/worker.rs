//! One process for each target, and what is seen of it from outside: how far it came, and how it ended.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::resource::{Resource, setrlimit};

use crate::inputs::Inputs;
use crate::targets::Target;

/// The argument that makes this program a worker: target, first input, file of the progress.
pub const FLAG: &str = "--worker";
/// Address space of a worker, in bytes. Inputs have 32 KiB.
const MEMORY: u64 = 768 * 1024 * 1024;
/// A single input that takes this long, in seconds of processor time, hangs. Usual ones take less than a thousandth.
const HANG: u64 = 20;

/// Runs the inputs of a target from `start` on; `progress` always holds the number of the one that is running.
pub fn work(target: &Target, start: u64, progress: &Path) {
    setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY).unwrap();
    setrlimit(Resource::RLIMIT_CORE, 0, 0).unwrap();
    let inputs = Inputs::new(target);
    let progress = File::options().write(true).open(progress).unwrap();
    for number in start..inputs.len() {
        progress.write_all_at(&number.to_le_bytes(), 0).unwrap();
        (target.run)(&inputs.get(number));
    }
}

/// Runs a target. Gives the number of inputs that were run, and the first failure.
pub fn run(target: &Target) -> (u64, Option<String>) {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    fs::create_dir_all(&directory).unwrap();
    let [progress, told] = ["progress", "told"].map(|kind| directory.join(format!("{}.{kind}", target.name)));
    fs::write(&progress, 0u64.to_le_bytes()).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([FLAG, target.name, "0"])
        .arg(&progress)
        .stderr(File::create(&told).unwrap())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let ended = watch(child, &progress);
    let number = read_progress(&progress);
    let inputs = Inputs::new(target);
    let failure = match ended {
        Ended::Well => return (inputs.len(), None),
        Ended::Hung => format!("hangs: more than {HANG} s of processor time"),
        Ended::Badly(status) => {
            let told = fs::read(&told).unwrap();
            let told = String::from_utf8_lossy(&told).chars().take(2000).collect::<String>();
            match status.signal() {
                Some(signal) => format!("signal {signal}: {told}"),
                None => told,
            }
        }
    };
    let kept = directory.join(format!("{}-{number}", target.name));
    fs::write(&kept, inputs.get(number)).unwrap();
    (number + 1, Some(format!("input {number}, kept as {}:\n  {failure}", kept.display())))
}

enum Ended {
    Well,
    Badly(ExitStatus),
    Hung,
}

/// Waits for a worker; one that stays at an input for too long is ended.
fn watch(mut child: Child, progress: &Path) -> Ended {
    let mut at = (u64::MAX, 0);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return if status.success() { Ended::Well } else { Ended::Badly(status) };
        }
        let (number, used) = (read_progress(progress), processor_seconds(child.id()));
        if number != at.0 {
            at = (number, used);
        } else if used > at.1 + HANG {
            child.kill().unwrap();
            child.wait().unwrap();
            return Ended::Hung;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn read_progress(file: &Path) -> u64 {
    u64::from_le_bytes(fs::read(file).unwrap().try_into().unwrap())
}

/// Processor time that a process has used (proc(5)); 0 once it is gone.
fn processor_seconds(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = |index| fields.split_whitespace().nth(index).and_then(|ticks| ticks.parse::<u64>().ok());
    // utime and stime are the 14th and 15th field; the two in front are cut off. A tick is a hundredth.
    (ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0)) / 100
}
