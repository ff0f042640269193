//! From events to a graph of nodes: nesting, anchors, and the last say on where foot comments go.

use std::borrow::Cow;
use std::collections::HashMap;

use super::event::{Event, Notes, What};
use super::parser::Parser;
use super::resolve::Tag;
use super::{refuse, too_deep};
use crate::sops::{Fault, MAX_DEPTH};

/// The place of a node in [`Graph::nodes`].
pub(super) type NodeId = usize;

/// One node of a document.
pub(super) struct Node<'s> {
    pub shape: Shape<'s>,
    /// Line of the file, counted from 1.
    pub line: usize,
    notes: Option<Box<Notes>>,
}

/// What a node is.
pub(super) enum Shape<'s> {
    Scalar {
        value: Cow<'s, [u8]>,
        plain: bool,
        tag: Tag,
    },
    Sequence(Vec<NodeId>),
    /// Keys and values by turns.
    Mapping(Vec<NodeId>),
    Alias(NodeId),
}

/// A document: its root, and the comments that belong to neither key nor value.
pub(super) struct Document {
    pub root: NodeId,
    pub head: Vec<u8>,
    pub foot: Vec<u8>,
}

/// The nodes of all documents of a stream, which may name each other by anchors.
pub(super) struct Graph<'s> {
    pub nodes: Vec<Node<'s>>,
    pub documents: Vec<Document>,
}

impl<'s> Node<'s> {
    fn new(shape: Shape<'s>, line: usize, notes: Notes) -> Self {
        let mut node = Self { shape, line, notes: None };
        if !notes.head.is_empty() || !notes.line.is_empty() || !notes.foot.is_empty() {
            node.notes = Some(Box::new(notes));
        }
        node
    }

    /// The comment above it.
    pub fn head(&self) -> &[u8] {
        self.notes.as_ref().map_or(&[], |notes| &notes.head)
    }

    /// The comment behind it.
    pub fn line_comment(&self) -> &[u8] {
        self.notes.as_ref().map_or(&[], |notes| &notes.line)
    }

    /// The comment below it.
    pub fn foot(&self) -> &[u8] {
        self.notes.as_ref().map_or(&[], |notes| &notes.foot)
    }

    fn take_foot(&mut self) -> Vec<u8> {
        self.notes.as_mut().map(|notes| std::mem::take(&mut notes.foot)).unwrap_or_default()
    }

    fn notes_mut(&mut self) -> &mut Notes {
        self.notes.get_or_insert_default()
    }
}

/// A collection whose end has not been met.
struct Open {
    id: NodeId,
    children: Vec<NodeId>,
    /// A block map: the feet of its keys and values move.
    block_mapping: bool,
}

/// Reads the whole stream.
///
/// # Errors
/// `Parse` for text that is not YAML and for unknown anchors, `Limit` for nesting deeper than [`MAX_DEPTH`].
pub(super) fn compose(text: &[u8]) -> Result<Graph<'_>, Fault> {
    let mut composer = Composer {
        parser: Parser::new(text),
        graph: Graph { nodes: Vec::new(), documents: Vec::new() },
        anchors: HashMap::new(),
        open: Vec::new(),
    };
    loop {
        let event = composer.parser.next()?;
        match event.what {
            What::StreamEnd => return Ok(composer.graph),
            _ => composer.document(event.notes.head)?,
        }
    }
}

struct Composer<'s> {
    parser: Parser<'s>,
    graph: Graph<'s>,
    /// Anchors live to the end of the stream, as in yaml.v3; a later one of the same name replaces the former.
    anchors: HashMap<Cow<'s, [u8]>, NodeId>,
    open: Vec<Open>,
}

impl<'s> Composer<'s> {
    /// One document, from behind its start event to its end event.
    fn document(&mut self, head: Vec<u8>) -> Result<(), Fault> {
        let mut root = None;
        loop {
            let event = self.parser.next()?;
            let line = event.start.line + 1;
            let done = match event.what {
                What::DocumentEnd => {
                    let Some(root) = root else { return Err(refuse(line, "the document has no content")) };
                    self.graph.documents.push(Document { root, head, foot: event.notes.foot });
                    return Ok(());
                }
                What::SequenceEnd | What::MappingEnd => self.close(event),
                What::SequenceStart | What::MappingStart { .. } => self.open(event)?,
                _ => Some(self.leaf(event)?),
            };
            if let Some(id) = done {
                match self.open.last_mut() {
                    Some(open) => attach(&mut self.graph.nodes, open, id),
                    None => root = Some(id),
                }
            }
        }
    }

    fn leaf(&mut self, event: Event<'s>) -> Result<NodeId, Fault> {
        let line = event.start.line + 1;
        let shape = match event.what {
            What::Alias(name) => {
                // Not named: in a file that is not encrypted it may be a value that starts with '*'.
                let unknown = || refuse(line, "an alias names an unknown anchor");
                Shape::Alias(self.anchors.get(&name).copied().ok_or_else(unknown)?)
            }
            What::Scalar { value, plain } => Shape::Scalar { value, plain, tag: Tag::of(&event.tag) },
            _ => return Err(refuse(line, "did not find expected node content")),
        };
        Ok(self.add(shape, line, event.notes, event.anchor))
    }

    fn open(&mut self, event: Event<'s>) -> Result<Option<NodeId>, Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(event.start.line + 1));
        }
        let (shape, block_mapping) = match event.what {
            What::MappingStart { flow } => (Shape::Mapping(Vec::new()), !flow),
            _ => (Shape::Sequence(Vec::new()), false),
        };
        let id = self.add(shape, event.start.line + 1, event.notes, event.anchor);
        self.open.push(Open { id, children: Vec::new(), block_mapping });
        Ok(None)
    }

    fn close(&mut self, event: Event<'s>) -> Option<NodeId> {
        let mut open = self.open.pop()?;
        let graph = &mut self.graph;
        let Notes { line, mut foot, .. } = event.notes;
        // A foot below a block map is one of its last key.
        if open.block_mapping
            && !foot.is_empty()
            && let [.., key, _] = open.children[..]
        {
            graph.nodes[key].notes_mut().foot = std::mem::take(&mut foot);
        }
        let node = &mut graph.nodes[open.id];
        if !line.is_empty() || !foot.is_empty() || node.notes.is_some() {
            let notes = node.notes_mut();
            (notes.line, notes.foot) = (line, foot);
        }
        open.children.shrink_to_fit();
        match &mut node.shape {
            Shape::Sequence(children) | Shape::Mapping(children) => *children = open.children,
            _ => {}
        }
        Some(open.id)
    }

    fn add(&mut self, shape: Shape<'s>, line: usize, notes: Notes, anchor: Cow<'s, [u8]>) -> NodeId {
        let id = self.graph.nodes.len();
        self.graph.nodes.push(Node::new(shape, line, notes));
        if !anchor.is_empty() {
            self.anchors.insert(anchor, id);
        }
        id
    }
}

/// Adds a child. In a block map the foot of a key belongs to the key before it; the foot of a value to its key.
fn attach(nodes: &mut [Node<'_>], open: &mut Open, id: NodeId) {
    open.children.push(id);
    let mapping = matches!(nodes[open.id].shape, Shape::Mapping(_));
    let is_key = open.children.len() % 2 == 1;
    let (from, to) = match open.children[..] {
        [.., before, _, key] if open.block_mapping && is_key => (key, before),
        [.., key, value] if mapping && !is_key && nodes[key].foot().is_empty() => (value, key),
        _ => return,
    };
    if !nodes[from].foot().is_empty() {
        nodes[to].notes_mut().foot = nodes[from].take_foot();
    }
}
