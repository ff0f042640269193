//! The rules for names, modes and units: text to checked value, or the reason why not.

use super::fields::shown;
use super::types::{Mode, Name, UnitName};

/// The longest file name that file systems take, in bytes (`NAME_MAX`).
const NAME_MAX: usize = 255;
/// The longest name of a secret, in bytes: `PATH_MAX` less some room for the directories in front.
const LONGEST_NAME: usize = 3840;
/// The deepest name, in elements. `system` writes 64 levels, and the uppermost is `rendered` for templates.
const DEEPEST_NAME: usize = 63;
/// The longest unit name systemd takes, in bytes (`UNIT_NAME_MAX`, with its final NUL).
const LONGEST_UNIT: usize = 255;

impl Name {
    /// Checks a name, which becomes a path inside a generation.
    ///
    /// # Errors
    /// Why it cannot be one, as a clause that follows the name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty".into());
        }
        if text.chars().any(char::is_control) {
            return Err("holds a control character".into());
        }
        if text.starts_with('/') {
            return Err("is an absolute path; a name is relative to the directory of the secrets".into());
        }
        if text.len() > LONGEST_NAME {
            return Err(format!("is longer than {LONGEST_NAME} bytes"));
        }
        if text.split('/').count() > DEEPEST_NAME {
            return Err(format!("has more than {DEEPEST_NAME} path elements"));
        }
        for element in text.split('/') {
            match element {
                "" => return Err("has an empty path element".into()),
                "." | ".." => return Err(format!("has the path element '{element}'")),
                long if long.len() > NAME_MAX => {
                    return Err(format!("has a path element longer than {NAME_MAX} bytes"));
                }
                _ => {}
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names that would be its directories, the outermost first.
    pub(super) fn parents(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

impl Mode {
    /// Checks a mode: octal digits, at most `0777`.
    ///
    /// # Errors
    /// Why it is none, as a whole clause that names the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || !text.bytes().all(|digit| matches!(digit, b'0'..=b'7')) {
            return Err(format!("mode '{}' is not an octal number; write it as \"0400\"", shown(text)));
        }
        let bits = match text.trim_start_matches('0') {
            "" => 0,
            digits => u32::from_str_radix(digits, 8).unwrap_or(u32::MAX),
        };
        match bits {
            0..=0o777 => Ok(Self(bits)),
            0o1000..=0o7777 => Err(format!(
                "mode '{}' has a setuid, setgid or sticky bit, which no secret may have; at most 0777",
                shown(text)
            )),
            _ => Err(format!("mode '{}' is larger than 0777", shown(text))),
        }
    }

    /// The permission bits.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl UnitName {
    /// Checks the name of a unit. It is written into lists of one unit a line, and passed to `systemctl`
    /// as an argument: so it is one word and no option. Patterns such as `app@*` are systemctl's to judge.
    ///
    /// # Errors
    /// Why it cannot be one, as a clause that follows the name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty".into());
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("holds a blank, newline or control character".into());
        }
        if text.starts_with('-') {
            return Err("starts with '-', which systemctl would take for an option".into());
        }
        if text.len() > LONGEST_UNIT {
            return Err(format!("is longer than {LONGEST_UNIT} bytes"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_relative_paths_are_taken() {
        let long = "n".repeat(255);
        let deep = "a/".repeat(62) + "a";
        for name in
            [&deep, "a", "wifi/psk", "vars/per-machine/m/g/f", "...", ".a", "a.", "-x", "ü ö", "a\\b", &long]
        {
            assert_eq!(Name::parse(name).map(|name| name.as_str().to_owned()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn names_that_would_leave_their_directory_are_refused() {
        let long_element = "n".repeat(256);
        let long = "ab/".repeat(2000) + "c";
        let deep = "a/".repeat(63) + "a";
        let cases = [
            ("", "is empty"),
            ("/etc/shadow", "is an absolute path"),
            ("/", "is an absolute path"),
            ("..", "'..'"),
            ("../../etc/passwd", "'..'"),
            ("a/../b", "'..'"),
            ("a/..", "'..'"),
            (".", "'.'"),
            ("a/./b", "'.'"),
            ("a//b", "an empty path element"),
            ("a/", "an empty path element"),
            ("a\0b", "control character"),
            ("a\nb", "control character"),
            ("a\tb", "control character"),
            ("a\u{7f}", "control character"),
            ("a\u{9b}1m", "control character"),
            (&long_element, "longer than 255 bytes"),
            (&long, "longer than 3840 bytes"),
            (&deep, "more than 63 path elements"),
        ];
        for (name, expected) in cases {
            let fault = Name::parse(name).unwrap_err();
            assert!(fault.contains(expected), "{name:?}: {fault:?} should contain {expected:?}");
        }
    }

    #[test]
    fn the_parents_of_a_name_are_its_directories() {
        let parents = |name: &str| Name(name.into()).parents().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parents("a"), Vec::<String>::new());
        assert_eq!(parents("a/b/c"), ["a", "a/b"]);
    }

    #[test]
    fn octal_modes_up_to_0777_are_taken_exactly() {
        let cases =
            [("0400", 0o400), ("440", 0o440), ("0", 0), ("0000", 0), ("777", 0o777), ("000000660", 0o660)];
        for (text, bits) in cases {
            assert_eq!(Mode::parse(text), Ok(Mode(bits)), "{text}");
        }
    }

    #[test]
    fn other_modes_are_refused_by_name() {
        for text in
            ["rw", "0899", "", "-1", "+1", "0x1f", "0o400", " 0400", "0400 ", "04_00", "٠٤٠٠", "u=r", "4"]
        {
            match Mode::parse(text) {
                Ok(mode) => assert_eq!((text, mode), ("4", Mode(4))),
                Err(fault) => assert!(fault.contains(&format!("mode '{text}' is not an octal")), "{fault}"),
            }
        }
        for text in ["4755", "2750", "1777", "01000", "7777"] {
            let fault = Mode::parse(text).unwrap_err();
            assert!(fault.contains(text) && fault.contains("setuid, setgid or sticky"), "{fault}");
        }
        let long = "7".repeat(1000);
        for text in ["200000", "10000", "77777777777777777777", long.as_str()] {
            assert!(Mode::parse(text).unwrap_err().ends_with("larger than 0777"), "{text}");
        }
    }

    #[test]
    fn unit_names_are_one_word_and_no_option() {
        for unit in
            ["nginx.service", "app@1.service", "app@*.service", "dev-disk-by\\x2duuid.device", "nginx"]
        {
            assert_eq!(UnitName::parse(unit).map(|unit| unit.as_str().to_owned()), Ok(unit.to_owned()));
        }
        let long = "u".repeat(256);
        let bad =
            ["", "a b", "a\nb", "a\r", "\u{a0}x", "x\u{2028}y", "a\0", "-x", "--now", "--root=/x", &long];
        for unit in bad {
            assert!(UnitName::parse(unit).is_err(), "{unit:?}");
        }
    }
}
