//! The tree that every sops format is read into: ordered maps, lists, scalars and comments.
//!
//! A tree is generic over `T`, what its text leaves hold. As it stands in the file a text leaf is
//! ciphertext or public text ([`Text`]); after decryption it is a [`crate::secret::Secret`]. The two
//! are different types, so ciphertext cannot be released as plaintext.

use std::borrow::Cow;

/// Bytes of a sops file, borrowed from it where that is possible. Not always UTF-8 (dotenv, ini).
pub type Text<'a> = Cow<'a, [u8]>;

/// A map: entries in file order. Keys may occur twice (JSON keeps both; so does sops).
pub struct Map<'a, T> {
    /// Pairs and comments, in file order.
    pub entries: Vec<Entry<'a, T>>,
}

/// One entry of a map.
pub enum Entry<'a, T> {
    /// A key and its value.
    Pair(Text<'a>, Node<'a, T>),
    /// A comment that stands in front of the next pair, or behind the last one.
    Comment(Comment<T>),
}

/// A value of a map or an item of a list.
pub enum Node<'a, T> {
    /// A map.
    Map(Map<'a, T>),
    /// A list.
    List(Vec<Item<'a, T>>),
    /// A leaf.
    Scalar(Scalar<T>),
}

/// One item of a list.
pub enum Item<'a, T> {
    /// A value.
    Node(Node<'a, T>),
    /// A comment that stands in front of the next item, or behind the last one.
    Comment(Comment<T>),
}

/// A leaf.
pub enum Scalar<T> {
    /// A string: any bytes.
    Text(T),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A point in time, in the text sops gives it (RFC 3339 with up to 9 fraction digits).
    Time(String),
    /// Nothing.
    Null,
}

/// A comment, without its `#` or `;`.
pub struct Comment<T> {
    /// The text behind the mark, blanks included.
    pub text: T,
    /// Whether it stood behind a value on the same line (YAML).
    pub inline: bool,
}

impl<T> Default for Map<'_, T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}
