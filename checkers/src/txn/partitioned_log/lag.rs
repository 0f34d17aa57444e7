//! Lag: how long what was acknowledged stayed unseen, and how much of it at a time.

use rayon::prelude::*;
use serde_json::{Value, json};

use super::entries::Log;
use super::read::{Logs, NOBODY};

/// How many moments are told of the whole time.
const MOMENTS: u64 = 20;

/// Milliseconds from the acknowledgement of a record to the first poll that was answered with it,
/// and the number of records that wait for that over time, as `[second, number]`.
pub(super) fn measure(logs: &Logs<'_>, by_key: &[Log<'_>]) -> Value {
    let returned = |operation: u32| logs.call(operation).returned;
    let mut lags: Vec<u64> = Vec::new();
    let (mut begins, mut ends): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    for sent in &logs.sent {
        let log = &by_key[sent.key as usize];
        let seen = match log.records[log.sent(sent) as usize].polled {
            NOBODY => u64::MAX,
            by => returned(by),
        };
        let acknowledged = returned(sent.operation);
        if seen > acknowledged {
            begins.push(acknowledged);
            ends.push(seen);
        }
        if seen != u64::MAX {
            lags.push(seen.saturating_sub(acknowledged));
        }
    }
    begins.par_sort_unstable();
    ends.par_sort_unstable();
    let mut quantile = |part: usize| {
        let at = lags.len().checked_sub(1)? * part / 100;
        Some(*lags.select_nth_unstable(at).1 / 1_000_000)
    };
    let unseen_at = |moment: u64| {
        let before = |times: &[u64]| times.partition_point(|time| *time <= moment);
        before(&begins) - before(&ends)
    };
    // Both ascend, so each is gone through once.
    let (mut begun, mut ended) = (0, 0);
    let worst = begins.iter().map(|begin| {
        begun += begins[begun..].iter().take_while(|other| *other <= begin).count();
        ended += ends[ended..].iter().take_while(|end| *end <= begin).count();
        (begun - ended, *begin)
    });
    let worst = worst.max_by_key(|(count, begin)| (*count, std::cmp::Reverse(*begin)));
    let last = logs.operations.iter().filter_map(|operation| operation.returned).max().unwrap_or(0);
    let over_time: Vec<Value> = (1..=MOMENTS)
        .map(|moment| last / MOMENTS * moment)
        .map(|moment| json!([moment as f64 / 1e9, unseen_at(moment)]))
        .collect();
    json!({
        "median_ms": quantile(50),
        "p99_ms": quantile(99),
        "worst_ms": quantile(100),
        "most_unseen": worst.map_or(0, |(count, _)| count),
        "most_unseen_at_seconds": worst.map(|(_, at)| at as f64 / 1e9),
        "unseen_over_time": over_time,
    })
}
