//! Monotonic registers: numbers that are only ever raised, and must not be seen to fall.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

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

/// What a number was known to be, and by which operation.
#[derive(Clone, Copy)]
struct Known {
    /// `None` before the first increment.
    number: Option<i64>,
    by: u32,
}

/// A call with its answer.
struct Call {
    key: u32,
    number: Option<i64>,
    raises: bool,
    operation: u32,
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
        let mut tally = sessions(&operations, &calls);
        let within = tally.count();
        if self.globally {
            tally = tally.and(real_time(&operations, &calls, keys)).and(twice(&operations, &calls));
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
fn read(operations: &[Operation]) -> Result<(Vec<Call>, usize), String> {
    let mut keys: FxHashMap<&Value, u32> = FxHashMap::default();
    let mut calls = Vec::with_capacity(operations.len());
    for (number, operation) in (0u32..).zip(operations) {
        let raises = match &*operation.f {
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

/// Whether this is possible after that.
fn fits(call: &Call, known: Known) -> bool {
    if call.raises { call.number > known.number } else { call.number >= known.number }
}

/// Each process by itself.
fn sessions(operations: &[Operation], calls: &[Call]) -> Tally {
    let mut tally = Tally::default();
    let mut known: FxHashMap<(u32, u32), Known> = FxHashMap::default();
    for call in calls {
        let now = Known { number: call.number, by: call.operation };
        let process = operations[call.operation as usize].process;
        let last = known.entry((call.key, process)).or_insert(now);
        if last.by != now.by && !fits(call, *last) {
            tally.add(|| fallen(operations, call, last.by, true));
        }
        if now.number > last.number {
            *last = now;
        }
    }
    tally
}

/// Calls of different processes, of which one was over before the other began.
fn real_time(operations: &[Operation], calls: &[Call], keys: usize) -> Tally {
    let of = |call: &Call| &operations[call.operation as usize];
    let mut by_end: Vec<u32> = (0..calls.len() as u32).collect();
    by_end.sort_by_key(|at| of(&calls[*at as usize]).end());
    let mut tally = Tally::default();
    let mut known: Vec<Option<Known>> = vec![None; keys];
    let mut over = 0;
    for call in calls {
        let begun = of(call).index;
        while let Some(ended) = by_end.get(over).map(|at| &calls[*at as usize])
            && of(ended).end() < begun
        {
            let known = &mut known[ended.key as usize];
            if known.is_none_or(|known| ended.number > known.number) {
                *known = Some(Known { number: ended.number, by: ended.operation });
            }
            over += 1;
        }
        if let Some(last) = known[call.key as usize]
            && !fits(call, last)
            && operations[last.by as usize].process != of(call).process
        {
            tally.add(|| fallen(operations, call, last.by, false));
        }
    }
    tally
}

/// Increments that led to the same number.
fn twice(operations: &[Operation], calls: &[Call]) -> Tally {
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
fn shown(operation: &Operation) -> (String, String) {
    let part = |at| operation.output().map(|output| shortened(&output[at])).unwrap_or_default();
    (part(0), part(1))
}

fn fallen(operations: &[Operation], call: &Call, before: u32, session: bool) -> Anomaly {
    let (early, late) = (&operations[before as usize], &operations[call.operation as usize]);
    let told = |operation: &Operation| {
        let (key, number) = shown(operation);
        match &*operation.f {
            "read" => step(operation, &format!("read {key} as {number}")),
            _ => step(operation, &format!("raised {key} to {number}")),
        }
    };
    let ((key, high), (_, low)) = (shown(early), shown(late));
    let not_more = if call.raises { "no more than" } else { "less than" };
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
