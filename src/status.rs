//! `status`: what is live, since when, and what of it is stale. Reads the record; needs no key and no manifest.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use tracing::error;

use crate::error::Exit;
use crate::inputs;
use crate::manifest::PHASES;
use crate::record::{Outcome, Record};
use crate::system;
use crate::system::secretfs::SecretFs;
use crate::withheld::without_private_keys;

/// Prints what is live: of the phase that `manifest` belongs to, or of all.
pub fn run(manifest: Option<&Path>, runtime_dir: Option<&OsStr>, out: &mut dyn Write) -> Exit {
    let places = match manifest.map(|path| inputs::manifest(path, runtime_dir)) {
        None => {
            PHASES.iter().map(|(mount, link)| (PathBuf::from(mount), PathBuf::from(link), false)).collect()
        }
        Some(Ok(manifest)) => vec![(manifest.mount_point, manifest.symlink_path, manifest.user_mode)],
        Some(Err(message)) => {
            error!("{message}");
            return Exit::Unchanged;
        }
    };
    let mut text = String::new();
    let mut worst = Exit::Success;
    let mut any = false;
    for (mount, link, user_mode) in places {
        match phase(&mount, &link, user_mode) {
            Ok(Some((lines, exit))) => {
                any = true;
                text.push_str(&lines);
                worst = if exit == Exit::Success { worst } else { exit };
            }
            Ok(None) => {
                let _ = writeln!(text, "{}: nothing is live", link.display());
            }
            Err(error) => {
                error!("{}", error.with_advice());
                return Exit::Unchanged;
            }
        }
    }
    if let Err(error) = out.write_all(without_private_keys(&text).as_bytes()) {
        error!("cannot write to standard output: {error}");
        return Exit::Unchanged;
    }
    if any { worst } else { Exit::Unchanged }
}

fn phase(mount: &Path, link: &Path, user_mode: bool) -> Result<Option<(String, Exit)>, system::Error> {
    let secretfs = if user_mode { SecretFs::existing_directory(mount)? } else { SecretFs::open(mount)? };
    let Some(secretfs) = secretfs else { return Ok(None) };
    let live = secretfs.live(link)?;
    let (Some(number), Some(generation)) = (live.number, &live.generation) else { return Ok(None) };
    let record = secretfs.read_record(number)?.and_then(|bytes| Record::from_json(&bytes));
    Ok(Some(if let Some(record) = record {
        describe(link, number, &record)
    } else {
        let mut text =
            format!("{}: generation {number}, made by another program: no record of it\n", link.display());
        for name in generation.names()? {
            let _ = writeln!(text, "  {name}");
        }
        (text, Exit::Success)
    }))
}

fn describe(link: &Path, number: u64, record: &Record) -> (String, Exit) {
    let since = match record.time {
        // Nothing has changed since another program made it, so that it stayed; when that was is not recorded.
        0 => "made by another program".to_owned(),
        time => format!("since {}", utc(time)),
    };
    let mut text = format!("{}: generation {number}, {since}\n", link.display());
    let width = record.items.iter().map(|item| item.inner.chars().count()).max().unwrap_or(0);
    for item in &record.items {
        let what = match (&item.reason, &item.file) {
            (Some(reason), _) => reason.clone(),
            (None, Some(file)) => file.clone(),
            (None, None) => "template in the manifest".to_owned(),
        };
        let _ = writeln!(text, "  {:7} {:width$}  {what}", item.outcome.as_str(), item.inner);
    }
    let failed = |path: &str| record.failed_links.iter().any(|link| link.path == path);
    for link in record.links.iter().filter(|link| !failed(&link.path)) {
        let _ = writeln!(text, "  link    {} -> {}", link.path, link.target);
    }
    for link in &record.failed_links {
        let _ = writeln!(text, "  no link {}: {}", link.path, link.reason);
    }
    let whole =
        record.items.iter().all(|item| item.outcome == Outcome::Fresh) && record.failed_links.is_empty();
    (text, if whole { Exit::Success } else { Exit::Partial })
}

/// A point in time for people. Howard Hinnant's days-to-civil algorithm; years begin in March.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Item, Link};

    #[test]
    fn what_is_stale_says_why() {
        let item = |inner: &str, outcome, reason: Option<&str>| Item {
            inner: inner.into(),
            file: Some("/nix/store/x.yaml".into()),
            format: "yaml".into(),
            outcome,
            identity: None,
            reason: reason.map(str::to_owned),
        };
        let record = Record {
            time: 951_782_400,
            items: vec![
                item("a", Outcome::Fresh, None),
                item("wifi/psk", Outcome::Stale, Some("the MAC does not match")),
            ],
            links: vec![Link { path: "/etc/psk".into(), target: "/run/secrets/a".into(), uid: 0 }],
            ..Record::default()
        };
        let (text, exit) = describe(Path::new("/run/secrets"), 3, &record);
        assert_eq!(exit, Exit::Partial);
        assert_eq!(
            text,
            "/run/secrets: generation 3, since 2000-02-29 00:00:00 UTC\n  \
             fresh   a         /nix/store/x.yaml\n  \
             stale   wifi/psk  the MAC does not match\n  \
             link    /etc/psk -> /run/secrets/a\n"
        );
    }

    #[test]
    fn points_in_time_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }
}
