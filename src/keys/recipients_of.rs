//! The `recipient` command: from whatever holds a key, public or private, to `age1…` recipients.

use super::plugin::PluginKey;
use super::{age_file, recipient, ssh};

/// Largest input taken, in bytes: `ssh-keyscan` of a thousand hosts.
pub const MAX_INPUT: usize = 1024 * 1024;

/// The recipients that were found, and what was passed over.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Recipients {
    /// `age1…` recipients, in the order of the input, each once.
    pub found: Vec<String>,
    /// A line each for what gave no recipient, and why.
    pub skipped: Vec<String>,
}

/// The age recipients of `input`: an SSH ed25519 public key, an SSH ed25519 private key, the output of
/// `ssh-keyscan` (or a `known_hosts` file), or an age key file. SSH keys are converted as ssh-to-age does it.
///
/// # Errors
/// Why there is none, a line a reason.
pub fn recipients_of(input: &[u8]) -> Result<Recipients, Vec<String>> {
    let mut recipients = Recipients::default();
    if input.len() > MAX_INPUT {
        recipients.skipped.push("the input is larger than 1 MiB".into());
    } else if ssh::is_private_key(input) {
        match ssh::parse(input) {
            Ok(key) => recipients.add(key.converted().recipient()),
            Err(ssh::Rejected::Rsa) => recipients.skip("the input is an RSA key, which has no age recipient"),
            Err(ssh::Rejected::Other(reason)) => recipients.skip(&format!("the input {reason}")),
        }
    } else if age_file::is_key_file(input) {
        let file = age_file::parse(input);
        file.keys.iter().for_each(|key| recipients.add(key.recipient()));
        let of_plugin = |(number, key): &(usize, PluginKey)| {
            format!("line {number} is {}, and only that program knows its recipient", key.described())
        };
        recipients.skipped.extend(file.plugin_keys.iter().map(of_plugin));
        recipients.skipped.extend(file.faults);
    } else {
        recipients.add_public_keys(input);
    }
    match recipients {
        Recipients { found, skipped } if found.is_empty() => Err(skipped),
        recipients => Ok(recipients),
    }
}

impl Recipients {
    fn add(&mut self, recipient: String) {
        if !self.found.contains(&recipient) {
            self.found.push(recipient);
        }
    }

    fn skip(&mut self, reason: &str) {
        self.skipped.push(reason.into());
    }

    /// Lines of `.pub` and `known_hosts` files: `[hosts] TYPE KEY [comment]`, with a marker in front if there is one.
    fn add_public_keys(&mut self, input: &[u8]) {
        for (number, line) in (1..).zip(input.split(|byte| *byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match convert_line(line) {
                Ok(recipient) => self.add(recipient),
                Err(reason) => self.skip(&format!("line {number} {reason}")),
            }
        }
        if self.found.is_empty() && self.skipped.is_empty() {
            self.skip("the input holds no key");
        }
    }
}

fn convert_line(line: &[u8]) -> Result<String, String> {
    let line = std::str::from_utf8(line).map_err(|_| "is not text")?;
    if line.starts_with("age1") {
        return Err("is an age recipient already".into());
    }
    let mut fields = line.split_ascii_whitespace();
    let Some(kind) = fields.by_ref().take(3).find(|field| recipient::is_ssh_type(field)) else {
        return Err("holds no SSH public key".into());
    };
    let blob = fields.next().ok_or("is cut off: there is no key behind its type")?;
    recipient::convert_public(&format!("{kind} {blob}"))
}
