//! Monotonic registers: numbers that are only ever raised, and must not be seen to fall.

pub(crate) mod falls;
mod stream;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use self::falls::{Call, Fall, in_real_time, in_sessions};
pub use self::stream::MonotonicStream;

use crate::tally::{Site, Tally, anomaly};
use crate::words::shortened;
use crate::{Anomaly, Budget, Checker, Finding, History, Operation, Step};

/// Judges `increment [key, null]`, answered with `[key, n]`, where n is what it made of the number,
/// and `read [key, null]`, answered with `[key, n]`, or null if it was never raised: what a process
/// is shown never falls, and its increments raise what it knew (after Jepsen's `monotonic`). Linear,
/// and a sort if real time counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Monotonic {
    /// The same for calls of different processes that follow one another; and no two increments lead
    /// to one number.
    pub globally: bool,
}

impl Checker for Monotonic {
    fn name(&self) -> &str {
        "monotonic"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let (calls, keys) = match read(&operations) {
            Ok(read) => read,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let mut tally = Tally::default();
        for fall in in_sessions(&operations, &calls) {
            tally.add(|| fallen(&operations, fall, true));
        }
        let within = tally.count();
        if self.globally {
            let mut between = Tally::default();
            for fall in in_real_time(&operations, &calls, keys) {
                between.add(|| fallen(&operations, fall, false));
            }
            tally = tally.and(between).and(twice(&operations, &calls));
        }
        let raised = calls.iter().filter(|call| call.raises).count();
        let stats = json!({
            "keys": keys,
            "increments": raised,
            "reads": calls.len() - raised,
            "fallen_within_processes": within,
        });
        let unknown = nothing(calls.len() as u64, raised as u64);
        tally.conclude(self.name(), unknown, stats)
    }
}

/// Why there was nothing to judge, of so many calls and increments among them.
fn nothing(calls: u64, raised: u64) -> Option<String> {
    match (calls, raised) {
        (0, _) => Some("no call has an answer, so nothing can be judged".to_owned()),
        (_, 0) => Some("no increment was acknowledged, so nothing can have fallen".to_owned()),
        _ => None,
    }
}

/// All calls with an answer, by begin, and how many keys there are.
fn read(operations: &[Operation<'_>]) -> Result<(Vec<Call>, usize), String> {
    let mut keys: FxHashMap<&Value, u32> = FxHashMap::default();
    let mut calls = Vec::with_capacity(operations.len());
    for (number, operation) in (0u32..).zip(operations) {
        let raises = raises(operation.index, operation.f)?;
        let Some(output) = operation.output() else { continue };
        let (key, shown) = answer(operation.index, raises, output)?;
        let fresh = keys.len() as u32;
        let key = *keys.entry(key).or_insert(fresh);
        calls.push(Call { key, number: shown, raises, operation: number });
    }
    Ok((calls, keys.len()))
}

/// Whether a function raises a number.
fn raises(index: u64, f: &str) -> Result<bool, String> {
    match f {
        "increment" => Ok(true),
        "read" => Ok(false),
        f => Err(format!("operation {index} is `{f}`, but there are only increment and read")),
    }
}

/// Key and number of an answer; there is no number before the first increment.
fn answer(index: u64, raises: bool, output: &Value) -> Result<(&Value, Option<i64>), String> {
    let shown = match output.as_array().map(Vec::as_slice) {
        Some([key, Value::Null]) if !raises => Some((key, None)),
        Some([key, shown]) => shown.as_i64().map(|shown| (key, Some(shown))),
        _ => None,
    };
    shown.ok_or_else(|| {
        format!(
            "operation {index} was answered with {}, where [key, integer] should be",
            shortened(output)
        )
    })
}

/// A call that was shown a number, to be told.
#[derive(Clone, Copy, Debug)]
struct Told {
    site: Site,
    raises: bool,
    number: Option<i64>,
}

impl Told {
    fn of(operation: &Operation<'_>) -> (Value, Self) {
        let part = |at: usize| operation.output().map(|output| output[at].clone());
        let number = part(1).and_then(|number| number.as_i64());
        let told = Self { site: Site::of(operation), raises: operation.f != "read", number };
        (part(0).unwrap_or_default(), told)
    }

    fn number(self) -> String {
        self.number.map_or("null".to_owned(), |number| number.to_string())
    }

    fn step(self, key: &str) -> Step {
        let number = self.number();
        match self.raises {
            false => self.site.step(&format!("read {key} as {number}")),
            true => self.site.step(&format!("raised {key} to {number}")),
        }
    }
}

/// Increments that led to the same number.
fn twice(operations: &[Operation<'_>], calls: &[Call]) -> Tally {
    let mut tally = Tally::default();
    let mut first: FxHashMap<(u32, Option<i64>), u32> = FxHashMap::default();
    for call in calls.iter().filter(|call| call.raises) {
        let earlier = *first.entry((call.key, call.number)).or_insert(call.operation);
        if earlier == call.operation {
            continue;
        }
        tally.add(|| {
            let [(_, one), (key, other)] =
                [earlier, call.operation].map(|at| Told::of(&operations[at as usize]));
            raised_twice(&key, &[one, other])
        });
    }
    tally
}

/// Two calls that led to the same number, or the second of them.
fn raised_twice(key: &Value, calls: &[Told]) -> Anomaly {
    let key = shortened(key);
    let number = calls.last().map(|call| call.number()).unwrap_or_default();
    let explanation =
        format!("Two calls each raised {key}, and both made {number} of it: one of them is lost.");
    let steps = calls.iter().map(|call| call.step(&key)).collect();
    let title = format!("{key} raised to {number} twice");
    let rules = &["snapshot-isolation", "serializable", "linearizable"];
    anomaly("lost-update", title, explanation, steps, rules)
}

fn fallen(operations: &[Operation<'_>], fall: Fall, session: bool) -> Anomaly {
    let [(key, early), (_, late)] =
        [fall.early, fall.late].map(|at| Told::of(&operations[at as usize]));
    told(&key, early, late, session)
}

fn told(key: &Value, early: Told, late: Told, session: bool) -> Anomaly {
    let key = shortened(key);
    let (high, low) = (early.number(), late.number());
    let not_more = if late.raises { "no more than" } else { "less than" };
    let whom = match session {
        true => format!("process {} itself had known before", late.site.process),
        false => "another process had known before it began".to_owned(),
    };
    let explanation = format!(
        "Numbers are only ever raised here. {key} was {low}, which is {not_more} the {high} that \
         {whom}."
    );
    let rules: &[&str] = match session {
        true => &["monotonic-reads", "causal", "sequential", "linearizable"],
        false => &["linearizable", "strict-serializable"],
    };
    let title = format!("{key} fell from {high} to {low}");
    anomaly("non-monotonic", title, explanation, vec![early.step(&key), late.step(&key)], rules)
}

#[cfg(test)]
mod tests;
