//! Clusters: each write with its reads, and which of them suffice to contradict 2-atomicity.

use super::two_atomic::{Seen, Written, is_two_atomic};
use crate::linear::neighbours::versions::{NEVER_END, NONE, Versions};

/// How many clusters are tried to be left out one by one.
const MOST_SINGLY: usize = 256;

/// A write that surely happened, and what matters of its reads.
#[derive(Clone, Copy, Debug)]
struct Cluster {
    value: u32,
    written: Written,
    /// The last read to begin; [`NONE`] if there is none.
    last_read: u32,
    last_start: i64,
}

/// The writes of a register, in the order in which they were surely in place.
pub(super) struct Clusters {
    clusters: Vec<Cluster>,
}

impl Clusters {
    pub(super) fn new(versions: &Versions<'_>, reads: &[u32]) -> Self {
        let mut last = vec![NONE; versions.count() as usize];
        for read in reads {
            if let Some(value) = versions.found(*read) {
                last[value as usize] = *read;
            }
        }
        let cluster = |value: u32| {
            let start = versions.start(value).unwrap_or(NEVER_END);
            let last_read = last[value as usize];
            let call = versions.calls.get(last_read as usize);
            Cluster {
                value,
                written: Written { start, end: versions.end(value) },
                last_read,
                last_start: call.map_or(-1, |call| i64::from(call.start)),
            }
        };
        let mut clusters: Vec<Cluster> = versions.written().map(cluster).collect();
        clusters.sort_unstable_by_key(|cluster| cluster.written.end);
        Self { clusters }
    }

    pub(super) fn are_two_atomic(&self) -> bool {
        two_atomic(&self.clusters)
    }

    /// A few values whose writes and reads are not 2-atomic by themselves, given that all
    /// together are not. Leaving out a write with its reads never makes the rest less atomic, so
    /// the last and then the first of those that matter are found by bisection.
    pub(super) fn core(&self) -> Vec<u32> {
        let (mut low, mut high) = (0, self.clusters.len());
        while low < high {
            let middle = low.midpoint(high);
            if two_atomic(&self.clusters[..middle]) { low = middle + 1 } else { high = middle }
        }
        let end = high;
        (low, high) = (0, end);
        while low < high {
            let middle = low.midpoint(high) + 1;
            if two_atomic(&self.clusters[middle.min(end)..end]) {
                high = middle - 1;
            } else {
                low = middle;
            }
        }
        let mut core = self.clusters[low..end].to_vec();
        let mut chunk = core.len() / 2;
        while chunk > 0 {
            let mut at = 0;
            while at < core.len() {
                let mut fewer = core.clone();
                fewer.drain(at..(at + chunk).min(core.len()));
                if two_atomic(&fewer) { at += chunk } else { core = fewer }
            }
            chunk = if core.len() > MOST_SINGLY { 0 } else { chunk / 2 };
        }
        core.iter().map(|cluster| cluster.value).collect()
    }
}

fn two_atomic(clusters: &[Cluster]) -> bool {
    let writes: Vec<Written> = clusters.iter().map(|cluster| cluster.written).collect();
    let mut reads: Vec<Seen> = (0u32..)
        .zip(clusters)
        .filter(|(_, cluster)| cluster.last_read != NONE)
        .map(|(write, cluster)| Seen { start: cluster.last_start, write })
        .collect();
    reads.sort_unstable_by_key(|read| read.start);
    is_two_atomic(&writes, &reads)
}
