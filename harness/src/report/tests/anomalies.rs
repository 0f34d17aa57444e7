//! The anomalies that the made-up runs hold.

use super::fixture::*;
use perjury_checkers::finding::Finding;
use perjury_checkers::{Anomaly, Edge, Kind, Step};
use serde_json::{Value, json};

/// Processes that the load does not use.
const FIRST: u32 = 9001;

const STALE: &str = "\
    A client read 1 from key 77, although another client's write of 2 had been \
    acknowledged 1.46 s before the read began, and a third client had already read 2. A \
    linearizable register never goes back.";
const SKEW: &str = "\
    T1 read key 3 without the 4 that T2 appended to it, so T1 came before T2. Yet T3 saw \
    T2's append and T1's append to key 5 came after T3's. No order of the three fits.";
const LOST: &str = "\
    Adding 1312 was acknowledged, and no read from then on shows it, the final read \
    among them.";
const LATER_READ: &str = "\
    T3 appended 1 to key 5, and T1 appended 9 right after it: a later read of key 5 shows \
    them in this order, [1, 9]";
const RULED_OUT: [&str; 3] = ["serializable", "snapshot-isolation", "repeatable-read"];

pub(super) fn clean(count: usize) -> Run {
    run("register", count, |_| {
        Box::new(|_| {
            vec![
                Finding::valid(
                    "linearizable",
                    json!({"keys": 10, "operations": 4811, "states": 91_200}),
                ),
                Finding::valid("timeline", json!({"processes": 61})),
            ]
        })
    })
}

fn step(text: &str, operations: &[u64]) -> Step {
    Step { text: text.to_owned(), operations: operations.to_vec() }
}

/// A read from a follower that missed a write which had long been acknowledged.
pub(super) fn stale_read() -> Run {
    run("register", 5000, |script| {
        let at = 17 * SECOND + 200 * MS;
        let key = |value: Value| json!([77, value]);
        script.call(FIRST, at, 3 * MS, "write", (key(json!(1)), Kind::Ok, key(json!(1))));
        let two = (key(json!(2)), Kind::Ok, key(json!(2)));
        script.call(FIRST + 1, at + 8 * MS, 12 * MS, "write", two);
        script.call(
            FIRST + 2,
            at + 10 * MS,
            990 * MS,
            "write",
            (key(json!(3)), Kind::Info, key(json!(3))),
        );
        script.error("no answer within 1 s");
        script.call(
            FIRST + 3,
            at + 15 * MS,
            4 * MS,
            "read",
            (key(Value::Null), Kind::Ok, key(json!(2))),
        );
        script.call(
            FIRST + 4,
            at + 1480 * MS,
            900_000,
            "read",
            (key(Value::Null), Kind::Ok, key(json!(1))),
        );
        Box::new(|history| {
            let by = |process| index_of(history, |event| event.process.client() == Some(process));
            let [first, second, third, fresh, stale] =
                [0, 1, 2, 3, 4].map(|offset| by(FIRST + offset));
            let anomaly = Anomaly {
                kind: "stale-read".to_owned(),
                title: "Stale read of key 77".to_owned(),
                explanation: STALE.to_owned(),
                steps: vec![
                    step(
                        "The write of 1 was acknowledged before 2 was written, so 1 is older.",
                        &[first, second],
                    ),
                    step(
                        "A read returned 2, so the write of 2 had taken effect by then.",
                        &[second, fresh],
                    ),
                    step(
                        "The write of 3 has no answer, and nobody read 3, so it may be left out.",
                        &[third],
                    ),
                    step(
                        "The last read began after that and returned 1, long overwritten.",
                        &[first, stale],
                    ),
                ],
                operations: vec![first, second, third, fresh, stale],
                edges: Vec::new(),
                dead_end: None,
                key: Some(json!(77)),
                rules_out: vec!["linearizable".to_owned(), "sequential".to_owned()],
            };
            vec![
                invalid("linearizable", vec![anomaly]),
                Finding::valid("timeline", json!({"processes": 61})),
            ]
        })
    })
}

/// Two transactions of which each missed what the other wrote, and a third between them.
pub(super) fn cycle() -> Run {
    run("list-append", 5000, |script| {
        let at = 29 * SECOND + 750 * MS;
        let long: Vec<u32> = (1..60).collect();
        let one = json!([["r", 3, [1, 2]], ["append", 5, 9], ["r", 8, [4]]]);
        let two = json!([["append", 3, 4], ["r", 5, []], ["append", 11, 2], ["r", 12, long]]);
        let three = json!([["r", 3, [1, 2, 4]], ["append", 5, 1]]);
        for (process, offset, value) in [(0, 0, one), (1, 2, two), (2, 30, three)] {
            script.call(
                FIRST + process,
                at + offset * MS,
                9 * MS,
                "txn",
                (value.clone(), Kind::Ok, value),
            );
        }
        Box::new(|history| {
            let by = |process| index_of(history, |event| event.process.client() == Some(process));
            let [one, two, three] = [0, 1, 2].map(|offset| by(FIRST + offset));
            let edge = |from, to, kind: &str, why: &str| Edge {
                from,
                to,
                kind: kind.to_owned(),
                why: why.to_owned(),
            };
            let anomaly = Anomaly {
                kind: "G-single".to_owned(),
                title: "Read skew: T1 saw half of what T2 did".to_owned(),
                explanation: SKEW.to_owned(),
                steps: vec![
                    step(
                        "T1 read key 3 as [1, 2]; T2 appended 4 to it, so T1 comes before T2.",
                        &[one, two],
                    ),
                    step(
                        "T3 read 4 from key 3, which T2 appended, so T2 comes before T3.",
                        &[two, three],
                    ),
                    step(
                        "T3 appended 1 to key 5 before T1 appended 9: T3 before T1.",
                        &[three, one],
                    ),
                ],
                operations: vec![one, two, three],
                dead_end: None,
                edges: vec![
                    edge(one, two, "rw", "T1 read key 3 as [1, 2], without the 4 that T2 appended"),
                    edge(
                        two,
                        three,
                        "wr",
                        "T3 read key 3 as [1, 2, 4], whose last element T2 appended",
                    ),
                    edge(two, three, "realtime", "T2 was answered 19 ms before T3 began"),
                    edge(three, one, "ww", LATER_READ),
                ],
                key: None,
                rules_out: RULED_OUT.map(str::to_owned).to_vec(),
            };
            vec![invalid("list-append", vec![anomaly])]
        })
    })
}

/// An acknowledged element that no read ever showed.
pub(super) fn lost_element() -> Run {
    run("set", 3000, |script| {
        let at = 40 * SECOND;
        script.call(FIRST, at, 2 * MS, "add", (json!(1312), Kind::Ok, json!(1312)));
        let all: Vec<u32> = (0..2600).filter(|element| *element != 1312).collect();
        for (process, offset) in [(1, 40), (2, 17_900), (3, 18_300)] {
            let read = (Value::Null, Kind::Ok, json!(all));
            script.call(FIRST + process, at + offset * MS, 11 * MS, "read", read);
        }
        Box::new(|history| {
            let by = |process| index_of(history, |event| event.process.client() == Some(process));
            let [add, early, late, last] = [0, 1, 2, 3].map(|offset| by(FIRST + offset));
            let anomaly = Anomaly {
                kind: "lost-element".to_owned(),
                title: "Element 1312 was lost".to_owned(),
                explanation: LOST.to_owned(),
                steps: vec![
                    step("The add of 1312 was acknowledged at 40.002 s.", &[add]),
                    step("Three reads began after that, and none has it.", &[early, late, last]),
                ],
                operations: vec![add, early, late, last],
                edges: Vec::new(),
                dead_end: None,
                key: None,
                rules_out: vec!["linearizable".to_owned()],
            };
            let mut finding = invalid("set-full", vec![anomaly]);
            finding.anomaly_count = 17;
            vec![finding]
        })
    })
}
