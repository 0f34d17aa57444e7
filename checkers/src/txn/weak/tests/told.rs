//! Anomalies by name, one small history each, and how they are told.

use serde_json::json;

use super::Op::{self, Read as R, Write as W};
use super::sessions;
use crate::txn::TransactionChecker;
use crate::txn::transactions::{Action, Atom, Builder, Status, Transactions};
use crate::txn::weak::{WeakIsolation, WeakLevel};
use crate::{Budget, Finding, Verdict};

use WeakLevel as Level;

pub(super) struct Pattern {
    pub(super) kind: &'static str,
    /// The weakest level with one order for all that forbids it.
    pub(super) weakest: Level,
    /// The levels of single sessions that forbid it.
    guarantees: &'static [Level],
    pub(super) sessions: &'static [&'static [&'static [Op]]],
}

const fn n(value: u32) -> Option<u32> {
    Some(value)
}

pub(super) const PATTERNS: &[Pattern] = &[
    Pattern {
        kind: "G1c",
        weakest: Level::ReadCommitted,
        guarantees: &[Level::WritesFollowReads],
        sessions: &[&[&[R(0, n(1)), W(1, 1)]], &[&[R(1, n(1)), W(0, 1)]]],
    },
    Pattern {
        kind: "G1c-process",
        weakest: Level::ReadCommitted,
        guarantees: &[Level::WritesFollowReads],
        sessions: &[&[&[R(0, n(1))], &[W(1, 1)]], &[&[R(1, n(1))], &[W(0, 1)]]],
    },
    Pattern {
        kind: "non-monotonic-read",
        weakest: Level::ReadCommitted,
        guarantees: &[Level::MonotonicReads, Level::Pram],
        sessions: &[&[&[W(0, 1)], &[W(0, 2), W(1, 2)]], &[&[R(1, n(2)), R(0, n(1))]]],
    },
    Pattern {
        kind: "non-repeatable-read",
        weakest: Level::ReadAtomic,
        guarantees: &[],
        sessions: &[&[&[W(0, 1)]], &[&[W(0, 2)]], &[&[R(0, n(1)), R(0, n(2))]]],
    },
    Pattern {
        kind: "fractured-read",
        weakest: Level::ReadAtomic,
        guarantees: &[],
        sessions: &[&[&[W(0, 1)], &[W(0, 2), W(1, 2)]], &[&[R(0, n(1)), R(1, n(2))]]],
    },
    Pattern {
        kind: "fractured-read",
        weakest: Level::ReadAtomic,
        guarantees: &[],
        sessions: &[&[&[W(0, 2), W(1, 2)]], &[&[R(0, None), R(1, n(2))]]],
    },
    Pattern {
        kind: "read-your-writes",
        weakest: Level::ReadAtomic,
        guarantees: &[Level::ReadYourWrites, Level::Pram],
        sessions: &[&[&[W(0, 1)], &[W(0, 2)], &[R(0, n(1))]]],
    },
    Pattern {
        kind: "monotonic-reads",
        weakest: Level::Causal,
        guarantees: &[Level::MonotonicReads, Level::Pram],
        sessions: &[&[&[W(0, 1)], &[W(0, 2)]], &[&[R(0, n(2))], &[R(0, n(1))]]],
    },
    Pattern {
        kind: "monotonic-reads",
        weakest: Level::Causal,
        guarantees: &[],
        sessions: &[
            &[&[W(0, 1)]],
            &[&[W(0, 2)]],
            &[&[R(0, n(1))], &[R(0, n(2))]],
            &[&[R(0, n(2))], &[R(0, n(1))]],
        ],
    },
    Pattern {
        kind: "monotonic-writes",
        weakest: Level::Causal,
        guarantees: &[Level::MonotonicWrites, Level::Pram],
        sessions: &[&[&[W(0, 1)], &[W(0, 2)], &[W(1, 1)]], &[&[R(1, n(1)), R(0, n(1))]]],
    },
    Pattern {
        kind: "writes-follow-reads",
        weakest: Level::Causal,
        guarantees: &[Level::WritesFollowReads],
        sessions: &[
            &[&[W(0, 1)], &[W(0, 2)]],
            &[&[R(0, n(2))], &[W(1, 1)]],
            &[&[R(1, n(1)), R(0, n(1))]],
        ],
    },
    Pattern {
        kind: "causality-violation",
        weakest: Level::Causal,
        guarantees: &[],
        sessions: &[
            &[&[W(0, 1)], &[W(0, 2)]],
            &[&[R(0, n(2))], &[W(1, 1)]],
            &[&[R(1, n(1))], &[W(2, 1)]],
            &[&[R(2, n(1)), R(0, n(1))]],
        ],
    },
];

fn judge(txns: &Transactions, level: Level) -> Finding {
    WeakIsolation { level }.check_transactions(txns, &Budget::default())
}

#[test]
fn every_anomaly_has_its_name_and_its_level() {
    for pattern in PATTERNS {
        let txns = sessions(pattern.sessions);
        for level in Level::ALL {
            let forbidden = if level.is_of_sessions() {
                pattern.guarantees.contains(&level)
            } else {
                level >= pattern.weakest
            };
            let finding = judge(&txns, level);
            let expected = if forbidden { Verdict::Invalid } else { Verdict::Valid };
            assert_eq!(finding.verdict, expected, "{}, {level}: {finding:#?}", pattern.kind);
        }
        let finding = judge(&txns, Level::Causal);
        assert_eq!(finding.anomaly_count, 1);
        let anomaly = &finding.anomalies[0];
        assert_eq!(anomaly.kind, pattern.kind, "{anomaly:#?}");
        let ruled_out = |level: Level| anomaly.rules_out.iter().any(|name| name == level.name());
        assert!(ruled_out(Level::Causal));
        for level in Level::ALL.into_iter().filter(|level| level.is_of_sessions()) {
            let forbidden = pattern.guarantees.contains(&level);
            assert!(forbidden || !ruled_out(level), "{level}: {anomaly:#?}");
        }
    }
}

#[test]
fn a_long_fork_is_causal() {
    let fork = sessions(&[
        &[&[W(0, 0), W(1, 0)]],
        &[&[W(0, 1)], &[R(0, n(1)), R(1, n(0))]],
        &[&[W(1, 1)], &[R(1, n(1)), R(0, n(0))]],
    ]);
    for level in Level::ALL {
        assert_eq!(judge(&fork, level).verdict, Verdict::Valid, "{level}");
    }
}

#[test]
fn a_proof_is_told_in_words() {
    let txns = sessions(&[
        &[&[W(0, 1)], &[W(0, 2)]],
        &[&[R(0, n(2))], &[W(1, 1)]],
        &[&[R(1, n(1)), R(0, n(1))]],
    ]);
    let finding = judge(&txns, Level::Causal);
    let anomaly = &finding.anomalies[0];
    assert_eq!(anomaly.title, "Write seen without what its session had read of key 0");
    let steps: Vec<&str> = anomaly.steps.iter().map(|step| step.text.as_str()).collect();
    assert_eq!(
        steps,
        [
            "Let T1 be session 0's transaction (write 1 to 0).",
            "Let T2 be session 0's transaction (write 2 to 0).",
            "Let T3 be session 1's transaction (read 0 as 2).",
            "Let T4 be session 1's transaction (write 1 to 1).",
            "Let T5 be session 2's transaction (read 1 as 1; read 0 as 1).",
            "T1 comes before T2, because session 0 ran T1 and then T2.",
            "T2 comes before T1, because T2 wrote 2 to key 0 and was visible to T5 (T3 read 2 in key \
         0, which T2 wrote; session 1 ran T3 and then T4; T5 read 1 in key 1, which T4 wrote), \
         yet T5 read of that key 1, which T1 wrote.",
            "So T1 would have to come before itself: a contradiction.",
        ]
    );
    assert_eq!(anomaly.operations, [0, 1, 2, 3, 4]);
    assert_eq!(anomaly.key, Some(json!(0)));
    let edges: Vec<&str> = anomaly.edges.iter().map(|edge| edge.kind.as_str()).collect();
    assert_eq!(edges, ["process", "ww", "wr", "process", "wr"]);
}

#[test]
fn the_initial_state_is_before_everything() {
    let txns = sessions(&[&[&[W(0, 1), W(1, 1)]], &[&[R(0, n(1)), R(1, None)]]]);
    let finding = judge(&txns, Level::ReadCommitted);
    let anomaly = &finding.anomalies[0];
    assert_eq!(anomaly.kind, "non-monotonic-read");
    assert_eq!(anomaly.operations, [0, 1]);
    let last = anomaly.steps[anomaly.steps.len() - 2].text.as_str();
    assert_eq!(last, "But the initial state comes before T1.");
}

#[test]
fn flaws_of_single_reads_are_named() {
    let mut builder = Builder::new(false);
    let begin = |builder: &mut Builder, session, status, ops: &[Op]| {
        builder.begin_in_session(session, status);
        super::add(builder, ops);
    };
    begin(&mut builder, 0, Status::Aborted, &[W(0, 1)]);
    begin(&mut builder, 0, Status::Committed, &[W(1, 1), W(1, 2)]);
    begin(&mut builder, 1, Status::Committed, &[R(0, n(1))]);
    begin(&mut builder, 2, Status::Committed, &[R(1, n(1))]);
    begin(&mut builder, 3, Status::Committed, &[R(2, n(9))]);
    begin(&mut builder, 4, Status::Committed, &[R(3, n(1)), W(3, 1), R(3, None)]);
    let finding = judge(&builder.finish(), Level::ReadCommitted);
    let mut kinds: Vec<&str> = finding.anomalies.iter().map(|a| a.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["G1a", "G1b", "future-read", "internal", "phantom-read"]);
    assert_eq!(finding.anomaly_count, 5);
}

#[test]
fn lists_are_judged_by_their_last_elements() {
    let list = |builder: &mut Builder, key, list: &[u32]| {
        builder.read_list(Atom(key), list.iter().map(|value| Atom(*value)));
    };
    let append = |builder: &mut Builder, key, value| {
        builder.micro(Action::Write, Atom(key), Atom(value));
    };
    let history = |second: &[u32]| {
        let mut builder = Builder::new(false);
        builder.begin_in_session(0, Status::Committed);
        append(&mut builder, 0, 1);
        builder.begin_in_session(0, Status::Unknown);
        append(&mut builder, 0, 2);
        append(&mut builder, 1, 2);
        builder.begin_in_session(1, Status::Committed);
        append(&mut builder, 1, 3);
        list(&mut builder, 1, &[2, 3]);
        list(&mut builder, 0, second);
        builder.finish()
    };
    assert_eq!(judge(&history(&[1, 2]), Level::Causal).verdict, Verdict::Valid);
    for torn in [&[1][..], &[]] {
        let finding = judge(&history(torn), Level::ReadCommitted);
        assert_eq!(finding.anomalies[0].kind, "non-monotonic-read", "{finding:#?}");
    }
    let finding = judge(&history(&[1, 2, 7]), Level::Causal);
    assert_eq!(finding.anomalies[0].kind, "phantom-read");
}

#[test]
fn a_million_transactions_in_a_row_need_no_deep_stack() {
    const COUNT: u32 = 1_000_000;
    let chain = |cyclic: bool| {
        let mut builder = Builder::new(false);
        // In the worst order: each reads from the one that comes after it in the file.
        for txn in (0..COUNT).rev() {
            builder.begin_in_session(txn, Status::Committed);
            let from = if txn > 0 { n(txn - 1) } else { cyclic.then_some(COUNT - 1) };
            super::add(&mut builder, &[R(txn, from), W(txn + 1, txn)]);
            if cyclic && txn == COUNT - 1 {
                super::add(&mut builder, &[W(0, txn)]);
            }
        }
        builder.finish()
    };
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let work = move || {
        for level in [Level::ReadCommitted, Level::ReadAtomic] {
            assert_eq!(judge(&chain(false), level).verdict, Verdict::Valid);
        }
        let finding = judge(&chain(true), Level::ReadCommitted);
        assert_eq!(finding.anomalies[0].kind, "G1c");
        assert_eq!(finding.anomalies[0].operations.len(), COUNT as usize);
    };
    small.spawn(work).expect("a thread").join().expect("no panic");
}
