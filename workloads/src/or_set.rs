//! Sets of replicas that answer alone, with removes: an add that a remove has not seen stays.

use crate::keys::Keys;
use crate::replicas::{last_reads, promise};
use perjury_checkers::Checker;
use perjury_harness::generator::{below, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// How far back elements are that are removed.
const RECENT: u64 = 12;

/// Unique elements added, some of them removed, and reads: two to one to two.
pub struct OrSet;

impl Workload for OrSet {
    fn name(&self) -> &'static str {
        "or-set"
    }

    fn about(&self) -> &'static str {
        "adds unique elements to sets, removes some and reads them, each answered by one node alone; \
         what was added stays until somebody removes it, and what was removed is gone, for its session \
         at once (--set sessions=false: not), for all nodes after healing (--set converge-within=10)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "divergence",
            "divergent-merge",
            "lost-element",
            "resurrected-element",
            "phantom-element",
            "dirty-read",
            "duplicate-element",
            "missing-your-writes",
            "non-monotonic-reads",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("add", "[key, an integer]"),
            ("remove", "[key, an integer]; fails when the node does not have it"),
            ("read", "[key, null], answered with [key, list], or [key, list, {\"seen\": …}]"),
        ]
    }

    fn chooses_keys(&self) -> bool {
        true
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut keys = Keys::new(options);
        from_fn(seed.derive("or-set"), move |rng| next(&mut keys, rng))
    }

    fn final_generator(&self, options: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(last_reads(options, true, false))
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        promise(options, true).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        let promise = promise(options, true).unwrap_or_default();
        vec![Box::new(perjury_checkers::eventual::OrSet { promise })]
    }
}

fn next(keys: &mut Keys, rng: &mut ChaCha8Rng) -> Op {
    let slot = keys.choose(rng);
    let (key, last) = (keys.at(slot).number, keys.at(slot).last);
    match below(rng, 5) {
        0 | 1 => Op::new("read", json!([key, Value::Null])),
        2 if last > 0 => {
            let element = last - below(rng, RECENT.min(last));
            Op::new("remove", json!([key, element]))
        }
        _ => {
            let element = keys.value(slot);
            keys.spend(slot);
            Op::new("add", json!([key, element]))
        }
    }
}

#[cfg(test)]
mod tests;
