//! Reasons: why one version of a register comes before another, in words.

use super::inference::Inference;
use super::orders::{Cyclic, Registers};
use super::steps::{Access, INITIAL, NONE};
use crate::Step;
use crate::txn::graph::{Arc, Relation};

/// Why something holds, and the numbers of the transactions that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::txn) struct Reason {
    pub(in crate::txn) text: String,
    pub(in crate::txn) txns: Vec<u32>,
}

impl Registers<'_> {
    /// A version's value as text.
    pub(in crate::txn) fn shown(&self, key: u32, version: u32) -> String {
        self.txns.value(self.steps.value(self.writes, key, version)).to_string()
    }

    /// Why a dependency holds, calling its ends by the names given.
    ///
    /// Linear in the steps of its key.
    pub(in crate::txn) fn why(
        &self,
        used: Inference,
        arc: &Arc,
        from: &str,
        to: &str,
    ) -> Option<String> {
        let key = arc.key;
        let [first, second] = [arc.from, arc.to].map(|txn| self.steps.access(key, txn));
        let (first, second) = (first?, second?);
        let name = self.txns.key(key);
        if arc.relation == Relation::Wr {
            let read = self.shown(key, second.read);
            return Some(format!("{to} read {read} in key {name}, which {from} wrote"));
        }
        let after = self.shown(key, second.wrote);
        let (before, did) = match arc.relation {
            Relation::Rw => (first.read, "read"),
            _ => (first.wrote, "wrote"),
        };
        let old = match before {
            INITIAL => format!("{from} read key {name} as it was before any write"),
            _ => format!("{from} {did} {} in key {name}", self.shown(key, before)),
        };
        if before == INITIAL {
            return Some(format!("{old}, and {to} wrote {after}"));
        }
        if used.wfr_keys && second.read == before {
            return Some(format!("{old}, and {to} read that as well and replaced it with {after}"));
        }
        let reason = self.before(used, key, before, second.wrote)?;
        Some(format!("{old}, and {to} wrote {after}, which came later: {}", reason.text))
    }

    /// Why one version of a key comes directly before another, by what is assumed.
    ///
    /// Linear in the steps of the key.
    pub(in crate::txn) fn before(
        &self,
        assumed: Inference,
        key: u32,
        before: u32,
        after: u32,
    ) -> Option<Reason> {
        if before == INITIAL {
            let text = format!("{} came first, before any write", self.shown(key, before));
            return Some(Reason { text, txns: Vec::new() });
        }
        let mut accesses = Vec::new();
        self.steps.accesses(key, &mut accesses);
        let follows = |access: &&Access| access.read == before && access.wrote == after;
        if let Some(access) = accesses.iter().find(follows).filter(|_| assumed.wfr_keys) {
            let text = format!(
                "{} read {} and then wrote {}",
                self.name(access.txn),
                self.shown(key, before),
                self.shown(key, after)
            );
            return Some(Reason { text, txns: vec![access.txn] });
        }
        if assumed.sequential_keys
            && let Some(reason) = self.by_session(&accesses, key, before, after)
        {
            return Some(reason);
        }
        assumed.linearizable_keys.then(|| self.by_time(&accesses, key, before, after)).flatten()
    }

    fn by_session(&self, accesses: &[Access], key: u32, before: u32, after: u32) -> Option<Reason> {
        let mut sessions: Vec<(u32, u32)> = (0u32..)
            .zip(accesses)
            .map(|(at, access)| (self.txns.txn(access.txn).process, at))
            .collect();
        sessions.sort_unstable();
        let (first, second) = sessions.windows(2).find_map(|pair| {
            let [first, second] = [pair[0].1, pair[1].1].map(|at| accesses[at as usize]);
            let here = pair[0].0 == pair[1].0
                && met(&first, before)
                && met(&second, after)
                && self.txns.in_session_order(first.txn, second.txn);
            here.then_some((first, second))
        })?;
        let text = format!(
            "process {} ran {}, which {}, and then {}, which {}",
            self.txns.txn(first.txn).process,
            self.name(first.txn),
            self.did(key, &first, before),
            self.name(second.txn),
            self.did(key, &second, after)
        );
        Some(Reason { text, txns: vec![first.txn, second.txn] })
    }

    fn by_time(&self, accesses: &[Access], key: u32, before: u32, after: u32) -> Option<Reason> {
        let of = |version: u32| accesses.iter().filter(move |access| met(access, version));
        let first = of(before).min_by_key(|access| self.txns.txn(access.txn).end)?;
        let second = of(after).max_by_key(|access| self.txns.txn(access.txn).begin)?;
        if self.txns.txn(first.txn).end >= self.txns.txn(second.txn).begin {
            return None;
        }
        let text = format!(
            "{}, which {}, was over before {}, which {}, began",
            self.name(first.txn),
            self.did(key, first, before),
            self.name(second.txn),
            self.did(key, second, after)
        );
        Some(Reason { text, txns: vec![first.txn, second.txn] })
    }

    /// The steps of the proof that versions contradict each other.
    pub(in crate::txn) fn steps(&self, cyclic: &Cyclic) -> Vec<Step> {
        let Cyclic { key, cycle, assumed } = cyclic;
        let next = cycle.iter().skip(1).chain(cycle.first());
        let mut steps: Vec<Step> = cycle
            .iter()
            .zip(next)
            .map(|(before, after)| {
                let reason = self.before(*assumed, *key, *before, *after);
                let (why, txns) = reason.map_or((String::new(), Vec::new()), |reason| {
                    (format!(", as {}", reason.text), reason.txns)
                });
                let text = format!(
                    "{} is older than {}{why}.",
                    self.shown(*key, *before),
                    self.shown(*key, *after)
                );
                Step { text, operations: txns.iter().map(|txn| self.index(*txn)).collect() }
            })
            .collect();
        if let Some(first) = cycle.first() {
            let shown = self.shown(*key, *first);
            let text = format!("So {shown} would have to be older than itself: a contradiction.");
            steps.push(Step { text, operations: Vec::new() });
        }
        steps
    }

    fn index(&self, txn: u32) -> u64 {
        self.txns.txn(txn).index
    }

    fn name(&self, txn: u32) -> String {
        format!("operation {}", self.index(txn))
    }

    fn did(&self, key: u32, access: &Access, version: u32) -> String {
        let shown = self.shown(key, version);
        if access.wrote == version { format!("wrote {shown}") } else { format!("read {shown}") }
    }
}

fn met(access: &Access, version: u32) -> bool {
    version != NONE && (access.read == version || access.wrote == version)
}
