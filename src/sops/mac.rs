//! The message authentication code over all values of a file (format, section 2.3).

use sha2::{Digest as _, Sha512};
use subtle::ConstantTimeEq;

use super::cipher::Cipher;
use super::fault::{Fault, FaultKind};
use super::metadata::Metadata;
use super::number;
use super::tree::Scalar;
use super::value::{Plain, Sealed};
use crate::secret::Secret;

/// SHA-512 over the bytes of the leaves, in file order.
pub struct Digest(Sha512);

/// sha256("sops"): the start of a MAC that covers the encrypted values only.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b,
    0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

impl Digest {
    /// The digest of no leaves.
    #[must_use]
    pub fn new(only_encrypted: bool) -> Self {
        let mut hash = Sha512::new();
        if only_encrypted {
            hash.update(ONLY_ENCRYPTED);
        }
        Self(hash)
    }

    /// Adds a decrypted leaf. Neither its key nor its type counts.
    pub fn add(&mut self, scalar: &Scalar<Secret>) {
        match scalar {
            Scalar::Text(text) => self.0.update(text.expose()),
            Scalar::Int(value) => self.0.update(Secret::new(value.to_string().into_bytes()).expose()),
            Scalar::Float(value) => self.0.update(Secret::new(number::plain(*value).into_bytes()).expose()),
            Scalar::Bool(true) => self.0.update(b"True"),
            Scalar::Bool(false) => self.0.update(b"False"),
            Scalar::Time(text) => self.0.update(text.as_bytes()),
            Scalar::Null => {}
        }
    }

    /// The digest as sops writes it: 128 upper-case hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> [u8; 128] {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let mut text = [0; 128];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0.finalize()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }

    /// Compares with the MAC that the file holds, encrypted with its time of last change as context.
    ///
    /// # Errors
    /// [`Fault`] of kind `Mac`. Says nothing of either digest: one of them is a hash of plaintext.
    pub fn verify(self, metadata: &Metadata, cipher: &Cipher) -> Result<(), Fault> {
        let fault = |message: String| Fault::new(FaultKind::Mac, message).hint(HINT);
        if metadata.mac.is_empty() {
            return Err(fault("the file has no MAC".to_owned()));
        }
        let sealed = Sealed::parse(metadata.mac.as_bytes())
            .ok_or_else(|| fault("the MAC of the file is not an encrypted value".to_owned()))?;
        let plain = sealed
            .open(cipher, metadata.last_modified.as_bytes())
            .map_err(|reason| fault(format!("the MAC of the file cannot be decrypted: {reason}")))?;
        match plain {
            Plain::Scalar(Scalar::Text(stored)) if bool::from(stored.expose().ct_eq(&self.finish())) => {
                Ok(())
            }
            _ => Err(fault(
                "the MAC does not match: values of the file were changed after sops wrote it".to_owned(),
            )),
        }
    }
}

const HINT: &str = "restore the file from version control, or encrypt its values anew with `sops`";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::sealing::{key, seal};

    fn digest(only_encrypted: bool, leaves: &[Scalar<Secret>]) -> String {
        let mut digest = Digest::new(only_encrypted);
        for leaf in leaves {
            digest.add(leaf);
        }
        String::from_utf8(digest.finish().to_vec()).unwrap()
    }

    fn hello() -> Scalar<Secret> {
        Scalar::Text(Secret::copy_of(b"hello"))
    }

    #[test]
    fn vectors_of_the_format() {
        let leaves = [hello(), Scalar::Int(42), Scalar::Bool(true)];
        assert_eq!(
            digest(false, &leaves),
            "BF1494391A064ACD74287133C3513E6D83138622ADE775AF717114C140FDA3FFA76BA3F18A17372570590FD8C141133F0B77C33F26120802F9CB730EA5BF2DC1"
        );
        assert_eq!(
            digest(true, &[hello()]),
            "AB53BE959DEF78AB23AB9F9A75E134502533FE5A3993047AE8796EADC89707E5244788D2F0A5AD9DF18F64582C106BDAD4937DACD054F46B4FB0B49BDA6E9E7D"
        );
    }

    #[test]
    fn each_type_counts_with_its_text() {
        let text = |text: &str| digest(false, &[Scalar::Text(Secret::copy_of(text.as_bytes()))]);
        assert_eq!(digest(false, &[Scalar::Float(1e21)]), text("1000000000000000000000"));
        assert_eq!(digest(false, &[Scalar::Float(-0.0)]), text("-0"));
        assert_eq!(digest(false, &[Scalar::Bool(false)]), text("False"));
        assert_eq!(
            digest(false, &[Scalar::Time("2020-01-02T00:00:00Z".into())]),
            text("2020-01-02T00:00:00Z")
        );
        assert_eq!(digest(false, &[Scalar::Null]), text(""));
    }

    fn metadata(mac: &str, last_modified: &str) -> Metadata {
        Metadata {
            last_modified: last_modified.into(),
            mac: mac.into(),
            version: String::new(),
            mac_only_encrypted: false,
            key_groups: Vec::new(),
            shamir_threshold: 0,
        }
    }

    #[test]
    fn the_stored_mac_must_be_there_and_equal() {
        let cipher = Cipher::new(&key());
        let time = "2026-01-02T03:04:05Z";
        let verify = |mac: &str, time: &str, leaves: &[Scalar<Secret>]| {
            let mut digest = Digest::new(false);
            for leaf in leaves {
                digest.add(leaf);
            }
            digest.verify(&metadata(mac, time), &cipher).map_err(|fault| fault.kind)
        };
        let leaves = [hello(), Scalar::Int(42), Scalar::Bool(true)];
        let sealed = &seal(digest(false, &leaves).as_bytes(), time, "str");
        assert!(sealed.contains("tag:8lex4D+Qwj/8U6aZhpSfaQ=="));
        assert_eq!(verify(sealed, time, &leaves), Ok(()));
        assert_eq!(verify(sealed, "2026-01-02T03:04:06Z", &leaves), Err(FaultKind::Mac));
        assert_eq!(verify(sealed, time, &leaves[..2]), Err(FaultKind::Mac));
        assert_eq!(verify("", time, &leaves), Err(FaultKind::Mac));
        assert_eq!(verify(&digest(false, &leaves), time, &leaves), Err(FaultKind::Mac));
        assert_eq!(verify(&sealed.replace("type:str", "type:comment"), time, &leaves), Err(FaultKind::Mac));
    }
}
