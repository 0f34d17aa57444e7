//! Numbers that fall, planted; silence on atomic ones; a comparison with the definition.

use proptest::prelude::*;
use std::collections::BTreeMap;

use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::{Kind, Verdict};

fn check(script: &Script, globally: bool) -> Finding {
    Monotonic { globally }.check(&script.history(), &Budget::default())
}

fn call(script: &mut Script, process: u32, f: &str, number: Value) {
    script.whole(process, f, json!(["x", null]), json!(["x", number]));
}

#[test]
fn a_process_sees_nothing_fall() {
    let mut script = Script::default();
    call(&mut script, 0, "read", json!(null));
    assert!(check(&script, false).reason.expect("unknown").contains("no increment"));
    call(&mut script, 0, "increment", json!(3));
    call(&mut script, 0, "read", json!(3));
    call(&mut script, 1, "read", json!(2));
    assert_eq!(check(&script, false).verdict, Verdict::Valid);
    let global = check(&script, true);
    assert_eq!((global.anomaly_count, &global.anomalies[0].operations[..]), (1, &[2, 6][..]));
    call(&mut script, 0, "increment", json!(3));
    let finding = check(&script, false);
    assert_eq!(finding.anomalies[0].operations, [2, 8]);
    assert!(finding.anomalies[0].explanation.contains("no more than the 3"), "{finding:?}");
    call(&mut script, 0, "read", json!(null));
    assert_eq!(check(&script, false).anomalies[1].operations, [2, 10]);
    let kinds: Vec<String> = check(&script, true).anomalies.into_iter().map(|a| a.kind).collect();
    assert_eq!(kinds[2..], ["non-monotonic", "lost-update"]);
}

#[test]
fn what_overlaps_or_has_no_answer_says_nothing() {
    let mut script = Script::default();
    script.call(1, "read", json!(["x", null]));
    script.call(2, "increment", json!(["x", null]));
    script.push(2, Kind::Info, "increment", json!(["x", null]));
    script.failed(3, "increment", json!(["x", null]));
    call(&mut script, 0, "increment", json!(1));
    script.ok(1, "read", json!(["x", null]));
    script.whole(1, "read", json!(["y", null]), json!(["y", null]));
    assert_eq!(check(&script, true).verdict, Verdict::Valid);
    script.whole(1, "read", json!(["y", null]), json!(["y", "much"]));
    assert!(check(&script, true).reason.expect("unknown").contains("[key, integer]"));
}

/// Calls that do not fit an earlier one of the same process, or any earlier one.
fn fallen_by_definition(history: &History, globally: bool) -> u64 {
    let operations = history.operations();
    let calls = read(&operations).expect("calls").0;
    let of = |call: &Call| &operations[call.operation as usize];
    let before = |early: &Call, late: &Call, same: bool| {
        early.key == late.key
            && of(early).end() < of(late).index
            && (of(early).process == of(late).process) == same
            && !falls::fits(late, early.number)
    };
    let count = |same| {
        calls.iter().filter(|late| calls.iter().any(|early| before(early, late, same))).count()
    };
    (count(true) + if globally { count(false) } else { 0 }) as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn atomic_numbers_are_valid_and_others_are_judged_by_the_definition(
        seed: u64, unknown in 0u64..20, stale: bool,
    ) {
        let (mut numbers, mut late) = (BTreeMap::new(), Random(seed ^ 3));
        let mut object = |f: &str, input: &Value| {
            let number = numbers.entry(input[0].to_string()).or_insert(0);
            *number += i64::from(f == "increment");
            let behind = if stale && late.chance(20) { 1 } else { 0 };
            let seen = *number - behind;
            Some(json!([input[0], if seen > 0 || f == "increment" { json!(seen) } else { json!(null) }]))
        };
        let mut asking = |random: &mut Random| {
            let f = if random.chance(50) { "read" } else { "increment" };
            (f, json!([random.below(2), null]))
        };
        let history = atomic_history(&mut Random(seed), 40, 3, unknown, &mut asking, &mut object);
        for globally in [false, true] {
            let finding = Monotonic { globally }.check(&history, &Budget::default());
            if !stale {
                prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
            }
            // Two of one number count besides, and who knew more may be of either sort.
            let wanted = fallen_by_definition(&history, globally);
            let twice = finding.anomalies.iter().any(|a| a.kind == "lost-update");
            prop_assert_eq!(finding.anomaly_count > 0, wanted > 0 || twice);
            if !globally {
                prop_assert_eq!(finding.anomaly_count, wanted);
            }
        }
    }
}
