//! The nodes' clocks during a run: what was read of them, and times in logs brought back to the
//! controller's clock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Readings in `results.json` at most.
const READINGS_MAX: usize = 10_000;
/// How far from its place between two readings a time in a log may seem to be: a jump lies
/// somewhere between the two, and lines are written a little later than what they tell.
const SLACK_NS: i64 = 1_500_000_000;

/// A node's wall clock, as the database there is told it, beside the controller's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockReading {
    pub node: String,
    /// When, in nanoseconds since the run began.
    pub at_ns: u64,
    /// How far the node's clock is ahead of the controller's, in nanoseconds; negative: behind.
    pub offset_ns: i64,
    /// By how much `offset_ns` may be wrong, either way: half of the time that asking took.
    pub error_ns: u64,
}

/// Readings from lines of JSON, in order of time. Lines that are damaged are left out: a run that
/// was killed may have half a line at its end.
pub fn parse(bytes: &[u8]) -> Vec<ClockReading> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let mut readings: Vec<ClockReading> =
        lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    readings.sort_by(|one, other| (one.at_ns, &one.node).cmp(&(other.at_ns, &other.node)));
    if readings.len() > READINGS_MAX {
        let every = readings.len().div_ceil(READINGS_MAX);
        readings = readings.into_iter().step_by(every).collect();
    }
    readings
}

/// The clock of one node over the run, for lines of a log in the order in which they were written.
#[derive(Clone, Debug)]
pub(super) struct NodeClock {
    /// When, and how far ahead, in nanoseconds.
    readings: Vec<(i64, i64)>,
    /// Which of them the last line belonged to, and when that was really written.
    current: usize,
    last: i64,
}

/// A clock for each node that was read.
pub(super) fn by_node(readings: &[ClockReading]) -> BTreeMap<&str, NodeClock> {
    let mut clocks: BTreeMap<&str, NodeClock> = BTreeMap::new();
    for reading in readings {
        let at = i64::try_from(reading.at_ns).unwrap_or(i64::MAX);
        let clock = clocks.entry(&reading.node).or_insert_with(|| NodeClock {
            readings: Vec::new(),
            current: 0,
            last: i64::MIN,
        });
        clock.readings.push((at, reading.offset_ns));
    }
    clocks
}

impl NodeClock {
    /// How far ahead the clock was when it showed `shown`, in nanoseconds since the run began by
    /// that clock itself.
    ///
    /// Each reading holds until the next. Lines are written one after the other, so the reading
    /// that fits is looked for from the last line's on; a clock that was set back shows the same
    /// time twice, and this tells which of the two is meant.
    pub(super) fn offset_at(&mut self, shown: i64) -> i64 {
        let fits = |at: usize| {
            let (from, offset) = self.readings[at];
            let to = self.readings.get(at + 1).map_or(i64::MAX, |(next, _)| *next);
            let real = shown.saturating_sub(offset);
            let from = if at == 0 { self.last } else { from.max(self.last) };
            real >= from.saturating_sub(SLACK_NS) && real <= to.saturating_add(SLACK_NS)
        };
        if let Some(found) = (self.current..self.readings.len()).find(|at| fits(*at)) {
            self.current = found;
        }
        let offset = self.readings.get(self.current).map_or(0, |(_, offset)| *offset);
        self.last = self.last.max(shown.saturating_sub(offset));
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    fn reading(node: &str, at_s: u64, offset_ns: i64) -> ClockReading {
        ClockReading { node: node.to_owned(), at_ns: at_s * 1_000_000_000, offset_ns, error_ns: 9 }
    }

    #[test]
    fn a_torn_or_foreign_line_costs_no_more_than_itself() {
        let mut bytes = Vec::new();
        for reading in [reading("n2", 3, -5), reading("n1", 1, 7)] {
            bytes.extend(serde_json::to_vec(&reading).unwrap());
            bytes.push(b'\n');
        }
        bytes.extend(b"what?\n{\"node\":\"n1\",\"at_");
        assert_eq!(parse(&bytes), [reading("n1", 1, 7), reading("n2", 3, -5)]);
    }

    #[test]
    fn a_clock_that_jumps_and_comes_back_is_followed_line_by_line() {
        let readings = [reading("n1", 0, 0), reading("n1", 10, 60 * S), reading("n1", 20, 0)];
        let clocks = by_node(&readings);
        let mut clock = clocks["n1"].clone();
        let lines = [5 * S, 71 * S, 79 * S, 21 * S, 72 * S];
        let offsets = lines.map(|shown| clock.offset_at(shown));
        // The last really comes 72 s after the beginning: the clock is right again by then.
        assert_eq!(offsets, [0, 60 * S, 60 * S, 0, 0]);
    }

    #[test]
    fn a_clock_that_was_always_off_is_off_before_its_first_reading_too() {
        let readings = [reading("n1", 2, -3 * S)];
        let mut clock = by_node(&readings)["n1"].clone();
        assert_eq!(clock.offset_at(-4 * S), -3 * S);
        assert_eq!(clock.offset_at(500 * S), -3 * S);
    }
}
