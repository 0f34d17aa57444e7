//! Registers of several values: by hand, of simulated stores, and with mistakes planted.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::eventual::store::{Data, LIMIT, Mistake, history};
use crate::testing::Script;
use crate::{Kind, Verdict};

fn register() -> MvRegister {
    MvRegister { promise: Promise { converge_within: LIMIT, sessions: true } }
}

fn write(script: &mut Script, process: u32, value: i64, replaced: Value) {
    let answer = json!([1, value, { "replaced": replaced }]);
    script.whole(process, "write", json!([1, value]), answer);
}

fn read(script: &mut Script, process: u32, values: Value) {
    script.whole(process, "read", json!([1, null]), json!([1, values]));
}

fn kinds(script: &Script) -> Vec<String> {
    let finding = register().check(&script.history(), &Budget::default());
    finding.anomalies.into_iter().map(|anomaly| anomaly.kind).collect()
}

#[test]
fn values_written_at_the_same_time_stand_beside_each_other() {
    let mut script = Script::default();
    write(&mut script, 0, 1, json!([]));
    write(&mut script, 1, 2, json!([]));
    read(&mut script, 0, json!([1, 2]));
    write(&mut script, 0, 3, json!([1, 2]));
    read(&mut script, 0, json!([3]));
    read(&mut script, 1, json!([2]));
    assert_eq!(kinds(&script), [""; 0]);
    read(&mut script, 1, json!([2, 3]));
    assert_eq!(kinds(&script), ["superseded-value"]);
}

#[test]
fn a_value_is_there_until_it_is_replaced() {
    let mut script = Script::default();
    write(&mut script, 0, 1, json!([]));
    write(&mut script, 1, 2, json!([]));
    read(&mut script, 1, json!([1]));
    assert_eq!(kinds(&script), ["missing-your-writes"]);
    // A write without an answer may have replaced anything.
    let mut script = Script::default();
    script.call(5, "write", json!([1, 9])).push(5, Kind::Info, "write", json!([1, 9]));
    write(&mut script, 1, 2, json!([]));
    read(&mut script, 1, json!([9]));
    assert_eq!(kinds(&script), [""; 0]);
    // But not itself, and the other one says that it replaced nothing.
    read(&mut script, 1, json!([7]));
    assert_eq!(kinds(&script), ["phantom-read", "non-monotonic-reads"]);
}

#[test]
fn after_the_limit_all_replicas_know() {
    let mut script = Script::default();
    write(&mut script, 0, 1, json!([]));
    write(&mut script, 0, 2, json!([1]));
    write(&mut script, 1, 3, json!([]));
    read(&mut script, 2, json!([1]));
    assert_eq!(kinds(&script), [""; 0]);
    script.events.iter_mut().filter(|e| e.index > 5).for_each(|event| event.time += 3 * LIMIT);
    assert_eq!(kinds(&script), ["superseded-value", "lost-write", "lost-write"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn correct_stores_are_never_invalid(seed: u64, calls in 1usize..150) {
        let history = history(Data::Siblings, Mistake::None, seed, calls);
        let finding = register().check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:#?}", finding.anomalies);
    }
}

#[test]
fn stores_with_mistakes_are_found() {
    for (mistake, kind) in [
        (Mistake::NoRepair, "divergence"),
        (Mistake::OneSibling, "lost-write"),
        (Mistake::Lost, "missing-your-writes"),
    ] {
        let found = (0..20).filter(|seed| {
            let history = history(Data::Siblings, mistake, *seed, 120);
            let finding = register().check(&history, &Budget::default());
            finding.anomalies.iter().any(|anomaly| anomaly.kind == kind)
        });
        assert!(found.count() > 10, "{mistake:?}");
    }
}
