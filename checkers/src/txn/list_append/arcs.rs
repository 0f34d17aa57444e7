//! Dependencies between transactions on lists: ww, wr and rw edges, linear in number.

use super::orders::{Orders, Read, Versions};
use crate::txn::graph::Relation;
use crate::txn::spread::{Row, Web, by_key, without};
use crate::txn::windows::Dependencies;

/// All dependencies. Where reads contradict each other, only what all agree on counts, unless
/// the longest read is to be `trusted`.
pub(super) fn dependencies(orders: &Orders<'_>, trusted: bool) -> Dependencies {
    by_key(orders.keys.len(), &orders.live, |key, web| of_key(orders, trusted, key, web))
}

fn of_key(orders: &Orders<'_>, trusted: bool, key: u32, web: &mut Web) {
    let versions = &orders.keys[key as usize];
    if versions.duplicated {
        return;
    }
    let known = if trusted { versions.elements.len() } else { versions.agreed };
    let mut last = None;
    // Elements of nobody and of aborted transactions say nothing, but what is around them is in
    // order.
    for writer in versions.elements[..known].iter().filter_map(|w| orders.live_writer(*w)) {
        if let Some(before) = last.replace(writer) {
            web.arc(before, writer, Relation::Ww, key);
        }
    }
    let late: Vec<u32> = versions.unread.iter().map(|w| orders.writes.writer(*w)).collect();
    if let Some(last) = last.filter(|_| known == versions.elements.len()) {
        late.iter().for_each(|writer| web.arc(last, *writer, Relation::Ww, key));
    }
    let mut part = Part { orders, key, versions, known, late: &late, row: Row::new(&late, key) };
    for read in orders.reads(key) {
        part.read(read, web);
    }
}

/// The reads of a key.
struct Part<'p, 't> {
    orders: &'p Orders<'t>,
    key: u32,
    versions: &'p Versions,
    /// How many elements stand in a known order.
    known: usize,
    /// Who appended what no read shows.
    late: &'p [u32],
    row: Row<'p>,
}

impl Part<'_, '_> {
    fn read(&mut self, read: &Read, web: &mut Web) {
        let (orders, versions, known) = (self.orders, self.versions, self.known);
        let seen = orders.seen(read);
        let live = |write: &u32| orders.live_writer(*write);
        let last = if read.fits {
            versions.elements[..seen.len()].iter().rev().find_map(live)
        } else {
            let last = seen.last().and_then(|atom| orders.find(self.key, *atom));
            last.and_then(|write| orders.live_writer(write))
        };
        if let Some(writer) = last {
            if writer == read.txn {
                // What follows its own append follows by a write dependency already.
                return;
            }
            web.arc(writer, read.txn, Relation::Wr, self.key);
        }
        if !read.fits || seen.len() > known {
            return;
        }
        match versions.elements[seen.len()..known].iter().find_map(live) {
            Some(writer) => web.arc(read.txn, writer, Relation::Rw, self.key),
            None if known < versions.elements.len() => {}
            None => self.before_all(read.txn, web),
        }
    }

    /// An anti-dependency from a reader to all late appends but its own: it read a version that
    /// is older than each of them.
    fn before_all(&mut self, reader: u32, web: &mut Web) {
        // Appends of a key are sorted by their transactions, so its own stand together.
        let first = self.late.partition_point(|writer| *writer < reader) as u32;
        let end = self.late.partition_point(|writer| *writer <= reader) as u32;
        let own: Vec<u32> = (first..end).collect();
        without(0..self.row.len(), &own, |range| {
            self.row.edges_to(reader, range, Relation::Rw, web);
        });
    }
}
