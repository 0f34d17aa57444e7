//! Dependencies: what the order of versions says of the order of transactions.

use super::steps::NONE;
use super::versions::Versions;
use crate::txn::graph::{Arc, Relation};
use crate::txn::transactions::{NEVER, Transactions};

/// Up to this many successors that readers wrote themselves get an edge from each reader.
const MAX_RIVALS: usize = 8;

/// Collects write-write, write-read and read-write edges between transactions.
///
/// The size is `n log n` in that of the keys at the most, and mostly linear: where many meet
/// many, they meet in helper nodes.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    pub(super) arcs: Vec<Arc>,
    /// The next helper node.
    pub(super) nodes: u32,
    key: u32,
    /// Per version the position among those that readers replaced by their own, or [`NONE`].
    rivals: Vec<u32>,
    rival_writers: Vec<u32>,
    others: Vec<u32>,
}

impl Dependencies {
    pub(super) fn new(txns: &Transactions) -> Self {
        Self { nodes: txns.len() as u32, ..Self::default() }
    }

    fn arc(&mut self, from: u32, to: u32, relation: Relation) {
        if from != to {
            self.arcs.push(Arc { from, to, relation, key: self.key });
        }
    }

    fn helper(&mut self) -> u32 {
        self.nodes += 1;
        self.nodes - 1
    }

    /// Adds the dependencies by one key, whose versions are in an order without cycles.
    pub(super) fn add(&mut self, versions: &Versions) {
        self.key = versions.key;
        for version in 0..versions.count {
            let writer = versions.writers[version as usize];
            let readers = versions.readers(version);
            if writer != NEVER {
                for reader in readers {
                    let reader = versions.accesses[*reader as usize].txn;
                    self.arc(writer, reader, Relation::Wr);
                }
            }
            if writer != NEVER || !readers.is_empty() {
                self.replaced(versions, version);
            }
        }
        if versions.windows.inner() > 0 {
            self.wide(versions);
        }
    }

    /// Whoever wrote or read a version comes before all who wrote its direct successors, but
    /// nobody before himself.
    fn replaced(&mut self, versions: &Versions, version: u32) {
        let written =
            |next: &&u32| **next < versions.count && versions.writers[**next as usize] != NEVER;
        let next = versions.out(version).iter().filter(written).count();
        if next == 0 {
            return;
        }
        let writer = versions.writers[version as usize];
        let readers = versions.readers(version);
        let before = readers.len() + usize::from(writer != NEVER);
        if before * next > 2 * (before + next) + 8 {
            self.crowd(versions, version);
            return;
        }
        for next in versions.out(version).iter().filter(written) {
            let next = versions.writers[*next as usize];
            if writer != NEVER {
                self.arc(writer, next, Relation::Ww);
            }
            for reader in readers {
                self.arc(versions.accesses[*reader as usize].txn, next, Relation::Rw);
            }
        }
    }

    /// The same where many replaced a version that many had read.
    fn crowd(&mut self, versions: &Versions, version: u32) {
        let writer = versions.writers[version as usize];
        let readers = versions.readers(version);
        self.mark(versions, version, 0);
        let (mut rivals, mut others) =
            (std::mem::take(&mut self.rival_writers), std::mem::take(&mut self.others));
        rivals.clear();
        others.clear();
        for next in versions.out(version).iter().filter(|next| **next < versions.count) {
            let writer = versions.writers[*next as usize];
            if writer == NEVER {
                continue;
            }
            if self.rivals[*next as usize] == NONE {
                others.push(writer);
            } else {
                self.rivals[*next as usize] = rivals.len() as u32;
                rivals.push(writer);
            }
        }
        let meeting = (!others.is_empty()).then(|| self.meeting(&others));
        let chains = (rivals.len() > MAX_RIVALS).then(|| self.chains(&rivals));
        let writer = (writer != NEVER).then_some((writer, NONE, Relation::Ww));
        let readers = readers.iter().map(|reader| {
            let access = versions.accesses[*reader as usize];
            (access.txn, access.wrote, Relation::Rw)
        });
        for (from, wrote, relation) in writer.into_iter().chain(readers) {
            if let Some(meeting) = meeting {
                self.arc(from, meeting, relation);
            }
            let Some((first, last)) = chains else {
                for rival in &rivals {
                    self.arc(from, *rival, relation);
                }
                continue;
            };
            let replaces = wrote != NONE && versions.out(version).binary_search(&wrote).is_ok();
            if !replaces {
                self.arc(from, last, relation);
                continue;
            }
            let own = self.rivals[wrote as usize];
            if own > 0 {
                self.arc(from, first + own - 1, relation);
            }
            if own + 1 < rivals.len() as u32 {
                self.arc(from, last - own - 1, relation);
            }
        }
        self.mark(versions, version, NONE);
        (self.rival_writers, self.others) = (rivals, others);
    }

    /// Marks the versions that readers of one wrote.
    fn mark(&mut self, versions: &Versions, version: u32, mark: u32) {
        if self.rivals.len() < versions.count as usize {
            self.rivals.resize(versions.count as usize, NONE);
        }
        for reader in versions.readers(version) {
            let wrote = versions.accesses[*reader as usize].wrote;
            if wrote != NONE {
                self.rivals[wrote as usize] = mark;
            }
        }
    }

    /// A helper node that leads to all of these.
    fn meeting(&mut self, to: &[u32]) -> u32 {
        let helper = self.helper();
        for to in to {
            self.arc(helper, *to, Relation::Onward);
        }
        helper
    }

    /// Two chains of helper nodes: the first node of one, and the last of the other. Node
    /// `first + i` leads to number `i` of these and those before it, node `last - i` to number
    /// `i` and those after it.
    fn chains(&mut self, to: &[u32]) -> (u32, u32) {
        let first = self.nodes;
        for to in to {
            let helper = self.helper();
            self.arc(helper, *to, Relation::Onward);
            if helper > first {
                self.arc(helper, helper - 1, Relation::Onward);
            }
        }
        let second = self.nodes;
        for to in to.iter().rev() {
            let helper = self.helper();
            self.arc(helper, *to, Relation::Onward);
            if helper > second {
                self.arc(helper, helper - 1, Relation::Onward);
            }
        }
        (first, self.nodes - 1)
    }

    /// Versions with so many successors in real time that a tree leads to them.
    fn wide(&mut self, versions: &Versions) {
        let windows = &versions.windows;
        let first = self.nodes;
        self.nodes += windows.inner();
        let transaction = |node: u32| {
            let node = windows.node(node, versions.count);
            match node.checked_sub(versions.count) {
                Some(inner) => first + inner,
                None => versions.writers[node as usize],
            }
        };
        for inner in 1..windows.inner() {
            for child in [2 * inner, 2 * inner + 1].map(transaction) {
                if child != NEVER {
                    self.arc(first + inner, child, Relation::Onward);
                }
            }
        }
        for (version, low, high) in &windows.wide {
            let own = windows.position(*version).unwrap_or(NONE);
            let writer = versions.writers[*version as usize];
            let writer = (writer != NEVER).then_some((writer, NONE, Relation::Ww));
            let readers = versions.readers(*version).iter().map(|reader| {
                let access = versions.accesses[*reader as usize];
                let wrote = windows.position(access.wrote).unwrap_or(NONE);
                (access.txn, wrote, Relation::Rw)
            });
            for (from, wrote, relation) in writer.into_iter().chain(readers) {
                windows.cover(*low, *high, [own, wrote], |node| {
                    let to = transaction(node);
                    if to != NEVER {
                        self.arc(from, to, relation);
                    }
                });
            }
        }
    }
}
