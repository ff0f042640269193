//! The inputs of a target: the corpus as it is, then damaged copies. Each has a number, from which it can be made again.

use std::fs;
use std::path::{Path, PathBuf};

use crate::random::Random;
use crate::targets::Target;

/// What makes the inputs of every run the same.
const SEED: u64 = 20_261_123;
/// Longest input, in bytes: what grows does so within this.
const LONGEST: usize = 32 * 1024;

/// All inputs of a target.
pub struct Inputs {
    name_hash: u64,
    corpus: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    tries: u64,
}

impl Inputs {
    pub fn new(target: &Target) -> Self {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let mut paths: Vec<PathBuf> = fs::read_dir(fuzz.join("corpus").join(target.name))
            .unwrap_or_else(|error| panic!("{} has no corpus: {error}", target.name))
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        let corpus: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(!corpus.is_empty(), "{} has an empty corpus", target.name);
        let driver = fuzz.join("fuzz_targets").join(target.name).with_extension("rs");
        assert!(driver.exists(), "libFuzzer has no driver for {}", target.name);
        let words = words(&fs::read_to_string(fuzz.join("words.dict")).unwrap());
        let times: u64 = std::env::var("FUZZ").map_or(1, |times| times.parse().expect("FUZZ is a number"));
        let name_hash = target
            .name
            .bytes()
            .fold(SEED, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { name_hash, corpus, words, tries: target.tries * times }
    }

    pub fn len(&self) -> u64 {
        self.corpus.len() as u64 + self.tries
    }

    /// The input of this number.
    pub fn get(&self, number: u64) -> Vec<u8> {
        match self.corpus.get(usize::try_from(number).unwrap()) {
            Some(seed) => seed.clone(),
            None => {
                self.damaged(&mut Random::new(self.name_hash ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            }
        }
    }

    fn damaged(&self, random: &mut Random) -> Vec<u8> {
        let mut input = self.seed(random).to_vec();
        // One change often, many now and then.
        let most = if random.once_in(4) { 16 } else { 3 };
        let changes = 1 + random.below(most);
        for _ in 0..changes {
            self.change(&mut input, random);
        }
        input.truncate(LONGEST);
        input
    }

    fn seed(&self, random: &mut Random) -> &[u8] {
        &self.corpus[random.below(self.corpus.len())]
    }

    fn change(&self, input: &mut Vec<u8>, random: &mut Random) {
        let at = random.below(input.len() + 1);
        let range = at..input.len().min(at + 1 + random.below(32));
        match random.below(12) {
            0 | 1 => drop(input.splice(at..at, self.word(random).iter().copied())),
            2 => drop(input.splice(range, self.word(random).iter().copied())),
            3 => drop(input.drain(range)),
            4 => input.truncate(at),
            5 => {
                let copies = if random.once_in(20) { 500 } else { 1 + random.below(4) };
                let part = input[range].repeat(copies);
                let to = random.below(input.len() + 1);
                input.splice(to..to, part);
            }
            6 => {
                let other = self.seed(random);
                let start = random.below(other.len() + 1);
                let end = other.len().min(start + 1 + random.below(200));
                input.splice(range, other[start..end].iter().copied());
            }
            7 => input.splice(at..at, [random_byte(random)]).for_each(drop),
            _ if at == input.len() => input.push(random_byte(random)),
            8 => input[at] ^= 1 << random.below(8),
            9 => input[at] = random_byte(random),
            10 => input[at] = b"\0\n\r\t \"'\\/:#-[]{}<>|=;,.&*!%@`~^$\xef\xff\x80\x7f"[random.below(36)],
            _ => {
                let other = random.below(input.len());
                input.swap(at, other);
            }
        }
    }

    fn word(&self, random: &mut Random) -> &[u8] {
        &self.words[random.below(self.words.len())]
    }
}

fn random_byte(random: &mut Random) -> u8 {
    u8::try_from(random.below(256)).unwrap()
}

/// The words of a dictionary in libFuzzer's form: `"text"` a line, with `\\`, `\"` and `\xAB`.
fn words(dictionary: &str) -> Vec<Vec<u8>> {
    let lines = dictionary.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let quoted =
                line.strip_prefix('"').and_then(|line| line.strip_suffix('"')).expect("a quoted word");
            let mut word = Vec::new();
            let mut bytes = quoted.bytes();
            while let Some(byte) = bytes.next() {
                word.push(match byte {
                    b'\\' => match bytes.next().expect("an escape") {
                        b'x' => {
                            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                            u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                        }
                        escaped => escaped,
                    },
                    plain => plain,
                });
            }
            word
        })
        .collect()
}
