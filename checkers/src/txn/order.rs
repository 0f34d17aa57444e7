//! Version orders: which version of each key followed which, as the reads of lists show it.

use serde_json::Value;

use super::build::Builder;
use super::graph::{Graph, Relation};
use super::parse::{Micro, NOBODY, Status, Txns};

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
        let unread = |number: usize| positions[number] == NOBODY;
        for number in (0..txns.elements.len()).filter(|number| !unread(*number)) {
            let (writer, status) = txns.writer(number as u32);
            live[writer as usize] |= status == Status::Unknown;
        }
        for (number, element) in txns.elements.iter().enumerate().filter(|(n, _)| unread(*n)) {
            if live[element.writer as usize] {
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
        let mut builder = Builder::new(txns, &self.live);
        for key in 0..self.keys.len() as u32 {
            self.write_edges(&mut builder, key);
        }
        for read in &self.reads {
            self.read_edges(&mut builder, txns, read);
        }
        builder.finish()
    }

    fn write_edges(&self, builder: &mut Builder<'_, 'h>, key: u32) {
        let versions = &self.keys[key as usize];
        if versions.duplicated {
            return;
        }
        for pair in versions.elements[..versions.agreed].windows(2) {
            if let (Some(from), Some(to)) = (builder.writer(pair[0]), builder.writer(pair[1])) {
                builder.arc(from, to, Relation::Ww, key);
            }
        }
        if versions.agreed < versions.elements.len() {
            return;
        }
        let last = versions.elements.last().and_then(|element| builder.writer(*element));
        for element in &versions.unread {
            if let (Some(from), Some(to)) = (last, builder.writer(*element)) {
                builder.arc(from, to, Relation::Ww, key);
            }
        }
        builder.chains(key, &versions.unread);
    }

    fn read_edges(&self, builder: &mut Builder<'_, 'h>, txns: &Txns<'h>, read: &Read<'h>) {
        let versions = &self.keys[read.key as usize];
        if versions.duplicated {
            return;
        }
        let last = match read.seen.last() {
            Some(value) if !read.fits => txns.element(read.key, value),
            Some(_) => Some(versions.elements[read.seen.len() - 1]),
            None => None,
        };
        if let Some(writer) = last.and_then(|element| builder.writer(element)) {
            if writer == read.txn {
                // What follows its own append follows by a write dependency already.
                return;
            }
            builder.arc(writer, read.txn, Relation::Wr, read.key);
        }
        if !read.fits || read.seen.len() > versions.agreed {
            return;
        }
        match versions.elements[..versions.agreed].get(read.seen.len()) {
            Some(next) => {
                if let Some(writer) = builder.writer(*next) {
                    builder.arc(read.txn, writer, Relation::Rw, read.key);
                }
            }
            None if versions.agreed < versions.elements.len() => {}
            None => builder.before_all(read.txn, read.key, &versions.unread),
        }
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
