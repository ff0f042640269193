//! Points in time, as Go's `time` reads and prints RFC 3339.

use std::fmt::Write as _;

/// A point in time with the zone it was written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timestamp {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    nanosecond: u32,
    offset_minutes: i16,
}

impl Timestamp {
    /// Midnight UTC of a day; `None` if the calendar has no such day (years 0 to 9999).
    #[must_use]
    pub fn date(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u8::from(leap),
            1..=12 => 31,
            _ => return None,
        };
        let valid = year <= 9999 && (1..=days).contains(&day);
        valid.then_some(Self {
            year,
            month,
            day,
            hour: 0,
            minute: 0,
            second: 0,
            nanosecond: 0,
            offset_minutes: 0,
        })
    }

    /// The same day at this time; `None` if a day has no such time (Go knows no leap seconds).
    #[must_use]
    pub fn at(self, hour: u8, minute: u8, second: u8, nanosecond: u32) -> Option<Self> {
        let valid = hour < 24 && minute < 60 && second < 60 && nanosecond < 1_000_000_000;
        valid.then_some(Self { hour, minute, second, nanosecond, ..self })
    }

    /// The same clock reading in a zone that many minutes ahead of UTC; `None` from a whole day on.
    #[must_use]
    pub fn in_zone(self, offset_minutes: i16) -> Option<Self> {
        (offset_minutes.unsigned_abs() < 24 * 60).then_some(Self { offset_minutes, ..self })
    }

    /// Reads `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)`, strictly; digits of a fraction beyond the ninth are
    /// dropped.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (date, rest) = text.split_at_checked(11)?;
        let (clock, mut rest) = rest.split_at_checked(8)?;
        let [.., b'-', m1, m2, b'-', d1, d2, b'T'] = *date else { return None };
        let [h1, h2, b':', i1, i2, b':', s1, s2] = *clock else { return None };
        let year = number(&date[..2])? * 100 + number(&date[2..4])?;
        let mut nanosecond = 0;
        if let [b'.', fraction @ ..] = rest {
            let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (digits, behind) = fraction.split_at(length);
            nanosecond = nanoseconds(digits)?;
            rest = behind;
        }
        let offset = match *rest {
            [b'Z'] => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let minutes = i16::try_from(hours * 60 + minutes).ok()?;
                if sign == b'-' { -minutes } else { minutes }
            }
            _ => return None,
        };
        let narrow = |tens, units| number(&[tens, units]).and_then(|value| u8::try_from(value).ok());
        Self::date(year, narrow(m1, m2)?, narrow(d1, d2)?)?
            .at(narrow(h1, h2)?, narrow(i1, i2)?, narrow(s1, s2)?, nanosecond)?
            .in_zone(offset)
    }

    /// Go's `RFC3339`: whole seconds, `Z` if the offset is 0. This text of `lastmodified` is the additional
    /// data of the MAC (format, section 2.4).
    #[must_use]
    pub fn rfc3339(&self) -> String {
        self.text(false)
    }

    /// Go's `RFC3339Nano`: with up to nine fraction digits, no trailing zeros. This text of a timestamp is
    /// hashed, and printed.
    #[must_use]
    pub fn rfc3339_nano(&self) -> String {
        self.text(true)
    }

    fn text(&self, fraction: bool) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if fraction && self.nanosecond != 0 {
            let digits = format!("{:09}", self.nanosecond);
            text.push('.');
            text.push_str(digits.trim_end_matches('0'));
        }
        if self.offset_minutes == 0 {
            text.push('Z');
        } else {
            let sign = if self.offset_minutes < 0 { '-' } else { '+' };
            let minutes = self.offset_minutes.unsigned_abs();
            // Writing to a String cannot fail.
            let _ = write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        }
        text
    }
}

/// A fraction of a second from its digits (at least one).
#[must_use]
pub fn nanoseconds(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    Some(padded.fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
}

/// A number of at most two digits.
fn number(digits: &[u8]) -> Option<u16> {
    digits
        .iter()
        .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u16::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nano(text: &str) -> Option<String> {
        Timestamp::parse(text.as_bytes()).map(|time| time.rfc3339_nano())
    }

    #[test]
    fn what_go_prints_comes_back_unchanged() {
        for text in [
            "2026-01-02T03:04:05Z",
            "0000-02-29T00:00:00Z",
            "9999-12-31T23:59:59.999999999Z",
            "2020-01-02T15:04:05.5+02:00",
            "2020-01-02T15:04:05-00:30",
        ] {
            assert_eq!(nano(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn last_modified_loses_its_fraction_and_its_zero_offset() {
        for (text, printed) in [
            ("2026-01-02T03:04:05.25Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05-00:00", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.9+05:30", "2026-01-02T03:04:05+05:30"),
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()).unwrap().rfc3339(), printed);
        }
    }

    #[test]
    fn fractions_are_cut_after_nine_digits_and_trimmed() {
        assert_eq!(
            nano("2020-01-02T00:00:00.1234567899Z").as_deref(),
            Some("2020-01-02T00:00:00.123456789Z")
        );
        assert_eq!(nano("2020-01-02T00:00:00.100Z").as_deref(), Some("2020-01-02T00:00:00.1Z"));
        assert_eq!(nano("2020-01-02T00:00:00.000Z").as_deref(), Some("2020-01-02T00:00:00Z"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "yesterday",
            "2026-01-02",
            "2026-01-02 03:04:05Z",
            "2026-01-02t03:04:05Z",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05z",
            "2026-01-02T03:04:05Z\r",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05,5Z",
            "2026-01-02T3:04:05Z",
            "2026-01-02T24:00:00Z",
            "2026-01-02T03:60:00Z",
            "2026-01-02T03:04:60Z",
            "2026-13-02T03:04:05Z",
            "2026-00-02T03:04:05Z",
            "2026-02-29T03:04:05Z",
            "1900-02-29T03:04:05Z",
            "2026-04-31T03:04:05Z",
            "2026-01-00T03:04:05Z",
            "2026-01-02T03:04:05+24:00",
            "2026-01-02T03:04:05+01:60",
            "2026-01-02T03:04:05+0100",
            "202a-01-02T03:04:05Z",
            "+026-01-02T03:04:05Z",
            "2026-01-02T03:04:05é",
        ] {
            assert_eq!(nano(text), None, "{text}");
        }
    }
}
