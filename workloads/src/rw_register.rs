//! Read-write registers: transactions that write and read registers; strictly serializable.
//!
//! A register shows one version at a time. Which version followed which is concluded only from what
//! is known: that the first is null, from the isolation asked for, and from what the user says of
//! single keys (Kingsbury and Alvaro 2020, "Elle", section 5.2).

use crate::keys::Keys;
use crate::settings;
use crate::sweep::sweep;
use perjury_checkers::Checker;
use perjury_checkers::txn::{self, ConsistencyModel};
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Steps of one transaction at most.
const MAX_STEPS: u64 = 4;

/// What judges, as it was asked for. The versions of a key are in the order of its process's
/// transactions, or of real time, only if the user says that single keys are that strong.
fn judge(options: &Options) -> Result<txn::RwRegister, String> {
    let model =
        options.get("consistency-model").map_or(Ok(ConsistencyModel::default()), str::parse);
    let mut judge = txn::RwRegister::new(model?);
    let inference = &mut judge.inference;
    let settings = [
        ("wfr-keys", &mut inference.wfr_keys),
        ("sequential-keys", &mut inference.sequential_keys),
        ("linearizable-keys", &mut inference.linearizable_keys),
    ];
    for (name, assumed) in settings {
        *assumed = settings::flag(options, name)?.unwrap_or(*assumed);
    }
    Ok(judge)
}

/// Transactions of one to four writes and reads.
pub struct RwRegister;

impl Workload for RwRegister {
    fn name(&self) -> &'static str {
        "rw-register"
    }

    fn about(&self) -> &'static str {
        "transactions that write registers and read them; --set consistency-model=MODEL says what \
         has to hold (strict-serializable), and --set linearizable-keys=true or \
         sequential-keys=true what each key promises by itself, so that more can be concluded"
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "G0",
            "G1a",
            "G1b",
            "G1c",
            "G-single",
            "G-nonadjacent",
            "G2-item",
            "cyclic-versions",
            "dirty-update",
            "future-read",
            "internal",
            "lost-update",
            "phantom-read",
            "nonserializable",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[(
            "txn",
            "[[\"w\", key, value], [\"r\", key, null], …], answered with each null replaced by the \
             value; null for a key never written",
        )]
    }

    fn chooses_keys(&self) -> bool {
        true
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut load = Load { keys: Keys::new(options) };
        from_fn(seed.derive("rw-register"), move |rng| load.next(rng))
    }

    /// Two workers of each node read every register, a few in one transaction.
    fn final_generator(&self, options: &Options, _: Seed) -> Option<BoxGenerator> {
        let window = options.keys.max(1);
        let reads = |keys: std::ops::Range<u64>| {
            let steps: Vec<Value> = keys.map(|key| json!(["r", key, null])).collect();
            Op::new("txn", steps)
        };
        let empty = |value: &Value| {
            let steps = value.as_array().map(Vec::as_slice).unwrap_or_default();
            steps.iter().all(|step| step[2].is_null())
        };
        Some(sweep(MAX_STEPS, window, reads, empty))
    }

    /// In real time; weaker models as with lists.
    fn shows_anomalies_early(&self, options: &Options) -> bool {
        judge(options).is_ok_and(|judge| judge.model == ConsistencyModel::default())
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        judge(options).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        vec![Box::new(judge(options).unwrap_or_default())]
    }
}

#[derive(Clone)]
struct Load {
    keys: Keys,
}

impl Load {
    fn next(&mut self, rng: &mut ChaCha8Rng) -> Op {
        let wanted = 1 + below(rng, MAX_STEPS) as usize;
        let mut steps: Vec<Value> = Vec::with_capacity(wanted);
        while steps.len() < wanted {
            self.touch(rng, wanted, &mut steps);
        }
        Op::new("txn", steps)
    }

    /// A read, a write, or a read and a write of one key: what is read just before it is written is
    /// the version before it, which orders more versions than anything else.
    fn touch(&mut self, rng: &mut ChaCha8Rng, wanted: usize, steps: &mut Vec<Value>) {
        let slot = self.keys.choose(rng);
        let number = self.keys.at(slot).number;
        let (reads, writes) = (chance(rng, 2, 3), chance(rng, 1, 2));
        if reads || !writes {
            steps.push(json!(["r", number, null]));
        }
        if writes && steps.len() < wanted {
            let value = self.keys.value(slot);
            self.keys.spend(slot);
            steps.push(json!(["w", number, value]));
        }
    }
}

#[cfg(test)]
mod tests;
