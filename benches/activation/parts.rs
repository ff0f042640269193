//! The parts of a run by themselves: what one more file, key or placeholder costs.

use std::cell::RefCell;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;

use nix::sys::resource::UsageWho;
use sops_activate::keys::Keyring;
use sops_activate::secret::{DataKey, Secret};
use sops_activate::sops::{Document, Format};
use sops_activate::system::plugins::Plugins;
use sops_activate::template::{Placeholders, Template};
use sops_activate::{manifest, open};

use crate::agent::OnOneProcessor;
use crate::corpus::{Corpus, FILES, FORMATS};
use crate::measure::{Clock, Cost, Subject, compare};

/// Measures all parts.
///
/// # Errors
/// A file of the corpus does not open.
pub fn run(corpus: &Corpus) -> Result<(), Box<dyn Error>> {
    documents(corpus)?;
    templates()?;
    threads(corpus)
}

/// How often something short is done for one sample.
const TIMES: u32 = 100;

fn timed(mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Cost, Box<dyn Error>> {
    let clock = Clock::start(UsageWho::RUSAGE_SELF)?;
    work()?;
    clock.stop()
}

/// A document of a hundred values, parsed, decrypted and verified, in each format.
fn documents(corpus: &Corpus) -> Result<(), Box<dyn Error>> {
    let keyring = keyring(corpus)?;
    let mut subjects = Vec::new();
    for (name, format) in FORMATS {
        let bytes = fs::read(corpus.path(&format!("hundred.{name}")))?;
        let document = Document::parse(&bytes, format).map_err(|fault| fault.to_string())?;
        let key = keyring.unlock(document.metadata()).map_err(|locked| locked.reason)?.key;
        drop(document);
        let work = move || (0..TIMES).try_for_each(|_| open_document(&bytes, format, &key));
        subjects.push(Subject::new(name, move || timed(&work)));
    }
    compare(&format!("{TIMES} times a document of 100 values, without its key"), 20, subjects)
}

fn open_document(bytes: &[u8], format: Format, key: &DataKey) -> Result<(), Box<dyn Error>> {
    let document = Document::parse(bytes, format).map_err(|fault| fault.to_string())?;
    black_box(document.open(key).map_err(|fault| fault.to_string())?);
    Ok(())
}

/// Templates with a thousand placeholders: twice the text takes at most twice the time.
fn templates() -> Result<(), Box<dyn Error>> {
    let names: Vec<(String, String)> = (0..1000)
        .map(|index| (format!("<SOPS:{index:064x}:PLACEHOLDER>"), format!("secret-{index}")))
        .collect();
    let values: Vec<Secret> = names.iter().map(|(_, name)| Secret::copy_of(name.as_bytes())).collect();
    let all =
        names.iter().enumerate().map(|(index, (text, name))| (text.as_str(), name.as_str(), Some(index)));
    let placeholders = Placeholders::new(all);
    let mut subjects = Vec::new();
    for (name, size) in [("0.5 MiB", 1 << 19), ("1 MiB", 1 << 20), ("2 MiB", 1 << 21), ("4 MiB", 1 << 22)] {
        let text = template_text(&names, size)?;
        let (placeholders, values) = (&placeholders, &values);
        let work = move || {
            let template = Template::parse(text.as_bytes(), placeholders)?;
            black_box(template.render(|index| values.get(index))?);
            Ok(())
        };
        subjects.push(Subject::new(name, move || timed(&work)));
    }
    compare("a template with 1000 placeholders", 20, subjects)
}

/// A text of `size` bytes with all placeholders in it, and with many bytes that one could start at.
fn template_text(names: &[(String, String)], size: usize) -> Result<String, Box<dyn Error>> {
    let mut text = String::with_capacity(size);
    for (index, (placeholder, _)) in names.iter().enumerate() {
        writeln!(text, "key <{index}> = {placeholder}")?;
        while text.len() < size / names.len() * (index + 1) {
            text.push_str("a line of plain <text>\n");
        }
    }
    Ok(text)
}

/// A thousand files, opened on one processor and on all.
fn threads(corpus: &Corpus) -> Result<(), Box<dyn Error>> {
    let keyring = RefCell::new(keyring(corpus)?);
    let text = corpus.small_manifest(FILES);
    let manifest = manifest::parse(text.as_bytes()).map_err(|faults| faults.join("; "))?;
    let open = || {
        let opened = open::all(&manifest.secrets, &mut keyring.borrow_mut(), &mut Plugins::default());
        if opened.iter().all(|secret| secret.value.is_ok()) {
            Ok(())
        } else {
            Err("a file stays closed".into())
        }
    };
    let on_one = || {
        let _on_one = OnOneProcessor::pin()?;
        timed(open)
    };
    let subjects =
        vec![Subject::new("one processor", on_one), Subject::new("all processors", || timed(open))];
    compare(&format!("{FILES} files opened"), 10, subjects)
}

fn keyring(corpus: &Corpus) -> Result<Keyring, Box<dyn Error>> {
    let path = corpus.path("ssh_host_ed25519_key");
    let mut keyring = Keyring::new();
    keyring.add_ssh_key(&path, &fs::read(&path)?);
    Ok(keyring)
}
