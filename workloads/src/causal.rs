//! Causal consistency: registers written and read by sessions, each of which sees what it has seen
//! before, and what that came from.

use crate::keys::Keys;
use crate::settings;
use perjury_checkers::Checker;
use perjury_checkers::txn::{WeakIsolation, WeakLevel};
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

/// What has to hold; causal consistency unless told otherwise.
fn level(options: &Options) -> Result<WeakLevel, String> {
    let name = options.get("consistency-model").unwrap_or("causal");
    name.parse().map_err(|_| {
        let known: Vec<&str> = WeakLevel::ALL.iter().map(|level| level.name()).collect();
        format!("--consistency-model {name}: causal is judged as one of {}", known.join(", "))
    })
}

/// Single writes, and reads of one register or two.
pub struct Causal;

impl Workload for Causal {
    fn name(&self) -> &'static str {
        "causal"
    }

    fn about(&self) -> &'static str {
        "writes and reads registers; each client sees what it saw and wrote before, and all that this \
         came from (--set consistency-model=pram, read-your-writes, …: less than that; \
         atomic-reads=false: of two registers at two moments)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "G1a",
            "G1b",
            "G1c",
            "causality-violation",
            "fractured-read",
            "future-read",
            "internal",
            "monotonic-reads",
            "monotonic-writes",
            "non-monotonic-read",
            "non-repeatable-read",
            "phantom-read",
            "read-your-writes",
            "writes-follow-reads",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[(
            "txn",
            "[[\"w\", key, value]], each value once, or [[\"r\", key, null], …] of one key or two, \
             answered with each null replaced by the value; null for a key never written",
        )]
    }

    fn chooses_keys(&self) -> bool {
        true
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut keys = Keys::new(options);
        let pairs = pairs(options).unwrap_or(true);
        from_fn(seed.derive("causal"), move |rng| next(&mut keys, pairs, rng))
    }

    /// A read that came too late to see what its session knew stays so.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        pairs(options)?;
        level(options).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        vec![Box::new(WeakIsolation { level: level(options).unwrap_or(WeakLevel::Causal) })]
    }
}

/// Whether two registers are read at a time.
fn pairs(options: &Options) -> Result<bool, String> {
    Ok(settings::flag(options, "atomic-reads")?.unwrap_or(true))
}

fn next(keys: &mut Keys, pairs: bool, rng: &mut ChaCha8Rng) -> Op {
    let count = keys.count() as u64;
    let slot = keys.choose(rng);
    let number = keys.at(slot).number;
    if chance(rng, 1, 2) {
        let value = keys.value(slot);
        keys.spend(slot);
        return Op::new("txn", json!([["w", number, value]]));
    }
    if !pairs || count < 2 || chance(rng, 1, 2) {
        return Op::new("txn", json!([["r", number, null]]));
    }
    let other = (slot as u64 + 1 + below(rng, count - 1)) % count;
    let other = keys.at(other as usize).number;
    Op::new("txn", json!([["r", number, null], ["r", other, null]]))
}

#[cfg(test)]
mod tests;
