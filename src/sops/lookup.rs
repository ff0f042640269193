//! One value of a document by its `key`, as manifests name it: `a/b/0` (contract, section 3).
//!
//! A key of the file may itself hold `/`, so at each map the longest key that fits is tried first, and shorter
//! ones if the way behind it ends. Every node lies on one way only, so a search sees each at most once. The keys of
//! a map are sorted when it is searched for the first time: a file of a thousand keys, all wanted, is common.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::Format;
use super::fault::{Fault, FaultKind, quoted};
use super::tree::{Entry, Item, Map, Node, Scalar};

/// YAML's merge key. sops keeps it as an ordinary key; whoever reads the file merges.
const MERGE: &[u8] = b"<<";

/// A document that is searched, for any number of keys.
pub struct Search<'m, T> {
    document: &'m Map<'m, T>,
    format: Format,
    is_comment: fn(&Scalar<T>) -> bool,
    /// The maps that were searched so far, by their address.
    indexes: RefCell<HashMap<*const Map<'m, T>, Rc<Index<'m, T>>>>,
}

/// The entries of one map.
struct Index<'m, T> {
    /// By key; of equal keys the later one first.
    by_key: Vec<(&'m [u8], &'m Node<'m, T>)>,
    /// The maps that YAML merges into it, in file order.
    merged: Vec<&'m Map<'m, T>>,
}

/// How many keys are named to somebody who asked for one that is not there.
const MAX_OFFERED: usize = 10;

/// Why a way ended, and how many bytes of the key it had followed by then.
struct DeadEnd<'m, T> {
    followed: usize,
    reason: Reason<'m, T>,
}

enum Reason<'m, T> {
    /// The map has no such key.
    NotThere(&'m Map<'m, T>),
    NotAnIndex,
    /// The list has so many items.
    NoSuchItem(usize),
    InsideScalar,
    NotScalar(&'static str),
}

impl<'m, T> Search<'m, T> {
    /// A search in `document`. YAML merges maps; INI has a section for keys that stand before any other.
    /// `is_comment` tells whether an item of a list is a comment in the form of an encrypted value.
    pub fn new(document: &'m Map<'m, T>, format: Format, is_comment: fn(&Scalar<T>) -> bool) -> Self {
        Self { document, format, is_comment, indexes: RefCell::default() }
    }

    /// The scalar at `key`.
    ///
    /// # Errors
    /// [`Fault`] of kind `Lookup`: not there, or a map or list.
    pub fn find(&self, key: &str) -> Result<&'m Scalar<T>, Fault> {
        let key = key.as_bytes();
        let found = self.in_map(self.document, key, 0);
        let found = match found {
            // Keys before the first section of an INI file are in the section DEFAULT.
            Err(end) if self.format == Format::Ini && end.followed == 0 => {
                let sections = self.document.entries.iter().rev().filter_map(|entry| match entry {
                    Entry::Pair(name, Node::Map(section)) if name.as_ref() == b"DEFAULT" => Some(section),
                    _ => None,
                });
                sections.map(|section| self.in_map(section, key, 0)).find(Result::is_ok).unwrap_or(Err(end))
            }
            found => found,
        };
        found.map_err(|end| end.into_fault(key))
    }

    /// Follows `key` from byte `start` on inside a map.
    fn in_map(&self, map: &'m Map<'m, T>, key: &[u8], start: usize) -> Result<&'m Scalar<T>, DeadEnd<'m, T>> {
        let mut ways = Vec::new();
        self.ways(map, &key[start..], &mut ways);
        // Longest first; of two equal keys the later one, which wins in JSON parsers.
        ways.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        let mut deepest = DeadEnd { followed: start.saturating_sub(1), reason: Reason::NotThere(map) };
        for (length, node) in ways {
            match self.in_node(node, key, start + length) {
                Ok(scalar) => return Ok(scalar),
                Err(end) if end.followed >= deepest.followed => deepest = end,
                Err(_) => {}
            }
        }
        Err(deepest)
    }

    /// The values whose key is `rest` or is followed by `/` there, with the length of that key; the later of
    /// equal keys first, and what YAML merges only where the map itself has no such key.
    fn ways(&self, map: &'m Map<'m, T>, rest: &[u8], ways: &mut Vec<(usize, &'m Node<'m, T>)>) {
        let index = Rc::clone(
            self.indexes.borrow_mut().entry(map).or_insert_with(|| Rc::new(Index::new(map, self.format))),
        );
        let inherited = ways.len();
        for end in memchr::memchr_iter(b'/', rest).chain([rest.len()]) {
            if !ways[..inherited].iter().any(|(length, _)| *length == end) {
                ways.extend(index.values_of(&rest[..end]).map(|node| (end, node)));
            }
        }
        for merged in &index.merged {
            self.ways(merged, rest, ways);
        }
    }

    /// Follows `key` into a node that was reached with its first `end` bytes.
    fn in_node(
        &self,
        node: &'m Node<'m, T>,
        key: &[u8],
        end: usize,
    ) -> Result<&'m Scalar<T>, DeadEnd<'m, T>> {
        let dead_end = |reason| Err(DeadEnd { followed: end, reason });
        if end == key.len() {
            return match node {
                Node::Scalar(Scalar::Null) => dead_end(Reason::NotScalar("null")),
                Node::Scalar(scalar) => Ok(scalar),
                Node::Map(_) => dead_end(Reason::NotScalar("a map")),
                Node::List(_) => dead_end(Reason::NotScalar("a list")),
            };
        }
        match node {
            Node::Map(map) => self.in_map(map, key, end + 1),
            Node::List(items) => {
                let rest = &key[end + 1..];
                let step = memchr::memchr(b'/', rest).map_or(rest, |slash| &rest[..slash]);
                let Some(index) = index(step) else { return dead_end(Reason::NotAnIndex) };
                let nodes = items.iter().filter_map(|item| match item {
                    Item::Node(Node::Scalar(scalar)) if (self.is_comment)(scalar) => None,
                    Item::Node(node) => Some(node),
                    Item::Comment(_) => None,
                });
                match nodes.clone().nth(index) {
                    Some(node) => self.in_node(node, key, end + 1 + step.len()),
                    None => dead_end(Reason::NoSuchItem(nodes.count())),
                }
            }
            Node::Scalar(_) => dead_end(Reason::InsideScalar),
        }
    }
}

impl<'m, T> Index<'m, T> {
    fn new(map: &'m Map<'m, T>, format: Format) -> Self {
        let mut by_key = Vec::with_capacity(map.entries.len());
        let mut merged = Vec::new();
        for entry in &map.entries {
            match entry {
                Entry::Pair(key, node) if format == Format::Yaml && key.as_ref() == MERGE => match node {
                    Node::Map(map) => merged.push(map),
                    Node::List(items) => merged.extend(items.iter().filter_map(|item| match item {
                        Item::Node(Node::Map(map)) => Some(map),
                        _ => None,
                    })),
                    Node::Scalar(_) => {}
                },
                Entry::Pair(key, node) => by_key.push((key.as_ref(), node)),
                Entry::Comment(_) => {}
            }
        }
        by_key.reverse();
        // Keeps the order of equal keys.
        by_key.sort_by_key(|(key, _)| *key);
        Self { by_key, merged }
    }

    /// The values under `key`, the later ones first.
    fn values_of(&self, key: &[u8]) -> impl Iterator<Item = &'m Node<'m, T>> {
        let start = self.by_key.partition_point(|(other, _)| *other < key);
        self.by_key[start..].iter().take_while(move |(other, _)| *other == key).map(|(_, node)| *node)
    }
}

/// A list index: digits without leading zeros.
fn index(step: &[u8]) -> Option<usize> {
    let plain = matches!(step, [b'0'] | [b'1'..=b'9', ..]) && step.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(step).ok().filter(|_| plain)?.parse().ok()
}

impl<T> DeadEnd<'_, T> {
    fn into_fault(self, key: &[u8]) -> Fault {
        const WHOLE: &str =
            "for the whole file as one secret set key to \"\"; for one value name its full key";
        let (name, followed) = (quoted(key), quoted(&key[..self.followed]));
        let fault = |message: String| Fault::new(FaultKind::Lookup, message);
        match self.reason {
            Reason::NotThere(map) if self.followed == 0 => {
                let is_deep = map.entries.iter().any(|entry| matches!(entry, Entry::Pair(_, Node::Map(_))));
                let parts = if is_deep { "; parts of a key are joined by '/'" } else { "" };
                let hint = format!("the file has {}{parts}", keys_like(map, key));
                fault(format!("the file has no key {name}")).hint(hint)
            }
            Reason::NotThere(map) => {
                let hint = format!("{followed} has {}", keys_like(map, &key[self.followed + 1..]));
                fault(format!("the file has no key {name}: {followed} is there, but not the rest")).hint(hint)
            }
            Reason::NotAnIndex => fault(format!("the file has no key {name}: {followed} is a list"))
                .hint("items of a list are named by their position: 0 is the first"),
            Reason::NoSuchItem(items) => {
                let hint = match items.checked_sub(1) {
                    Some(last) => format!("0 is the first item of the list, {last} the last"),
                    None => "the list is empty".to_owned(),
                };
                fault(format!("the file has no key {name}: the list {followed} is shorter")).hint(hint)
            }
            Reason::InsideScalar => {
                fault(format!("the file has no key {name}: {followed} is a value, not a map"))
                    .hint(format!("for this value set key to {followed}"))
            }
            Reason::NotScalar("null") => fault(format!("the key {name} is null, not a value"))
                .hint("give it a value with `sops edit FILE`, or name another key"),
            Reason::NotScalar(what) => {
                fault(format!("the key {name} is {what}, not a single value")).hint(WHOLE)
            }
        }
    }
}

/// The keys of a map for somebody who wanted `wanted`: those that begin most like it, the others in file order.
fn keys_like<T>(map: &Map<'_, T>, wanted: &[u8]) -> String {
    let mut keys: Vec<&[u8]> = map
        .entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Pair(key, _) => Some(key.as_ref()),
            Entry::Comment(_) => None,
        })
        .collect();
    let alike = |key: &[u8]| key.iter().zip(wanted).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
    keys.sort_by_key(|key| std::cmp::Reverse(alike(key)));
    let offered: Vec<String> = keys.iter().take(MAX_OFFERED).map(|key| quoted(key)).collect();
    match (keys.len(), keys.len() - offered.len()) {
        (0, _) => "no key at all".to_owned(),
        (1, _) => format!("the key {} only", offered.concat()),
        (_, 0) => format!("the keys {}", offered.join(", ")),
        (_, more) => format!("the keys {}, and {more} more", offered.join(", ")),
    }
}

#[cfg(test)]
mod tests;
