//! Counters: whether every read lies between what must and what may have been added.

mod reach;

use serde_json::json;

use self::reach::{Reach, Since, Sums};
use crate::tally::{Tally, anomaly, step};
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
        let (mut tally, mut reads, mut resets) = (Tally::default(), 0u64, 0u64);
        let mut reach = Reach::new(&operations);
        for (position, number) in moments(&operations) {
            let operation = &operations[number as usize];
            let begins = position % 2 == 0;
            match (calls[number as usize], begins) {
                _ if operation.is_failed() => {}
                (Call::Add(amount), true) => reach.add_begins(number, amount),
                (Call::Add(amount), false) => reach.add_ends(number, amount),
                (Call::Reset(value), true) => {
                    resets += 1;
                    reach.reset_begins(number, value);
                }
                (Call::Reset(_), false) => reach.reset_ends(number),
                (Call::Read(_), true) => reach.read_begins(number),
                (Call::Read(Some(seen)), false) => {
                    reads += 1;
                    let possible = reach.read_ends(number);
                    if !possible.iter().any(|since| since.range().contains(&i128::from(seen))) {
                        tally.add(|| out_of_bounds(&operations, operation, seen, &possible));
                    }
                }
                (Call::Read(None), false) => {}
            }
        }
        let Sums { up, down } = reach.acknowledged();
        let stats = json!({
            "reads": reads,
            "resets": resets,
            "acknowledged": (up + down).to_string(),
        });
        let unknown = (reads == 0).then(|| {
            "the counter was never read, so nothing can be judged; reads are part of this workload"
                .to_owned()
        });
        tally.conclude(self.name(), unknown, stats)
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

#[derive(Clone, Copy)]
enum Call {
    Add(i64),
    /// To what.
    Reset(i64),
    /// With the answer, if there is one.
    Read(Option<i64>),
}

fn call(operation: &Operation<'_>) -> Result<Call, String> {
    let integer = |value: &serde_json::Value, default: Option<i64>| {
        let found = if value.is_null() { default } else { value.as_i64() };
        found.ok_or_else(|| {
            format!("operation {} has {value}, where an integer should be", operation.index)
        })
    };
    match (operation.f, operation.output()) {
        ("add", _) => integer(operation.input, None).map(Call::Add),
        ("increment", _) => integer(operation.input, Some(1)).map(Call::Add),
        ("decrement", _) => {
            integer(operation.input, Some(1)).map(|by| Call::Add(by.saturating_neg()))
        }
        ("reset", _) => integer(operation.input, Some(0)).map(Call::Reset),
        ("read", Some(seen)) => integer(seen, None).map(|seen| Call::Read(Some(seen))),
        ("read", None) => Ok(Call::Read(None)),
        (f, _) => Err(format!(
            "operation {} is `{f}`, but a counter has only add, increment, decrement, reset and read",
            operation.index
        )),
    }
}

fn out_of_bounds(
    operations: &[Operation<'_>],
    read: &Operation<'_>,
    seen: i64,
    possible: &[Since],
) -> Anomaly {
    let seen = i128::from(seen);
    let latest = possible.last().map_or(0..=0, Since::range);
    let (kind, what) = if seen < *latest.start() {
        ("lost-update", "acknowledged changes are missing")
    } else if operations.iter().any(|operation| operation.f == "reset") {
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
    let mut steps: Vec<Step> = resets
        .map(|(reset, value)| {
            step(&operations[reset as usize], &format!("reset the counter to {value}"))
        })
        .collect();
    steps.push(step(read, &format!("read {seen}")));
    anomaly(kind, format!("Counter at {seen}"), explanation, steps, &["linearizable", "sequential"])
}

#[cfg(test)]
mod tests;
