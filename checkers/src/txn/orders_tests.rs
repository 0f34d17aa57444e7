//! Brute force for tests: tiny random histories, and whether any order of their transactions
//! explains what was read.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::testing::{Random, Script};
use crate::{Checker, Kind, Verdict};

/// What one step does to a state and what it answers. `None` if it is not answered, as it may
/// not have happened or nobody knows.
pub(super) type Run<S> = fn(&mut S, &Value) -> Value;

/// A transaction of a tiny history.
struct Tiny {
    /// As answered, or as called if there was no answer.
    micros: Vec<Value>,
    committed: bool,
    /// The events that called and ended it.
    span: (usize, usize),
}

/// A tiny history. `outputs` are its transactions as a store answered them one after another,
/// and whether it told; they overlap at random, in the same order.
pub(super) struct TinyHistory {
    pub(super) script: Script,
    txns: Vec<Tiny>,
}

impl TinyHistory {
    pub(super) fn new(random: &mut Random, outputs: Vec<(Vec<Value>, bool)>) -> Self {
        let mut script = Script::default();
        let mut txns: Vec<Tiny> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        while txns.len() < outputs.len() || !open.is_empty() {
            if txns.len() < outputs.len() && (open.is_empty() || random.chance(50)) {
                let number = txns.len();
                let (micros, committed) = outputs[number].clone();
                let span = (script.events.len(), usize::MAX);
                script.call(number as u32, "txn", unanswered(&micros));
                txns.push(Tiny { micros, committed, span });
                open.push(number);
                continue;
            }
            let number = open.swap_remove(random.below(open.len() as u64) as usize);
            let txn = &mut txns[number];
            txn.span.1 = script.events.len();
            if txn.committed {
                script.ok(number as u32, "txn", Value::Array(txn.micros.clone()));
            } else {
                let called = unanswered(&txn.micros);
                script.push(number as u32, Kind::Info, "txn", called.clone());
                txn.micros = called.as_array().cloned().unwrap_or_default();
            }
        }
        Self { script, txns }
    }

    /// Whether an order explains all that committed, with any of the others.
    pub(super) fn explained<S: Clone + Default>(&self, strict: bool, run: Run<S>) -> bool {
        self.from(strict, run, 0, &S::default())
    }

    fn from<S: Clone>(&self, strict: bool, run: Run<S>, done: u32, state: &S) -> bool {
        let left = || (0..self.txns.len()).filter(|n| done & (1 << n) == 0);
        if left().all(|n| !self.txns[n].committed) {
            return true;
        }
        left().any(|n| {
            let txn = &self.txns[n];
            let overtaken = |m: usize| self.txns[m].committed && self.txns[m].span.1 < txn.span.0;
            if strict && left().any(overtaken) {
                return false;
            }
            let mut state = state.clone();
            let fits = txn.micros.iter().all(|micro| {
                let answer = run(&mut state, micro);
                !is_read(micro) || !txn.committed || answer == micro[2]
            });
            fits && self.from(strict, run, done | 1 << n, &state)
        })
    }
}

fn is_read(micro: &Value) -> bool {
    micro[0] == "r" || micro[0] == "rp"
}

pub(super) fn unanswered(micros: &[Value]) -> Value {
    let call = |micro: &Value| {
        let mut micro = micro.clone();
        if is_read(&micro) {
            micro[2] = Value::Null;
        }
        micro
    };
    micros.iter().map(call).collect()
}

/// Compares verdicts on many histories with all orders: what is called invalid must have none.
/// Gives how many were valid and possible, invalid and impossible, and valid but impossible.
pub(super) fn compare<S: Clone + Default>(
    seeds: u64,
    strict: bool,
    checker: &dyn Checker,
    make: impl Fn(&mut Random) -> TinyHistory,
    run: Run<S>,
) -> [u32; 3] {
    let mut counts = [0; 3];
    for seed in 0..seeds {
        let tiny = make(&mut Random(seed));
        let finding = checker.check(&tiny.script.history(), &crate::Budget::default());
        if finding.verdict == Verdict::Unknown {
            continue;
        }
        let possible = tiny.explained(strict, run);
        let valid = finding.verdict == Verdict::Valid;
        assert!(valid || !possible, "seed {seed}: {:?}", finding.anomalies);
        match (valid, possible) {
            (true, true) => counts[0] += 1,
            (false, _) => counts[1] += 1,
            (true, false) => counts[2] += 1,
        }
    }
    counts
}

/// A map for states.
pub(super) type Map = BTreeMap<String, Value>;
