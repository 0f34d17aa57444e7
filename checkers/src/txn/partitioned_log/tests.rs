//! Logs: each anomaly planted by hand and found, and silence on logs that are right.

use serde_json::{Value, json};

use super::*;
use crate::testing::{Random, Script};
use crate::{Anomaly, Kind, Verdict};

mod generated;
mod members;
mod oracle;

fn check_with(script: &Script, checker: PartitionedLog) -> Finding {
    checker.check(&script.history(), &Budget::default())
}

fn check(script: &Script) -> Finding {
    check_with(script, PartitionedLog::default())
}

fn kinds(finding: &Finding) -> Vec<&str> {
    finding.anomalies.iter().map(|anomaly| anomaly.kind.as_str()).collect()
}

/// The only anomaly.
fn only(script: &Script, kind: &str) -> Anomaly {
    let finding = check(script);
    assert_eq!(kinds(&finding), [kind], "{finding:#?}");
    finding.anomalies[0].clone()
}

fn send(script: &mut Script, process: u32, key: &str, value: i64, offset: u64) {
    let asked = json!([["send", key, value]]);
    script.whole(process, "send", asked, json!([["send", key, [offset, value]]]));
}

fn poll(script: &mut Script, process: u32, seen: Value) {
    script.whole(process, "poll", json!([["poll"]]), json!([["poll", seen]]));
}

fn assign(script: &mut Script, process: u32) {
    let keys = json!({"keys": ["x", "y"], "from": "beginning"});
    script.whole(process, "assign", keys.clone(), keys);
}

fn subscribe(script: &mut Script, process: u32) {
    script.whole(process, "subscribe", json!(["x", "y"]), json!(["x", "y"]));
}

/// Three records in x, and a consumer at the beginning.
fn three() -> Script {
    let mut script = Script::default();
    for offset in 0..3 {
        send(&mut script, 0, "x", 10 + offset, offset as u64);
    }
    assign(&mut script, 1);
    script
}

#[test]
fn a_log_that_is_right() {
    let mut script = three();
    poll(&mut script, 1, json!({"x": [[0, 10], [1, 11]]}));
    poll(&mut script, 1, json!({"x": [[2, 12]], "y": []}));
    poll(&mut script, 1, json!({"x": []}));
    let finding = check(&script);
    assert_eq!(finding.verdict, Verdict::Valid, "{finding:#?}");
    assert_eq!(finding.stats["acknowledged"], 3);
    assert_eq!(finding.stats["records_polled"], 3);
    // The first was acknowledged at 1 ms and polled at 9 ms.
    assert_eq!(finding.stats["lag"]["worst_ms"], 8);
    assert_eq!(finding.stats["lag"]["most_unseen"], 3);
}

#[test]
fn what_was_not_looked_for_is_unknown() {
    let script = three();
    assert_eq!(check(&script).verdict, Verdict::Unknown);
    let mut script = three();
    poll(&mut script, 1, json!({"x": [[0, 10], [1, 11]]}));
    let finding = check(&script);
    assert_eq!(finding.verdict, Verdict::Unknown);
    assert!(finding.reason.unwrap().contains("1 records were acknowledged and never polled"));
}

#[test]
fn a_record_that_all_passed_over_is_lost() {
    let mut script = three();
    poll(&mut script, 1, json!({"x": [[0, 10]]}));
    poll(&mut script, 1, json!({"x": [[2, 12]]}));
    let lost = only(&script, "lost-record");
    assert_eq!(lost.operations, [2, 10]);
    assert_eq!(lost.key, Some(json!("x")));
    // Also the first one, for who began at the beginning.
    let mut script = three();
    poll(&mut script, 1, json!({"x": [[1, 11], [2, 12]]}));
    assert_eq!(only(&script, "lost-record").operations, [0, 8]);
    // Who came in later went past nothing.
    let mut script = Script::default();
    send(&mut script, 0, "x", 10, 0);
    send(&mut script, 0, "x", 11, 1);
    script.whole(1, "assign", json!(["x"]), json!(["x"]));
    poll(&mut script, 1, json!({"x": [[1, 11]]}));
    assert_eq!(check(&script).verdict, Verdict::Unknown);
}

#[test]
fn a_record_that_is_not_there_at_the_end_is_unseen() {
    let mut script = three();
    poll(&mut script, 1, json!({"x": [[0, 10], [1, 11]]}));
    poll(&mut script, 1, json!({"x": []}));
    assert_eq!(only(&script, "unseen-record").operations, [4, 10]);
    // A send whose offset nobody told, too, if everything was read.
    let mut script = Script::default();
    let asked = json!([["send", "x", 1]]);
    script.whole(0, "send", asked.clone(), asked);
    assign(&mut script, 1);
    poll(&mut script, 1, json!({"x": []}));
    assert_eq!(only(&script, "unseen-record").operations, [0, 4]);
}

#[test]
fn an_end_that_was_told_too_early_says_nothing() {
    let mut script = Script::default();
    assign(&mut script, 1);
    send(&mut script, 0, "x", 10, 0);
    poll(&mut script, 1, json!({"x": [[0, 10]]}));
    script.call(1, "poll", json!([["poll"]]));
    send(&mut script, 0, "x", 11, 1);
    script.ok(1, "poll", json!([["poll", {"x": []}]]));
    assert_eq!(check(&script).verdict, Verdict::Unknown);
    poll(&mut script, 1, json!({"x": [[1, 11]]}));
    assert_eq!(check(&script).verdict, Verdict::Valid);
}

#[test]
fn what_was_polled_may_vanish_as_well() {
    let mut script = three();
    poll(&mut script, 1, json!({"x": [[0, 10], [1, 11], [2, 12]]}));
    assign(&mut script, 2);
    poll(&mut script, 2, json!({"x": [[0, 10], [1, 11]]}));
    poll(&mut script, 2, json!({"x": []}));
    assert_eq!(only(&script, "unseen-record").title, "Record 12 of key x is not seen any more");
}

#[test]
fn one_offset_is_one_record_and_one_record_one_offset() {
    let mut script = three();
    poll(&mut script, 1, json!({"x": [[0, 10], [1, 11], [2, 12]]}));
    send(&mut script, 2, "x", 77, 1);
    assert_eq!(only(&script, "inconsistent-offset").operations, [8, 10]);
    let mut script = three();
    poll(&mut script, 1, json!({"x": [[0, 10], [1, 11], [2, 12], [3, 11]]}));
    assert_eq!(only(&script, "duplicate-record").operations, [8]);
    let checker = PartitionedLog { duplicates_allowed: true, ..PartitionedLog::default() };
    assert_eq!(check_with(&script, checker).verdict, Verdict::Valid);
}

#[test]
fn consumers_skip_and_go_back() {
    let all = json!({"x": [[0, 10], [1, 11], [2, 12]]});
    let mut script = three();
    poll(&mut script, 1, all.clone());
    assign(&mut script, 2);
    poll(&mut script, 2, json!({"x": [[0, 10]]}));
    poll(&mut script, 2, json!({"x": [[2, 12]]}));
    assert_eq!(only(&script, "poll-skip").operations, [8, 12, 14]);
    let mut script = three();
    poll(&mut script, 1, all.clone());
    poll(&mut script, 1, json!({"x": [[2, 12]]}));
    assert_eq!(only(&script, "nonmonotonic-poll").operations, [8, 10]);
    // Within one answer.
    let mut script = three();
    poll(&mut script, 1, json!({"x": [[0, 10], [2, 12], [1, 11]]}));
    assert_eq!(kinds(&check(&script)), ["poll-skip", "nonmonotonic-poll"]);
    // Who was assigned anew may be anywhere.
    let mut script = three();
    poll(&mut script, 1, all.clone());
    assign(&mut script, 1);
    poll(&mut script, 1, all);
    assert_eq!(check(&script).verdict, Verdict::Valid);
}

#[test]
fn a_group_is_given_everything_once_at_least() {
    let mut script = Script::default();
    for offset in 0..3 {
        send(&mut script, 0, "x", 10 + offset, offset as u64);
    }
    assign(&mut script, 1);
    poll(&mut script, 1, json!({"x": [[0, 10], [1, 11], [2, 12]]}));
    subscribe(&mut script, 2);
    poll(&mut script, 2, json!({"x": [[0, 10]]}));
    // Another member goes on, from before that; that is no skip, and not back.
    subscribe(&mut script, 3);
    poll(&mut script, 3, json!({"x": [[0, 10]]}));
    poll(&mut script, 3, json!({"x": [[2, 12]]}));
    assert_eq!(only(&script, "group-skip").operations, [8, 18]);
    let checker = PartitionedLog { groups_may_miss: true, ..PartitionedLog::default() };
    assert_eq!(check_with(&script, checker).verdict, Verdict::Valid);
    poll(&mut script, 2, json!({"x": [[1, 11]]}));
    assert_eq!(check(&script).verdict, Verdict::Valid);
}

#[test]
fn records_of_nobody_of_failures_and_of_the_future() {
    let mut script = three();
    poll(&mut script, 1, json!({"x": [[0, 10], [1, 11], [2, 12], [3, 99]]}));
    assert_eq!(only(&script, "phantom-read").operations, [8]);
    let mut script = three();
    script.failed(5, "send", json!([["send", "x", 99]]));
    poll(&mut script, 1, json!({"x": [[0, 10], [1, 11], [2, 12], [3, 99]]}));
    assert_eq!(only(&script, "G1a").operations, [8, 10]);
    let mut script = three();
    poll(&mut script, 1, json!({"x": [[0, 10], [1, 11], [2, 12], [3, 99]]}));
    send(&mut script, 0, "x", 99, 3);
    assert_eq!(kinds(&check(&script))[0], "future-read");
    // Of unknown outcome it may have happened.
    let mut script = three();
    let asked = json!([["send", "x", 99]]);
    script.call(5, "send", asked.clone()).push(5, Kind::Info, "send", asked);
    poll(&mut script, 1, json!({"x": [[0, 10], [1, 11], [2, 12], [3, 99]]}));
    assert_eq!(check(&script).verdict, Verdict::Valid);
}

#[test]
fn senders_keep_their_order() {
    let mut script = Script::default();
    send(&mut script, 0, "x", 1, 5);
    send(&mut script, 0, "x", 2, 4);
    assign(&mut script, 1);
    poll(&mut script, 1, json!({"x": [[4, 2], [5, 1]]}));
    assert_eq!(only(&script, "nonmonotonic-send").operations, [0, 2]);
}

#[test]
fn transactions_that_saw_each_other() {
    let txn =
        |key: &str, value: i64, seen: Value| json!([["send", key, [0, value]], ["poll", seen]]);
    let mut script = Script::default();
    assign(&mut script, 0);
    assign(&mut script, 1);
    script.call(0, "txn", json!([["send", "x", 1], ["poll"]]));
    script.call(1, "txn", json!([["send", "y", 2], ["poll"]]));
    script.ok(0, "txn", txn("x", 1, json!({"y": [[0, 2]]})));
    script.ok(1, "txn", txn("y", 2, json!({"x": [[0, 1]]})));
    let found = only(&script, "G1c");
    assert_eq!(found.operations, [4, 5]);
    assert_eq!(
        found.steps[2].text,
        "T1 comes before T2, because T2 polled 1 at offset 0 of key x, which T1 had sent."
    );
    // One that sees itself.
    let mut script = Script::default();
    assign(&mut script, 0);
    script.call(0, "txn", json!([["send", "x", 1], ["poll"]]));
    script.ok(0, "txn", txn("x", 1, json!({"x": [[0, 1]]})));
    assert_eq!(only(&script, "precommitted-read").operations, [2]);
    let checker = PartitionedLog { own_sends_visible: true, ..PartitionedLog::default() };
    assert_eq!(check_with(&script, checker).verdict, Verdict::Valid);
}

#[test]
fn interleaved_transactions_are_wrong_only_if_that_is_promised() {
    let mut script = Script::default();
    let asked = |value: i64| json!([["send", "x", value], ["send", "y", value]]);
    script.call(0, "txn", asked(1)).call(1, "txn", asked(2));
    script.ok(0, "txn", json!([["send", "x", [0, 1]], ["send", "y", [1, 1]]]));
    script.ok(1, "txn", json!([["send", "x", [1, 2]], ["send", "y", [0, 2]]]));
    assign(&mut script, 2);
    poll(&mut script, 2, json!({"x": [[0, 1], [1, 2]], "y": [[0, 2], [1, 1]]}));
    assert_eq!(check(&script).verdict, Verdict::Valid);
    let model = ConsistencyModel::Serializable;
    let checker = PartitionedLog { model, ..PartitionedLog::default() };
    let finding = check_with(&script, checker);
    assert_eq!(kinds(&finding), ["G0"], "{finding:#?}");
    let mut script = Script::default();
    script.call(0, "txn", json!([["send", "x", 1], ["send", "x", 2]]));
    send(&mut script, 1, "x", 3, 1);
    script.ok(0, "txn", json!([["send", "x", [0, 1]], ["send", "x", [2, 2]]]));
    assign(&mut script, 2);
    poll(&mut script, 2, json!({"x": [[0, 1], [1, 3], [2, 2]]}));
    assert_eq!(check(&script).verdict, Verdict::Valid);
    let checker = PartitionedLog { contiguous: true, ..PartitionedLog::default() };
    assert_eq!(kinds(&check_with(&script, checker)), ["send-skip"]);
}

#[test]
fn a_transaction_that_missed_half_of_another_is_not_serializable() {
    let mut script = Script::default();
    assign(&mut script, 1);
    script.call(1, "txn", json!([["poll"]]));
    let asked = json!([["send", "x", 1], ["send", "y", 1]]);
    let answer = json!([["send", "x", [0, 1]], ["send", "y", [0, 1]]]);
    script.whole(0, "txn", asked, answer);
    script.ok(1, "txn", json!([["poll", {"x": [], "y": [[0, 1]]}]]));
    poll(&mut script, 1, json!({"x": [[0, 1]], "y": []}));
    assert_eq!(check(&script).verdict, Verdict::Valid);
    let model = ConsistencyModel::Serializable;
    let finding = check_with(&script, PartitionedLog { model, ..PartitionedLog::default() });
    assert_eq!(kinds(&finding), ["G-single"], "{finding:#?}");
}

#[test]
fn gaps_are_wrong_only_if_that_is_promised() {
    let mut script = Script::default();
    send(&mut script, 0, "x", 1, 0);
    send(&mut script, 0, "x", 2, 3);
    assign(&mut script, 1);
    poll(&mut script, 1, json!({"x": [[0, 1], [3, 2]]}));
    assert_eq!(check(&script).verdict, Verdict::Valid);
    let checker = PartitionedLog { gaps_allowed: false, ..PartitionedLog::default() };
    assert_eq!(kinds(&check_with(&script, checker)), ["offset-gap"]);
}

#[test]
fn what_cannot_be_read_is_told() {
    let refused = |f: &str, input: Value, output: Value| {
        let mut script = Script::default();
        script.whole(0, f, input, output);
        let finding = check(&script);
        assert_eq!(finding.verdict, Verdict::Unknown);
        finding.reason.unwrap()
    };
    assert!(refused("push", json!(1), json!(1)).contains("logs have only send"));
    assert!(refused("txn", json!([["w", 1, 2]]), json!([["w", 1, 2]])).contains("neither a send"));
    assert!(refused("poll", json!([["poll"]]), json!([["poll", [1]]])).contains("no object"));
    assert!(
        refused("poll", json!([["poll"]]), json!([["poll", {"x": [7]}]])).contains("no offset")
    );
    let answer = json!([["send", 1, [0, 3]]]);
    assert!(refused("send", json!([["send", 1, 2]]), answer).contains("nor an offset"));
    assert!(refused("assign", json!(3), json!(3)).contains("no list of keys"));
}
