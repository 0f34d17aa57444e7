//! Counters: whether every read lies between what must and what may have been added.

use serde_json::json;

use crate::tally::{Tally, anomaly, step};
use crate::{Budget, Checker, Finding, History, Operation};

/// Judges `add n` (n may be negative) and `read`. A read must lie between the least and the
/// greatest sum that is possible: acknowledged adds before it count, adds that overlap it or
/// have no answer may count, failed ones do not (Jepsen's `counter`, with negative amounts).
///
/// The bounds are necessary, not sufficient: two reads that are possible each by itself may
/// still contradict each other. Costs a sort by time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter;

/// Sums of positive and of negative amounts.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    up: i128,
    down: i128,
}

impl Sums {
    fn add(&mut self, amount: i64) {
        if amount > 0 {
            self.up += i128::from(amount);
        } else {
            self.down += i128::from(amount);
        }
    }
}

impl Checker for Counter {
    fn name(&self) -> &str {
        "counter"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let (mut tally, mut reads) = (Tally::default(), 0u64);
        // Adds acknowledged by now, and adds begun by now that have not failed.
        let (mut acknowledged, mut begun) = (Sums::default(), Sums::default());
        let mut at_begin: Vec<Sums> = vec![Sums::default(); operations.len()];
        for (position, number) in moments(&operations) {
            let operation = &operations[number];
            let begins = position % 2 == 0;
            match call(operation) {
                Err(why) => return Finding::unknown(self.name(), why),
                Ok(Call::Add(amount)) if begins && !operation.is_failed() => begun.add(amount),
                Ok(Call::Add(amount)) if !begins && operation.is_ok() => acknowledged.add(amount),
                Ok(Call::Read(_)) if begins => at_begin[number] = acknowledged,
                Ok(Call::Read(Some(seen))) => {
                    reads += 1;
                    let least = at_begin[number].up + begun.down;
                    let greatest = at_begin[number].down + begun.up;
                    if !(least..=greatest).contains(&i128::from(seen)) {
                        tally.add(|| out_of_bounds(operation, seen, least, greatest));
                    }
                }
                Ok(_) => {}
            }
        }
        let stats = json!({
            "reads": reads,
            "acknowledged": (acknowledged.up + acknowledged.down).to_string(),
        });
        let unknown = (reads == 0).then(|| {
            "the counter was never read, so nothing can be judged; reads are part of this workload"
                .to_owned()
        });
        tally.conclude(self.name(), unknown, stats)
    }
}

/// Begins and ends in order; a begin has an even position.
fn moments(operations: &[Operation]) -> Vec<(u64, usize)> {
    let mut moments: Vec<(u64, usize)> = Vec::with_capacity(2 * operations.len());
    for (number, operation) in operations.iter().enumerate() {
        moments.push((2 * operation.index, number));
        if operation.end() != u64::MAX {
            moments.push((2 * operation.end() + 1, number));
        }
    }
    moments.sort_unstable();
    moments
}

enum Call {
    Add(i64),
    /// With the answer, if there is one.
    Read(Option<i64>),
}

fn call(operation: &Operation) -> Result<Call, String> {
    let wrong = |what: &serde_json::Value| {
        format!("operation {} has {what}, where an integer should be", operation.index)
    };
    match (&*operation.f, operation.output()) {
        ("add", _) => match operation.input.as_i64() {
            Some(amount) => Ok(Call::Add(amount)),
            None => Err(wrong(&operation.input)),
        },
        ("read", Some(seen)) => match seen.as_i64() {
            Some(seen) => Ok(Call::Read(Some(seen))),
            None => Err(wrong(seen)),
        },
        ("read", None) => Ok(Call::Read(None)),
        (f, _) => Err(format!(
            "operation {} is `{f}`, but a counter has only add and read",
            operation.index
        )),
    }
}

fn out_of_bounds(read: &Operation, seen: i64, least: i128, greatest: i128) -> crate::Anomaly {
    let (kind, what) = if i128::from(seen) < least {
        ("lost-update", "acknowledged adds are missing")
    } else {
        ("phantom-update", "more was added than anybody asked for")
    };
    let explanation = format!(
        "A read answered {seen}. Counting what was acknowledged before it, and what may or may \
         not have happened by its end, the counter was between {least} and {greatest}: {what}."
    );
    let steps = vec![step(read, &format!("read {seen}"))];
    anomaly(kind, format!("Counter at {seen}"), explanation, steps, &["linearizable", "sequential"])
}

#[cfg(test)]
mod tests;
