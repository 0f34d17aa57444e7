//! Judges say the same on any number of threads and in whatever pieces the history comes.

use serde_json::json;

use super::*;
use crate::history::jsonl::{self, write_event};
use crate::linear::synthetic::{RegisterLoad, Shape, events, history};
use crate::linear::{CasRegister, Linearizable, Stream};
use crate::testing::Random;
use crate::{Budget, Checker, Kind, Verdict};

/// Keyed registers: so many keys of which each is used for a while only.
fn lines(seed: u64, keys: usize, broken: usize, unknown_per_million: u64) -> Vec<u8> {
    let mut all: Vec<Event> = Vec::new();
    let mut random = Random(seed);
    for key in 0..keys {
        let shape = Shape { operations: 40, processes: 3, unknown_per_million, seed: key as u64 };
        let calls = history(&mut RegisterLoad::new(5), shape);
        let mut own = events(&calls, RegisterLoad::words).events().to_vec();
        if key < broken {
            let read = own.iter_mut().rfind(|e| e.kind == Kind::Ok && &*e.f == "read");
            read.expect("a read").value = json!(99);
        }
        // Keys begin one after another, and a hundred or so are in use at a time.
        let base = 20 * key as u64;
        for event in &mut own {
            event.time = 100 * (base + event.index) + random.below(50);
            event.process = match event.process {
                crate::Process::Client(p) => crate::Process::Client(100 * key as u32 + p),
                nemesis => nemesis,
            };
            event.value = json!([key, event.value]);
        }
        all.extend(own);
    }
    all.sort_by_key(|event| event.time);
    let mut bytes = Vec::new();
    for (index, event) in (0..).zip(&mut all) {
        event.index = index;
        write_event(&mut bytes, event).expect("a vector");
    }
    bytes
}

fn register() -> CasRegister {
    CasRegister { initial: json!(0), ..CasRegister::default() }
}

fn judged(bytes: &[u8], piece: usize, threads: usize) -> (String, Vec<u64>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| {
        let mut judge = Judge::of(Stream::streams(register(), true));
        for piece in bytes.chunks(piece) {
            judge.push_lines(piece).expect("good lines");
            if piece.len() % 7 == 3 {
                judge.flush().expect("good lines");
            }
        }
        let (finding, _) = judge.finish().expect("good lines");
        let found = judge.violations().iter().map(|violation| violation.found_at).collect();
        (serde_json::to_string(&finding).expect("JSON"), found)
    })
}

#[test]
fn the_answer_does_not_depend_on_threads_or_pieces() {
    let bytes = lines(1, 3_000, 40, 1_000);
    let expected = judged(&bytes, 1 << 30, 1);
    assert!(expected.0.contains("\"anomaly_count\":40"), "{}", expected.0);
    assert_eq!(expected.1.len(), 40);
    assert!(expected.1.is_sorted());
    for (piece, threads) in [(1 << 20, 2), (100_000, 3), (7_777, 5)] {
        assert_eq!(judged(&bytes, piece, threads), expected, "{piece} bytes, {threads} threads");
    }
}

#[test]
fn keys_that_come_and_go_are_judged_as_a_whole_history_is() {
    for (seed, broken) in [(2, 0), (3, 1), (4, 300)] {
        // So many that those left alone are put to rest.
        let bytes = lines(seed, 2_000, broken, 0);
        let (history, _) = jsonl::read(&bytes[..]).expect("good lines");
        let whole = Linearizable::new(register()).keyed(true).check(&history, &Budget::default());
        let mut judge = Judge::of(Stream::streams(register(), true));
        judge.push_lines(&bytes).expect("good lines");
        let (finding, _) = judge.finish().expect("good lines");
        assert_eq!(finding.verdict, whole.verdict, "{broken}");
        assert_eq!(finding.anomaly_count, whole.anomaly_count);
        assert_eq!(finding.stats["keys"], whole.stats["keys"]);
    }
}

#[test]
fn the_first_error_of_the_history_is_told() {
    let good = String::from_utf8(lines(5, 300, 0, 1_000)).expect("text");
    let count = good.lines().count();
    let broken = |at: usize, with: &str| {
        let mut lines: Vec<&str> = good.lines().collect();
        lines.insert(at, with);
        let mut judge = Judge::of(Stream::streams(register(), true));
        let result = judge.push_lines((lines.join("\n") + "\n").as_bytes());
        result.and_then(|()| judge.finish().map(drop)).expect_err("an error").to_string()
    };
    assert!(broken(700, "{]").starts_with("line 701, column 2: "));
    assert!(broken(count, "\n\n{}").contains(&format!("line {}, column 2: ", count + 3)));
    let repeated = broken(50, good.lines().next().expect("a line"));
    assert!(repeated.starts_with("line 51: its index is 0"), "{repeated}");
    // A bad call comes before the bad line that follows it.
    let line = |index: u64, kind: &str| {
        format!(
            r#"{{"index":{index},"time":99999999999,"process":9,"type":"{kind}","f":"look","value":[1,2]}}"#
        )
    };
    let end = format!("{}\n{}\n{{]", line(1_000_000, "invoke"), line(1_000_001, "ok"));
    let told = broken(count, &end);
    assert!(told.starts_with("operation 1000000 cannot be read"), "{told}");
}

#[test]
fn a_torn_last_line_is_cut_off_and_told() {
    let bytes = lines(6, 50, 0, 0);
    let mut judge = Judge::of(Stream::streams(register(), true));
    judge.push_lines(&bytes[..bytes.len() - 9]).expect("good lines");
    let (finding, recovery) = judge.finish().expect("a torn line is no error");
    assert_eq!(finding.verdict, Verdict::Valid);
    let count = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(recovery.torn_line, Some(count));
    assert_eq!(judge.events(), count - 1);
}
