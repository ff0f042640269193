//! Bytes as a source of choices, for inputs that are made rather than read.

/// What is left of an input. Past its end every choice is the first one.
pub struct Choices<'d>(&'d [u8]);

impl<'d> Choices<'d> {
    pub fn new(data: &'d [u8]) -> Self {
        Self(data)
    }

    /// A number below `end`, which is at most 256.
    pub fn below(&mut self, end: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % end
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
