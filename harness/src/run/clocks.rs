//! The nodes' clocks, read once a second beside the run's own time.

use crate::Node;
use crate::report::clocks::ClockReading;
use crate::store::Lines;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The file in the run's directory: a line for each reading that says something new.
pub const FILE: &str = "clocks.jsonl";
/// Between two readings of a node.
const INTERVAL: Duration = Duration::from_secs(1);
/// For an answer; a slower one says too little.
const LIMIT: Duration = Duration::from_secs(1);
/// After this time a reading is kept even if it says nothing new.
const KEEP_NS: u64 = 10_000_000_000;
/// A change of the offset that counts, besides what readings may be wrong by.
const CHANGE_NS: u64 = 1_000_000;

/// Reads clocks until it is dropped.
pub struct ClockWatch {
    _readers: JoinSet<()>,
}

/// When time 0 of the run was.
#[derive(Clone, Copy)]
pub struct Origin {
    pub started: jiff::Timestamp,
    pub began: Instant,
}

impl ClockWatch {
    /// Begins to read the clocks of `nodes`. A node without an answer has no reading.
    pub fn begin(nodes: &[Node], lines: Lines, origin: Origin) -> Self {
        let lines = Arc::new(lines);
        let mut readers = JoinSet::new();
        for node in nodes.iter().cloned() {
            readers.spawn(follow(node, Arc::clone(&lines), origin));
        }
        Self { _readers: readers }
    }
}

async fn follow(node: Node, lines: Arc<Lines>, origin: Origin) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sieve = Sieve::default();
    loop {
        ticks.tick().await;
        let Some(reading) = read(&node, origin).await else { continue };
        for kept in sieve.sift(reading) {
            if let Err(error) = lines.push(&kept) {
                tracing::warn!("the clocks are not recorded any more: {error}");
                return;
            }
        }
    }
}

async fn read(node: &Node, origin: Origin) -> Option<ClockReading> {
    let since = || u64::try_from(origin.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let asked = since();
    let read = node.agent.read_clock(LIMIT).await?;
    let (error_ns, at_ns) = ((since() - asked) / 2, asked + (since() - asked) / 2);
    // The run's own time and not the controller's wall clock, which may be set meanwhile.
    let ours = origin.started.as_nanosecond() + i128::from(at_ns);
    let offset_ns = i64::try_from(i128::from(read.told_ns) - ours).ok()?;
    Some(ClockReading { node: node.name.to_string(), at_ns, offset_ns, error_ns })
}

/// Keeps readings that say something new, each with the last one before it, and one now and then.
#[derive(Debug, Default)]
struct Sieve {
    kept: Option<ClockReading>,
    passed_over: Option<ClockReading>,
}

impl Sieve {
    fn sift(&mut self, reading: ClockReading) -> Vec<ClockReading> {
        let is_new = self.kept.as_ref().is_none_or(|kept| {
            let change = reading.offset_ns.abs_diff(kept.offset_ns);
            change > CHANGE_NS + reading.error_ns + kept.error_ns
        });
        let is_due = self.kept.as_ref().is_some_and(|kept| reading.at_ns >= kept.at_ns + KEEP_NS);
        if !is_new && !is_due {
            self.passed_over = Some(reading);
            return Vec::new();
        }
        self.kept = Some(reading.clone());
        // The one before shows that the change came after it.
        let before = self.passed_over.take().filter(|_| is_new);
        before.into_iter().chain([reading]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, offset_ns: i64) -> ClockReading {
        let at_ns = seconds * 1_000_000_000;
        ClockReading { node: "n1".to_owned(), at_ns, offset_ns, error_ns: 200_000 }
    }

    #[test]
    fn a_jump_is_kept_with_what_was_before_and_a_calm_clock_now_and_then() {
        let mut sieve = Sieve::default();
        let readings = (0..25).map(|second| at(second, if second < 14 { 300 } else { 5_000_000 }));
        let kept: Vec<u64> = readings
            .flat_map(|reading| sieve.sift(reading))
            .map(|reading| reading.at_ns / 1_000_000_000)
            .collect();
        assert_eq!(kept, [0, 10, 13, 14, 24]);
    }
}
