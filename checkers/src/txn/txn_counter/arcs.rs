//! Dependencies between transactions on counters.

use super::totals::{Key, Read, Totals};
use crate::txn::cycles::Link;
use crate::txn::graph::Relation;
use crate::txn::spread::{Row, Web, without};
use crate::txn::transactions::NEVER;
use crate::txn::windows::Dependencies;

/// All dependencies, linear in number.
pub(super) fn dependencies(totals: &Totals<'_>) -> Dependencies {
    let live = totals.live();
    let mut web = Web { arcs: Vec::new(), nodes: totals.txns.len() as u32 };
    for (number, key) in (0u32..).zip(&totals.keys) {
        growth(number, key, &mut web);
        increments(number, key, &live, &mut web);
    }
    Dependencies { arcs: web.arcs, nodes: web.nodes, live }
}

/// Who read less comes before who read more. A helper node for each total comes after those
/// that read it, and before those that read more.
fn growth(number: u32, key: &Key, web: &mut Web) {
    let mut reads: Vec<&Read> = key.reads.iter().filter(|read| key.sound(read)).collect();
    reads.sort_by_key(|read| read.base());
    let mut helper = NEVER;
    let mut groups = reads.chunk_by(|a, b| a.base() == b.base()).peekable();
    while let Some(group) = groups.next() {
        for read in group {
            web.arc(helper, read.txn, Relation::Onward, number);
        }
        if groups.peek().is_some() {
            let before = std::mem::replace(&mut helper, web.nodes);
            web.nodes += 1;
            web.arc(before, helper, Relation::Onward, number);
            for read in group {
                web.arc(read.txn, helper, Relation::RwWr, number);
            }
        }
    }
}

/// Who read nothing comes before all increments, who read everything after.
fn increments(number: u32, key: &Key, live: &[bool], web: &mut Web) {
    let writers: Vec<u32> = key
        .added
        .iter()
        .map(|added| if live[added.txn as usize] { added.txn } else { NEVER })
        .collect();
    let mut row = Row::new(&writers, number);
    for read in key.reads.iter().filter(|read| key.sound(read)) {
        let own = key.added.binary_search_by_key(&read.txn, |added| added.txn).ok();
        let own: Vec<u32> = own.into_iter().map(|at| at as u32).collect();
        let all = 0..row.len();
        if read.base() == 0 {
            let rw = Relation::Rw;
            without(all, &own, |range| row.edges_to(read.txn, range, rw, web));
        } else if read.base() == key.others(read.txn) {
            let wr = Relation::Wr;
            without(all, &own, |range| row.edges_from(range, read.txn, wr, web));
        }
    }
}

/// Why a dependency holds.
pub(super) fn why(totals: &Totals<'_>, link: &Link, from: &str, to: &str) -> String {
    let name = totals.txns.key(link.key);
    let base = |txn| totals.base(link.key, txn).unwrap_or_default();
    match link.relation {
        Relation::Rw => format!(
            "{from} read key {name} before anybody else had added to it, and {to} added to it"
        ),
        Relation::Wr => format!(
            "{to} read key {name} with all that was ever added to it, and {from} added to it"
        ),
        _ => format!(
            "{from} read {} in key {name} and {to} read {}, not counting what they had added \
             themselves, so an increment came in between",
            base(link.from),
            base(link.to)
        ),
    }
}
