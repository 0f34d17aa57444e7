//! Lists: transactions that append to and read lists; strictly serializable.
//!
//! A list tells the order of its own writes, so that dependencies between transactions can be
//! read off instead of guessed (Kingsbury and Alvaro 2020, "Elle", section 3).

use crate::keys::Keys;
use crate::sweep::sweep;
use perjury_checkers::Checker;
use perjury_checkers::txn::{self, ConsistencyModel};
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Steps of one transaction at most.
const MAX_STEPS: u64 = 4;

/// What has to hold; strict serializability unless told otherwise.
fn model(options: &Options) -> Result<ConsistencyModel, String> {
    options.get("consistency-model").map_or(Ok(ConsistencyModel::default()), str::parse)
}

/// Transactions of one to four appends and reads.
pub struct ListAppend;

impl Workload for ListAppend {
    fn name(&self) -> &'static str {
        "list-append"
    }

    fn about(&self) -> &'static str {
        "transactions that append to lists and read them; --set consistency-model=MODEL says \
         what has to hold (strict-serializable)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "G0",
            "disputed-G0",
            "G1a",
            "G1b",
            "G1c",
            "G-single",
            "G-nonadjacent",
            "G2-item",
            "dirty-update",
            "duplicate-elements",
            "future-read",
            "incompatible-order",
            "internal",
            "lost-append",
            "lost-update",
            "phantom-read",
            "nonserializable",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[(
            "txn",
            "[[\"append\", key, value], [\"r\", key, null], …], answered with each null replaced \
             by the list",
        )]
    }

    fn chooses_keys(&self) -> bool {
        true
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut load = Load { keys: Keys::new(options), halved: options.key_choice.is_none() };
        from_fn(seed.derive("list-append"), move |rng| load.next(rng))
    }

    /// Two workers of each node read every list, a few in one transaction.
    fn final_generator(&self, options: &Options, _: Seed) -> Option<BoxGenerator> {
        let window = options.keys.max(1);
        let reads = |keys: std::ops::Range<u64>| {
            let steps: Vec<Value> = keys.map(|key| json!(["r", key, null])).collect();
            Op::new("txn", steps)
        };
        let empty = |value: &Value| {
            let steps = value.as_array().map(Vec::as_slice).unwrap_or_default();
            steps.iter().all(|step| step[2].as_array().is_none_or(Vec::is_empty))
        };
        Some(sweep(MAX_STEPS, window, reads, empty))
    }

    /// In real time an append that was acknowledged must be seen by every later read. Weaker models
    /// let it come later, so that only the end shows what is lost.
    fn shows_anomalies_early(&self, options: &Options) -> bool {
        model(options).is_ok_and(|model| model == ConsistencyModel::default())
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        model(options).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        let model = model(options).unwrap_or_default();
        vec![Box::new(txn::ListAppend { model })]
    }
}

#[derive(Clone)]
struct Load {
    keys: Keys,
    /// Each key is half as popular as the one before, unless something else was asked for.
    halved: bool,
}

impl Load {
    fn next(&mut self, rng: &mut ChaCha8Rng) -> Op {
        let steps = 1 + below(rng, MAX_STEPS);
        let steps: Vec<Value> = (0..steps).map(|_| self.step(rng)).collect();
        Op::new("txn", steps)
    }

    fn step(&mut self, rng: &mut ChaCha8Rng) -> Value {
        let slot = self.slot(rng);
        let number = self.keys.at(slot).number;
        if chance(rng, 1, 2) {
            return json!(["r", number, null]);
        }
        let value = self.keys.value(slot);
        self.keys.spend(slot);
        json!(["append", number, value])
    }

    /// Each slot half as likely as the one before: a few keys are fought over, and the others
    /// are seldom enough touched that long chains of dependencies go through them.
    fn slot(&self, rng: &mut ChaCha8Rng) -> usize {
        if !self.halved {
            return self.keys.choose(rng);
        }
        let mut slot = 0;
        while slot + 1 < self.keys.count() && chance(rng, 1, 2) {
            slot += 1;
        }
        slot
    }
}

#[cfg(test)]
mod tests;
