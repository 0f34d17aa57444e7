//! Session guarantees against all orders of versions, on long histories, and by name.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::linear::neighbours::log::Op;
use crate::linear::neighbours::random::{Made, lagging, made};
use crate::linear::neighbours::versions::Versions;
use crate::linear::synthetic::Random;
use crate::testing::Script;
use crate::{Anomaly, Verdict};

const NAMES: [&str; 5] = [
    "read-your-writes",
    "monotonic-reads",
    "monotonic-writes",
    "writes-follow-reads",
    "causal-convergence",
];

/// The definitions, taken literally: whether some order of all versions, and some sets of
/// writes that servers had, explain what was read.
struct Literally<'l> {
    log: &'l Log,
    guarantees: Guarantees,
    writes: Vec<u32>,
    /// What has to be before what.
    before: BTreeSet<(u32, u32)>,
}

impl Literally<'_> {
    fn hold(log: &Log, guarantees: Guarantees) -> bool {
        let writes = (0..log.keys()).flat_map(|key| log.written(key).skip(1)).collect();
        let mut literally = Literally { log, guarantees, writes, before: BTreeSet::new() };
        literally.require();
        // Nothing may be before the initial version.
        let possible = literally.before.iter().all(|(_, later)| !log.is_initial(*later));
        possible && literally.extend(&mut Vec::new())
    }

    fn require(&mut self) {
        let log = self.log;
        for a in &self.writes {
            for b in &self.writes {
                let (one, other) = (log.version(*a), log.version(*b));
                let same_key = one.key == other.key;
                let real_time = self.guarantees.real_time && same_key && one.end < other.start;
                let known = log.writer(one).is_some_and(|op| op.known);
                let session = known && one.session == other.session && one.index < other.index;
                if real_time || session && (same_key || self.guarantees.writes) {
                    self.before.insert((*a, *b));
                }
            }
        }
        for ops in &log.sessions {
            for (at, op) in ops.iter().enumerate() {
                if let (Some(old), Some(new)) = (op.read, op.write) {
                    self.before.insert((old, new));
                }
                for later in &ops[at + 1..] {
                    if let (Some(read), Some(write), true) =
                        (op.read, later.write, self.guarantees.follow)
                    {
                        self.before.insert((read, write));
                    }
                }
                let Some(seen) = op.read else { continue };
                for version in self.had(ops, at) {
                    if version != seen && log.version(version).key == op.key {
                        self.before.insert((version, seen));
                    }
                }
            }
        }
    }

    /// What the server that answered this read must have had.
    fn had(&self, ops: &[Op], at: usize) -> BTreeSet<u32> {
        let mut had: BTreeSet<u32> = ops[at].read.into_iter().collect();
        for op in &ops[..at] {
            if self.guarantees.own && op.known {
                had.extend(op.write);
            }
            if self.guarantees.reads {
                had.extend(op.read);
            }
        }
        loop {
            let mut more = had.clone();
            for version in had.iter().map(|version| self.log.version(*version)) {
                let Some(ops) = self.log.sessions.get(version.session as usize) else { continue };
                let index = version.index as usize;
                for (place, op) in ops[..=index].iter().enumerate() {
                    if self.guarantees.writes && op.known && place < index {
                        more.extend(op.write);
                    }
                    if self.guarantees.follow {
                        more.extend(op.read);
                    }
                }
            }
            if more.len() == had.len() {
                return had;
            }
            had = more;
        }
    }

    fn extend(&self, order: &mut Vec<u32>) -> bool {
        if order.len() == self.writes.len() {
            return true;
        }
        let placed = |version: u32| self.log.is_initial(version) || order.contains(&version);
        let free = |write: &u32| {
            let needs = |(one, other): &(u32, u32)| other != write || placed(*one);
            !order.contains(write) && self.before.iter().all(needs)
        };
        let free: Vec<u32> = self.writes.iter().copied().filter(free).collect();
        free.into_iter().any(|next| {
            order.push(next);
            let done = self.extend(order);
            order.pop();
            done
        })
    }
}

fn log_of(made: &Made) -> Log {
    let versions: Vec<Versions<'_>> =
        made.calls.iter().map(|calls| Versions::read(calls).expect("distinct")).collect();
    Log::new(&versions, |key, call| made.processes[key][call])
}

#[test]
fn verdicts_agree_with_the_definitions() {
    for name in NAMES {
        for real_time in [false, true] {
            let guarantees = Guarantees { real_time, ..Guarantees::named(name).expect("a name") };
            let (mut good, mut bad) = (0, 0);
            for seed in 0..12_000 {
                let made = made(&mut Random(seed), 8, 3);
                let log = log_of(&made);
                let expected = Literally::hold(&log, guarantees);
                let constraints = Constraints::new(&log, guarantees, &Budget::default());
                let cycles = constraints.expect("time").cycles(MAX_CYCLES);
                assert_eq!(cycles.is_empty(), expected, "{name} {seed}: {log:?}");
                if expected { good += 1 } else { bad += 1 }
            }
            assert!(good > 600 && bad > 600, "{name} {real_time}: {good} {bad}");
        }
    }
}

/// What an anomaly names contradicts the guarantees by itself.
#[test]
fn what_is_told_is_enough() {
    for (name, real_time) in NAMES.into_iter().zip([true, true, true, true, false]) {
        let guarantees = Guarantees { real_time, ..Guarantees::named(name).expect("a name") };
        let options = Options { keyed: true, ..Options::default() };
        let checker = SessionChecker::new(guarantees, options);
        let mut told = 0;
        for seed in 0..6_000 {
            let made = made(&mut Random(seed), 8, 3);
            let finding = checker.check(&made.history(), &Budget::default());
            for anomaly in finding.anomalies {
                if anomaly.kind == "future-read" {
                    continue;
                }
                told += 1;
                let part = made.only(&anomaly.operations);
                let holds = Literally::hold(&log_of(&part), guarantees);
                assert!(!holds, "{name} {seed}: {anomaly:#?} of {made:?}");
            }
        }
        assert!(told > 300, "{name}: {told}");
    }
}

fn cycles(log: &Log, name: &str, order: VersionOrder) -> usize {
    let guarantees = Guarantees::named(name).expect("a name");
    let options = Options { version_order: order, ..Options::default() };
    let guarantees = SessionChecker::new(guarantees, options).guarantees;
    let constraints = Constraints::new(log, guarantees, &Budget::default());
    constraints.expect("time").cycles(MAX_CYCLES).len()
}

#[test]
fn copies_that_never_go_back_keep_all_guarantees() {
    for seed in 0..10_000 {
        let log = log_of(&lagging(seed));
        let name = NAMES[seed as usize % NAMES.len()];
        assert_eq!(cycles(&log, name, VersionOrder::RealTime), 0, "{name} {seed}");
    }
}

/// A version that a later read of the same session must see, or a later one: (place of the
/// read, version). What was written before what a session saw is found by way of one write.
fn must_see(log: &Log, random: &mut Random, name: &str) -> Option<(usize, usize, u32)> {
    let session = random.below(log.sessions.len() as u64) as usize;
    let ops = &log.sessions[session];
    let from = random.below(ops.len().max(1) as u64) as usize;
    let first = ops.get(from)?;
    let version = match name {
        "read-your-writes" => first.write?,
        "monotonic-reads" => first.read?,
        _ => {
            let seen = log.version(first.read?);
            let before = log.sessions.get(seen.session as usize)?.get(..seen.index as usize)?;
            let before = before.get(random.below(before.len().max(1) as u64) as usize)?;
            if name == "monotonic-writes" { before.write? } else { before.read? }
        }
    };
    let key = log.version(version).key;
    let later = |op: &&Op| op.key == key && op.read.is_some() && op.write.is_none();
    let at = from + 1 + ops[from + 1..].iter().position(|op| later(&op))?;
    Some((session, at, version))
}

#[test]
fn a_read_of_what_was_overwritten_before_is_found() {
    let mut planted = [0; NAMES.len()];
    for seed in 0..20_000 {
        let made = lagging(seed);
        let mut log = log_of(&made);
        let which = seed as usize % 4;
        let mut random = Random(seed);
        let Some((session, at, version)) = must_see(&log, &mut random, NAMES[which]) else {
            continue;
        };
        // It was in place before the write of what the read must see began, so in the order of
        // real time it is older.
        let key = log.version(version).key;
        let start = log.version(version).start;
        let older = log.written(key).filter(|old| log.version(*old).end < start).last();
        let Some(older) = older.filter(|older| *older != version) else { continue };
        log.sessions[session][at].read = Some(older);
        assert!(cycles(&log, NAMES[which], VersionOrder::RealTime) > 0, "{which} {seed}");
        planted[which] += 1;
    }
    assert!(planted[..4].iter().all(|count| *count > 500), "{planted:?}");
}

fn check(script: &Script, name: &str) -> Finding {
    let options = Options { keyed: true, ..Options::default() };
    let checker = super::super::checker(name, &options).expect("a name");
    checker.check(&script.history(), &Budget::default())
}

fn anomaly(script: &Script, name: &str) -> Anomaly {
    let finding = check(script, name);
    assert_eq!((finding.verdict, finding.anomaly_count), (Verdict::Invalid, 1), "{finding:?}");
    finding.anomalies[0].clone()
}

fn write(script: &mut Script, process: u32, key: &str, value: u32) {
    script.whole(process, "write", json!([key, value]), json!([key, value]));
}

fn read(script: &mut Script, process: u32, key: &str, value: Option<u32>) {
    script.whole(process, "read", json!([key, null]), json!([key, value]));
}

#[test]
fn missing_your_writes() {
    let mut script = Script::default();
    write(&mut script, 0, "x", 1);
    write(&mut script, 1, "x", 2);
    read(&mut script, 1, "x", Some(1));
    let found = anomaly(&script, "read-your-writes");
    assert_eq!(found.kind, "missing-your-writes");
    assert_eq!(found.operations, [0, 2, 4]);
    assert_eq!(found.key, Some(json!("x")));
    assert_eq!(found.rules_out, ["read-your-writes", "linearizable"]);
    assert_eq!(
        found.explanation,
        "A process did not see what it had written itself. 2 of key \"x\" has to come after 1 of \
         key \"x\", which was complete before the other's write began. 1 of key \"x\" has to come \
         after 2 of key \"x\", which process 1 had written when it read the other. This is a \
         circle."
    );
    assert_eq!(check(&script, "monotonic-reads").verdict, Verdict::Valid);
    // Without real time, 1 may be the later version.
    let options =
        Options { keyed: true, version_order: VersionOrder::Sessions, ..Options::default() };
    let checker = super::super::checker("read-your-writes", &options).expect("a name");
    assert_eq!(checker.check(&script.history(), &Budget::default()).verdict, Verdict::Valid);
}

#[test]
fn non_monotonic_reads() {
    let mut script = Script::default();
    write(&mut script, 0, "x", 1);
    read(&mut script, 1, "x", Some(1));
    read(&mut script, 1, "x", None);
    let found = anomaly(&script, "monotonic-reads");
    assert_eq!(
        (found.kind.as_str(), &found.operations[..]),
        ("non-monotonic-reads", &[0, 2, 4][..])
    );
    let models = ["monotonic-reads", "pram", "causal", "causal-convergence", "sequential"];
    assert_eq!(found.rules_out[..5], models);
    assert_eq!(check(&script, "read-your-writes").verdict, Verdict::Valid);
}

#[test]
fn non_monotonic_writes() {
    let mut script = Script::default();
    write(&mut script, 0, "x", 1);
    write(&mut script, 0, "y", 2);
    read(&mut script, 1, "y", Some(2));
    read(&mut script, 1, "x", None);
    let found = anomaly(&script, "monotonic-writes");
    assert_eq!(
        (found.kind.as_str(), &found.operations[..]),
        ("non-monotonic-writes", &[0, 2, 4, 6][..])
    );
    for other in ["read-your-writes", "monotonic-reads", "writes-follow-reads"] {
        assert_eq!(check(&script, other).verdict, Verdict::Valid, "{other}");
    }
    assert_eq!(anomaly(&script, "causal-convergence").kind, "non-monotonic-writes");
}

#[test]
fn missing_read_write_dependency() {
    let mut script = Script::default();
    write(&mut script, 0, "x", 1);
    read(&mut script, 1, "x", Some(1));
    write(&mut script, 1, "y", 2);
    read(&mut script, 2, "y", Some(2));
    write(&mut script, 2, "z", 3);
    read(&mut script, 3, "z", Some(3));
    read(&mut script, 3, "x", None);
    for name in ["writes-follow-reads", "causal-convergence"] {
        let found = anomaly(&script, name);
        assert_eq!(found.kind, "missing-read-write-dependency");
        // All that led from 1 to the process that did not see it.
        assert_eq!(found.operations, [0, 2, 4, 6, 8, 10, 12]);
    }
    for other in ["read-your-writes", "monotonic-reads", "monotonic-writes"] {
        assert_eq!(check(&script, other).verdict, Verdict::Valid, "{other}");
    }
}

#[test]
fn two_sessions_that_disagree_on_an_order() {
    let mut script = Script::default();
    script.call(0, "write", json!(["x", 1])).call(1, "write", json!(["x", 2]));
    for (process, first, second) in [(2, 1, 2), (3, 2, 1)] {
        read(&mut script, process, "x", Some(first));
        read(&mut script, process, "x", Some(second));
    }
    script.ok(0, "write", json!(["x", 1])).ok(1, "write", json!(["x", 2]));
    let found = anomaly(&script, "monotonic-reads");
    assert_eq!(found.kind, "non-monotonic-reads");
    // Each may see an order of its own in PRAM and in causal memory.
    assert_eq!(
        found.rules_out,
        ["monotonic-reads", "causal-convergence", "sequential", "linearizable"]
    );
}

#[test]
fn values_from_nowhere_and_histories_without_evidence() {
    let mut script = Script::default();
    write(&mut script, 0, "x", 1);
    assert!(check(&script, "monotonic-reads").reason.expect("unknown").contains("no read"));
    read(&mut script, 1, "x", Some(7));
    assert_eq!(anomaly(&script, "monotonic-reads").kind, "phantom-read");
    write(&mut script, 0, "x", 1);
    assert!(check(&script, "monotonic-reads").reason.expect("unknown").contains("more than once"));
    let budget = Budget::default();
    budget.cancel();
    let mut script = Script::default();
    read(&mut script, 1, "x", None);
    let options = Options { keyed: true, ..Options::default() };
    let checker = super::super::checker("monotonic-reads", &options).expect("a name");
    assert!(checker.check(&script.history(), &budget).reason.expect("unknown").contains("time"));
}
