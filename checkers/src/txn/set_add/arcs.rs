//! Dependencies between transactions on sets: wr and rw edges, few for each read.

use std::ops::Range;

use super::sets::{Key, Read, Sets};
use crate::txn::graph::Relation;
use crate::txn::spread::{Row, Web, by_key, without};
use crate::txn::transactions::NEVER;
use crate::txn::windows::Dependencies;

/// All dependencies.
pub(super) fn dependencies(sets: &Sets<'_>) -> Dependencies {
    by_key(sets.keys.len(), &sets.live, |key, web| of_key(sets, key, web))
}

fn of_key(sets: &Sets<'_>, number: u32, web: &mut Web) {
    let key = &sets.keys[number as usize];
    // Those of unknown outcome are ranked by who read them, so that has to be seen.
    for (writer, reader) in &key.happened {
        web.arc(*writer, *reader, Relation::Wr, number);
    }
    let writers: Vec<u32> =
        key.row.iter().map(|write| sets.live_writer(*write).unwrap_or(NEVER)).collect();
    let mut row = Row::new(&writers, number);
    let first = sets.writes.of_key(number).start;
    let (mut own, mut places) = (Vec::new(), Vec::new());
    for read in &key.reads {
        own.clear();
        let adds = sets.own(number, read.txn);
        own.extend(adds.map(|add| key.places[(add - first) as usize]));
        own.sort_unstable();
        let (length, all) = (key.seen(read).len() as u32, key.row.len() as u32);
        if read.chained {
            seen(&mut row, read, 0..length, &own, web);
            unseen(&mut row, read, length..all, &own, web);
            continue;
        }
        places.clear();
        places.extend(key.seen(read).iter().map(|add| key.places[(add - first) as usize]));
        places.sort_unstable();
        apart(key, read, &places, &own, &mut row, web);
    }
}

/// A read whose elements do not stand together in the row.
fn apart(key: &Key, read: &Read, places: &[u32], own: &[u32], row: &mut Row<'_>, web: &mut Web) {
    let mut next = 0;
    for together in places.chunk_by(|a, b| a + 1 == *b) {
        let (low, high) = (together[0], together[together.len() - 1] + 1);
        unseen(row, read, next..low, own, web);
        seen(row, read, low..high, own, web);
        next = high;
    }
    unseen(row, read, next..key.row.len() as u32, own, web);
}

/// Whoever added these comes before the read, but not before itself.
fn seen(row: &mut Row<'_>, read: &Read, range: Range<u32>, own: &[u32], web: &mut Web) {
    without(range, own, |range| row.edges_from(range, read.txn, Relation::Wr, web));
}

/// The read comes before whoever added these, but not before itself.
fn unseen(row: &mut Row<'_>, read: &Read, range: Range<u32>, own: &[u32], web: &mut Web) {
    without(range, own, |range| row.edges_to(read.txn, range, Relation::Rw, web));
}
