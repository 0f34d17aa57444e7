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
    for Workload { name, .. } in WORKLOADS {
        let script = Script::default();
        assert_eq!(verdict(name, &CheckOptions::default(), &script), Verdict::Unknown, "{name}");
    }
    let why = error("lists", None);
    assert!(why.contains("`lists`") && why.contains("list-append, rw-register"), "{why}");
    assert!(error("list-append", Some("linearisable")).contains("known are read-uncommitted"));
    assert!(error("register", Some("serializable")).contains("linearizable"));
}

#[test]
fn settings_are_read_or_refused() {
    let check = |workload: &str, texts: &[&str]| {
        let settings = Settings::parse(texts.iter().copied());
        let options = CheckOptions { settings, ..CheckOptions::default() };
        checkers_for_workload(workload, &options, &History::default()).map(|_| ())
    };
    assert_eq!(check("semaphore", &["permits=3", "owned"]), Ok(()));
    assert_eq!(check("register", &["versions-behind=2"]), Ok(()));
    let why = check("stack", &["permits=3"]).expect_err("a stack has none");
    assert!(why.contains("`permits`") && why.contains("it has none"), "{why}");
    let why = check("semaphore", &["permit=3"]).expect_err("misspelt");
    assert!(why.contains("it has permits, owned"), "{why}");
    let why = check("semaphore", &["permits=few"]).expect_err("no number");
    assert!(why.contains("permits=few") && why.contains("whole number"), "{why}");
    let why = check("semaphore", &["owned=perhaps"]).expect_err("no flag");
    assert!(why.contains("true or false"), "{why}");
}

#[test]
fn a_semaphore_has_as_many_permits_as_it_is_told() {
    let mut script = Script::default();
    script.whole(0, "acquire", json!(null), json!(null));
    script.whole(1, "acquire", json!(null), json!(null));
    let two = CheckOptions { settings: Settings::parse(["permits=2"]), ..CheckOptions::default() };
    assert_eq!(verdict("semaphore", &CheckOptions::default(), &script), Verdict::Invalid);
    assert_eq!(verdict("semaphore", &two, &script), Verdict::Valid);
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
    let zero = CheckOptions { initial: Some(json!(0)), ..CheckOptions::default() };
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
