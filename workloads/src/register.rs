//! Registers: reads, writes and compare-and-set on many keys; each key is linearizable.

use crate::keys::Keys;
use crate::sweep::sweep;
use perjury_checkers::Checker;
use perjury_checkers::linear::{CasRegister, Linearizable};
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

/// Reads, writes and compare-and-set, two to two to one.
pub struct Register;

impl Workload for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn about(&self) -> &'static str {
        "read, write and compare-and-set registers; every key has to be linearizable"
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("read", "[key, null], answered with [key, value]; null for a key never written"),
            ("write", "[key, value]"),
            ("cas", "[key, [old, new]]; fails when the value is not old"),
        ]
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut load = Load { keys: Keys::new(options.keys, options.ops_per_key) };
        from_fn(seed.derive("register"), move |rng| load.next(rng))
    }

    /// Every worker reads every key, so that what a node forgot shows.
    fn final_generator(&self, options: &Options, _: Seed) -> Option<BoxGenerator> {
        let window = options.keys.max(1);
        Some(sweep(
            1,
            window,
            |keys| Op::new("read", json!([keys.start, null])),
            |value| value[1].is_null(),
        ))
    }

    /// Of a linearizable history every beginning is linearizable, with its open calls.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn checkers(&self, _: &Options) -> Vec<Box<dyn Checker>> {
        vec![Box::new(Linearizable::new(CasRegister::default()).keyed(true))]
    }
}

#[derive(Clone)]
struct Load {
    keys: Keys,
}

impl Load {
    fn next(&mut self, rng: &mut ChaCha8Rng) -> Op {
        let slot = below(rng, self.keys.count() as u64) as usize;
        let number = self.keys.at(slot).number;
        let last = self.keys.at(slot).last;
        let op = match below(rng, 5) {
            0 | 1 => Op::new("read", json!([number, null])),
            // The value that was asked for last is likely there, an older one a lost update.
            2 if last > 0 => {
                let mut old = last;
                while old > 1 && chance(rng, 1, 3) {
                    old -= 1;
                }
                Op::new("cas", json!([number, [old, self.keys.value(slot)]]))
            }
            _ => Op::new("write", json!([number, self.keys.value(slot)])),
        };
        self.keys.spend(slot);
        op
    }
}

#[cfg(test)]
mod tests;
