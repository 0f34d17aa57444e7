//! Sequential inserts: each client's keys come one after the other, for everybody.
//!
//! After Jepsen's `sequential`: keys are read in the opposite order, so that a read that finds a
//! key finds those that the same client had inserted before it, also if it is not one moment at
//! which they are read.

use crate::inserts::{Line, VOCABULARY, read, read_all, write};
use perjury_checkers::Checker;
use perjury_checkers::inserts;
use perjury_harness::generator::{chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;

/// Inserts and reads of the last few keys, one to one.
pub struct Sequential;

impl Workload for Sequential {
    fn name(&self) -> &'static str {
        "sequential"
    }

    fn about(&self) -> &'static str {
        "inserts keys and reads the last few, latest first; who has seen a key of a client finds all \
         that the client had inserted before it"
    }

    fn finds(&self) -> &'static [&'static str] {
        &["insert-inversion", "phantom-read", "dirty-read"]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        VOCABULARY
    }

    fn generator(&self, _: &Options, seed: Seed) -> BoxGenerator {
        let mut line = Line::default();
        from_fn(seed.derive("sequential"), move |rng| next(&mut line, rng))
    }

    /// Every worker reads every key, with what it has seen by then in mind.
    fn final_generator(&self, _: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(read_all())
    }

    /// What a read missed, it missed.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn checkers(&self, _: &Options) -> Vec<Box<dyn Checker>> {
        vec![Box::new(inserts::Sequential)]
    }
}

fn next(line: &mut Line, rng: &mut ChaCha8Rng) -> Op {
    if chance(rng, 1, 2) { write(line.insert()) } else { read(line.last().rev()) }
}

#[cfg(test)]
mod tests;
