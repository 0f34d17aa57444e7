//! What all checkers of replicas report alike: replicas that differ, and measures of that.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::RULED_OUT;
use super::ledger::{Call, Ledger};
use super::poll::Outcomes;
use crate::tally::{Tally, anomaly, quantiles, step};
use crate::words::{seconds, shortened};
use crate::{Anomaly, Step};

/// "Process 3 read 7 at n1 between …"
pub(super) fn read_step(ledger: &Ledger<'_>, call: &Call<'_>) -> Step {
    let value = call.answer.map_or_else(|| "nothing".to_owned(), shortened);
    let node = ledger.node(call.node);
    let text = match call.f() {
        "digest" => format!("asked {node} for the digest of its state, which was {value},"),
        _ => format!("read {} at {node} as {value}", ledger.key(call.key)),
    };
    step(call.operation, &text)
}

/// "Process 3 write 7 of key 1 at n1 between …"
pub(super) fn update_step(ledger: &Ledger<'_>, call: &Call<'_>, did: &str) -> Step {
    let (value, node) = (shortened(call.argument), ledger.node(call.node));
    let text = format!("{did} {value}, key {}, at {node}", ledger.key(call.key));
    step(call.operation, &text)
}

/// Two replicas that should have come together.
pub(super) fn differ(
    ledger: &Ledger<'_>,
    (one, other): (Call<'_>, Call<'_>),
    limit: u64,
) -> Anomaly {
    let (a, b) = (ledger.node(one.node), ledger.node(other.node));
    let digest = one.f() == "digest";
    let what = if digest { "their whole state".to_owned() } else { ledger.key(one.key) };
    let explanation = format!(
        "All faults were gone and all updates were known for more than {}, and each of the two \
         answers had been given that long when the other was given again. The replicas do not come \
         together.",
        seconds(limit)
    );
    let steps = vec![read_step(ledger, &one), read_step(ledger, &other)];
    let title = format!("{a} and {b} still differ about {what}");
    let mut found = anomaly("divergence", title, explanation, steps, RULED_OUT);
    found.key = (!digest).then(|| ledger.keys[one.key as usize].clone());
    found
}

/// Whether two answers say the same: the order of a list says nothing.
fn same(one: &Value, other: &Value) -> bool {
    let sorted = |value: &Value| {
        let mut texts: Vec<String> = value.as_array()?.iter().map(Value::to_string).collect();
        texts.sort_unstable();
        Some(texts)
    };
    one == other || sorted(one).is_some_and(|one| sorted(other) == Some(one))
}

/// Replicas that had seen the same updates and answered differently: strong eventual consistency
/// forbids that at any time, whatever the faults.
pub(super) fn merges(ledger: &Ledger<'_>) -> Tally {
    let mut tally = Tally::default();
    let mut states: FxHashMap<(Option<u32>, &Value), &Call<'_>> = FxHashMap::default();
    let reads =
        ledger.calls.iter().filter(|call| call.is_read()).map(|call| (Some(call.key), call));
    let digests = ledger.digests.iter().map(|call| (None, call));
    for (key, call) in reads.chain(digests) {
        let (Some(answer), Some(seen)) = (call.answer, call.seen()) else { continue };
        let before = *states.entry((key, seen)).or_insert(call);
        if before.answer.is_some_and(|before| !same(before, answer)) {
            tally.add(|| unequal(ledger, before, call, seen));
        }
    }
    tally
}

fn unequal(ledger: &Ledger<'_>, one: &Call<'_>, other: &Call<'_>, seen: &Value) -> Anomaly {
    let (a, b) = (ledger.node(one.node), ledger.node(other.node));
    let explanation = format!(
        "Both had seen the same updates, {}, and yet they answered differently. What they make of \
         updates depends on more than which these are: on their order, or on how often they came.",
        shortened(seen)
    );
    let steps = vec![read_step(ledger, one), read_step(ledger, other)];
    let title = match a == b {
        true => format!("{a} had seen the same twice and answered differently"),
        false => format!("{a} and {b} had seen the same and answered differently"),
    };
    let ruled_out = &["strong-eventual"];
    let mut found = anomaly("divergent-merge", title, explanation, steps, ruled_out);
    found.key = (one.f() != "digest").then(|| ledger.keys[one.key as usize].clone());
    found
}

/// The numbers of a poll.
pub(super) fn convergence(outcomes: &Outcomes) -> Value {
    json!({
        "agreed": outcomes.agreed,
        "differ": outcomes.differ,
        "unsettled": outcomes.unsettled,
        "ms": quantiles(outcomes.took.clone()),
    })
}
