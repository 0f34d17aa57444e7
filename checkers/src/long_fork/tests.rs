//! Long forks, planted; published verdicts.

use serde_json::json;

use super::*;
use crate::Verdict;
use crate::history::read_any;
use crate::testing::{Script, golden, golden_index};

fn check(reads: &[Value]) -> Finding {
    let mut script = Script::default();
    for read in reads {
        script.whole(0, "txn", read.clone(), read.clone());
    }
    LongFork.check(&script.history(), &Budget::default())
}

#[test]
fn reads_of_a_group_must_be_a_chain() {
    let read = |x: Value, y: Value| json!([["r", "x", x], ["r", "y", y]]);
    let fine =
        [read(json!(1), json!(null)), read(json!(null), json!(null)), read(json!(1), json!(1))];
    assert_eq!(check(&fine).verdict, Verdict::Valid);
    let forked =
        [read(json!(1), json!(null)), read(json!(1), json!(1)), read(json!(null), json!(1))];
    let finding = check(&forked);
    assert_eq!(finding.anomalies[0].kind, "long-fork");
    assert_eq!(finding.anomalies[0].operations, [0, 4]);
    assert_eq!(check(&[json!([["w", "x", 1]])]).verdict, Verdict::Unknown);
    let twice = [read(json!(1), json!(null)), read(json!(2), json!(null))];
    assert!(check(&twice).reason.expect("unknown").contains("second value"));
}

#[test]
fn published_verdicts() {
    for [file, _, _, verdict] in golden_index("elle-cli/long-fork") {
        let (history, _) = read_any(&golden(&file), &file).expect(&file);
        let finding = LongFork.check(&history, &Budget::default());
        assert_eq!(verdict, "invalid");
        assert_eq!(finding.verdict, Verdict::Invalid, "{file}");
    }
}
