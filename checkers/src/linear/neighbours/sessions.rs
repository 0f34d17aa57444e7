//! Session guarantees: what a client may rely on within its own session.
//!
//! Terry, Demers, Petersen, Spreitzer, Theimer & Welch, *Session guarantees for weakly
//! consistent replicated data* (PDIS 1994): each read is answered by a server from the set of
//! writes that it has, in an order that all servers share. The guarantees say which writes a
//! server must have, and what that order must respect. On registers whose values are written
//! once, whether there is such an order and such sets is decided exactly: `graph.rs` says how.
//!
//! | name | guarantees | what nobody can see without the others |
//! |---|---|---|
//! | `read-your-writes` | RYW | |
//! | `monotonic-reads` | MR | |
//! | `monotonic-writes` | MW, MR | a single read says nothing of the order of writes |
//! | `writes-follow-reads` | WFR, MR | the same |
//! | `causal-convergence` | all four | |
//!
//! All four together are causal consistency (Brzezinski, Sobaniec & Wawrzyniak, *From session
//! causality to causal consistency*, PDP 2004), and as all servers share an order, causal
//! convergence (Bouajjani, Enea, Guerraoui & Hamza, *On verifying causal consistency*, POPL
//! 2017), also called causal+. Anomalies have the names of Bailis et al., *Highly available
//! transactions* (VLDB 2014): `non-monotonic-reads` (N-MR), `non-monotonic-writes` (N-MW),
//! `missing-your-writes` (MYR), `missing-read-write-dependency` (MRWD).

mod graph;
mod tell;

use serde_json::json;

use self::graph::Constraints;
use super::Options;
use super::log::{Log, process};
use super::reading::{registers, sane_reads, versions};
use crate::tally::Tally;
use crate::{Budget, Checker, Finding, History};

/// How many cycles are told of.
const MAX_CYCLES: usize = 8;

/// What the order of a register's versions is known to respect. In any case, one session's
/// writes to one register are in the order in which they were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersionOrder {
    /// Real time: a write that begins when another was acknowledged, or seen, replaces it. A
    /// store that orders writes by clocks that go wrong does not keep this.
    RealTime,
    /// [`VersionOrder::RealTime`] for the single guarantees, and [`VersionOrder::Sessions`] for
    /// `causal-convergence`, which knows no real time.
    #[default]
    OfModel,
    /// Nothing more.
    Sessions,
}

/// A set of session guarantees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarantees {
    name: &'static str,
    /// Read your writes.
    own: bool,
    /// Monotonic reads.
    reads: bool,
    /// Monotonic writes.
    writes: bool,
    /// Writes follow reads.
    follow: bool,
    real_time: bool,
}

impl Guarantees {
    /// By name, as in the table above.
    pub fn named(name: &str) -> Option<Self> {
        let of = |name, [own, reads, writes, follow]: [bool; 4], real_time| {
            Some(Self { name, own, reads, writes, follow, real_time })
        };
        match name {
            "read-your-writes" => of("read-your-writes", [true, false, false, false], true),
            "monotonic-reads" => of("monotonic-reads", [false, true, false, false], true),
            "monotonic-writes" => of("monotonic-writes", [false, true, true, false], true),
            "writes-follow-reads" => of("writes-follow-reads", [false, true, false, true], true),
            "causal-convergence" => of("causal-convergence", [true; 4], false),
            _ => None,
        }
    }
}

/// Judges session guarantees on registers.
///
/// Invalid if no order of versions and no choice of what servers had explains what the sessions
/// saw, unknown if values repeat. Costs a sort, and `n` times the number of sessions at the
/// worst.
#[derive(Clone, Debug)]
pub struct SessionChecker {
    guarantees: Guarantees,
    options: Options,
}

impl SessionChecker {
    pub fn new(guarantees: Guarantees, options: Options) -> Self {
        let real_time = match options.version_order {
            VersionOrder::RealTime => true,
            VersionOrder::Sessions => false,
            VersionOrder::OfModel => guarantees.real_time,
        };
        Self { guarantees: Guarantees { real_time, ..guarantees }, options }
    }
}

impl Checker for SessionChecker {
    fn name(&self) -> &str {
        self.guarantees.name
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        let options = &self.options;
        let registers = match registers(history, &options.register, options.keyed) {
            Ok(registers) => registers,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let versions = match versions(&registers) {
            Ok(versions) => versions,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let mut tally = Tally::default();
        let rules_out = tell::rules_out(self.name());
        for (register, versions) in registers.iter().zip(&versions) {
            tally = tally.and(sane_reads(register, versions, &options.register, &rules_out).1);
        }
        let log = Log::new(&versions, |key, call| process(history, &registers[key], call));
        let reads = log.sessions.iter().flatten().filter(|op| op.read.is_some()).count();
        let Some(constraints) = Constraints::new(&log, self.guarantees, budget) else {
            let why = "time was up before all sessions were looked at; give the analysis more";
            return Finding::unknown(self.name(), why);
        };
        let teller = tell::Teller {
            model: &options.register,
            registers: &registers,
            log: &log,
            guarantees: self.guarantees,
        };
        for cycle in constraints.cycles(MAX_CYCLES) {
            tally.add(|| teller.anomaly(&cycle));
        }
        let stats = json!({
            "keys": registers.len(),
            "sessions": log.sessions.len(),
            "reads": reads,
            "writes": log.sessions.iter().flatten().filter(|op| op.write.is_some()).count(),
            "constraints": constraints.len(),
        });
        let no_read = (reads == 0).then(|| {
            "no read has an answer, so nothing can be judged; reads are part of this workload"
                .to_owned()
        });
        tally.conclude(self.name(), no_read, stats)
    }
}

#[cfg(test)]
mod tests;
