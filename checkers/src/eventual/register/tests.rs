//! Registers: by hand, of simulated stores, and with mistakes planted.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::eventual::store::{Data, LIMIT, Mistake, history};
use crate::{Kind, Process, Verdict};

fn causal() -> EventualRegister {
    let promise = Promise { converge_within: LIMIT, sessions: true };
    EventualRegister { promise, order: Order::Causal }
}

/// Events at times of one's own: milliseconds, process, node, function, value, answer.
#[derive(Default)]
struct Hand(Vec<crate::Event>);

impl Hand {
    fn call(&mut self, ms: u64, process: u32, f: &str, value: Value, answer: Value) -> &mut Self {
        for (kind, value) in [(Kind::Invoke, value), (Kind::Ok, answer)] {
            self.event(ms, Process::Client(process), kind, f, value);
        }
        self
    }

    fn event(&mut self, ms: u64, process: Process, kind: Kind, f: &str, value: Value) -> &mut Self {
        self.0.push(crate::Event {
            index: self.0.len() as u64,
            time: ms * 1_000_000,
            process,
            kind,
            f: f.into(),
            value,
            // Processes 0, 3, 6 … are bound to n0, and so on.
            node: process.client().map(|number| format!("n{}", number % 3).as_str().into()),
            error: None,
            due: None,
        });
        self
    }

    fn write(&mut self, ms: u64, process: u32, value: i64) -> &mut Self {
        self.call(ms, process, "write", json!([1, value]), json!([1, value]))
    }

    fn read(&mut self, ms: u64, process: u32, value: Value) -> &mut Self {
        self.call(ms, process, "read", json!([1, null]), json!([1, value]))
    }

    fn finding(&self, checker: &EventualRegister) -> Finding {
        checker.check(&History::new(self.0.clone()).expect("well-formed"), &Budget::default())
    }

    fn kinds(&self, checker: &EventualRegister) -> Vec<String> {
        self.finding(checker).anomalies.into_iter().map(|anomaly| anomaly.kind).collect()
    }
}

#[test]
fn replicas_that_still_differ_after_the_limit_diverge_and_before_it_nobody_knows() {
    let mut hand = Hand::default();
    hand.write(0, 0, 7).read(10, 0, json!(7)).read(10, 1, json!(null)).read(10, 2, json!(7));
    let finding = hand.finding(&causal());
    assert_eq!(finding.verdict, Verdict::Unknown, "{finding:?}");
    hand.read(1500, 0, json!(7)).read(1500, 1, json!(null)).read(1500, 2, json!(7));
    assert_eq!(hand.kinds(&causal()), ["divergence"]);
    hand.read(1600, 1, json!(7));
    let finding = hand.finding(&causal());
    assert_eq!(finding.verdict, Verdict::Valid);
    assert_eq!(finding.stats["convergence"]["ms"]["1"], 1600.0);
    // A fault in between, and the clock starts again.
    let mut hand = Hand::default();
    hand.write(0, 0, 7).read(10, 0, json!(7)).read(10, 1, json!(null)).read(10, 2, json!(7));
    hand.event(1400, Process::Nemesis, Kind::Info, "heal", json!(null));
    hand.read(1500, 0, json!(7)).read(1500, 1, json!(null)).read(1500, 2, json!(7));
    assert_eq!(hand.finding(&causal()).verdict, Verdict::Unknown);
}

#[test]
fn a_write_that_a_replica_knew_of_may_not_win_over_the_one_that_came_after() {
    let mut hand = Hand::default();
    hand.write(0, 0, 7).read(10, 1, json!(7)).write(20, 1, 8);
    for process in 0..3 {
        hand.read(2000, process, json!(7));
    }
    let finding = hand.finding(&causal());
    let kinds: Vec<&str> = finding.anomalies.iter().map(|anomaly| &*anomaly.kind).collect();
    assert_eq!(kinds, ["lost-write", "missing-your-writes"]);
    assert_eq!(finding.anomalies[0].operations, [0, 2, 4, 10]);
    // Clocks may have decided otherwise.
    let clocks = EventualRegister { order: Order::None, promise: causal().promise };
    assert_eq!(hand.kinds(&clocks), [""; 0]);
    // And nobody knew of anything: concurrent for replicas, though not in real time.
    let mut hand = Hand::default();
    hand.write(0, 0, 7).write(20, 1, 8);
    for process in 2..5 {
        hand.read(2000, process, json!(7));
    }
    assert_eq!(hand.kinds(&causal()), [""; 0]);
    let real = EventualRegister { order: Order::RealTime, promise: causal().promise };
    assert_eq!(hand.kinds(&real), ["lost-write"]);
}

#[test]
fn who_has_seen_the_same_answers_the_same() {
    let mut hand = Hand::default();
    let read = |process: u32, value: i64, hand: &mut Hand| {
        let answer = json!([1, value, {"seen": {"n0": 2}}]);
        hand.call(20 + u64::from(process), process, "read", json!([1, null]), answer);
    };
    hand.write(0, 0, 7).write(10, 2, 8);
    read(3, 7, &mut hand);
    read(4, 8, &mut hand);
    assert_eq!(hand.kinds(&causal()), ["divergent-merge"]);
    let mut hand = Hand::default();
    hand.write(0, 0, 7);
    for process in 0..3 {
        hand.read(2000, process, json!(7));
        let digest = json!({"digest": if process == 2 { "b" } else { "a" }, "seen": process});
        hand.call(2000, process, "digest", json!(null), digest);
    }
    assert_eq!(hand.finding(&causal()).verdict, Verdict::Unknown);
    for process in 0..3 {
        let digest = json!({"digest": if process == 2 { "b" } else { "a" }, "seen": process});
        hand.call(3500, process, "digest", json!(null), digest);
    }
    assert_eq!(hand.kinds(&causal()), ["divergence"]);
}

#[test]
fn phantoms_failures_and_what_goes_back() {
    let mut hand = Hand::default();
    hand.write(0, 0, 7).read(1, 1, json!(9));
    assert_eq!(hand.kinds(&causal()), ["phantom-read"]);
    let mut hand = Hand::default();
    hand.event(0, Process::Client(0), Kind::Invoke, "write", json!([1, 7]));
    hand.event(0, Process::Client(0), Kind::Fail, "write", json!([1, 7]));
    hand.read(1, 1, json!(7));
    assert_eq!(hand.kinds(&causal()), ["dirty-read"]);
    let mut hand = Hand::default();
    hand.write(0, 0, 7).read(5, 1, json!(7)).read(6, 1, json!(null));
    assert_eq!(hand.kinds(&causal()), ["non-monotonic-reads"]);
    let lenient =
        EventualRegister { promise: Promise { sessions: false, ..causal().promise }, ..causal() };
    let finding = hand.finding(&lenient);
    assert_eq!(
        (finding.verdict, &finding.stats["sessions_going_back"]),
        (Verdict::Unknown, &json!(1))
    );
}

#[test]
fn staleness_is_measured_by_node_key_and_after_faults() {
    let mut hand = Hand::default();
    hand.write(0, 0, 7).write(100, 0, 8).write(200, 0, 9);
    for _ in 0..2 {
        hand.event(250, Process::Nemesis, Kind::Info, "mend", json!(null));
    }
    hand.read(400, 1, json!(7)).read(500, 1, json!(9));
    let stats = &hand.finding(&causal()).stats["staleness"];
    let node = &stats["by_node"]["n1"];
    assert_eq!(
        (&node["reads"], &node["stale"], &node["versions"]),
        (&json!(2), &json!(1), &json!(2))
    );
    assert_eq!(node["ms"]["1"], 300.0);
    assert_eq!(stats["worst_keys"][0], json!({"key": 1, "ms": 300.0, "versions": 2}));
    assert_eq!(stats["after_faults"][0]["converged_ms"], 150.0);
    assert_eq!(stats["after_faults"][0]["after"], "mend");
}

#[test]
fn values_have_to_be_unique() {
    let mut hand = Hand::default();
    hand.write(0, 0, 7).write(1, 1, 7);
    assert!(hand.finding(&causal()).reason.expect("a reason").contains("twice"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn correct_stores_are_never_invalid(seed: u64, calls in 1usize..150) {
        let history = history(Data::Register, Mistake::None, seed, calls);
        for order in [Order::None, Order::Causal] {
            let finding = EventualRegister { order, ..causal() }.check(&history, &Budget::default());
            prop_assert!(finding.verdict != Verdict::Invalid, "{:#?}", finding.anomalies);
        }
    }
}

#[test]
fn stores_with_mistakes_are_found() {
    for (mistake, kind) in [
        (Mistake::NoRepair, "divergence"),
        (Mistake::Arrival, "divergent-merge"),
        (Mistake::Lost, "missing-your-writes"),
    ] {
        let found = (0..20).filter(|seed| {
            let history = history(Data::Register, mistake, *seed, 120);
            let finding = causal().check(&history, &Budget::default());
            finding.anomalies.iter().any(|anomaly| anomaly.kind == kind)
        });
        assert!(found.count() > 15, "{mistake:?}");
    }
}
