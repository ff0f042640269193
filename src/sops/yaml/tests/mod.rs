//! The examples of the format description (sections 3.5, 3.6, 7.3, 7.4), every refusal, and random texts.

mod printing;
mod random;
mod reading;
mod refusals;

use super::*;
use crate::sops::tree::{Comment, Entry, Item, Node, Scalar};

/// The tree as decryption would leave it if nothing was encrypted.
fn opened<'a>(map: Map<'a, Text<'a>>) -> Map<'a, Secret> {
    let entries = map.entries.into_iter().map(|entry| match entry {
        Entry::Pair(key, value) => Entry::Pair(key, opened_node(value)),
        Entry::Comment(comment) => Entry::Comment(opened_comment(comment)),
    });
    Map { entries: entries.collect() }
}

fn opened_comment(comment: Comment<Text<'_>>) -> Comment<Secret> {
    Comment { text: Secret::new(comment.text.into_owned()), inline: comment.inline }
}

fn opened_node<'a>(node: Node<'a, Text<'a>>) -> Node<'a, Secret> {
    let item = |item| match item {
        Item::Node(node) => Item::Node(opened_node(node)),
        Item::Comment(comment) => Item::Comment(opened_comment(comment)),
    };
    Node::Scalar(match node {
        Node::Map(map) => return Node::Map(opened(map)),
        Node::List(items) => return Node::List(items.into_iter().map(item).collect()),
        Node::Scalar(Scalar::Text(text)) => Scalar::Text(Secret::new(text.into_owned())),
        Node::Scalar(Scalar::Int(value)) => Scalar::Int(value),
        Node::Scalar(Scalar::Float(value)) => Scalar::Float(value),
        Node::Scalar(Scalar::Bool(value)) => Scalar::Bool(value),
        Node::Scalar(Scalar::Time(value)) => Scalar::Time(value),
        Node::Scalar(Scalar::Null) => Scalar::Null,
    })
}

fn printed_bytes(text: &[u8]) -> Vec<u8> {
    let documents: Vec<_> = parse(text).unwrap().into_iter().map(opened).collect();
    emit(&documents).unwrap().expose().to_vec()
}

fn printed(text: &str) -> String {
    String::from_utf8(printed_bytes(text.as_bytes())).unwrap()
}

/// A tree in one line: `{k=s"text" #comment}`.
fn shown(map: &Map<'_, Text<'_>>) -> String {
    let entries = map.entries.iter().map(|entry| match entry {
        Entry::Pair(key, value) => format!("{}={}", String::from_utf8_lossy(key), shown_node(value)),
        Entry::Comment(comment) => shown_comment(comment),
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
}

fn shown_comment(comment: &Comment<Text<'_>>) -> String {
    let sign = if comment.inline { "<#" } else { "#" };
    format!("{sign}{}", String::from_utf8_lossy(&comment.text))
}

fn shown_node(node: &Node<'_, Text<'_>>) -> String {
    match node {
        Node::Map(map) => shown(map),
        Node::List(items) => {
            let items = items.iter().map(|item| match item {
                Item::Node(node) => shown_node(node),
                Item::Comment(comment) => shown_comment(comment),
            });
            format!("[{}]", items.collect::<Vec<_>>().join(" "))
        }
        Node::Scalar(Scalar::Text(text)) => format!("{:?}", String::from_utf8_lossy(text)),
        Node::Scalar(Scalar::Int(value)) => format!("int {value}"),
        Node::Scalar(Scalar::Float(value)) => format!("float {value:?}"),
        Node::Scalar(Scalar::Bool(value)) => format!("bool {value}"),
        Node::Scalar(Scalar::Time(value)) => format!("time {value}"),
        Node::Scalar(Scalar::Null) => "null".to_owned(),
    }
}

fn trees(text: &[u8]) -> String {
    parse(text).unwrap().iter().map(shown).collect::<Vec<_>>().join(" --- ")
}

fn tree(text: &str) -> String {
    trees(text.as_bytes())
}

fn fault(text: &[u8]) -> Fault {
    match parse(text) {
        Err(fault) => fault,
        Ok(documents) => {
            panic!("accepted: {:?}", documents.iter().map(shown).collect::<Vec<_>>())
        }
    }
}

fn refused(text: &str, reason: &str) {
    let fault = fault(text.as_bytes());
    assert_eq!(fault.kind, FaultKind::Parse, "{text:?}");
    assert!(fault.message.contains(reason), "{text:?}: {}", fault.message);
}

fn secret_node(text: &[u8]) -> Node<'static, Secret> {
    Node::Scalar(Scalar::Text(Secret::copy_of(text)))
}
