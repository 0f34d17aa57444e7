//! Reads that contradict what their own transaction read or appended before.

use super::super::super::explain::Flaws;
use super::tell::Teller;
use crate::txn::list_append::orders::{Orders, seen};
use crate::txn::transactions::{Action, Status};

/// What a transaction knows of a key by itself.
#[derive(Default)]
pub(super) struct Own<'t> {
    pub(super) key: u32,
    pub(super) read: Option<&'t [u32]>,
    pub(super) appended: Vec<u32>,
}

impl Own<'_> {
    fn allows(&self, seen: &[u32]) -> bool {
        let Some(base) = seen.len().checked_sub(self.appended.len()) else { return false };
        let (before, own) = seen.split_at(base);
        own == self.appended.as_slice() && self.read.is_none_or(|read| read == before)
    }
}

/// Finds them.
pub(super) fn internal(orders: &Orders<'_>, flaws: &mut Flaws) {
    let txns = orders.txns;
    let mut known: Vec<Own<'_>> = Vec::new();
    for (number, txn) in (0u32..).zip(txns.all()) {
        let micros = txns.micros(number);
        if txn.status != Status::Committed || micros.len() < 2 {
            continue;
        }
        known.clear();
        for micro in micros {
            let at = known.iter().position(|own| own.key == micro.key).unwrap_or_else(|| {
                known.push(Own { key: micro.key, ..Own::default() });
                known.len() - 1
            });
            let own = &mut known[at];
            match micro.action {
                Action::Write => own.appended.push(micro.value.0),
                Action::Read | Action::ReadList => {
                    let seen = seen(txns, micro);
                    if !own.allows(seen) {
                        flaws.add("internal", || Teller { orders }.not_own(number, own, seen));
                    }
                    own.read = Some(seen);
                    own.appended.clear();
                }
                Action::ReadUnknown => {}
            }
        }
    }
}
