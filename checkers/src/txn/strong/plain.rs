//! Contradictions that are plain to see: reads of one key from two writers, and lost updates.

use super::audit::convinces;
use rustc_hash::FxHashMap;

use super::{Cycle, Isolation, Level, Link, Older, Polygraph, Proof, Relation};
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

/// The proof that a level does not hold, if two transactions replaced the same version; prefix
/// consistency allows that. Linear.
pub(super) fn lost_update(polygraph: &Polygraph, level: Level) -> Option<Proof> {
    if level.isolation == Isolation::Prefix {
        return None;
    }
    // Per version who replaced it first, and with which.
    let mut replaced: FxHashMap<u32, (u32, u32)> = FxHashMap::default();
    for txn in 0..polygraph.len() as u32 {
        for read in polygraph.read(txn) {
            let key = polygraph.key_of(*read);
            let own = polygraph.written(txn).iter().find(|w| polygraph.key_of(**w) == key);
            let Some(own) = own.copied() else { continue };
            let (rival, other) = *replaced.entry(*read).or_insert((txn, own));
            if rival != txn {
                let proof = rivals(level, *read, (rival, other), (txn, own));
                if convinces(polygraph, level, &proof).is_ok() {
                    return Some(proof);
                }
            }
        }
    }
    None
}

/// Each of two transactions read `version` and wrote another.
fn rivals(level: Level, version: u32, a: (u32, u32), b: (u32, u32)) -> Proof {
    // It had not seen what the other wrote.
    let missed = |reader: u32, (writer, wrote): (u32, u32)| Link {
        from: reader,
        to: writer,
        relation: Relation::Rw(Older { first: version, second: wrote }),
    };
    if level.isolation == Isolation::Serializable {
        let cycles = vec![vec![missed(a.0, b), missed(b.0, a)]];
        return Proof { cycles, ..Proof::default() };
    }
    let older = [Older { first: a.1, second: b.1 }, Older { first: b.1, second: a.1 }];
    let replaced = |from: u32, to: u32, older| Link { from, to, relation: Relation::Ww(older) };
    let cycles = vec![
        vec![replaced(a.0, b.0, older[0]), missed(b.0, a)],
        vec![replaced(b.0, a.0, older[1]), missed(a.0, b)],
    ];
    Proof { cases: vec![older], cycles, ..Proof::default() }
}
