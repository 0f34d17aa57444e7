//! Linearizability: whether operations could have taken effect one at a time, each between
//! its call and its answer (Herlihy & Wing, *Linearizability*, TOPLAS 1990).

mod classify;
mod explain;
mod model;
mod models;
pub mod neighbours;
mod partition;
mod search;
mod shrink;
mod special;
pub mod synthetic;

pub use model::{Answer, Asked, Leaves, Model, NEVER, Needs, Timed, Values};
pub use models::{CasRegister, Mutex, MutexCall, Register, RegisterCall};
pub use special::{Contradiction, Special};

use rayon::prelude::*;
use serde_json::json;

use crate::{Anomaly, Budget, Checker, Finding, History};
use explain::explain;
use partition::{Part, groups};
use search::{Outcome, Report, search};

/// How many keys are searched at the same time, and share the budget. Fixed, so that the same
/// history runs out of budget at the same place on every machine.
const KEYS_AT_ONCE: usize = 8;
/// How many violated keys are explained in full.
const MAX_EXPLAINED: usize = 8;

/// Decides linearizability with regard to a model, per key if the history is keyed.
///
/// In a keyed history each value is `[key, value]`: a read calls with `[k, null]` and answers
/// `[k, v]`, a write has `[k, v]`, a compare-and-set `[k, [old, new]]`. A history of many
/// objects is linearizable if and only if that of each object is (Herlihy & Wing, theorem 1;
/// as *P-compositionality* in Horn & Kroening, *Faster linearizability checking via
/// P-compositionality*, FORTE 2015), so keys are checked by themselves.
///
/// Operations that `fail` are left out; those without an answer may take effect at any time
/// after their call, or never. Cost: see `search.rs`; per key.
#[derive(Clone, Debug, Default)]
pub struct Linearizable<M = CasRegister> {
    model: M,
    keyed: bool,
}

impl<M: Model> Linearizable<M> {
    /// One object of this model.
    pub fn new(model: M) -> Self {
        Self { model, keyed: false }
    }

    /// Whether values are `[key, value]` and there is one object per key.
    #[must_use]
    pub fn keyed(self, keyed: bool) -> Self {
        Self { keyed, ..self }
    }
}

impl<M: Model> Checker for Linearizable<M> {
    fn name(&self) -> &str {
        "linearizable"
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        let read = groups(history, self.keyed).and_then(|groups| {
            groups.iter().map(|group| Part::new(&self.model, history, group)).collect()
        });
        let parts: Vec<Part<'_, M>> = match read {
            Ok(parts) => parts,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let judged = parts.iter().map(|part| part.calls.len()).sum::<usize>();
        if judged == 0 {
            return Finding::unknown(
                self.name(),
                format!(
                    "no operation on the {} has an answer, so there is nothing to judge; \
                     see in the log why the clients got none",
                    self.model.noun()
                ),
            );
        }
        let share = (budget.max_states / parts.len().clamp(1, KEYS_AT_ONCE)).max(1);
        let mut reports = Vec::with_capacity(parts.len());
        for several in parts.chunks(KEYS_AT_ONCE) {
            let some: Vec<_> = several
                .par_iter()
                .map(|part| search(&self.model, part.initial.clone(), &part.calls, share, budget))
                .collect();
            reports.extend(some);
        }
        self.conclude(&parts, &reports, budget)
    }
}

impl<M: Model> Linearizable<M> {
    fn conclude(
        &self,
        parts: &[Part<'_, M>],
        reports: &[Report<M::State>],
        budget: &Budget,
    ) -> Finding {
        let stats = json!({
            "keys": parts.len(),
            "operations": parts.iter().map(|part| part.calls.len()).sum::<usize>(),
            "unknown": parts.iter().flat_map(|part| &part.calls).filter(|c| c.end == NEVER).count(),
            "states": reports.iter().map(|report| report.states).sum::<usize>(),
        });
        let mut stuck = Vec::new();
        let mut undecided = None;
        for (part, report) in parts.iter().zip(reports) {
            match report.outcome {
                Outcome::Linearizable => {}
                Outcome::Stuck { at, .. } => stuck.push((part, at)),
                Outcome::OutOfStates { at } => {
                    undecided.get_or_insert((part, at, "the limit of states was reached"));
                }
                Outcome::Cancelled { at } => {
                    undecided.get_or_insert((part, at, "time was up"));
                }
            }
        }
        if !stuck.is_empty() {
            let explained = &stuck[..stuck.len().min(MAX_EXPLAINED)];
            let anomalies: Vec<Anomaly> = explained
                .par_iter()
                .map(|(part, at)| explain(&self.model, part, *at, budget))
                .collect();
            let mut finding = Finding::invalid(self.name(), anomalies, stats);
            finding.anomaly_count = stuck.len() as u64;
            return finding;
        }
        match undecided {
            None => Finding::valid(self.name(), stats),
            Some((part, at, why)) => {
                let key = part.key.as_ref().map(|key| format!(" on key {key}")).unwrap_or_default();
                let reason = format!(
                    "{why}: verified{key} up to operation {}; give the analysis more time or \
                     memory, or run with fewer clients per key",
                    part.operation(at).index
                );
                Finding { stats, ..Finding::unknown(self.name(), reason) }
            }
        }
    }
}

#[cfg(test)]
mod distinct;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod kind_tests;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
