//! Filters at a placeholder: what is done to a value before it is put in place.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::secret::{Secret, SecretBuffer};

/// One filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filter {
    /// White space at both ends is dropped.
    Trim,
    /// A JSON string, quotes included (RFC 8259).
    Json,
    /// A double-quoted YAML scalar, quotes included. A JSON string is one (YAML 1.2, section 1.3).
    Yaml,
    /// One word for a POSIX shell, in single quotes.
    Shell,
    /// Standard base64 with padding (RFC 4648, section 4).
    Base64,
    /// Percent-encoding of all but unreserved characters (RFC 3986, section 2.3).
    Url,
}

impl Filter {
    /// The words that filters are written as, in the order of the variants.
    pub const WORDS: [&'static str; 6] = ["trim", "json", "yaml", "shell", "base64", "url"];
    const ALL: [Self; 6] = [Self::Trim, Self::Json, Self::Yaml, Self::Shell, Self::Base64, Self::Url];

    fn from_word(word: &str) -> Option<Self> {
        let index = Self::WORDS.iter().position(|known| *known == word)?;
        Self::ALL.get(index).copied()
    }
}

/// Reads `trim|json`. Gives back the word that is no filter, fit to be printed.
pub(super) fn parse_list(list: &[u8]) -> Result<Vec<Filter>, String> {
    list.split(|byte| *byte == b'|')
        .map(|word| {
            let word = String::from_utf8_lossy(word);
            Filter::from_word(&word).ok_or_else(|| word.escape_default().to_string())
        })
        .collect()
}

/// Applies `filters`, the first one first.
pub(super) fn apply(filters: &[Filter], value: &Secret) -> Result<Secret, String> {
    let mut filtered = Secret::copy_of(value.expose());
    for filter in filters {
        filtered = apply_one(*filter, &filtered)?;
    }
    Ok(filtered)
}

fn apply_one(filter: Filter, value: &Secret) -> Result<Secret, String> {
    let bytes = value.expose();
    match filter {
        Filter::Trim => Ok(Secret::copy_of(bytes.trim_ascii())),
        Filter::Json => json_string(bytes, "json"),
        Filter::Yaml => json_string(bytes, "yaml"),
        Filter::Shell => shell_word(bytes),
        Filter::Base64 => base64(bytes),
        Filter::Url => percent_encoded(bytes),
    }
}

fn json_string(bytes: &[u8], word: &str) -> Result<Secret, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| format!("the filter '{word}' takes text only, and it is not UTF-8: use 'base64'"))?;
    let mut quoted = SecretBuffer::with_capacity(text.len() + 2);
    quoted.push(b"\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push(b"\\\""),
            '\\' => quoted.push(b"\\\\"),
            '\n' => quoted.push(b"\\n"),
            '\r' => quoted.push(b"\\r"),
            '\t' => quoted.push(b"\\t"),
            // YAML takes neither DEL nor C1 controls nor the two separators as they are; JSON may have them escaped.
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                quoted.push(format!("\\u{:04x}", u32::from(character)).as_bytes());
            }
            _ => quoted.push(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    quoted.push(b"\"");
    quoted.into_secret().ok_or_else(too_large)
}

fn shell_word(bytes: &[u8]) -> Result<Secret, String> {
    if bytes.contains(&0) {
        return Err("the filter 'shell' takes no NUL, and it holds one: use 'base64'".to_owned());
    }
    let mut word = SecretBuffer::with_capacity(bytes.len() + 2);
    word.push(b"'");
    for (index, part) in bytes.split(|byte| *byte == b'\'').enumerate() {
        if index > 0 {
            word.push(b"'\\''");
        }
        word.push(part);
    }
    word.push(b"'");
    word.into_secret().ok_or_else(too_large)
}

fn base64(bytes: &[u8]) -> Result<Secret, String> {
    let length = bytes.len().div_ceil(3) * 4;
    if length > SecretBuffer::MAX {
        return Err(too_large());
    }
    let mut text = vec![0; length];
    // The buffer has exactly the length that the encoding takes.
    let length = BASE64_STANDARD.encode_slice(bytes, &mut text).unwrap_or_default();
    text.truncate(length);
    Ok(Secret::new(text))
}

fn percent_encoded(bytes: &[u8]) -> Result<Secret, String> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = SecretBuffer::with_capacity(bytes.len() * 3);
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(&[*byte]),
            _ => text.push(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
    text.into_secret().ok_or_else(too_large)
}

fn too_large() -> String {
    super::TOO_LARGE.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(filter: Filter, value: &[u8]) -> Result<String, String> {
        let filtered = apply_one(filter, &Secret::copy_of(value))?;
        Ok(String::from_utf8(filtered.expose().to_vec()).unwrap())
    }

    #[test]
    fn json_reads_back_as_the_value() {
        let value: String =
            (0..0x300).filter_map(char::from_u32).chain("\u{2028}\u{1f600}\"\\".chars()).collect();
        let quoted = text(Filter::Json, value.as_bytes()).unwrap();
        assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), value);
    }

    #[test]
    fn filters_that_cannot_take_a_value_say_which_does() {
        assert!(text(Filter::Yaml, b"\xff").unwrap_err().contains("base64"));
        assert!(text(Filter::Shell, b"a\0b").unwrap_err().contains("base64"));
        assert_eq!(text(Filter::Url, b"\xff~").unwrap(), "%FF~");
    }
}
