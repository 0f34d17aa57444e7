//! Sets of small numbers, as bits, and how one differs from another.

/// A set of numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Whether it was not there before.
    pub(super) fn insert(&mut self, number: u32) -> bool {
        let at = number as usize / 64;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let bit = 1 << (number % 64);
        let before = self.words[at];
        self.words[at] |= bit;
        before & bit == 0
    }

    pub(super) fn remove(&mut self, number: u32) {
        if let Some(word) = self.words.get_mut(number as usize / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    /// Takes over another set, and tells of each number that it did not have or has no more.
    /// Costs a step for 64 numbers, and one for each that is told.
    pub(super) fn become_like(&mut self, other: &Self, mut tell: impl FnMut(u32, bool)) {
        let length = self.words.len().max(other.words.len());
        self.words.resize(length, 0);
        let theirs = other.words.iter().copied().chain(std::iter::repeat(0));
        for (at, (mine, theirs)) in (0u32..).zip(self.words.iter_mut().zip(theirs)) {
            let mut changed = *mine ^ theirs;
            *mine = theirs;
            while changed != 0 {
                let bit = changed.trailing_zeros();
                changed &= changed - 1;
                tell(at * 64 + bit, theirs >> bit & 1 == 1);
            }
        }
    }
}
