//! Random numbers that come again: every document has a seed, which a failure prints.

use std::time::{SystemTime, UNIX_EPOCH};

/// The generator `SplitMix64`.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'t, T: ?Sized>(&mut self, from: &[&'t T]) -> &'t T {
        from[self.below(from.len())]
    }
}

/// The seed of a run: `SOPS_TEST_SEED`, else the time. Printed in any case.
pub fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = match std::env::var("SOPS_TEST_SEED") {
        Ok(seed) => seed.parse().expect("SOPS_TEST_SEED is a number"),
        Err(_) => now.as_secs() * 1_000_003 + u64::from(now.subsec_nanos()),
    };
    println!("SOPS_TEST_SEED={seed}");
    seed
}
