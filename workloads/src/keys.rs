//! Keys in use: a few at a time, each retired after a while for a fresh one.
//!
//! The cost of checking grows with the length of a key's history and with how many of its calls
//! have an unknown outcome, so no key is used for long.

use perjury_harness::Options;
use perjury_harness::generator::{Chooser, Popularity};
use rand_chacha::ChaCha8Rng;

/// What is known of one key in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) number: u64,
    /// The last value given out for it; values count from 1 and never repeat.
    pub(crate) last: u64,
    used: usize,
}

/// The keys in use. Key numbers are given out in order, from 0.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    active: Vec<Key>,
    fresh: u64,
    uses: usize,
    chooser: Chooser,
}

impl Keys {
    /// As many keys at a time and uses of each as the options say, at least one; each key as popular as
    /// they say, by default as any other.
    pub(crate) fn new(options: &Options) -> Self {
        let (count, uses) = (options.keys.max(1) as u64, options.ops_per_key);
        let popularity = options.key_choice.unwrap_or(Popularity::Uniform);
        let chooser = Chooser::new(popularity, options.keys);
        let active = (0..count).map(|number| Key { number, ..Key::default() }).collect();
        Self { active, fresh: count, uses: uses.max(1), chooser }
    }

    /// How many are in use at a time.
    pub(crate) fn count(&self) -> usize {
        self.active.len()
    }

    /// A slot whose key is to be used.
    pub(crate) fn choose(&self, rng: &mut ChaCha8Rng) -> usize {
        self.chooser.choose(rng)
    }

    /// The key at `slot`, below [`Keys::count`].
    pub(crate) fn at(&self, slot: usize) -> &Key {
        &self.active[slot]
    }

    /// The next value for the key at `slot`.
    pub(crate) fn value(&mut self, slot: usize) -> u64 {
        self.active[slot].last += 1;
        self.active[slot].last
    }

    /// Counts a use of the key at `slot`, and puts a fresh one there after the last.
    pub(crate) fn spend(&mut self, slot: usize) {
        self.active[slot].used += 1;
        if self.active[slot].used >= self.uses {
            self.active[slot] = Key { number: self.fresh, ..Key::default() };
            self.fresh += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;
    use crate::testing::options;

    #[test]
    fn a_key_is_replaced_after_its_last_use_by_the_next_number() {
        let mut keys = Keys::new(&options(2, 3));
        for _ in 0..2 {
            keys.spend(1);
        }
        assert_eq!((keys.value(1), keys.value(1)), (1, 2));
        assert_eq!(keys.at(1).number, 1);
        keys.spend(1);
        assert_eq!((keys.at(1).number, keys.at(1).last), (2, 0));
        assert_eq!(keys.at(0).number, 0);
        assert_eq!(keys.value(1), 1);
    }

    #[test]
    fn there_is_always_a_key_with_a_use() {
        let mut keys = Keys::new(&options(0, 0));
        assert_eq!(keys.count(), 1);
        keys.spend(0);
        assert_eq!(keys.at(0).number, 1);
    }
}
