//! Tiny histories of sets, compared with every order of their transactions and, edge by edge,
//! with what the definition says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::tests::unanswered;
use super::*;
use crate::Kind;
use crate::testing::{Random, Script};
use crate::txn::cycles::Link;
use crate::txn::graph::Relation;
use crate::txn::orders_tests::{Map, TinyHistory, compare};

/// A set as a sorted list.
fn run(state: &mut Map, micro: &Value) -> Value {
    let set = state.entry(micro[1].to_string()).or_insert_with(|| json!([]));
    if micro[0] == "add"
        && let Some(set) = set.as_array_mut()
    {
        set.push(micro[2].clone());
        set.sort_by_key(Value::as_u64);
    }
    set.clone()
}

/// Random transactions, executed by a store that is more or less broken.
fn tiny(random: &mut Random) -> TinyHistory {
    let broken = [0, 10, 40][random.below(3) as usize];
    let mut state = Map::new();
    let mut fresh = 0;
    let outputs = (0..2 + random.below(4)).map(|_| {
        let committed = !random.chance(15);
        let before = state.clone();
        let micros = (0..1 + random.below(3)).map(|_| {
            let key = random.below(2);
            if random.chance(50) {
                fresh += 1;
                let micro = json!(["add", key, fresh]);
                run(&mut state, &micro);
                return micro;
            }
            let mut micro = json!(["r", key, null]);
            micro[2] = run(&mut state, &micro);
            if let Some(seen) = micro[2].as_array_mut() {
                if random.chance(broken) && !seen.is_empty() {
                    seen.remove(random.below(seen.len() as u64) as usize);
                }
                if random.chance(broken / 4) {
                    seen.push(json!(1 + random.below(6)));
                    seen.sort_by_key(Value::as_u64);
                }
            }
            micro
        });
        let micros: Vec<Value> = micros.collect();
        if !committed && random.chance(50) {
            state = before;
        }
        (micros, committed)
    });
    let outputs = outputs.collect();
    TinyHistory::new(random, outputs)
}

#[test]
fn verdicts_agree_with_all_orders() {
    for (model, strict) in [("serializable", false), ("strict-serializable", true)] {
        let checker = SetAdd { model: model.parse().expect("a model") };
        let [valid, invalid, missed] = compare(50_000, strict, &checker, tiny, run);
        assert!(valid > 10_000 && invalid > 10_000, "{model}: {valid} {invalid} {missed}");
        assert_eq!(missed, 0, "{model}: {valid} {invalid}");
    }
}

/// Dependencies with helper nodes taken out.
fn direct(sets: &Sets<'_>) -> BTreeSet<Link> {
    let all = arcs::dependencies(sets);
    let count = sets.txns.len() as u32;
    let mut links = BTreeSet::new();
    for arc in all.arcs.iter().filter(|arc| arc.from < count) {
        let mut stack = vec![arc.to];
        while let Some(at) = stack.pop() {
            if at < count {
                links.insert(Link { to: at, from: arc.from, ..link(arc.relation, arc.key) });
                continue;
            }
            let next = all.arcs.iter().filter(|next| next.from == at);
            stack.extend(next.map(|next| {
                assert_eq!(next.relation, Relation::Onward);
                next.to
            }));
        }
    }
    links
}

fn link(relation: Relation, key: u32) -> Link {
    Link { from: 0, to: 0, relation, key }
}

#[test]
fn helper_nodes_stand_for_all_dependencies_and_no_others() {
    let mut helped = 0;
    for seed in 0..60 {
        let mut random = Random(seed);
        let elements = 30 + random.below(40);
        let mut script = Script::default();
        let mut process = 0;
        for element in 0..elements {
            process += 1;
            let failed = random.chance(10);
            let micros = json!([["add", 0, 2 * element], ["add", 0, 2 * element + 1]]);
            script.call(process, "txn", micros.clone());
            script.push(process, if failed { Kind::Fail } else { Kind::Ok }, "txn", micros);
        }
        for read in 0..20 {
            process += 1;
            let mut seen: Vec<u64> =
                (0..2 * elements * random.below(21) / 20).filter(|_| random.chance(98)).collect();
            let mut micros = vec![];
            if random.chance(30) {
                micros.push(json!(["add", 0, 1000 + read]));
                seen.push(1000 + read);
            }
            if random.chance(20) {
                seen.push(1000 + random.below(20));
                seen.dedup();
            }
            micros.push(json!(["r", 0, seen]));
            let output = Value::Array(micros);
            script.whole(process, "txn", unanswered(&output), output);
        }
        let txns = Transactions::from_history(&script.history(), "add").expect("transactions");
        let writes = Writes::new(&txns).expect("unique");
        let sets = Sets::new(&txns, &writes).expect("sets");
        let mut expected = BTreeSet::new();
        for read in &sets.keys[0].reads {
            for write in writes.of_key(0) {
                let Some(writer) = sets.live_writer(write).filter(|w| *w != read.txn) else {
                    continue;
                };
                let (from, to, relation) = if sets.keys[0].seen(read).contains(&write) {
                    (writer, read.txn, Relation::Wr)
                } else {
                    (read.txn, writer, Relation::Rw)
                };
                expected.insert(Link { from, to, relation, key: 0 });
            }
        }
        assert_eq!(direct(&sets), expected, "seed {seed}");
        helped += u32::from(arcs::dependencies(&sets).nodes > sets.txns.len() as u32);
    }
    assert!(helped > 50, "{helped}");
}
