//! Keys inserted twice, planted; silence on atomic tables.

use proptest::prelude::*;
use std::collections::BTreeMap;

use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::{Kind, Verdict};

fn check(script: &Script) -> Finding {
    OneInsert.check(&script.history(), &Budget::default())
}

#[test]
fn of_two_inserts_one_may_succeed() {
    let mut script = Script::default();
    script.whole(0, "insert", json!([1, 10]), json!([1, 10]));
    assert!(check(&script).reason.expect("unknown").contains("asked for twice"));
    script.failed(1, "insert", json!([1, 11])).call(2, "insert", json!([1, 12]));
    script.push(2, Kind::Info, "insert", json!([1, 12]));
    script.whole(1, "insert", json!([2, 20]), json!([2, 20]));
    script.whole(1, "read", json!([1, null]), json!([1, [10]]));
    assert_eq!(check(&script).verdict, Verdict::Valid);
    assert_eq!(check(&script).stats["contested"], 1);
    script.whole(3, "read", json!([1, null]), json!([1, [10, 12]]));
    let finding = check(&script);
    assert_eq!(finding.anomalies[0].kind, "G2");
    assert_eq!(finding.anomalies[0].operations, [0, 10]);
    script.whole(3, "insert", json!([2, 21]), json!([2, 21]));
    assert_eq!(check(&script).anomalies[1].operations, [6, 12]);
}

#[test]
fn nothing_is_said_without_evidence() {
    let mut script = Script::default();
    script.failed(0, "insert", json!([1, 10])).failed(0, "insert", json!([1, 11]));
    assert!(check(&script).reason.expect("unknown").contains("no insert"));
    script.whole(0, "delete", json!([1, 10]), json!([1, 10]));
    assert!(check(&script).reason.expect("unknown").contains("`delete [1,10]`"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn atomic_tables_are_valid_and_one_more_insert_is_found(seed: u64, unknown in 0u64..20) {
        let mut rows: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
        let mut object = |f: &str, input: &Value| {
            let rows = rows.entry(input[0].as_u64().expect("a key")).or_default();
            if f == "read" {
                return Some(json!([input[0], rows]));
            }
            if !rows.is_empty() {
                return None;
            }
            rows.push(input[1].clone());
            Some(input.clone())
        };
        let mut id = 0;
        let mut asking = |random: &mut Random| {
            id += 1;
            match random.below(4) {
                0 => ("read", json!([random.below(20), null])),
                _ => ("insert", json!([random.below(20), id])),
            }
        };
        let history = atomic_history(&mut Random(seed), 60, 4, unknown, &mut asking, &mut object);
        let finding = OneInsert.check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
        let mut events = history.events().to_vec();
        let insert = |event: &&mut crate::Event| event.kind == Kind::Fail && &*event.f == "insert";
        // A refusal that is said to be a success.
        if let Some(refused) = events.iter_mut().find(insert) {
            refused.kind = Kind::Ok;
            let key = refused.value[0].clone();
            let first = history.operations();
            let won = first.iter().any(|o| o.f == "insert" && o.is_ok() && o.input[0] == key);
            let changed = History::new(events).expect("well-formed");
            let finding = OneInsert.check(&changed, &Budget::default());
            prop_assert_eq!(finding.anomaly_count, u64::from(won));
        }
    }
}
