//! Which values of a file are encrypted (format, section 2.2). A file has one rule.

use super::pattern::Pattern;

/// The rule of a file.
#[derive(Debug)]
pub enum Rule {
    /// All values, except below a key with this ending.
    UnencryptedSuffix(Vec<u8>),
    /// Values below a key with this ending.
    EncryptedSuffix(Vec<u8>),
    /// All values, except below a key that matches.
    UnencryptedRegex(Pattern),
    /// Values below a key that matches.
    EncryptedRegex(Pattern),
    /// All values, except where a comment in force matches.
    UnencryptedCommentRegex(Pattern),
    /// Values where a comment in force matches.
    EncryptedCommentRegex(Pattern),
}

impl Default for Rule {
    /// What a file without a rule means.
    fn default() -> Self {
        Self::UnencryptedSuffix(b"_unencrypted".to_vec())
    }
}

/// What the rule has found on the way from the document's root to a value: all it needs to decide.
#[derive(Clone, Copy, Default)]
pub struct Surroundings {
    /// A key on the way matches.
    key: bool,
    /// A comment in force around the map or list matches.
    outer_comment: bool,
    /// A comment in force inside the map or list matches.
    comment: bool,
}

impl Surroundings {
    /// At the start of a map or list: the comments in force around it stay so throughout.
    #[must_use]
    pub fn inside(self) -> Self {
        Self { outer_comment: self.outer_comment || self.comment, comment: false, ..self }
    }

    /// Behind a comment that does or does not match.
    #[must_use]
    pub fn after_comment(self, matches: bool) -> Self {
        Self { comment: self.comment || matches, ..self }
    }

    /// Behind a value: the comments in front of it are no longer in force.
    #[must_use]
    pub fn after_value(self) -> Self {
        Self { comment: false, ..self }
    }
}

impl Rule {
    /// The surroundings one key further down: of the value of `key`, and all below it.
    #[must_use]
    pub fn below(&self, around: Surroundings, key: &[u8]) -> Surroundings {
        let matches = match self {
            Self::UnencryptedSuffix(suffix) | Self::EncryptedSuffix(suffix) => key.ends_with(suffix),
            Self::UnencryptedRegex(pattern) | Self::EncryptedRegex(pattern) => pattern.matches(key),
            Self::UnencryptedCommentRegex(_) | Self::EncryptedCommentRegex(_) => false,
        };
        Surroundings { key: around.key || matches, ..around }
    }

    /// Whether a comment matches. `text` is what stands in the file, encrypted or not.
    #[must_use]
    pub fn matches_comment(&self, text: &[u8]) -> bool {
        match self {
            Self::UnencryptedCommentRegex(pattern) | Self::EncryptedCommentRegex(pattern) => {
                pattern.matches(text)
            }
            _ => false,
        }
    }

    /// Whether a value in these surroundings is encrypted.
    #[must_use]
    pub fn encrypts(&self, around: Surroundings) -> bool {
        match self {
            Self::UnencryptedSuffix(_) | Self::UnencryptedRegex(_) => !around.key,
            Self::EncryptedSuffix(_) | Self::EncryptedRegex(_) => around.key,
            Self::UnencryptedCommentRegex(_) => !(around.outer_comment || around.comment),
            Self::EncryptedCommentRegex(_) => around.outer_comment || around.comment,
        }
    }

    /// Whether a comment in these surroundings, which itself does or does not match, is encrypted.
    #[must_use]
    pub fn encrypts_comment(&self, around: Surroundings, matches: bool) -> bool {
        match self {
            Self::UnencryptedCommentRegex(_) => self.encrypts(around.after_comment(matches)),
            // A comment does not count itself here, so the one that marks a value stays readable.
            _ => self.encrypts(around),
        }
    }
}
