//! What is printed.

use super::*;

#[test]
fn layout_and_comments_are_printed_as_sops_prints_them() {
    for (text, expected) in [
        ("a: 1 # x\n", "# x\na: 1\n"),
        ("l:\n- # d\n  a: 1\n- b # lb\n", "l:\n    # d\n    - a: 1\n    # lb\n    - b\n"),
        ("b: [x, {f: g}, []]\n", "b:\n    - x\n    - f: g\n    - []\n"),
        ("# h\n# i\nk: v\nz: 1\n# tail\n", "# h\n# i\nk: v\nz: 1\n# tail\n"),
        ("a: >-\n  one\n  two\n", "a: one two\n"),
        ("u: \"😀\"\n", "u: \"\\U0001F600\"\n"),
        ("user: \"a\\tb\"\n", "user: \"a\\tb\"\n"),
        ("a: 1\n---\n---\nb: 2\n", "a: 1\n---\n{}\n---\nb: 2\n"),
        ("a:\n  b: 1\n# tail\nc: 2\n", "a:\n    b: 1\n# tail\nc: 2\n"),
        ("a:\n  b: 1\n# foot\n\n# head\nc: 2\n", "a:\n    b: 1\n# foot\n# head\nc: 2\n"),
        ("b: {} # c\nd: 1\n", "b: {\n    # c\n}\nd: 1\n"),
        ("b: [] # c\nd: 1\n", "b: []\n# c\nd: 1\n"),
        ("---\n# c\n", "# c\n{}\n"),
        (
            "a:\n- - - x\n  - y: 1\n    z:\n    - w\n",
            "a:\n    - - - x\n      - \"y\": 1\n        z:\n            - w\n",
        ),
        ("n: {a: {}, b: []}\n", "\"n\":\n    a: {}\n    b: []\n"),
        ("? \"a\\nb\"\n: 1\n", "? |-\n    a\n    b\n: 1\n"),
        ("a:\n  - x: 1\n    # t\n    # u\nb: 2\n", "a:\n    - x: 1\n      # t\n      # u\nb: 2\n"),
        ("<<: {a: 1}\n", "!!merge <<:\n    a: 1\n"),
        ("a: <<\n", "a: !!merge <<\n"),
    ] {
        assert_eq!(printed(text), expected, "{text:?}");
    }
    let (short, long) = ("k".repeat(128), "k".repeat(129));
    assert_eq!(printed(&format!("{short}: 1\n? {long}\n: 2\n")), format!("{short}: 1\n? {long}\n: 2\n"));
}

#[test]
fn a_foot_below_a_map_in_a_list_waits_for_the_next_place() {
    // Such a tree comes from an encrypted comment that stands as the last item.
    let comment = || Comment { text: Secret::copy_of(b" foot"), inline: false };
    let pair = |key: &'static str, node| Entry::Pair(Cow::Borrowed(key.as_bytes()), node);
    let int = |value| Node::Scalar(Scalar::Int(value));
    let inner = Map { entries: vec![pair("x", int(1))] };
    let list = Node::List(vec![Item::Node(Node::Map(inner)), Item::Comment(comment())]);
    let map = Map { entries: vec![pair("a", list), pair("b", int(2)), pair("c", int(3))] };
    assert_eq!(emit(&[map]).unwrap().expose(), b"a:\n    - x: 1\nb: 2\n# foot\n\nc: 3\n");
}

#[test]
fn comments_of_several_lines_cannot_break_out_and_bad_bytes_are_replaced() {
    let comment = |text: &[u8]| Entry::Comment(Comment { text: Secret::copy_of(text), inline: false });
    let entries = vec![comment(b" a\nb: 1\r#c"), comment(b"\xFFx"), comment(b"d\n")];
    let map = Map { entries };
    let expected = "# a\n# b: 1\r#c\n#\u{FFFD}x\n#d\n{}\n";
    assert_eq!(String::from_utf8_lossy(emit(&[map]).unwrap().expose()), expected);
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn scalars_are_printed_in_the_form_that_sops_chooses() {
    for (text, expected) in [
        ("null", "null"),
        ("True", "true"),
        ("0x1F", "31"),
        ("0777", "511"),
        ("2020-01-02", "2020-01-02T00:00:00Z"),
        ("1.0", "1"),
        ("0.5", "0.5"),
        ("1000000.0", "1e+06"),
        ("123456789.5", "1.234567895e+08"),
        ("0.00000015", "1.5e-07"),
        ("-0.0", "-0"),
        ("+.inf", ".inf"),
        ("-.inf", "-.inf"),
        (".NaN", ".nan"),
    ] {
        assert_eq!(printed(&format!("k: {text}\n")), format!("k: {expected}\n"), "{text}");
    }
    for (text, expected) in [
        ("", "\"\""),
        ("plain text", "plain text"),
        ("null", "\"null\""),
        ("true", "\"true\""),
        ("1", "\"1\""),
        ("1e3", "\"1e3\""),
        ("2020-01-02", "\"2020-01-02\""),
        ("12:30", "\"12:30\""),
        ("1:2:3.4_", "\"1:2:3.4_\""),
        ("12:60", "12:60"),
        ("12:", "'12:'"),
        ("1:2.3:4", "1:2.3:4"),
        ("y", "\"y\""),
        ("Yes", "\"Yes\""),
        ("yEs", "yEs"),
        (" a", "' a'"),
        ("a ", "'a '"),
        ("- a", "'- a'"),
        ("-a", "-a"),
        ("-", "'-'"),
        ("---", "'---'"),
        ("...x", "'...x'"),
        ("a: b", "'a: b'"),
        ("a:b", "a:b"),
        ("a #b", "'a #b'"),
        ("a#b", "a#b"),
        ("#a", "'#a'"),
        ("'a'", "'''a'''"),
        ("\"a\"", "'\"a\"'"),
        ("%a", "'%a'"),
        ("a\tb", "\"a\\tb\""),
        ("a\rb", "\"a\\rb\""),
        ("a\0\x07\x1B\x7F\u{85}\u{a0}\u{9f}", "\"a\\0\\a\\e\\x7F\\N\u{a0}\\x9F\""),
        ("\u{e000}\u{ffff}", "\"\u{e000}\\uFFFF\""),
        ("a\u{feff}b", "\"a\\uFEFFb\""),
        ("\u{feff}ab", "\"\\uFEFF\\x61\\x62\""),
        ("a\u{2028}b", "'a\u{2028}    b'"),
        ("a\u{2028} b", "\"a\\L b\""),
        ("a\nb", "|-\n    a\n    b"),
        ("a\n\nb\n", "|\n    a\n\n    b"),
        ("a\n\n", "|+\n    a\n"),
        ("\n", "|4+\n"),
        ("\n\n", "|4+\n\n"),
        (" a\nb", "|4-\n     a\n    b"),
        ("\na", "|4-\n\n    a"),
        ("a \nb", "\"a \\nb\""),
        ("a\nb ", "\"a\\nb \""),
        ("a\n\tb", "|-\n    a\n    \tb"),
        ("a\n😀", "\"a\\n\\U0001F600\""),
    ] {
        let map = Map { entries: vec![Entry::Pair(Cow::Borrowed(b"k"), secret_node(text.as_bytes()))] };
        let output = String::from_utf8(emit(&[map]).unwrap().expose().to_vec()).unwrap();
        assert_eq!(output, format!("k: {expected}\n"), "{text:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_printed_as_base64() {
    let map = |bytes: &[u8]| Map { entries: vec![Entry::Pair(Cow::Borrowed(b"k"), secret_node(bytes))] };
    let text = |bytes: &[u8]| String::from_utf8(emit(&[map(bytes)]).unwrap().expose().to_vec()).unwrap();
    assert_eq!(text(b"\xFF"), "k: !!binary /w==\n");
    let line = "/".repeat(70);
    let lines = format!("k: !!binary |\n    {line}\n    //////////\n");
    assert_eq!(text(&[0xFF; 60]), lines);
    for length in [1, 51, 52, 53, 60, 105, 200] {
        let bytes = vec![0xFF; length];
        let file = text(&bytes);
        let documents = parse(file.as_bytes()).unwrap();
        match &documents[0].entries[0] {
            Entry::Pair(_, Node::Scalar(Scalar::Text(read))) => assert_eq!(read[..], bytes[..]),
            _ => panic!("{file}"),
        }
    }
}

#[test]
fn texts_that_sops_misprints_are_printed_so_that_they_read_back() {
    // sops prints null for the first and a wrong indentation for the others.
    assert_eq!(printed("a: \"\\tx\\ny\"\n"), "a: |4-\n    \tx\n    y\n");
    assert_eq!(printed("a: [\"\\n x\"]\n"), "a:\n    - |2-\n\n       x\n");
    assert_eq!(printed("a: [{b: \" x\\ny\"}]\n"), "a:\n    - b: |2-\n         x\n        y\n");
}
