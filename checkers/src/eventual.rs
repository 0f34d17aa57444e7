//! Replicas that answer alone: what eventually consistent systems promise, and how far they are off.
//!
//! | checker | judges |
//! |---|---|
//! | [`EventualRegister`] | registers of which the last write wins: convergence, staleness, digests |
//! | [`CrdtCounter`] | counters that grow, or go both ways |
//! | [`OrSet`] | sets in which an add wins over a remove that had not seen it |
//! | [`MvRegister`] | registers that keep all values that were written at the same time |
//!
//! All of them take `[key, value]`, read `[key, null]` answered by `[key, value]`, or by
//! `[key, value, evidence]` with an object of what the replica can tell besides: `seen`, which updates
//! it had seen (any JSON, equal if the same), and `node`, who answered, if not the client's node.

mod counter;
mod findings;
mod ledger;
mod mv_register;
mod or_set;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod oracle_tests;
mod poll;
mod register;
#[cfg(test)]
mod store;

pub use counter::CrdtCounter;
pub use mv_register::MvRegister;
pub use or_set::OrSet;
pub use register::{EventualRegister, Order};

/// What all of them can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// How long after the last fault and the last update replicas may go on answering differently, in
    /// nanoseconds.
    pub converge_within: u64,
    /// Whether a session must see what it wrote, and what it has seen before.
    pub sessions: bool,
}

impl Promise {
    /// Replicas have agreed after ten seconds.
    pub const CONVERGE_WITHIN: u64 = 10_000_000_000;
}

impl Default for Promise {
    fn default() -> Self {
        Self { converge_within: Self::CONVERGE_WITHIN, sessions: true }
    }
}

/// What replicas that do not come together cannot be.
const RULED_OUT: &[&str] = &["linearizable", "sequential", "causal", "eventual"];
/// What a session that misses something rules out.
const OF_SESSIONS: &[&str] = &["linearizable", "sequential", "causal"];
