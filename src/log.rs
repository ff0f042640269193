//! Events to standard error: one line each, with journal levels where the journal reads them.
//!
//! A subscriber of our own, because the usual one costs thirty crates. It prints the message of an event
//! and no other field, so nothing can slip into the log by being recorded.

use std::fmt;
use std::io::Write as _;

use crate::system::process;
use crate::withheld::without_private_keys;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Where standard error leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sink {
    /// A terminal: `error:` and `warning:` are coloured.
    Colour,
    /// A file, pipe or serial console.
    Plain,
    /// The journal: each line starts with its level, `<3>` to `<7>`.
    Journal,
}

impl Sink {
    /// Finds out where standard error leads. `journal_stream` is the variable of that name, which systemd
    /// sets to the device and inode of the socket it gave us (systemd.exec(5)).
    #[must_use]
    pub fn of_stderr(journal_stream: Option<&str>, no_color: bool) -> Self {
        let stderr = process::standard_error();
        if journal_stream.is_some() && journal_stream == stderr.device_and_inode.as_deref() {
            Self::Journal
        } else if stderr.is_terminal && !no_color {
            Self::Colour
        } else {
            Self::Plain
        }
    }
}

/// Sends all events of `level` and above to standard error from now on.
pub fn start(level: LevelFilter, sink: Sink) {
    // Fails only if a subscriber is set already, which happens in tests; that one then stays.
    let _ = tracing::subscriber::set_global_default(Stderr { level, sink });
}

struct Stderr {
    level: LevelFilter,
    sink: Sink,
}

impl Subscriber for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        let text = render(*event.metadata().level(), self.sink, &message.0);
        // One write for the whole event, so that two threads never mix their lines.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The `message` field of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// The lines of one event.
fn render(level: Level, sink: Sink, message: &str) -> String {
    let (priority, label, colour) = match level {
        Level::ERROR => ("<3>", "error: ", "\x1b[1;31m"),
        Level::WARN => ("<4>", "warning: ", "\x1b[1;33m"),
        Level::INFO => ("<6>", "", ""),
        _ => ("<7>", "debug: ", ""),
    };
    // A path or argument in a message may be a private key that was given in place of its file.
    let message = without_private_keys(message);
    let mut text = String::with_capacity(message.len() + 32);
    for (index, line) in message.lines().enumerate() {
        if sink == Sink::Journal {
            text.push_str(priority);
        }
        if index == 0 {
            if sink == Sink::Colour && !colour.is_empty() {
                text.push_str(colour);
                text.push_str(label.trim_end());
                text.push_str("\x1b[0m ");
            } else {
                text.push_str(label);
            }
        }
        // A file name in a message may hold control characters: they must not reach the console.
        text.extend(line.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_for_the_journal_has_its_level() {
        assert_eq!(render(Level::ERROR, Sink::Journal, "a\n  hint: b"), "<3>error: a\n<3>  hint: b\n");
        assert_eq!(render(Level::INFO, Sink::Journal, "a"), "<6>a\n");
    }

    #[test]
    fn only_a_terminal_gets_colour() {
        assert_eq!(render(Level::WARN, Sink::Plain, "a"), "warning: a\n");
        assert!(render(Level::WARN, Sink::Colour, "a").contains('\x1b'));
    }

    #[test]
    fn private_keys_do_not_reach_the_log() {
        let key = "AGE-SECRET-KEY-1QZ7VKPW3XTG9LMYB4RNHS2JDQZ7VKPW3XTG9LMYB4RNHS2JDQZ7VKPW3XT";
        let message = format!("cannot open '{key}': gone");
        assert_eq!(render(Level::INFO, Sink::Plain, &message), "cannot open 'AGE-SECRET-KEY-…': gone\n");
    }

    #[test]
    fn control_characters_do_not_reach_the_console() {
        assert_eq!(render(Level::INFO, Sink::Plain, "a\x1b[2Jb"), "a\u{fffd}[2Jb\n");
    }
}
