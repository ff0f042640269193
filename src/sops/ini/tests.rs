use super::*;
use crate::secret::Secret;

/// The document in a form that is easy to compare: `[section]`, `key=value`, `#comment`.
fn read(text: &str) -> Result<Vec<String>, Fault> {
    let (map, _) = parse(text.as_bytes())?;
    let show = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
    let mut shown = Vec::new();
    for entry in &map.entries {
        let Entry::Pair(name, Node::Map(section)) = entry else { panic!("not a section") };
        shown.push(format!("[{}]", show(name)));
        for entry in &section.entries {
            shown.push(match entry {
                Entry::Comment(comment) => format!("#{}", show(&comment.text)),
                Entry::Pair(key, Node::Scalar(Scalar::Text(value))) => {
                    format!("{}={}", show(key), show(value))
                }
                Entry::Pair(..) => panic!("not text"),
            });
        }
    }
    Ok(shown)
}

#[test]
fn sections_keys_and_values() {
    for (text, shown) in [
        ("", &["[DEFAULT]"][..]),
        ("a=1\n[s]\nb : 2\n", &["[DEFAULT]", "a=1", "[s]", "b=2"]),
        ("[s]x\n[s]\n[DEFAULT]\nk=v", &["[DEFAULT]", "[s]", "[s]", "[DEFAULT]", "k=v"]),
        ("[a]b] ;c\nx=1", &["[DEFAULT]", "[a]b]", "#c", "x=1"]),
        ("k = v ; note\nk = w", &["[DEFAULT]", "k=w"]),
        ("-=1\n-=2\n[s]\n-=3", &["[DEFAULT]", "#1=1", "#2=2", "[s]", "#1=3"]),
        ("\"a=b\" = 1\n`c:d`: 2\n\"\"\"e\"f\"\"\" = 3", &["[DEFAULT]", "a=b=1", "c:d=2", "e\"f=3"]),
        ("a = ' x '\nb = \"y\"\nc = \"q\"r\"\nd='", &["[DEFAULT]", "a= x ", "b=y", "c=\"q\"r\"", "d='"]),
        ("a = `x#;`\nb = \"\"\"l1\nl2\"\"\" ; c\nd=1", &["[DEFAULT]", "a=x#;", "b=l1\nl2", "#c", "d=1"]),
        ("a = x\\\n y \\\n\n z=1", &["[DEFAULT]", "a=xy ", "z=1"]),
        ("a =\nb=\u{a0}v\u{3000}\r\n", &["[DEFAULT]", "a=", "b=v"]),
        ("\u{feff}a=1", &["[DEFAULT]", "a=1"]),
        ("a=%(b)s\nb=\\n", &["[DEFAULT]", "a=%(b)s", "b=\\n"]),
    ] {
        assert_eq!(read(text).unwrap(), shown, "{text:?}");
    }
}

#[test]
fn comments_wait_for_what_follows() {
    let text = ";; one\n# two\n\n[s] ; three\nk=1 ; four\n; five\nl=2\n; lost\n";
    let shown = ["[DEFAULT]", "[s]", "#one\n# two\n; three", "k=1", "#four\n; five", "l=2"];
    assert!(read(text).is_ok());
    // The comment behind `k=1` joins those that wait, and belongs to `k` itself.
    assert_eq!(read(text).unwrap()[2], shown[2]);
    assert_eq!(read(text).unwrap()[3..5], ["k=1", "#four"]);
}

#[test]
fn what_the_library_refuses() {
    for text in
        ["[s", "[]", "foo", "=1", ":1", "\"\"=1", "\"a=1", "`a`", "a=`x", "a=\"\"\"x\ny", "\"\"\"abc=1"]
    {
        let kind = read(text).map_err(|fault| fault.kind);
        assert_eq!(kind, Err(FaultKind::Parse), "{text:?}");
    }
    assert!(parse(b"[sops]\na=1\n[sops]\nb=2").is_err_and(|fault| fault.kind == FaultKind::Metadata));
}

#[test]
fn many_keys_are_no_more_work_than_their_number() {
    let text = (0..200_000).map(|number| format!("key{number}=v")).collect::<Vec<_>>().join("\n");
    let start = std::time::Instant::now();
    assert_eq!(read(&text).unwrap().len(), 200_001);
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

#[test]
fn blanks_are_unicode_and_broken_bytes_are_not() {
    assert_eq!(trim("\u{2003} a\u{85}\u{a0}".as_bytes()), b"a");
    assert_eq!(trim(b" \xff "), b"\xff");
    assert_eq!(trim(b"\xa0a"), b"\xa0a");
    assert_eq!(trim(b" \t\r\n\x0b\x0c"), b"");
}

fn printed(sections: &[(&str, &[(&str, &str)])]) -> String {
    let secret = |text: &str| Secret::copy_of(text.as_bytes());
    let mut map = Map::default();
    for (name, keys) in sections {
        let mut section = Map::default();
        for (key, value) in *keys {
            section.entries.push(match *key {
                "#" => Entry::Comment(Comment { text: secret(value), inline: false }),
                key => Entry::Pair(key.as_bytes().into(), Node::Scalar(Scalar::Text(secret(value)))),
            });
        }
        map.entries.push(Entry::Pair(name.as_bytes().into(), Node::Map(section)));
    }
    String::from_utf8(emit(&map).unwrap().expose().to_vec()).unwrap()
}

#[test]
fn printing() {
    assert_eq!(printed(&[("DEFAULT", &[])]), "");
    assert_eq!(
        printed(&[("DEFAULT", &[("a", "1")]), ("s", &[]), ("t", &[("b", "")])]),
        "a = 1\n\n[s]\n\n[t]\nb = \n"
    );
    assert_eq!(
        printed(&[("DEFAULT", &[]), ("DEFAULT", &[("long", "1"), ("k", "2")])]),
        "[DEFAULT]\nlong = 1\nk    = 2\n"
    );
    let quoted = printed(&[("DEFAULT", &[("a=", "x;"), ("b`", "y`"), ("c", " z"), ("d", "l\nm")])]);
    assert_eq!(
        quoted,
        "`a=`     = `x;`\n\"\"\"b`\"\"\" = \"\"\"y`\"\"\"\nc        = \" z\"\nd        = \"\"\"l\nm\"\"\"\n"
    );
    let commented = printed(&[("DEFAULT", &[]), ("s", &[("#", "a\n;b\n\n# c"), ("k", "1"), ("#", "d")])]);
    assert_eq!(commented, "; a\n; b\n; \n# c\n[s]\n; d\nk = 1\n");
}
