//! The command line of `sops-install-secrets`: what Go's `flag` package makes of it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// What the arguments say.
#[derive(PartialEq, Eq, Debug)]
pub enum Invocation {
    /// Install, or check and install nothing.
    Run {
        /// The manifest.
        manifest: PathBuf,
        /// `-check-mode`.
        check_mode: CheckMode,
        /// `-ignore-passwd`.
        ignore_passwd: bool,
    },
    /// `-h` or `-help`: usage, and success.
    Help,
    /// No manifest, or more than one argument. The Go agent ends with 0 here; we do not.
    WrongArguments,
    /// A flag is wrong: its error line. The Go agent ends with 1.
    WrongFlag(String),
}

/// Values of `-check-mode`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CheckMode {
    /// Install.
    #[default]
    Off,
    /// Check the manifest alone.
    Manifest,
    /// Check the sops files too.
    SopsFile,
}

/// The usage text, as the Go agent prints it.
#[must_use]
pub fn usage(program: &str) -> String {
    format!(
        "Usage: {program} [OPTION] manifest.json\n  \
         -check-mode string\n    \tValidate configuration without installing it (possible values: \
         \"manifest\",\"sopsfile\",\"off\") (default \"off\")\n  \
         -ignore-passwd\n    \tDon't look up anything in /etc/passwd. Causes everything to be owned by root:root \
         or the user executing the tool in user mode\n"
    )
}

/// Reads the arguments behind the program's name. Flags start with one or two dashes, a value follows `=` or
/// is the next argument, and the first argument that is no flag ends them (package flag of Go).
#[must_use]
pub fn parse(arguments: &[OsString]) -> Invocation {
    let mut check_mode = CheckMode::Off;
    let mut ignore_passwd = false;
    let mut rest = arguments.iter();
    let positional: Vec<&OsString> = loop {
        let before = rest.clone();
        let Some(argument) = rest.next() else { break Vec::new() };
        let Some(flag) = flag(argument) else { break before.collect() };
        let (name, value) = match flag {
            Flag::End => break rest.collect(),
            Flag::Malformed => {
                return Invocation::WrongFlag(format!("bad flag syntax: {}", argument.display()));
            }
            Flag::Named(name, value) => (name, value),
        };
        match name {
            b"h" | b"help" => return Invocation::Help,
            b"check-mode" => {
                let Some(value) = value.or_else(|| rest.next().map(|next| next.as_bytes())) else {
                    return Invocation::WrongFlag("flag needs an argument: -check-mode".to_owned());
                };
                match check_mode_of(value) {
                    Ok(mode) => check_mode = mode,
                    Err(error) => return Invocation::WrongFlag(error),
                }
            }
            b"ignore-passwd" => {
                let value = value.unwrap_or(b"true");
                let Some(value) = boolean(value) else {
                    let value = OsStr::from_bytes(value).display();
                    return Invocation::WrongFlag(format!(
                        "invalid boolean value \"{value}\" for -ignore-passwd: parse error"
                    ));
                };
                ignore_passwd = value;
            }
            _ => {
                let name = OsStr::from_bytes(name).display();
                return Invocation::WrongFlag(format!("flag provided but not defined: -{name}"));
            }
        }
    };
    match positional[..] {
        [manifest] => Invocation::Run { manifest: manifest.into(), check_mode, ignore_passwd },
        _ => Invocation::WrongArguments,
    }
}

/// One argument that starts with a dash.
enum Flag<'a> {
    /// Name, and the value behind `=`.
    Named(&'a [u8], Option<&'a [u8]>),
    /// `--`: what follows is no flag.
    End,
    /// `-=x`, `---x`.
    Malformed,
}

fn flag(argument: &OsStr) -> Option<Flag<'_>> {
    let bytes = argument.as_bytes();
    let name = match bytes {
        b"--" => return Some(Flag::End),
        [b'-', b'-', name @ ..] | [b'-', name @ ..] if !name.is_empty() => name,
        _ => return None,
    };
    if matches!(name[0], b'-' | b'=') {
        return Some(Flag::Malformed);
    }
    Some(match name.iter().position(|byte| *byte == b'=') {
        Some(at) => Flag::Named(&name[..at], Some(&name[at + 1..])),
        None => Flag::Named(name, None),
    })
}

fn check_mode_of(value: &[u8]) -> Result<CheckMode, String> {
    match value {
        b"off" => Ok(CheckMode::Off),
        b"manifest" => Ok(CheckMode::Manifest),
        b"sopsfile" => Ok(CheckMode::SopsFile),
        _ => Err(format!(
            "invalid value provided for -check-mode flag: {} (it is one of manifest, sopsfile and off)",
            OsStr::from_bytes(value).display()
        )),
    }
}

/// The texts that Go's `strconv.ParseBool` takes.
fn boolean(value: &[u8]) -> Option<bool> {
    match value {
        b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Invocation {
        parse(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn run(check_mode: CheckMode, ignore_passwd: bool) -> Invocation {
        Invocation::Run { manifest: "m.json".into(), check_mode, ignore_passwd }
    }

    #[test]
    fn every_way_to_write_a_flag_is_understood() {
        for check in [&["-check-mode=manifest"][..], &["-check-mode", "manifest"], &["--check-mode=manifest"]]
        {
            let arguments: Vec<&str> = check.iter().copied().chain(["m.json"]).collect();
            assert_eq!(parsed(&arguments), run(CheckMode::Manifest, false));
        }
        assert_eq!(parsed(&["-ignore-passwd", "m.json"]), run(CheckMode::Off, true));
        assert_eq!(parsed(&["--ignore-passwd=false", "m.json"]), run(CheckMode::Off, false));
        assert_eq!(parsed(&["--", "m.json"]), run(CheckMode::Off, false));
    }

    #[test]
    fn wrong_flags_say_what_is_wrong() {
        let error = |arguments| match parsed(arguments) {
            Invocation::WrongFlag(error) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(error(&["-nope", "m.json"]), "flag provided but not defined: -nope");
        assert!(error(&["-check-mode=bogus", "m.json"]).contains("flag: bogus"));
        assert_eq!(error(&["-check-mode"]), "flag needs an argument: -check-mode");
        assert!(error(&["-ignore-passwd=maybe", "m"]).contains("invalid boolean value \"maybe\""));
        assert_eq!(error(&["---x"]), "bad flag syntax: ---x");
    }

    #[test]
    fn the_manifest_is_the_only_argument() {
        assert_eq!(parsed(&[]), Invocation::WrongArguments);
        assert_eq!(parsed(&["a", "b"]), Invocation::WrongArguments);
        assert_eq!(parsed(&["m.json", "-ignore-passwd"]), Invocation::WrongArguments);
        assert_eq!(parsed(&["-h"]), Invocation::Help);
    }
}
