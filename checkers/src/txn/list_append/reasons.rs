//! Reasons: why one transaction on lists depends on another, in words.

use super::orders::Orders;
use crate::txn::cycles::Link;
use crate::txn::graph::Relation;

/// Why a data dependency holds. Linear in the key's elements and reads.
pub(super) fn why(orders: &Orders<'_>, link: &Link, from: &str, to: &str) -> String {
    let reasons = Reasons { orders, link, from, to };
    match link.relation {
        Relation::Ww => reasons.write_after_write(),
        Relation::Wr => reasons.read_after_write(),
        _ => reasons.write_after_read(),
    }
}

struct Reasons<'r, 't> {
    orders: &'r Orders<'t>,
    link: &'r Link,
    from: &'r str,
    to: &'r str,
}

impl Reasons<'_, '_> {
    fn key(&self) -> String {
        self.orders.txns.key(self.link.key).to_string()
    }

    fn value(&self, write: u32) -> String {
        self.orders.txns.value(self.orders.writes.value(write)).to_string()
    }

    /// Elements of transactions that happened, in version order.
    fn elements(&self) -> impl Iterator<Item = (usize, u32, u32)> {
        let elements = self.orders.keys[self.link.key as usize].elements.iter().enumerate();
        elements.filter_map(|(at, write)| Some((at, *write, self.orders.live_writer(*write)?)))
    }

    /// The first element of a transaction that no read shows.
    fn unread(&self, txn: u32) -> Option<String> {
        let unread = &self.orders.keys[self.link.key as usize].unread;
        let own = |write: &&u32| self.orders.writes.writer(**write) == txn;
        unread.iter().find(own).map(|write| self.value(*write))
    }

    fn write_after_write(&self) -> String {
        let (from, to, key) = (self.from, self.to, self.key());
        let mut before: Option<(u32, u32)> = None;
        for (_, write, writer) in self.elements() {
            if let Some((earlier, author)) = before.replace((write, writer))
                && author == self.link.from
                && writer == self.link.to
            {
                return format!(
                    "{to} appended {} to key {key} right after {from} had appended {}",
                    self.value(write),
                    self.value(earlier)
                );
            }
        }
        let late = self.unread(self.link.to).unwrap_or_else(|| "its element".to_owned());
        format!(
            "{from} appended the last element of key {key} that anybody read, and {to} appended \
             {late}, which no read shows, so it came later"
        )
    }

    fn read_after_write(&self) -> String {
        let orders = self.orders;
        let reads = orders.reads(self.link.key).iter().filter(|read| read.txn == self.link.to);
        let by = |atom: &u32| {
            let write = orders
                .find(self.link.key, *atom)
                .filter(|write| orders.live_writer(*write) == Some(self.link.from));
            write.map(|write| self.value(write))
        };
        let (to, from, key) = (self.to, self.from, self.key());
        let mut shown = None;
        for read in reads {
            let seen = orders.seen(read);
            if let Some(last) = seen.last().and_then(by) {
                return format!("{to} read key {key} up to {last}, which {from} appended");
            }
            shown = shown.or_else(|| seen.iter().rev().find_map(by));
        }
        let shown = shown.unwrap_or_else(|| "an element".to_owned());
        format!("{to} read key {key} with {shown}, which {from} appended")
    }

    fn write_after_read(&self) -> String {
        let (from, to, key) = (self.from, self.to, self.key());
        let reads = self.orders.reads(self.link.key).iter();
        for read in reads.filter(|read| read.txn == self.link.from && read.fits) {
            let length = self.orders.seen(read).len();
            let next = self.elements().find(|(at, ..)| *at >= length);
            if let Some((_, write, writer)) = next
                && writer == self.link.to
            {
                let value = self.value(write);
                return format!("{from} read key {key} without {value}, which {to} appended next");
            }
        }
        match self.unread(self.link.to) {
            Some(value) => {
                format!("{from} read key {key} without {value}, which {to} appended")
            }
            None => format!("{from} read a version of key {key} that {to} replaced"),
        }
    }
}
