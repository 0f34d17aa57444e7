//! Measures of one register: how stale each read was, and how stale all of them had to be.

use super::core::Clusters;
use super::shift::{Crossing, Zone, greatest_crossing};
use crate::linear::neighbours::versions::{INITIAL, NEVER_END, Versions};

/// How stale a read was, at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stale {
    pub(super) read: u32,
    /// How many other writes surely came between what it saw and its begin: writes that began
    /// when that was surely in place, and that were surely in place when the read began.
    pub(super) versions: u32,
    /// How long before the read began the first of them was in place, in nanoseconds.
    pub(super) nanoseconds: u64,
    /// What the first of them wrote.
    pub(super) newer: u32,
}

/// How many of the latest writes a read may see one of, if all reads are to be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) least: u32,
    pub(super) most: u32,
}

/// What is measured of one register.
#[derive(Clone, Debug)]
pub(super) struct Measure {
    /// Reads that surely saw an old value, by start.
    pub(super) stale: Vec<Stale>,
    pub(super) crossing: Option<Crossing>,
    pub(super) bounds: Bounds,
}

/// Measures one register. Reads that cannot have seen what they saw are left out; `time` gives
/// the nanoseconds of a position. `n log n`; see `two_atomic.rs` for more at the worst.
pub(super) fn measure(
    versions: &Versions<'_>,
    time: &impl Fn(i64) -> i64,
    reads: &[u32],
) -> Measure {
    let written: Vec<u32> = versions.written().collect();
    let stale = staleness(versions, time, reads, &written);
    let mut zones = zones(versions, time, reads, &written);
    let crossing = greatest_crossing(&mut zones);
    let certain = 1 + stale.iter().map(|stale| stale.versions).max().unwrap_or(0);
    let bounds = match crossing {
        None => Bounds { least: 1, most: 1 },
        Some(_) if certain <= 2 && Clusters::new(versions, reads).are_two_atomic() => {
            Bounds { least: 2, most: 2 }
        }
        Some(_) => Bounds { least: certain.max(3), most: enough(versions, reads, &written) },
    };
    Measure { stale, crossing, bounds }
}

/// How stale each read was at the least.
fn staleness(
    versions: &Versions<'_>,
    time: &impl Fn(i64) -> i64,
    reads: &[u32],
    written: &[u32],
) -> Vec<Stale> {
    let start = |value: u32| versions.start(value).unwrap_or(NEVER_END);
    let mut by_start = written.to_vec();
    by_start.sort_unstable_by_key(|value| start(*value));
    let mut by_end = written.to_vec();
    by_end.sort_unstable_by_key(|value| versions.end(*value));
    let count = written.len();
    let rank = rank_of(&by_start, versions);
    // Of the values whose write began at this place or later, the first to be in place.
    let mut first = vec![INITIAL; count + 1];
    for (at, value) in by_start.iter().enumerate().rev() {
        let later = first[at + 1];
        let sooner = at + 1 == count || versions.end(*value) < versions.end(later);
        first[at] = if sooner { *value } else { later };
    }
    let mut in_place = Fenwick::new(count);
    let mut added = 0;
    let mut stale = Vec::new();
    for read in reads {
        let begun = i64::from(versions.calls[*read as usize].start);
        while added < count && versions.end(by_end[added]) < begun {
            in_place.add(rank[by_end[added] as usize]);
            added += 1;
        }
        let Some(value) = versions.found(*read) else { continue };
        let after = by_start.partition_point(|other| start(*other) <= versions.end(value));
        let newer = added as u32 - in_place.below(after as u32);
        if newer > 0 {
            let first = first[after];
            let nanoseconds = time(begun).saturating_sub(time(versions.end(first))).max(0) as u64;
            stale.push(Stale { read: *read, versions: newer, nanoseconds, newer: first });
        }
    }
    stale
}

/// A number of versions that is enough to explain all reads.
///
/// Any choice of a moment for each write, between its begin and when it was surely in place,
/// is an order that respects real time, and each read is put as early as it then can be. Two
/// choices are tried: each as late as possible; and each when its last read begins, or as near
/// to that as possible.
fn enough(versions: &Versions<'_>, reads: &[u32], written: &[u32]) -> u32 {
    let last = last_reads(versions, reads);
    let late = |value: &u32| versions.end(*value);
    let seen = |value: &u32| {
        let (start, end) = (versions.start(*value).unwrap_or(NEVER_END), versions.end(*value));
        last[*value as usize].unwrap_or(start).min(end).max(start)
    };
    let mut by_end = written.to_vec();
    by_end.sort_unstable_by_key(late);
    let mut by_last_read = written.to_vec();
    by_last_read.sort_unstable_by_key(seen);
    let ranks = [rank_of(&by_end, versions), rank_of(&by_last_read, versions)];
    let behind = |rank: &Vec<u32>| {
        let (mut before, mut latest, mut most) = (by_end.iter().peekable(), 0, 0);
        for read in reads {
            let begun = i64::from(versions.calls[*read as usize].start);
            while let Some(value) = before.next_if(|value| versions.end(**value) < begun) {
                latest = rank[*value as usize].max(latest);
            }
            let saw = versions.found(*read).map_or(latest, |value| rank[value as usize]);
            most = most.max(latest.saturating_sub(saw));
        }
        most + 1
    };
    ranks.iter().map(behind).min().unwrap_or(1)
}

fn rank_of(order: &[u32], versions: &Versions<'_>) -> Vec<u32> {
    let mut rank = vec![0u32; versions.count() as usize];
    for (at, value) in (0u32..).zip(order) {
        rank[*value as usize] = at;
    }
    rank
}

/// Per value when its last read began.
fn last_reads(versions: &Versions<'_>, reads: &[u32]) -> Vec<Option<i64>> {
    let mut last = vec![None; versions.count() as usize];
    for read in reads {
        if let Some(value) = versions.found(*read) {
            last[value as usize] = Some(i64::from(versions.calls[*read as usize].start));
        }
    }
    last
}

fn zones(
    versions: &Versions<'_>,
    time: &impl Fn(i64) -> i64,
    reads: &[u32],
    written: &[u32],
) -> Vec<Zone> {
    let last = last_reads(versions, reads);
    let moment = |position: i64| {
        if position < 0 { (i64::MIN, position) } else { (time(position), position) }
    };
    let zone = |value: &u32| Zone {
        value: *value,
        end: moment(versions.end(*value)),
        write: moment(versions.start(*value).unwrap_or(NEVER_END)),
        read: last[*value as usize].map(moment),
    };
    written.iter().map(zone).collect()
}

/// Counts numbers below a limit among those added (Fenwick, *A new data structure for cumulative
/// frequency tables*, 1994); each in logarithmic time.
struct Fenwick {
    sums: Vec<u32>,
}

impl Fenwick {
    fn new(size: usize) -> Self {
        Self { sums: vec![0; size + 1] }
    }

    fn add(&mut self, number: u32) {
        let mut at = number as usize + 1;
        while at < self.sums.len() {
            self.sums[at] += 1;
            at += at & at.wrapping_neg();
        }
    }

    fn below(&self, limit: u32) -> u32 {
        let mut at = limit as usize;
        let mut sum = 0;
        while at > 0 {
            sum += self.sums[at];
            at -= at & at.wrapping_neg();
        }
        sum
    }
}
