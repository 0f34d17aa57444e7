//! Tests of well-formedness, pairing and format detection.

use serde_json::{Value, json};

use super::*;

fn event(index: u64, process: Process, kind: Kind, f: &str, value: Value) -> Event {
    Event {
        index,
        time: index * 10,
        process,
        kind,
        f: f.into(),
        value,
        node: None,
        error: None,
        due: None,
    }
}

fn client(index: u64, process: u32, kind: Kind, f: &str) -> Event {
    event(index, Process::Client(process), kind, f, Value::Null)
}

fn flaw(events: Vec<Event>) -> Flaw {
    History::new(events).expect_err("the history is broken").flaw
}

#[test]
fn a_whole_history_is_accepted_and_paired() {
    let history = History::new(vec![
        event(0, Process::Nemesis, Kind::Info, "kill", json!("n1")),
        client(1, 0, Kind::Invoke, "read"),
        client(2, 1, Kind::Invoke, "write"),
        event(3, Process::Nemesis, Kind::Info, "kill", json!({"n1": "killed"})),
        event(5, Process::Client(0), Kind::Ok, "read", json!(7)),
        client(6, 1, Kind::Info, "write"),
        client(7, 0, Kind::Invoke, "cas"),
        client(8, 0, Kind::Fail, "cas"),
        client(9, 2, Kind::Invoke, "read"),
    ])
    .expect("well-formed");
    let operations = history.operations();
    assert_eq!(operations.len(), 4);
    assert_eq!(operations[0].output(), Some(&json!(7)));
    assert_eq!((operations[0].index, operations[0].end()), (1, 5));
    assert_eq!(operations[0].returned, Some(50));
    assert!(operations[1].is_unknown() && operations[1].completion == Some(6));
    assert_eq!(operations[1].end(), u64::MAX);
    assert!(operations[2].is_failed());
    assert!(operations[3].is_unknown() && operations[3].completion.is_none());
    assert_eq!(history.open_calls(), 1);
}

#[test]
fn each_invariant_is_checked() {
    let read = |index, process, kind| client(index, process, kind, "read");
    let twice = flaw(vec![read(0, 0, Kind::Invoke), read(1, 0, Kind::Invoke)]);
    assert!(matches!(twice, Flaw::CallWhileOpen { process: 0, since: 0, .. }), "{twice}");
    let alone = flaw(vec![read(0, 3, Kind::Ok)]);
    assert!(matches!(alone, Flaw::CompletionWithoutCall { process: 3, .. }), "{alone}");
    let after =
        flaw(vec![read(0, 0, Kind::Invoke), read(1, 0, Kind::Info), read(2, 0, Kind::Invoke)]);
    assert!(matches!(after, Flaw::CallAfterInfo { .. }), "{after}");
    let other = flaw(vec![read(0, 0, Kind::Invoke), client(1, 0, Kind::Ok, "write")]);
    assert!(matches!(other, Flaw::OtherFunction { .. }), "{other}");
    let order = flaw(vec![read(1, 0, Kind::Invoke), read(1, 1, Kind::Invoke)]);
    assert_eq!(order, Flaw::IndexNotIncreasing { index: 1, previous: 1 });
    let mut late = read(1, 1, Kind::Invoke);
    late.time = 0;
    let mut first = read(0, 0, Kind::Invoke);
    first.time = 5;
    assert_eq!(flaw(vec![first, late]), Flaw::TimeDecreasing { time: 0, previous: 5 });
}

#[test]
fn an_error_names_the_event() {
    let broken = vec![client(4, 0, Kind::Invoke, "read"), client(9, 0, Kind::Invoke, "read")];
    let error = History::new(broken).expect_err("two open calls").to_string();
    assert!(error.contains("event 9") && error.contains("another process number"), "{error}");
}

#[test]
fn lenient_histories_take_foreign_habits() {
    let history = History::new_lenient(vec![
        client(0, 0, Kind::Ok, "read"),
        client(1, 0, Kind::Invoke, "read"),
        client(2, 0, Kind::Info, "read"),
        client(3, 0, Kind::Invoke, "read"),
        client(4, 0, Kind::Invoke, "write"),
        client(5, 0, Kind::Ok, "write"),
    ])
    .expect("lenient");
    let operations = history.operations();
    let ends: Vec<_> = operations.iter().map(|o| (o.index, o.completion, o.is_ok())).collect();
    assert_eq!(
        ends,
        [(0, Some(0), true), (1, Some(2), false), (3, None, false), (4, Some(5), true)]
    );
}

#[test]
fn any_format_is_recognised_by_content() {
    let cases: [(&str, &str); 7] = [
        ("h.jsonl", r#"{"index":0,"time":1,"process":0,"type":"invoke","f":"read"}"#),
        ("h.json", r#" [ {"type":"invoke","f":"read","process":0}]"#),
        ("h.edn", "{:type :invoke, :f :read, :process 0}"),
        ("h", "; a comment\n[{:type :invoke :f :read :process 0}]"),
        ("h", "({:type :invoke :f :read :process 0})"),
        ("h", "#jepsen.history.Op{:type :invoke :f :read :process 0}"),
        ("h", "{:checker :x :history [{:type :invoke :f :read :process 0}]}"),
    ];
    for (name, text) in cases {
        let (history, recovery) = read_any(text.as_bytes(), name).expect(text);
        assert_eq!(history.events().len(), 1, "{text}");
        assert_eq!(&*history.events()[0].f, "read", "{text}");
        assert_eq!(recovery.open_calls, 1, "{text}");
    }
    assert!(matches!(read_any(b" \n", "x"), Err(ReadError::Empty { .. })));
    assert!(matches!(read_any(b"w 1 2\n", "x"), Err(ReadError::UnknownFormat { .. })));
}

#[test]
fn names_are_shared() {
    let line = r#"{"index":0,"time":1,"process":0,"type":"invoke","f":"read","node":"n1"}"#;
    let other = line.replace(":0,\"t", ":1,\"t").replace("s\":0", "s\":1");
    let text = format!("{line}\n{}\n", other.replace("\"index\":0", "\"index\":1"));
    let (history, _) = read_any(text.as_bytes(), "x").expect("two events");
    let [a, b] = history.events() else { panic!("two events") };
    assert!(std::sync::Arc::ptr_eq(&a.f, &b.f));
}
