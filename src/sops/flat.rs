//! The sops block of the formats that have no nesting (dotenv, INI): each leaf under its own long key, where
//! `__map_` stands before the key of a map and `__list_` before the index of a list item.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::fault::{Fault, FaultKind, quoted};
use super::tree::{Entry, Item, Map, Node, Scalar, Text};

/// The longest path in a real block, `key_groups[0].age[0].enc`, has five steps.
const MAX_STEPS: usize = 8;

/// A block that is being put together.
#[derive(Default)]
pub struct Flat<'a>(BTreeMap<Step<'a>, Part<'a>>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Step<'a> {
    Key(&'a [u8]),
    Index(usize),
}

enum Part<'a> {
    Leaf(Text<'a>),
    Branch(BTreeMap<Step<'a>, Part<'a>>),
}

impl<'a> Flat<'a> {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the leaf with the long key `path`.
    ///
    /// # Errors
    /// [`Fault`] of kind `Metadata`: the leaf is there already, or is also a map or list, or the path is not
    /// one of a sops block.
    pub fn insert(&mut self, path: &'a [u8], value: Text<'a>) -> Result<(), Fault> {
        let fault = |what: &str| {
            Fault::new(
                FaultKind::Metadata,
                format!("the sops block has a wrong key {}: {what}", quoted(path)),
            )
        };
        let steps = steps(path).ok_or_else(|| fault("it is not the path of a value"))?;
        let (last, outer) = steps.split_last().ok_or_else(|| fault("it is empty"))?;
        let mut branch = &mut self.0;
        for step in outer {
            same_kind(branch, *step)
                .ok_or_else(|| fault("another key makes it a map, and this one a list"))?;
            let part = branch.entry(*step).or_insert_with(|| Part::Branch(BTreeMap::new()));
            let Part::Branch(inner) = part else { return Err(fault("another key gives it a value")) };
            branch = inner;
        }
        same_kind(branch, *last).ok_or_else(|| fault("another key makes it a map, and this one a list"))?;
        match branch.insert(*last, Part::Leaf(value)) {
            None => Ok(()),
            Some(Part::Leaf(_)) => Err(fault("it is there twice")),
            Some(Part::Branch(_)) => Err(fault("another key makes it a map or list")),
        }
    }

    /// The block as a map. Gaps in lists close up, as in sops before 3.13.
    #[must_use]
    pub fn into_map(self) -> Map<'a, Text<'a>> {
        map(self.0)
    }
}

/// Whether `step` may stand beside what is in `branch`: keys and indexes do not mix.
fn same_kind(branch: &BTreeMap<Step<'_>, Part<'_>>, step: Step<'_>) -> Option<()> {
    let same = match branch.keys().next() {
        Some(Step::Key(_)) => matches!(step, Step::Key(_)),
        Some(Step::Index(_)) => matches!(step, Step::Index(_)),
        None => true,
    };
    same.then_some(())
}

fn map<'a>(parts: BTreeMap<Step<'a>, Part<'a>>) -> Map<'a, Text<'a>> {
    let entries = parts.into_iter().filter_map(|(step, part)| match step {
        Step::Key(key) => Some(Entry::Pair(Cow::Borrowed(key), node(part))),
        Step::Index(_) => None,
    });
    Map { entries: entries.collect() }
}

fn node(part: Part<'_>) -> Node<'_, Text<'_>> {
    match part {
        Part::Leaf(text) => Node::Scalar(Scalar::Text(text)),
        Part::Branch(parts) if matches!(parts.keys().next(), Some(Step::Index(_))) => {
            Node::List(parts.into_values().map(|part| Item::Node(node(part))).collect())
        }
        Part::Branch(parts) => Node::Map(map(parts)),
    }
}

/// Splits `age__list_0__map_enc` into `age`, 0, `enc`.
fn steps(path: &[u8]) -> Option<Vec<Step<'_>>> {
    const LIST: &[u8] = b"__list_";
    const MAP: &[u8] = b"__map_";
    let mut steps = Vec::new();
    let (mut rest, mut index) = (path, false);
    loop {
        let next = (0..rest.len()).find(|at| rest[*at..].starts_with(LIST) || rest[*at..].starts_with(MAP));
        let name = &rest[..next.unwrap_or(rest.len())];
        if name.is_empty() || steps.len() == MAX_STEPS {
            return None;
        }
        steps.push(if index {
            Step::Index(std::str::from_utf8(name).ok()?.parse().ok()?)
        } else {
            Step::Key(name)
        });
        let Some(next) = next else { return Some(steps) };
        index = rest[next..].starts_with(LIST);
        rest = &rest[next + if index { LIST.len() } else { MAP.len() }..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert<'a>(flat: &mut Flat<'a>, path: &'a str) -> Result<(), Fault> {
        flat.insert(path.as_bytes(), Cow::Borrowed(b"v"))
    }

    #[test]
    fn long_keys_become_a_tree() {
        let mut flat = Flat::default();
        for path in ["mac", "age__list_1__map_enc", "age__list_0__map_enc", "a__list_0__map_b__list_7"] {
            insert(&mut flat, path).unwrap();
        }
        let map = flat.into_map();
        let keys: Vec<_> = map
            .entries
            .iter()
            .map(|entry| match entry {
                Entry::Pair(key, Node::List(items)) => (key.as_ref(), items.len()),
                Entry::Pair(key, _) => (key.as_ref(), 0),
                Entry::Comment(_) => (&b"#"[..], 0),
            })
            .collect();
        assert_eq!(keys, [(&b"a"[..], 1), (b"age", 2), (b"mac", 0)]);
    }

    #[test]
    fn clashes_and_nonsense_are_refused() {
        for (first, second) in [
            ("mac", "mac"),
            ("age", "age__list_0__map_enc"),
            ("age__list_0__map_enc", "age"),
            ("age__list_0__map_enc", "age__map_enc"),
            ("age__map_enc", "age__list_0"),
            ("x", ""),
            ("x", "age__list_x"),
            ("x", "age__list_-1"),
            ("x", "age__list_99999999999999999999"),
            ("x", "age__map_"),
            ("x", "__map_a"),
        ] {
            let mut flat = Flat::default();
            insert(&mut flat, first).unwrap();
            let kind = insert(&mut flat, second).map_err(|fault| fault.kind);
            assert_eq!(kind, Err(FaultKind::Metadata), "{first} {second}");
        }
        let deep = "a__map_".repeat(10_000) + "a";
        assert!(insert(&mut Flat::default(), &deep).is_err());
    }
}
