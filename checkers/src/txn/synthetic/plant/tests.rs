//! Each anomaly is what its name says, and the checkers find it where it is.

use super::*;
use crate::txn::ConsistencyModel as Model;
use crate::txn::judge::{judge, told};
use crate::txn::oracle::{Assumed, Datatype, is_judged, refuted_assuming};
use crate::txn::synthetic::stores::{Store, StoreLoad};

const KINDS: [(Kind, Datatype); 2] =
    [(Kind::ListAppend, Datatype::ListAppend), (Kind::RwRegister, Datatype::RwRegister)];

#[test]
fn a_scene_alone_violates_what_its_kind_rules_out() {
    for (kind, datatype) in KINDS {
        for name in anomalies(kind) {
            let empty = Builder::new(true).finish();
            let planted = plant(&empty, kind, name, 1).expect("a scene");
            let assumed = Assumed { wfr_keys: true, ..Assumed::default() };
            let refuted = refuted_assuming(&planted.txns, datatype, assumed);
            let told = told(&planted.txns);
            let forbidding = Model::all().filter(|model| model.forbids(planted.kinds[0]));
            for level in forbidding.map(Model::name).filter(|level| is_judged(level)) {
                assert!(refuted.contains(level), "{kind:?} {name}: {level}, {refuted:?}\n{told}");
            }
        }
    }
}

#[test]
fn an_anomaly_is_found_where_it_was_planted() {
    for (kind, _) in KINDS {
        for (number, name) in (0..).zip(anomalies(kind)) {
            for seed in 0..6 {
                let timed = seed % 3 != 2;
                let load = StoreLoad::new(Store::StrictSerializable, kind, 300, seed);
                let base = StoreLoad { timed, ..load }.transactions();
                let before = judge(&base, kind).kinds;
                assert!(before.is_empty(), "{before:?}");
                let planted = plant(&base, kind, name, seed * 100 + number);
                assert!(planted.is_some() || !timed, "{name}");
                if let Some(planted) = planted {
                    assert_found(&planted, kind, seed);
                }
            }
        }
    }
}

fn assert_found(planted: &Planted, kind: Kind, seed: u64) {
    let judged = judge(&planted.txns, kind);
    let found = judged.anomalies.iter().any(|anomaly| {
        let operations = &anomaly.operations;
        planted.kinds.contains(&anomaly.kind.as_str())
            && planted.operations.iter().all(|index| operations.contains(index))
    });
    let others = judged.anomalies.iter().map(|anomaly| (&anomaly.kind, &anomaly.operations));
    assert!(
        found,
        "{kind:?} {} {seed}: not at {:?}, but {:?}",
        planted.name,
        planted.operations,
        others.collect::<Vec<_>>()
    );
}

#[test]
fn a_long_history_in_which_all_is_wrong_that_can_be() {
    for (kind, _) in KINDS {
        let mut txns = StoreLoad::new(Store::StrictSerializable, kind, 5_000, 1).transactions();
        for (seed, name) in (0..).zip(anomalies(kind)) {
            txns = plant(&txns, kind, name, seed).expect("a scene").txns;
            // Positions were spread out each time.
            txns = compacted(&txns);
        }
        let judged = judge(&txns, kind);
        for scene in SCENES.iter().filter(|scene| scene.plays(kind)) {
            let found = scene.kinds.iter().any(|kind| judged.kinds.contains_key(*kind));
            assert!(found, "{kind:?} {}: {:?}", scene.name, judged.kinds);
        }
    }
}

/// The same with positions that follow each other.
fn compacted(txns: &Transactions) -> Transactions {
    let all = txns.all().iter().flat_map(|txn| [txn.begin, txn.end]);
    let mut positions: Vec<u32> = all.filter(|position| *position != NEVER).collect();
    positions.sort_unstable();
    let at = |position| positions.binary_search(&position).map_or(NEVER, |at| at as u32);
    let mut builder = Builder::new(true);
    for (number, txn) in (0u32..).zip(txns.all()) {
        builder.begin(NewTxn {
            index: number.into(),
            called: txn.called,
            returned: txn.returned,
            process: txn.process,
            begin: at(txn.begin),
            end: at(txn.end),
            status: txn.status,
        });
        for micro in txns.micros(number) {
            let key = builder.atom(&txns.key(micro.key));
            match micro.action {
                Action::ReadList => {
                    builder.read_list(key, txns.list(micro).iter().map(|atom| Atom(*atom)));
                }
                action => builder.micro(action, key, micro.value),
            }
        }
    }
    builder.finish()
}
