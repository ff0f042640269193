//! Decrypts a NixOS machine's sops secrets at boot and activation and switches to them atomically.
//!
//! The rooms, from the door inwards:
//!
//! * [`cli`], [`log`], [`error`]: arguments in; messages and exit codes out.
//! * [`install`]: the story of one run, as a list of calls. Read it first. Its chapters: [`identities`],
//!   [`open`] with [`plugins`] and [`closed`], [`plan`], [`decide`], [`switch`] with [`outer_links`] and [`restarts`]. [`decrypt`] and
//!   [`recipient`] are short stories of their own.
//! * [`manifest`], [`accounts`], [`template`], [`changes`], [`units`], [`record`]: values in, values out.
//! * [`sops`]: sops files, bytes to authenticated plaintext. [`keys`]: identities that open them.
//! * [`secret`]: what plaintext and keys are held in. [`withheld`]: keys in a wrong place, which no message repeats.
//! * [`system`]: every effect on the machine.

pub mod accounts;
pub mod changes;
pub mod check;
pub mod cli;
pub mod closed;
pub mod command_line;
pub mod decide;
pub mod decrypt;
pub mod drop_in;
pub mod error;
pub mod explain;
pub mod identities;
pub mod inputs;
pub mod install;
pub mod keys;
pub mod log;
pub mod manifest;
pub mod open;
pub mod outer_links;
pub mod plan;
pub mod plugins;
pub mod recipient;
pub mod recipients;
pub mod record;
pub mod report;
pub mod restarts;
pub mod secret;
pub mod sops;
pub mod status;
pub mod switch;
pub mod system;
pub mod template;
pub mod units;
pub mod withheld;
