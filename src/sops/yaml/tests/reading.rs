//! What is read.

use super::*;

#[test]
#[allow(clippy::too_many_lines)] // a table
fn plain_scalars_mean_what_yaml_v3_says() {
    for (text, meaning) in [
        ("", "null"),
        ("~", "null"),
        ("Null", "null"),
        ("nULL", "\"nULL\""),
        ("True", "bool true"),
        ("FALSE", "bool false"),
        ("yes", "\"yes\""),
        ("off", "\"off\""),
        (".nan", "float NaN"),
        (".inf", "float inf"),
        ("+.Inf", "float inf"),
        ("-.INF", "float -inf"),
        ("-.inF", "\"-.inF\""),
        (".5", "float 0.5"),
        (".5_0", "float 0.5"),
        (".", "\".\""),
        (".e5", "\".e5\""),
        ("1.", "float 1.0"),
        ("1_000.5", "float 1000.5"),
        ("1e3", "float 1000.0"),
        ("-1.5E-2", "float -0.015"),
        ("+.5", "float 0.5"),
        ("1e999", "\"1e999\""),
        ("1e", "\"1e\""),
        ("08", "float 8.0"),
        ("0777", "int 511"),
        ("0o777", "int 511"),
        ("0x1F", "int 31"),
        ("-0x1f", "int -31"),
        ("0b11", "int 3"),
        ("-0b11", "int -3"),
        ("0b-1", "int -1"),
        ("0o-7", "int -7"),
        ("0b2", "\"0b2\""),
        ("0x", "\"0x\""),
        ("-0", "int 0"),
        ("+5", "int 5"),
        ("1_0", "int 10"),
        ("9223372036854775807", "int 9223372036854775807"),
        ("-9223372036854775808", "int -9223372036854775808"),
        ("-9223372036854775809", "float -9.223372036854776e18"),
        ("12:30", "\"12:30\""),
        ("2020-01-02", "time 2020-01-02T00:00:00Z"),
        ("2020-1-2", "time 2020-01-02T00:00:00Z"),
        ("2020-02-30", "\"2020-02-30\""),
        ("2020-1-2 3:4:5", "time 2020-01-02T03:04:05Z"),
        ("2020-1-2   3:4:5,25", "time 2020-01-02T03:04:05.25Z"),
        ("2020-1-2t3:4:5.5+01:30", "time 2020-01-02T03:04:05.5+01:30"),
        ("2020-01-02T03:04:05Z", "time 2020-01-02T03:04:05Z"),
        ("2020-01-02T03:04:05", "\"2020-01-02T03:04:05\""),
        ("2020-01-02 03:04:05Z", "\"2020-01-02 03:04:05Z\""),
        ("<<", "\"<<\""),
        ("ab: c", ""),
    ] {
        if meaning.is_empty() {
            refused(&format!("k: {text}\n"), "mapping values are not allowed");
        } else {
            assert_eq!(tree(&format!("k: {text}\n")), format!("{{k={meaning}}}"), "{text}");
        }
    }
}

#[test]
fn quotes_and_tags_say_what_a_scalar_means() {
    for (text, meaning) in [
        ("\"5\"", "\"5\""),
        ("'5'", "\"5\""),
        ("! 5", "int 5"),
        ("! \"5\"", "\"5\""),
        ("!!str 5", "\"5\""),
        ("!!str", "\"\""),
        ("!<tag:yaml.org,2002:str> 5", "\"5\""),
        ("!!int \"5\"", "int 5"),
        ("!!float 5", "float 5.0"),
        ("!!bool true", "bool true"),
        ("!!null ''", "null"),
        ("!!timestamp '2020-01-02'", "time 2020-01-02T00:00:00Z"),
        ("!!binary aGVs\n    bG8=", ""),
        ("!!binary aGVsbG8=", "\"hello\""),
        ("!!binary \"aGVs\\nbG8=\"", "\"hello\""),
        ("!custom 5", "\"5\""),
        ("!!custom 5", "\"5\""),
        ("!custom {a: 1}", "{a=int 1}"),
        ("!!set {a}", "{a=null}"),
    ] {
        let file = format!("k: {text}\n");
        if meaning.is_empty() {
            refused(&file, "does not fit its tag");
        } else {
            assert_eq!(tree(&file), format!("{{k={meaning}}}"), "{text}");
        }
    }
    assert_eq!(tree("%TAG !y! tag:yaml.org,2002:\n---\nk: !y!str 5\n"), "{k=\"5\"}");
    let long = format!("%TAG !y! tag:yaml.org,2002:{}\n---\nk: !y!str 5\n", "x".repeat(200));
    assert_eq!(tree(&long), "{k=\"5\"}");
}

#[test]
fn all_forms_of_scalars_are_read() {
    for (text, value) in [
        ("a\n  b\n\n  c", "a b\nc"),
        ("'it''s'", "it's"),
        (
            "\"a\\tb\\x41\\u00e9\\U0001F600\\N\\_\\L\\P\\0\\a\\b\\v\\f\\r\\e\\ \\\"\\'\\\\\"",
            "a\tbAé😀\u{85}\u{a0}\u{2028}\u{2029}\0\x07\x08\x0B\x0C\r\x1B \"'\\",
        ),
        ("\"a\n\n  b\\\n   c\"", "a\nbc"),
        ("|\n  a\n   b\n\n  c\n\n", "a\n b\n\nc\n"),
        ("|-\n  a\n\n", "a"),
        ("|+\n  a\n", "a\n\n"),
        ("|2-\n    a\n   b", "  a\n b"),
        ("|-2\n    a", "  a"),
        (">-\n  one\n  two\n\n  three\n    more\n  end", "one two\nthree\n  more\nend"),
        ("|", ""),
        ("a#b", "a#b"),
        ("a:b", "a:b"),
        ("-x", "-x"),
        (":x", ":x"),
        ("?x", "?x"),
        ("a\u{2028}  b", "a\u{2028}b"),
    ] {
        assert_eq!(tree(&format!("k: {text}\n")), format!("{{k={value:?}}}"), "{text}");
    }
    assert_eq!(
        tree("{a: [x, y: z, [], {}], \"b\":c, ? d : e}"),
        "{a=[\"x\" {y=\"z\"} [] {}] b=\"c\" d=\"e\"}"
    );
}

#[test]
fn text_is_borrowed_where_it_stands_in_one_piece() {
    let file = b"a: one two\nb: 'quoted'\nc: \"say \\\"it\\\"\"\n".to_vec();
    let documents = parse(&file).unwrap();
    let borrowed = documents[0].entries.iter().map(|entry| match entry {
        Entry::Pair(key, Node::Scalar(Scalar::Text(text))) => {
            (matches!(key, Cow::Borrowed(_)), matches!(text, Cow::Borrowed(_)))
        }
        _ => (false, false),
    });
    assert_eq!(borrowed.collect::<Vec<_>>(), [(true, true), (true, true), (true, false)]);
}

#[test]
fn encodings_and_line_breaks_do_not_matter() {
    let plain = "a: é😀\nb:\n  - 1\n";
    let expected = "{a=\"é😀\" b=[int 1]}";
    let utf16 = |unit: fn(u16) -> [u8; 2]| {
        std::iter::once(0xFEFF).chain(plain.encode_utf16()).flat_map(unit).collect::<Vec<u8>>()
    };
    assert_eq!(tree(plain), expected);
    assert_eq!(tree(&format!("\u{FEFF}{plain}")), expected);
    assert_eq!(tree(&plain.replace('\n', "\r\n")), expected);
    assert_eq!(tree(&plain.replace('\n', "\r")), expected);
    assert_eq!(trees(&utf16(u16::to_le_bytes)), expected);
    assert_eq!(trees(&utf16(u16::to_be_bytes)), expected);
    assert_eq!(tree("a: |\r\n  x\r\n  y\r\n"), "{a=\"x\\ny\\n\"}");
}

#[test]
fn empty_documents_are_empty_maps() {
    assert_eq!(tree(""), "");
    assert_eq!(tree("# only a comment\n"), "");
    assert_eq!(tree("---\n"), "{}");
    assert_eq!(tree("a: 1\n---\n---\nb: 2\n"), "{a=int 1} --- {} --- {b=int 2}");
    assert_eq!(tree("--- ~\n--- {}\n"), "{} --- {}");
    assert_eq!(tree("a: 1\n...\n...\n---\nb: 2\n"), "{a=int 1} --- {b=int 2}");
}

#[test]
fn aliases_are_expanded_where_they_stand_and_merge_keys_are_plain_keys() {
    assert_eq!(
        tree("a: &x {k: v}\nb: *x\nc: &y s\nd: [*y]\n"),
        "{a={k=\"v\"} b={k=\"v\"} c=\"s\" d=[\"s\"]}"
    );
    assert_eq!(tree("a: &x {k: v}\nb:\n  <<: *x\n  z: 1\n"), "{a={k=\"v\"} b={<<={k=\"v\"} z=int 1}}");
    assert_eq!(tree("a: &x k\n*x : v\n"), "{a=\"k\" k=\"v\"}");
    assert_eq!(tree("--- &d {a: 1}\n--- *d\n"), "{a=int 1} --- {a=int 1}");
    assert_eq!(tree("a: &x 1\nb: &x 2\nc: *x\n"), "{a=int 1 b=int 2 c=int 2}");
    assert_eq!(tree("a: &x # in\n  k: v\nb: *x # at\n"), "{a={# in k=\"v\"} <# at b={# in k=\"v\"}}");
}

#[test]
fn comments_become_entries_where_sops_puts_them() {
    for (text, expected) in [
        ("a: 1 # x\n", "{<# x a=int 1}"),
        ("# h\n# i\nk: v\nz: 1\n# tail\n", "{# h # i k=\"v\" z=int 1 # tail}"),
        ("l:\n- # d\n  a: 1\n- b # lb\n", "{l=[{# d a=int 1} <# lb \"b\"]}"),
        ("a: # k\n  b: 1\n", "{# k a={b=int 1}}"),
        ("a: | # block\n  x\n", "{<# block a=\"x\\n\"}"),
        ("a:\n  # c\nb: 1\n", "{a=null # c b=int 1}"),
        ("a:\n  b: 1\n  # in\n# out\nc: 2\n", "{a={b=int 1 # in} # out c=int 2}"),
        ("a:\n  b: 1\n# foot\n\n# head\nc: 2\n", "{a={b=int 1} # foot # head c=int 2}"),
        ("# doc\n\n# head\na: 1\n", "{# doc # head a=int 1}"),
        ("a: 1\n# foot\n\nb: 2\n", "{a=int 1 # foot b=int 2}"),
        ("a: [x, # after x\n  y] # after list\n", "{a=[# after list <# after x \"x\" \"y\"]}"),
        ("a: [\n  # first\n  x\n  # last\n  ]\n", "{a=[# first \"x\" # last]}"),
        ("b: {} # c\nd: 1\n", "{b={# c} d=int 1}"),
        ("b: [] # c\nd: 1\n", "{b=[# c] d=int 1}"),
        ("---\n# c\n---\na: 1\n", "{# c} --- {a=int 1}"),
        ("# a\n#\n#b\nk: 1 #\n", "{# a # #b <# k=int 1}"),
        ("a: x#y\nb: \"# no\"\n", "{a=\"x#y\" b=\"# no\"}"),
    ] {
        assert_eq!(tree(text), expected, "{text:?}");
    }
}

#[test]
fn later_documents_keep_a_key_that_stands_twice_as_sops_does() {
    let documents = parse(b"x: 1\n---\na: 1\na: 2\n").unwrap();
    assert_eq!(documents[1].entries.len(), 2);
}
