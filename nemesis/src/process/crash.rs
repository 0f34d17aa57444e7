//! A crash loop: the database killed and started several times in quick succession.
//!
//! The last round leaves it dead, as a supervisor does that has given up. Each round is seen.

use super::kill::{Way, end_on, start_on};
use crate::ground::{Ground, Tally};
use crate::targets::{self, Targets};
use perjury_harness::Applied;
use serde_json::{Value, json};
use std::time::Duration;

/// Rounds at most, and the longest pause between them: the loop has to end in time.
const TIMES_MAX: u64 = 20;
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Kills the targets `times` times, with `pause_ms` of life between.
pub(super) async fn repeat(ground: &dyn Ground, value: &Value) -> Applied {
    let Targets { nodes, mut evidence } = match targets::resolve(ground, value).await {
        Ok(targets) => targets,
        Err(reason) => return Applied::Skipped(reason),
    };
    let times = value["times"].as_u64().unwrap_or(3).clamp(2, TIMES_MAX);
    let pause = Duration::from_millis(value["pause_ms"].as_u64().unwrap_or(200)).min(PAUSE_MAX);
    let mut rounds = Vec::new();
    let mut tally = Tally::default();
    for round in 1..=times {
        let killed = end_on(ground, &nodes, Way::Kill).await;
        rounds.push(killed.evidence(Value::Null));
        let complete = killed.unseen.is_empty() && killed.skipped.is_empty();
        tally = killed;
        if !complete {
            // Who was down before has not crashed again and again.
            let partly = round > 1 || !tally.done.is_empty();
            let skipped = std::mem::take(&mut tally.skipped);
            if partly {
                tally.unseen.extend(
                    skipped
                        .into_iter()
                        .map(|(node, why)| (node, format!("in round {round} of {times}: {why}"))),
                );
            } else {
                tally.skipped = skipped;
            }
            break;
        }
        if round < times {
            let started = start_on(ground, &nodes).await;
            if !started.unseen.is_empty() {
                tally = started;
                break;
            }
            tokio::time::sleep(pause).await;
        }
    }
    evidence["rounds"] = json!(rounds);
    tally.broken(evidence)
}
