//! AES-256-GCM with the initialization vectors that sops uses: 32 bytes, where GCM is usually given 12.

use aes::Aes256;
use aes::cipher::{BlockEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCore};
use aes_gcm::aead::AeadInPlace;
use aes_gcm::aead::consts::U32;
use aes_gcm::{AesGcm, Nonce, Tag};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use subtle::ConstantTimeEq;

use crate::secret::DataKey;

/// The cipher of one file. The key schedule is made once for all its values, and wiped with it.
pub struct Cipher {
    usual: AesGcm<Aes256, U32>,
    block: Aes256,
}

/// The ciphertext, its tag, its initialization vector or its context are not those that were sealed together.
#[derive(Debug)]
pub struct NotAuthentic;

impl Cipher {
    /// The cipher for a data key.
    #[must_use]
    pub fn new(key: &DataKey) -> Self {
        let block = Aes256::new(key.expose().into());
        Self { usual: AesGcm::from(block.clone()), block }
    }

    /// Decrypts `data` in place; nothing of it is plaintext unless the tag is right.
    ///
    /// # Errors
    /// [`NotAuthentic`]; `data` is then unchanged.
    pub fn open(
        &self,
        iv: &[u8],
        context: &[u8],
        data: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), NotAuthentic> {
        if let Ok(iv) = <&[u8; 32]>::try_from(iv) {
            let (iv, tag) = (Nonce::from_slice(iv), Tag::from_slice(tag));
            return self.usual.decrypt_in_place_detached(iv, context, data, tag).map_err(|_| NotAuthentic);
        }
        self.open_with_other_iv(iv, context, data, tag)
    }

    /// The same for any other length of `iv`. The crate fixes that length in the type, sops takes what stands
    /// in the file; sops itself never wrote anything but 32 bytes (NIST SP 800-38D, sections 7.1 and 7.2).
    fn open_with_other_iv(
        &self,
        iv: &[u8],
        context: &[u8],
        data: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), NotAuthentic> {
        if iv.is_empty() {
            return Err(NotAuthentic);
        }
        let mut hash_key = ghash::Key::default();
        self.block.encrypt_block(&mut hash_key);
        let ghash = GHash::new(&hash_key);
        let mut first = ghash::Block::default();
        if iv.len() == 12 {
            first[..12].copy_from_slice(iv);
            first[15] = 1;
        } else {
            let mut ghash = ghash.clone();
            ghash.update_padded(iv);
            ghash.update(&[lengths(0, iv.len())]);
            first = ghash.finalize();
        }
        let mut counter = CtrCore::<&Aes256, Ctr32BE>::inner_iv_init(&self.block, &first);
        let mut mask = ghash::Block::default();
        counter.write_keystream_block(&mut mask);
        let mut ghash = ghash;
        ghash.update_padded(context);
        ghash.update_padded(data);
        ghash.update(&[lengths(context.len(), data.len())]);
        let mut expected = ghash.finalize();
        for (byte, mask) in expected.iter_mut().zip(mask) {
            *byte ^= mask;
        }
        if !bool::from(expected.ct_eq(tag.as_slice())) {
            return Err(NotAuthentic);
        }
        aes::cipher::StreamCipherCoreWrapper::from_core(counter).apply_keystream(data);
        Ok(())
    }
}

/// The block of two bit lengths that ends each hash.
fn lengths(first: usize, second: usize) -> ghash::Block {
    let mut block = ghash::Block::default();
    block[..8].copy_from_slice(&(first as u64 * 8).to_be_bytes());
    block[8..].copy_from_slice(&(second as u64 * 8).to_be_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn bytes(hex: &str) -> Vec<u8> {
        let digit = |at: usize| u8::try_from(char::from(hex.as_bytes()[at]).to_digit(16).unwrap()).unwrap();
        (0..hex.len() / 2).map(|at| digit(2 * at) << 4 | digit(2 * at + 1)).collect()
    }

    const KEY: &str = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
    const CONTEXT: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
    const PLAIN: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525\
                         b16aedf5aa0de657ba637b39";

    /// Test cases 16, 17 and 18 of the GCM specification by `McGrew` and Viega: IVs of 12, 8 and 60 bytes.
    const CASES: [(&str, &str, &str); 3] = [
        (
            "cafebabefacedbaddecaf888",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838\
             c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        ),
        (
            "cafebabefacedbad",
            "c3762df1ca787d32ae47c13bf19844cbaf1ae14d0b976afac52ff7d79bba9de0feb582d33934a4f0954cc2363bc73f78\
             62ac430e64abe499f47c9b1f",
            "3a337dbf46a792c45e454913fe2ea8f2",
        ),
        (
            "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b5254\
             16aedbf5a0de6a57a637b39b",
            "5a8def2f0c9e53f1f75d7853659e2a20eeb2b22aafde6419a058ab4f6f746bf40fc0c3b780f244452da3ebf1c5d82cde\
             a2418997200ef82e44ae7e3f",
            "a44a8266ee1c8eb0c8b5d4cf5ae9f19a",
        ),
    ];

    #[test]
    fn other_lengths_of_iv_are_those_of_the_specification() {
        let cipher = Cipher::new(&DataKey::from_secret(&Secret::new(bytes(KEY))).unwrap());
        for (iv, sealed, tag) in CASES {
            let (iv, context, tag) = (bytes(iv), bytes(CONTEXT), bytes(tag).try_into().unwrap());
            let mut data = bytes(sealed);
            cipher.open(&iv, &context, &mut data, &tag).unwrap();
            assert_eq!(data, bytes(PLAIN));
            let mut data = bytes(sealed);
            data[0] ^= 1;
            let before = data.clone();
            assert!(cipher.open(&iv, &context, &mut data, &tag).is_err());
            assert_eq!(data, before);
            let mut data = bytes(sealed);
            assert!(cipher.open(&iv, &context[1..], &mut data, &tag).is_err());
            assert!(cipher.open(&iv[1..], &context, &mut data, &tag).is_err());
            assert!(cipher.open(&[], &context, &mut data, &tag).is_err());
        }
    }

    #[test]
    fn both_ways_agree_on_the_usual_length() {
        let key = DataKey::from_secret(&Secret::new(bytes(KEY))).unwrap();
        let cipher = Cipher::new(&key);
        let iv = [7; 32];
        for length in [0, 1, 15, 16, 17, 1000] {
            let plain = vec![5; length];
            let mut data = plain.clone();
            let tag =
                cipher.usual.encrypt_in_place_detached(Nonce::from_slice(&iv), b"c", &mut data).unwrap();
            let (mut other, tag) = (data.clone(), tag.into());
            cipher.open(&iv, b"c", &mut data, &tag).unwrap();
            cipher.open_with_other_iv(&iv, b"c", &mut other, &tag).unwrap();
            assert_eq!((&data, &other), (&plain, &plain));
        }
    }
}
