//! One identity of the machine, and how it unwraps the stanza of an age header that was made for it.
//!
//! The joint is age's: `None` for a stanza that is not for this identity, `Some(Err(_))` for one that must
//! make the whole file fail. Unlike age's own identities these keep their public halves: working them out
//! again costs a quarter of every unwrapping.

use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::{aead_decrypt, hkdf};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use curve25519_dalek::edwards::EdwardsPoint;
use sha2::{Digest as _, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::diffie_hellman::shared_secret;
use super::recipient;

const X25519_TAG: &str = "X25519";
const X25519_LABEL: &[u8] = b"age-encryption.org/v1/X25519";
const SSH_ED25519_LABEL: &[u8] = b"age-encryption.org/v1/ssh-ed25519";
/// A file key and its Poly1305 tag.
const WRAPPED_BYTES: usize = FILE_KEY_BYTES + 16;

/// An identity with its secret. Secrets lie on the heap, so that moving an identity leaves no copy behind.
pub(super) enum Identity {
    /// An age key, or an SSH key converted to one.
    X25519(X25519),
    /// An SSH ed25519 key in age's native use of it.
    SshEd25519(SshEd25519),
    /// An SSH RSA key, by the age crate.
    #[cfg(feature = "ssh-rsa")]
    SshRsa(Box<age::ssh::Identity>),
}

/// A stanza because of which the file cannot be opened.
pub(super) struct BadStanza {
    /// What is wrong with it.
    pub(super) reason: &'static str,
    /// Whether it was made for this identity (an X25519 stanza does not say for whom it is).
    pub(super) ours: bool,
}

/// What became of one stanza at one identity.
pub(super) type Unwrapped = Option<Result<FileKey, BadStanza>>;

impl Identity {
    /// Unwraps the file key from `stanza` if it is for this identity.
    pub(super) fn unwrap_stanza(&self, stanza: &Stanza) -> Unwrapped {
        match self {
            Self::X25519(key) => key.unwrap_stanza(stanza),
            Self::SshEd25519(key) => key.unwrap_stanza(stanza),
            #[cfg(feature = "ssh-rsa")]
            Self::SshRsa(key) => age::Identity::unwrap_stanza(key.as_ref(), stanza)
                .map(|file_key| file_key.map_err(|_| bad("the ssh-rsa stanza does not open", true))),
        }
    }
}

/// An age X25519 identity (<https://c2sp.org/age>, "X25519 recipient stanza").
pub(super) struct X25519 {
    secret: Box<StaticSecret>,
    public: PublicKey,
}

impl X25519 {
    /// The identity with this secret scalar, clamped or not.
    pub(super) fn new(scalar: &[u8; 32]) -> Self {
        let secret = Box::new(StaticSecret::from(*scalar));
        let public = PublicKey::from(secret.as_ref());
        Self { secret, public }
    }

    /// The `age1…` recipient.
    pub(super) fn recipient(&self) -> String {
        recipient::encode_x25519(self.public.as_bytes())
    }

    fn unwrap_stanza(&self, stanza: &Stanza) -> Unwrapped {
        if stanza.tag != X25519_TAG {
            return None;
        }
        let [arg] = stanza.args.as_slice() else {
            return malformed("an X25519 stanza has not exactly one argument");
        };
        let Some(share) = share(arg) else {
            return malformed("the share of an X25519 stanza is not 32 bytes in canonical base64");
        };
        if stanza.body.len() != WRAPPED_BYTES {
            return malformed("the body of an X25519 stanza has a wrong length");
        }
        let Some(shared) = shared_secret(&self.secret, &share) else {
            return malformed("the share of an X25519 stanza is a point of low order");
        };
        let salt = salt(&share, &self.public);
        // A stanza does not say for whom it is: one that stays closed is for somebody else.
        open_file_key(&salt, X25519_LABEL, &shared, &stanza.body).map(Ok)
    }
}

/// An SSH ed25519 key as age uses it without conversion (<https://age-encryption.org/v1/ssh-ed25519>).
pub(super) struct SshEd25519 {
    secret: Box<StaticSecret>,
    public: PublicKey,
    /// Derived from the public key alone; binds the shared secret to this SSH key.
    tweak: StaticSecret,
    /// The first 4 bytes of the public key's SHA-256 in base64: how a stanza names the key it is for.
    tag: String,
}

impl SshEd25519 {
    /// The identity of an SSH key with this X25519 scalar and Ed25519 public key.
    pub(super) fn new(scalar: &[u8; 32], ed25519: &EdwardsPoint) -> Self {
        let wire = recipient::ed25519_wire(&ed25519.compress().0);
        Self {
            secret: Box::new(StaticSecret::from(*scalar)),
            public: PublicKey::from(ed25519.to_montgomery().0),
            tweak: StaticSecret::from(hkdf(&wire, SSH_ED25519_LABEL, &[])),
            tag: BASE64_STANDARD_NO_PAD.encode(&Sha256::digest(wire)[..4]),
        }
    }

    fn unwrap_stanza(&self, stanza: &Stanza) -> Unwrapped {
        if stanza.tag != recipient::SSH_ED25519 {
            return None;
        }
        let [tag, arg] = stanza.args.as_slice() else {
            return malformed("an ssh-ed25519 stanza has not exactly two arguments");
        };
        let Some(share) = share(arg) else {
            return malformed("the share of an ssh-ed25519 stanza is not 32 bytes in canonical base64");
        };
        if *tag != self.tag {
            return None;
        }
        let inner = shared_secret(&self.secret, &share).map(|inner| Zeroizing::new(PublicKey::from(*inner)));
        let Some(shared) = inner.and_then(|inner| shared_secret(&self.tweak, &inner)) else {
            return Some(Err(bad("the share of the ssh-ed25519 stanza is a point of low order", true)));
        };
        let salt = salt(&share, &self.public);
        // The tag said that it is ours, so that staying closed means damage.
        let file_key = open_file_key(&salt, SSH_ED25519_LABEL, &shared, &stanza.body);
        Some(file_key.ok_or(bad("the ssh-ed25519 stanza for this machine does not open", true)))
    }
}

fn bad(reason: &'static str, ours: bool) -> BadStanza {
    BadStanza { reason, ours }
}

#[allow(clippy::unnecessary_wraps)] // it is the answer of `unwrap_stanza`
fn malformed(reason: &'static str) -> Unwrapped {
    Some(Err(bad(reason, false)))
}

/// A share: 32 bytes in unpadded base64 without stray bits.
fn share(text: &str) -> Option<PublicKey> {
    let mut bytes = [0; 32];
    let length = BASE64_STANDARD_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (length == bytes.len()).then(|| PublicKey::from(bytes))
}

fn salt(share: &PublicKey, public: &PublicKey) -> [u8; 64] {
    let mut salt = [0; 64];
    salt[..32].copy_from_slice(share.as_bytes());
    salt[32..].copy_from_slice(public.as_bytes());
    salt
}

/// Opens a wrapped file key; `None` if it was not wrapped for this shared secret.
fn open_file_key(salt: &[u8; 64], label: &[u8], shared: &[u8; 32], body: &[u8]) -> Option<FileKey> {
    let wrap_key = Zeroizing::new(hkdf(salt, label, shared));
    let bytes = Zeroizing::new(aead_decrypt(&wrap_key, FILE_KEY_BYTES, body).ok()?);
    Some(FileKey::init_with_mut(|file_key| file_key.copy_from_slice(&bytes)))
}
