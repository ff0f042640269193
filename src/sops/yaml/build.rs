//! From the graph of nodes to sops' tree: aliases expanded in place, comments as entries, keys checked.

use std::borrow::Cow;
use std::collections::HashSet;

use super::compose::{Document, Graph, Node, NodeId, Shape};
use super::refuse;
use super::resolve::{Meaning, Tag, resolve};
use crate::sops::tree::{self, Comment, Entry, Item, Map, Scalar, Text};
use crate::sops::{Fault, FaultKind, MAX_DEPTH};

/// How many nodes aliases may add to a stream, each KiB of text counting as one more. sops itself expands without
/// limit and can be hung by a small file; files that sops encrypted hold no aliases at all.
pub(super) const MAX_ALIASED: usize = 100_000;

/// How text is kept: borrowed from the file, or as an own copy.
pub(super) type Keep<'s, 'a> = fn(Cow<'s, [u8]>) -> Text<'a>;

/// Builds the tree of every document.
///
/// # Errors
/// `Parse` for documents that are no maps, keys that are no strings or occur twice, and scalars that do not fit their
/// tags; `Limit` for aliases that expand to too much, or to themselves.
pub(super) fn build<'s, 'a>(graph: Graph<'s>, keep: Keep<'s, 'a>) -> Result<Vec<Map<'a, Text<'a>>>, Fault> {
    let Graph { nodes, documents } = graph;
    let mut builder = Builder { nodes: &nodes, keep, expanding: Vec::new(), aliased: 0 };
    documents.iter().map(|document| builder.document(document)).collect()
}

struct Builder<'n, 's, 'a> {
    nodes: &'n [Node<'s>],
    keep: Keep<'s, 'a>,
    /// The targets of the aliases that are being expanded.
    expanding: Vec<NodeId>,
    /// Nodes that aliases added so far.
    aliased: usize,
}

type Entries<'a> = Vec<Entry<'a, Text<'a>>>;

impl<'s, 'a> Builder<'_, 's, 'a> {
    fn document(&mut self, document: &Document) -> Result<Map<'a, Text<'a>>, Fault> {
        let mut entries = Vec::new();
        note(&mut entries, &document.head, false);
        self.root(document.root, &mut entries)?;
        note(&mut entries, &document.foot, false);
        Ok(Map { entries })
    }

    fn root(&mut self, id: NodeId, entries: &mut Entries<'a>) -> Result<(), Fault> {
        let node = &self.nodes[id];
        note(entries, node.head(), false);
        note(entries, node.line_comment(), false);
        match &node.shape {
            Shape::Mapping(children) => self.pairs(children, 1, entries)?,
            Shape::Alias(target) => {
                self.enter(*target, node.line)?;
                self.root(*target, entries)?;
                self.expanding.pop();
            }
            Shape::Scalar { value, plain, tag } if resolve(*tag, *plain, value) == Meaning::Null => {
                return Ok(());
            }
            Shape::Scalar { .. } | Shape::Sequence(_) => {
                return Err(refuse(node.line, "a document must be a map"));
            }
        }
        note(entries, node.foot(), false);
        Ok(())
    }

    /// The entries of a map at `depth`, with the comments of keys and of scalar values around them.
    fn pairs(&mut self, children: &[NodeId], depth: usize, entries: &mut Entries<'a>) -> Result<(), Fault> {
        let nodes = self.nodes;
        let mut seen = Keys::default();
        for pair in children.chunks_exact(2) {
            let (key_node, value_node) = (&nodes[pair[0]], &nodes[pair[1]]);
            note(entries, key_node.head(), false);
            note(entries, key_node.line_comment(), false);
            let leaf = matches!(value_node.shape, Shape::Scalar { .. } | Shape::Alias(_));
            if leaf {
                note(entries, value_node.head(), false);
                note(entries, value_node.line_comment(), true);
            }
            let key = self.key(key_node)?;
            if !seen.add(&key) {
                return Err(refuse(key_node.line, &format!("the key '{}' occurs twice", printable(&key))));
            }
            let value = self.value(pair[1], depth, false)?;
            entries.push(Entry::Pair(key, value));
            if leaf {
                note(entries, value_node.foot(), false);
            }
            note(entries, key_node.foot(), false);
        }
        Ok(())
    }

    /// The items of a list at `depth`.
    fn items(&mut self, id: NodeId, depth: usize, noted: bool) -> Result<Vec<Item<'a, Text<'a>>>, Fault> {
        let nodes = self.nodes;
        let node = &nodes[id];
        let Shape::Sequence(children) = &node.shape else { return Ok(Vec::new()) };
        let mut items = Vec::with_capacity(children.len());
        if !noted {
            note_item(&mut items, node.head(), false);
            note_item(&mut items, node.line_comment(), false);
        }
        for &child in children {
            let item = &nodes[child];
            note_item(&mut items, item.head(), false);
            note_item(&mut items, item.line_comment(), true);
            items.push(Item::Node(self.value(child, depth, true)?));
            note_item(&mut items, item.foot(), false);
        }
        if !noted {
            note_item(&mut items, node.foot(), false);
        }
        Ok(items)
    }

    /// A value that stands in a collection at `depth`. `noted`: its comments stand around it already.
    fn value(&mut self, id: NodeId, depth: usize, noted: bool) -> Result<tree::Node<'a, Text<'a>>, Fault> {
        let nodes = self.nodes;
        let node = &nodes[id];
        self.count(node)?;
        match &node.shape {
            Shape::Scalar { value, plain, tag } => {
                self.scalar(*tag, *plain, value, node.line).map(tree::Node::Scalar)
            }
            Shape::Alias(target) => {
                self.enter(*target, node.line)?;
                let value = self.value(*target, depth, false)?;
                self.expanding.pop();
                Ok(value)
            }
            Shape::Sequence(_) => {
                let depth = deeper(depth, node.line)?;
                Ok(tree::Node::List(self.items(id, depth, noted)?))
            }
            Shape::Mapping(children) => {
                let depth = deeper(depth, node.line)?;
                let mut entries = Vec::with_capacity(children.len() / 2);
                if !noted {
                    note(&mut entries, node.head(), false);
                    note(&mut entries, node.line_comment(), false);
                }
                self.pairs(children, depth, &mut entries)?;
                if !noted {
                    note(&mut entries, node.foot(), false);
                }
                Ok(tree::Node::Map(Map { entries }))
            }
        }
    }

    /// Starts the expansion of an alias.
    fn enter(&mut self, target: NodeId, line: usize) -> Result<(), Fault> {
        if self.expanding.contains(&target) {
            return Err(Fault::new(
                FaultKind::Limit,
                format!("line {line}: an anchor's value contains itself"),
            ));
        }
        self.expanding.push(target);
        Ok(())
    }

    /// Counts what aliases add.
    fn count(&mut self, node: &Node<'s>) -> Result<(), Fault> {
        if self.expanding.is_empty() {
            return Ok(());
        }
        let text = if let Shape::Scalar { value, .. } = &node.shape { value.len() / 1024 } else { 0 };
        self.aliased += 1 + text;
        if self.aliased > MAX_ALIASED {
            let message = format!("line {}: aliases expand to more than {MAX_ALIASED} values", node.line);
            return Err(Fault::new(FaultKind::Limit, message));
        }
        Ok(())
    }

    fn key(&self, node: &Node<'s>) -> Result<Text<'a>, Fault> {
        let mut target = node;
        while let Shape::Alias(id) = target.shape {
            target = &self.nodes[id];
        }
        if let Shape::Scalar { value, plain, tag } = &target.shape
            && let Scalar::Text(text) = self.scalar(*tag, *plain, value, node.line)?
        {
            return Ok(text);
        }
        Err(refuse(node.line, "a key is not a string").hint("put the key into quotes"))
    }

    fn scalar(
        &self,
        tag: Tag,
        plain: bool,
        value: &Cow<'s, [u8]>,
        line: usize,
    ) -> Result<Scalar<Text<'a>>, Fault> {
        Ok(match resolve(tag, plain, value) {
            Meaning::Str => Scalar::Text((self.keep)(value.clone())),
            Meaning::Bytes(bytes) => Scalar::Text(Cow::Owned(bytes)),
            Meaning::Null => Scalar::Null,
            Meaning::Bool(value) => Scalar::Bool(value),
            Meaning::Int(number) => Scalar::Int(number),
            Meaning::Float(number) => Scalar::Float(number),
            Meaning::Time(time) => Scalar::Time(time),
            Meaning::Huge => {
                return Err(refuse(line, "a whole number does not fit 64 bits").hint("put it into quotes"));
            }
            Meaning::Misfit => return Err(refuse(line, "a value does not fit its tag")),
        })
    }
}

/// The depth of a collection in one at `depth`.
fn deeper(depth: usize, line: usize) -> Result<usize, Fault> {
    if depth >= MAX_DEPTH {
        let message = format!("line {line}: nested deeper than {MAX_DEPTH} levels");
        return Err(Fault::new(FaultKind::Limit, message));
    }
    Ok(depth + 1)
}

/// The keys of a map that were seen. Most maps are small.
#[derive(Default)]
struct Keys<'a> {
    few: Vec<Text<'a>>,
    many: HashSet<Text<'a>>,
}

impl<'a> Keys<'a> {
    /// Whether the key is new.
    fn add(&mut self, key: &Text<'a>) -> bool {
        if self.few.len() < 16 {
            if self.few.contains(key) {
                return false;
            }
            self.few.push(key.clone());
            return true;
        }
        !self.few.contains(key) && self.many.insert(key.clone())
    }
}

/// A key for a message.
fn printable(key: &[u8]) -> String {
    let text = String::from_utf8_lossy(key);
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// The lines of a comment, each without its `#`; empty ones are dropped.
fn lines<'a>(text: &[u8], inline: bool) -> impl Iterator<Item = Comment<Text<'a>>> {
    text.split(|&byte| byte == b'\n')
        .filter_map(<[u8]>::split_first)
        .map(move |(_, text)| Comment { text: Cow::Owned(text.to_vec()), inline })
}

fn note<'a>(entries: &mut Entries<'a>, text: &[u8], inline: bool) {
    if !text.is_empty() {
        entries.extend(lines(text, inline).map(Entry::Comment));
    }
}

fn note_item<'a>(items: &mut Vec<Item<'a, Text<'a>>>, text: &[u8], inline: bool) {
    if !text.is_empty() {
        items.extend(lines(text, inline).map(Item::Comment));
    }
}
