//! Locks of the dead, planted; silence on locks that are taken back, and a comparison with the oracle.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::oracle::unexplained;
use super::*;
use crate::testing::{Random, Script};
use crate::{Event, Kind, Process, Verdict};

/// Milliseconds.
const WITHIN: u64 = 100;

fn check(script: &Script) -> Finding {
    DeadHolders { within: WITHIN * 1_000_000 }.check(&script.history(), &Budget::default())
}

/// A script whose times are those it is told, in milliseconds.
#[derive(Default)]
struct Timed(Script);

impl Timed {
    fn push(
        &mut self,
        ms: u64,
        process: u32,
        kind: Kind,
        f: &str,
        error: Option<&str>,
    ) -> &mut Self {
        self.0.push(process, kind, f, Value::Null);
        let event = self.0.events.last_mut().expect("one was pushed");
        (event.time, event.error) = (ms * 1_000_000, error.map(Into::into));
        self
    }

    fn call(
        &mut self,
        ms: u64,
        process: u32,
        f: &str,
        kind: Kind,
        error: Option<&str>,
    ) -> &mut Self {
        self.push(ms, process, Kind::Invoke, f, None).push(ms + 1, process, kind, f, error)
    }

    fn granted(&mut self, ms: u64, process: u32) -> &mut Self {
        self.call(ms, process, "acquire", Kind::Ok, None)
    }

    fn refused(&mut self, ms: u64, process: u32) -> &mut Self {
        self.call(ms, process, "acquire", Kind::Fail, Some("the lock is held"))
    }

    fn released(&mut self, ms: u64, process: u32) -> &mut Self {
        self.call(ms, process, "release", Kind::Ok, None)
    }

    fn crash(&mut self, ms: u64, process: u32) -> &mut Self {
        self.call(ms, process, "crash", Kind::Info, None)
    }

    fn nemesis(&mut self, ms: u64, f: &str, outcome: Option<&str>) -> &mut Self {
        let value = outcome.map_or(Value::Null, |outcome| json!({ "outcome": outcome }));
        self.push(ms, 0, Kind::Info, f, None);
        let event = self.0.events.last_mut().expect("one was pushed");
        (event.process, event.value) = (Process::Nemesis, value);
        self
    }

    fn kinds(&self) -> Vec<String> {
        let finding = check(&self.0);
        finding.anomalies.into_iter().map(|anomaly| anomaly.kind).collect()
    }
}

#[test]
fn a_lock_that_stays_with_the_dead_is_found_and_told() {
    let mut run = Timed::default();
    run.granted(0, 0).crash(10, 0).refused(50, 1);
    assert_eq!(run.kinds(), [""; 0], "it may still be taken back in time");
    run.refused(120, 1).refused(130, 2);
    let finding = check(&run.0);
    let [anomaly] = &finding.anomalies[..] else { panic!("{finding:#?}") };
    assert_eq!((anomaly.kind.as_str(), finding.anomaly_count), ("held-by-the-dead", 1));
    assert_eq!(anomaly.operations, [0, 2, 6, 8]);
    assert!(anomaly.explanation.contains("2 calls were refused"), "{}", anomaly.explanation);
    assert_eq!(anomaly.steps[1].text, "Process 0 is gone since 0.011 s, and released nothing.");
    assert_eq!(finding.stats["died_holding"], 1);
}

#[test]
fn a_lock_that_is_taken_back_is_no_anomaly() {
    let mut run = Timed::default();
    run.granted(0, 0).crash(10, 0).refused(50, 1).granted(100, 2).refused(120, 1);
    run.released(200, 2).granted(210, 1);
    let finding = check(&run.0);
    assert_eq!(finding.verdict, Verdict::Valid, "{finding:#?}");
    assert_eq!(finding.stats["taken_back_after_ms"]["1"], 90.0);
    assert_eq!((&finding.stats["granted"], &finding.stats["refused"]), (&json!(3), &json!(2)));
}

#[test]
fn whoever_may_be_alive_may_have_it() {
    // Granted and not heard of again, granted at the same time, or asked and not answered yet.
    let mut open = Timed::default();
    open.granted(0, 0).refused(500, 1);
    let mut overlap = Timed::default();
    overlap.granted(0, 0).released(10, 0).push(500, 1, Kind::Invoke, "acquire", None);
    overlap.granted(501, 2).push(505, 1, Kind::Fail, "acquire", Some("held"));
    let mut asked = Timed::default();
    asked.push(0, 0, Kind::Invoke, "acquire", None).refused(500, 1);
    // A release that failed for another reason, and one whose process is gone only now.
    let mut failed = Timed::default();
    failed.granted(0, 0).call(10, 0, "release", Kind::Fail, Some("no connection")).refused(500, 1);
    let mut late = Timed::default();
    late.granted(0, 0).call(450, 0, "release", Kind::Info, None).refused(500, 1);
    for run in [open, overlap, asked, failed, late] {
        assert_eq!(run.kinds(), [""; 0]);
    }
}

#[test]
fn a_release_that_was_forgotten_is_found() {
    let mut run = Timed::default();
    run.granted(0, 0).released(10, 0).refused(200, 1);
    assert_eq!(run.kinds(), ["lost-release"]);
    let mut told = Timed::default();
    let no = Some("declined: the lock is not held by this owner");
    told.granted(0, 0).call(10, 0, "release", Kind::Fail, no);
    assert_eq!(told.refused(100, 1).kinds(), ["lost-release"]);
    let mut never = Timed::default();
    assert_eq!(never.refused(200, 1).kinds(), ["lost-release"]);
    let mut unsaid = Timed::default();
    unsaid.granted(0, 0).released(10, 0).call(200, 1, "acquire", Kind::Fail, Some("no leader"));
    assert_eq!(unsaid.kinds(), [""; 0], "that says nothing of the lock");
}

#[test]
fn a_session_that_its_client_lost_has_the_lock_for_a_while() {
    let mut run = Timed::default();
    let lost = Some("not asked: not held");
    run.granted(0, 0).call(10, 0, "release", Kind::Fail, lost).refused(100, 1);
    assert_eq!(run.kinds(), [""; 0], "the database may not have seen it yet");
    run.refused(150, 1);
    assert_eq!(run.kinds(), ["held-by-the-dead"]);
    let anomaly = &check(&run.0).anomalies[0];
    assert!(anomaly.title.contains("session of process 0 that is over"), "{}", anomaly.title);
    assert_eq!(anomaly.operations, [0, 2, 6]);
}

#[test]
fn one_anomaly_is_told_for_each_holder() {
    let mut run = Timed::default();
    run.granted(0, 0).crash(10, 0).refused(200, 1).refused(210, 1);
    run.granted(300, 1).crash(310, 1).refused(500, 2).released(510, 3);
    assert_eq!(run.kinds(), ["held-by-the-dead"; 2]);
}

#[test]
fn nothing_is_concluded_before_all_is_healed() {
    let mut run = Timed::default();
    run.granted(0, 0).crash(10, 0).nemesis(20, "kill", None).nemesis(21, "kill", Some("installed"));
    run.nemesis(22, "cut", None).nemesis(23, "cut", Some("installed"));
    run.refused(400, 1);
    assert_eq!(run.kinds(), [""; 0], "two things are broken");
    run.nemesis(410, "start", None).nemesis(411, "start", Some("healed")).refused(600, 1);
    assert_eq!(run.kinds(), [""; 0], "one thing is");
    run.nemesis(610, "pause", None).nemesis(611, "pause", Some("skipped")).refused(800, 1);
    assert_eq!(run.kinds(), [""; 0], "what was skipped heals nothing");
    run.nemesis(810, "mend", None);
    let mut torn = Timed(Script { events: run.0.events.clone() });
    assert_eq!(torn.refused(1000, 1).kinds(), [""; 0], "it is under way");
    run.nemesis(811, "mend", Some("healed")).refused(900, 1);
    assert_eq!(run.kinds(), [""; 0], "healed, but not for long enough");
    run.refused(950, 1);
    assert_eq!(run.kinds(), ["held-by-the-dead"]);
    // Another harness's faults say nothing.
    let mut foreign = Timed::default();
    foreign.granted(0, 0).crash(10, 0).nemesis(20, "start", None).nemesis(30, "stop", None);
    assert_eq!(foreign.refused(900, 1).kinds(), [""; 0]);
}

#[test]
fn locks_with_names_are_not_judged() {
    let mut script = Script::default();
    script.whole(0, "acquire", json!("a"), json!(1)).failed(1, "acquire", json!("a"));
    let finding = check(&script);
    assert!(finding.reason.expect("unknown").contains("have names"));
    assert!(check(&Script::default()).reason.expect("unknown").contains("nobody was granted"));
}

#[test]
fn an_answer_without_its_call_leaves_unknown_who_may_have_the_lock() {
    let mut script = Timed::default();
    script.granted(0, 0).crash(10, 0).refused(900, 1);
    assert_eq!(script.kinds(), ["held-by-the-dead"]);
    script.push(901, 2, Kind::Ok, "acquire", None);
    let history = History::new_lenient(script.0.events.clone()).expect("it can be read");
    let finding = DeadHolders::default().check(&history, &Budget::default());
    assert!(finding.reason.expect("unknown").contains("answers here to calls that are not"));
}

/// Any calls at all on a lock that keeps its promise if `within` is kept: the holder, and since when it
/// is gone.
fn simulated(seed: u64, calls: usize, keeps: bool) -> Script {
    let mut random = Random(seed);
    let mut run = Timed::default();
    let mut holder: Option<(u32, Option<u64>)> = None;
    let mut names: Vec<u32> = (0..4).collect();
    let (mut ms, mut next) = (0, 4);
    for _ in 0..calls {
        ms += 3 + random.below(40);
        let worker = random.below(4) as usize;
        let process = names[worker];
        if let Some((_, Some(gone))) = holder
            && keeps
            && gone + random.below(WITHIN) <= ms
        {
            holder = None;
        }
        let mine = holder.is_some_and(|(name, _)| name == process);
        match random.below(8) {
            0 => {
                run.crash(ms, process);
                (names[worker], next) = (next, next + 1);
                if mine {
                    holder = Some((process, Some(ms)));
                }
            }
            1..=2 if mine => {
                run.released(ms, process);
                holder = None;
            }
            1..=2 => {
                run.call(ms, process, "release", Kind::Fail, Some("not held"));
            }
            _ if holder.is_none() => {
                run.granted(ms, process);
                holder = Some((process, None));
            }
            _ => {
                run.call(ms, process, "acquire", Kind::Fail, Some("held"));
            }
        }
    }
    run.0
}

/// Calls of a few processes in any order, with any answers.
fn any(seed: u64, steps: usize) -> Vec<Event> {
    let mut random = Random(seed);
    let mut run = Timed::default();
    let mut open: Vec<Option<&str>> = vec![None; 3];
    let mut names: Vec<u32> = (0..3).collect();
    let mut ms = 0;
    for _ in 0..steps {
        ms += random.below(60);
        let worker = random.below(3) as usize;
        let process = names[worker];
        let Some(f) = open[worker].take() else {
            let f = ["acquire", "acquire", "release", "crash"][random.below(4) as usize];
            run.push(ms, process, Kind::Invoke, f, None);
            open[worker] = Some(f);
            continue;
        };
        let info = f == "crash" || random.below(10) == 0;
        let (kind, error) = match (f, random.below(4)) {
            _ if info => (Kind::Info, None),
            (_, 0) => (Kind::Ok, None),
            ("acquire", 1) => (Kind::Fail, Some("held")),
            ("release", 1) => (Kind::Fail, Some("declined: not held")),
            ("release", 2) => (Kind::Fail, Some("not held")),
            _ => (Kind::Fail, Some("no connection")),
        };
        run.push(ms, process, kind, f, error);
        if info {
            names[worker] += 3;
        }
    }
    run.0.events
}

#[test]
fn one_that_is_never_taken_back_is_found() {
    let found = (0..100).filter(|seed| {
        let script = simulated(*seed, 200, false);
        let finding = check(&script);
        let kinds: Vec<&str> = finding.anomalies.iter().map(|anomaly| &*anomaly.kind).collect();
        assert!(kinds.iter().all(|kind| *kind == "held-by-the-dead"), "{seed}: {kinds:?}");
        let wanted = unexplained(&script.history(), WITHIN * 1_000_000);
        assert_eq!(kinds.is_empty(), wanted.is_empty(), "{seed}");
        !kinds.is_empty()
    });
    // In few of them nobody dies with it until shortly before the end.
    assert!(found.count() > 90);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_lock_that_is_taken_back_in_time_is_valid(seed: u64) {
        let finding = check(&simulated(seed, 200, true));
        prop_assert_eq!(finding.verdict, Verdict::Valid, "{:#?}", finding.anomalies);
    }

    #[test]
    fn the_definition_finds_the_same(seed: u64) {
        let history = History::new(any(seed, 60)).expect("well-formed");
        let within = WITHIN * 1_000_000;
        let finding = DeadHolders { within }.check(&history, &Budget::default());
        let wanted = unexplained(&history, within);
        prop_assert_eq!(finding.verdict == Verdict::Invalid, !wanted.is_empty(), "{:?}", wanted);
        for anomaly in &finding.anomalies {
            let told = anomaly.operations.iter().filter(|index| wanted.contains(index)).count();
            prop_assert!(told >= 1, "{:?} {:?}", anomaly, wanted);
        }
    }
}
