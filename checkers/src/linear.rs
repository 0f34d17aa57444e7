//! Linearizability: whether operations could have taken effect one at a time, each between
//! its call and its answer (Herlihy & Wing, *Linearizability*, TOPLAS 1990).

mod classify;
mod decide;
mod explain;
mod frontier;
mod model;
mod models;
pub mod neighbours;
mod partition;
mod shrink;
mod special;
mod stream;
pub mod synthetic;

pub use decide::{Decision, FRONTIER, Outcome, decide};
pub use model::{Answer, Asked, Leaves, Model, NEVER, Needs, Timed, Values};
pub use models::*;
pub use special::{Contradiction, Special};
pub use stream::Stream;

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::json;

use crate::{Anomaly, Budget, Checker, Finding, History};
use explain::explain;
use partition::{Part, parts};

/// How many violated keys are explained in full.
const MAX_EXPLAINED: usize = 8;

/// Decides linearizability with regard to a model, per key if the history is keyed.
///
/// In a keyed history each value is `[key, value]`: a read calls with `[k, null]` and answers
/// `[k, v]`, a write has `[k, v]`, a compare-and-set `[k, [old, new]]`. Keys are judged by
/// themselves (see `partition.rs`), on all processors.
///
/// Operations that `fail` are left out; those without an answer may take effect at any time
/// after their call, or never. Cost: see `frontier.rs` and the special engines; per key.
#[derive(Clone, Debug, Default)]
pub struct Linearizable<M = CasRegister> {
    model: M,
    keyed: bool,
}

/// What came out for one object.
struct Judged<'h, M: Model> {
    calls: usize,
    unknown: usize,
    states: usize,
    engine: &'static str,
    /// The calls and what is wrong with them; `None` if nothing is.
    trouble: Option<(Part<'h, M>, Outcome<M::State>)>,
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
        let parts = match parts(&self.model, history, self.keyed) {
            Ok(parts) => parts,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let judged: Vec<Judged<'_, M>> =
            parts.into_par_iter().map(|part| self.judge(part, budget)).collect();
        if judged.iter().all(|object| object.calls == 0) {
            return Finding::unknown(
                self.name(),
                format!(
                    "no operation on the {} has an answer, so there is nothing to judge; \
                     see in the log why the clients got none",
                    self.model.noun()
                ),
            );
        }
        self.conclude(&judged, budget)
    }
}

impl<M: Model> Linearizable<M> {
    fn judge<'h>(&self, part: Part<'h, M>, budget: &Budget) -> Judged<'h, M> {
        let decision = decide(&self.model, &part.initial, &part.calls, &part.values, budget);
        Judged {
            calls: part.calls.len(),
            unknown: part.calls.iter().filter(|timed| timed.is_unknown()).count(),
            states: decision.states,
            engine: decision.engine,
            trouble: match decision.outcome {
                Outcome::Linearizable => None,
                outcome => Some((part, outcome)),
            },
        }
    }

    fn conclude(&self, judged: &[Judged<'_, M>], budget: &Budget) -> Finding {
        let sum = |of: fn(&Judged<'_, M>) -> usize| judged.iter().map(of).sum::<usize>();
        let mut engines: BTreeMap<&str, usize> = BTreeMap::new();
        for object in judged {
            *engines.entry(object.engine).or_default() += 1;
        }
        let stats = json!({
            "keys": judged.len(),
            "operations": sum(|object| object.calls),
            "unknown": sum(|object| object.unknown),
            "states": sum(|object| object.states),
            "engines": engines,
        });
        let troubles: Vec<_> = judged.iter().filter_map(|object| object.trouble.as_ref()).collect();
        let violated: Vec<_> =
            troubles.iter().filter(|(_, outcome)| outcome.is_violation()).collect();
        if !violated.is_empty() {
            let explained = &violated[..violated.len().min(MAX_EXPLAINED)];
            let anomalies: Vec<Anomaly> = explained
                .par_iter()
                .map(|(part, outcome)| explain(&self.model, part, outcome, budget))
                .collect();
            let mut finding = Finding::invalid(self.name(), anomalies, stats);
            finding.anomaly_count = violated.len() as u64;
            return finding;
        }
        match troubles.first() {
            None => Finding::valid(self.name(), stats),
            Some((part, outcome)) => {
                Finding { stats, ..Finding::unknown(self.name(), undecided(part, outcome)) }
            }
        }
    }
}

fn undecided<M: Model>(part: &Part<'_, M>, outcome: &Outcome<M::State>) -> String {
    let (at, why) = match outcome {
        Outcome::Cancelled { at } => (*at, "time was up"),
        Outcome::OutOfStates { at } | Outcome::Stuck { at, .. } => {
            (*at, "the limit of states was reached")
        }
        Outcome::Linearizable | Outcome::Contradiction(_) => (0, "nothing was searched"),
    };
    let key = part.key.map(|key| format!(" on key {key}")).unwrap_or_default();
    format!(
        "{why}: verified{key} up to operation {}; give the analysis more time or memory, or run \
         with fewer clients per key",
        part.operation(at).index
    )
}

#[cfg(test)]
mod distinct;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod kind_tests;
#[cfg(test)]
mod long_tests;
#[cfg(test)]
mod minimal_tests;
#[cfg(any(test, feature = "fuzzing"))]
mod oracle;
#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod stream_tests;
#[cfg(test)]
mod tests;
