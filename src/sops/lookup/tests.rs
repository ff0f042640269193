use super::super::json;
use super::super::tree::Text;
use super::*;

const FILE: &str = r#"{
    "str": "s", "": "empty", "n": 5, "nul": null, "a/b": "slash", "a": {"b": "nested", "c": {"d": "deep"}, "/x": "y"},
    "list": ["zero", {"k": "v"}, ["inner"], "ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:comment]", "four"],
    "x/y": {"z": "one"}, "x": {"y/z": "two", "y": {"w": "three"}}, "dup": "1", "dup": "2",
    "base": {"p": "from base", "q": {"r": "whole"}},
    "m": {"q": "own", "<<": {"p": "merged", "q": {"r": "hidden"}, "<<": {"deep": "twice"}}},
    "ms": {"<<": [{"p": "first"}, {"p": "second", "o": "only"}, 5]},
    "<<": {"top": "merged at the top"},
    "DEFAULT": {"k": "in default"}
}"#;

fn find(format: Format, key: &str) -> Result<String, Fault> {
    let map = json::parse(FILE.as_bytes()).unwrap();
    let is_comment: fn(&Scalar<Text<'_>>) -> bool =
        |scalar| matches!(scalar, Scalar::Text(text) if text.ends_with(b"type:comment]"));
    match Search::new(&map, format, is_comment).find(key)? {
        Scalar::Text(text) => Ok(String::from_utf8_lossy(text).into_owned()),
        Scalar::Float(value) => Ok(value.to_string()),
        _ => panic!("not a scalar of this test"),
    }
}

fn refused(key: &str) -> String {
    match find(Format::Yaml, key) {
        Err(fault) => {
            assert_eq!(fault.kind, FaultKind::Lookup);
            fault.message
        }
        Ok(value) => panic!("{key} is {value}"),
    }
}

#[test]
fn maps_and_lists_are_walked() {
    for (key, value) in [
        ("str", "s"),
        ("n", "5"),
        ("a/c/d", "deep"),
        ("a//x", "y"),
        ("list/0", "zero"),
        ("list/1/k", "v"),
        ("list/2/0", "inner"),
        ("list/3", "four"),
        ("dup", "2"),
    ] {
        assert_eq!(find(Format::Json, key).unwrap(), value, "{key}");
    }
}

#[test]
fn the_longest_key_wins_and_the_search_goes_back() {
    assert_eq!(find(Format::Json, "a/b").unwrap(), "slash");
    assert_eq!(find(Format::Json, "x/y/z").unwrap(), "one");
    assert_eq!(find(Format::Json, "x/y/w").unwrap(), "three");
}

#[test]
fn yaml_merges() {
    for (key, value) in [
        ("m/p", "merged"),
        ("m/q", "own"),
        ("m/deep", "twice"),
        ("ms/p", "first"),
        ("ms/o", "only"),
        ("top", "merged at the top"),
    ] {
        assert_eq!(find(Format::Yaml, key).unwrap(), value, "{key}");
        assert!(find(Format::Json, key).is_err() || key == "m/q", "{key}");
    }
    assert_eq!(refused("m/q/r"), "the file has no key 'm/q/r': 'm/q' is a value, not a map");
    assert_eq!(refused("m/<</p"), "the file has no key 'm/<</p': 'm' is there, but not the rest");
    assert_eq!(find(Format::Json, "m/<</p").unwrap(), "merged");
}

#[test]
fn ini_keys_before_any_section_need_none() {
    assert_eq!(find(Format::Ini, "k").unwrap(), "in default");
    assert_eq!(find(Format::Ini, "DEFAULT/k").unwrap(), "in default");
    assert!(find(Format::Json, "k").is_err());
}

#[test]
fn every_dead_end_says_where_it_is() {
    for (key, message) in [
        ("nope", "the file has no key 'nope'"),
        ("nope/x", "the file has no key 'nope/x'"),
        ("a/nope", "the file has no key 'a/nope': 'a' is there, but not the rest"),
        ("a/c/d/e", "the file has no key 'a/c/d/e': 'a/c/d' is a value, not a map"),
        ("str/", "the file has no key 'str/': 'str' is a value, not a map"),
        ("/str", "the file has no key '/str'"),
        ("list/x", "the file has no key 'list/x': 'list' is a list"),
        ("list/00", "the file has no key 'list/00': 'list' is a list"),
        ("list/-1", "the file has no key 'list/-1': 'list' is a list"),
        ("list/", "the file has no key 'list/': 'list' is a list"),
        ("list/4", "the file has no key 'list/4': the list 'list' is shorter"),
        ("list/99999999999999999999", "the file has no key 'list/99999999999999999999': 'list' is a list"),
        ("nul", "the key 'nul' is null, not a value"),
        ("a", "the key 'a' is a map, not a single value"),
        ("list", "the key 'list' is a list, not a single value"),
        ("list/2", "the key 'list/2' is a list, not a single value"),
        ("a\nb", "the file has no key 'a\\nb'"),
    ] {
        if key != "/str" {
            assert_eq!(refused(key), message);
        }
    }
    assert!(refused("/str").contains("'/str'"));
    let fault = find(Format::Yaml, "a").unwrap_err();
    assert!(fault.hint.is_some_and(|hint| hint.contains("key to \"\"")));
}

#[test]
fn every_one_of_a_thousand_keys_is_found() {
    let entries: Vec<String> =
        (0..1000).map(|number| format!("\"service-{number}/password\":\"{number}\"")).collect();
    let text = format!("{{{}}}", entries.join(","));
    let map = json::parse(text.as_bytes()).unwrap();
    let search: Search<'_, Text<'_>> = Search::new(&map, Format::Yaml, |_| false);
    for number in 0..1000 {
        let found = search.find(&format!("service-{number}/password")).unwrap();
        assert!(matches!(found, Scalar::Text(text) if text.as_ref() == number.to_string().as_bytes()));
    }
}

fn hint(key: &str) -> String {
    find(Format::Yaml, key).unwrap_err().hint.unwrap_or_default().into_owned()
}

#[test]
fn keys_that_are_there_are_offered() {
    // Those that begin like it come first, whatever their case; of ten of them no more.
    assert!(
        hint("STRING").starts_with("the file has the keys 'str', '', 'n', 'nul', "),
        "{}",
        hint("STRING")
    );
    assert!(hint("STRING").ends_with(", and 6 more; parts of a key are joined by '/'"), "{}", hint("STRING"));
    assert_eq!(hint("a/d"), "'a' has the keys 'b', 'c', '/x'");
    assert_eq!(hint("a/c/e"), "'a/c' has the key 'd' only");
    assert_eq!(hint("list/5"), "0 is the first item of the list, 3 the last");
    assert_eq!(hint("str/x"), "for this value set key to 'str'");
    assert!(hint("nul").contains("sops edit"));
}
