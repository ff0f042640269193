//! Encrypts values, for tests of the room.

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::{AesGcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secret::{DataKey, Secret};

/// The key of the format's vectors: 00..1f.
pub fn key() -> DataKey {
    DataKey::from_secret(&Secret::new((0..32).collect())).unwrap()
}

/// `ENC[…]` with that key and the IV 20..3f, which only a test may use twice.
pub fn seal(plain: &[u8], context: &str, kind: &str) -> String {
    let iv: Vec<u8> = (32..64).collect();
    let mut data = plain.to_vec();
    let tag = AesGcm::<aes::Aes256, U32>::new(key().expose().into())
        .encrypt_in_place_detached(Nonce::from_slice(&iv), context.as_bytes(), &mut data)
        .unwrap();
    let [data, iv, tag] = [&data[..], &iv, &tag].map(|bytes| STANDARD.encode(bytes));
    format!("ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:{kind}]")
}
