//! White space as Go's `unicode.IsSpace` has it, in bytes that need not be UTF-8.

/// Without white space at the start.
pub fn trim_start(mut text: &[u8]) -> &[u8] {
    // White space takes at most three bytes in UTF-8.
    while let Some(length) = (1..=text.len().min(3)).find(|length| is_blank(&text[..*length])) {
        text = &text[length..];
    }
    text
}

/// Without white space at the end.
pub fn trim_end(mut text: &[u8]) -> &[u8] {
    while let Some(length) = (1..=text.len().min(3)).find(|length| is_blank(&text[text.len() - length..])) {
        text = &text[..text.len() - length];
    }
    text
}

/// Without white space at both ends.
pub fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

/// Whether the bytes are one character, and that is white space.
fn is_blank(bytes: &[u8]) -> bool {
    let mut characters = std::str::from_utf8(bytes).unwrap_or_default().chars();
    matches!((characters.next(), characters.next()), (Some(character), None) if character.is_whitespace())
}
