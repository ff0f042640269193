//! Decrypts a NixOS machine's sops secrets at boot and activation and switches to them atomically.
//!
//! The rooms, from the door inwards:
//!
//! * [`manifest`], [`accounts`]: declarations to checked types. Values in, values out.
//! * [`sops`]: sops files, bytes to authenticated plaintext. [`keys`]: identities that open them.
//! * [`secret`]: what plaintext and keys are held in.
//! * [`system`]: every effect on the machine.

pub mod accounts;
pub mod keys;
pub mod manifest;
pub mod secret;
pub mod sops;
pub mod system;
