//! Groups whose answers have generations: two members of a key, planted; silence on groups that share
//! their keys out; and the definition, taken literally.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::PartitionedLog;
use crate::testing::{Random, Script};
use crate::{Budget, Checker, Event, Finding, History, Kind, Process, Verdict};

fn judge(history: &History, members_fenced: bool) -> Finding {
    PartitionedLog { members_fenced, ..PartitionedLog::default() }
        .check(history, &Budget::default())
}

fn kinds(script: &Script, members_fenced: bool) -> Vec<String> {
    let finding = judge(&script.history(), members_fenced);
    finding.anomalies.into_iter().map(|anomaly| anomaly.kind).collect()
}

fn subscribed(processes: &[u32]) -> Script {
    let mut script = Script::default();
    for process in processes {
        script.whole(*process, "subscribe", json!(["x", "y"]), json!(["x", "y"]));
    }
    script
}

fn polled(script: &mut Script, process: u32, seen: Value, generation: u32, keys: Value) {
    let answer = json!([["poll", seen, {"generation": generation, "keys": keys}]]);
    script.whole(process, "poll", json!([["poll"]]), answer);
}

#[test]
fn a_key_has_one_member_in_a_generation() {
    let mut script = subscribed(&[0, 1]);
    polled(&mut script, 0, json!({"x": []}), 2, json!(["x"]));
    polled(&mut script, 1, json!({"y": []}), 2, json!(["y"]));
    polled(&mut script, 1, json!({"x": []}), 3, json!(["x", "y"]));
    assert_eq!(kinds(&script, true), [""; 0]);
    polled(&mut script, 0, json!({"x": []}), 3, json!(["x"]));
    polled(&mut script, 1, json!({"x": []}), 3, json!(["x", "y"]));
    let finding = judge(&script.history(), true);
    assert_eq!((finding.anomaly_count, &*finding.anomalies[0].kind), (1, "double-assignment"));
    assert_eq!(finding.anomalies[0].operations, [8, 10]);
    assert_eq!(finding.stats["generations"], 2);
}

#[test]
fn who_is_gone_may_come_back_as_another() {
    let mut script = subscribed(&[0, 1]);
    polled(&mut script, 0, json!({"x": []}), 2, json!(["x"]));
    script.call(0, "crash", Value::Null).push(0, Kind::Info, "crash", Value::Null);
    polled(&mut script, 1, json!({"x": []}), 2, json!(["x"]));
    assert_eq!(kinds(&script, true), [""; 0]);
}

#[test]
fn generations_do_not_go_back() {
    let mut script = subscribed(&[0, 1]);
    polled(&mut script, 0, json!({}), 3, json!(["x"]));
    polled(&mut script, 1, json!({}), 2, json!(["x"]));
    assert_eq!(kinds(&script, false), [""; 0], "it has not heard of the next one yet");
    assert_eq!(kinds(&script, true), ["generation-inversion"]);
    polled(&mut script, 0, json!({}), 2, json!([]));
    assert_eq!(kinds(&script, false), ["generation-inversion"]);
}

#[test]
fn a_member_goes_on_where_it_was_as_long_as_the_generation_is_the_same() {
    let all = json!([["send", "x", 1], ["send", "x", 2], ["send", "x", 3]]);
    let told = json!([["send", "x", [0, 1]], ["send", "x", [1, 2]], ["send", "x", [2, 3]]]);
    let history = |second: u32, seen: Value| {
        let mut script = subscribed(&[0]);
        script.whole(9, "txn", all.clone(), told.clone());
        script.whole(8, "assign", json!({"keys": ["x"], "from": "beginning"}), json!(null));
        script.whole(
            8,
            "poll",
            json!([["poll"]]),
            json!([["poll", {"x": [[0, 1], [1, 2], [2, 3]]}]]),
        );
        polled(&mut script, 0, json!({"x": [[0, 1]]}), 1, json!(["x"]));
        polled(&mut script, 0, json!({ "x": seen }), second, json!(["x"]));
        polled(&mut script, 0, json!({"x": [[1, 2], [2, 3]]}), 9, json!(["x"]));
        kinds(&script, true)
    };
    assert_eq!(history(1, json!([[1, 2]])), [""; 0]);
    assert_eq!(history(1, json!([[2, 3]])), ["poll-skip"]);
    assert_eq!(history(1, json!([[0, 1]])), ["nonmonotonic-poll"]);
    assert_eq!(history(2, json!([[2, 3]])), [""; 0], "the group was there by then");
    assert_eq!(history(2, json!([[0, 1]])), [""; 0], "what was not committed comes again");
}

#[test]
fn what_cannot_be_read_is_said() {
    let mut script = subscribed(&[0]);
    let answer = json!([["poll", {"x": []}, {"generation": "new"}]]);
    script.whole(0, "poll", json!([["poll"]]), answer);
    let reason = judge(&script.history(), false).reason.expect("unknown");
    assert!(reason.contains("has no `generation`"), "{reason}");
}

/// A group of four processes, of which some crash and come back as others, that shares out three keys
/// of one record each whenever it changes.
fn shared_out(seed: u64, polls: usize) -> History {
    let mut random = Random(seed);
    let mut script = Script::default();
    let (mut names, mut next): (Vec<u32>, u32) = ((0..4).collect(), 4);
    let mut members: Vec<u32> = Vec::new();
    let mut generation = 0;
    for _ in 0..polls {
        let worker = random.below(4) as usize;
        let process = names[worker];
        let joined = members.contains(&process);
        match random.below(8) {
            0 => {
                script.call(process, "crash", Value::Null).push(
                    process,
                    Kind::Info,
                    "crash",
                    Value::Null,
                );
                (names[worker], next) = (next, next + 1);
                if joined {
                    members.retain(|member| *member != process);
                    generation += 1;
                }
            }
            1..=7 if !joined => {
                script.whole(process, "subscribe", json!(["0", "1", "2"]), Value::Null);
                members.push(process);
                generation += 1;
            }
            _ => {
                let turn = members.iter().position(|member| *member == process).unwrap_or(0);
                let own = (0..3).filter(|key| key % members.len() == turn);
                let own: Vec<String> = own.map(|key| key.to_string()).collect();
                let seen = own.iter().map(|key| (key.clone(), json!([])));
                let seen: Value = seen.collect::<serde_json::Map<String, Value>>().into();
                polled(&mut script, process, seen, generation, json!(own));
            }
        }
    }
    script.history()
}

/// Whether two processes that were both alive had a key in one generation.
fn has_two_members(history: &History) -> bool {
    let told: Vec<(&Event, &Value)> = history
        .events()
        .iter()
        .filter(|event| event.kind == Kind::Ok && &*event.f == "poll")
        .map(|event| (event, &event.value[0][2]))
        .collect();
    let alive_at = |process: Process, index: u64| {
        let mut ends = history.events().iter().filter(|event| event.kind == Kind::Info);
        !ends.any(|event| event.process == process && event.index < index)
    };
    // An answer comes right after its call here.
    told.iter().enumerate().any(|(at, (late, second))| {
        told[..at].iter().any(|(early, first)| {
            let keys = first["keys"].as_array().into_iter().flatten();
            let both = || {
                keys.clone()
                    .any(|key| second["keys"].as_array().is_some_and(|own| own.contains(key)))
            };
            early.process != late.process
                && first["generation"] == second["generation"]
                && alive_at(early.process, late.index - 1)
                && both()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn a_group_that_shares_its_keys_out_is_no_anomaly(seed: u64) {
        let history = shared_out(seed, 60);
        let finding = judge(&history, true);
        prop_assert!(finding.verdict != Verdict::Invalid, "{:#?}", finding.anomalies);
        prop_assert!(!has_two_members(&history));
    }

    #[test]
    fn a_key_that_is_given_to_two_is_found_where_the_definition_finds_it(seed: u64, times in 1usize..4) {
        let mut events = shared_out(seed, 40).events().to_vec();
        let mut random = Random(seed ^ 0x5eed);
        let is_poll = |event: &Event| event.kind == Kind::Ok && &*event.f == "poll";
        let polls: Vec<usize> = (0..events.len()).filter(|at| is_poll(&events[*at])).collect();
        for _ in 0..times.min(polls.len()) {
            let at = polls[random.below(polls.len() as u64) as usize];
            events[at].value[0][2]["keys"] = json!(["0", "1", "2"]);
        }
        let history = History::new(events).expect("well-formed");
        let finding = judge(&history, false);
        let found = finding.anomalies.iter().any(|anomaly| anomaly.kind == "double-assignment");
        prop_assert_eq!(found, has_two_members(&history), "{:#?}", finding.anomalies);
    }
}
