use super::*;

/// Reads a document and prints it again: the same for texts that need no secrets.
fn printed(text: &[u8]) -> Result<String, Fault> {
    let map = parse(text)?;
    let printed = emit(&secret_map(map))?;
    Ok(String::from_utf8(printed.expose().to_vec()).unwrap())
}

fn secret_map<'a>(map: Map<'a, Text<'a>>) -> Map<'a, Secret> {
    let entries = map.entries.into_iter().filter_map(|entry| match entry {
        Entry::Pair(key, node) => Some(Entry::Pair(key, secret_node(node))),
        Entry::Comment(_) => None,
    });
    Map { entries: entries.collect() }
}

fn secret_node<'a>(node: Node<'a, Text<'a>>) -> Node<'a, Secret> {
    match node {
        Node::Map(map) => Node::Map(secret_map(map)),
        Node::List(items) => Node::List(
            items
                .into_iter()
                .filter_map(|item| match item {
                    Item::Node(node) => Some(Item::Node(secret_node(node))),
                    Item::Comment(_) => None,
                })
                .collect(),
        ),
        Node::Scalar(Scalar::Text(text)) => Node::Scalar(Scalar::Text(Secret::new(text.into_owned()))),
        Node::Scalar(Scalar::Float(value)) => Node::Scalar(Scalar::Float(value)),
        Node::Scalar(Scalar::Bool(value)) => Node::Scalar(Scalar::Bool(value)),
        Node::Scalar(_) => Node::Scalar(Scalar::Null),
    }
}

#[test]
fn layout_order_and_duplicates_are_those_of_sops() {
    let text = br#" {"b":[1,{"c":{}},[]],"a":null, "b":true,"d":{"e":false}} "#;
    let wanted = "{\n\t\"b\": [\n\t\t1,\n\t\t{\n\t\t\t\"c\": {}\n\t\t},\n\t\t[]\n\t],\n\t\"a\": null,\n\t\"b\": true,\n\t\"d\": {\n\t\t\"e\": false\n\t}\n}\n";
    assert_eq!(printed(text).unwrap(), wanted);
    assert_eq!(printed(b"{}").unwrap(), "{}\n");
}

#[test]
fn numbers_are_doubles() {
    for (text, shown) in [
        ("9007199254740993", "9007199254740992"),
        ("-0", "-0"),
        ("1.0", "1"),
        ("1e21", "1e+21"),
        ("0.0000001", "1e-7"),
        ("123E-2", "1.23"),
        ("1e-999", "0"),
    ] {
        assert_eq!(
            printed(format!("{{\"n\":{text}}}").as_bytes()).unwrap(),
            format!("{{\n\t\"n\": {shown}\n}}\n")
        );
    }
}

#[test]
fn strings_are_unescaped_and_escaped_as_go_does() {
    for (text, shown) in [
        (&br#""\u00e9\uD83D\uDE00\/\"\\""#[..], "\"é😀/\\\"\\\\\""),
        (br#""\ud800\u0041\udc00x\ud83d""#, "\"\u{fffd}A\u{fffd}x\u{fffd}\""),
        (br#""\ud83d\ud83d\ude00""#, "\"\u{fffd}😀\""),
        (b"\"a\xe2\x82b\xff\"", "\"a\u{fffd}\u{fffd}b\u{fffd}\""),
        (b"\"a\\tb\xff\"", "\"a\\tb\u{fffd}\""),
        (br#""\b\f\n\r\t\u0001\u001f\u007f""#, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\""),
        ("\"<a>&\u{2028}\u{2029}\"".as_bytes(), "\"\\u003ca\\u003e\\u0026\\u2028\\u2029\""),
    ] {
        let mut file = b"{\"k\":".to_vec();
        file.extend_from_slice(text);
        file.push(b'}');
        assert_eq!(printed(&file).unwrap(), format!("{{\n\t\"k\": {shown}\n}}\n"));
    }
    // Decrypted bytes need not be UTF-8.
    let mut out = SecretBuffer::default();
    emit_string(b"a\xe2\x82z", &mut out);
    assert_eq!(out.expose(), br#""a\ufffd\ufffdz""#);
}

#[test]
fn strings_without_escapes_are_borrowed() {
    let text = br#"{"key":"value"}"#;
    let map = parse(text).unwrap();
    assert!(matches!(
        &map.entries[0],
        Entry::Pair(Cow::Borrowed(b"key"), Node::Scalar(Scalar::Text(Cow::Borrowed(b"value"))))
    ));
}

#[test]
fn everything_else_is_refused_where_it_is() {
    for text in [
        &b""[..],
        b" ",
        b"[]",
        b"null",
        b"\"a\"",
        b"1",
        b"{",
        b"{\"a\"",
        b"{\"a\":",
        b"{\"a\":1",
        b"{\"a\":1,}",
        b"{\"a\":1}x",
        b"{\"a\":1}{}",
        b"{,}",
        b"{a:1}",
        b"{'a':1}",
        b"{\"a\":01}",
        b"{\"a\":+1}",
        b"{\"a\":.5}",
        b"{\"a\":1.}",
        b"{\"a\":1e}",
        b"{\"a\":-}",
        b"{\"a\":1e999}",
        b"{\"a\":NaN}",
        b"{\"a\":tru}",
        b"{\"a\":[1,]}",
        b"{\"a\":[1 2]}",
        b"{\"a\":[}",
        b"{\"a\":\"\n\"}",
        b"{\"a\":\"\x1f\"}",
        b"{\"a\":\"x\\t\x01\"}",
        b"{\"a\":\"\\x\"}",
        b"{\"a\":\"\\u12\"}",
        b"{\"a\":\"\\u12g4\"}",
        b"{\"a\":\"\\",
        b"{\"a\":\"\\u",
        b"{\"a\":\"\\ud800\\u",
        b"{\"a\":\"x",
        b"{\"a\":\"\xff",
        b"{/**/}",
        b"{} // c",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b"{\"a\":\xa01}",
    ] {
        let kind = printed(text).map_err(|fault| fault.kind);
        assert_eq!(kind, Err(FaultKind::Parse), "{}", text.escape_ascii());
    }
    let fault = printed(b"{\n  \"a\": oops\n}").unwrap_err();
    assert_eq!(fault.message, "the JSON is invalid at line 2, column 8: expected a value");
}

#[test]
fn depth_is_limited_long_before_the_stack_ends() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth)).into_bytes();
    assert!(printed(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(printed(&nested(MAX_DEPTH + 1)).map_err(|fault| fault.kind), Err(FaultKind::Limit));
    assert_eq!(
        printed("{\"a\":".repeat(1_000_000).as_bytes()).map_err(|fault| fault.kind),
        Err(FaultKind::Limit)
    );
}

#[test]
fn what_json_cannot_express_is_not_printed() {
    for value in [f64::NAN, f64::INFINITY] {
        let map = Map { entries: vec![Entry::Pair(Cow::Borrowed(b"a"), Node::Scalar(Scalar::Float(value)))] };
        assert!(emit(&map).is_err_and(|fault| fault.kind == FaultKind::Emit));
    }
}
