//! Counters out of bounds, planted; silence on atomic ones; published verdicts.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::history::read_any;
use crate::testing::{Random, Script, atomic_history, golden, golden_index};
use crate::{Kind, Verdict};

fn check(script: &Script) -> Finding {
    Counter.check(&script.history(), &Budget::default())
}

#[test]
fn bounds_hold_for_what_overlaps_and_what_is_unknown() {
    let mut script = Script::default();
    script
        .whole(0, "add", json!(2), json!(2))
        .failed(0, "add", json!(100))
        .call(1, "add", json!(5))
        .push(1, Kind::Info, "add", json!(5))
        .call(2, "add", json!(-3))
        .whole(3, "read", json!(null), json!(2))
        .whole(3, "read", json!(null), json!(7))
        .whole(3, "read", json!(null), json!(-1))
        .ok(2, "add", json!(-3))
        .whole(3, "read", json!(null), json!(4));
    assert_eq!(check(&script).verdict, Verdict::Valid);
    script.whole(3, "read", json!(null), json!(5));
    let finding = check(&script);
    assert_eq!(finding.anomalies[0].kind, "phantom-update");
    assert!(finding.anomalies[0].explanation.contains("between -1 and 4"));
    script.whole(3, "read", json!(null), json!(-2));
    assert_eq!(check(&script).anomalies[1].kind, "lost-update");
}

#[test]
fn published_histories_have_no_reads_to_judge() {
    for [file, ..] in golden_index("elle-cli/counter") {
        let (history, _) = read_any(&golden(&file), &file).expect(&file);
        let finding = Counter.check(&history, &Budget::default());
        // Published as valid; without a single read we do not say so.
        assert_eq!(finding.verdict, Verdict::Unknown, "{file}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn atomic_histories_are_valid(seed: u64, unknown in 0u64..20) {
        let mut sum = 0;
        let mut object = |f: &str, input: &Value| {
            if f == "add" {
                sum += input.as_i64().expect("an amount");
                return Some(input.clone());
            }
            Some(json!(sum))
        };
        let mut asking = |random: &mut Random| match random.below(2) {
            0 => ("read", Value::Null),
            _ => ("add", json!(random.below(9) as i64 - 4)),
        };
        let history =
            atomic_history(&mut Random(seed), 200, 5, unknown, &mut asking, &mut object);
        let finding = Counter.check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
    }
}

#[test]
fn a_reset_forgets_what_came_before_it() {
    let mut script = Script::default();
    script
        .whole(0, "increment", json!(null), json!(null))
        .whole(0, "decrement", json!(4), json!(4))
        .whole(3, "read", json!(null), json!(-3))
        .whole(0, "reset", json!(10), json!(10))
        .whole(0, "add", json!(2), json!(2))
        .whole(3, "read", json!(null), json!(12))
        .failed(1, "reset", json!(50));
    assert_eq!(check(&script).verdict, Verdict::Valid);
    script.whole(3, "read", json!(null), json!(-1));
    let finding = check(&script);
    assert_eq!(finding.anomalies[0].kind, "lost-update");
    assert_eq!(finding.anomalies[0].operations, [6, 14]);
    assert!(finding.anomalies[0].explanation.contains("between 12 and 12"), "{finding:?}");
    // Nulls are zero.
    script.whole(0, "reset", json!(null), json!(null)).whole(3, "read", json!(null), json!(12));
    assert_eq!(check(&script).anomalies[1].kind, "phantom-update");
}

#[test]
fn where_the_last_reset_is_not_certain_each_may_explain_a_read() {
    let mut script = Script::default();
    script
        .call(0, "reset", json!(10))
        .call(1, "reset", json!(20))
        .whole(2, "add", json!(1), json!(1))
        .whole(3, "read", json!(null), json!(1))
        .ok(0, "reset", json!(10))
        .ok(1, "reset", json!(20));
    for seen in [10, 11, 20, 21] {
        script.whole(3, "read", json!(null), json!(seen));
    }
    assert_eq!(check(&script).verdict, Verdict::Valid);
    script.whole(3, "read", json!(null), json!(15));
    let finding = check(&script);
    assert!(finding.anomalies[0].explanation.contains("between 10 and 11 or between 20 and 21"));
    assert_eq!(finding.anomalies[0].operations, [0, 1, 16]);
    // One that nobody knows of may come at any time.
    script.call(4, "reset", json!(15)).push(4, Kind::Info, "reset", json!(15));
    script.whole(5, "add", json!(5), json!(5));
    for seen in [15, 20, 25, 26] {
        script.whole(3, "read", json!(null), json!(seen));
    }
    assert_eq!(check(&script).anomaly_count, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn atomic_histories_with_resets_are_valid_and_what_nothing_explains_is_not(
        seed: u64, unknown in 0u64..20,
    ) {
        let mut sum = 0i64;
        let mut object = |f: &str, input: &Value| {
            match f {
                "add" => sum += input.as_i64().expect("an amount"),
                "reset" => sum = input.as_i64().unwrap_or(0),
                _ => return Some(json!(sum)),
            }
            Some(input.clone())
        };
        let mut asking = |random: &mut Random| match random.below(8) {
            0 => ("reset", if random.chance(50) { json!(null) } else { json!(random.below(90)) }),
            1..4 => ("read", Value::Null),
            _ => ("add", json!(random.below(9) as i64 - 4)),
        };
        let history =
            atomic_history(&mut Random(seed), 200, 5, unknown, &mut asking, &mut object);
        let finding = Counter.check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
        let mut events = history.events().to_vec();
        let read = |event: &&mut crate::Event| event.kind == Kind::Ok && &*event.f == "read";
        if let Some(read) = events.iter_mut().rev().find(read) {
            read.value = json!(read.value.as_i64().expect("a sum") + 5_000);
            let changed = History::new(events).expect("well-formed");
            let finding = Counter.check(&changed, &Budget::default());
            prop_assert_eq!(finding.anomaly_count, 1);
            prop_assert_eq!(finding.anomalies[0].kind.as_str(), "phantom-update");
        }
    }
}
