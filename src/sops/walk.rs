//! The walk over a parsed file: decrypts what its rule says is encrypted and feeds every leaf to the MAC, in
//! file order (format, section 2.3).

use std::borrow::Cow;

use super::cipher::Cipher;
use super::fault::{Fault, FaultKind};
use super::mac::Digest;
use super::metadata::Metadata;
use super::rules::{Rule, Surroundings};
use super::tree::{Comment, Entry, Item, Map, Node, Scalar, Text};
use super::value::{Plain, Sealed};
use crate::secret::{DataKey, Secret};

/// Decrypts all documents of a file and verifies its MAC. Nothing of the plaintext leaves before.
///
/// # Errors
/// [`Fault`] of kind `Value` or `Mac`.
pub fn open<'a>(
    branches: Vec<Map<'a, Text<'a>>>,
    metadata: &Metadata,
    rule: &Rule,
    key: &DataKey,
) -> Result<Vec<Map<'a, Secret>>, Fault> {
    let only_encrypted = metadata.mac_only_encrypted;
    let cipher = Cipher::new(key);
    let mut walk = Walk {
        cipher: &cipher,
        rule,
        only_encrypted,
        digest: Digest::new(only_encrypted),
        context: Vec::new(),
    };
    let mut opened = Vec::with_capacity(branches.len());
    for branch in branches {
        opened.push(walk.map(branch, Surroundings::default()).map_err(Refusal::into_fault)?);
    }
    walk.digest.verify(metadata, &cipher)?;
    Ok(opened)
}

struct Walk<'w> {
    cipher: &'w Cipher,
    rule: &'w Rule,
    only_encrypted: bool,
    digest: Digest,
    /// The keys on the way to here, each with a final `:`. The additional data of values; list positions are
    /// no part of it.
    context: Vec<u8>,
}

/// Why a value was refused, and the way to it from the inside out.
struct Refusal {
    reason: Cow<'static, str>,
    path: Vec<String>,
}

impl Refusal {
    fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), path: Vec::new() }
    }

    fn below(mut self, step: impl Into<String>) -> Self {
        self.path.push(step.into());
        self
    }

    fn into_fault(self) -> Fault {
        let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        let name = super::fault::quoted(path.join("/").as_bytes());
        Fault::new(FaultKind::Value, format!("the value of {name} is refused: {}", self.reason))
    }
}

impl Walk<'_> {
    fn map<'a>(&mut self, map: Map<'a, Text<'a>>, around: Surroundings) -> Result<Map<'a, Secret>, Refusal> {
        let mut here = around.inside();
        let mut entries = Vec::with_capacity(map.entries.len());
        for entry in map.entries {
            entries.push(match entry {
                Entry::Comment(comment) => {
                    let (inline, before) = (comment.inline, here);
                    let matches = self.rule.matches_comment(&comment.text);
                    here = here.after_comment(matches);
                    match self.comment(comment, self.rule.encrypts_comment(before, matches)) {
                        // sops takes a string for a comment here, too.
                        Plain::Comment(text) | Plain::Scalar(Scalar::Text(text)) => {
                            Entry::Comment(Comment { text, inline })
                        }
                        Plain::Scalar(_) => return Err(Refusal::new("it is a comment that holds a number")),
                    }
                }
                Entry::Pair(key, node) => {
                    let length = self.context.len();
                    self.context.extend_from_slice(&key);
                    self.context.push(b':');
                    let node = self
                        .node(node, self.rule.below(here, &key))
                        .map_err(|refusal| refusal.below(String::from_utf8_lossy(&key)))?;
                    self.context.truncate(length);
                    here = here.after_value();
                    Entry::Pair(key, node)
                }
            });
        }
        Ok(Map { entries })
    }

    fn list<'a>(
        &mut self,
        items: Vec<Item<'a, Text<'a>>>,
        around: Surroundings,
    ) -> Result<Vec<Item<'a, Secret>>, Refusal> {
        let mut here = around.inside();
        let mut opened = Vec::with_capacity(items.len());
        let mut index = 0;
        for item in items {
            opened.push(match item {
                Item::Comment(comment) => {
                    let (inline, before) = (comment.inline, here);
                    let matches = self.rule.matches_comment(&comment.text);
                    here = here.after_comment(matches);
                    match self.comment(comment, self.rule.encrypts_comment(before, matches)) {
                        Plain::Comment(text) => Item::Comment(Comment { text, inline }),
                        Plain::Scalar(scalar) => Item::Node(Node::Scalar(scalar)),
                    }
                }
                Item::Node(Node::Scalar(scalar)) => {
                    let leaf = self.leaf(scalar, here).map_err(|refusal| refusal.below(index.to_string()))?;
                    here = here.after_value();
                    match leaf {
                        // This is how sops writes an encrypted comment in a YAML list.
                        Plain::Comment(text) => Item::Comment(Comment { text, inline: false }),
                        Plain::Scalar(scalar) => {
                            index += 1;
                            Item::Node(Node::Scalar(scalar))
                        }
                    }
                }
                Item::Node(node) => {
                    let node = self.node(node, here).map_err(|refusal| refusal.below(index.to_string()))?;
                    here = here.after_value();
                    index += 1;
                    Item::Node(node)
                }
            });
        }
        Ok(opened)
    }

    fn node<'a>(
        &mut self,
        node: Node<'a, Text<'a>>,
        around: Surroundings,
    ) -> Result<Node<'a, Secret>, Refusal> {
        Ok(match node {
            Node::Map(map) => Node::Map(self.map(map, around)?),
            Node::List(items) => Node::List(self.list(items, around)?),
            Node::Scalar(scalar) => match self.leaf(scalar, around)? {
                Plain::Scalar(scalar) => Node::Scalar(scalar),
                Plain::Comment(_) => return Err(Refusal::new("it is a comment where a value belongs")),
            },
        })
    }

    fn leaf(&mut self, scalar: Scalar<Text<'_>>, around: Surroundings) -> Result<Plain, Refusal> {
        if let Scalar::Null = scalar {
            return Ok(Plain::Scalar(Scalar::Null));
        }
        let encrypted = self.rule.encrypts(around);
        let plain = match scalar {
            Scalar::Text(text) if encrypted => self.text(&text, &self.context).map_err(Refusal::new)?,
            _ if encrypted => return Err(Refusal::new("it must be encrypted and stands there in the clear")),
            Scalar::Text(text) => Plain::Scalar(Scalar::Text(Secret::new(text.into_owned()))),
            Scalar::Int(value) => Plain::Scalar(Scalar::Int(value)),
            Scalar::Float(value) => Plain::Scalar(Scalar::Float(value)),
            Scalar::Bool(value) => Plain::Scalar(Scalar::Bool(value)),
            Scalar::Time(text) => Plain::Scalar(Scalar::Time(text)),
            Scalar::Null => Plain::Scalar(Scalar::Null),
        };
        if let (Plain::Scalar(scalar), true) = (&plain, encrypted || !self.only_encrypted) {
            self.digest.add(scalar);
        }
        Ok(plain)
    }

    /// A comment stays as it is where it cannot be decrypted: old versions of sops did not encrypt comments.
    fn comment(&mut self, comment: Comment<Text<'_>>, encrypted: bool) -> Plain {
        if encrypted && !comment.text.is_empty() {
            // The context of a comment is that of the map around it; at the top that is no key at all.
            let context = if self.context.is_empty() { b":" } else { self.context.as_slice() };
            match self.text(&comment.text, context) {
                Ok(Plain::Scalar(scalar)) => {
                    self.digest.add(&scalar);
                    return Plain::Scalar(scalar);
                }
                Ok(Plain::Comment(text)) => return Plain::Comment(text),
                Err(_) => {}
            }
        }
        Plain::Comment(Secret::new(comment.text.into_owned()))
    }

    /// An encrypted text; the empty string is never encrypted.
    fn text(&self, text: &[u8], context: &[u8]) -> Result<Plain, Cow<'static, str>> {
        if text.is_empty() {
            return Ok(Plain::Scalar(Scalar::Text(Secret::new(Vec::new()))));
        }
        let sealed = Sealed::parse(text).ok_or("it must be encrypted and is not ENC[AES256_GCM,…]")?;
        sealed.open(self.cipher, context)
    }
}

#[cfg(test)]
mod tests;
