//! Every effect on the machine: mounts, opens, writes, chowns, renames, capabilities, the clock.
//!
//! The only room to audit for what the program does as root.
#![allow(clippy::disallowed_methods)]
