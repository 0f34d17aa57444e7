//! Summaries: what happened in a phase, in numbers.

use super::Spread;
use perjury_checkers::{Event, Kind, Name};
use std::collections::BTreeMap;

/// Completions by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub ok: u64,
    pub fail: u64,
    /// Those of `fail` that the database answered, and declined.
    pub declined: u64,
    pub info: u64,
}

impl Counts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.ok + self.fail + self.info
    }

    /// Counts a completion.
    pub(super) fn count(&mut self, event: &Event) {
        self.declined += u64::from(event.is_declined());
        match event.kind {
            Kind::Ok => self.ok += 1,
            Kind::Fail => self.fail += 1,
            Kind::Info => self.info += 1,
            Kind::Invoke => {}
        }
    }

    fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.fail += other.fail;
        self.declined += other.declined;
        self.info += other.info;
    }
}

/// What happened in a phase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhaseSummary {
    /// Client operations.
    pub operations: Counts,
    /// The same for each function.
    pub by_function: BTreeMap<Name, Counts>,
    /// The same for each node.
    pub by_node: BTreeMap<Name, Counts>,
    /// Answers that could not be understood: the run is not green.
    pub unexpected: u64,
    /// Clients that panicked: the run is not green.
    pub client_panics: u64,
    /// Operations without an answer in time.
    pub timeouts: u64,
    /// Operations that could not be sent because there was no connection.
    pub no_client: u64,
    /// Nemesis operations completed.
    pub nemesis: u64,
    /// Nemesis operations that panicked or took longer than allowed: harness failures.
    pub nemesis_failures: u64,
    /// Nanoseconds since the run began.
    pub began: u64,
    pub ended: u64,
    /// How long after they were due operations began, where they were due at a time of their own.
    pub late: Spread,
    /// How much of that somebody was free to perform it: what is the harness's own fault.
    pub scheduling: Spread,
    /// Nanoseconds in which the scheduler had nothing to do.
    pub idle: u64,
    /// Nanoseconds in which nothing was asked since the disk had not taken the history yet.
    pub stalled: u64,
    /// Whether it ended by the stop signal and not by its generator.
    pub stopped: bool,
}

impl PhaseSummary {
    /// Adds the counts of one worker to its node's.
    pub(super) fn add_node(&mut self, node: &Name, counts: &Counts) {
        self.by_node.entry(node.clone()).or_default().add(counts);
    }
}
