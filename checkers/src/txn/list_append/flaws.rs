//! What lists show without any graph: aborted, intermediate, repeated, missing elements.

mod own;
mod tell;

use rustc_hash::FxHashSet;

use self::tell::Teller;
use super::super::explain::Flaws;
use super::orders::{Orders, Read, Versions};
use crate::txn::transactions::{Action, NEVER, Status};

/// Finds every anomaly that is not a cycle.
pub(super) fn find(orders: &Orders<'_>, flaws: &mut Flaws) {
    let finder = Finder { orders, tell: Teller { orders } };
    for key in 0..orders.keys.len() as u32 {
        finder.key(key, flaws);
    }
    own::internal(orders, flaws);
}

struct Finder<'f, 't> {
    orders: &'f Orders<'t>,
    tell: Teller<'f, 't>,
}

impl Finder<'_, '_> {
    fn key(&self, key: u32, flaws: &mut Flaws) {
        let versions = &self.orders.keys[key as usize];
        let reads = self.orders.reads(key);
        if versions.duplicated {
            let read = &reads[versions.shown_by as usize];
            flaws.add("duplicate-elements", || self.tell.duplicate(key, read));
        }
        self.bad_elements(key, versions, flaws);
        for read in reads {
            if !read.fits {
                self.misfit(key, read, flaws);
            }
            self.future(key, read, flaws);
            self.intermediate(key, read, flaws);
        }
        self.lost_updates(key, flaws);
        self.lost_appends(key, versions, flaws);
    }

    fn is_aborted(&self, write: u32) -> bool {
        let writer = self.orders.writes.writer(write);
        self.orders.txns.txn(writer).status == Status::Aborted
    }

    /// Elements of the version order that should not be there. Each counts once; it is told of
    /// the first read that shows it.
    fn bad_elements(&self, key: u32, versions: &Versions, flaws: &mut Flaws) {
        let mut aborted = None;
        for (at, write) in versions.elements.iter().enumerate() {
            let reader = || {
                let shows = |read: &&Read| read.fits && self.orders.seen(read).len() > at;
                self.orders.reads(key).iter().find(shows)
            };
            if *write == NEVER {
                if let Some(read) = reader() {
                    let atom = self.orders.seen(read)[at];
                    flaws.add("phantom-read", || self.tell.phantom(key, read, atom));
                }
            } else if self.is_aborted(*write) {
                if let Some(read) = reader() {
                    flaws.add("G1a", || self.tell.aborted(key, *write, read));
                }
                aborted = aborted.or(Some(*write));
            } else if let Some(before) = aborted.take() {
                let read = &self.orders.reads(key)[versions.shown_by as usize];
                flaws.add("dirty-update", || self.tell.dirty_update(key, before, *write, read));
            }
        }
    }

    /// A read that is no prefix of the longest one.
    fn misfit(&self, key: u32, read: &Read, flaws: &mut Flaws) {
        let seen = self.orders.seen(read);
        let mut once = FxHashSet::default();
        if seen.iter().any(|atom| !once.insert(*atom)) {
            flaws.add("duplicate-elements", || self.tell.duplicate(key, read));
            return;
        }
        flaws.add("incompatible-order", || self.tell.incompatible(key, read));
        for atom in seen {
            match self.orders.find(key, *atom) {
                None => flaws.add("phantom-read", || self.tell.phantom(key, read, *atom)),
                Some(write) if self.is_aborted(write) => {
                    flaws.add("G1a", || self.tell.aborted(key, write, read));
                }
                Some(_) => {}
            }
        }
    }

    /// A read that shows what its own transaction appends only later.
    fn future(&self, key: u32, read: &Read, flaws: &mut Flaws) {
        let micros = self.orders.txns.micros(read.txn);
        let seen = self.orders.seen(read);
        for micro in &micros[read.position as usize..] {
            if micro.action != Action::Write || micro.key != key {
                continue;
            }
            let shown = if read.fits {
                let write = self.orders.find(key, micro.value.0);
                let position = write.and_then(|write| self.orders.position(key, write));
                position.is_some_and(|position| position < seen.len())
            } else {
                seen.contains(&micro.value.0)
            };
            if shown {
                flaws.add("future-read", || self.tell.future(key, read, micro.value));
            }
        }
    }

    /// A read that ends with an element that its transaction went on from.
    fn intermediate(&self, key: u32, read: &Read, flaws: &mut Flaws) {
        let last = self.orders.seen(read).last();
        let Some(write) = last.and_then(|atom| self.orders.find(key, *atom)) else { return };
        let writes = self.orders.writes;
        if writes.is_intermediate(write) && writes.writer(write) != read.txn {
            flaws.add("G1b", || self.tell.intermediate(key, write, read));
        }
    }

    /// Transactions that read the same version of the key and then appended to it.
    fn lost_updates(&self, key: u32, flaws: &mut Flaws) {
        let mut updates: Vec<(usize, u32)> = Vec::new();
        let mut latest = NEVER;
        for (number, read) in (0u32..).zip(self.orders.reads(key)) {
            let first = std::mem::replace(&mut latest, read.txn) != read.txn;
            if first && read.fits && self.updates(key, read) {
                updates.push((self.orders.seen(read).len(), number));
            }
        }
        updates.sort_unstable();
        for same in updates.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            flaws.add("lost-update", || {
                let reads = same.iter().map(|(_, at)| &self.orders.reads(key)[*at as usize]);
                self.tell.lost_update(key, &reads.collect::<Vec<_>>())
            });
        }
    }

    /// Whether the transaction of a read appends to the key afterwards, and not before.
    fn updates(&self, key: u32, read: &Read) -> bool {
        let (before, after) = self.orders.txns.micros(read.txn).split_at(read.position as usize);
        let appends = |micros: &[crate::txn::transactions::Micro]| {
            micros.iter().any(|micro| micro.action == Action::Write && micro.key == key)
        };
        appends(after) && !appends(before)
    }

    /// Acknowledged appends that a later transaction did not see and no read ever shows.
    fn lost_appends(&self, key: u32, versions: &Versions, flaws: &mut Flaws) {
        let Some(read) = self.orders.reads(key).last() else { return };
        if versions.duplicated || !self.orders.txns.is_timed() {
            return;
        }
        let begun = self.orders.txns.txn(read.txn).begin;
        for write in &versions.unread {
            let writer = self.orders.writes.writer(*write);
            if self.orders.txns.txn(writer).end < begun && !self.is_shown(key, *write) {
                flaws.add("lost-append", || self.tell.lost_append(key, *write, read));
            }
        }
    }

    /// Whether any read shows an element that is not in the longest list.
    fn is_shown(&self, key: u32, write: u32) -> bool {
        let atom = self.orders.writes.value(write).0;
        let misfits = self.orders.reads(key).iter().filter(|read| !read.fits);
        misfits.into_iter().any(|read| self.orders.seen(read).contains(&atom))
    }
}
