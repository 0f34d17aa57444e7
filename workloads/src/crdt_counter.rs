//! Counters of replicas that answer alone, and merge what was added elsewhere.

use crate::keys::Keys;
use crate::replicas::{last_reads, promise};
use crate::settings;
use perjury_checkers::Checker;
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

const DECREMENTS: &str = "decrements";
/// What is added at the most.
const MAX_AMOUNT: u64 = 3;

/// Additions and reads, one to one.
pub struct CrdtCounter;

impl Workload for CrdtCounter {
    fn name(&self) -> &'static str {
        "crdt-counter"
    }

    fn about(&self) -> &'static str {
        "adds to counters and reads them, each answered by one node alone; each read is a sum of some \
         updates, with those of its session (--set sessions=false: without), and after healing all \
         nodes come to the same, which has all that was acknowledged (--set converge-within=10; \
         --set decrements=false: they only grow)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "lost-update",
            "phantom-update",
            "divergence",
            "divergent-merge",
            "missing-your-writes",
            "non-monotonic-reads",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("add", "[key, an integer, perhaps below zero]"),
            ("read", "[key, null], answered with [key, total], or [key, total, {\"seen\": …}]"),
        ]
    }

    fn chooses_keys(&self) -> bool {
        true
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let decrements = settings::flag(options, DECREMENTS).ok().flatten().unwrap_or(true);
        let mut keys = Keys::new(options);
        from_fn(seed.derive("crdt-counter"), move |rng| next(&mut keys, decrements, rng))
    }

    fn final_generator(&self, options: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(last_reads(options, true, false))
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        settings::flag(options, DECREMENTS)?;
        promise(options, true).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        let promise = promise(options, true).unwrap_or_default();
        vec![Box::new(perjury_checkers::eventual::CrdtCounter { promise })]
    }
}

fn next(keys: &mut Keys, decrements: bool, rng: &mut ChaCha8Rng) -> Op {
    let slot = keys.choose(rng);
    let key = keys.at(slot).number;
    if chance(rng, 1, 2) {
        return Op::new("read", json!([key, Value::Null]));
    }
    keys.spend(slot);
    let amount = 1 + below(rng, MAX_AMOUNT) as i64;
    let amount = if decrements && chance(rng, 1, 3) { -amount } else { amount };
    Op::new("add", json!([key, amount]))
}

#[cfg(test)]
mod tests;
