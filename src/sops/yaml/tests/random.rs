//! Texts and files that nobody thought of, the same on every run.

use std::collections::HashSet;

use super::*;

/// A small generator of random numbers, the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % below
    }
}

/// A tree of random texts at every kind of place.
fn random_tree(random: &mut Random, text: &mut dyn FnMut(&mut Random) -> Vec<u8>) -> Map<'static, Secret> {
    let mut keys = HashSet::new();
    let mut entries = Vec::new();
    for _ in 0..=random.next(4) {
        let key = text(random);
        if !keys.insert(key.clone()) {
            continue;
        }
        let value = match random.next(8) {
            0 => Node::Map(random_tree(random, text)),
            1 => Node::List((0..random.next(4)).map(|_| Item::Node(secret_node(&text(random)))).collect()),
            2 => Node::List(vec![
                Item::Node(Node::Map(random_tree(random, text))),
                Item::Node(Node::List(vec![Item::Node(secret_node(&text(random)))])),
            ]),
            _ => secret_node(&text(random)),
        };
        entries.push(Entry::Pair(Cow::Owned(key), value));
    }
    Map { entries }
}

/// The same tree without secrets, to be compared.
fn shown_secret(node: &Node<'_, Secret>) -> String {
    match node {
        Node::Map(map) => shown_secret_map(map),
        Node::List(items) => {
            let items = items.iter().map(|item| match item {
                Item::Node(node) => shown_secret(node),
                Item::Comment(_) => String::new(),
            });
            format!("[{}]", items.collect::<Vec<_>>().join(" "))
        }
        Node::Scalar(Scalar::Text(text)) => format!("{:?}", String::from_utf8_lossy(text.expose())),
        Node::Scalar(_) => String::new(),
    }
}

fn shown_secret_map(map: &Map<'_, Secret>) -> String {
    let entries = map.entries.iter().map(|entry| match entry {
        Entry::Pair(key, value) => format!("{}={}", String::from_utf8_lossy(key), shown_secret(value)),
        Entry::Comment(_) => String::new(),
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
}

#[test]
fn every_text_reads_back_as_it_was() {
    const PIECES: [&str; 40] = [
        "a", "b", " ", " ", "\n", "\n", "\t", "#", ":", ": ", "- ", "?", "'", "\"", "\\", "\r", "é", "😀",
        "\u{85}", "\u{2028}", "\u{2029}", "\u{feff}", "\0", "\x7f", "1", "0x", ".", "~", "null", "<<", "|",
        ">", "&", "*", "!", "%", "{", "]", ",", "---",
    ];
    let mut text = |random: &mut Random| {
        let pieces = (0..random.next(7)).map(|_| PIECES[random.next(PIECES.len())]);
        pieces.collect::<String>().into_bytes()
    };
    let mut random = Random(0x5EED);
    for _ in 0..2000 {
        let map = random_tree(&mut random, &mut text);
        let expected = shown_secret_map(&map);
        let output = emit(&[map]).unwrap();
        let documents = parse(output.expose())
            .unwrap_or_else(|fault| panic!("{fault}\n{}", String::from_utf8_lossy(output.expose())));
        assert_eq!(shown(&documents[0]), expected, "{}", String::from_utf8_lossy(output.expose()));
    }
}

#[test]
fn damaged_files_never_panic_and_what_is_read_can_be_printed_and_read_again() {
    const SAMPLES: [&str; 5] = [
        "# head\nkey: ENC[AES256_GCM,data:AA==,iv:BB=,tag:CC=,type:str]\nlist:\n    - a # x\n    # y\n    - b: 1\n\
         sops:\n    age:\n        - recipient: age1\n          enc: |\n            -----BEGIN\n            x\n",
        "{a: [x, 'y', \"z\\n\\x41\"], ? b : !!int 5, c: &d {e: f}, g: *d}\n# end\n",
        "%YAML 1.1\n%TAG !y! tag:yaml.org,2002:\n--- # doc\na: !y!str 1\n...\n---\n- >+1\n  x\n\n\n...\n",
        "a: >-\n  one\n\n   two\nb: |2\n   x\n\"q\\\n  r\": 's\n\n  t'\n? - k\n: v\n",
        "\u{FEFF}a: \u{2028}b\r\nc:\td\u{85}e: 😀\r",
    ];
    let mut random = Random(0xDA7A);
    for round in 0..8_000 {
        let mut bytes = SAMPLES[round % SAMPLES.len()].as_bytes().to_vec();
        for _ in 0..=random.next(4) {
            let at = random.next(bytes.len());
            let other = random.next(bytes.len());
            match random.next(6) {
                0 => bytes.truncate(at + 1),
                1 => bytes[at] = u8::try_from(random.next(256)).unwrap(),
                2 => bytes[at] = b"\\\"'#:-?[]{},&*!|>%@ \n\t\r"[random.next(23)],
                3 => bytes.insert(at, b"\\\"'#:-?[]{},&*!|>%@ \n\t\r"[random.next(23)]),
                4 => {
                    bytes.remove(at);
                    bytes.push(b'\n');
                }
                _ => bytes.rotate_left(other),
            }
        }
        if let Ok(documents) = parse(&bytes) {
            let documents: Vec<_> = documents.into_iter().map(opened).collect();
            let first = emit(&documents).unwrap();
            if let Ok(again) = parse(first.expose()) {
                assert_eq!(again.len(), documents.len());
            } else {
                // Control characters in decoded comments cannot occur: they are not accepted in a file.
                panic!(
                    "{:?} was printed as {:?}",
                    String::from_utf8_lossy(&bytes),
                    first.expose().escape_ascii()
                );
            }
        }
    }
}
