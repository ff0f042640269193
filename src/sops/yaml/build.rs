//! From the graph of nodes to sops' tree: aliases expanded in place, comments as entries, keys checked.

use std::borrow::Cow;
use std::collections::HashSet;

use super::compose::{Document, Graph, Node, NodeId, Shape};
use super::resolve::{Meaning, resolve};
use super::{refuse, too_deep};
use crate::sops::tree::{self, Comment, Entry, Item, Map, Scalar, Text};
use crate::sops::{Fault, FaultKind, MAX_DEPTH, quoted};

/// How many nodes aliases may add to a stream, each KiB of text counting as one more. sops itself expands without
/// limit and can be hung by a small file; files that sops encrypted hold no aliases at all.
pub(super) const MAX_ALIASED: usize = 100_000;

/// How text is kept: borrowed from the file, or as an own copy.
pub(super) type Keep<'s, 'a> = fn(Cow<'s, [u8]>) -> Text<'a>;

/// Builds the tree of every document.
///
/// # Errors
/// `Parse` for documents that are no maps, keys that are no strings or, in the first document, occur twice, and scalars that do not fit their
/// tags; `Limit` for aliases that expand to too much, or to themselves.
pub(super) fn build<'s, 'a>(graph: Graph<'s>, keep: Keep<'s, 'a>) -> Result<Vec<Map<'a, Text<'a>>>, Fault> {
    let Graph { nodes, documents } = graph;
    let mut builder = Builder {
        nodes: &nodes,
        keep,
        open: Vec::new(),
        expanding: Vec::new(),
        aliased: 0,
        refuses_duplicates: true,
    };
    let mut maps = Vec::with_capacity(documents.len());
    for document in &documents {
        maps.push(builder.document(document)?);
        // sops keeps, hashes and prints both where it does not look: in every document but the first. Keys are
        // looked up in the first only.
        builder.refuses_duplicates = false;
    }
    Ok(maps)
}

struct Builder<'n, 's, 'a> {
    nodes: &'n [Node<'s>],
    keep: Keep<'s, 'a>,
    /// The collections around the current node, outermost first. Not the call stack: a file decides how deep it is.
    open: Vec<Open<'n, 'a>>,
    /// The targets of the aliases that are being expanded.
    expanding: Vec<NodeId>,
    /// Nodes that aliases added so far.
    aliased: usize,
    /// Whether a key that stands twice in a map is a fault.
    refuses_duplicates: bool,
}

type Entries<'a> = Vec<Entry<'a, Text<'a>>>;
type Items<'a> = Vec<Item<'a, Text<'a>>>;

/// A collection that is being filled.
struct Open<'n, 'a> {
    /// Its members; keys and values by turns in a map.
    rest: std::slice::Iter<'n, NodeId>,
    contents: Contents<'n, 'a>,
    /// What comes behind its last member.
    foot: &'n [u8],
    /// The length of `expanding` once it is done.
    expanding: usize,
}

enum Contents<'n, 'a> {
    Map {
        entries: Entries<'a>,
        seen: Keys<'a>,
        key: Text<'a>,
        /// What comes behind the pair: the foot of a scalar value, the foot of the key.
        feet: [&'n [u8]; 2],
    },
    List {
        items: Items<'a>,
        /// What comes behind the item.
        foot: &'n [u8],
    },
}

impl<'n, 's, 'a> Builder<'n, 's, 'a> {
    fn document(&mut self, document: &'n Document) -> Result<Map<'a, Text<'a>>, Fault> {
        let mut entries = Vec::new();
        let mut feet = vec![&document.foot[..]];
        note(&mut entries, &document.head, false);
        let mut id = document.root;
        let pairs: &[NodeId] = loop {
            let node = &self.nodes[id];
            note(&mut entries, node.head(), false);
            note(&mut entries, node.line_comment(), false);
            feet.push(node.foot());
            match &node.shape {
                Shape::Mapping(pairs) => break pairs,
                Shape::Alias(target) => {
                    self.enter(*target, node.line)?;
                    id = *target;
                }
                Shape::Scalar { value, plain, tag } if resolve(*tag, *plain, value) == Meaning::Null => {
                    feet.pop();
                    break &[];
                }
                Shape::Scalar { .. } | Shape::Sequence(_) => {
                    return Err(refuse(node.line, "a document must be a map"));
                }
            }
        };
        self.open_map(pairs, entries, &[], 0);
        let mut map = self.fill()?;
        for foot in feet.into_iter().rev() {
            note(&mut map.entries, foot, false);
        }
        Ok(map)
    }

    /// Fills the open collections until the outermost one, a map, is done.
    fn fill(&mut self) -> Result<Map<'a, Text<'a>>, Fault> {
        loop {
            let Some(mut open) = self.open.pop() else { return Ok(Map::default()) };
            let done = if let Some((member, noted)) = self.next_member(&mut open)? {
                self.open.push(open);
                self.begin(member, noted)?
            } else {
                self.expanding.truncate(open.expanding);
                match open.finish() {
                    tree::Node::Map(map) if self.open.is_empty() => return Ok(map),
                    node => Some(node),
                }
            };
            if let (Some(value), Some(open)) = (done, self.open.last_mut()) {
                open.put(value);
            }
        }
    }

    /// The next member of a collection, and whether its comments stand around it there. Puts down the comments and
    /// the key before it.
    fn next_member(&mut self, open: &mut Open<'n, 'a>) -> Result<Option<(NodeId, bool)>, Fault> {
        let nodes = self.nodes;
        let Some(&first) = open.rest.next() else { return Ok(None) };
        match &mut open.contents {
            Contents::List { items, foot } => {
                let item = &nodes[first];
                note_item(items, item.head(), false);
                note_item(items, item.line_comment(), true);
                *foot = item.foot();
                Ok(Some((first, true)))
            }
            Contents::Map { entries, seen, key, feet } => {
                let Some(&second) = open.rest.next() else { return Ok(None) };
                let (key_node, value_node) = (&nodes[first], &nodes[second]);
                note(entries, key_node.head(), false);
                note(entries, key_node.line_comment(), false);
                *feet = [&[], key_node.foot()];
                let leaf = matches!(value_node.shape, Shape::Scalar { .. } | Shape::Alias(_));
                if leaf {
                    note(entries, value_node.head(), false);
                    note(entries, value_node.line_comment(), true);
                    feet[0] = value_node.foot();
                }
                *key = self.key(key_node)?;
                if self.refuses_duplicates && !seen.add(key) {
                    return Err(refuse(key_node.line, &format!("the key {} occurs twice", quoted(key))));
                }
                Ok(Some((second, false)))
            }
        }
    }

    /// Starts a value: a scalar is done at once, a collection is opened. `noted`: its comments stand around it.
    fn begin(&mut self, mut id: NodeId, mut noted: bool) -> Result<Option<tree::Node<'a, Text<'a>>>, Fault> {
        let nodes = self.nodes;
        let expanding = self.expanding.len();
        loop {
            let node = &nodes[id];
            self.count(node)?;
            let foot = if noted { &[] } else { node.foot() };
            match &node.shape {
                Shape::Alias(target) => {
                    self.enter(*target, node.line)?;
                    (id, noted) = (*target, false);
                    continue;
                }
                Shape::Scalar { .. } => {
                    let scalar = self.scalar(&node.shape, node.line)?;
                    self.expanding.truncate(expanding);
                    return Ok(Some(tree::Node::Scalar(scalar)));
                }
                Shape::Mapping(_) | Shape::Sequence(_) if self.open.len() >= MAX_DEPTH => {
                    return Err(too_deep(node.line));
                }
                Shape::Mapping(pairs) => {
                    let mut entries = Vec::with_capacity(pairs.len() / 2);
                    if !noted {
                        note(&mut entries, node.head(), false);
                        note(&mut entries, node.line_comment(), false);
                    }
                    self.open_map(pairs, entries, foot, expanding);
                }
                Shape::Sequence(children) => {
                    let mut items = Vec::with_capacity(children.len());
                    if !noted {
                        note_item(&mut items, node.head(), false);
                        note_item(&mut items, node.line_comment(), false);
                    }
                    let contents = Contents::List { items, foot: &[] };
                    self.open.push(Open { rest: children.iter(), contents, foot, expanding });
                }
            }
            return Ok(None);
        }
    }

    fn open_map(&mut self, pairs: &'n [NodeId], entries: Entries<'a>, foot: &'n [u8], expanding: usize) {
        let key = Cow::Borrowed(&b""[..]);
        let contents = Contents::Map { entries, seen: Keys::default(), key, feet: [&[], &[]] };
        self.open.push(Open { rest: pairs.iter(), contents, foot, expanding });
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
        let target = if let Shape::Alias(id) = node.shape { &self.nodes[id] } else { node };
        if let Scalar::Text(text) = self.scalar(&target.shape, node.line)? {
            return Ok(text);
        }
        Err(refuse(node.line, "a key is not a string").hint("put the key into quotes"))
    }

    fn scalar(&self, shape: &Shape<'s>, line: usize) -> Result<Scalar<Text<'a>>, Fault> {
        let Shape::Scalar { value, plain, tag } = shape else { return Ok(Scalar::Null) };
        Ok(match resolve(*tag, *plain, value) {
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

impl<'a> Open<'_, 'a> {
    /// Puts a member in, and the comments behind it.
    fn put(&mut self, value: tree::Node<'a, Text<'a>>) {
        match &mut self.contents {
            Contents::Map { entries, key, feet, .. } => {
                entries.push(Entry::Pair(std::mem::take(key), value));
                for foot in feet {
                    note(entries, foot, false);
                }
            }
            Contents::List { items, foot } => {
                items.push(Item::Node(value));
                note_item(items, foot, false);
            }
        }
    }

    fn finish(self) -> tree::Node<'a, Text<'a>> {
        match self.contents {
            Contents::Map { mut entries, .. } => {
                note(&mut entries, self.foot, false);
                tree::Node::Map(Map { entries })
            }
            Contents::List { mut items, .. } => {
                note_item(&mut items, self.foot, false);
                tree::Node::List(items)
            }
        }
    }
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

/// The lines of a comment, each without its `#`; empty ones are dropped.
fn lines<'a>(text: &[u8], inline: bool) -> impl Iterator<Item = Comment<Text<'a>>> {
    text.split(|&byte| byte == b'\n')
        .filter_map(<[u8]>::split_first)
        .map(move |(_, text)| Comment { text: Cow::Owned(text.to_vec()), inline })
}

fn note(entries: &mut Entries<'_>, text: &[u8], inline: bool) {
    if !text.is_empty() {
        entries.extend(lines(text, inline).map(Entry::Comment));
    }
}

fn note_item(items: &mut Vec<Item<'_, Text<'_>>>, text: &[u8], inline: bool) {
    if !text.is_empty() {
        items.extend(lines(text, inline).map(Item::Comment));
    }
}
