//! What is taken for granted of each key: which versions must be before which others.

use super::Assumed;
use super::tiny::{Set, Step, Tiny, members};
use crate::txn::transactions::Transactions;

/// A version of a register: who wrote it, nobody if it is the initial one.
type Version = Option<usize>;

impl Tiny {
    /// Per transaction those whose writes must come before its own. A transaction that must
    /// come before itself says that what is assumed cannot be.
    pub(super) fn assume(&self, txns: &Transactions, assumed: Assumed) -> Vec<Set> {
        let mut before = vec![0; self.txns.len()];
        let mut add = |older: Version, newer: Version| match (older, newer) {
            (Some(older), Some(newer)) if older != newer => before[newer] |= 1 << older,
            (Some(older), None) => before[older] |= 1 << older,
            _ => {}
        };
        for key in 0..self.keys {
            for later in members(self.happened) {
                let met = self.met(later, key);
                if assumed.wfr_keys && met.len() == 2 {
                    add(met[0], met[1]);
                }
                for earlier in members(self.happened & !(1 << later)) {
                    let process = |at| txns.txn(at as u32).process;
                    let session = self.session[later] & 1 << earlier != 0;
                    let over = self.real_time[later] & 1 << earlier != 0
                        && (session || process(earlier) != process(later));
                    let ordered = assumed.sequential_keys && session
                        || assumed.linearizable_keys && over && txns.is_timed();
                    for older in self.met(earlier, key).into_iter().filter(|_| ordered) {
                        met.iter().for_each(|newer| add(older, *newer));
                    }
                }
            }
        }
        before
    }

    /// What a transaction read of a key before it wrote it, and what it wrote last.
    fn met(&self, at: usize, wanted: usize) -> Vec<Version> {
        let known = self.committed & 1 << at != 0;
        let mut read = None;
        let mut written = None;
        for step in &self.txns[at].steps {
            match step {
                Step::Write { key, .. } if *key == wanted => written = Some(Some(at)),
                Step::Read { key, seen } if *key == wanted && known => {
                    let is_first = read.is_none() && written.is_none();
                    read = if is_first { Some(self.installed(wanted, seen)) } else { read };
                }
                _ => {}
            }
        }
        read.flatten().into_iter().chain(written).collect()
    }

    fn installed(&self, key: usize, seen: &[u32]) -> Option<Version> {
        let Some(value) = seen.last() else { return Some(None) };
        let writer = self.writer(key, *value)?;
        let mut writes = self.txns[writer].steps.iter().rev();
        let last = writes.find(|step| matches!(step, Step::Write { key: k, .. } if *k == key));
        let is_last = last == Some(&Step::Write { key, value: *value });
        (is_last && self.happened & 1 << writer != 0).then_some(Some(writer))
    }
}
