//! ASCII armor of age files, as strict as the Go implementation that sops uses (<https://c2sp.org/age>).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";
const COLUMNS: usize = 64;
const BYTES_PER_LINE: usize = COLUMNS / 4 * 3;
/// How much white space may stand in front of the armor, and how much behind it.
const MAX_BLANK: usize = 1024;

/// The age file inside `text`.
///
/// Blank lines in front and white space behind are allowed; every line but the last has 64 characters; the
/// base64 is canonical and padded; lines end in LF or CRLF.
///
/// # Errors
/// What is wrong, with the line of the armor where that helps.
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut lines = Lines { rest: text, number: 0 };
    skip_to_begin(&mut lines)?;
    let mut file = Vec::with_capacity(lines.rest.len() / 4 * 3);
    loop {
        let line = lines.next().ok_or("its armor is cut off: the END line is missing")?;
        if line == END {
            break;
        }
        let number = lines.number;
        let fault = |what: &str| Err(format!("line {number} of its armor {what}"));
        if line.is_empty() {
            return fault("is empty");
        }
        if line.len() > COLUMNS {
            return fault("is longer than 64 characters");
        }
        let before = file.len();
        if BASE64_STANDARD.decode_vec(line, &mut file).is_err() {
            return fault("is not valid base64");
        }
        if file.len() - before < BYTES_PER_LINE {
            match lines.next() {
                Some(END) => break,
                Some(_) => return fault("is short and not the last one"),
                None => return Err("its armor is cut off: the END line is missing".into()),
            }
        }
    }
    if !lines.rest.trim_ascii().is_empty() {
        return Err("something follows behind its armor".into());
    }
    if lines.rest.len() >= MAX_BLANK {
        return Err("too much white space follows behind its armor".into());
    }
    Ok(file)
}

/// Whether `bytes` is an age file without armor.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption.org/")
}

fn skip_to_begin(lines: &mut Lines<'_>) -> Result<(), String> {
    let mut skipped = 0;
    loop {
        let line = lines.next().ok_or("it is empty")?;
        if line == BEGIN {
            return Ok(());
        }
        if !line.trim_ascii().is_empty() {
            return Err(first_line_fault(line).into());
        }
        skipped += line.len() + 1;
        if skipped > MAX_BLANK {
            return Err("too much white space stands in front of its armor".into());
        }
    }
}

fn first_line_fault(line: &[u8]) -> &'static str {
    if is_binary(line) {
        "it is an age file without armor, where sops wants armor"
    } else if line.starts_with(b"-----BEGIN PGP") {
        "it is a PGP message, not an age file"
    } else {
        "it does not start with '-----BEGIN AGE ENCRYPTED FILE-----'"
    }
}

/// Lines ending in LF or CRLF; the last one may end in nothing.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let (line, rest) = match memchr::memchr(b'\n', self.rest) {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &[][..]),
        };
        self.rest = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}
