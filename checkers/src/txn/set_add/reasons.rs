//! Reasons: why one transaction on sets depends on another, in words.

use super::sets::Sets;
use crate::txn::cycles::Link;
use crate::txn::graph::Relation;

/// Why a data dependency holds. Linear in the elements of the reader's reads.
pub(super) fn why(sets: &Sets<'_>, link: &Link, from: &str, to: &str) -> String {
    let key = &sets.keys[link.key as usize];
    let name = sets.txns.key(link.key);
    let (reader, writer) = match link.relation {
        Relation::Wr => (link.to, link.from),
        _ => (link.from, link.to),
    };
    let reads = key.reads.iter().filter(|read| read.txn == reader);
    let value = |add: u32| sets.txns.value(sets.writes.value(add));
    for read in reads {
        let seen = |add: &u32| key.seen(read).contains(add);
        if link.relation == Relation::Wr {
            let shown = sets.own(link.key, writer).find(seen);
            if let Some(add) = shown {
                return format!("{to} read key {name} with {}, which {from} added", value(add));
            }
        } else if let Some(add) = sets.own(link.key, writer).find(|add| !seen(add)) {
            return format!("{from} read key {name} without {}, which {to} added", value(add));
        }
    }
    format!("{from} and {to} met in key {name}")
}
