//! The oracle against itself: levels include each other, and different definitions agree.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::*;
use crate::txn::ConsistencyModel;
use crate::txn::judge::told;

const HISTORIES: u64 = 5_000;

fn all(datatype: Datatype, seed: u64) -> (Transactions, Tiny) {
    let txns = tiny_history(datatype, seed);
    let tiny = Tiny::new(&txns, datatype, Assumed::default());
    (txns, tiny)
}

const BOTH: [Datatype; 2] = [Datatype::ListAppend, Datatype::RwRegister];

#[test]
fn every_level_is_often_kept_and_often_violated() {
    for datatype in [Datatype::ListAppend, Datatype::RwRegister, Datatype::Set, Datatype::Counter] {
        let count = |seed| {
            let names = refuted(&tiny_history(datatype, seed), datatype);
            names.into_iter().map(|name| (name, 1)).collect::<BTreeMap<_, u64>>()
        };
        let counts = (0..HISTORIES).into_par_iter().map(count).reduce(BTreeMap::new, |mut a, b| {
            b.into_iter().for_each(|(name, count)| *a.entry(name).or_default() += count);
            a
        });
        let levels = if BOTH.contains(&datatype) { 23 } else { 11 };
        // Registers do not show in what order they were written, so that nothing refutes that
        // writes were in order.
        let invisible = if datatype == Datatype::RwRegister { 3 } else { 0 };
        assert_eq!(counts.len(), levels - invisible, "{datatype:?}: {counts:?}");
        let often = |count: &u64| (HISTORIES / 200..HISTORIES / 2).contains(count);
        assert!(counts.values().all(often), "{datatype:?}: {counts:?}");
    }
}

#[test]
fn what_a_level_includes_is_refuted_only_with_it() {
    for datatype in BOTH {
        (0..HISTORIES).into_par_iter().for_each(|seed| {
            let (txns, tiny) = all(datatype, seed);
            let refuted = all_refuted(&tiny);
            for name in &refuted {
                let model: ConsistencyModel = name.parse().expect("a level");
                let stronger = ConsistencyModel::all().filter(|other| other.includes(model));
                for other in stronger.map(ConsistencyModel::name) {
                    let judged = is_judged(other);
                    assert!(
                        !judged || refuted.contains(other),
                        "{datatype:?} {seed}: {name} but not {other}\n{}",
                        told(&txns)
                    );
                }
            }
        });
    }
}

#[test]
fn snapshots_by_running_are_snapshots_by_axioms_and_by_phenomena() {
    for datatype in BOTH {
        (0..HISTORIES).into_par_iter().for_each(|seed| {
            let (txns, tiny) = all(datatype, seed);
            let keeps_itself = axioms::allowed(&tiny, Axiom::ReadAtomic, FREE)
                || !adya::allowed(&tiny, &[Level::ReadCommitted(FREE)])[0];
            for order in [FREE, SESSION, REAL_TIME] {
                let levels = [Level::Snapshot(order), Level::Serializable(order)];
                let by_phenomena = adya::allowed(&tiny, &levels);
                let run = replay::snapshot_isolated(&tiny, order);
                let serial = replay::serializable(&tiny, order);
                let axioms = axioms::allowed(&tiny, Axiom::Snapshot, order);
                let at = || format!("{datatype:?} {seed} {order:?}\n{}", told(&txns));
                assert_eq!(run, axioms, "{}", at());
                if keeps_itself {
                    assert_eq!([run, serial], by_phenomena[..], "{}", at());
                }
            }
        });
    }
}
