//! Each kind of violation, planted: it is found, named and cut down to what proves it.

use serde_json::{Value, json};

use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::{Anomaly, Event, Kind, Verdict};

fn anomaly(script: &Script) -> Anomaly {
    let checker = Linearizable::new(CasRegister::default());
    let finding = checker.check(&script.history(), &Budget::default());
    assert_eq!(finding.verdict, Verdict::Invalid, "{:?}", script.events);
    finding.anomalies[0].clone()
}

fn kind_and_operations(script: &Script) -> (String, Vec<u64>) {
    let anomaly = anomaly(script);
    (anomaly.kind, anomaly.operations)
}

fn write(script: &mut Script, process: u32, value: i64) -> &mut Script {
    script.whole(process, "write", json!(value), json!(value))
}

fn read(script: &mut Script, process: u32, value: Value) -> &mut Script {
    script.whole(process, "read", Value::Null, value)
}

#[test]
fn a_stale_read_that_others_read_past() {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    write(&mut script, 0, 2);
    read(&mut script, 1, json!(1));
    read(&mut script, 2, json!(2));
    let anomaly = anomaly(&script);
    assert_eq!(anomaly.kind, "stale-read");
    assert_eq!(anomaly.operations, [0, 2, 4]);
    let last = &anomaly.steps.last().expect("steps").text;
    assert!(last.contains("could only hold 2 when process 1 read 1"), "{last}");
}

#[test]
fn a_stale_read_of_the_initial_null() {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    read(&mut script, 1, json!(1));
    read(&mut script, 2, json!(null));
    write(&mut script, 0, 2);
    assert_eq!(kind_and_operations(&script), ("stale-read".into(), vec![0, 4]));
}

#[test]
fn reads_that_go_back_in_time() {
    let mut script = Script::default();
    script.call(0, "write", json!(1));
    read(&mut script, 1, json!(1));
    read(&mut script, 2, json!(null));
    script.ok(0, "write", json!(1));
    assert_eq!(kind_and_operations(&script), ("stale-read".into(), vec![1, 3]));
}

#[test]
fn a_lost_write() {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    write(&mut script, 0, 2);
    read(&mut script, 1, json!(1));
    read(&mut script, 2, json!(1));
    write(&mut script, 0, 3);
    let anomaly = anomaly(&script);
    assert_eq!((anomaly.kind.as_str(), &anomaly.operations[..]), ("lost-write", &[0, 2, 4][..]));
    assert!(anomaly.explanation.contains("acknowledge"), "{}", anomaly.explanation);
}

#[test]
fn a_write_lost_after_it_was_seen() {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    write(&mut script, 0, 2);
    read(&mut script, 1, json!(2));
    read(&mut script, 2, json!(1));
    read(&mut script, 3, json!(1));
    assert_eq!(anomaly(&script).kind, "lost-write");
}

#[test]
fn a_dirty_read() {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    script.failed(1, "write", json!(2));
    read(&mut script, 2, json!(2));
    assert_eq!(kind_and_operations(&script), ("dirty-read".into(), vec![2, 4]));
}

#[test]
fn a_phantom_read() {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    read(&mut script, 2, json!(9));
    assert_eq!(kind_and_operations(&script), ("phantom-read".into(), vec![2]));
}

#[test]
fn a_read_from_the_future() {
    let mut script = Script::default();
    read(&mut script, 2, json!(5));
    write(&mut script, 0, 5);
    assert_eq!(kind_and_operations(&script), ("future-read".into(), vec![0, 2]));
}

#[test]
fn lost_updates() {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    script.call(0, "cas", json!([1, 2])).call(1, "cas", json!([1, 3]));
    script.ok(0, "cas", json!([1, 2])).ok(1, "cas", json!([1, 3]));
    read(&mut script, 2, json!(3));
    assert_eq!(kind_and_operations(&script), ("lost-update".into(), vec![0, 2, 3]));
    let mut script = Script::default();
    write(&mut script, 0, 1);
    write(&mut script, 0, 2);
    script.whole(1, "cas", json!([1, 3]), json!([1, 3]));
    assert_eq!(anomaly(&script).kind, "lost-update");
}

#[test]
fn a_lock_granted_twice() {
    let mut script = Script::default();
    script
        .whole(0, "acquire", json!(null), json!(null))
        .whole(0, "release", json!(null), json!(null))
        .whole(0, "acquire", json!(null), json!(null))
        .whole(1, "acquire", json!(null), json!(null));
    let finding = Linearizable::new(Mutex).check(&script.history(), &Budget::default());
    let anomaly = &finding.anomalies[0];
    assert_eq!(anomaly.kind, "double-grant");
    assert_eq!(anomaly.operations.len(), 2, "{anomaly:?}");
}

/// With appends, no call is known to leave what another got; that is no proof that nobody did.
/// The same piece twice leaves it to the general engine.
#[test]
fn a_value_put_together_is_no_phantom() {
    let mut script = Script::default();
    script
        .whole(0, "put", json!("a"), json!(null))
        .whole(0, "append", json!("b"), json!(null))
        .whole(1, "get", json!(null), json!("ab"))
        .whole(0, "append", json!("b"), json!(null))
        .whole(1, "get", json!(null), json!("ab"));
    let kind = |script: &Script| {
        let checker = Linearizable::new(KvMap::default());
        let finding = checker.check(&script.history(), &Budget::default());
        assert_eq!(finding.verdict, Verdict::Invalid);
        finding.anomalies[0].kind.clone()
    };
    assert_eq!(kind(&script), "nonlinearizable");
    let mut script = Script::default();
    script
        .whole(0, "put", json!("a"), json!(null))
        .whole(0, "append", json!("b"), json!(null))
        .whole(1, "get", json!(null), json!("a"))
        .whole(1, "get", json!(null), json!("ab"));
    assert_eq!(kind(&script), "stale-read");
}

#[test]
fn unknown_calls_are_no_evidence() {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    script.call(9, "write", json!(2)).push(9, Kind::Info, "write", json!(2));
    read(&mut script, 1, json!(1));
    read(&mut script, 2, json!(2));
    read(&mut script, 3, json!(2));
    let checker = Linearizable::new(CasRegister::default());
    assert_eq!(checker.check(&script.history(), &Budget::default()).verdict, Verdict::Valid);
    read(&mut script, 1, json!(1));
    let anomaly = anomaly(&script);
    assert_eq!(anomaly.kind, "stale-read");
    assert!(anomaly.operations.len() <= 4, "{anomaly:?}");
}

/// A long atomic history with distinct values, so that what is planted stays what it is.
fn long(seed: u64) -> Vec<Event> {
    let (mut value, mut fresh) = (Value::Null, 0);
    let mut object = |f: &str, input: &Value| {
        if f == "write" {
            value = input.clone();
        }
        Some(value.clone())
    };
    let mut asking = |random: &mut Random| {
        fresh += 1;
        if random.chance(50) { ("read", Value::Null) } else { ("write", json!(fresh)) }
    };
    let history = atomic_history(&mut Random(seed), 300, 5, 2, &mut asking, &mut object);
    history.events().to_vec()
}

/// Changes the answer of a read in the middle with `mutate`, which gets the values written and
/// acknowledged before the read began.
fn mutated(seed: u64, mutate: impl Fn(&[Value]) -> Value) -> Anomaly {
    let mut events = long(seed);
    let reads = events.iter().enumerate().filter(|(_, e)| e.kind == Kind::Ok && &*e.f == "read");
    let at = reads.map(|(at, _)| at).nth(60).expect("more than sixty reads");
    let process = events[at].process;
    let begun = events[..at].iter().rposition(|e| e.process == process).expect("its call");
    let acknowledged: Vec<Value> = events[..begun]
        .iter()
        .filter(|e| e.kind == Kind::Ok && &*e.f == "write")
        .map(|e| e.value.clone())
        .collect();
    events[at].value = mutate(&acknowledged);
    anomaly(&Script { events })
}

#[test]
fn planted_kinds_are_found_in_long_histories() {
    for seed in 0..12 {
        let phantom = mutated(seed, |_| json!("nowhere"));
        assert_eq!((phantom.kind.as_str(), phantom.operations.len()), ("phantom-read", 1));
        let stale = mutated(seed, |written| written[written.len() - 20].clone());
        assert!(["stale-read", "lost-write"].contains(&stale.kind.as_str()), "{stale:?}");
        assert!(stale.operations.len() <= 4, "{stale:?}");
        let null = mutated(seed, |_| Value::Null);
        assert!(["stale-read", "lost-write"].contains(&null.kind.as_str()), "{null:?}");
        assert!(null.operations.len() <= 2, "{null:?}");
    }
}
