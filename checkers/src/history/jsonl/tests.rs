//! Tests of the JSON-lines reader and writer: round trips, torn and damaged files.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Kind, Process};

fn written(events: &[Event]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        write_event(&mut bytes, event).expect("a vector takes everything");
    }
    bytes
}

fn sample() -> Vec<Event> {
    let event = |index, process, kind, value| Event {
        index,
        time: index * 7,
        process,
        kind,
        f: "txn".into(),
        value,
        node: Some("n1".into()),
        error: (kind == Kind::Info).then(|| "timed out".into()),
        due: None,
    };
    vec![
        event(0, Process::Client(0), Kind::Invoke, json!([["append", 1, 2], ["r", 3, null]])),
        event(1, Process::Nemesis, Kind::Info, json!({"n1": ["é\n", 1.5, true]})),
        event(2, Process::Client(1), Kind::Invoke, json!(-4)),
        event(3, Process::Client(0), Kind::Ok, json!([["append", 1, 2], ["r", 3, [1]]])),
        event(4, Process::Client(1), Kind::Info, json!(null)),
    ]
}

#[test]
fn what_is_written_is_read() {
    let events = sample();
    let (history, recovery) = read(&written(&events)[..]).expect("whole");
    assert_eq!(history.events(), events);
    assert_eq!(recovery, Recovery::default());
}

#[test]
fn a_history_cut_at_any_byte_is_recovered() {
    let events = sample();
    let bytes = written(&events);
    for cut in 0..bytes.len() {
        let (history, recovery) = read(&bytes[..cut]).expect("a torn file is no error");
        let whole = history.events().len();
        assert_eq!(history.events(), &events[..whole]);
        let newlines = bytes[..cut].iter().filter(|b| **b == b'\n').count();
        // A last event that lacks nothing but its newline is known whole.
        assert!(whole == newlines || (whole == newlines + 1 && bytes[cut] == b'\n'));
        let kept = written(&events[..whole]).len();
        assert_eq!(recovery.torn_bytes, (cut.saturating_sub(kept)) as u64);
        assert_eq!(recovery.is_torn(), recovery.torn_line.is_some());
    }
}

#[test]
fn a_tail_of_zeros_is_torn() {
    let mut bytes = written(&sample());
    bytes.extend([0; 4096]);
    let (history, recovery) = read(&bytes[..]).expect("recovered");
    assert_eq!((history.events().len(), recovery.torn_bytes), (5, 4096));
}

#[test]
fn damage_in_the_middle_is_an_error_with_its_place() {
    let text = String::from_utf8(written(&sample())).expect("JSON is text");
    let broken = text.replacen("\"type\":\"info\"", "\"type\":\"maybe\"", 1);
    let error = read(broken.as_bytes()).expect_err("no such type");
    let ReadError::Line { line, column, why } = &error else { panic!("{error}") };
    assert_eq!(*line, 2);
    assert!(*column > 20, "{column}");
    assert!(why.contains("maybe") && !why.contains("line 1"), "{why}");
    let missing = text.replacen("\"f\":\"txn\",", "", 1);
    let error = read(missing.as_bytes()).expect_err("no function").to_string();
    assert!(error.contains("line 1") && error.contains("missing field `f`"), "{error}");
}

#[test]
fn a_broken_order_names_its_line() {
    let mut events = sample();
    events[3].process = Process::Client(7);
    let error = read(&written(&events)[..]).expect_err("nobody called");
    assert!(matches!(error, ReadError::Malformed { line: 4, .. }), "{error}");
}

#[test]
fn lines_are_limited() {
    let bytes = written(&sample());
    let error = read_limited(&bytes[..], 40).expect_err("too long");
    assert!(matches!(error, ReadError::LongLine { line: 1, limit: 40 }), "{error}");
}

proptest! {
    #[test]
    fn numbers_come_back_bit_by_bit(number in prop::num::f64::NORMAL) {
        let mut event = sample().swap_remove(1);
        event.value = json!(number);
        let (history, _) = read(&written(&[event])[..]).expect("whole");
        let again = history.events()[0].value.as_f64().map(f64::to_bits);
        prop_assert_eq!(again, Some(number.to_bits()));
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes[..]);
        let _ = crate::history::read_any(&bytes, "x");
    }
}
