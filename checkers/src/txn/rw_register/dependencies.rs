//! Dependencies: what the order of versions says of the order of transactions.

use super::steps::{INITIAL, NONE};
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
    /// The first helper node.
    first: u32,
    key: u32,
    /// Per version who stands for it: its writer, or, for one that was not written but comes
    /// before others, a helper node; or [`NEVER`].
    places: Vec<u32>,
    /// Per version whether a reader of another wrote it; its position among such.
    rivals: Vec<u32>,
    earlier: Vec<Earlier>,
    later: Vec<u32>,
}

/// Who comes before whoever wrote a later version.
#[derive(Clone, Copy, Debug)]
struct Earlier {
    from: u32,
    /// What it wrote to the key itself.
    wrote: u32,
    relation: Relation,
}

impl Dependencies {
    pub(super) fn new(txns: &Transactions) -> Self {
        let first = txns.len() as u32;
        Self { nodes: first, first, ..Self::default() }
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
        self.find_places(versions);
        for version in 0..versions.count {
            self.find_earlier(versions, version);
            self.read(versions, version);
            if self.earlier.is_empty() {
                continue;
            }
            let places = &self.places;
            let versions_only = versions.out(version).iter().filter(|next| **next < versions.count);
            self.later.clear();
            self.later.extend(versions_only.filter(|next| places[**next as usize] != NEVER));
            let (earlier, later) = (self.earlier.len(), self.later.len());
            if earlier * later <= 2 * (earlier + later) + 8 {
                self.directly();
            } else {
                self.crowd();
            }
        }
        if versions.zones.inner() > 0 {
            self.wide(versions);
        }
    }

    fn find_places(&mut self, versions: &Versions) {
        self.places.clear();
        self.places.extend(&versions.writers);
        for version in INITIAL + 1..versions.count {
            if self.places[version as usize] == NEVER && !versions.out(version).is_empty() {
                self.places[version as usize] = self.helper();
            }
        }
    }

    /// Who stands for a version, and its readers.
    fn find_earlier(&mut self, versions: &Versions, version: u32) {
        let from = self.places[version as usize];
        self.earlier.clear();
        if from != NEVER {
            let relation = if from < self.first { Relation::Ww } else { Relation::Onward };
            self.earlier.push(Earlier { from, wrote: NONE, relation });
        }
        self.earlier.extend(versions.readers(version).iter().map(|reader| {
            let access = versions.accesses[*reader as usize];
            Earlier { from: access.txn, wrote: access.wrote, relation: Relation::Rw }
        }));
    }

    fn read(&mut self, versions: &Versions, version: u32) {
        let writer = versions.writers[version as usize];
        if writer != NEVER {
            for reader in versions.readers(version) {
                self.arc(writer, versions.accesses[*reader as usize].txn, Relation::Wr);
            }
        }
    }

    /// Whoever wrote or read a version comes before all who wrote its direct successors, but
    /// nobody before himself. By way of a version that was not written, a reader that wrote the
    /// key could be led to himself, so it is not led there.
    fn directly(&mut self) {
        let later = self.later.iter().map(|version| self.places[*version as usize]);
        for to in later {
            for Earlier { from, wrote, relation } in &self.earlier {
                if *from != to && (to < self.first || *wrote == NONE) {
                    let arc = Arc { from: *from, to, relation: *relation, key: self.key };
                    self.arcs.push(arc);
                }
            }
        }
    }

    /// The same where many replaced a version that many had read.
    fn crowd(&mut self) {
        let earlier = std::mem::take(&mut self.earlier);
        let later = std::mem::take(&mut self.later);
        self.rivals.resize(self.places.len().max(self.rivals.len()), NONE);
        for Earlier { wrote, .. } in earlier.iter().filter(|earlier| earlier.wrote != NONE) {
            self.rivals[*wrote as usize] = 0;
        }
        let (mut rivals, mut others, mut unwritten) = (Vec::new(), Vec::new(), Vec::new());
        for version in &later {
            let place = self.places[*version as usize];
            let rival = &mut self.rivals[*version as usize];
            if place >= self.first {
                unwritten.push(place);
            } else if *rival == NONE {
                others.push(place);
            } else {
                rivals.push(place);
                *rival = rivals.len() as u32;
            }
        }
        let others = self.meeting(&others);
        let unwritten = self.meeting(&unwritten);
        let chains = (rivals.len() > MAX_RIVALS).then(|| self.chains(&rivals));
        for Earlier { from, wrote, relation } in &earlier {
            let unwritten = unwritten.filter(|_| *wrote == NONE);
            for meeting in others.into_iter().chain(unwritten) {
                self.arc(*from, meeting, *relation);
            }
            let Some((first, last)) = chains else {
                for rival in &rivals {
                    self.arc(*from, *rival, *relation);
                }
                continue;
            };
            // Its number among rivals, from 1; 0 if what it wrote is not among them.
            let own = if *wrote == NONE { 0 } else { self.rivals[*wrote as usize] };
            if own > 1 {
                self.arc(*from, first + own - 2, *relation);
            }
            if own < rivals.len() as u32 {
                self.arc(*from, last - own, *relation);
            }
        }
        for Earlier { wrote, .. } in earlier.iter().filter(|earlier| earlier.wrote != NONE) {
            self.rivals[*wrote as usize] = NONE;
        }
        (self.earlier, self.later) = (earlier, later);
    }

    /// A helper node that leads to all of these.
    fn meeting(&mut self, to: &[u32]) -> Option<u32> {
        if to.is_empty() {
            return None;
        }
        let helper = self.helper();
        for to in to {
            self.arc(helper, *to, Relation::Onward);
        }
        Some(helper)
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
        let zones = &versions.zones;
        let first = self.nodes;
        self.nodes += zones.inner();
        // Versions that were not written are left out: real time leads past them by itself.
        let place = |node: u32| {
            let node = zones.node(node, versions.count);
            match node.checked_sub(versions.count) {
                Some(inner) => first + inner,
                None => versions.writers[node as usize],
            }
        };
        for inner in 1..zones.inner() {
            for child in [2 * inner, 2 * inner + 1].map(place).into_iter().filter(|to| *to != NEVER)
            {
                self.arc(first + inner, child, Relation::Onward);
            }
        }
        for (version, low, high) in &zones.wide {
            self.find_earlier(versions, *version);
            let but = zones.position(*version).unwrap_or(NONE);
            for Earlier { from, wrote, relation } in std::mem::take(&mut self.earlier) {
                let own = zones.position(wrote).unwrap_or(NONE);
                zones.cover(*low, *high, [but, own], |node| {
                    let to = place(node);
                    if to != NEVER {
                        self.arc(from, to, relation);
                    }
                });
            }
        }
    }
}
