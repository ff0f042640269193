//! `recipient`: the age recipients of SSH and age keys.

use std::io::Write;
use std::path::Path;

use tracing::{error, info};

use crate::error::Exit;
use crate::keys;
use crate::system::{self, files};
use crate::withheld::holds_private_key;

/// How many reasons are told when nothing was found.
const MAX_REASONS: usize = 5;

/// Prints the recipient of each key in `file` (standard input if none is named), one a line.
pub fn run(file: Option<&Path>, out: &mut dyn Write) -> Exit {
    let bytes = match file {
        Some(path) if path != Path::new("-") => files::read(path, keys::MAX_INPUT as u64),
        _ => files::read_stdin(keys::MAX_INPUT as u64),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => {
            error!("{}", advised(error, file).with_advice());
            return Exit::Unchanged;
        }
    };
    let found = match keys::recipients_of(&bytes) {
        Ok(found) => found,
        Err(reasons) => {
            error!("cannot find a recipient: {}", first(&reasons));
            return Exit::Unchanged;
        }
    };
    for note in &found.skipped {
        info!("{note}");
    }
    match found.found.iter().try_for_each(|recipient| writeln!(out, "{recipient}")) {
        Ok(()) => Exit::Success,
        Err(error) => {
            error!("cannot write to standard output: {error}");
            Exit::Unchanged
        }
    }
}

/// Advice for who gave the key where its file was meant.
fn advised(error: system::Error, file: Option<&Path>) -> system::Error {
    if file.is_some_and(|file| holds_private_key(&file.to_string_lossy())) {
        error.with_hint("name the file that holds the key, or give the key on standard input")
    } else {
        error
    }
}

/// The first few reasons: a wrong file has one in each of its lines.
fn first(reasons: &[String]) -> String {
    let (told, more) = reasons.split_at(reasons.len().min(MAX_REASONS));
    let more = if more.is_empty() { String::new() } else { format!("; and {} more", more.len()) };
    told.join("; ") + &more
}
