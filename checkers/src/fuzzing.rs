//! What must hold of any input whatsoever: for the fuzzer, and for the inputs kept of it.
//!
//! Each function here is a fuzz target. It panics if the code under test does something that
//! it never may. `fuzz/` runs them on random bytes, a test of this module on the kept ones.

use serde_json::Value;

use crate::history::{
    Format, History, Kind, ReadError, Recovery, edn, elle_json, jsonl, log, read_with_hints,
    test_jepsen, violin,
};
use crate::{Event, Outcome};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All targets by name, which is also that of the folder of kept inputs.
pub const TARGETS: &[(&str, Target)] = &[
    ("jsonl", jsonl),
    ("edn", edn),
    ("elle_json", elle_json),
    ("porcupine_etcd", porcupine_etcd),
    ("porcupine_kv", porcupine_kv),
    ("violin", violin),
    ("test_jepsen", test_jepsen),
    #[cfg(any(test, feature = "fuzzing"))]
    ("engines", engines),
    #[cfg(any(test, feature = "fuzzing"))]
    ("txn_edn", crate::txn::read::fuzzing::edn),
    #[cfg(any(test, feature = "fuzzing"))]
    ("txn_json", crate::txn::read::fuzzing::json),
    #[cfg(any(test, feature = "fuzzing"))]
    ("txn_texts", crate::txn::read::fuzzing::texts),
    #[cfg(any(test, feature = "fuzzing"))]
    ("txn_plume", crate::txn::read::fuzzing::plume),
    #[cfg(any(test, feature = "fuzzing"))]
    ("txn_dbcop", crate::txn::read::fuzzing::dbcop),
    #[cfg(any(test, feature = "fuzzing"))]
    ("txn_cobra", crate::txn::read::fuzzing::cobra),
    #[cfg(any(test, feature = "fuzzing"))]
    ("txn_checkers", txn_checkers),
];

/// Small histories of transactions: nothing is ruled out that the definitions allow.
#[cfg(any(test, feature = "fuzzing"))]
pub fn txn_checkers(bytes: &[u8]) {
    crate::txn::fuzzing::checkers(bytes);
}

/// What a reader gives.
type Found = Result<(History, Recovery), ReadError>;

/// Our own format: what it accepts is well-formed.
pub fn jsonl(bytes: &[u8]) {
    let found = jsonl::read(bytes);
    if let Ok((history, _)) = &found {
        assert!(History::new(history.events().to_vec()).is_ok(), "a flaw was not seen");
    }
    sound(bytes, Format::JsonLines, &found);
}

/// Jepsen's EDN.
pub fn edn(bytes: &[u8]) {
    // Any answer will do, only it has to come.
    drop(edn::parse_value(bytes));
    sound(bytes, Format::Edn, &edn::read(bytes));
}

/// elle-cli's JSON array.
pub fn elle_json(bytes: &[u8]) {
    sound(bytes, Format::JsonArray, &elle_json::read(bytes));
}

/// Logs of events, of which Porcupine's etcd logs are.
pub fn porcupine_etcd(bytes: &[u8]) {
    sound(bytes, Format::Log, &log::read(bytes));
}

/// EDN with keys in a field of their own: every value of a client becomes a pair.
pub fn porcupine_kv(bytes: &[u8]) {
    sound(bytes, Format::Edn, &edn::read(bytes));
    if let Ok(reading) = read_with_hints(bytes, "kv.txt")
        && reading.hints.workload == Some("kv-map")
    {
        let pair = |event: &Event| event.value.as_array().is_some_and(|pair| pair.len() == 2);
        let mut clients = reading.history.events().iter().filter(|e| e.process.client().is_some());
        assert!(clients.all(pair), "a value without its key");
    }
}

/// Violin's logs: what is accepted is well-formed, and each answer fits its call.
pub fn violin(bytes: &[u8]) {
    let found = violin::read(bytes);
    if let Ok((history, _)) = &found {
        assert!(History::new(history.events().to_vec()).is_ok(), "a flaw was not seen");
        for operation in history.operations() {
            let puts = matches!(operation.f, "enqueue" | "push");
            assert_eq!(operation.input.is_null(), !puts, "{operation:?}");
            assert!(!puts || operation.output().is_none_or(|output| output == operation.input));
        }
    }
    sound(bytes, Format::Violin, &found);
}

/// Jepsen's binary file: the bytes as a file, as one whose checksums are right, and as the
/// chunk that a crashed run leaves.
pub fn test_jepsen(bytes: &[u8]) {
    sound(bytes, Format::TestJepsen, &test_jepsen::read(bytes));
    let mut sealed = bytes.to_vec();
    test_jepsen::seal(&mut sealed);
    sound(&sealed, Format::TestJepsen, &test_jepsen::read(&sealed));
    let chunk = test_jepsen::unsealed(bytes);
    sound(&chunk, Format::TestJepsen, &test_jepsen::read(&chunk));
}

/// The engines that decide linearizability: at most eight calls on a model, which the first
/// byte names, are judged as brute force judges them.
#[cfg(any(test, feature = "fuzzing"))]
pub fn engines(bytes: &[u8]) {
    crate::linear::fuzzing::engines(bytes);
}

/// What holds of every history that was read.
fn sound(bytes: &[u8], format: Format, found: &Found) {
    let detected = read_with_hints(bytes, "history");
    let Ok((history, recovery)) = found else { return };
    // Whoever detects the format also takes off the mark in front, which counts as a byte here.
    if let Ok(reading) = &detected
        && reading.hints.format == format
        && !bytes.starts_with(b"\xef\xbb\xbf")
    {
        assert_eq!(reading.history.events(), history.events(), "read twice, not the same");
        assert_eq!(reading.recovery, *recovery, "read twice, not the same");
    }
    assert!(recovery.torn_bytes <= bytes.len() as u64, "{recovery:?}");
    let events = history.events();
    for pair in events.windows(2) {
        assert!(pair[0].index < pair[1].index, "indices do not increase: {pair:?}");
        assert!(pair[0].time <= pair[1].time, "times decrease: {pair:?}");
    }
    paired(history, recovery);
    written(events);
}

/// Every call is an operation, and every answer is of one.
fn paired(history: &History, recovery: &Recovery) {
    let operations = history.operations();
    let clients = || history.events().iter().filter(|event| event.process.client().is_some());
    let calls = clients().filter(|event| event.kind == Kind::Invoke).count();
    let answers = clients().count() - calls;
    let answered = operations.iter().filter(|operation| operation.completion.is_some()).count();
    assert_eq!(answered, answers, "an answer was lost");
    assert!(operations.len() >= calls, "a call was lost");
    let open = operations.iter().filter(|operation| operation.completion.is_none()).count();
    assert_eq!(recovery.open_calls, open as u64, "open calls");
    for operation in &operations {
        assert!(operation.end() >= operation.index, "{operation:?}");
        assert_eq!(operation.outcome == Outcome::Unknown, operation.end() == u64::MAX);
    }
}

/// Writing the events and reading them gives the same events, in EDN and in our own format;
/// the latter only takes what is well-formed.
fn written(events: &[Event]) {
    let (mut as_edn, mut as_json) = (Vec::new(), Vec::new());
    for event in events {
        edn::write_event(&mut as_edn, event).expect("a vector takes everything");
        jsonl::write_event(&mut as_json, event).expect("a vector takes everything");
    }
    let (again, _) = edn::read(&as_edn).expect("what was written");
    same(events, again.events());
    match (jsonl::read(&as_json[..]), History::new(events.to_vec())) {
        (Ok((again, _)), Ok(_)) => same(events, again.events()),
        (Err(ReadError::Malformed { .. }), Err(_)) => {}
        (read, new) => panic!("a reader and a constructor differ: {read:?} {:?}", new.err()),
    }
}

/// The same events; JSON and EDN have no integer -0, which is why it equals 0.
fn same(events: &[Event], again: &[Event]) {
    assert_eq!(events.len(), again.len(), "events were lost");
    for (event, again) in events.iter().zip(again) {
        assert_eq!(event, again, "written and read, not the same");
        let number = |value: &Value| value.as_f64().map(f64::to_bits);
        assert_eq!(number(&event.value), number(&again.value), "a number changed");
    }
}

#[cfg(test)]
mod tests;
