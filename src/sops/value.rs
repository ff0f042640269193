//! One encrypted value: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]` (format, section 2.1).

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::fault::quoted;
use super::number;
use super::time::Timestamp;
use super::tree::Scalar;
use crate::secret::Secret;

/// What a sealed value holds.
pub enum Plain {
    /// A scalar of the type that the value names.
    Scalar(Scalar<Secret>),
    /// A comment: `type:comment`.
    Comment(Secret),
}

/// An encrypted value, taken apart but not decoded: the base64 text of each part, as it stands in the file.
#[derive(Clone, Copy)]
pub struct Sealed<'a> {
    data: &'a [u8],
    iv: &'a [u8],
    tag: &'a [u8],
    kind: &'a [u8],
}

const START: &[u8] = b"ENC[AES256_GCM,data:";
const TAG_LENGTH: usize = 16;

/// sops does not look at the unused low bits of the last character; all else is strict.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

impl<'a> Sealed<'a> {
    /// Takes `text` apart as sops does, with `^ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]`: each
    /// part as long as possible, no line feed inside, and anything may follow. `None` if it does not match.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let line = text.strip_prefix(START)?;
        let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
        let line = &line[..memchr::memrchr(b']', line)?];
        // Greedy parts make the last separators count that leave something between them.
        let (rest, kind) = split_at_last(line, b",type:")?;
        let (rest, tag) = split_at_last(rest, b",tag:")?;
        let (data, iv) = split_at_last(rest, b",iv:")?;
        (!data.is_empty()).then_some(Self { data, iv, tag, kind })
    }

    /// Whether a value of this type is a comment.
    #[must_use]
    pub fn is_comment(&self) -> bool {
        self.kind == b"comment"
    }

    /// Decrypts the value. `context` is the additional data: the map keys above it, each with a final `:`.
    ///
    /// # Errors
    /// Why not, in a clause that may follow the value's name.
    pub fn open(&self, cipher: &Cipher, context: &[u8]) -> Result<Plain, Cow<'static, str>> {
        let iv = decode(self.iv).ok_or("its initialization vector is not base64")?;
        let tag = decode(self.tag).ok_or("its authentication tag is not base64")?;
        let mut data = decode(self.data).ok_or("its data is not base64")?;
        let tag: &[u8; TAG_LENGTH] =
            tag.as_slice().try_into().map_err(|_| "its authentication tag has not 16 bytes")?;
        cipher.open(&iv, context, &mut data, tag).map_err(|_| {
            "it does not authenticate: it was changed, belongs to another key of the file, or is from another file"
        })?;
        convert(data, self.kind)
    }
}

/// Splits at the last `separator` that has something behind it.
fn split_at_last<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let searched = text.len().checked_sub(1)?;
    let at = memmem::rfind(&text[..searched], separator)?;
    Some((&text[..at], &text[at + separator.len()..]))
}

/// Standard base64 with padding. Go skips carriage returns in it, so that a value survives CRLF editors.
fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = if memchr::memchr(b'\r', text).is_some() {
        Cow::Owned(text.iter().copied().filter(|byte| *byte != b'\r').collect())
    } else {
        Cow::Borrowed(text)
    };
    // One allocation of its final size: what is decrypted in it must not be left behind by growth.
    let mut bytes = Zeroizing::new(vec![0; text.len() / 4 * 3]);
    let length = BASE64.decode_slice(&*text, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// Plaintext to a scalar, by the type that stands in the clear next to it.
fn convert(mut plain: Zeroizing<Vec<u8>>, kind: &[u8]) -> Result<Plain, Cow<'static, str>> {
    let scalar = match kind {
        b"str" => Scalar::Text(Secret::new(std::mem::take(&mut *plain))),
        b"comment" => return Ok(Plain::Comment(Secret::new(std::mem::take(&mut *plain)))),
        b"int" => Scalar::Int(number::parse_int(&plain).map_err(|_| "it is not a 64-bit whole number")?),
        b"float" => Scalar::Float(number::parse_float(&plain).map_err(|_| "it is not a number")?),
        b"bool" => Scalar::Bool(match plain.as_slice() {
            b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True" => true,
            b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False" => false,
            _ => return Err("it is neither true nor false".into()),
        }),
        b"time" => {
            let time = Timestamp::parse(&plain).ok_or("it is not an RFC 3339 time")?;
            Scalar::Time(time.rfc3339_nano())
        }
        b"bytes" => return Err("its type 'bytes' was written by sops 1 only; re-encrypt the file".into()),
        other => return Err(format!("its type {} is unknown", quoted(other)).into()),
    };
    Ok(Plain::Scalar(scalar))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::sealing::{key, seal};

    const IV: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

    fn open(text: &str, context: &str) -> Result<Plain, String> {
        let sealed = Sealed::parse(text.as_bytes()).ok_or("not sealed")?;
        sealed.open(&Cipher::new(&key()), context.as_bytes()).map_err(Cow::into_owned)
    }

    fn text(plain: Result<Plain, String>) -> Vec<u8> {
        match plain {
            Ok(Plain::Scalar(Scalar::Text(secret)) | Plain::Comment(secret)) => secret.expose().to_vec(),
            Ok(_) => panic!("not text"),
            Err(reason) => panic!("{reason}"),
        }
    }

    fn hello() -> String {
        format!("ENC[AES256_GCM,data:f6SdJOI=,iv:{IV},tag:TEFu+ejkdT0ijPtelDWwfg==,type:str]")
    }

    #[test]
    fn vectors_of_the_format() {
        assert_eq!(text(open(&hello(), "a:b:")), b"hello");
        let int = format!("ENC[AES256_GCM,data:I/M=,iv:{IV},tag:UzMwOWR3/DEzgoo5/g7l1A==,type:int]");
        assert!(matches!(open(&int, "n:"), Ok(Plain::Scalar(Scalar::Int(42)))));
        let comment = format!("ENC[AES256_GCM,data:N6I=,iv:{IV},tag:Hex67WQX+1JM9G2RHNP62A==,type:comment]");
        assert_eq!(comment, seal(b" c", ":", "comment"));
        assert!(matches!(open(&comment, ":"), Ok(Plain::Comment(ref text)) if text.expose() == b" c"));
    }

    #[test]
    fn anything_may_follow_the_bracket() {
        assert_eq!(text(open(&format!("{}xyz", hello()), "a:b:")), b"hello");
        assert_eq!(text(open(&format!("{}\n]]", hello()), "a:b:")), b"hello");
        assert_eq!(text(open(&format!("{},iv:", hello()), "a:b:")), b"hello");
        // The last bracket ends the type.
        assert!(open(&format!("{}]", hello()), "a:b:").is_err_and(|reason| reason.contains("'str]'")));
    }

    #[test]
    fn base64_is_strict_except_where_go_is_not() {
        assert_eq!(text(open(&hello().replace("f6SdJOI=", "f6Sd\rJOI="), "a:b:")), b"hello");
        assert_eq!(text(open(&hello().replace("fg==", "fh=="), "a:b:")), b"hello");
        for (good, bad) in [
            ("f6SdJOI=", "f6SdJOI"),
            ("f6SdJOI=", "f6SdJOI=="),
            ("f6SdJOI=", "f6Sd JOI="),
            ("TEFu+ejk", "TEFu-ejk"),
            ("f6SdJOI=", "="),
            ("f6SdJOI=", "f6SdJOI=,iv:AAAA"),
            ("fg==", "fg"),
        ] {
            assert!(open(&hello().replace(good, bad), "a:b:").is_err(), "{bad}");
        }
    }

    #[test]
    fn every_part_is_authenticated_or_refused() {
        for (good, bad) in [
            ("f6Sd", "f7Sd"),
            ("ICEi", "ICEj"),
            ("TEFu", "TEFv"),
            ("type:str", "type:int"),
            ("type:str", "type:bool"),
            ("type:str", "type:float"),
            ("type:str", "type:time"),
            ("type:str", "type:bytes"),
            ("type:str", "type:Str"),
            ("type:str", "type:"),
            (",type:str", ""),
            ("AES256", "AES128"),
            ("ENC", "enc"),
            ("]", ""),
            ("data:f6SdJOI=", "data:"),
            ("TEFu+ejkdT0ijPtelDWwfg==", "TEFu+ejkdT0ijPtelDWw"),
            ("f6SdJOI=", "f6SdJOI=\n"),
        ] {
            assert!(open(&hello().replace(good, bad), "a:b:").is_err(), "{bad}");
        }
        assert!(open(&hello(), "a:c:").is_err());
        assert!(open("", "a:").is_err());
        assert!(open("ENC[AES256_GCM,data:]", "a:").is_err());
    }

    #[test]
    fn types_are_read_as_go_reads_them() {
        let convert = |plain: &str, kind: &str| convert(Zeroizing::new(plain.into()), kind.as_bytes());
        for (plain, kind) in [("1", "bool"), ("True", "bool"), ("TRUE", "bool"), ("t", "bool")] {
            assert!(matches!(convert(plain, kind), Ok(Plain::Scalar(Scalar::Bool(true)))));
        }
        assert!(matches!(convert("False", "bool"), Ok(Plain::Scalar(Scalar::Bool(false)))));
        assert!(matches!(convert("007", "int"), Ok(Plain::Scalar(Scalar::Int(7)))));
        assert!(
            matches!(convert("0x1p1", "float"), Ok(Plain::Scalar(Scalar::Float(value))) if value.to_bits() == 2f64.to_bits())
        );
        let time = convert("2020-01-02T03:04:05.50Z", "time");
        assert!(matches!(time, Ok(Plain::Scalar(Scalar::Time(text))) if text == "2020-01-02T03:04:05.5Z"));
        for (plain, kind) in
            [("yes", "bool"), ("1.0", "int"), ("", "int"), ("1e999", "float"), ("2020", "time")]
        {
            assert!(convert(plain, kind).is_err());
        }
    }
}
