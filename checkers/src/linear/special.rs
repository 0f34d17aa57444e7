//! Special engines: decision procedures for one kind of object each, near-linear where the
//! general search is exponential.

mod elements;
mod inside;
mod moments;
mod priority_queue;
mod queues;
mod stayed;
mod too_few_takers;

pub(super) use priority_queue::priority_queue;
pub(super) use queues::{fifo_queue, unordered_queue};
#[cfg(test)]
mod count_tests;
pub(crate) mod counters;
#[cfg(test)]
mod evidence;
pub(crate) mod holds;
pub(crate) mod ids;
#[cfg(test)]
mod lock_tests;
pub(crate) mod logs;
pub(crate) mod permits;
mod radix;
pub(crate) mod sessions;
pub(super) mod set;
mod slots;
pub(super) mod stack;
#[cfg(test)]
mod text_tests;
pub(super) mod texts;
mod timeline;
pub(super) mod zones;

/// What a special engine decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Special {
    /// Which engine: `zones`, `queue`.
    pub engine: &'static str,
    /// `None`: linearizable.
    pub contradiction: Option<Contradiction>,
}

/// A few calls that no order explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// Stable machine name of the anomaly: `fifo-inversion`, `stale-read`.
    pub kind: &'static str,
    /// "Elements left the queue in another order than they entered it"
    pub title: String,
    /// Numbers of the calls that prove it, in the order in which to tell of them. Few: these
    /// and no others are what the reader sees.
    pub calls: Vec<usize>,
    /// Why these calls contradict each other; one or two sentences.
    pub why: String,
}

impl Special {
    /// Nothing is wrong.
    pub fn linearizable(engine: &'static str) -> Self {
        Self { engine, contradiction: None }
    }

    /// These calls contradict each other.
    pub fn contradiction(engine: &'static str, contradiction: Contradiction) -> Self {
        Self { engine, contradiction: Some(contradiction) }
    }
}

#[cfg(test)]
mod queue_long_tests;
#[cfg(test)]
mod queue_proof_tests;
#[cfg(test)]
mod queue_tests;
