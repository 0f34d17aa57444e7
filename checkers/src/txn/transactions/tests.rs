//! Transactions made from histories, and who wrote what.

use serde_json::json;

use super::*;
use crate::history::elle_json;
use crate::txn::key_value::{INITIAL, KeyValue, Read};

fn txns(lines: &[serde_json::Value], write: &str) -> Transactions {
    let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let text = format!("[{}]", text.join(","));
    let (history, _) = elle_json::read(text.as_bytes()).expect("a history");
    Transactions::from_history(&history, write).expect("transactions")
}

fn event(process: u32, kind: &str, value: serde_json::Value) -> serde_json::Value {
    json!({"process": process, "type": kind, "f": "txn", "value": value})
}

#[test]
fn steps_come_from_answers_or_from_calls() {
    let all = txns(
        &[
            event(0, "invoke", json!([["append", "x", 1], ["r", 7, null]])),
            event(1, "invoke", json!([["append", 7, -5]])),
            event(0, "ok", json!([["append", "x", 1], ["r", 7, [-5, "a"]]])),
            event(2, "invoke", json!([["append", 7, 4], ["r", 7, null]])),
            event(1, "info", json!([["append", 7, -5]])),
            event(2, "fail", json!([["append", 7, 4], ["r", 7, null]])),
        ],
        "append",
    );
    let statuses: Vec<Status> = all.all().iter().map(|txn| txn.status).collect();
    assert_eq!(statuses, [Status::Committed, Status::Unknown, Status::Aborted]);
    assert_eq!(all.text(0, "append"), json!([["append", "x", 1], ["r", 7, [-5, "a"]]]));
    assert_eq!(all.text(2, "append"), json!([["append", 7, 4], ["r", 7, null]]));
    assert_eq!((all.txn(1).end, all.txn(1).returned), (NEVER, u64::MAX));
    assert!(all.txn(0).end < all.txn(2).begin);
    let writes = Writes::new(&all).expect("no value twice");
    let seven = all.micros(1)[0].key;
    assert_eq!(writes.writer(writes.find(seven, all.micros(1)[0].value).expect("a write")), 1);
    assert_eq!(writes.find(seven, Atom(9)), None);
}

#[test]
fn a_value_written_twice_is_refused() {
    let write = || event(0, "invoke", json!([["w", 1, 3]]));
    let all = txns(&[write(), event(0, "ok", json!([["w", 1, 3]])), write()], "w");
    let why = Writes::new(&all).expect_err("3 twice").explain(&all);
    assert!(why.contains("operations 0 and 2 both write 3 to key 1"), "{why}");
}

#[test]
fn sources_of_reads() {
    let all = txns(
        &[
            event(0, "invoke", json!([["w", 1, 3], ["w", 1, 4], ["w", 2, 1]])),
            event(1, "ok", json!([["r", 1, 4], ["r", 2, null], ["w", 2, 5], ["r", 2, 5]])),
            event(2, "ok", json!([["r", 1, 3], ["r", 2, 77]])),
            event(3, "info", json!([["w", 2, 6]])),
        ],
        "w",
    );
    let writes = Writes::new(&all).expect("no value twice");
    let simple = KeyValue::of_registers(&all, &writes);
    assert_eq!(simple.numbers, [0, 1, 2], "the unknown one that nobody read never happened");
    assert_eq!(simple.reads(1), [Read { key: 0, from: 0 }, Read { key: 1, from: INITIAL }]);
    assert_eq!(simple.reads(2), [], "an intermediate and a phantom value");
    assert_eq!((simple.writes(0), simple.writes(1)), (&[0, 1][..], &[1][..]));
}
