//! A whole activation, measured against what it cannot do without and against the real sops.
//!
//! `cargo bench --bench activation`, as root; words behind `--` choose parts: `small`, `sops`, `yaml`, `large`,
//! `parts`.
//!
//! This is a program of its own and not written for a framework, because what counts here are *ratios* between
//! processes, with samples taken in turn (what else runs on the machine hits all sides alike), each from a state that
//! has to be restored in between, on one processor or all, and memory and system calls beside time.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

mod agent;
mod corpus;
mod floor;
mod measure;
mod parts;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use agent::{Agent, OnOneProcessor};
use corpus::{Corpus, FILES, KEYS, LARGE};
use measure::{Clock, Cost, Subject};
use nix::sys::resource::UsageWho;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, program)) = arguments.split_first()
        && first == agent::PEAK_MEMORY
    {
        return agent::print_peak_memory(program);
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("nothing is measured: start this with `cargo bench`");
        return Ok(());
    }
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |part: &str| words.is_empty() || words.iter().any(|word| *word == part);

    let corpus = Corpus::prepare()?;
    let binary = agent::binary()?;
    agent::enter_namespace()?;
    println!("binary: {} bytes", fs::metadata(&binary)?.len());
    if wanted("small") {
        small(&corpus, &binary)?;
    }
    if wanted("sops") {
        sops(&corpus, &binary)?;
    }
    if wanted("yaml") {
        yaml(&corpus, &binary)?;
    }
    if wanted("large") {
        large(&corpus, &binary)?;
    }
    if wanted("parts") {
        parts::run(&corpus)?;
    }
    Ok(())
}

/// N files of one secret each against N data keys unwrapped and N files written.
fn small(corpus: &Corpus, binary: &Path) -> Outcome {
    for (count, rounds) in [(1, 40), (10, 40), (100, 40), (FILES, 15)] {
        let agent = Agent::new(binary, &corpus.small_manifest(count))?;
        agent.first()?;
        verify(
            (0..count).map(|index| (corpus::small_name(index), corpus::small_secret(index).into_bytes())),
        )?;
        let floor = floor::Small::new(corpus, count)?;
        compare(&format!("{count} files of one secret each"), rounds, &agent, || floor.run())?;
    }
    let agent = Agent::new(binary, &corpus.small_manifest(100))?;
    Agent::forget()?;
    println!("\nPeak memory, 100 files: {} KiB", agent.peak_memory()?);
    println!("Peak memory, 100 files, nothing changed: {} KiB", agent.peak_memory()?);
    system_calls(corpus, binary)
}

/// System calls a secret: what 900 secrets more cost.
fn system_calls(corpus: &Corpus, binary: &Path) -> Outcome {
    let count = |secrets: usize| -> Result<(u64, u64), Box<dyn Error>> {
        let agent = Agent::new(binary, &corpus.small_manifest(secrets))?;
        Agent::forget()?;
        Ok((agent.system_calls()?, agent.system_calls()?))
    };
    let (few, many) = (count(100)?, count(FILES)?);
    for (run, few, many) in [("first", few.0, many.0), ("unchanged", few.1, many.1)] {
        let each = ratio(many - few, 900);
        println!("System calls, {run} run: {few} for 100 secrets, {many} for {FILES}: {each} a secret");
    }
    Ok(())
}

/// N files against the real sops, started once for each.
fn sops(corpus: &Corpus, binary: &Path) -> Outcome {
    for (count, rounds) in [(1, 10), (10, 5), (100, 3)] {
        let agent = Agent::new(binary, &corpus.small_manifest(count))?;
        let decrypt = || {
            let clock = Clock::start(UsageWho::RUSAGE_CHILDREN)?;
            (0..count).try_for_each(|index| sops_decrypt(corpus, &corpus.small(index)))?;
            clock.stop()
        };
        let subjects = vec![
            Subject::new("sops-activate install", || agent.first()),
            Subject::new("sops decrypt, once per file", decrypt),
        ];
        measure::compare(&format!("{count} files, against the real sops"), rounds, subjects)?;
    }
    Ok(())
}

fn sops_decrypt(corpus: &Corpus, file: &Path) -> Outcome {
    let mut command = Command::new(&corpus.sops);
    command.args(["--disable-version-check", "decrypt", "--input-type", "binary", "--output-type", "binary"]);
    command.arg(file).env("SOPS_AGE_KEY_FILE", corpus.path("identity"));
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err("sops failed".into()) }
}

/// One YAML file of which every key is wanted.
fn yaml(corpus: &Corpus, binary: &Path) -> Outcome {
    let agent = Agent::new(binary, &corpus.yaml_manifest())?;
    agent.first()?;
    verify(
        (0..KEYS).map(|index| (format!("yaml/key-{index:04}"), corpus::small_secret(index).into_bytes())),
    )?;
    let floor = floor::Yaml::new(corpus)?;
    compare(&format!("one YAML file with {KEYS} keys"), 40, &agent, || floor.run())
}

/// One large secret.
fn large(corpus: &Corpus, binary: &Path) -> Outcome {
    let agent = Agent::new(binary, &corpus.large_manifest())?;
    agent.first()?;
    verify([("large".to_owned(), corpus::large_secret())])?;
    let key = floor::large_key(corpus)?;
    compare("one binary file of 50 MiB", 10, &agent, || floor::large(corpus, &key))?;
    Agent::forget()?;
    for run in ["first run", "nothing changed"] {
        let peak = agent.peak_memory()?;
        println!("Peak memory, {run}: {peak} KiB, {}x the secret", ratio(peak, LARGE as u64 / 1024));
    }
    Ok(())
}

/// The agent against a floor, with all processors and with one.
fn compare(
    title: &str,
    rounds: usize,
    agent: &Agent<'_>,
    mut floor: impl FnMut() -> Result<Cost, Box<dyn Error>>,
) -> Outcome {
    for pinned in [false, true] {
        let on_one = if pinned { Some(OnOneProcessor::pin()?) } else { None };
        let subjects = vec![
            Subject::new("floor, one thread", &mut floor),
            Subject::new("first activation", || agent.first()),
            Subject::new("nothing changed", || agent.install()),
        ];
        let processors = if pinned { "one processor" } else { "all processors" };
        measure::compare(&format!("{title}, {processors}"), rounds, subjects)?;
        drop(on_one);
    }
    Ok(())
}

/// That the files really are there and right: a program that does nothing is fast.
fn verify(expected: impl IntoIterator<Item = (String, Vec<u8>)>) -> Outcome {
    for (name, content) in expected {
        if fs::read(Path::new("/run/secrets").join(&name))? != content {
            return Err(format!("'{name}' was not installed right").into());
        }
    }
    Ok(())
}

/// A quotient with two digits behind the point.
fn ratio(number: u64, of: u64) -> String {
    let hundredths = number * 100 / of;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
