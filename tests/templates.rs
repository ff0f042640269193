//! Templates against a naive reference: random templates, placeholders that are parts of one another, and
//! values that hold every placeholder.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use sops_activate::secret::Secret;
use sops_activate::template::{Placeholders, Template};

/// `SplitMix64` (Steele, Lea and Flood): small, seeded, good enough to choose with.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn text(&mut self, letters: &[u8], longest: usize) -> Vec<u8> {
        let length = self.below(longest + 1);
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }
}

/// At each position the longest placeholder that fits, else the byte as it is.
fn reference(template: &[u8], placeholders: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut rendered = Vec::new();
    let mut at = 0;
    while at < template.len() {
        let fits = placeholders.iter().filter(|(text, _)| template[at..].starts_with(text.as_bytes()));
        if let Some((text, value)) = fits.max_by_key(|(text, _)| text.len()) {
            rendered.extend_from_slice(value);
            at += text.len();
        } else {
            rendered.push(template[at]);
            at += 1;
        }
    }
    rendered
}

/// Few letters, so that placeholders occur, overlap and contain one another.
fn placeholders(random: &mut Random) -> Vec<(String, Vec<u8>)> {
    let mut texts: Vec<String> = Vec::new();
    for _ in 0..=random.below(5) {
        let text = String::from_utf8(random.text(b"<ab>", 4)).unwrap();
        if !matches!(text.as_str(), "" | ">") && !texts.contains(&text) {
            texts.push(text);
        }
    }
    let all = texts.concat();
    texts
        .into_iter()
        .map(|text| {
            let mut value = random.text(b"x\0\xff<ab>", 6);
            value.extend_from_slice(all.as_bytes());
            (text, value)
        })
        .collect()
}

#[test]
fn templates_render_as_the_reference_does() {
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut random = Random(seed);
    for round in 0..20_000 {
        let declared = placeholders(&mut random);
        let template = random.text(b"<ab>x\xff\0", 40);
        let values: Vec<Secret> = declared.iter().map(|(_, value)| Secret::copy_of(value)).collect();
        let known = Placeholders::new(
            declared.iter().enumerate().map(|(index, (text, _))| (text.as_str(), "name", Some(index))),
        );
        let parsed = Template::parse(&template, &known).unwrap();
        let rendered = parsed.render(|index| values.get(index)).unwrap();
        assert_eq!(
            rendered.expose(),
            reference(&template, &declared),
            "SEED={seed}, round {round}, template {:?}, placeholders {declared:?}",
            template.escape_ascii().to_string(),
        );
    }
}

#[test]
fn a_megabyte_with_a_thousand_placeholders_is_rendered() {
    let texts: Vec<String> = (0..1000).map(|index| format!("<SOPS:{index:064x}:PLACEHOLDER>")).collect();
    let known =
        Placeholders::new(texts.iter().enumerate().map(|(index, text)| (text.as_str(), "name", Some(index))));
    let mut template = Vec::new();
    for text in &texts {
        template.extend_from_slice(&[b'<'; 970]);
        template.extend_from_slice(text.as_bytes());
    }
    let value = Secret::copy_of(b"value");
    let rendered = Template::parse(&template, &known).unwrap().render(|_| Some(&value)).unwrap();
    assert_eq!(rendered.expose().len(), 1000 * (970 + 5));
    assert!(rendered.expose().chunks(975).all(|chunk| chunk.ends_with(b"<value")));
}
