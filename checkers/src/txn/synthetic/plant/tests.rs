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
            for seed in 0..4 {
                let load = StoreLoad::new(Store::StrictSerializable, kind, 300, seed);
                let base = load.transactions();
                assert_eq!(judge(&base, kind).kinds.len(), 0);
                let planted = plant(&base, kind, name, seed * 100 + number).expect("a scene");
                let judged = judge(&planted.txns, kind);
                let found = judged.anomalies.iter().find(|anomaly| {
                    let operations = &anomaly.operations;
                    planted.kinds.contains(&anomaly.kind.as_str())
                        && planted.operations.iter().all(|index| operations.contains(index))
                });
                assert!(
                    found.is_some(),
                    "{kind:?} {name} {seed}: {:?} not at {:?}: {:?}",
                    judged.kinds,
                    planted.operations,
                    judged.anomalies.iter().map(|a| (&a.kind, &a.operations)).collect::<Vec<_>>()
                );
            }
        }
    }
}
