//! Monotonic registers: numbers that are only ever raised, and must not be seen to fall.

pub(crate) mod falls;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use self::falls::{Call, Fall, in_real_time, in_sessions};

use crate::tally::{Tally, anomaly, step};
use crate::words::shortened;
use crate::{Anomaly, Budget, Checker, Finding, History, Operation};

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
        let unknown = if calls.is_empty() {
            Some("no call has an answer, so nothing can be judged".to_owned())
        } else {
            let nothing = "no increment was acknowledged, so nothing can have fallen".to_owned();
            (raised == 0).then_some(nothing)
        };
        tally.conclude(self.name(), unknown, stats)
    }
}

/// All calls with an answer, by begin, and how many keys there are.
fn read(operations: &[Operation<'_>]) -> Result<(Vec<Call>, usize), String> {
    let mut keys: FxHashMap<&Value, u32> = FxHashMap::default();
    let mut calls = Vec::with_capacity(operations.len());
    for (number, operation) in (0u32..).zip(operations) {
        let raises = match operation.f {
            "increment" => true,
            "read" => false,
            f => {
                return Err(format!(
                    "operation {} is `{f}`, but there are only increment and read",
                    operation.index
                ));
            }
        };
        let Some(output) = operation.output() else { continue };
        let shown = match output.as_array().map(Vec::as_slice) {
            Some([key, Value::Null]) if !raises => Some((key, None)),
            Some([key, shown]) => shown.as_i64().map(|shown| (key, Some(shown))),
            _ => None,
        };
        let Some((key, shown)) = shown else {
            return Err(format!(
                "operation {} was answered with {}, where [key, integer] should be",
                operation.index,
                shortened(output)
            ));
        };
        let fresh = keys.len() as u32;
        let key = *keys.entry(key).or_insert(fresh);
        calls.push(Call { key, number: shown, raises, operation: number });
    }
    Ok((calls, keys.len()))
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
            let [one, other] = [earlier, call.operation].map(|at| &operations[at as usize]);
            let (key, number) = shown(other);
            let did = format!("raised {key} to {number}");
            let explanation = format!(
                "Two calls each raised {key}, and both made {number} of it: one of them is lost."
            );
            let steps = vec![step(one, &did), step(other, &did)];
            let title = format!("{key} raised to {number} twice");
            let rules = &["snapshot-isolation", "serializable", "linearizable"];
            anomaly("lost-update", title, explanation, steps, rules)
        });
    }
    tally
}

/// The key and the number of an answer.
fn shown(operation: &Operation<'_>) -> (String, String) {
    let part = |at| operation.output().map(|output| shortened(&output[at])).unwrap_or_default();
    (part(0), part(1))
}

fn fallen(operations: &[Operation<'_>], fall: Fall, session: bool) -> Anomaly {
    let (early, late) = (&operations[fall.early as usize], &operations[fall.late as usize]);
    let told = |operation: &Operation<'_>| {
        let (key, number) = shown(operation);
        match operation.f {
            "read" => step(operation, &format!("read {key} as {number}")),
            _ => step(operation, &format!("raised {key} to {number}")),
        }
    };
    let ((key, high), (_, low)) = (shown(early), shown(late));
    let not_more = if fall.raises { "no more than" } else { "less than" };
    let whom = match session {
        true => format!("process {} itself had known before", late.process),
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
    anomaly("non-monotonic", title, explanation, vec![told(early), told(late)], rules)
}

#[cfg(test)]
mod tests;
