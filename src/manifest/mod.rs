//! The manifest: JSON bytes to checked types, every fault listed in one go.

pub mod types;

pub use types::*;

/// Reads a manifest.
///
/// # Errors
/// All that is wrong with it, one line a fault, each naming the secret or key it is about.
pub fn parse(bytes: &[u8]) -> Result<Manifest, Vec<String>> {
    todo!()
}
