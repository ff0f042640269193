//! Private keys that stand where something else belongs: a recipient, a path, a name. No message repeats one.
//!
//! Whoever gives a key where its file was meant shall not find it in the journal, or in the log of a build, for good.

use std::borrow::Cow;

/// How private age keys begin, those of plugins included, in lower case.
const AGE: [&str; 2] = ["age-secret-key-", "age-plugin-"];
/// Shortest piece between two dashes that is taken for a key. Names of files and programs begin as keys do
/// (`age-plugin-yubikey`), and have no word as long as this; less of a key is of no use to anybody.
const SHORTEST_KEY: usize = 16;
/// The end of the line that a private key of SSH or TLS begins with, and the beginning of the last line.
const PEM: (&str, &str) = ("PRIVATE KEY-----", "-----END");

/// `text` with `…` in place of every private key in it.
#[must_use]
pub fn without_private_keys(text: &str) -> Cow<'_, str> {
    // Of the same length, byte for byte, as only ASCII letters change.
    let lower = text.to_ascii_lowercase();
    let mut told = String::new();
    let mut kept = 0;
    while let Some((start, end)) = next_key(text, &lower, kept) {
        told.push_str(&text[kept..start]);
        told.push('…');
        kept = end;
    }
    if kept == 0 { Cow::Borrowed(text) } else { Cow::Owned(told + &text[kept..]) }
}

/// Whether a private key stands in `text`.
#[must_use]
pub fn holds_private_key(text: &str) -> bool {
    next_key(text, &text.to_ascii_lowercase(), 0).is_some()
}

/// Where the first key behind byte `from` begins and ends. What tells its kind is no part of it.
fn next_key(text: &str, lower: &str, from: usize) -> Option<(usize, usize)> {
    let age = AGE.iter().filter_map(|beginning| next_age_key(lower, from, beginning));
    age.chain(next_pem(text, from)).min()
}

fn next_age_key(lower: &str, from: usize, beginning: &str) -> Option<(usize, usize)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    lower[from..].match_indices(beginning).find_map(|(at, _)| {
        let start = from + at + beginning.len();
        let tail = &lower[start..];
        let tail = &tail[..tail.find(|c| !is_part(c)).unwrap_or(tail.len())];
        tail.split('-').any(|piece| piece.len() >= SHORTEST_KEY).then(|| (start, start + tail.len()))
    })
}

fn next_pem(text: &str, from: usize) -> Option<(usize, usize)> {
    let (first_line, last_line) = PEM;
    text[from..].match_indices(first_line).find_map(|(at, _)| {
        let start = from + at + first_line.len();
        let behind = &text[start..];
        let line = text[..from + at].rfind("-----").unwrap_or_default();
        if text[line..].starts_with(last_line) {
            return None;
        }
        // A message that only tells how a key begins has a quotation mark here.
        let end = behind.find(['\'', '"', '`', '…']).into_iter().chain(behind.find(last_line)).min();
        let length = end.unwrap_or(behind.len());
        (length > 0).then(|| (start, start + length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "1QZ7VKPW3XTG9LMYB4RNHS2JDQZ7VKPW3XTG9LMYB4RNHS2JDQZ7VKPW3XT";

    #[test]
    fn private_keys_are_withheld_and_the_rest_is_told() {
        for (text, told) in [
            (format!("cannot open 'AGE-SECRET-KEY-{BODY}': gone"), "cannot open 'AGE-SECRET-KEY-…': gone"),
            (format!("AGE-SECRET-KEY-PQ-{BODY} AGE-SECRET-KEY-{BODY}"), "AGE-SECRET-KEY-… AGE-SECRET-KEY-…"),
            (format!("x=age-secret-key-{}.", BODY.to_lowercase()), "x=age-secret-key-…."),
            (format!("/a/AGE-PLUGIN-YUBIKEY-{BODY}/b"), "/a/AGE-PLUGIN-…/b"),
            // Cut off, or with a dash too many.
            (format!("AGE-SECRET-KEY-{}", &BODY[..20]), "AGE-SECRET-KEY-…"),
            (format!("AGE-SECRET-KEY-{BODY}-{BODY}"), "AGE-SECRET-KEY-…"),
            (
                format!(
                    "'-----BEGIN OPENSSH PRIVATE KEY-----\n{BODY}\n-----END OPENSSH PRIVATE KEY-----\n': no"
                ),
                "'-----BEGIN OPENSSH PRIVATE KEY-----…-----END OPENSSH PRIVATE KEY-----\n': no",
            ),
            (format!("-----BEGIN PRIVATE KEY-----\\n{BODY}"), "-----BEGIN PRIVATE KEY-----…"),
            (format!("-----BEGIN PRIVATE KEY-----x AGE-SECRET-KEY-{BODY}"), "-----BEGIN PRIVATE KEY-----…"),
            (
                format!("{{\"file\":\"-----BEGIN PRIVATE KEY-----{BODY}\"}}"),
                "{\"file\":\"-----BEGIN PRIVATE KEY-----…\"}",
            ),
        ] {
            assert!(holds_private_key(&text));
            assert_eq!(without_private_keys(&text), told);
            assert!(!holds_private_key(told), "told twice, it would change");
        }
    }

    #[test]
    fn what_only_begins_like_a_key_is_told() {
        for text in [
            "the key itself starts with AGE-SECRET-KEY-1",
            "it does not start with '-----BEGIN OPENSSH PRIVATE KEY-----'",
            "/nix/store/abc-age-plugin-fido2-hmac-0.2.3/bin/age-plugin-fido2-hmac",
            "is a key of age-plugin-1p",
            "/var/lib/age-secret-key-of-größe.txt",
            "age1qz7vkpw3xtg9lmyb4rnhs2jdqz7vkpw3xtg9lmyb4rnhs2jdqz7vkpw3xt",
            "",
        ] {
            assert!(matches!(without_private_keys(text), Cow::Borrowed(same) if same == text), "{text}");
            assert!(!holds_private_key(text));
        }
    }
}
