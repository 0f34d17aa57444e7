//! Tests of the reader of Violin's logs.

use serde_json::json;

use super::*;

const QUEUE: &str = "# @object atomic-queue\n\n[1] call add(1)\n[1] return\n[2] call remove\n\
                     [3] call remove\n  [2]  return 1 \n[3] return empty\n[4] call remove\n";

#[test]
fn a_queue_is_read() {
    let Reading { history, recovery, hints } = reading(QUEUE.as_bytes()).expect("readable");
    let operations = history.operations();
    let found: Vec<_> = operations.iter().map(|o| (o.process, o.f, o.input, o.output())).collect();
    let null = json!(null);
    let expected = [
        (1, "enqueue", &json!(1), Some(&json!(1))),
        (2, "dequeue", &null, Some(&json!(1))),
        (3, "dequeue", &null, Some(&null)),
        (4, "dequeue", &null, None),
    ];
    assert_eq!(found, expected);
    assert!(operations[1].end() < operations[3].index);
    assert_eq!(recovery.open_calls, 1);
    assert_eq!((hints.workload, hints.keyed), (Some("fifo-queue"), Some(false)));
}

#[test]
fn elements_stay_distinct() {
    let text = "# @object atomic-stack\r\n[1] call push(01)\r\n[2] call push(1)\r\n[3] call pop\r\n\
                [3] return a\r\n[4] call push( b c )";
    let Reading { history, hints, .. } = reading(text.as_bytes()).expect("readable");
    let values: Vec<_> = history.events().iter().map(|event| event.value.clone()).collect();
    assert_eq!(values, [json!("01"), json!(1), json!(null), json!("a"), json!("b c")]);
    assert_eq!(hints.workload, Some("stack"));
}

#[test]
fn errors_name_line_and_column() {
    for (text, line, column, why) in [
        ("[1] call add(1)", 1, 1, "@object"),
        ("# a comment\n\n[1] call remove", 1, 1, "@object"),
        ("# @object set", 1, 1, "`set` is not known"),
        ("# @objekt atomic-queue", 1, 1, "not known"),
        ("# @object atomic-queue\n# @object atomic-queue", 2, 1, "second time"),
        ("# @object atomic-queue\n[x] call remove", 2, 2, "`x`"),
        ("# @object atomic-queue\n[4294967296] call remove", 2, 2, "32 bits"),
        ("# @object atomic-queue\n[1 call remove", 2, 1, "comment"),
        ("# @object atomic-queue\n[1] cell remove", 2, 5, "neither"),
        ("# @object atomic-queue\n[1] call pop", 2, 5, "no call of an atomic-queue"),
        ("# @object atomic-queue\n[1] call add()", 2, 5, "no element"),
        ("# @object atomic-queue\n[1] call add(1", 2, 5, "no call"),
        ("# @object atomic-queue\n[1] call add(empty)", 2, 5, "another name"),
        ("# @object atomic-queue\n[1] return", 2, 5, "without a call"),
        ("# @object atomic-queue\n[1] call remove\n[1] call remove", 3, 5, "ID of its own"),
        ("# @object atomic-queue\n[1] call remove\n[1] return", 3, 5, "or `empty`"),
        ("# @object atomic-queue\n[1] call add(1)\n[1] return 1", 3, 5, "nothing"),
    ] {
        let error = reading(text.as_bytes()).expect_err(text);
        let ReadError::Foreign { line: l, column: c, .. } = &error else { panic!("{error}") };
        assert_eq!((*l, *c), (line, column), "{text}: {error}");
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
}
