//! Registers of replicas that answer alone, and keep all values that were written at the same time.

use crate::keys::Keys;
use crate::replicas::{last_reads, promise};
use perjury_checkers::Checker;
use perjury_harness::generator::{chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Writes of unique values and reads of all that none replaced, one to one.
pub struct MvRegister;

impl Workload for MvRegister {
    fn name(&self) -> &'static str {
        "mv-register"
    }

    fn about(&self) -> &'static str {
        "writes registers that keep all values of which none had seen another, each answered by one \
         node alone; a value stays until a write replaces it, for its session at once (--set \
         sessions=false: not), for all nodes after healing (--set converge-within=10)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "divergence",
            "divergent-merge",
            "lost-write",
            "superseded-value",
            "phantom-read",
            "dirty-read",
            "duplicate-element",
            "missing-your-writes",
            "non-monotonic-reads",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "write",
                "[key, an integer], answered with [key, value, {\"replaced\": list}] of the values that \
                 it replaced",
            ),
            ("read", "[key, null], answered with [key, list], or [key, list, {\"seen\": …}]"),
        ]
    }

    fn chooses_keys(&self) -> bool {
        true
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut keys = Keys::new(options);
        from_fn(seed.derive("mv-register"), move |rng| next(&mut keys, rng))
    }

    fn final_generator(&self, options: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(last_reads(options, true, false))
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        promise(options, true).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        let promise = promise(options, true).unwrap_or_default();
        vec![Box::new(perjury_checkers::eventual::MvRegister { promise })]
    }
}

fn next(keys: &mut Keys, rng: &mut ChaCha8Rng) -> Op {
    let slot = keys.choose(rng);
    let key = keys.at(slot).number;
    if chance(rng, 1, 2) {
        return Op::new("read", json!([key, Value::Null]));
    }
    let value = keys.value(slot);
    keys.spend(slot);
    Op::new("write", json!([key, value]))
}

#[cfg(test)]
mod tests;
