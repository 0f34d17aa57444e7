//! Stores keep their levels, by brute force on tiny histories and by the checkers on long ones.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::*;
use crate::txn::judge::{judge, told};
use crate::txn::oracle::{Datatype, refuted, refuted_in_sessions};

const KINDS: [(Kind, Datatype); 2] =
    [(Kind::ListAppend, Datatype::ListAppend), (Kind::RwRegister, Datatype::RwRegister)];

/// Whether a store promises what the level does.
fn keeps(store: Store, level: &str) -> bool {
    let level: Model = level.parse().expect("a level");
    store.keeps().iter().any(|kept| kept.includes(level))
}

#[test]
fn tiny_histories_of_a_store_keep_its_level_and_break_the_next() {
    for (kind, datatype) in KINDS {
        for store in Store::ALL {
            let one = |seed| {
                let txns = StoreLoad::tiny(store, kind, seed).transactions();
                let refuted = refuted(&txns, datatype);
                for level in &refuted {
                    let told = told(&txns);
                    assert!(!keeps(store, level), "{store:?} {kind:?} {seed}: {level}\n{told}");
                }
                refuted.into_iter().map(|level| (level, 1)).collect::<BTreeMap<_, u64>>()
            };
            let counts = (0..1_500).into_par_iter().map(one).reduce(BTreeMap::new, |mut a, b| {
                b.into_iter().for_each(|(level, n)| *a.entry(level).or_default() += n);
                a
            });
            let strict = store.keeps().contains(&Model::StrictSerializable);
            assert_eq!(counts.contains_key("strict-serializable"), !strict, "{store:?}");
        }
    }
}

#[test]
fn replicas_that_keep_sessions_are_causal_with_sessions() {
    for (kind, datatype) in KINDS {
        for store in [Store::ParallelSnapshot, Store::Causal, Store::Prefix] {
            (0..1_500).into_par_iter().for_each(|seed| {
                let load = StoreLoad { sessions: true, ..StoreLoad::tiny(store, kind, seed) };
                let txns = load.transactions();
                for level in refuted_in_sessions(&txns, datatype) {
                    assert!(!keeps(store, level), "{store:?} {seed}: {level}\n{}", told(&txns));
                }
            });
        }
    }
}

#[test]
fn long_histories_of_a_store_are_accepted_by_its_level_and_all_weaker() {
    for (kind, _) in KINDS {
        for (store, timed) in
            Store::ALL.into_iter().flat_map(|store| [(store, true), (store, false)])
        {
            let load = StoreLoad { timed, ..StoreLoad::new(store, kind, 10_000, 7) };
            let judged = judge(&load.transactions(), kind);
            assert_eq!(judged.reason, None, "{store:?}");
            for level in &judged.refuted {
                assert!(!keeps(store, level), "{store:?} {kind:?}: {level} {:?}", judged.kinds);
            }
            let strict = keeps(store, if timed { "strict-serializable" } else { "serializable" });
            let weak = matches!(store, Store::SessionSerializable | Store::Serializable);
            assert!(strict || weak || !judged.kinds.is_empty(), "{store:?} {kind:?} does no harm");
        }
    }
}

#[test]
fn the_same_load_gives_the_same_history() {
    for store in Store::ALL {
        let load = StoreLoad::new(store, Kind::ListAppend, 500, 3);
        assert_eq!(told(&load.transactions()), told(&load.transactions()));
        assert_eq!(load.transactions().len(), 500);
    }
}
