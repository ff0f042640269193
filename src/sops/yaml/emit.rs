//! Printing a tree as yaml.v3 prints it for sops, comments included (format, section 7.4).
//!
//! yaml.v3 keeps one head, one foot and one tail comment in its hands while it goes through the document, and prints
//! each when it comes by a place for it. A newer one replaces one that has found no place. The output is the same
//! only if that is done alike, so [`Emitter`] does it.

use zeroize::Zeroizing;

use super::style::{Style, analyze, choose, choose_tagged};
use super::writer::Writer;
use crate::secret::Secret;
use crate::sops::number;
use crate::sops::tree::{Entry, Item, Map, Node, Scalar, Text};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Columns of one level.
const STEP: usize = 4;

/// The longest key, in bytes, that is not introduced by `?`.
const MAX_SIMPLE_KEY: usize = 128;

/// The length of a line of base64.
const BASE64_LINE: usize = 70;

type Tree<'t, 'a> = &'t Node<'a, Secret>;
type Notes<'t> = Vec<&'t Secret>;

/// What a value stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the top of a document.
    Root,
    /// In a map.
    Pair,
    /// In a list.
    Item,
}

impl Place {
    /// The column of what is inside a value that stands in a collection at `column`.
    fn inner(self, column: usize) -> usize {
        match self {
            Self::Root => 0,
            Self::Item => column + 2,
            Self::Pair => STEP * ((column + STEP) / STEP),
        }
    }
}

/// Prints documents.
pub(super) struct Emitter<'t> {
    writer: Writer,
    head: Notes<'t>,
    foot: Notes<'t>,
    tail: Notes<'t>,
}

impl<'t> Emitter<'t> {
    /// Nothing printed yet.
    pub fn new() -> Self {
        Self { writer: Writer::new(), head: Vec::new(), foot: Vec::new(), tail: Vec::new() }
    }

    /// What was printed, unless it is too large.
    pub fn into_secret(self) -> Option<Secret> {
        self.writer.into_secret()
    }

    /// One document.
    pub fn document(&mut self, map: &'t Map<'_, Secret>, first: bool) {
        if !first {
            self.writer.indent(0);
            self.writer.sign(b"---", false, false);
            self.writer.indent(0);
        }
        let parts = Parts::of_map(map);
        hold(&mut self.head, parts.head.clone());
        self.print_head(0);
        self.print_foot(0);
        if parts.members.is_empty() {
            self.empty_map(Place::Root, 0);
        } else {
            self.pairs(parts, 0);
        }
        self.writer.set_foot_column(Some(0));
        self.print_foot(0);
        self.writer.set_foot_column(None);
        self.writer.indent(0);
    }

    fn print_head(&mut self, column: usize) {
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.writer.comment(&tail, column);
            self.writer.set_foot_column(Some(column));
        }
        if !self.head.is_empty() {
            let head = std::mem::take(&mut self.head);
            self.writer.comment(&head, column);
        }
    }

    fn print_foot(&mut self, column: usize) {
        if !self.foot.is_empty() {
            let foot = std::mem::take(&mut self.foot);
            self.writer.comment(&foot, column);
            self.writer.set_foot_column(Some(column));
        }
    }

    /// The pairs of a map at `column`.
    fn pairs(&mut self, parts: Parts<'t, (&'t Text<'_>, Tree<'t, '_>)>, column: usize) {
        for (head, (key, value)) in parts.members {
            hold(&mut self.head, head);
            self.print_head(column);
            self.writer.indent(column);
            self.key(key, column);
            self.value(value, Place::Pair, column, Vec::new(), Vec::new());
        }
        hold(&mut self.tail, parts.foot);
        self.print_head(column);
    }

    fn key(&mut self, key: &[u8], column: usize) {
        let text = Printable::of(key);
        if !text.multiline && text.length() <= MAX_SIMPLE_KEY {
            self.text(&text, Place::Pair, column);
            self.writer.attached_sign(b":");
            return;
        }
        self.writer.sign(b"?", false, true);
        self.text(&text, Place::Pair, column);
        self.writer.indent(column);
        self.writer.sign(b":", false, true);
    }

    /// The items of a list at `column`.
    fn items(&mut self, parts: Parts<'t, Tree<'t, '_>>, column: usize) {
        let last = parts.members.len() - 1;
        let mut foot = parts.foot;
        for (number, (head, item)) in parts.members.into_iter().enumerate() {
            let foot = if number == last { std::mem::take(&mut foot) } else { Vec::new() };
            self.value(item, Place::Item, column, head, foot);
        }
    }

    /// A value in a collection at `column`, with the comments of a list item.
    fn value(&mut self, node: Tree<'t, '_>, place: Place, column: usize, head: Notes<'t>, foot: Notes<'t>) {
        match node {
            Node::Scalar(scalar) => {
                hold(&mut self.foot, foot);
                self.start(place, column, head);
                self.scalar(scalar, place, column);
                self.print_foot(column);
            }
            Node::Map(map) => {
                let mut parts = Parts::of_map(map);
                self.start(place, column, join(head, std::mem::take(&mut parts.head)));
                self.print_foot(column);
                if parts.members.is_empty() {
                    hold(&mut self.foot, foot);
                    self.empty_map(place, column);
                } else {
                    self.pairs(parts, place.inner(column));
                    hold(&mut self.foot, foot);
                }
            }
            Node::List(list) => {
                let mut parts = Parts::of_list(list);
                self.start(place, column, join(head, std::mem::take(&mut parts.head)));
                self.print_foot(column);
                if parts.members.is_empty() {
                    hold(&mut self.foot, foot);
                    self.empty_list(column);
                } else {
                    self.items(parts, place.inner(column));
                    hold(&mut self.foot, foot);
                }
            }
        }
    }

    /// What comes before a value: for an item its head comment and the dash; a head in a map waits.
    fn start(&mut self, place: Place, column: usize, head: Notes<'t>) {
        hold(&mut self.head, head);
        if place == Place::Item {
            self.print_head(column);
            self.writer.indent(column);
            self.writer.sign(b"-", false, true);
        }
    }

    fn empty_map(&mut self, place: Place, column: usize) {
        let inner = if place == Place::Root { STEP } else { place.inner(column) };
        self.writer.sign(b"{", true, false);
        self.print_head(inner);
        self.writer.attached_sign(b"}");
        self.print_foot(column);
    }

    fn empty_list(&mut self, column: usize) {
        self.writer.sign(b"[", true, false);
        if self.writer.at_line_start() {
            self.writer.indent(column);
        }
        self.writer.attached_sign(b"]");
        self.print_foot(column);
    }

    fn scalar(&mut self, scalar: &Scalar<Secret>, place: Place, column: usize) {
        let text = match scalar {
            Scalar::Text(text) => return self.text(&Printable::of(text.expose()), place, column),
            Scalar::Int(number) => number.to_string(),
            Scalar::Float(number) => number::yaml(*number),
            Scalar::Bool(value) => value.to_string(),
            Scalar::Time(time) => time.clone(),
            Scalar::Null => "null".to_owned(),
        };
        self.writer.plain(Secret::new(text.into_bytes()).expose());
    }

    fn text(&mut self, text: &Printable<'_>, place: Place, column: usize) {
        if !text.tag.is_empty() {
            self.writer.tag(text.tag);
        }
        let inner = place.inner(column);
        match text.style {
            Style::Plain => self.writer.plain(text.bytes()),
            Style::Single => self.writer.single_quoted(text.bytes(), inner),
            Style::Double => self.writer.double_quoted(text.bytes()),
            Style::Literal => self.writer.literal(text.bytes(), inner, inner - column),
        }
    }
}

/// Takes a comment up; an empty one does not replace another.
fn hold<'t>(held: &mut Notes<'t>, notes: Notes<'t>) {
    if !notes.is_empty() {
        *held = notes;
    }
}

fn join<'t>(mut first: Notes<'t>, second: Notes<'t>) -> Notes<'t> {
    first.extend(second);
    first
}

/// A collection with its comments sorted: before the first member, before each other one, behind the last.
struct Parts<'t, M> {
    head: Notes<'t>,
    members: Vec<(Notes<'t>, M)>,
    foot: Notes<'t>,
}

impl<'t, M> Parts<'t, M> {
    fn of(entries: impl Iterator<Item = Result<M, &'t Secret>>) -> Self {
        let mut parts = Self { head: Vec::new(), members: Vec::new(), foot: Vec::new() };
        for entry in entries {
            match entry {
                Err(comment) => parts.foot.push(comment),
                Ok(member) => {
                    let mut notes = std::mem::take(&mut parts.foot);
                    if parts.members.is_empty() {
                        parts.head = std::mem::take(&mut notes);
                    }
                    parts.members.push((notes, member));
                }
            }
        }
        if parts.members.is_empty() {
            parts.head = std::mem::take(&mut parts.foot);
        }
        parts
    }
}

impl<'t, 'a> Parts<'t, (&'t Text<'a>, Tree<'t, 'a>)> {
    fn of_map(map: &'t Map<'a, Secret>) -> Self {
        Self::of(map.entries.iter().map(|entry| match entry {
            Entry::Pair(key, value) => Ok((key, value)),
            Entry::Comment(comment) => Err(&comment.text),
        }))
    }
}

impl<'t, 'a> Parts<'t, Tree<'t, 'a>> {
    fn of_list(list: &'t [Item<'a, Secret>]) -> Self {
        Self::of(list.iter().map(|item| match item {
            Item::Node(node) => Ok(node),
            Item::Comment(comment) => Err(&comment.text),
        }))
    }
}

/// A string as it will be printed.
struct Printable<'t> {
    text: &'t [u8],
    /// Base64, for what is not UTF-8.
    encoded: Option<Zeroizing<String>>,
    tag: &'static [u8],
    style: Style,
    multiline: bool,
}

impl<'t> Printable<'t> {
    fn of(text: &'t [u8]) -> Self {
        let encoded = std::str::from_utf8(text).is_err().then(|| base64_lines(text));
        let shown = encoded.as_ref().map_or(text, |encoded| encoded.as_bytes());
        let analysis = analyze(shown);
        let (tag, style): (&[u8], Style) = if encoded.is_some() {
            (b"!!binary", choose_tagged(shown, &analysis))
        } else if text == b"<<" {
            (b"!!merge", Style::Plain)
        } else {
            (b"", choose(shown, &analysis))
        };
        Self { text, encoded, tag, style, multiline: analysis.multiline }
    }

    fn bytes(&self) -> &[u8] {
        self.encoded.as_ref().map_or(self.text, |encoded| encoded.as_bytes())
    }

    fn length(&self) -> usize {
        self.bytes().len() + self.tag.len()
    }
}

/// Base64; in lines, if it is longer than one.
fn base64_lines(bytes: &[u8]) -> Zeroizing<String> {
    let whole = Zeroizing::new(STANDARD.encode(bytes));
    if whole.len() < BASE64_LINE {
        return whole;
    }
    let mut lines = Zeroizing::new(String::with_capacity(whole.len() + whole.len() / BASE64_LINE + 1));
    let mut rest = whole.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(BASE64_LINE));
        lines.push_str(line);
        lines.push('\n');
        rest = behind;
    }
    lines
}
