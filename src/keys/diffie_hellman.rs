//! X25519 (RFC 7748, section 5): the one expensive step of opening a file.
//!
//! The usual Montgomery ladder is serial and takes more than half of a whole run. Where the processor has AVX2,
//! curve25519-dalek multiplies points in Edwards form with vectors, in constant time as well, a third faster, the way
//! there and back included. The result is the same: the two forms are one curve.

use curve25519_dalek::montgomery::MontgomeryPoint;
use subtle::ConstantTimeEq as _;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// The secret that `secret` and the owner of `public` share; `None` if `public` is a point of low order, with which
/// everybody shares the same one.
pub(super) fn shared_secret(secret: &StaticSecret, public: &PublicKey) -> Option<Zeroizing<[u8; 32]>> {
    let shared = Zeroizing::new(match on_edwards_curve(secret, public) {
        Some(point) => point.to_bytes(),
        None => secret.diffie_hellman(public).to_bytes(),
    });
    let nothing = shared.ct_eq(&[0; 32]);
    (!bool::from(nothing)).then_some(shared)
}

/// The same in Edwards form. `None` if that is not faster here, or if `public` is a point of the curve's twist, which
/// has no such form: no honest share is one, and which it is depends on the public share alone.
fn on_edwards_curve(secret: &StaticSecret, public: &PublicKey) -> Option<Zeroizing<MontgomeryPoint>> {
    if !is_faster() {
        return None;
    }
    // Either sign gives the same result, in which the sign is lost again.
    let point = MontgomeryPoint(public.to_bytes()).to_edwards(0)?;
    Some(Zeroizing::new(point.mul_clamped(secret.to_bytes()).to_montgomery()))
}

#[cfg(target_arch = "x86_64")]
fn is_faster() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn is_faster() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn bytes(hex: &str) -> [u8; 32] {
        std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
    }

    fn shared(secret: [u8; 32], public: [u8; 32]) -> Option<[u8; 32]> {
        shared_secret(&StaticSecret::from(secret), &PublicKey::from(public)).map(|shared| *shared)
    }

    #[test]
    fn vectors_of_the_specification() {
        for (scalar, u, expected) in [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
            ),
        ] {
            assert_eq!(shared(bytes(scalar), bytes(u)), Some(bytes(expected)));
        }
    }

    /// RFC 7748, section 5.2: what one iteration gives out is the next one's scalar.
    #[test]
    fn a_thousand_iterations_end_as_specified() {
        let mut start = [0; 32];
        start[0] = 9;
        let (mut scalar, mut u) = (start, start);
        for _ in 0..1000 {
            (scalar, u) = (shared(scalar, u).unwrap(), scalar);
        }
        assert_eq!(scalar, bytes("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
    }

    #[test]
    fn any_share_gives_what_the_ladder_gives() {
        let mut on_the_twist = 0;
        for number in 0..200_u32 {
            let secret: [u8; 32] = Sha256::digest(number.to_le_bytes()).into();
            let public: [u8; 32] = Sha256::digest(secret).into();
            on_the_twist += u32::from(MontgomeryPoint(public).to_edwards(0).is_none());
            let ladder = StaticSecret::from(secret).diffie_hellman(&PublicKey::from(public)).to_bytes();
            assert_eq!(shared(secret, public), Some(ladder), "{number}");
        }
        assert!((50..150).contains(&on_the_twist), "both kinds of points: {on_the_twist} of 200");
    }

    #[test]
    fn shares_of_low_order_are_refused() {
        let largest = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        for (first, hex) in [
            (0, format!("00{}", &"0".repeat(62))),
            (1, format!("01{}", &"0".repeat(62))),
            (0xe0, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800".to_owned()),
            (0x5f, "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157".to_owned()),
            // p - 1, p and p + 1; then the first two with the bit set that does not count.
            (0xec, format!("ec{}", &largest[2..])),
            (0xed, format!("ed{}", &largest[2..])),
            (0xee, format!("ee{}", &largest[2..])),
            (0, format!("00{}80", &"0".repeat(60))),
            (1, format!("01{}80", &"0".repeat(60))),
        ] {
            let public = bytes(&hex);
            assert_eq!(public[0], first);
            assert_eq!(shared([7; 32], public), None, "{hex}");
        }
    }
}
