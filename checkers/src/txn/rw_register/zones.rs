//! Versions in real time: an order given by two moments of each version, and its reduction.
//!
//! If every transaction that was over before another began met no newer version of a key than
//! that other did, then `v` is before `w` exactly if the first transaction that met `v` was over
//! before the last that met `w` began. So a version needs two numbers, [`Moments`], and no pair
//! of transactions is looked at. (They are the zones of Gibbons & Korach, *Testing shared
//! memories*, SIAM J. Comput. 1997, section 3, of transactions instead of single operations.)

use super::steps::{Access, INITIAL, NONE};
use crate::txn::spread::{cover, without};
use crate::txn::transactions::{NEVER, Transactions};

/// Up to this many successors get an edge each; more are reached through a tree.
const MAX_DIRECT: u32 = 8;

#[derive(Clone, Copy, Debug)]
struct Moments {
    /// The first end of a transaction that met the version; 0 for the initial version.
    end: u32,
    /// The last begin of a transaction that met the version, from 1; 0 if none did.
    begin: u32,
}

/// The order of versions by real time. `v` is before `w` if `end(v) < begin(w)`.
#[derive(Debug, Default)]
pub(super) struct Zones {
    moments: Vec<Moments>,
    /// Versions that were met, by their last begin.
    order: Vec<u32>,
    positions: Vec<u32>,
    /// Per position the two versions from there on with writers that end first, or [`NONE`].
    soonest: Vec<[u32; 2]>,
    /// Versions with more successors than [`MAX_DIRECT`], and their range of positions.
    pub(super) wide: Vec<(u32, u32, u32)>,
}

impl Zones {
    pub(super) fn clear(&mut self) {
        self.order.clear();
        self.wide.clear();
    }

    pub(super) fn is_loaded(&self) -> bool {
        !self.order.is_empty()
    }

    pub(super) fn load(&mut self, txns: &Transactions, accesses: &[Access], writers: &[u32]) {
        let never = Moments { end: NEVER, begin: 0 };
        self.moments.clear();
        self.moments.resize(writers.len(), never);
        self.moments[INITIAL as usize].end = 0;
        for access in accesses {
            let txn = txns.txn(access.txn);
            for version in [access.read, access.wrote].into_iter().filter(|v| *v != NONE) {
                let moments = &mut self.moments[version as usize];
                moments.end = moments.end.min(txn.end.saturating_add(1));
                moments.begin = moments.begin.max(txn.begin + 1);
            }
        }
        let met = |version: &u32| self.moments[*version as usize].begin > 0;
        self.order.extend((0..writers.len() as u32).filter(met));
        self.order
            .sort_unstable_by_key(|version| (self.moments[*version as usize].begin, *version));
        self.positions.clear();
        self.positions.resize(writers.len(), NONE);
        for (at, version) in (0u32..).zip(&self.order) {
            self.positions[*version as usize] = at;
        }
        self.soonest.clear();
        self.soonest.resize(self.order.len() + 1, [NONE; 2]);
        for at in (0..self.order.len()).rev() {
            let version = self.order[at];
            let mut soonest = self.soonest[at + 1];
            if writers[version as usize] != NEVER {
                if self.end(version) < self.end(soonest[0]) {
                    soonest = [version, soonest[0]];
                } else if self.end(version) < self.end(soonest[1]) {
                    soonest[1] = version;
                }
            }
            self.soonest[at] = soonest;
        }
    }

    fn end(&self, version: u32) -> u32 {
        self.moments.get(version as usize).map_or(NEVER, |moments| moments.end)
    }

    /// The position of a version in the order of last begins.
    pub(super) fn position(&self, version: u32) -> Option<u32> {
        self.positions.get(version as usize).copied().filter(|at| *at != NONE)
    }

    /// Adds direct successors: those that no written version is known to come before, and that
    /// version whose order of successors implies all others. If there is a cycle in the order
    /// by time, there is one among direct successors: from every version on a cycle a direct
    /// successor can be taken that has a successor on it itself.
    pub(super) fn successors(&mut self, version: u32, versions: u32, out: &mut Vec<u32>) {
        let end = self.end(version);
        if end == NEVER || self.position(version).is_none() {
            return;
        }
        let begin = |version: &u32| self.moments[*version as usize].begin;
        let low = self.order.partition_point(|other| begin(other) <= end);
        let [first, second] = self.soonest[low];
        let soonest = if first == version { second } else { first };
        let mut high = self.order.len();
        if soonest != NONE {
            let limit = self.end(soonest);
            high = self.order.partition_point(|other| begin(other) <= limit).max(low);
            if self.positions[soonest as usize] as usize >= high {
                out.push(soonest);
            }
        }
        let (low, high) = (low as u32, high as u32);
        if high - low <= MAX_DIRECT {
            let others = self.order[low as usize..high as usize].iter();
            out.extend(others.filter(|other| **other != version));
            return;
        }
        self.wide.push((version, low, high));
        self.cover(low, high, [self.positions[version as usize], NONE], |node| {
            out.push(self.node(node, versions));
        });
    }

    /// The number of a node of the tree in a graph that begins with versions. Its leaves are
    /// versions.
    pub(super) fn node(&self, node: u32, versions: u32) -> u32 {
        let leaves = self.order.len() as u32;
        if node >= leaves { self.order[(node - leaves) as usize] } else { versions + node }
    }

    /// The nodes of the tree that cover a range of positions but for up to two.
    pub(super) fn cover(&self, low: u32, high: u32, but: [u32; 2], mut each: impl FnMut(u32)) {
        let leaves = self.order.len() as u32;
        let mut but = but;
        but.sort_unstable();
        without(low..high, &but, |part| cover(leaves, part, &mut each));
    }

    /// Adds the inner nodes of the tree to a graph, if they are needed: nodes 0 and up, 0 being
    /// nothing.
    pub(super) fn tree(&self, versions: u32, starts: &mut Vec<u32>, out: &mut Vec<u32>) {
        for node in 0..self.inner() {
            starts.push(out.len() as u32);
            if node > 0 {
                out.extend([2 * node, 2 * node + 1].map(|child| self.node(child, versions)));
            }
        }
    }

    /// How many inner nodes the tree has, the unused first included; 0 if it is not needed.
    pub(super) fn inner(&self) -> u32 {
        if self.wide.is_empty() { 0 } else { self.order.len() as u32 }
    }
}
