//! Witnesses: orders of begins and commits that show that a level holds, and their verifier.

use super::level::{Isolation, Level, Order};
use super::polygraph::Polygraph;
use crate::txn::transactions::NEVER;

/// A point of the order of begins and commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Begin(u32),
    Commit(u32),
}

/// Whether an order shows that a level holds: the definition of the level, by replaying it.
/// Linear.
pub fn is_witness(polygraph: &Polygraph, level: Level, order: &[Moment]) -> bool {
    let count = polygraph.len();
    let mut begun = vec![NEVER; count];
    let mut committed = vec![NEVER; count];
    for (at, moment) in (0u32..).zip(order) {
        let (places, txn) = match moment {
            Moment::Begin(txn) => (&mut begun, *txn as usize),
            Moment::Commit(txn) => (&mut committed, *txn as usize),
        };
        match places.get_mut(txn) {
            Some(place) if *place == NEVER => *place = at,
            _ => return false,
        }
    }
    let whole = (0..count).all(|txn| begun[txn] < committed[txn] && committed[txn] != NEVER);
    let alone = level.isolation != Isolation::Serializable
        || (0..count).all(|txn| begun[txn] + 1 == committed[txn]);
    whole
        && alone
        && replays(polygraph, level, order, &begun)
        && agrees(polygraph, level.order, order)
        && polygraph.known.iter().all(|(earlier, later)| {
            let at = |version: &u32| committed.get(polygraph.writer(*version) as usize);
            at(earlier) < at(later)
        })
}

/// Every transaction reads what was committed last when it began; under snapshot isolation
/// nobody has committed to what it writes since then.
fn replays(polygraph: &Polygraph, level: Level, order: &[Moment], begun: &[u32]) -> bool {
    let mut current: Vec<u32> =
        (0..polygraph.key_count() as u32).map(|key| polygraph.versions(key).start).collect();
    // Per key when it was last committed to, plus one.
    let mut changed = vec![0u32; current.len()];
    for (at, moment) in (1u32..).zip(order) {
        match moment {
            Moment::Begin(txn) => {
                let sees = |v: &u32| current[polygraph.key_of(*v) as usize] == *v;
                if !polygraph.read(*txn).iter().all(sees) {
                    return false;
                }
            }
            Moment::Commit(txn) => {
                for version in polygraph.written(*txn) {
                    let key = polygraph.key_of(*version) as usize;
                    let meddled = changed[key] > begun[*txn as usize];
                    if meddled && level.isolation != Isolation::Prefix {
                        return false;
                    }
                    current[key] = *version;
                    changed[key] = at;
                }
            }
        }
    }
    true
}

/// Whoever was over before another began commits before that one begins.
fn agrees(polygraph: &Polygraph, order: Order, moments: &[Moment]) -> bool {
    if order == Order::None {
        return true;
    }
    // Per session, or for all, the earliest end, or number, of those that commit later.
    let everybody = order == Order::RealTime && polygraph.timed;
    let mut earliest = vec![NEVER; polygraph.session_count as usize];
    moments.iter().rev().all(|moment| {
        let (Moment::Begin(txn) | Moment::Commit(txn)) = *moment;
        let session = if everybody { 0 } else { polygraph.sessions[txn as usize] as usize };
        let (begin, end) = if polygraph.timed {
            (polygraph.begins[txn as usize], polygraph.ends[txn as usize])
        } else {
            (txn, txn)
        };
        match moment {
            Moment::Commit(_) => {
                earliest[session] = earliest[session].min(end);
                true
            }
            Moment::Begin(_) => earliest[session] >= begin,
        }
    })
}
