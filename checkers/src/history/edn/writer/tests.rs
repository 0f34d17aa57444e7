//! Tests of the EDN writer: its exact words, and that everything comes back.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::history::edn;

fn event(process: Process, kind: Kind, f: &str, value: Value) -> Event {
    Event {
        index: 3,
        time: 42,
        process,
        kind,
        f: f.into(),
        value,
        node: None,
        error: None,
        due: None,
    }
}

fn line(event: &Event) -> String {
    let mut bytes = Vec::new();
    write_event(&mut bytes, event).expect("a vector takes everything");
    String::from_utf8(bytes).expect("EDN is UTF-8")
}

#[test]
fn the_words_are_those_of_jepsen() {
    let client = Process::Client(7);
    let value = json!([["append", 1, 2], ["r", "x", null], ["r", 3, [1, 2]]]);
    assert_eq!(
        line(&event(client, Kind::Ok, "txn", value)),
        "{:process 7, :type :ok, :f :txn, :value [[:append 1 2] [:r \"x\" nil] [:r 3 [1 2]]], \
         :time 42, :index 3}\n"
    );
    let mut info = event(client, Kind::Info, "cas", json!([3, [0, 1]]));
    (info.node, info.error) = (Some("n1".into()), Some("timed out".into()));
    assert_eq!(
        line(&info),
        "{:process 7, :type :info, :f :cas, :value [3 [0 1]], :time 42, :index 3, \
         :node \"n1\", :error \"timed out\"}\n"
    );
    let start = event(Process::Nemesis, Kind::Info, "start-partition", json!({"n1": ["a\n\"b\""]}));
    assert_eq!(
        line(&start),
        "{:process :nemesis, :type :info, :f :start-partition, :value {:n1 [\"a\\n\\\"b\\\"\"]}, \
         :time 42, :index 3}\n"
    );
}

#[test]
fn values_become_what_clojure_has_for_them() {
    let cases = [
        (json!({"amount": 5, "from": 0, "to": 1}), "{:amount 5, :from 0, :to 1}"),
        (json!({"0": 10, "-3": 20, "01": 1}), "{-3 20, 0 10, \"01\" 1}"),
        (json!({"a b": 1, "a/b": 2, "/": 3}), "{\"/\" 3, \"a b\" 1, :a/b 2}"),
        (json!(["r", 1, 2]), "[\"r\" 1 2]"),
        (json!([["r", 1, 2], ["x", 1, 2]]), "[[\"r\" 1 2] [\"x\" 1 2]]"),
        (json!([[], {}, [[]], true, 1.5]), "[[] {} [[]] true 1.5]"),
        (json!([u64::MAX, i64::MIN, 1e300]), "[18446744073709551615N -9223372036854775808 1e+300]"),
        (json!("\u{0}é𝄞\\"), "\"\\u0000é𝄞\\\\\""),
    ];
    for (value, expected) in cases {
        let text = line(&event(Process::Client(0), Kind::Ok, "read", value));
        assert!(text.contains(&format!(":value {expected}, :time")), "{text}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        "[rwa.:/ 0-9\"\\\\-]{0,4}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        let key = prop_oneof!["[a-z0-9/ :-]{0,4}", any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("r|w|append", inner.clone(), inner.clone()), 0..3)
                .prop_map(|steps| json!(steps)),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let process = prop_oneof![any::<u32>().prop_map(Process::Client), Just(Process::Nemesis)];
    let kind = prop::sample::select(vec![Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info]);
    let name = || prop_oneof!["[a-z/:0-9-]{0,5}", any::<String>()];
    let optional = move || prop::option::of(name().prop_map(|name| name.as_str().into()));
    (process, kind, name(), any_value(), optional(), optional()).prop_map(
        |(process, kind, f, value, node, error)| Event {
            node,
            error,
            ..event(process, kind, &f, value)
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(mut events in prop::collection::vec(any_event(), 1..6)) {
        let mut bytes = Vec::new();
        for (index, event) in events.iter_mut().enumerate() {
            (event.index, event.time) = (index as u64 * 3, index as u64 * 1000);
            write_event(&mut bytes, event).expect("a vector takes everything");
        }
        prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), events.len());
        let (history, recovery) = edn::read(&bytes).expect("what was written");
        prop_assert_eq!(history.events(), events);
        prop_assert_eq!((recovery.renumbered, recovery.retimed, recovery.skipped), (0, 0, 0));
    }
}
