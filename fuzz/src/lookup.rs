//! `key`: what a search finds in a document is what a slow and obvious one finds.

use serde_json::{Map, Value, json};
use sops_activate::sops::{Document, Format};

use super::plain::{self, block_key, is_fit_to_print};
use super::tree::Choices;

/// Keys that fit into each other in more than one way.
const KEYS: [&str; 9] = ["a", "b", "a/b", "", "0", "1", "a/", "/", "b/0/a"];

fn value(choices: &mut Choices<'_>, depth: usize) -> Value {
    let kinds = if depth == 0 { 4 } else { 8 };
    match choices.below(kinds) {
        0 => Value::String(choices.pick(&KEYS).to_owned()),
        1 => json!(choices.below(256)),
        2 => json!(choices.below(2) == 1),
        3 => Value::Null,
        4 => (0..choices.below(4)).map(|_| value(choices, depth - 1)).collect(),
        _ => object(choices, depth - 1).into(),
    }
}

fn object(choices: &mut Choices<'_>, depth: usize) -> Map<String, Value> {
    (0..choices.below(5)).map(|_| (choices.pick(&KEYS).to_owned(), value(choices, depth))).collect()
}

/// The scalar at `key`, by trying every way, the longest key of a map first.
fn find<'v>(value: &'v Value, key: Option<&str>) -> Option<&'v Value> {
    let Some(key) = key else {
        return (!(value.is_null() || value.is_array() || value.is_object())).then_some(value);
    };
    match value {
        Value::Object(map) => {
            let mut names: Vec<&String> = map.keys().collect();
            names.sort_by_key(|name| std::cmp::Reverse(name.len()));
            names.into_iter().find_map(|name| {
                let rest = key.strip_prefix(name.as_str())?;
                let rest = if rest.is_empty() { None } else { Some(rest.strip_prefix('/')?) };
                find(&map[name], rest)
            })
        }
        Value::Array(items) => {
            let (step, rest) = key.split_once('/').map_or((key, None), |(step, rest)| (step, Some(rest)));
            let index: usize = step.parse().ok()?;
            find(items.get(index).filter(|_| index.to_string() == step)?, rest)
        }
        _ => None,
    }
}

pub fn lookup(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut document = object(&mut choices, 5);
    document.insert("sops".into(), serde_json::from_str(plain::JSON).expect("a block of the real sops"));
    let file = Value::Object(document.clone()).to_string();
    document.remove("sops");
    let document = Value::Object(document);
    let opened =
        Document::parse(file.as_bytes(), Format::Json).and_then(|file| file.open(block_key(Format::Json)));
    let opened = opened.expect("a document without encrypted values");
    let values = opened.values().expect("a document");
    while !choices.is_empty() {
        let steps: Vec<&str> = (0..=choices.below(4)).map(|_| choices.pick(&KEYS)).collect();
        let key = steps.join("/");
        if key.is_empty() {
            continue; // the whole file
        }
        match (values.lookup(&key), find(&document, Some(&key))) {
            (Ok(ours), Some(theirs)) => {
                let theirs = theirs.as_str().map_or_else(|| theirs.to_string(), str::to_owned);
                assert_eq!(String::from_utf8_lossy(ours.expose()), theirs, "{key} in {document}");
            }
            (Err(fault), None) => is_fit_to_print(&fault),
            (ours, theirs) => panic!("{key} is {:?} and not {theirs:?} in {document}", ours.is_ok()),
        }
    }
}
