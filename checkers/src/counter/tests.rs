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
