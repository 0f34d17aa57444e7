//! Streams say what the checker of whole histories says, as soon as it can be said.

use serde_json::{Value, json};

use super::synthetic::{RegisterLoad, Shape, events, history};
use super::*;
use crate::Event;
use crate::testing::{Random, Script};
use crate::{Kind, Verdict};

fn model() -> CasRegister {
    CasRegister { initial: json!(0), ..CasRegister::default() }
}

fn streamed(history: &History) -> (Finding, Vec<Violation>) {
    let mut stream = Stream::new(model(), false);
    for event in history.events() {
        stream.push(event).expect("a good event");
    }
    let finding = stream.finish();
    (finding, stream.violations().to_vec())
}

#[test]
fn streams_agree_with_the_whole() {
    let mut seen = [0, 0];
    for seed in 0..600 {
        let unknown_per_million = [0, 0, 20_000][seed as usize % 3];
        let shape = Shape { operations: 200, processes: 6, unknown_per_million, seed };
        let mut events = events(&history(&mut RegisterLoad::new(4), shape), RegisterLoad::words)
            .events()
            .to_vec();
        if seed % 2 == 0 {
            let reads = |event: &Event| event.kind == Kind::Ok && &*event.f == "read";
            let count = events.iter().filter(|event| reads(event)).count();
            let chosen = Random(seed).below(count as u64) as usize;
            let event = events.iter_mut().filter(|event| reads(event)).nth(chosen).expect("one");
            event.value = json!((event.value.as_i64().expect("a number") + 1) % 5);
        }
        let history = History::new(events).expect("well-formed");
        let whole = Linearizable::new(model()).check(&history, &Budget::default());
        let (finding, violations) = streamed(&history);
        // With unknown calls a stream may have to leave open what a second look would settle.
        if finding.verdict != Verdict::Unknown {
            assert_eq!(finding.verdict, whole.verdict, "seed {seed}");
        }
        assert!(unknown_per_million > 0 || finding.verdict != Verdict::Unknown, "seed {seed}");
        assert_eq!(violations.is_empty(), finding.verdict != Verdict::Invalid);
        seen[usize::from(finding.verdict == Verdict::Invalid)] += 1;
    }
    assert!(seen[0] > 100 && seen[1] > 100, "{seen:?}");
}

#[test]
fn a_violation_is_known_at_the_event_that_shows_it() {
    let mut script = Script::default();
    script.whole(0, "write", json!([7, 1]), json!([7, 1]));
    script.whole(0, "write", json!([8, 1]), json!([8, 1]));
    script.whole(1, "read", json!([7, null]), json!([7, 2]));
    let mut stream = Stream::new(model(), true);
    for (at, event) in script.events.iter().enumerate() {
        stream.push(event).expect("a good event");
        assert_eq!(stream.violations().len(), usize::from(at == 5), "after event {at}");
    }
    let violation = &stream.violations()[0];
    assert_eq!((violation.operation, violation.found_at), (4, 5));
    assert_eq!((&violation.key, &violation.states[..]), (&Some(json!(7)), &["1".to_owned()][..]));
    script.whole(2, "write", json!([7, 2]), json!([7, 2]));
    let finding = stream.finish();
    assert_eq!(finding.verdict, Verdict::Invalid);
    assert_eq!(finding.anomalies[0].key, Some(json!(7)));
}

#[test]
fn bad_events_are_named() {
    let mut stream = Stream::new(model(), false);
    let mut script = Script::default();
    script.whole(0, "frobnicate", Value::Null, Value::Null);
    stream.push(&script.events[0]).expect("not read yet");
    let why = stream.push(&script.events[1]).expect_err("unknown function");
    assert!(why.contains("operation 0 cannot be read"), "{why}");
    let why = stream.push(&script.events[1]).expect_err("no call");
    assert!(why.contains("event 1 completes what nobody called"), "{why}");
    assert_eq!(Stream::new(model(), false).finish().verdict, Verdict::Unknown);
}
