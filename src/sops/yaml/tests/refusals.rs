//! What is refused.

use super::*;

/// That many lines.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(|number| line(number) + "\n").collect()
}

#[test]
fn what_is_not_text_is_refused() {
    for (bytes, reason) in [
        (&b"a: \xFF\n"[..], "line 1: invalid UTF-8"),
        (b"a: 1\nb: \xC3", "line 2: invalid UTF-8"),
        (b"a: \xED\xA0\x80", "invalid UTF-8"),
        (b"a: \x07", "control characters"),
        (b"a: \x00", "control characters"),
        (b"a: \x7F", "control characters"),
        (b"a: \xC2\x80", "control characters"),
        (b"a: \xEF\xBF\xBF", "control characters"),
        (b"a\0:\0 \x001\0", "control characters"),
        (b"\xFF\xFEa", "middle of a character"),
        (b"\xFF\xFE\x00\xD8a\0", "invalid UTF-16"),
        (b"\xFE\xFF\xDC\x00", "invalid UTF-16"),
    ] {
        let fault = fault(bytes);
        assert_eq!(fault.kind, FaultKind::Parse);
        assert!(fault.message.contains(reason), "{bytes:?}: {}", fault.message);
    }
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn what_is_not_yaml_is_refused_with_its_line() {
    for (text, reason) in [
        ("a:\n\tb: 2\n", "line 2: found character that cannot start any token"),
        ("a: 1\n\tb: 2\n", "line 2: found a tab character that violates indentation"),
        ("a:\n  b: 1\n c: 2\n", "line 3: did not find expected key"),
        ("a: b: c\n", "line 1: mapping values are not allowed"),
        ("a: - b\n", "block sequence entries are not allowed"),
        ("a: ? b\n", "mapping keys are not allowed"),
        ("a\nb: 1\n", "mapping values are not allowed"),
        ("a: 1\nb\n", "could not find expected ':'"),
        ("a: [1\n", "line 2: did not find expected ',' or ']'"),
        ("a: {b: 1]\n", "did not find expected ',' or '}'"),
        ("a: ]\n", "did not find expected node content"),
        ("- a\nb: 1\n", "did not find expected '-' indicator"),
        ("a: \"x\n", "line 1: a quoted scalar is not closed"),
        ("a: 'x", "a quoted scalar is not closed"),
        ("a: \"\\", "found unknown escape character"),
        ("a: \"x\n---\n\"", "unexpected document indicator"),
        ("a: \"\\q\"", "unknown escape"),
        ("a: \"\\/\"", "unknown escape"),
        ("a: \"\\xg0\"", "hexadecimal"),
        ("a: \"\\ud800\"", "invalid Unicode"),
        ("a: \"\\UFFFFFFFF\"", "invalid Unicode"),
        ("a: |0\n", "indentation indicator equal to 0"),
        ("a: |x\n", "block scalar's header"),
        ("a: |\n\tx\n", "tab character where an indentation space"),
        ("a: |\n  \tx\n", "tab character where an indentation space"),
        ("a: x\n\ty\n", "tab character that violates indentation"),
        ("a: &\n", "anchor or alias"),
        ("a: &b.c 1\n", "anchor or alias"),
        ("a: *b\n", "an alias names an unknown anchor"),
        ("a: !<x y\n", "expected '>'"),
        ("a: !x!y 1\n", "undefined tag handle"),
        ("a: !x! 1\n", "tag URI"),
        ("a: !%zz 1\n", "URI escaped octet"),
        ("a: !x{ 1\n", "whitespace or line break after a tag"),
        ("a: @x\n", "cannot start any token"),
        ("a: `x\n", "cannot start any token"),
        ("a: %x\n", "cannot start any token"),
        ("%YAML 1.2\n---\na: 1\n", "only %YAML 1.1"),
        ("%YAML 1.1\n%YAML 1.1\n---\na: 1\n", "duplicate %YAML"),
        ("%YAML 1\n---\na: 1\n", "%YAML"),
        ("%YAML 1.111\n---\n", "version number"),
        ("%TAG !a! x\n%TAG !a! y\n---\na: 1\n", "duplicate %TAG"),
        ("%TAG !a x\n---\n", "expected '!'"),
        ("%TAG a! x\n---\n", "expected '!'"),
        ("%FOO\n---\n", "unknown directive"),
        ("%YAML 1.1\n[a]\n", "expected <document start>"),
        ("a: 1\n...\nb: 2\n", "expected <document start>"),
    ] {
        refused(text, reason);
    }
}

#[test]
fn documents_are_maps_and_keys_are_strings_that_occur_once() {
    refused("- a\n", "a document must be a map");
    refused("[]", "a document must be a map");
    refused("text\n", "a document must be a map");
    refused("a: 1\n---\n5\n", "line 3: a document must be a map");
    refused("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' occurs twice");
    refused("x:\n  a: 1\n  \"a\": 3\n", "the key 'a' occurs twice");
    refused("l:\n  - {a: 1, a: 2}\n", "the key 'a' occurs twice");
    refused("\"a\\n\": 1\n\"a\\n\": 2\n", r"the key 'a\n' occurs twice");
    let many = lines(40, |n| format!("k{n}: 1"));
    refused(&format!("{many}k39: 1\n"), "line 41: the key 'k39' occurs twice");
    for key in ["1", "true", "~", "1.5", "2020-01-02", "[a]", "{a: 1}", "[b, c]"] {
        refused(&format!("x: {{}}\ny:\n  {key}: 1\n"), "a key is not a string");
    }
    refused("y:\n  ?\n  : 1\n", "a key is not a string");
    refused("a: 18446744073709551615\n", "does not fit 64 bits");
    refused("a: !!int zz\n", "does not fit its tag");
    refused("a: !!binary '*'\n", "does not fit its tag");
    assert_eq!(tree("\"1\": a\n'true': b\n? c\n: d\n!!str 5: e\n"), "{1=\"a\" true=\"b\" c=\"d\" 5=\"e\"}");
}

#[test]
fn aliases_without_end_are_a_limit() {
    let laughs = lines(10, |level| match level {
        0 => "a0: &a0 [x]".to_owned(),
        _ => format!("a{level}: &a{level} [{}]", format!("*a{},", level - 1).repeat(10)),
    });
    let text = format!("a: &x \"{}\\n\"\nb:\n{}", "x".repeat(100_000), "- *x\n".repeat(2000));
    for (file, reason) in [
        (laughs.as_str(), "expand to more than"),
        (&text, "expand to more than"),
        ("a: &x [*x]\n", "contains itself"),
        ("&x {a: *x}\n", "contains itself"),
        ("a: &x {b: &y [*x, *y]}\n", "contains itself"),
    ] {
        let fault = fault(file.as_bytes());
        assert_eq!(fault.kind, FaultKind::Limit, "{}", fault.message);
        assert!(fault.message.contains(reason), "{}", fault.message);
    }
}

#[test]
fn nesting_is_limited_in_every_form_and_needs_little_stack() {
    let run = || {
        let inner = MAX_DEPTH - 1;
        let maps = lines(MAX_DEPTH, |n| format!("{}k:", " ".repeat(n)));
        let lists = |n: usize| format!("a: {}{}", "[".repeat(n), "]".repeat(n));
        let pairs = |n: usize| format!("{}1{}", "{a: ".repeat(n), "}".repeat(n));
        let dashes = |n: usize| format!("a:\n{}x\n", "- ".repeat(n));
        let indentless =
            |n: usize| format!("a:\n{}", lines(n, |level| format!("{}- a:", " ".repeat(2 * level))));
        for deep in [maps, lists(inner), pairs(MAX_DEPTH), dashes(inner), indentless(inner / 2)] {
            assert!(parse(deep.as_bytes()).is_ok());
        }
        let mut node = secret_node(b"x");
        for level in 1..MAX_DEPTH {
            node = if level % 3 == 0 {
                Node::List(vec![Item::Node(node)])
            } else {
                Node::Map(Map { entries: vec![Entry::Pair(Cow::Borrowed(b"k"), node)] })
            };
        }
        let output = emit(&[Map { entries: vec![Entry::Pair(Cow::Borrowed(b"k"), node)] }]).unwrap();
        assert!(parse(output.expose()).is_ok());
        let too_deep = [lists(MAX_DEPTH), pairs(MAX_DEPTH + 1), dashes(MAX_DEPTH), indentless(MAX_DEPTH / 2)];
        let endless = ["[", "{", "- ", "? ", "[{", "a: [", "{a: "].map(|text| text.repeat(100_000));
        let aliased = format!("a: &x {}{}\nb: [*x]\n", "[".repeat(inner), "]".repeat(inner));
        for deep in too_deep.into_iter().chain(endless).chain([aliased]) {
            let fault = fault(deep.as_bytes());
            assert_eq!(fault.kind, FaultKind::Limit, "{}", fault.message);
            assert!(fault.message.contains("nested deeper than 500 levels"), "{}", fault.message);
        }
    };
    // Half of what a thread has.
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn directives_are_limited() {
    let many = lines(1000, |n| format!("%TAG !a{n}! x"));
    assert_eq!(fault(many.as_bytes()).kind, FaultKind::Limit);
}
