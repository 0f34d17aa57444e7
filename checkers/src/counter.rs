//! Counters: whether every read lies between what must and what may have been added.

mod reach;
mod stream;

use serde_json::{Value, json};

use self::reach::{Reach, Since, Sums};
pub use self::stream::CounterStream;
use crate::tally::{Site, Tally, anomaly};
use crate::{Anomaly, Budget, Checker, Finding, History, Operation, Step};

/// Resets that are told one by one.
const MAX_TOLD: usize = 4;

/// Judges `add n` (n may be negative), `increment`, `decrement`, `reset n` (null is 0) and `read`. A
/// read must lie between the least and the greatest sum that is possible: since the reset that was
/// last, acknowledged adds before the read count, adds that overlap either or have no answer may
/// count, failed ones do not (Jepsen's `counter`, with negative amounts and resets). Where it is not
/// certain which reset was last, one of those that can have been has to explain the read.
///
/// The bounds are necessary, not sufficient: two reads that are possible each by itself may
/// still contradict each other. Costs a sort by time, and for each read a look at the resets that
/// overlap it or one another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter;

impl Checker for Counter {
    fn name(&self) -> &str {
        "counter"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let calls = match operations.iter().map(call).collect::<Result<Vec<_>, _>>() {
            Ok(calls) => calls,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let resets = operations.iter().any(|operation| operation.f == "reset");
        let (mut bounds, mut tally) = (Bounds { resets, ..Bounds::default() }, Tally::default());
        for (position, number) in moments(&operations) {
            let operation = &operations[number as usize];
            if operation.is_failed() {
                continue;
            }
            let (call, site) = (calls[number as usize], Site::of(operation));
            let end = operation.is_ok().then(|| operation.end());
            if position % 2 == 0 {
                bounds.begins(call, site, end);
            } else if let Some(wrong) = bounds.ends(call, site, operation.end()) {
                tally.add(|| wrong.told());
            }
        }
        let (stats, unknown) = bounds.summary();
        tally.conclude(self.name(), unknown, stats)
    }
}

/// Follows the calls in time, and knows what a read can show. What failed is not shown to it.
#[derive(Debug, Default)]
struct Bounds {
    reach: Reach,
    reads: u64,
    begun_resets: u64,
    /// Whether there are resets, for the words only.
    resets: bool,
}

/// A read that shows what it cannot.
struct Wrong {
    site: Site,
    seen: i64,
    possible: Vec<Since>,
    resets: bool,
}

impl Bounds {
    /// A call begins that will end at `end`, or whose outcome is unknown.
    fn begins(&mut self, call: Call, site: Site, end: Option<u64>) {
        match call {
            Call::Add(amount) => self.reach.add_begins(site.index, amount, end),
            Call::Reset(value) => {
                self.begun_resets += 1;
                self.resets = true;
                self.reach.reset_begins(site, value, end.is_some());
            }
            Call::Read(_) if end.is_some() => self.reach.read_begins(site.index),
            Call::Read(_) => {}
        }
    }

    /// A call ends that happened.
    fn ends(&mut self, call: Call, site: Site, end: u64) -> Option<Wrong> {
        match call {
            Call::Add(amount) => self.reach.add_ends(site.index, amount),
            Call::Reset(_) => self.reach.reset_ends(site.index, end),
            Call::Read(Some(seen)) => {
                self.reads += 1;
                let possible = self.reach.read_ends(site.index);
                if !possible.iter().any(|since| since.range().contains(&i128::from(seen))) {
                    return Some(Wrong { site, seen, possible, resets: self.resets });
                }
            }
            Call::Read(None) => {}
        }
        None
    }

    /// Counts, and why there may be nothing to say.
    fn summary(&self) -> (Value, Option<String>) {
        let Sums { up, down } = self.reach.acknowledged();
        let stats = json!({
            "reads": self.reads,
            "resets": self.begun_resets,
            "acknowledged": (up + down).to_string(),
        });
        let unknown = (self.reads == 0).then(|| {
            "the counter was never read, so nothing can be judged; reads are part of this workload"
                .to_owned()
        });
        (stats, unknown)
    }
}

/// Begins and ends in order; a begin has an even position.
fn moments(operations: &[Operation<'_>]) -> Vec<(u64, u32)> {
    let mut moments: Vec<(u64, u32)> = Vec::with_capacity(2 * operations.len());
    for (number, operation) in (0u32..).zip(operations) {
        moments.push((2 * operation.index, number));
        if operation.end() != u64::MAX {
            moments.push((2 * operation.end() + 1, number));
        }
    }
    moments.sort_unstable();
    moments
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Add(i64),
    /// To what.
    Reset(i64),
    /// With the answer, if there is one.
    Read(Option<i64>),
}

fn call(operation: &Operation<'_>) -> Result<Call, String> {
    read_call(operation.index, operation.f, operation.input, operation.output())
}

fn read_call(index: u64, f: &str, input: &Value, output: Option<&Value>) -> Result<Call, String> {
    let integer = |value: &Value, default: Option<i64>| {
        let found = if value.is_null() { default } else { value.as_i64() };
        found.ok_or_else(|| format!("operation {index} has {value}, where an integer should be"))
    };
    match (f, output) {
        ("add", _) => integer(input, None).map(Call::Add),
        ("increment", _) => integer(input, Some(1)).map(Call::Add),
        ("decrement", _) => integer(input, Some(1)).map(|by| Call::Add(by.saturating_neg())),
        ("reset", _) => integer(input, Some(0)).map(Call::Reset),
        ("read", Some(seen)) => integer(seen, None).map(|seen| Call::Read(Some(seen))),
        ("read", None) => Ok(Call::Read(None)),
        (f, _) => Err(format!(
            "operation {index} is `{f}`, but a counter has only add, increment, decrement, reset \
             and read"
        )),
    }
}

impl Wrong {
    fn told(&self) -> Anomaly {
        out_of_bounds(self.site, self.seen, &self.possible, self.resets)
    }
}

fn out_of_bounds(read: Site, seen: i64, possible: &[Since], resets: bool) -> Anomaly {
    let seen = i128::from(seen);
    let latest = possible.last().map_or(0..=0, Since::range);
    let (kind, what) = if seen < *latest.start() {
        ("lost-update", "acknowledged changes are missing")
    } else if resets {
        ("phantom-update", "more was added than anybody asked for, or a reset is missing")
    } else {
        ("phantom-update", "more was added than anybody asked for")
    };
    let ranges: Vec<String> = possible
        .iter()
        .map(|since| format!("between {} and {}", since.range().start(), since.range().end()))
        .collect();
    let after = match possible {
        [Since { reset: None, .. }] => "",
        [_] => ", and since the last reset,",
        _ => ", and since whichever reset was the last,",
    };
    let explanation = format!(
        "A read answered {seen}. Counting what was acknowledged before it{after} and what may or may \
         not have happened by its end, the counter was {}: {what}.",
        crate::words::either(&ranges)
    );
    let resets = possible.iter().filter_map(|since| since.reset).take(MAX_TOLD);
    let mut steps: Vec<Step> =
        resets.map(|(reset, value)| reset.step(&format!("reset the counter to {value}"))).collect();
    steps.push(read.step(&format!("read {seen}")));
    anomaly(kind, format!("Counter at {seen}"), explanation, steps, &["linearizable", "sequential"])
}

#[cfg(test)]
mod tests;
