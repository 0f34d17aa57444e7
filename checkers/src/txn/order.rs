//! Version orders: which version of each key followed which, as the reads of lists show it.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::graph::{Arc, Graph, Relation};
use super::parse::{Micro, NOBODY, Status, Txns};

/// Up to this many appends that nobody read get direct edges; more go through helper nodes.
const MAX_DIRECT: usize = 8;

/// A read of a list by a committed transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read<'h> {
    pub(super) txn: u32,
    /// The position in the transaction.
    pub(super) position: usize,
    pub(super) key: u32,
    pub(super) seen: &'h [Value],
    /// Whether it is a prefix of the version order.
    pub(super) fits: bool,
}

/// The versions of one key.
#[derive(Debug, Default)]
pub(super) struct Versions<'h> {
    /// The longest list read, and the read (by number) that showed it.
    pub(super) longest: &'h [Value],
    pub(super) shown_by: usize,
    /// The elements of the longest list, [`NOBODY`] for one that nobody appended.
    pub(super) elements: Vec<u32>,
    /// How many of them stand in an order that no read contradicts. Where reads disagree, either
    /// of them may be wrong, so nothing follows from what is behind.
    pub(super) agreed: usize,
    /// Elements that committed transactions appended and no read shows: they came later.
    pub(super) unread: Vec<u32>,
    /// An element occurs twice, so there is no order.
    pub(super) duplicated: bool,
}

#[derive(Debug)]
pub(super) struct Orders<'h> {
    pub(super) reads: Vec<Read<'h>>,
    pub(super) keys: Vec<Versions<'h>>,
    /// Per element its position in the order of its key, [`NOBODY`] if it is in none.
    pub(super) positions: Vec<u32>,
    /// Per transaction whether it certainly committed.
    pub(super) live: Vec<bool>,
}

impl<'h> Orders<'h> {
    /// Takes the longest read of each key as its version order (Kingsbury & Alvaro, *Elle*,
    /// section 4.2.3). Linear in the total length of all reads.
    pub(super) fn new(txns: &Txns<'h>) -> Result<Self, String> {
        let reads = reads(txns)?;
        let mut keys: Vec<Versions<'h>> = Vec::new();
        keys.resize_with(txns.keys.len(), Versions::default);
        for (number, read) in reads.iter().enumerate() {
            let versions = &mut keys[read.key as usize];
            if read.seen.len() > versions.longest.len() {
                versions.longest = read.seen;
                versions.shown_by = number;
            }
        }
        let mut positions = vec![NOBODY; txns.elements.len()];
        for (key, versions) in (0u32..).zip(&mut keys) {
            for (at, value) in (0u32..).zip(versions.longest) {
                let element = txns.element(key, value).unwrap_or(NOBODY);
                versions.elements.push(element);
                if element != NOBODY {
                    let position = &mut positions[element as usize];
                    versions.duplicated |= *position != NOBODY;
                    *position = at;
                }
            }
        }
        let mut live: Vec<bool> =
            txns.txns.iter().map(|txn| txn.status == Status::Committed).collect();
        for (number, element) in txns.elements.iter().enumerate() {
            let (writer, status) = txns.writer(number as u32);
            if positions[number] != NOBODY {
                live[writer as usize] |= status == Status::Unknown;
            } else if status == Status::Committed {
                keys[element.key as usize].unread.push(number as u32);
            }
        }
        let mut orders = Self { reads, keys, positions, live };
        orders.fit();
        Ok(orders)
    }

    fn fit(&mut self) {
        for versions in &mut self.keys {
            versions.agreed = versions.longest.len();
        }
        for read in &mut self.reads {
            let versions = &mut self.keys[read.key as usize];
            let same = versions.longest.iter().zip(read.seen).take_while(|(a, b)| a == b).count();
            read.fits = same == read.seen.len();
            if !read.fits {
                versions.agreed = versions.agreed.min(same);
            }
        }
    }

    /// The dependency graph: ww, wr, rw, process and real-time edges. Its size is linear in the
    /// history's.
    pub(super) fn graph(&self, txns: &Txns<'h>) -> Graph {
        let mut builder = Builder {
            txns,
            orders: self,
            arcs: Vec::new(),
            nodes: txns.txns.len() as u32,
            after_last: FxHashMap::default(),
        };
        for key in 0..self.keys.len() as u32 {
            builder.writes(key);
        }
        for read in &self.reads {
            builder.read(read);
        }
        builder.processes();
        builder.realtime();
        Graph::new(txns.txns.len() as u32, builder.nodes, &builder.arcs)
    }
}

fn reads<'h>(txns: &Txns<'h>) -> Result<Vec<Read<'h>>, String> {
    let mut reads = Vec::new();
    for (number, txn) in (0u32..).zip(&txns.txns) {
        for (position, micro) in txn.micros.iter().enumerate() {
            let Micro::Read { key, seen: Some(seen) } = *micro else { continue };
            let seen = match seen {
                Value::Null => &[][..],
                Value::Array(list) => list.as_slice(),
                other => {
                    return Err(format!(
                        "operation {} read {other} of key {}, where a list should be; \
                         list-append needs whole lists",
                        txn.operation.index, txns.keys[key as usize]
                    ));
                }
            };
            reads.push(Read { txn: number, position, key, seen, fits: false });
        }
    }
    Ok(reads)
}

/// Helper nodes behind the last version of a key: `before[i]` leads to the unread appends up
/// to number `i`, `after[i]` to those from number `i`.
struct Chains {
    before: Vec<u32>,
    after: Vec<u32>,
}

struct Builder<'b, 'h> {
    txns: &'b Txns<'h>,
    orders: &'b Orders<'h>,
    arcs: Vec<Arc>,
    nodes: u32,
    after_last: FxHashMap<u32, Chains>,
}

impl Builder<'_, '_> {
    fn arc(&mut self, from: u32, to: u32, relation: Relation, key: u32) {
        if from != to {
            self.arcs.push(Arc { from, to, relation, key });
        }
    }

    /// The writer of an element, if it certainly committed.
    fn writer(&self, element: u32) -> Option<u32> {
        let writer = self.txns.elements.get(element as usize)?.writer;
        self.orders.live[writer as usize].then_some(writer)
    }

    fn helper(&mut self) -> u32 {
        self.nodes += 1;
        self.nodes - 1
    }

    fn writes(&mut self, key: u32) {
        let orders = self.orders;
        let versions = &orders.keys[key as usize];
        if versions.duplicated {
            return;
        }
        for pair in versions.elements[..versions.agreed].windows(2) {
            if let (Some(from), Some(to)) = (self.writer(pair[0]), self.writer(pair[1])) {
                self.arc(from, to, Relation::Ww, key);
            }
        }
        if versions.agreed < versions.elements.len() {
            return;
        }
        let last = versions.elements.last().and_then(|element| self.writer(*element));
        for element in &versions.unread {
            if let (Some(from), Some(to)) = (last, self.writer(*element)) {
                self.arc(from, to, Relation::Ww, key);
            }
        }
        if versions.unread.len() > MAX_DIRECT {
            self.chains(key, &versions.unread);
        }
    }

    fn chains(&mut self, key: u32, unread: &[u32]) {
        let before: Vec<u32> = unread.iter().map(|_| self.helper()).collect();
        let after: Vec<u32> = unread.iter().map(|_| self.helper()).collect();
        for (at, element) in unread.iter().enumerate() {
            let writer = self.txns.elements[*element as usize].writer;
            self.arc(before[at], writer, Relation::Onward, key);
            self.arc(after[at], writer, Relation::Onward, key);
            if at > 0 {
                self.arc(before[at], before[at - 1], Relation::Onward, key);
                self.arc(after[at - 1], after[at], Relation::Onward, key);
            }
        }
        self.after_last.insert(key, Chains { before, after });
    }

    fn read(&mut self, read: &Read<'_>) {
        let orders = self.orders;
        let versions = &orders.keys[read.key as usize];
        if versions.duplicated {
            return;
        }
        let last = match read.seen.last() {
            Some(value) if !read.fits => self.txns.element(read.key, value),
            Some(_) => Some(versions.elements[read.seen.len() - 1]),
            None => None,
        };
        if let Some(writer) = last.and_then(|element| self.writer(element)) {
            if writer == read.txn {
                // What follows its own append follows by a write dependency already.
                return;
            }
            self.arc(writer, read.txn, Relation::Wr, read.key);
        }
        if !read.fits || read.seen.len() > versions.agreed {
            return;
        }
        match versions.elements[..versions.agreed].get(read.seen.len()) {
            Some(next) => {
                if let Some(writer) = self.writer(*next) {
                    self.arc(read.txn, writer, Relation::Rw, read.key);
                }
            }
            None if versions.agreed < versions.elements.len() => {}
            None => self.read_last(read, &versions.unread),
        }
    }

    /// A read of the last known version comes before every append that nobody read.
    fn read_last(&mut self, read: &Read<'_>, unread: &[u32]) {
        let Some(chains) = self.after_last.get(&read.key) else {
            for element in unread {
                let writer = self.txns.elements[*element as usize].writer;
                self.arc(read.txn, writer, Relation::Rw, read.key);
            }
            return;
        };
        // Its own appends are left out, or it would come before itself.
        let writer = |element: &u32| self.txns.elements[*element as usize].writer;
        let own_first = unread.iter().position(|element| writer(element) == read.txn);
        let own_last = unread.iter().rposition(|element| writer(element) == read.txn);
        let (mut low, mut high) = (None, chains.after.first().copied());
        if let (Some(first), Some(last)) = (own_first, own_last) {
            low = first.checked_sub(1).map(|at| chains.before[at]);
            high = chains.after.get(last + 1).copied();
        }
        for helper in [low, high].into_iter().flatten() {
            self.arc(read.txn, helper, Relation::Rw, read.key);
        }
    }

    fn processes(&mut self) {
        let mut latest: FxHashMap<u32, u32> = FxHashMap::default();
        for (number, txn) in (0u32..).zip(&self.txns.txns) {
            if !self.orders.live[number as usize] {
                continue;
            }
            if let Some(before) = latest.insert(txn.operation.process, number) {
                // A foreign process may have two calls open at once; they are in no order.
                if self.txns.txns[before as usize].operation.end() < txn.operation.index {
                    self.arc(before, number, Relation::Process, NOBODY);
                }
            }
        }
    }

    /// One helper node per completion, in order: what is complete leads to all that begin
    /// later, with edges linear in number.
    fn realtime(&mut self) {
        let live = |number: &u32| self.orders.live[*number as usize];
        let all: Vec<u32> = (0..self.txns.txns.len() as u32).filter(live).collect();
        let end = |number: u32| self.txns.txns[number as usize].operation.end();
        let mut complete: Vec<(u64, u32)> =
            all.iter().map(|n| (end(*n), *n)).filter(|(end, _)| *end != u64::MAX).collect();
        complete.sort_unstable();
        let first = self.nodes;
        self.nodes += complete.len() as u32;
        for (helper, (_, number)) in (first..).zip(&complete) {
            self.arc(*number, helper, Relation::Realtime, NOBODY);
            if helper > first {
                self.arc(helper - 1, helper, Relation::Onward, NOBODY);
            }
        }
        for number in all {
            let begun = self.txns.index(number);
            let before = complete.partition_point(|(end, _)| *end < begun);
            if before > 0 {
                self.arc(first + before as u32 - 1, number, Relation::Onward, NOBODY);
            }
        }
    }
}
