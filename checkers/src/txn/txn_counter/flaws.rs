//! Totals that are wrong by themselves: out of bounds, or against what their transaction knows.

use super::totals::{Key, Read, Sums, Totals};
use crate::txn::explain::{Flaws, capital_introduction, plain};
use crate::txn::transactions::Status;
use crate::{Anomaly, Step};

/// Finds them. A sort of each key's increments.
pub(super) fn find(totals: &Totals<'_>, flaws: &mut Flaws) {
    for (number, key) in (0u32..).zip(&totals.keys) {
        let finder = Finder { totals, number, key };
        finder.internal(flaws);
        finder.bounds(flaws);
        if totals.txns.is_timed() {
            finder.timely(flaws);
        }
    }
}

struct Finder<'f, 't> {
    totals: &'f Totals<'t>,
    number: u32,
    key: &'f Key,
}

impl Finder<'_, '_> {
    /// Reads that lack what their transaction added, or differ from its first one.
    fn internal(&self, flaws: &mut Flaws) {
        let mut first = None;
        for read in &self.key.reads {
            if read.first {
                first = Some(read);
            }
            if read.base() < 0 {
                flaws.add("internal", || {
                    let why = format!(
                        "The transaction had itself added {}, and then read {}.",
                        read.own, read.total
                    );
                    self.about("internal", "Internal inconsistency", why, read)
                });
            } else if let Some(first) = first.filter(|first| first.base() != read.base()) {
                flaws.add("internal", || {
                    let why = format!(
                        "The transaction first saw that others had added {}, and then that \
                         they had added {}.",
                        first.base(),
                        read.base()
                    );
                    self.about("internal", "Internal inconsistency", why, read)
                });
            }
        }
    }

    /// Reads of more than was ever added.
    fn bounds(&self, flaws: &mut Flaws) {
        for read in &self.key.reads {
            let most = self.key.others(read.txn);
            if read.base() <= most {
                continue;
            }
            let reads = format!(
                "The transaction read {}, but at most {most} was added by others, and {} by \
                 itself",
                read.total, read.own
            );
            if read.base() <= most.saturating_add(self.key.aborted) {
                flaws.add("G1a", || {
                    let why = format!(
                        "{reads}; transactions that were told to have failed would have added \
                         {} more.",
                        self.key.aborted
                    );
                    self.about("G1a", "Aborted read", why, read)
                });
            } else {
                flaws.add("phantom-read", || {
                    self.about("phantom-read", "Phantom total", format!("{reads}."), read)
                });
            }
        }
    }

    /// Reads that lack what was complete before they began, or have what began after they ended.
    fn timely(&self, flaws: &mut Flaws) {
        let txns = self.totals.txns;
        let of = |status: fn(Status) -> bool| {
            let added = self.key.added.iter();
            added.filter(move |added| status(txns.txn(added.txn).status))
        };
        let done = of(|status| status == Status::Committed);
        let done = Sums::new(done.map(|added| (txns.txn(added.txn).end, added.amount)));
        let begun = of(|status| status != Status::Aborted);
        let begun = Sums::new(begun.map(|added| (txns.txn(added.txn).begin, added.amount)));
        for read in self.key.reads.iter().filter(|read| self.key.sound(read)) {
            let txn = txns.txn(read.txn);
            let least = done.before(txn.begin);
            if read.base() < least {
                flaws.add("stale-read", || {
                    let why = format!(
                        "Increments of {least} were complete before the transaction began, but \
                         it read {}.",
                        read.total
                    );
                    self.about("stale-read", "Stale read", why, read)
                });
            }
            let most = begun.before(txn.end) - self.key.own(read.txn);
            if read.base() > most {
                flaws.add("early-read", || {
                    let why = format!(
                        "When the transaction was complete, others had begun increments of \
                         {most} in all, but it read {}, having added {} itself.",
                        read.total, read.own
                    );
                    self.about("early-read", "Read of the future", why, read)
                });
            }
        }
    }

    fn about(&self, kind: &'static str, title: &str, why: String, read: &Read) -> Anomaly {
        let txns = self.totals.txns;
        let key = txns.key(self.number);
        let who = capital_introduction(txns, read.txn, "inc");
        let text = format!("{who} read {} in key {key}.", read.total);
        let steps = vec![Step { text, operations: vec![txns.txn(read.txn).index] }];
        plain(kind, format!("{title} of key {key}"), why, steps, Some(&key))
    }
}
