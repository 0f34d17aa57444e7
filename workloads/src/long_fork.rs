//! Long fork: keys written once each, and reads of small groups of them, which must agree on which
//! came first.
//!
//! After Jepsen's `long-fork`. Parallel snapshot isolation lets two readers see two writes in
//! opposite orders (Sovran et al. 2011), and so does a database of which both halves go on.

use crate::inserts::{VOCABULARY, read, read_all, write};
use crate::settings;
use perjury_checkers::Checker;
use perjury_harness::generator::{below, chance, from_fn, shuffle};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;

/// Groups in use at a time.
const ACTIVE: u64 = 3;
/// Reads of a group for each of its keys: some before, some between and some after its writes.
const READS: u64 = 5;

/// Keys of a group.
fn size(options: &Options) -> Result<u64, String> {
    let size = settings::number(options, "group-size", 2)?;
    match size {
        2..=64 => Ok(size),
        _ => Err(format!("--set group-size={size}: a group has 2 to 64 keys")),
    }
}

/// Writes of single keys, and reads of whole groups.
pub struct LongFork;

impl Workload for LongFork {
    fn name(&self) -> &'static str {
        "long-fork"
    }

    fn about(&self) -> &'static str {
        "writes keys once and reads groups of them; of two reads of a group one has seen all that \
         the other saw (--set group-size=2)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &["long-fork", "phantom-read"]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        VOCABULARY
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut load = Load::new(size(options).unwrap_or(2));
        from_fn(seed.derive("long-fork"), move |rng| load.next(rng))
    }

    /// Every worker reads every key. These are other groups, and show what is lost to readers.
    fn final_generator(&self, _: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(read_all())
    }

    /// Two reads that contradict each other do so whatever follows.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        size(options).map(|_| ())
    }

    fn checkers(&self, _: &Options) -> Vec<Box<dyn Checker>> {
        vec![Box::new(perjury_checkers::long_fork::LongFork)]
    }
}

/// Keys in use: those of group g are those from g times the size on.
#[derive(Clone, Debug)]
struct Group {
    number: u64,
    /// Keys to be written, the next one last.
    unwritten: Vec<u64>,
    reads: u64,
}

#[derive(Clone, Debug)]
struct Load {
    size: u64,
    active: Vec<Group>,
    fresh: u64,
}

impl Load {
    fn new(size: u64) -> Self {
        Self { size, active: Vec::new(), fresh: 0 }
    }

    fn next(&mut self, rng: &mut ChaCha8Rng) -> Op {
        while (self.active.len() as u64) < ACTIVE {
            let mut unwritten: Vec<u64> = self.keys(self.fresh).collect();
            shuffle(rng, &mut unwritten);
            self.active.push(Group { number: self.fresh, unwritten, reads: 0 });
            self.fresh += 1;
        }
        let slot = below(rng, ACTIVE) as usize;
        let (size, group) = (self.size, &mut self.active[slot]);
        // As many reads for each key that is written, and then it is over.
        let due = group.reads >= READS * (size - group.unwritten.len() as u64 + 1);
        if !group.unwritten.is_empty() && (due || chance(rng, 1, READS)) {
            return write(group.unwritten.pop().unwrap_or_default());
        }
        group.reads += 1;
        let (number, over) = (group.number, group.unwritten.is_empty());
        if over && group.reads >= READS * (size + 1) {
            self.active.swap_remove(slot);
        }
        let mut keys: Vec<u64> = self.keys(number).collect();
        shuffle(rng, &mut keys);
        read(keys)
    }

    fn keys(&self, group: u64) -> std::ops::Range<u64> {
        group * self.size..(group + 1) * self.size
    }
}

#[cfg(test)]
mod tests;
