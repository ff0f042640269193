//! `decrypt`: one file, or one value of it, to standard output.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use tracing::error;

use crate::closed;
use crate::error::{Exit, Failure};
use crate::identities;
use crate::keys::Keyring;
use crate::manifest::{Format, Key};
use crate::open;
use crate::plugins;
use crate::secret::Secret;
use crate::sops;
use crate::system::plugins::Plugins;

/// What is asked.
pub struct Request {
    /// The encrypted file.
    pub file: PathBuf,
    /// The value wanted, or the whole file.
    pub key: Option<String>,
    /// Its format, or what its ending says.
    pub format: Option<Format>,
    /// Files with identities.
    pub identities: Vec<PathBuf>,
    /// Identities from the environment, used when no file is named.
    pub age_key: Option<Secret>,
    /// A file of identities from the environment, used when no file is named.
    pub age_key_file: Option<PathBuf>,
}

/// Prints the plaintext to `out`. `plugins` may be started, and are prepared before the process confines itself.
pub fn run(request: &Request, mut plugins: Plugins, out: &mut dyn Write) -> Exit {
    let mut keyring = keyring(request, &plugins);
    identities::report_unusable(&keyring);
    let format = request.format.unwrap_or_else(|| format_of(&request.file));
    let key = match request.key.as_deref() {
        None | Some("") => Key::Whole,
        Some(path) if matches!(format, Format::Age | Format::Sops(sops::Format::Binary)) => {
            // A manifest of sops-nix names a key for these, too, and means nothing by it. A person does.
            let (file, word) = (request.file.display(), format.as_str());
            error!(
                "cannot take the key '{path}' out of '{file}': a file of format {word} is one value, without keys\n  \
                 hint: leave --key out, or name the format that the file has with --format"
            );
            return Exit::Unchanged;
        }
        Some(path) => Key::Path(path.to_owned()),
    };
    let mut opened = open::file(&request.file, format, &[&key], &keyring);
    if !opened.unasked.is_empty() {
        plugins::ask(&mut keyring, &mut plugins, &opened.unasked);
        opened = open::file(&request.file, format, &[&key], &keyring);
    }
    match opened.values.pop() {
        Some(Ok(secret)) => match out.write_all(secret.expose()).and_then(|()| out.flush()) {
            Ok(()) => Exit::Success,
            Err(error) => {
                error!("cannot write to standard output: {error}");
                Exit::Unchanged
            }
        },
        Some(Err(failure)) => {
            error!("{}", advised(failure, &keyring));
            Exit::Unchanged
        }
        None => Exit::Unchanged,
    }
}

/// Advice for a person with a file, who may have named no key at all, in place of that for a machine.
fn advised(failure: Failure, keyring: &Keyring) -> Failure {
    let is_closed = failure.details.iter().any(|(label, _)| *label == closed::THIS_MACHINE);
    if is_closed && keyring.is_empty() && keyring.missing_plugin().is_none() {
        failure.hint("name a key with --identity FILE, or in SOPS_AGE_KEY or SOPS_AGE_KEY_FILE")
    } else if failure.hint.as_deref() == Some(closed::ADD_IT) {
        failure.hint("name an encrypted file that you can read; standard input is not read")
    } else {
        failure
    }
}

fn keyring(request: &Request, plugins: &Plugins) -> Keyring {
    let mut keyring = Keyring::with_plugins(plugins.names(), "PATH");
    for path in &request.identities {
        identities::add_any(&mut keyring, path);
    }
    if request.identities.is_empty() {
        if let Some(text) = &request.age_key {
            keyring.add_age_key_file(Path::new("SOPS_AGE_KEY"), text.expose());
        }
        if let Some(path) = &request.age_key_file {
            identities::add_any(&mut keyring, path);
        }
    }
    keyring
}

/// The format by the file's ending, as sops itself decides it.
fn format_of(file: &Path) -> Format {
    match file.extension().and_then(OsStr::to_str) {
        Some("yaml" | "yml") => Format::Sops(sops::Format::Yaml),
        Some("json") => Format::Sops(sops::Format::Json),
        Some("env") => Format::Sops(sops::Format::Dotenv),
        Some("ini") => Format::Sops(sops::Format::Ini),
        Some("age") => Format::Age,
        _ => Format::Sops(sops::Format::Binary),
    }
}
