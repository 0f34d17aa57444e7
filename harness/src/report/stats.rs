//! Counts and latencies of a run, by function.

use super::faults::FaultRecord;
use super::text::{elide, number};
use perjury_checkers::{History, Kind, Operation, Outcome, Process};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many different errors are kept.
const ERRORS_MAX: usize = 20;
/// How much of an error's text tells it from others, in characters.
const ERROR_TEXT_MAX: usize = 200;
/// How many different errors are counted at all; what comes later is not told apart.
const ERRORS_COUNTED_MAX: usize = 10_000;

/// What became of the calls of one function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub invoked: u64,
    pub ok: u64,
    pub fail: u64,
    /// Those of `fail` that the database answered, and declined: it was there, and a compare was
    /// unequal, a lock held, a queue empty.
    #[serde(default)]
    pub declined: u64,
    /// Nobody knows, those still open at the end among them.
    pub info: u64,
    /// Of the calls that were answered with ok.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency: Option<Latency>,
}

/// Exact quantiles of a set of latencies, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    pub p50_ns: u64,
    pub p95_ns: u64,
    pub p99_ns: u64,
    pub max_ns: u64,
}

/// How often an error was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorCount {
    pub f: String,
    /// `fail` or `info`.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The error's text, its middle left out where it is long.
    pub error: String,
    pub count: u64,
}

impl Counts {
    /// What the scheduler counted.
    pub(crate) fn of(counted: &crate::scheduler::Counts) -> Self {
        let crate::scheduler::Counts { ok, fail, declined, info } = *counted;
        Self { invoked: counted.total(), ok, fail, declined, info, latency: None }
    }

    /// Several functions together, without latencies.
    pub(crate) fn total<'a>(counts: impl Iterator<Item = &'a Self>) -> Self {
        counts.fold(Self::default(), |mut total, counts| {
            total.invoked += counts.invoked;
            total.ok += counts.ok;
            total.fail += counts.fail;
            total.declined += counts.declined;
            total.info += counts.info;
            total
        })
    }

    /// What follows the number of those that failed: ` (2,477 declined)`, ` (all declined)`, or nothing.
    pub fn declined(&self) -> String {
        match self.declined {
            0 => String::new(),
            declined if declined == self.fail => " (all declined)".to_owned(),
            declined => format!(" ({} declined)", number(declined)),
        }
    }

    /// Calls, and how they ended: ok, failed, unknown.
    pub fn columns(&self) -> [String; 4] {
        let failed = number(self.fail) + &self.declined();
        [number(self.invoked), number(self.ok), failed, number(self.info)]
    }

    /// `3.4% ok, 93.7% declined`; the latter where there are any.
    pub(super) fn answered(&self) -> String {
        let share = |count: u64| format!("{:.1}%", count as f64 * 100.0 / self.invoked as f64);
        match (self.invoked, self.declined) {
            (0, _) => "none".to_owned(),
            (_, 0) => format!("{} ok", share(self.ok)),
            _ => format!("{} ok, {} declined", share(self.ok), share(self.declined)),
        }
    }
}

impl Latency {
    /// Sorts `latencies` and reads the quantiles off; `None` when there are none. A quantile is
    /// the smallest latency that at least that part of the calls did not exceed.
    pub fn of(latencies: &mut [u64]) -> Option<Self> {
        latencies.sort_unstable();
        let at = |percent: usize| {
            let rank = (latencies.len() * percent).div_ceil(100);
            latencies[rank.max(1) - 1]
        };
        let max_ns = *latencies.last()?;
        Some(Self { p50_ns: at(50), p95_ns: at(95), p99_ns: at(99), max_ns })
    }
}

/// Counts and latencies of every function. If the operations are but a sample, `all` has the counts.
/// Cost: a sort of the latencies.
pub(super) fn by_function(
    operations: &[Operation<'_>],
    all: Option<BTreeMap<String, Counts>>,
) -> BTreeMap<String, Counts> {
    let mut counts: BTreeMap<&str, (Counts, Vec<u64>)> = BTreeMap::new();
    for operation in operations {
        let (count, latencies) = counts.entry(operation.f).or_default();
        count.invoked += 1;
        count.declined += u64::from(operation.declined);
        match operation.outcome {
            Outcome::Ok(_) => {
                count.ok += 1;
                latencies.extend(operation.latency());
            }
            Outcome::Failed => count.fail += 1,
            Outcome::Unknown => count.info += 1,
        }
    }
    let with_latency = |(mut count, mut latencies): (Counts, Vec<u64>)| {
        count.latency = Latency::of(&mut latencies);
        count
    };
    let counts = counts.into_iter().map(|(f, entry)| (f.to_owned(), with_latency(entry)));
    let mut counts: BTreeMap<String, Counts> = counts.collect();
    // A run that was killed has none.
    for (f, exact) in all.unwrap_or_default() {
        let latency = counts.get(&f).and_then(|counts| counts.latency);
        counts.insert(f, Counts { latency, ..exact });
    }
    counts
}

/// The errors that were seen most often.
pub(super) fn errors(history: &History) -> Vec<ErrorCount> {
    let told = history.events().iter().filter_map(|event| match (event.process, &event.error) {
        (Process::Client(_), Some(error)) => Some((&*event.f, event.kind, &**error)),
        _ => None,
    });
    most_frequent(told, ERRORS_MAX)
}

/// The errors that these operations of `history` ended with most often, `most` of them.
pub(super) fn errors_of<'a>(
    history: &'a History,
    operations: impl Iterator<Item = &'a Operation<'a>>,
    most: usize,
) -> Vec<ErrorCount> {
    let events = history.events();
    let told = operations.filter(|operation| !operation.is_ok()).map(|operation| {
        let end = operation.completion.and_then(|index| {
            events.binary_search_by_key(&index, |event| event.index).ok().map(|at| &events[at])
        });
        let kind = end.map_or(Kind::Info, |event| event.kind);
        let error = end.and_then(|event| event.error.as_deref()).unwrap_or("no answer");
        (operation.f, kind, error)
    });
    most_frequent(told, most)
}

fn most_frequent<'a>(
    told: impl Iterator<Item = (&'a str, Kind, &'a str)>,
    most: usize,
) -> Vec<ErrorCount> {
    let mut counts: BTreeMap<(String, Kind, String), u64> = BTreeMap::new();
    for (f, kind, error) in told {
        let key = (f.to_owned(), kind, elide(error, ERROR_TEXT_MAX).into_owned());
        if counts.len() < ERRORS_COUNTED_MAX || counts.contains_key(&key) {
            *counts.entry(key).or_default() += 1;
        }
    }
    let named = |((f, kind, error), count)| ErrorCount { f, kind, error, count };
    let mut errors: Vec<ErrorCount> = counts.into_iter().map(named).collect();
    // Stable: errors that are as frequent stay in order of their names.
    errors.sort_by_key(|error| std::cmp::Reverse(error.count));
    errors.truncate(most);
    errors
}

/// Counts for each fault the operations that were called and answered with ok while it was
/// certainly in force. `operations` are in order of their calls.
pub(super) fn count_inside(operations: &[Operation<'_>], faults: &mut [FaultRecord]) {
    for fault in faults {
        let Some((from, to)) = fault.window() else { continue };
        let first = operations.partition_point(|operation| operation.called < from);
        let called_inside =
            operations[first..].iter().take_while(|operation| operation.called <= to);
        let answered_inside = |operation: &&Operation<'_>| {
            matches!(operation.outcome, Outcome::Ok(_))
                && operation.returned.is_some_and(|returned| returned <= to)
        };
        fault.ok_operations = called_inside.filter(answered_inside).count() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_declined_is_told_beside_what_failed() {
        let of =
            |fail, declined| Counts { invoked: 2000, ok: 100, fail, declined, ..Counts::default() };
        assert_eq!(of(1900, 1880).columns()[2], "1,900 (1,880 declined)");
        assert_eq!(of(1900, 1880).answered(), "5.0% ok, 94.0% declined");
        assert_eq!(of(1900, 1900).columns()[2], "1,900 (all declined)");
        assert_eq!(of(1900, 0).columns()[2], "1,900");
        assert_eq!(of(1900, 0).answered(), "5.0% ok");
        assert_eq!(Counts::default().answered(), "none");
        let total = Counts::total([of(3, 2), of(5, 4)].iter());
        assert_eq!((total.fail, total.declined), (8, 6));
    }
}
