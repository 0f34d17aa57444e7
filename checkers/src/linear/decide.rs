//! Decision: the engine that suits the calls, and what it says.

use super::frontier::{Question, search};
use super::model::{Model, Timed, Values};
use super::special::Contradiction;
use crate::Budget;

/// Name of the general engine.
pub const FRONTIER: &str = "frontier";

/// What was decided about the calls on one object.
#[derive(Clone, Debug)]
pub struct Decision<S> {
    /// Which engine decided: `frontier`, or the name of a special one.
    pub engine: &'static str,
    pub outcome: Outcome<S>,
    /// Configurations that the general engine looked at; 0 if another decided.
    pub states: usize,
}

/// Whether calls are linearizable. They are numbered as they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<S> {
    Linearizable,
    /// A special engine found calls that contradict each other.
    Contradiction(Contradiction),
    /// Call number `at` cannot have returned what it did; before its end the object could be in
    /// `states` only (the first few are named).
    Stuck {
        at: usize,
        states: Vec<S>,
    },
    /// More configurations than allowed; all calls that end before call number `at` ends could
    /// be linearized.
    OutOfStates {
        at: usize,
    },
    Cancelled {
        at: usize,
    },
}

impl<S> Outcome<S> {
    /// Whether a violation was found.
    pub fn is_violation(&self) -> bool {
        matches!(self, Self::Contradiction(_) | Self::Stuck { .. })
    }
}

/// Decides whether `calls`, ordered by start, are linearizable for an object that begins in
/// `initial`: by the model's special engine if that applies, else by the general one, which
/// keeps at most `budget.max_states` configurations at a time.
pub fn decide<M: Model>(
    model: &M,
    initial: &M::State,
    calls: &[Timed<M::Call>],
    values: &Values,
    budget: &Budget,
) -> Decision<M::State> {
    if let Some(special) = model.special(calls, values) {
        let outcome = special.contradiction.map_or(Outcome::Linearizable, Outcome::Contradiction);
        return Decision { engine: special.engine, outcome, states: 0 };
    }
    let initial = std::slice::from_ref(initial);
    let question = Question { model, initial, calls, weak: &[] };
    let report = search(&question, budget.max_states, budget);
    Decision { engine: FRONTIER, outcome: report.outcome, states: report.states }
}
