//! Causal reverse: keys inserted one after the other, and reads that must not see a later one
//! without an earlier one.
//!
//! After Jepsen's `causal-reverse`: a database may order two transactions that nothing connects
//! otherwise than they happened, and is serializable all the same; it is not strictly so.

use crate::inserts::{Line, VOCABULARY, read, read_all, write};
use perjury_checkers::Checker;
use perjury_checkers::inserts;
use perjury_harness::generator::{chance, from_fn, shuffle};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;

/// Inserts and reads of the last few keys and the next few, one to one.
pub struct CausalReverse;

impl Workload for CausalReverse {
    fn name(&self) -> &'static str {
        "causal-reverse"
    }

    fn about(&self) -> &'static str {
        "inserts keys and reads the latest at one moment; who sees one sees all that were \
         acknowledged before its insert began"
    }

    fn finds(&self) -> &'static [&'static str] {
        &["causal-reverse", "phantom-read", "dirty-read"]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        VOCABULARY
    }

    fn generator(&self, _: &Options, seed: Seed) -> BoxGenerator {
        let mut line = Line::default();
        from_fn(seed.derive("causal-reverse"), move |rng| next(&mut line, rng))
    }

    /// Every worker reads every key.
    fn final_generator(&self, _: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(read_all())
    }

    /// What a read missed, it missed.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn checkers(&self, _: &Options) -> Vec<Box<dyn Checker>> {
        vec![Box::new(inserts::CausalReverse)]
    }
}

/// A transaction reads at one moment, so the order in which it lists keys means nothing; one that does
/// not read at one moment shows it in some order.
fn next(line: &mut Line, rng: &mut ChaCha8Rng) -> Op {
    if chance(rng, 1, 2) {
        return write(line.insert());
    }
    let mut keys: Vec<u64> = line.around().collect();
    shuffle(rng, &mut keys);
    read(keys)
}

#[cfg(test)]
mod tests;
