//! Series: what became of calls, window by window over the run.

use super::stats::Latency;
use super::text;
use perjury_checkers::{Event, History, Kind, Operation, Outcome, Process};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Windows over the whole run.
const WINDOWS: u64 = 120;
/// Functions of their own; the least frequent ones share the last series.
const FUNCTIONS_MAX: usize = 6;
/// The name of what they share.
const OTHERS: &str = "others";
/// Kinds of error.
const ERRORS_MAX: usize = 6;
/// How many kinds of error are counted at all.
const ERRORS_COUNTED_MAX: usize = 10_000;
/// How much of an error's text tells it from others, in characters.
const ERROR_TEXT_MAX: usize = 90;

/// Counts and latencies over time. Every list has an entry for each window, from the beginning of
/// the run on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// Length of a window, nanoseconds.
    pub window_ns: u64,
    /// Completions by function; of many functions the least frequent are counted as `others`.
    pub completions: BTreeMap<String, Completions>,
    /// Latencies of all calls that were answered with ok, by when they began; null for a window
    /// without any.
    pub latency: Vec<Option<Latency>>,
    /// The most frequent kinds of error, most frequent first.
    pub errors: Vec<ErrorSeries>,
    /// How many other kinds of error there were.
    pub other_errors: u64,
}

/// How many calls ended in each window, by outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Completions {
    pub ok: Vec<u64>,
    pub fail: Vec<u64>,
    pub info: Vec<u64>,
}

/// How often a kind of error came in each window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorSeries {
    /// `fail` or `info`.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its text, each number in it as `#`: ports, times and values make no different kinds.
    pub error: String,
    pub count: Vec<u64>,
}

impl Series {
    /// Counts a run that lasted `end_ns`. Cost: linear, but for sorts inside windows.
    pub(super) fn of(history: &History, operations: &[Operation<'_>], end_ns: u64) -> Self {
        let window_ns = end_ns.div_ceil(WINDOWS).max(1);
        let windows = Windows { window_ns, count: end_ns.div_ceil(window_ns).max(1) as usize };
        let (errors, other_errors) = windows.errors(history);
        Self {
            window_ns,
            completions: windows.completions(history, operations),
            latency: windows.latency(operations),
            errors,
            other_errors,
        }
    }
}

/// The windows of a run.
struct Windows {
    window_ns: u64,
    count: usize,
}

impl Windows {
    fn at(&self, time: u64) -> usize {
        usize::try_from(time / self.window_ns).unwrap_or(usize::MAX).min(self.count - 1)
    }

    fn zeros(&self) -> Vec<u64> {
        vec![0; self.count]
    }

    fn completions(
        &self,
        history: &History,
        operations: &[Operation<'_>],
    ) -> BTreeMap<String, Completions> {
        let empty = || Completions { ok: self.zeros(), fail: self.zeros(), info: self.zeros() };
        let mut series: BTreeMap<String, Completions> =
            own(operations).into_iter().map(|f| (f.to_owned(), empty())).collect();
        for operation in operations {
            let Some(completed) = completed(history, operation) else { continue };
            let window = self.at(completed);
            let name = if series.contains_key(operation.f) { operation.f } else { OTHERS };
            let counts = series.entry(name.to_owned()).or_insert_with(empty);
            let counts = match operation.outcome {
                Outcome::Ok(_) => &mut counts.ok,
                Outcome::Failed => &mut counts.fail,
                Outcome::Unknown => &mut counts.info,
            };
            counts[window] += 1;
        }
        series
    }

    fn latency(&self, operations: &[Operation<'_>]) -> Vec<Option<Latency>> {
        let mut windows: Vec<Vec<u64>> = vec![Vec::new(); self.count];
        for operation in operations {
            if let (Outcome::Ok(_), Some(latency)) = (&operation.outcome, operation.latency()) {
                windows[self.at(operation.called)].push(latency);
            }
        }
        windows.iter_mut().map(|latencies| Latency::of(latencies)).collect()
    }

    /// The most frequent errors, and how many kinds there are besides.
    fn errors(&self, history: &History) -> (Vec<ErrorSeries>, u64) {
        let mut counts: BTreeMap<(Kind, String), Vec<u64>> = BTreeMap::new();
        let of_clients = |event: &&Event| matches!(event.process, Process::Client(_));
        for event in history.events().iter().filter(of_clients) {
            let Some(error) = &event.error else { continue };
            let sort = (event.kind, sort_of(error));
            if counts.len() < ERRORS_COUNTED_MAX || counts.contains_key(&sort) {
                counts.entry(sort).or_insert_with(|| self.zeros())[self.at(event.time)] += 1;
            }
        }
        let others = counts.len().saturating_sub(ERRORS_MAX) as u64;
        let named = |((kind, error), count)| ErrorSeries { kind, error, count };
        let mut errors: Vec<ErrorSeries> = counts.into_iter().map(named).collect();
        errors.sort_by_key(|series| std::cmp::Reverse(series.count.iter().sum::<u64>()));
        errors.truncate(ERRORS_MAX);
        (errors, others)
    }
}

/// Functions with a series of their own: all, or the busiest of many.
fn own<'h>(operations: &[Operation<'h>]) -> Vec<&'h str> {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for operation in operations {
        *totals.entry(operation.f).or_default() += 1;
    }
    let mut busiest: Vec<(&str, u64)> = totals.into_iter().collect();
    busiest.sort_by_key(|(_, total)| std::cmp::Reverse(*total));
    if busiest.len() > FUNCTIONS_MAX {
        busiest.truncate(FUNCTIONS_MAX - 1);
    }
    busiest.into_iter().map(|(f, _)| f).collect()
}

/// When the completion came: also for `info`, whose operation has no `returned`.
pub(super) fn completed(history: &History, operation: &Operation<'_>) -> Option<u64> {
    if operation.returned.is_some() {
        return operation.returned;
    }
    let wanted = operation.completion?;
    let events = history.events();
    let position = events.binary_search_by_key(&wanted, |event| event.index).ok()?;
    Some(events[position].time)
}

fn sort_of(error: &str) -> String {
    let mut sort = String::new();
    let mut in_number = false;
    for c in text::printable(error).chars() {
        let is_digit = c.is_ascii_digit();
        match (is_digit, in_number) {
            (true, false) => sort.push('#'),
            (true, true) => {}
            (false, _) => sort.push(if c == '\n' { ' ' } else { c }),
        }
        in_number = is_digit;
    }
    text::elide(&sort, ERROR_TEXT_MAX).into_owned()
}
