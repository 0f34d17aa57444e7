//! Vacuity: reasons why a history without anomalies proves nothing.

use super::faults::{FaultOutcome, FaultRecord};
use super::stats;
use super::text;
use super::verdict::{Reason, code};
use perjury_checkers::{Event, History, Kind, Operation, Outcome, Process};
use std::collections::BTreeSet;

/// How the scheduler begins the error of an answer that could not be understood, and of a
/// client that panicked.
pub const UNEXPECTED: [&str; 3] =
    ["unexpected:", "client panicked:", "no client: connecting panicked:"];

/// What a run must have seen to be worth a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// Functions that must have succeeded at least once, besides all that were called.
    pub functions: Vec<String>,
    /// Breaking functions that were asked for: each must have been observed at least once.
    pub faults: Vec<String>,
    /// Nanoseconds since the run began at which the final reads begin: at least one operation
    /// called then or later must have succeeded. `u64::MAX` if that phase was never reached;
    /// `None` if the workload reads nothing at the end.
    pub final_reads_from: Option<u64>,
}

/// All that makes this run prove less than it seems to. Each reason turns `Valid` into
/// `Unknown`; none changes another verdict. Cost: linear, and a fault costs its window.
pub fn vacuity(
    history: &History,
    operations: &[Operation<'_>],
    faults: &[FaultRecord],
    expected: &Expectations,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    reasons.extend(unexpected_answers(history));
    reasons.extend(silent_functions(operations, expected));
    reasons.extend(unobserved_faults(faults, expected));
    reasons.extend(idle_during_faults(operations, faults));
    reasons.extend(no_final_read(operations, expected));
    reasons
}

fn is_unexpected(error: &str) -> bool {
    UNEXPECTED.iter().any(|mark| error.starts_with(mark))
}

fn is_ok(operation: &Operation<'_>) -> bool {
    matches!(operation.outcome, Outcome::Ok(_))
}

fn unexpected_answers(history: &History) -> Option<Reason> {
    let marked = |event: &&Event| {
        event.process != Process::Nemesis && event.error.as_deref().is_some_and(is_unexpected)
    };
    let mut unexpected = history.events().iter().filter(marked);
    let first = unexpected.next()?;
    let count = unexpected.count() + 1;
    let error = first.error.as_deref().unwrap_or_default();
    let error = text::elide(error.strip_prefix(UNEXPECTED[0]).unwrap_or(error).trim(), 300);
    let node = first.node.as_deref().map(|node| format!(" on {node}")).unwrap_or_default();
    Some(Reason::new(
        code::UNEXPECTED_ANSWER,
        format!(
            "{} could not be understood, so either the client or the database is wrong; the \
             first, to {}{node} at {}: {error}",
            text::count(count as u64, "answer"),
            first.f,
            text::duration(first.time),
        ),
    ))
}

/// Why a run is none: nothing was answered with ok, and something could not be understood. Then the
/// client and the database do not fit together, and nothing is known of either.
pub fn nonsense(history: &History) -> Option<String> {
    let of_clients = |event: &&Event| event.process != Process::Nemesis;
    if history.events().iter().filter(of_clients).any(|event| event.kind == Kind::Ok) {
        return None;
    }
    let reason = unexpected_answers(history)?;
    Some(format!(
        "no operation succeeded, and {}\nDo its client and its version fit together? `perjury \
         client-check` tries a client of your own alone",
        reason.text
    ))
}

fn silent_functions(operations: &[Operation<'_>], expected: &Expectations) -> Vec<Reason> {
    if operations.is_empty() {
        let text = "no client operation was called at all";
        return vec![Reason::new(code::NO_OK_OPERATION, text)];
    }
    // A client that ends asks nothing.
    let asked = operations.iter().filter(|operation| !operation.is_crash());
    let called: BTreeSet<&str> = asked.map(|operation| operation.f).collect();
    let ok: BTreeSet<&str> = operations
        .iter()
        .filter(|operation| is_ok(operation))
        .map(|operation| operation.f)
        .collect();
    let wanted = expected.functions.iter().map(String::as_str).chain(called.iter().copied());
    let silent: BTreeSet<&str> = wanted.filter(|f| !ok.contains(f)).collect();
    let reason = |f: &str| {
        let count = operations.iter().filter(|operation| operation.f == f).count() as u64;
        let text = match count {
            0 => format!("{f} was never called, so nothing was learnt of it"),
            _ => format!("none of {} to {f} succeeded", text::count(count, "call")),
        };
        Reason::new(code::NO_OK_OPERATION, text)
    };
    silent.into_iter().map(reason).collect()
}

fn unobserved_faults(faults: &[FaultRecord], expected: &Expectations) -> Vec<Reason> {
    let wanted: BTreeSet<&str> = expected.faults.iter().map(String::as_str).collect();
    let reason = |f: &str| {
        let tries: Vec<&FaultRecord> = faults.iter().filter(|fault| fault.f == f).collect();
        if tries.iter().any(|fault| fault.observed_ns.is_some()) {
            return None;
        }
        let text = match tries.first() {
            None => format!("{f} was asked for and never tried: let the run take longer"),
            Some(first) => format!(
                "{f} was tried {} and never observed on a node; the first was {}: {}",
                text::times(tries.len() as u64),
                first.outcome.word(),
                first.reason.as_deref().unwrap_or("no reason was given"),
            ),
        };
        Some(Reason::new(code::FAULT_NOT_OBSERVED, text))
    };
    wanted.into_iter().filter_map(reason).collect()
}

/// Counts afresh, so that it holds for records from anywhere.
fn idle_during_faults(operations: &[Operation<'_>], faults: &[FaultRecord]) -> Option<Reason> {
    let observed = |fault: &&FaultRecord| {
        fault.observed_ns.is_some() && fault.outcome != FaultOutcome::Skipped
    };
    let mut observed: Vec<FaultRecord> = faults.iter().filter(observed).cloned().collect();
    if observed.is_empty() {
        return None;
    }
    stats::count_inside(operations, &mut observed);
    if observed.iter().any(|fault| fault.ok_operations > 0) {
        return None;
    }
    let count = text::count(observed.len() as u64, "fault");
    Some(Reason::new(
        code::NO_OPERATION_DURING_FAULTS,
        format!(
            "no operation succeeded while any of {count} was in force: the load was not there to \
             see what they did (raise the rate, or lengthen the faults)"
        ),
    ))
}

fn no_final_read(operations: &[Operation<'_>], expected: &Expectations) -> Option<Reason> {
    let from = expected.final_reads_from?;
    let first = operations.partition_point(|operation| operation.called < from);
    if operations[first..].iter().any(is_ok) {
        return None;
    }
    let text = match operations.len() - first {
        0 => "the final reads were never made, so what was lost for good is not known".to_owned(),
        count => format!(
            "none of {} after healing succeeded, so what was lost for good is not known",
            text::count(count as u64, "final read")
        ),
    };
    Some(Reason::new(code::NO_FINAL_READ, text))
}
