//! Every workload by name, its options, and the refusal of what is unknown.

use serde_json::json;

use super::*;
use crate::testing::Script;
use crate::{Budget, Verdict};

fn verdict(workload: &str, options: &CheckOptions, script: &Script) -> Verdict {
    let history = script.history();
    let checkers = checkers_for_workload(workload, options, &history).expect("known");
    crate::finding::worst(checkers.iter().map(|c| c.check(&history, &Budget::default()).verdict))
}

fn error(workload: &str, model: Option<&str>) -> String {
    let options =
        CheckOptions { consistency_model: model.map(str::to_owned), ..CheckOptions::default() };
    match checkers_for_workload(workload, &options, &History::default()) {
        Ok(_) => panic!("{workload} {model:?} should be refused"),
        Err(why) => why,
    }
}

#[test]
fn every_name_has_a_checker_and_others_are_refused() {
    for (name, _) in WORKLOADS {
        let script = Script::default();
        assert_eq!(verdict(name, &CheckOptions::default(), &script), Verdict::Unknown, "{name}");
    }
    let why = error("lists", None);
    assert!(why.contains("`lists`") && why.contains("list-append, rw-register"), "{why}");
    assert!(error("list-append", Some("linearisable")).contains("known are read-uncommitted"));
    assert!(error("register", Some("serializable")).contains("linearizable"));
}

#[test]
fn keys_are_found_by_looking() {
    let mut keyed = Script::default();
    keyed.whole(0, "write", json!([1, 5]), json!([1, 5])).whole(
        0,
        "read",
        json!([2, null]),
        json!([2, null]),
    );
    assert_eq!(verdict("register", &CheckOptions::default(), &keyed), Verdict::Valid);
    let one = CheckOptions { keyed: Some(false), ..CheckOptions::default() };
    assert_eq!(verdict("register", &one, &keyed), Verdict::Invalid);
    let mut pairs = Script::default();
    pairs.whole(0, "write", json!([1, 5]), json!([1, 5])).whole(
        0,
        "read",
        json!(null),
        json!([1, 5]),
    );
    assert_eq!(verdict("cas-register", &CheckOptions::default(), &pairs), Verdict::Valid);
}

#[test]
fn options_reach_the_checkers() {
    let mut script = Script::default();
    script.whole(0, "read", json!(null), json!(0));
    assert_eq!(verdict("register", &CheckOptions::default(), &script), Verdict::Invalid);
    let zero = CheckOptions { initial: json!(0), ..CheckOptions::default() };
    assert_eq!(verdict("register", &zero, &script), Verdict::Valid);
    let mut set = Script::default();
    set.whole(0, "add", json!(1), json!(1)).whole(0, "read", json!(null), json!([])).whole(
        0,
        "read",
        json!(null),
        json!([1]),
    );
    assert_eq!(verdict("set-full", &CheckOptions::default(), &set), Verdict::Invalid);
    let eventual =
        CheckOptions { consistency_model: Some("eventual".into()), ..CheckOptions::default() };
    assert_eq!(verdict("set-full", &eventual, &set), Verdict::Valid);
}
