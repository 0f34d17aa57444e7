//! Measuring: time, memory, and what a decision comes to.

use perjury_checkers::Budget;
use perjury_checkers::linear::{Model, Timed, Values, decide};

pub use crate::clock::{Clock, timed};
pub use crate::memory::status;

/// What a row took.
pub struct Measured {
    pub operations: usize,
    pub took: Clock,
    /// Bytes in memory before the check: the history.
    pub before: u64,
    pub verdict: String,
}

/// Decides about calls on one object.
pub fn calls_of<M: Model>(model: &M, initial: &M::State, calls: &[Timed<M::Call>]) -> Measured {
    let before = resident();
    let (decision, took) =
        timed(|| decide(model, initial, calls, &Values::default(), &Budget::default()));
    let verdict = match decision.outcome.is_violation() {
        true => "violated".to_owned(),
        false => format!("{:?}", decision.outcome).split(' ').next().unwrap_or_default().to_owned(),
    };
    let verdict = format!("{verdict} ({})", decision.engine);
    Measured { operations: calls.len(), took, before, verdict }
}

/// Bytes of this process in memory now.
pub fn resident() -> u64 {
    status("VmRSS:")
}
