//! Plaintext and keys in memory: wiped when dropped, never printed, never cloned.
//!
//! This room stands at the bottom of the house so that `sops` and `keys` need not import each other.

use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// Bytes that are wiped when dropped, with all the memory that was reserved for them.
///
/// `Zeroizing<Vec<u8>>` wipes the same bytes one by one, each for itself; for a large secret that takes as long as
/// decrypting it.
#[derive(Default)]
pub struct Wiped(Vec<u8>);

impl From<Vec<u8>> for Wiped {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Wiped {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        // Then all of the memory is spare, and spare memory is wiped in one go.
        self.0.clear();
        self.0.zeroize();
    }
}

/// The plaintext of one secret, or of a whole file: any bytes.
///
/// Has no `Debug`, `Display` or `Clone`, so that it can neither be logged nor copied by accident.
/// The memory is overwritten when the value is dropped.
pub struct Secret(Wiped);

impl Secret {
    /// Takes over `bytes`. The caller must not have left copies elsewhere.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Wiped(bytes))
    }

    /// Copies `bytes` into a buffer of its own.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// The plaintext, to be written, hashed, rendered or compared, and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// The 32-byte key that all values of one sops file are encrypted with.
pub struct DataKey(Box<[u8; 32]>);

impl DataKey {
    /// Length of a data key in bytes. sops itself would also take 16 and 24, and silently use AES-128/192.
    pub const LENGTH: usize = 32;

    /// Takes a data key from the plaintext of a wrapped key; `None` if it has not exactly 32 bytes.
    #[must_use]
    pub fn from_secret(plaintext: &Secret) -> Option<Self> {
        let bytes: &[u8; Self::LENGTH] = plaintext.expose().try_into().ok()?;
        // Filled in place, so that no copy stays on the stack.
        let mut key = Box::new([0; Self::LENGTH]);
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    /// The key bytes, for the cipher.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for DataKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A buffer that plaintext is gathered in, piece by piece.
///
/// A `Vec` that grows leaves its old copy behind in freed memory; this one wipes it first. It takes [`Self::MAX`] bytes
/// and forgets all of them with the next: indentation, padding and repeated placeholders can make a thousand bytes
/// of one.
#[derive(Default)]
pub struct SecretBuffer {
    bytes: Wiped,
    is_over: bool,
}

impl SecretBuffer {
    /// Largest plaintext that is put together, in bytes: a printed file, a rendered template, a filtered value.
    pub const MAX: usize = 256 * 1024 * 1024;

    /// An empty buffer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Wiped(Vec::with_capacity(capacity.min(Self::MAX))), is_over: false }
    }

    /// Appends `bytes`.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.has_room(bytes.len()) {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Appends `count` times the same byte.
    pub fn fill(&mut self, byte: u8, count: usize) {
        if self.has_room(count) {
            let length = self.bytes.len() + count;
            self.bytes.resize(length, byte);
        }
    }

    fn has_room(&mut self, more: usize) -> bool {
        let needed = self.bytes.len().saturating_add(more);
        if self.is_over || needed > Self::MAX {
            self.is_over = true;
            self.bytes = Wiped::default();
        } else if needed > self.bytes.capacity() {
            let doubled = (self.bytes.capacity() * 2).min(Self::MAX);
            let mut larger = Wiped(Vec::with_capacity(needed.max(doubled)));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        !self.is_over
    }

    /// What has been gathered so far.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// Hands the bytes over as a secret; `None` if there were more than [`Self::MAX`].
    #[must_use]
    pub fn into_secret(mut self) -> Option<Secret> {
        (!self.is_over).then(|| Secret::new(std::mem::take(&mut *self.bytes)))
    }
}
