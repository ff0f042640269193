use super::super::sealing::{key, seal};
use super::super::{FaultKind, json};
use super::*;
use crate::sops::pattern::Pattern;

/// Opens a document in JSON syntax, in which the key `#` stands for a comment, with a MAC over `leaves`.
fn open_with(rule: &Rule, only_encrypted: bool, document: &str, leaves: &[&str]) -> Result<String, Fault> {
    let mut map = json::parse(document.as_bytes()).unwrap();
    comments(&mut map);
    let mut digest = Digest::new(only_encrypted);
    for leaf in leaves {
        digest.add(&Scalar::Text(Secret::copy_of(leaf.as_bytes())));
    }
    let last_modified = "2026-01-02T03:04:05Z".to_owned();
    let metadata = Metadata {
        mac: seal(&digest.finish(), &last_modified, "str"),
        last_modified,
        version: String::new(),
        mac_only_encrypted: only_encrypted,
        key_groups: Vec::new(),
        shamir_threshold: 0,
    };
    let opened = open(vec![map], &metadata, rule, &key())?;
    Ok(shown(&opened[0]))
}

fn comments(map: &mut Map<'_, Text<'_>>) {
    for entry in &mut map.entries {
        match entry {
            Entry::Pair(key, Node::Scalar(Scalar::Text(text))) if key.as_ref() == b"#" => {
                *entry = Entry::Comment(Comment { text: std::mem::take(text), inline: false });
            }
            Entry::Pair(_, Node::Map(map)) => comments(map),
            Entry::Pair(_, Node::List(items)) => {
                for item in items {
                    if let Item::Node(Node::Scalar(Scalar::Text(text))) = item
                        && let Some(comment) = text.strip_prefix(b"#")
                    {
                        *item = Item::Comment(Comment { text: Cow::Owned(comment.to_vec()), inline: false });
                    }
                }
            }
            _ => {}
        }
    }
}

fn shown(map: &Map<'_, Secret>) -> String {
    let entries = map.entries.iter().map(|entry| match entry {
        Entry::Comment(comment) => format!("#{}", String::from_utf8_lossy(comment.text.expose())),
        Entry::Pair(key, node) => format!("{}:{}", String::from_utf8_lossy(key), shown_node(node)),
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
}

fn shown_node(node: &Node<'_, Secret>) -> String {
    match node {
        Node::Map(map) => shown(map),
        Node::List(items) => {
            let items = items.iter().map(|item| match item {
                Item::Comment(comment) => format!("#{}", String::from_utf8_lossy(comment.text.expose())),
                Item::Node(node) => shown_node(node),
            });
            format!("[{}]", items.collect::<Vec<_>>().join(" "))
        }
        Node::Scalar(Scalar::Null) => "null".to_owned(),
        Node::Scalar(scalar) => {
            String::from_utf8_lossy(super::super::scalar_text(scalar).expose()).into_owned()
        }
    }
}

fn kind(result: Result<String, Fault>) -> Result<String, FaultKind> {
    result.map_err(|fault| fault.kind)
}

#[test]
fn the_context_is_the_keys_and_not_the_positions() {
    let (a, b, c) = (seal(b"1", "m:l:", "int"), seal(b"two", "m:l:", "str"), seal(b"x", "m:l:k:", "str"));
    let document = format!(r#"{{"m":{{"l":["{a}",["{b}"],{{"k":"{c}"}},null,""]}}}}"#);
    let opened = open_with(&Rule::default(), false, &document, &["1", "two", "x"]);
    assert_eq!(opened.unwrap(), "{m:{l:[1 [two] {k:x} null ]}}");
}

#[test]
fn comments_take_the_context_of_their_map_and_stay_if_not_encrypted() {
    let (top, inner) = (seal(b" top", ":", "comment"), seal(b" inner", "m:", "comment"));
    let item = seal(b" item", "m:l:", "comment");
    let document =
        format!(r##"{{"#":"{top}","#":" plain","m":{{"#":"{inner}","l":["{item}","# clear"]}}}}"##);
    let opened = open_with(&Rule::default(), false, &document, &[]);
    assert_eq!(opened.unwrap(), "{# top # plain m:{# inner l:[# item # clear]}}");
    // A string may be sealed where a comment stands; then it counts for the MAC.
    let document = format!(r##"{{"#":"{}"}}"##, seal(b"s", ":", "str"));
    assert_eq!(open_with(&Rule::default(), false, &document, &["s"]).unwrap(), "{#s}");
    assert_eq!(kind(open_with(&Rule::default(), false, &document, &[])), Err(FaultKind::Mac));
}

#[test]
fn an_empty_comment_in_a_list_stays_one_and_shifts_no_position() {
    let document = format!(r##"{{"l":["#","{}"]}}"##, seal(b"v", "l:", "str"));
    assert_eq!(open_with(&Rule::default(), false, &document, &["v"]).unwrap(), "{l:[# v]}");
}

#[test]
fn a_value_with_the_empty_key_at_the_top_has_the_context_of_a_comment() {
    let document = format!(r##"{{"":"{}","#":"{}"}}"##, seal(b"v", ":", "str"), seal(b"c", ":", "comment"));
    assert_eq!(open_with(&Rule::default(), false, &document, &["v"]).unwrap(), "{:v #c}");
    let document =
        format!(r##"{{"":{{"#":"{}","k":"{}"}}}}"##, seal(b"c", ":", "comment"), seal(b"v", ":k:", "str"));
    assert_eq!(open_with(&Rule::default(), false, &document, &["v"]).unwrap(), "{:{#c k:v}}");
}

#[test]
fn values_that_must_be_encrypted_and_are_not_are_refused() {
    for value in ["1", "true", "\"plain\"", "\"ENC[AES256_GCM,data:AA==]\""] {
        let fault = open_with(&Rule::default(), false, &format!(r#"{{"a":{{"b":[null,{value}]}}}}"#), &[])
            .unwrap_err();
        assert_eq!(fault.kind, FaultKind::Value);
        assert!(
            fault.message.starts_with("the value of 'a/b/1' is refused: it must be encrypted"),
            "{}",
            fault.message
        );
    }
    let document = format!(r#"{{"a":"{}"}}"#, seal(b"c", "a:", "comment"));
    assert_eq!(kind(open_with(&Rule::default(), false, &document, &[])), Err(FaultKind::Value));
    let document = format!(r##"{{"#":"{}"}}"##, seal(b"1", ":", "int"));
    assert_eq!(kind(open_with(&Rule::default(), false, &document, &["1"])), Err(FaultKind::Value));
}

#[test]
fn moved_values_do_not_open() {
    let (a, b) = (seal(b"1", "a:", "str"), seal(b"2", "b:", "str"));
    let good = format!(r#"{{"a":"{a}","b":"{b}"}}"#);
    assert_eq!(open_with(&Rule::default(), false, &good, &["1", "2"]).unwrap(), "{a:1 b:2}");
    let swapped = format!(r#"{{"a":"{b}","b":"{a}"}}"#);
    assert_eq!(kind(open_with(&Rule::default(), false, &swapped, &["1", "2"])), Err(FaultKind::Value));
    let reordered = format!(r#"{{"b":"{b}","a":"{a}"}}"#);
    assert_eq!(kind(open_with(&Rule::default(), false, &reordered, &["1", "2"])), Err(FaultKind::Mac));
    let removed = format!(r#"{{"a":"{a}"}}"#);
    assert_eq!(kind(open_with(&Rule::default(), false, &removed, &["1", "2"])), Err(FaultKind::Mac));
}

#[test]
fn key_rules_reach_down() {
    let pattern = |text: &str| Pattern::new(text.as_bytes()).unwrap();
    let document = |context: &str| {
        format!(r#"{{"p":1.5,"m_x":{{"k":"{}"}},"q":["clear"]}}"#, seal(b"s", context, "str"))
    };
    for rule in [
        Rule::EncryptedSuffix(b"_x".to_vec()),
        Rule::EncryptedRegex(pattern("^m")),
        Rule::UnencryptedRegex(pattern("^[pq]$")),
    ] {
        let opened = open_with(&rule, false, &document("m_x:k:"), &["1.5", "s", "clear"]);
        assert_eq!(opened.unwrap(), "{p:1.5 m_x:{k:s} q:[clear]}");
        let opened = open_with(&rule, true, &document("m_x:k:"), &["s"]);
        assert_eq!(opened.unwrap(), "{p:1.5 m_x:{k:s} q:[clear]}");
    }
    let nothing = Rule::EncryptedRegex(pattern("(?=x)"));
    assert_eq!(open_with(&nothing, true, r#"{"a":"b"}"#, &[]).unwrap(), "{a:b}");
    let default = format!(r#"{{"k_unencrypted":{{"x":"clear"}},"s":"{}"}}"#, seal(b"s", "s:", "str"));
    assert_eq!(
        open_with(&Rule::default(), false, &default, &["clear", "s"]).unwrap(),
        "{k_unencrypted:{x:clear} s:s}"
    );
}

#[test]
fn comment_rules_hold_for_the_next_value_and_all_below_it() {
    let pattern = |text: &str| Pattern::new(text.as_bytes()).unwrap();
    let rule = Rule::EncryptedCommentRegex(pattern("enc"));
    let (a, b, c) = (seal(b"1", "a:", "str"), seal(b"2", "m:b:", "str"), seal(b"3", "m:l:", "str"));
    let note = seal(b" note", "m:", "comment");
    let document = format!(
        r##"{{"#":"enc","a":"{a}","z":"clear","#":"enc","m":{{"b":"{b}","#":"{note}","l":["{c}"]}},"y":["#enc","{}","clear"]}}"##,
        seal(b"4", "y:", "str")
    );
    let opened = open_with(&rule, false, &document, &["1", "clear", "2", "3", "4", "clear"]);
    assert_eq!(opened.unwrap(), "{#enc a:1 z:clear #enc m:{b:2 # note l:[3]} y:[#enc 4 clear]}");

    let rule = Rule::UnencryptedCommentRegex(pattern("plain"));
    let document =
        format!(r##"{{"a":"{a}","#":"plain","m":{{"b":["clear"]}},"n":"{}"}}"##, seal(b"n", "n:", "str"));
    let opened = open_with(&rule, false, &document, &["1", "clear", "n"]);
    assert_eq!(opened.unwrap(), "{a:1 #plain m:{b:[clear]} n:n}");
}

#[test]
fn documents_share_one_mac() {
    let text =
        [seal(b"1", "a:", "str"), seal(b"2", "a:", "str")].map(|value| format!(r#"{{"a":"{value}"}}"#));
    let parse = |order: [usize; 2]| order.map(|index| json::parse(text[index].as_bytes()).unwrap()).into();
    let mut digest = Digest::new(false);
    for leaf in ["1", "2"] {
        digest.add(&Scalar::Text(Secret::copy_of(leaf.as_bytes())));
    }
    let metadata = Metadata {
        last_modified: "t".into(),
        mac: seal(&digest.finish(), "t", "str"),
        version: String::new(),
        mac_only_encrypted: false,
        key_groups: Vec::new(),
        shamir_threshold: 0,
    };
    let opened = open(parse([0, 1]), &metadata, &Rule::default(), &key()).unwrap();
    assert_eq!([shown(&opened[0]), shown(&opened[1])], ["{a:1}", "{a:2}"]);
    let swapped = open(parse([1, 0]), &metadata, &Rule::default(), &key()).map(|_| ());
    assert_eq!(swapped.map_err(|fault| fault.kind), Err(FaultKind::Mac));
}
