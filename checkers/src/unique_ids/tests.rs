//! Identifiers given twice and out of order, planted; silence on atomic ones; a comparison with
//! the definition.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::{Kind, Verdict};

fn check(script: &Script, order: Option<Order>) -> Finding {
    UniqueIds { order }.check(&script.history(), &Budget::default())
}

#[test]
fn an_identifier_given_twice_is_found() {
    let mut script = Script::default();
    assert_eq!(check(&script, None).verdict, Verdict::Unknown);
    for id in [json!("a"), json!(1), json!("1"), json!([1])] {
        script.whole(0, "generate", json!(null), id);
    }
    script.failed(0, "generate", json!("a"));
    assert_eq!(check(&script, None).verdict, Verdict::Valid);
    script.whole(1, "generate", json!(null), json!("a"));
    let finding = check(&script, None);
    assert_eq!(finding.anomalies[0].kind, "duplicate-id");
    assert_eq!(finding.anomalies[0].operations, [0, 10]);
    let mixed = check(&script, Some(Order::default()));
    assert_eq!(mixed.verdict, Verdict::Invalid, "a duplicate is one, whatever can be compared");
}

#[test]
fn what_runs_at_the_same_time_may_be_in_any_order() {
    let monotonic = Some(Order::default());
    let mut script = Script::default();
    script
        .call(0, "generate", json!(null))
        .whole(1, "generate", json!(null), json!(9))
        .whole(2, "generate", json!(null), json!(10))
        .ok(0, "generate", json!(3));
    assert_eq!(check(&script, monotonic).verdict, Verdict::Valid);
    script.whole(3, "generate", json!(null), json!(10));
    assert_eq!(check(&script, monotonic).anomalies[0].kind, "duplicate-id");
    script.whole(3, "generate", json!(null), json!(8));
    let finding = check(&script, monotonic);
    let inversion = &finding.anomalies[1];
    assert_eq!((inversion.kind.as_str(), &inversion.operations[..]), ("id-inversion", &[3, 8][..]));
    assert_eq!(finding.stats["order"]["most_inversions"], 3);
    assert_eq!(finding.stats["order"]["most_milliseconds"], 6.0);
}

#[test]
fn an_order_may_be_kept_roughly() {
    let mut script = Script::default();
    for id in [5, 6, 7, 4] {
        script.whole(0, "generate", json!(null), json!(id));
    }
    let order = |inversions, milliseconds| Some(Order { inversions, milliseconds });
    assert_eq!(check(&script, order(3, 0)).verdict, Verdict::Valid);
    let finding = check(&script, order(2, 0));
    assert_eq!(finding.anomalies[0].operations, [0, 2, 4, 6]);
    assert!(finding.anomalies[0].explanation.contains("3 of the identifiers"), "{finding:?}");
    // A millisecond from event to event: the first call was over five before the last began.
    assert_eq!(check(&script, order(0, 5)).verdict, Verdict::Valid);
    assert_eq!(check(&script, order(0, 4)).anomalies[0].operations, [0, 6]);
    let mut texts = Script::default();
    texts.whole(0, "generate", json!(null), json!("01B")).whole(
        0,
        "generate",
        json!(null),
        json!("01A"),
    );
    assert_eq!(check(&texts, order(0, 0)).verdict, Verdict::Invalid);
    texts.whole(0, "generate", json!(null), json!(7));
    assert!(check(&texts, order(0, 0)).reason.expect("unknown").contains("only integers"));
}

/// The definition, pair by pair.
fn inversions(history: &History, order: Order) -> Vec<u64> {
    let operations = history.operations();
    let given: Vec<&Operation<'_>> = operations.iter().filter(|o| o.is_ok()).collect();
    let id = |operation: &Operation<'_>| operation.output().and_then(Value::as_i64);
    let late = |late: &&&Operation<'_>| {
        let greater = given.iter().filter(|early| {
            let apart = late.called.saturating_sub(early.returned.unwrap_or(u64::MAX));
            let long = order.milliseconds == 0 || apart > order.milliseconds * 1_000_000;
            early.end() < late.index && long && id(early) > id(late)
        });
        greater.count() as u64 > order.inversions
    };
    given.iter().filter(late).map(|operation| operation.index).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn one_source_is_in_order_and_any_other_is_judged_by_the_definition(
        seed: u64, unknown in 0u64..20, spread in 0u64..6, allowed in 0u64..3, ms in 0u64..9,
    ) {
        let (mut next, mut shuffled) = (0i64, Random(seed ^ 1));
        let mut object = |_: &str, _: &Value| {
            next += 1;
            Some(json!(next + shuffled.below(spread + 1) as i64))
        };
        let mut asking = |_: &mut Random| ("generate", Value::Null);
        let history = atomic_history(&mut Random(seed), 60, 4, unknown, &mut asking, &mut object);
        let order = Order { inversions: allowed, milliseconds: ms };
        let finding = UniqueIds { order: Some(order) }.check(&history, &Budget::default());
        let found = finding.anomalies.iter().filter(|a| a.kind == "id-inversion").count();
        let wanted = inversions(&history, order);
        prop_assert_eq!(found.min(8), wanted.len().min(8), "{:?}", finding.anomalies);
        if spread == 0 {
            prop_assert_eq!(finding.verdict, Verdict::Valid);
        }
    }
}

#[test]
fn a_call_without_an_answer_says_nothing() {
    let mut script = Script::default();
    script.whole(0, "generate", json!(null), json!(9)).call(1, "generate", json!(null)).push(
        1,
        Kind::Info,
        "generate",
        json!(null),
    );
    assert_eq!(check(&script, Some(Order::default())).verdict, Verdict::Valid);
}
