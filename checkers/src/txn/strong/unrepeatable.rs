//! Transactions that read one key from two writers: nobody who sees one state can do that.

use super::audit::convinces;
use super::{Cycle, Level, Link, Older, Polygraph, Proof, Relation};
use crate::txn::key_value::INITIAL;

/// The proof that a level does not hold, if there is a transaction that read two versions of one
/// key. Linear but for sorts of the reads of each transaction.
pub(super) fn unrepeatable(polygraph: &Polygraph, level: Level) -> Option<Proof> {
    for txn in 0..polygraph.len() as u32 {
        let mut reads = polygraph.read(txn).to_vec();
        reads.sort_unstable();
        reads.dedup();
        for pair in reads.windows(2).filter(|p| polygraph.key_of(p[0]) == polygraph.key_of(p[1])) {
            let proofs = proofs(polygraph, txn, pair[0], pair[1]);
            let convincing = |proof: &Proof| convinces(polygraph, level, proof).is_ok();
            if let Some(proof) = proofs.into_iter().find(convincing) {
                return Some(proof);
            }
        }
    }
    None
}

/// Either of the two is older, for a reason or by choice.
fn proofs(polygraph: &Polygraph, txn: u32, one: u32, other: u32) -> Vec<Proof> {
    let orders = [Older { first: one, second: other }, Older { first: other, second: one }];
    let cycles: Vec<Cycle> =
        orders.iter().filter_map(|older| missed(polygraph, txn, *older)).collect();
    let single = |cycle: &Cycle| Proof { cycles: vec![cycle.clone()], ..Proof::default() };
    let mut proofs: Vec<Proof> = cycles.iter().map(single).collect();
    if cycles.len() == 2 {
        proofs.push(Proof { cases: vec![orders], cycles, ..Proof::default() });
    }
    proofs
}

/// It read the older one, so it came before who wrote the newer one, which it read as well.
fn missed(polygraph: &Polygraph, txn: u32, older: Older) -> Option<Cycle> {
    let writer = polygraph.writer(older.second);
    let back = Link { from: writer, to: txn, relation: Relation::Wr(older.second) };
    let on = Link { from: txn, to: writer, relation: Relation::Rw(older) };
    (writer != INITIAL && writer != txn).then(|| vec![on, back])
}
