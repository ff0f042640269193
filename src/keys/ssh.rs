//! SSH host keys: OpenSSH's private key format, and the two age identities of an ed25519 key.
//!
//! The format is that of `PROTOCOL.key` of OpenSSH. Only unprotected ed25519 keys are of use at boot;
//! everything else is told apart, so that the administrator learns what to do.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use curve25519_dalek::edwards::EdwardsPoint;
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

use super::age_file;
use super::identity::{SshEd25519, X25519};
use super::recipient::{self, Wire};

/// Largest key file taken, in bytes. An RSA key of 16,384 bits has 12,000.
const MAX_FILE: usize = 64 * 1024;

const BEGIN: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &[u8] = b"-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const DAMAGED: &str = "is damaged: it is not in OpenSSH's private key format";
const PROTECTED: &str = "is protected by a passphrase, which nobody can type at boot; \
    `ssh-keygen -p -N '' -f FILE` removes it";

/// An unprotected ed25519 private key.
pub(super) struct SshKey {
    /// SHA-512 of the seed, first half: the scalar of both identities, not clamped.
    scalar: Box<Zeroizing<[u8; 32]>>,
    public: EdwardsPoint,
}

/// Why a key is of no use.
pub(super) enum Rejected {
    /// It is an RSA key, which only the native `ssh-rsa` stanza could use.
    Rsa,
    /// Anything else, as a clause about the file.
    Other(String),
}

impl From<&str> for Rejected {
    fn from(reason: &str) -> Self {
        Self::Other(reason.into())
    }
}

impl SshKey {
    /// The key that sops files are usually encrypted for (ssh-to-age): a plain age key.
    pub(super) fn converted(&self) -> X25519 {
        X25519::new(&self.scalar)
    }

    /// The key for stanzas that name the SSH key itself.
    pub(super) fn native(&self) -> SshEd25519 {
        SshEd25519::new(&self.scalar, &self.public)
    }

    /// The public key, `ssh-ed25519 AAAA…`.
    pub(super) fn public_text(&self) -> String {
        recipient::ed25519_text(&self.public.compress().0)
    }
}

/// Whether `content` looks like a private key of any SSH kind.
pub(super) fn is_private_key(content: &[u8]) -> bool {
    content.trim_ascii_start().starts_with(b"-----BEGIN ") || content.starts_with(b"PuTTY-User-Key-File-")
}

/// Reads a private key file.
///
/// # Errors
/// [`Rejected`]; the reason never holds key material.
pub(super) fn parse(content: &[u8]) -> Result<SshKey, Rejected> {
    if content.len() > MAX_FILE {
        return Err("is larger than 64 KiB".into());
    }
    let trimmed = content.trim_ascii();
    let Some(body) = trimmed.strip_prefix(BEGIN) else {
        return Err(foreign(trimmed));
    };
    let end = memchr::memmem::find(body, END).ok_or("is cut off: its END line is missing")?;
    if body.len() > end + END.len() {
        return Err("holds something behind the key; only one key is allowed in a file".into());
    }
    let blob = unwrap_base64(&body[..end]).ok_or("is damaged: not valid base64")?;
    parse_blob(&blob)
}

/// Decodes base64 that is broken into lines of any width.
fn unwrap_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut joined = Zeroizing::new(Vec::with_capacity(text.len()));
    joined.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
    let mut blob = Zeroizing::new(vec![0; joined.len()]);
    let length = BASE64_STANDARD.decode_slice(&*joined, &mut blob).ok()?;
    blob.truncate(length);
    Some(blob)
}

/// The outer layer: what is encrypted how, and the public keys.
fn parse_blob(blob: &[u8]) -> Result<SshKey, Rejected> {
    let mut wire = Wire(blob.strip_prefix(MAGIC).ok_or(DAMAGED)?);
    let mut field = || wire.string().ok_or(DAMAGED);
    let (cipher, kdf, kdf_options) = (field()?, field()?, field()?);
    match wire.uint32().ok_or(DAMAGED)? {
        1 => {}
        0 => return Err("holds no key".into()),
        _ => return Err("holds several keys; only one key is allowed in a file".into()),
    }
    let public = wire.string().ok_or(DAMAGED)?;
    check_kind(Wire(public).string().ok_or(DAMAGED)?)?;
    if cipher != b"none" {
        return Err(PROTECTED.into());
    }
    let private = wire.string().ok_or(DAMAGED)?;
    if kdf != b"none" || !kdf_options.is_empty() || !wire.0.is_empty() {
        return Err(DAMAGED.into());
    }
    parse_private(private, public)
}

/// The inner layer: `public` is the wire form that the outer layer gave.
fn parse_private(private: &[u8], public: &[u8]) -> Result<SshKey, Rejected> {
    let mut wire = Wire(private);
    if wire.uint32().ok_or(DAMAGED)? != wire.uint32().ok_or(DAMAGED)? {
        return Err("is damaged: its two check numbers differ".into());
    }
    let mut field = || wire.string().ok_or(DAMAGED);
    let (kind, inner_public, pair, _comment) = (field()?, field()?, field()?, field()?);
    check_kind(kind)?;
    let padding_is_right = wire.0.iter().zip(1..=u8::MAX).all(|(byte, expected)| *byte == expected);
    if wire.0.len() > usize::from(u8::MAX) || !padding_is_right {
        return Err("is damaged: wrong padding behind the key".into());
    }
    let (seed, stored) = pair.split_first_chunk::<32>().ok_or(DAMAGED)?;
    let key = from_seed(seed);
    let derived = key.public.compress().0;
    if stored != derived || inner_public != derived || public != recipient::ed25519_wire(&derived) {
        return Err("is damaged: its public and its private half do not belong together".into());
    }
    Ok(key)
}

/// RFC 8032, section 5.1.5, without the clamping (that is done where the scalar is used).
fn from_seed(seed: &[u8; 32]) -> SshKey {
    let mut digest = Zeroizing::new([0; 64]);
    Sha512::new_with_prefix(seed).finalize_into((&mut *digest).into());
    let mut scalar = Box::new(Zeroizing::new([0; 32]));
    scalar.copy_from_slice(&digest[..32]);
    let public = EdwardsPoint::mul_base_clamped(**scalar);
    SshKey { scalar, public }
}

/// Refuses every type of key but ed25519.
fn check_kind(kind: &[u8]) -> Result<(), Rejected> {
    match kind {
        b"ssh-ed25519" => Ok(()),
        b"ssh-rsa" => Err(Rejected::Rsa),
        b"ssh-dss" => Err("is a DSA key; an ed25519 key is needed (`ssh-keygen -t ed25519`)".into()),
        _ if kind.starts_with(b"sk-") => {
            Err("is a key of a security token, which never gives its secret away; \
                an ed25519 key is needed (`ssh-keygen -t ed25519`)"
                .into())
        }
        _ if kind.starts_with(b"ecdsa-") => {
            Err("is an ECDSA key; an ed25519 key is needed (`ssh-keygen -t ed25519`)".into())
        }
        _ => Err("is a key of a type that is not known; an ed25519 key is needed".into()),
    }
}

/// What a file is that is not in OpenSSH's private key format.
fn foreign(content: &[u8]) -> Rejected {
    let begins = |start: &str| content.starts_with(start.as_bytes());
    let reason = if content.is_empty() {
        "is empty"
    } else if content.iter().all(|byte| *byte == 0) {
        "holds nothing but NUL bytes, as after a crash while it was written"
    } else if begins("-----BEGIN RSA PRIVATE KEY-----") {
        return Rejected::Rsa;
    } else if begins("-----BEGIN OPENSSH PRIVATE KEY") {
        DAMAGED
    } else if begins("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        PROTECTED
    } else if begins("-----BEGIN PRIVATE KEY-----") {
        "is in PKCS#8 format; `ssh-keygen -p -N '' -f FILE` rewrites it in OpenSSH's"
    } else if begins("-----BEGIN EC PRIVATE KEY-----") {
        "is an ECDSA key; an ed25519 key is needed (`ssh-keygen -t ed25519`)"
    } else if begins("-----BEGIN DSA PRIVATE KEY-----") {
        "is a DSA key; an ed25519 key is needed (`ssh-keygen -t ed25519`)"
    } else if begins("PuTTY-User-Key-File-") {
        "is in PuTTY's format; `puttygen FILE -O private-openssh-new -o NEW` converts it"
    } else if begins("---- BEGIN SSH2 ") {
        "is in ssh.com's format; `ssh-keygen -i -f FILE` converts it"
    } else if age_file::is_key_file(content) {
        "is an age key file; name it in sops.age.keyFile instead"
    } else if begins("-----BEGIN PUBLIC KEY-----") || is_public(content) {
        "is a public key; the private key is needed (the file without .pub)"
    } else if begins("-----BEGIN ") {
        "is not an SSH private key"
    } else {
        "is not an SSH private key: it does not start with '-----BEGIN OPENSSH PRIVATE KEY-----'"
    };
    reason.into()
}

fn is_public(content: &[u8]) -> bool {
    let first = content.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    std::str::from_utf8(first).is_ok_and(recipient::is_ssh_type)
}

/// An unprotected RSA key, by the age crate, and its public key without comment.
#[cfg(feature = "ssh-rsa")]
pub(super) fn parse_rsa(content: &[u8]) -> Option<(String, age::ssh::Identity)> {
    let key = age::ssh::Identity::from_buffer(content.trim_ascii(), None).ok()?;
    let recipient = age::ssh::Recipient::try_from(key.clone()).ok()?.to_string();
    matches!(key, age::ssh::Identity::Unencrypted(_)).then_some((recipient, key))
}
