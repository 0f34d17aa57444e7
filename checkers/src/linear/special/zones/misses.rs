//! Compare-and-sets that missed: whether they fit into a linearization of the other calls.

use super::{INITIAL, NONE, Register, Zone};
use crate::linear::model::NEVER;
use crate::linear::models::RegisterCall;

/// What became of the compare-and-sets that missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// There is a linearization with all of them.
    Fits,
    /// This one is in none.
    Misfit { call: u32 },
    /// They do not fit into the linearization that was tried, but may fit into another.
    Unclear,
}

impl Register<'_> {
    /// Given that all other calls are linearizable, with zones in this order, looks for a place
    /// for each compare-and-set that missed.
    ///
    /// One is in no linearization if it lies inside the zone of the value that it sought. If
    /// that is true of none, they are put one after another into the linearization that the
    /// zones give, each as early as possible. `n log n` for sorting ends.
    pub(super) fn fit_misses(&self, zones: &[Zone]) -> Fit {
        if self.misses.is_empty() {
            return Fit::Fits;
        }
        if let Some(call) = self.misses.iter().copied().find(|miss| self.is_surely_wrong(*miss)) {
            return Fit::Misfit { call };
        }
        let order = self.order(zones);
        let mut block = vec![0u32; self.clusters.len()];
        for (at, value) in (0u32..).zip(&order) {
            block[*value as usize] = at;
        }
        // Where each call stands: in which block at least, for what begins after its end, and
        // in which block at most, for what ends before its start.
        let count = self.calls.len();
        let (mut floor, mut ceiling) = (vec![0u32; count], vec![order.len() as u32 - 1; count + 1]);
        for number in (0..count as u32).rev() {
            let at = number as usize;
            ceiling[at] = ceiling[at + 1];
            let Some(value) = self.stands_at(number) else { continue };
            floor[at] = block[value as usize];
            // Before what wrote the value there is only the block before it.
            let before = floor[at].saturating_sub(u32::from(self.left(number).is_some()));
            ceiling[at] = ceiling[at].min(before);
        }
        self.place(&order, &mut floor, &ceiling)
    }

    fn is_surely_wrong(&self, miss: u32) -> bool {
        let RegisterCall::CasMiss(value) = self.calls[miss as usize].call else { return false };
        let Some(cluster) = self.clusters.get(value as usize) else { return false };
        let calls = [cluster.writer, cluster.first_read, cluster.taker, cluster.last_read];
        let calls = || calls.into_iter().filter(|number| *number != NONE);
        let begun = value == INITIAL || calls().any(|n| self.end(n) < self.start(miss));
        let seen = cluster.is_seen();
        begun && seen && calls().any(|n| self.start(n) > self.end(miss))
    }

    /// All values that the register held, in the order of this linearization.
    fn order(&self, zones: &[Zone]) -> Vec<u32> {
        let mut order = Vec::with_capacity(self.clusters.len());
        for zone in zones {
            let mut value = Some(zone.root);
            while let Some(next) = value {
                order.push(next);
                let taker = self.clusters[next as usize].taker;
                value = if taker == NONE { None } else { self.left(taker) };
            }
        }
        order
    }

    /// The value in whose block this call takes effect; `None` if it does not, or missed.
    fn stands_at(&self, number: u32) -> Option<u32> {
        match self.left(number) {
            Some(value) => {
                let cluster = &self.clusters[value as usize];
                Some(value).filter(|_| self.has_been(cluster))
            }
            None if self.is_unknown(number) => None,
            None => self.found(number),
        }
    }

    fn place(&self, order: &[u32], floor: &mut [u32], ceiling: &[u32]) -> Fit {
        let known = (0..self.calls.len() as u32).filter(|n| !self.is_unknown(*n));
        let mut ends: Vec<u64> = known.map(|n| (self.end(n) as u64) << 32 | u64::from(n)).collect();
        ends.sort_unstable();
        let mut ended = ends.iter().map(|key| *key as u32).peekable();
        let mut least = 0;
        for (number, timed) in self.calls.iter().enumerate() {
            while let Some(before) = ended.next_if(|n| self.end(*n) < i64::from(timed.start)) {
                least = least.max(floor[before as usize]);
            }
            let RegisterCall::CasMiss(sought) = timed.call else { continue };
            if timed.end == NEVER {
                continue;
            }
            let later = self.calls.partition_point(|other| other.start < timed.end);
            let at = least + u32::from(order[least as usize] == sought);
            if at > ceiling[later] {
                return Fit::Unclear;
            }
            floor[number] = at;
        }
        Fit::Fits
    }
}
