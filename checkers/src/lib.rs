//! Histories, models and checkers: pure functions from a recorded history to findings.
//!
//! Nothing here reads a clock, opens a file or a socket, or prints; independent keys are
//! searched on rayon's pool. A history goes in, [`Finding`]s come out, and the same bytes give
//! the same answer.

pub mod bank;
pub mod budget;
pub mod counter;
pub mod dead_holders;
pub mod election;
pub mod eventual;
pub mod finding;
#[doc(hidden)]
pub mod fuzzing;
pub mod history;
pub mod inserts;
pub mod linear;
pub mod long_fork;
pub mod monotonic;
mod numbers;
pub mod one_insert;
pub mod queue;
pub mod set;
pub mod streaming;
mod tally;
#[cfg(test)]
mod testing;
pub mod txn;
pub mod unique_ids;
pub mod watch;
mod words;
pub mod workload;

pub use budget::Budget;
pub use finding::{Anomaly, Edge, Finding, Step, Verdict};
pub use history::{Event, History, HistoryError, Kind, Name, Operation, Outcome, Process};

/// A pure decision procedure over a history.
pub trait Checker: Send + Sync {
    /// A short stable name, as it appears in `results.json`: `linearizable`, `set-full`.
    fn name(&self) -> &str;

    /// Decides. Never panics on a well-formed history; out of budget is [`Verdict::Unknown`].
    fn check(&self, history: &History, budget: &Budget) -> Finding;
}
