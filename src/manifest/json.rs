//! JSON bytes to a tree that keeps every key, so that one that stands twice can be named.
//!
//! `serde_json::Value` would silently keep the last of two equal keys. Its own limits hold here too:
//! 128 levels, valid UTF-8, nothing behind the first value.

use std::borrow::Cow;
use std::fmt;

use serde_core::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// The largest manifest that is read, in bytes. One with 1,000 secrets has about half a megabyte.
pub const MAX_BYTES: usize = 16 << 20;

/// A JSON value. Texts without escapes are borrowed from the file: a manifest of a thousand secrets has 25,000.
#[derive(Debug, PartialEq)]
pub(super) enum Value<'j> {
    /// `null`, which everywhere means the same as a missing key.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without fraction or exponent. Wide enough for all that the grammar's reader hands out.
    Int(i128),
    /// Any other number; no field takes one, so its value is not kept.
    Float,
    /// A string.
    Text(Cow<'j, str>),
    /// A list.
    List(Vec<Self>),
    /// An object, in the order of the file, equal keys included.
    Object(Vec<Pair<'j>>),
}

/// A key of an object and its value.
pub(super) type Pair<'j> = (Cow<'j, str>, Value<'j>);

/// Reads the only JSON value of `bytes`.
///
/// # Errors
/// What is wrong and where, as one clause.
pub(super) fn read(bytes: &[u8]) -> Result<Value<'_>, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!("is larger than {} MiB", MAX_BYTES >> 20));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err("starts with a byte order mark; save it as UTF-8 without one".into());
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("is empty".into());
    }
    serde_json::from_slice(bytes).map_err(|fault| format!("is not valid JSON: {fault}"))
}

impl Value<'_> {
    /// What kind of value it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "a number",
            Self::Float => "a fractional or very large number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Float)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_string<E>(self, value: String) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value<'de>, A::Error> {
        let mut entries = Vec::with_capacity(USUAL_FIELDS);
        while let Some(Key(key)) = pairs.next_key()? {
            entries.push((key, pairs.next_value()?));
        }
        Ok(Value::Object(entries))
    }
}

/// How many fields an entry of the manifest has.
const USUAL_FIELDS: usize = 12;

/// A key of an object.
struct Key<'j>(Cow<'j, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyText).map(Key)
    }
}

struct KeyText;

impl<'de> Visitor<'de> for KeyText {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_kept_and_equal_keys_too() -> Result<(), String> {
        let tree = read(br#" {"a":[null,true,-1,18446744073709551615,1.5,"x"],"a":{}} "#)?;
        let list =
            vec![Value::Null, Value::Bool(true), Value::Int(-1), Value::Int(u64::MAX.into()), Value::Float]
                .into_iter()
                .chain([Value::Text("x".into())])
                .collect();
        let entries = vec![("a".into(), Value::List(list)), ("a".into(), Value::Object(vec![]))];
        assert_eq!(tree, Value::Object(entries));
        Ok(())
    }

    #[test]
    fn what_is_not_one_json_value_is_refused_with_a_reason() {
        let deep = "[".repeat(100_000);
        let cases: &[(&[u8], &str)] = &[
            (b"", "is empty"),
            (b" \n\t ", "is empty"),
            (b"\xef\xbb\xbf{}", "byte order mark"),
            (b"\xff\xfe{\0}\0", "line 1 column 1"),
            (b"{\"secrets\": [", "EOF while parsing a list at line 1 column 13"),
            (b"{} x", "trailing characters at line 1 column 4"),
            (b"{}{}", "trailing characters"),
            (b"{\"a\":1,}", "trailing comma"),
            (b"{'a':1}", "line 1 column 2"),
            (b"{\"a\":\"\xff\"}", "line 1"),
            (b"{\"a\":\"\\ud800\"}", "line 1"),
            (b"{\"a\":\"x\ny\"}", "control character"),
            (b"{\"a\":1e999}", "number out of range"),
            (b"{\"a\":0400}", "invalid number"),
            (b"{\"a\":NaN}", "line 1"),
            (b"\0", "line 1 column 1"),
            (b"// no\n{}", "line 1 column 1"),
            (deep.as_bytes(), "recursion limit exceeded"),
        ];
        for (bytes, expected) in cases {
            let fault = read(bytes).unwrap_err();
            assert!(fault.contains(expected), "{fault:?} should contain {expected:?}");
            assert!(!fault.contains('\n'), "{fault:?} is one line");
        }
    }

    #[test]
    fn a_huge_manifest_is_refused_before_it_is_read() {
        assert_eq!(read(&vec![b' '; MAX_BYTES + 1]), Err("is larger than 16 MiB".into()));
    }
}
