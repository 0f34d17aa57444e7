//! Streams say what the checker of whole histories says, as soon as it can be said.

use serde_json::{Value, json};

use super::synthetic::{RegisterLoad, Shape, events, history};
use super::*;
use crate::streaming::{Judge, JudgeError, Violation};
use crate::testing::{Random, Script};
use crate::{Event, Kind, Verdict};

fn model() -> CasRegister {
    CasRegister { initial: json!(0), ..CasRegister::default() }
}

fn judge(keyed: bool) -> Judge {
    Judge::of(Stream::streams(model(), keyed))
}

fn streamed(history: &History) -> (Finding, Vec<Violation>) {
    let mut judge = judge(false);
    judge.push_events(history.events()).expect("good events");
    let (finding, _) = judge.finish().expect("good events");
    (finding, judge.violations().to_vec())
}

#[test]
fn streams_agree_with_the_whole() {
    let mut seen = [0, 0];
    for seed in 0..900 {
        let unknown_per_million = [0, 0, 20_000][seed as usize % 3];
        let shape = Shape { operations: 200, processes: 6, unknown_per_million, seed };
        // Where every write has a value of its own, values are forgotten all the time.
        let mut load = if seed % 5 == 0 { RegisterLoad::unique() } else { RegisterLoad::new(4) };
        let mut events = events(&history(&mut load, shape), RegisterLoad::words).events().to_vec();
        if seed % 2 == 0 {
            let reads = |event: &Event| event.kind == Kind::Ok && &*event.f == "read";
            let count = events.iter().filter(|event| reads(event)).count();
            let chosen = Random(seed).below(count as u64) as usize;
            let most = if seed % 5 == 0 { 100 } else { 5 };
            let event = events.iter_mut().filter(|event| reads(event)).nth(chosen).expect("one");
            event.value = json!((event.value.as_i64().expect("a number") + 1) % most);
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
    let mut judge = judge(true);
    for (at, event) in script.events.iter().enumerate() {
        judge.push_events(std::slice::from_ref(event)).expect("a good event");
        judge.flush().expect("a good event");
        assert_eq!(judge.violations().len(), usize::from(at == 5), "after event {at}");
    }
    let violation = judge.violations()[0].clone();
    assert_eq!((violation.operation, violation.found_at), (4, 5));
    assert_eq!((&violation.key, &violation.states[..]), (&Some(json!(7)), &["1".to_owned()][..]));
    let (finding, _) = judge.finish().expect("good events");
    assert_eq!(finding.verdict, Verdict::Invalid);
    assert_eq!(finding.anomalies[0].key, Some(json!(7)));
}

#[test]
fn bad_events_are_named() {
    let mut script = Script::default();
    script.whole(0, "frobnicate", Value::Null, Value::Null);
    let why = |events: &[Event], keyed| {
        let mut judge = judge(keyed);
        judge.push_events(events).and_then(|()| judge.flush()).expect_err("bad").to_string()
    };
    let named = why(&script.events, false);
    assert!(named.contains("operation 0 cannot be read"), "{named}");
    let named = why(&script.events[..1], true);
    assert!(named.contains("event 0 has the value null, where a keyed"), "{named}");
    let named = why(&script.events[1..], false);
    assert!(named.contains("completes `frobnicate` without having called it"), "{named}");
    let mut judge = judge(false);
    assert_eq!(judge.finish().expect("nothing").0.verdict, Verdict::Unknown);
    assert!(matches!(judge.flush(), Err(JudgeError::Over)));
}
