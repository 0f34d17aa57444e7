//! The judgement of all assertions of a run.

use super::Kind;
use super::claim::{Claim, Seen};
use super::logs::{self, Found};
use super::record::{self, Record, Source, State};
use super::recorder::Line;
use crate::report::FaultRecord;
use crate::report::text;
use crate::store::{RunDir, StoreError};
use perjury_checkers::{Anomaly, Finding, Operation};
use serde_json::{Value, json};

const CHECKER: &str = "assertions";

/// What is known of a run.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// What the definition asserts.
    pub claims: &'a [Claim],
    /// What clients asserted.
    pub lines: &'a [Line],
    pub run: &'a RunDir,
    pub nodes: &'a [String],
    /// In order of their calls.
    pub operations: &'a [Operation<'a>],
    pub faults: &'a [FaultRecord],
    /// The names of the faults that were asked for, each with its breaking function.
    pub asked: &'a [(String, String)],
    /// What is never reached is told and no more: others look whether another run reached it.
    pub lenient: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    pub records: Vec<Record>,
    /// `None` if nothing was asserted.
    pub finding: Option<Finding>,
}

/// Judges every assertion.
pub fn judge(given: &Given<'_>) -> Result<Judged, StoreError> {
    let mut records = record::of_clients(given.lines);
    let claims: Vec<&Claim> = given.claims.iter().collect();
    let found = logs::search(given.run, given.nodes, &claims)?;
    records.extend(claims.iter().zip(&found).map(|(claim, found)| given.record(claim, found)));
    if records.is_empty() {
        return Ok(Judged::default());
    }
    let finding = conclude(&records, given.lenient);
    Ok(Judged { records, finding: Some(finding) })
}

impl Given<'_> {
    fn record(&self, claim: &Claim, found: &Found) -> Record {
        let (source, held, first_ns, evidence) = match &claim.seen {
            Seen::Log { .. } => (Source::Log, found.count, None, found.lines.clone()),
            Seen::Fault { fault, primary, open } => {
                let hits = self.hits(fault, *primary, open.as_deref());
                let first = hits.first().and_then(|fault| fault.observed_ns);
                let words = hits.iter().take(1).map(|fault| {
                    let at = text::moment(fault.from_ns);
                    format!("{} at {at}: {}", fault.f, fault.target_words())
                });
                (Source::Fault, hits.len() as u64, first, words.collect())
            }
        };
        let state = match (self.applies(claim), claim.kind, held) {
            (false, _, _) => State::Skipped,
            (true, Kind::Never, 0) => State::Held,
            (true, Kind::Never, _) => State::Failed,
            (true, _, 0) => State::Unreached,
            (true, _, _) => State::Held,
        };
        let name = claim.name.clone();
        Record { name, kind: claim.kind, source, state, held, failed: 0, first_ns, evidence }
    }

    fn function(&self, fault: &str) -> Option<&str> {
        let asked = self.asked.iter().find(|(name, _)| name == fault);
        asked.map(|(_, function)| function.as_str())
    }

    /// Whether all the faults were asked for that it is about.
    fn applies(&self, claim: &Claim) -> bool {
        claim.faults().all(|fault| self.function(fault).is_some())
    }

    /// Faults of this name that were seen, and hit as wanted.
    fn hits(&self, fault: &str, primary: bool, open: Option<&str>) -> Vec<&FaultRecord> {
        let Some(function) = self.function(fault) else { return Vec::new() };
        let fits = |fault: &&FaultRecord| {
            let Some(observed) = fault.observed_ns else { return false };
            fault.f == function
                && (!primary || hit_a_primary(fault))
                && open.is_none_or(|f| self.was_open(f, fault.from_ns, observed))
        };
        self.faults.iter().filter(fits).collect()
    }

    /// Whether a call of `f` was begun before `from` and had no answer before `to`.
    fn was_open(&self, f: &str, from: u64, to: u64) -> bool {
        let before = self.operations.partition_point(|operation| operation.called < from);
        self.operations[..before].iter().rev().any(|operation| {
            operation.f == f && operation.returned.is_none_or(|returned| returned > to)
        })
    }
}

/// Whether its evidence names nodes that led when it hit.
fn hit_a_primary(fault: &FaultRecord) -> bool {
    let named = fault.evidence.get("primaries").and_then(Value::as_array);
    named.is_some_and(|named| !named.is_empty())
}

/// The finding of what became of assertions. `lenient`: as in [`Given::lenient`].
pub fn conclude(records: &[Record], lenient: bool) -> Finding {
    let of = |state: State| records.iter().filter(move |record| record.state == state);
    let anomalies: Vec<Anomaly> = of(State::Failed).map(anomaly).collect();
    let unreached: Vec<&str> = of(State::Unreached).map(|record| &*record.name).collect();
    let stats = json!({
        "held": of(State::Held).count(),
        "failed": anomalies.len(),
        "unreached": unreached.len(),
        "skipped": of(State::Skipped).count(),
    });
    if !anomalies.is_empty() {
        return Finding::invalid(CHECKER, anomalies, stats);
    }
    if unreached.is_empty() || lenient {
        return Finding::valid(CHECKER, stats);
    }
    let why = format!(
        "it never came about that `{}`, so the run says nothing of that",
        unreached.join("`, nor that `")
    );
    Finding { stats, ..Finding::unknown(CHECKER, why) }
}

fn anomaly(record: &Record) -> Anomaly {
    let (kind, title, what) = match record.kind {
        Kind::Never => (
            "forbidden-log",
            format!("In the logs: {}", record.name),
            format!("{} of the nodes' logs must never be", text::count(record.held, "line")),
        ),
        Kind::Always | Kind::Sometimes => (
            "assertion-failed",
            format!("Asserted and not so: {}", record.name),
            format!("It must always hold, and did not {}", text::times(record.failed)),
        ),
    };
    let explanation = format!("{what}. The first: {}", record.evidence.join("; "));
    Anomaly { kind: kind.to_owned(), title, explanation, ..Anomaly::default() }
}
