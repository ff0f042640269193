//! Typed reading of one JSON object, with every fault noted under the name of what it is about.

use std::fmt;
use std::path::{Path, PathBuf};

use super::json::{Pair, Value};

/// How many faults are told; the others are counted.
const MAX_FAULTS: usize = 1000;
/// Most secrets of a manifest, and most templates.
const MAX_ENTRIES: usize = 1 << 16;

/// The faults found so far, one line each, and how many there are beside them.
#[derive(Default)]
pub(super) struct Faults(Vec<String>, usize);

impl Faults {
    /// Notes that `what` is wrong with `place` (`secret 'a'`, `manifest`, `templates[3]`).
    pub(super) fn add(&mut self, place: impl fmt::Display, what: impl fmt::Display) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(format!("{place}: {what}"));
        } else {
            self.1 += 1;
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len() + self.1
    }

    /// `value`, if there is no fault.
    pub(super) fn into_result<T>(mut self, value: T) -> Result<T, Vec<String>> {
        if self.0.is_empty() {
            return Ok(value);
        }
        if self.1 > 0 {
            self.0.push(format!("and {} faults more", self.1));
        }
        Err(self.0)
    }
}

/// What an object of the manifest is about, for messages. It becomes text only when there is one.
#[derive(Clone, Copy)]
pub(super) enum Place<'v> {
    /// The one of this name.
    Only(&'static str),
    /// The secret or template of this name.
    Named(&'static str, &'v str),
    /// The secret or template at this position, which has no name.
    Nameless(&'static str, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only(what) => f.write_str(what),
            Self::Named(kind, name) => write!(f, "{kind} '{}'", shown(name)),
            Self::Nameless(kind, index) => write!(f, "{kind}s[{index}]"),
        }
    }
}

/// The fields of one object of the manifest. `null` counts as missing, as it does for sops-nix.
pub(super) struct Fields<'v> {
    /// What the object is about, for messages.
    pub(super) place: Place<'v>,
    entries: &'v [Pair<'v>],
}

impl<'v> Fields<'v> {
    /// Takes an object, notes keys that stand twice and mentions unknown ones in the debug log.
    ///
    /// `known` are the keys that are read; `ignored` those that are known to mean nothing to us.
    pub(super) fn new(
        place: Place<'v>,
        entries: &'v [Pair<'v>],
        known: &[&str],
        ignored: &[&str],
        faults: &mut Faults,
    ) -> Self {
        let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_ref()).collect();
        keys.sort_unstable();
        let mut twice: Vec<&str> = keys.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect();
        twice.dedup();
        for key in twice {
            faults.add(place, format_args!("'{}' stands in it more than once", shown(key)));
        }
        keys.dedup();
        for key in keys.iter().filter(|key| !known.contains(key) && !ignored.contains(key)) {
            tracing::debug!("{place}: unknown field '{}' is ignored", shown(key));
        }
        Self { place, entries }
    }

    /// The value under `key`, unless it is missing or `null`.
    pub(super) fn get(&self, key: &str) -> Option<&'v Value<'v>> {
        self.entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
            .filter(|v| **v != Value::Null)
    }

    /// A string.
    pub(super) fn text(&self, key: &str, faults: &mut Faults) -> Option<&'v str> {
        self.typed(key, "a string", faults, |value| match value {
            Value::Text(text) => Some(text.as_ref()),
            _ => None,
        })
    }

    /// A string that must be there.
    pub(super) fn required_text(&self, key: &str, faults: &mut Faults) -> Option<&'v str> {
        self.required(key, faults);
        self.text(key, faults)
    }

    /// Notes a fault if `key` is missing, with the key that was probably meant.
    pub(super) fn required(&self, key: &str, faults: &mut Faults) {
        if self.get(key).is_some() {
            return;
        }
        match self.entries.iter().find(|(name, _)| name != key && name.eq_ignore_ascii_case(key)) {
            Some((name, _)) => {
                faults.add(self.place, format_args!("{key} is missing (it is spelt '{name}' here)"));
            }
            None => faults.add(self.place, format_args!("{key} is missing")),
        }
    }

    /// A boolean, or `default`.
    pub(super) fn boolean(&self, key: &str, default: bool, faults: &mut Faults) -> bool {
        let value = self.typed(key, "true or false", faults, |value| match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        });
        value.unwrap_or(default)
    }

    /// A whole number between 0 and `largest`.
    pub(super) fn number(&self, key: &str, largest: u32, faults: &mut Faults) -> Option<u32> {
        let number = self.typed(key, "a whole number", faults, |value| match value {
            Value::Int(number) => Some(*number),
            _ => None,
        })?;
        let checked = u32::try_from(number).ok().filter(|number| *number <= largest);
        if checked.is_none() {
            faults.add(self.place, format_args!("{key} {number} is not between 0 and {largest}"));
        }
        checked
    }

    /// One of the words of `choices`; `None` if it is missing or none of them.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let text = self.text(key, faults)?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let words = words.join(", ");
            faults.add(self.place, format_args!("{key} '{}' is unknown; known are: {words}", shown(text)));
        }
        found
    }

    /// A list; empty if it is missing.
    pub(super) fn list(&self, key: &str, faults: &mut Faults) -> &'v [Value<'v>] {
        let list = self.typed(key, "a list", faults, |value| match value {
            Value::List(list) => Some(list.as_slice()),
            _ => None,
        });
        list.unwrap_or(&[])
    }

    /// A list of secrets or templates; empty if it is missing, or longer than any machine's.
    pub(super) fn entries(&self, key: &str, faults: &mut Faults) -> &'v [Value<'v>] {
        let list = self.list(key, faults);
        if list.len() > MAX_ENTRIES {
            faults.add(self.place, format_args!("{key} has more than {MAX_ENTRIES} entries"));
            return &[];
        }
        list
    }

    /// A list of strings; empty if it is missing.
    pub(super) fn texts(&self, key: &str, faults: &mut Faults) -> Vec<&'v str> {
        let mut texts = Vec::new();
        for (index, value) in self.list(key, faults).iter().enumerate() {
            match value {
                Value::Text(text) => texts.push(text.as_ref()),
                other => faults
                    .add(self.place, format_args!("{key}[{index}] must be a string, not {}", other.kind())),
            }
        }
        texts
    }

    /// An object; empty if it is missing.
    pub(super) fn object(&self, key: &str, faults: &mut Faults) -> &'v [Pair<'v>] {
        let object = self.typed(key, "an object", faults, |value| match value {
            Value::Object(entries) => Some(entries.as_slice()),
            _ => None,
        });
        object.unwrap_or(&[])
    }

    /// An absolute path. The empty string counts as missing, as it does for sops-nix.
    pub(super) fn path(&self, key: &str, rule: PathRule, faults: &mut Faults) -> Option<PathBuf> {
        let text = self.text(key, faults).filter(|text| !text.is_empty())?;
        self.checked_path(key, text, rule, faults)
    }

    /// An absolute path that must be there and not empty.
    pub(super) fn required_path(&self, key: &str, rule: PathRule, faults: &mut Faults) -> Option<PathBuf> {
        match self.required_text(key, faults)? {
            "" => {
                faults.add(self.place, format_args!("{key} is empty"));
                None
            }
            text => self.checked_path(key, text, rule, faults),
        }
    }

    /// A list of absolute paths; empty if it is missing.
    pub(super) fn paths(&self, key: &str, rule: PathRule, faults: &mut Faults) -> Vec<PathBuf> {
        let texts = self.texts(key, faults);
        texts.into_iter().filter_map(|text| self.checked_path(key, text, rule, faults)).collect()
    }

    fn checked_path(&self, key: &str, text: &str, rule: PathRule, faults: &mut Faults) -> Option<PathBuf> {
        rule.check(text)
            .map_err(|why| faults.add(self.place, format_args!("{key} '{}' {why}", shown(text))))
            .ok()
    }

    fn typed<T>(
        &self,
        key: &str,
        wanted: &str,
        faults: &mut Faults,
        take: impl Fn(&'v Value<'v>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let taken = take(value);
        if taken.is_none() {
            faults.add(self.place, format_args!("{key} must be {wanted}, not {}", value.kind()));
        }
        taken
    }
}

/// What a path of the manifest may look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PathRule {
    /// It starts with `/`.
    Absolute,
    /// It starts with `/` or, in user mode, with `%r`, the runtime directory.
    UserMode,
}

impl PathRule {
    /// Checks a path and takes doubled and trailing slashes and `.` elements out of it.
    ///
    /// # Errors
    /// Why it cannot be used, as a clause that follows the path.
    pub(super) fn check(self, text: &str) -> Result<PathBuf, String> {
        let in_runtime_dir = self == Self::UserMode && text.starts_with("%r");
        if !text.starts_with('/') && !in_runtime_dir {
            let hint = if text.starts_with("%r") { " ('%r' is replaced in user mode only)" } else { "" };
            return Err(format!("is not an absolute path{hint}"));
        }
        if text.len() > super::types::PATH_MAX {
            return Err(format!("is longer than {} bytes", super::types::PATH_MAX));
        }
        if text.chars().any(char::is_control) {
            return Err("holds a control character".into());
        }
        if text.split('/').any(|element| element == "..") {
            return Err("holds a '..' element; write the path out".into());
        }
        let is_plain = !text.ends_with('/') && !text.contains("//") && !text.contains("/.");
        Ok(if is_plain { PathBuf::from(text) } else { Path::new(text).components().collect() })
    }
}

/// Text of the manifest as it is shown in messages: on one line, without control characters, not endless.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 200;
    let mut shown = String::with_capacity(text.len());
    for character in text.chars().take(MOST) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
