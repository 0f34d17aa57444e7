//! Tests of the EDN reader on the notations that corpora hold.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Kind, Process};

fn value(text: &str) -> Value {
    parse_value(text.as_bytes()).expect(text)
}

#[test]
fn every_notation_has_a_value() {
    let cases = [
        ("nil", json!(null)),
        ("[1 -2, +3 4N 1.5 2.5M 1e3]", json!([1, -2, 3, 4, 1.5, 2.5, 1000.0])),
        (
            "(1/2 123456789012345678901234N ##NaN)",
            json!(["1/2", "123456789012345678901234N", "NaN"]),
        ),
        ("#{:a :b/c}", json!(["a", "b/c"])),
        (
            "{:a 1, \"b\" [2], 3 nil, [4 5] true}",
            json!({"a": 1, "b": [2], "3": null, "[4,5]": true}),
        ),
        (r#""a\"\n\u0041""#, json!("a\"\nA")),
        (r"[\a \newline \u0041 \( \space]", json!(["a", "\n", "A", "(", " "])),
        ("#jepsen.history.Op{:index 0}", json!({"index": 0})),
        ("#inst \"2020-01-01\"", json!("2020-01-01")),
        ("[#_ [1 2] 3 ^{:m 1} 4 ; five\n 5 #_6]", json!([3, 4, 5])),
        ("[true false sym -]", json!([true, false, "sym", "-"])),
        ("#:ns{:a 1}", json!({"a": 1})),
        ("[\"é→\" :ü]", json!(["é→", "ü"])),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn errors_name_line_and_column() {
    for (text, line, column) in [
        ("[1 2}", 1, 5),
        ("[1\n {:a}]", 2, 5),
        ("[1\n \"never", 2, 2),
        ("[1 [2", 1, 6),
        ("[#", 1, 2),
    ] {
        match parse_value(text.as_bytes()) {
            Err(ReadError::Foreign { line: l, column: c, .. }) => {
                assert_eq!((l, c), (line, column), "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    let deep = "[".repeat(1_000_000);
    let error = parse_value(deep.as_bytes()).expect_err("too deep").to_string();
    assert!(error.contains("deeper"), "{error}");
}

#[test]
fn keys_in_keys_do_not_explode() {
    let nested = |levels| format!("{}{{}}{}", "{".repeat(levels), " nil}".repeat(levels));
    assert_eq!(value(&nested(2)), json!({"{\"{}\":null}": null}));
    let error = parse_value(nested(100).as_bytes()).expect_err("2^100 backslashes").to_string();
    assert!(error.contains("too large"), "{error}");
}

#[test]
fn a_jepsen_history_is_read() {
    let text = "
        {:process :nemesis, :type :info, :f :start, :time 3, :index 0}
        {:process 0, :type :invoke, :f :cas, :value [0 1], :time 4, :index 1}
        {:process :logger, :type :info, :f :note, :time 5, :index 2}
        #jepsen.history.Op{:process 0, :type :fail, :f :cas, :value [0 1], :error [:not-held 3],
                           :time 2, :index 3, :node \"n1\"}";
    let (history, recovery) = read(text.as_bytes()).expect("readable");
    let events = history.events();
    assert_eq!(events.iter().map(|e| e.index).collect::<Vec<_>>(), [0, 1, 3]);
    assert_eq!(events[0].process, Process::Nemesis);
    assert_eq!((events[2].kind, events[2].time), (Kind::Fail, 4));
    assert_eq!(events[2].error.as_deref(), Some("[\"not-held\",3]"));
    assert_eq!(events[2].node.as_deref(), Some("n1"));
    assert_eq!((recovery.skipped, recovery.retimed, recovery.renumbered), (1, 1, 0));
}

#[test]
fn missing_indices_and_times_are_filled_in() {
    let text = "[{:type :invoke, :value [[:r 0 nil]]}\n{:type :ok :time -1 :value [[:r 0 1]]}]";
    let (history, recovery) = read(text.as_bytes()).expect("readable");
    let operations = history.operations();
    assert_eq!(operations.len(), 1);
    assert_eq!((operations[0].f, operations[0].returned), ("txn", Some(1)));
    assert_eq!((recovery.renumbered, recovery.retimed), (2, 2));
}

#[test]
fn a_broken_operation_is_an_error() {
    for (text, why) in [
        ("[{:type :invoke} 3]", "operation"),
        ("{:process 0}", ":type"),
        ("{:type :maybe}", ":maybe is no type"),
        ("{:type :ok :process -1}", "process -1"),
        ("[{:type :ok}", "ends inside"),
        ("{:type", "ends after :type"),
    ] {
        let error = read(text.as_bytes()).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "[\\[\\](){}#:_^;\"\\\\ a1/.N\n-]{0,60}") {
        let _ = read(text.as_bytes());
        let _ = parse_value(text.as_bytes());
    }
}
