//! Anomalies planted into histories: found, and called what users call them.

use serde_json::Value;

use super::stores::{Asked, Done, run, transactions};
use crate::testing::{Random, golden, golden_index};
use crate::txn::read::read_transactions;
use crate::txn::strong::StrongIsolation;
use crate::txn::transactions::{Action, Atom, Builder, Status, Transactions};
use crate::txn::{ConsistencyModel, TransactionChecker};
use crate::{Budget, Finding, Verdict};

const NIL: u32 = u32::MAX;

/// A transaction of its own session, after all others, on keys that they do not touch.
fn planted(at: u32, steps: &[(bool, u64, u32)]) -> Done {
    let begin = 1_000_000 + 10 * at;
    let steps = steps.iter().map(|(w, key, value)| (*w, 1_000 + key, *value)).collect();
    Done { session: 100 + at, begin, end: begin + 10_000, status: Status::Committed, steps }
}

fn judge(txns: &Transactions, model: &str) -> Finding {
    let model: ConsistencyModel = model.parse().expect("a model");
    StrongIsolation::new(model).check_transactions(txns, &Budget::default())
}

/// The same transactions beside a thousand that are serializable.
fn among_others(more: Vec<Done>) -> Transactions {
    let asked = Asked {
        txns: 1_000,
        sessions: 8,
        keys: 50,
        steps: 5,
        reads: 50,
        timed: true,
        snapshots: false,
    };
    let mut all = run(&mut Random(11), asked);
    all.extend(more);
    transactions(all, true)
}

#[track_caller]
fn expect(txns: &Transactions, invalid: &str, kind: &str, title: &str, valid: &[&str]) {
    let finding = judge(txns, invalid);
    assert_eq!(finding.verdict, Verdict::Invalid, "{invalid}");
    let anomaly = finding.anomalies.iter().find(|anomaly| anomaly.kind == kind);
    let anomaly = anomaly.unwrap_or_else(|| panic!("no {kind}: {:#?}", finding.anomalies));
    assert!(anomaly.title.starts_with(title), "{anomaly:#?}");
    assert!(anomaly.rules_out.iter().any(|model| model == invalid), "{anomaly:#?}");
    for model in valid {
        let finding = judge(txns, model);
        assert_eq!(finding.verdict, Verdict::Valid, "{model}: {:#?}", finding.anomalies);
        assert!(anomaly.rules_out.iter().all(|other| other != model));
    }
}

#[test]
fn a_lost_update() {
    let txns = among_others(vec![
        planted(0, &[(true, 0, 9_000_000)]),
        planted(1, &[(false, 0, 9_000_000), (true, 0, 9_000_001)]),
        planted(2, &[(false, 0, 9_000_000), (true, 0, 9_000_002)]),
    ]);
    expect(&txns, "snapshot-isolation", "lost-update", "Lost update", &["prefix"]);
    expect(&txns, "serializable", "lost-update", "Lost update", &["prefix"]);
}

#[test]
fn a_write_skew() {
    let txns = among_others(vec![
        planted(1, &[(false, 0, NIL), (false, 1, NIL), (true, 0, 9_000_001)]),
        planted(2, &[(false, 0, NIL), (false, 1, NIL), (true, 1, 9_000_002)]),
    ]);
    let valid = ["snapshot-isolation", "strong-session-snapshot-isolation"];
    expect(&txns, "serializable", "G2-item", "Write skew", &valid);
}

#[test]
fn a_long_fork() {
    let txns = among_others(vec![
        planted(0, &[(true, 0, 9_000_001)]),
        planted(1, &[(true, 1, 9_000_002)]),
        planted(2, &[(false, 0, 9_000_001), (false, 1, NIL)]),
        planted(3, &[(false, 0, NIL), (false, 1, 9_000_002)]),
    ]);
    expect(&txns, "snapshot-isolation", "G-nonadjacent", "Long fork", &[]);
    assert_eq!(judge(&txns, "prefix").verdict, Verdict::Invalid);
}

#[test]
fn a_stale_read() {
    let mut reader = planted(2_000, &[(false, 0, NIL)]);
    reader.session = 7_000;
    let txns = among_others(vec![planted(0, &[(true, 0, 9_000_001)]), reader]);
    let valid = ["serializable", "strong-session-serializable"];
    expect(&txns, "strict-serializable", "G-single-realtime", "Stale read", &valid);
}

#[test]
fn versions_that_fit_in_neither_order() {
    // Whichever of the two writes of key 0 came first, a reader of it missed a write of key 1
    // or 2 that it must have seen.
    let txns = among_others(vec![
        planted(0, &[(true, 0, 9_000_001), (true, 1, 9_000_011)]),
        planted(1, &[(true, 0, 9_000_002), (true, 2, 9_000_012)]),
        planted(2, &[(false, 0, 9_000_001), (false, 2, 9_000_012)]),
        planted(3, &[(false, 0, 9_000_002), (false, 1, 9_000_011)]),
    ]);
    expect(&txns, "snapshot-isolation", "not-snapshot-isolated", "No snapshots", &[]);
    let finding = judge(&txns, "serializable");
    let anomaly = &finding.anomalies[0];
    let texts: Vec<&str> = anomaly.steps.iter().map(|step| step.text.as_str()).collect();
    assert!(texts.iter().any(|text| text.starts_with("If ")), "{texts:#?}");
    assert_eq!(anomaly.operations.len(), 4, "{texts:#?}");
    assert_eq!(anomaly.key, Some(Value::from(1_000)));
}

#[test]
fn values_that_single_reads_cannot_have_seen() {
    let txns = among_others(vec![planted(0, &[(false, 0, 9_999_999)])]);
    expect(&txns, "serializable", "phantom-read", "Phantom value", &[]);
}

#[test]
fn a_value_written_twice_is_not_judged() {
    let twice = vec![planted(0, &[(true, 0, 9)]), planted(1, &[(true, 0, 9)])];
    let finding = judge(&transactions(twice, true), "serializable");
    assert_eq!(finding.verdict, Verdict::Unknown);
    assert!(finding.reason.is_some_and(|reason| reason.contains("both write 9")));
}

#[test]
fn lists_with_elements_that_nobody_read() {
    let (append, read) = (Action::Write, Action::ReadList);
    let build = |last: &[u32]| {
        let mut builder = Builder::new(false);
        for (session, steps) in [
            (0, &[(append, 0, 1), (append, 1, 11)][..]),
            (1, &[(append, 0, 2), (append, 1, 12)]),
            (2, &[(append, 0, 3), (append, 1, 13)]),
            (3, &[(read, 0, 1), (read, 1, 0)]),
            (4, &[(read, 1, 12)]),
        ] {
            builder.begin_in_session(session, Status::Committed);
            for (action, key, value) in steps {
                if *action == read {
                    let list: Vec<u32> = match *value {
                        0 => last.to_vec(),
                        12 => vec![11, 12],
                        value => vec![value],
                    };
                    builder.read_list(Atom(*key), list.into_iter().map(Atom));
                } else {
                    builder.micro(*action, Atom(*key), Atom(*value));
                }
            }
        }
        builder.finish()
    };
    // 1 is the first element of key 0, so 11 is that of key 1.
    assert_eq!(judge(&build(&[11]), "serializable").verdict, Verdict::Valid);
    for level in ["prefix", "snapshot-isolation", "serializable"] {
        for amiss in [&[][..], &[11, 12]] {
            assert_eq!(judge(&build(amiss), level).verdict, Verdict::Invalid, "{level} {amiss:?}");
        }
    }
}

#[test]
fn published_verdicts() {
    // The tools that gave them take sessions into account.
    let levels = [
        ("serializable", "strong-session-serializable"),
        ("snapshot-isolation", "strong-session-snapshot-isolation"),
    ];
    let mut judged = 0;
    for [file, _, model, verdict] in golden_index("databases/") {
        let Some((_, level)) = levels.iter().find(|(name, _)| *name == model) else { continue };
        let read = read_transactions(&golden(&file), &file, "w").expect("transactions");
        let finding = judge(&read.transactions, level);
        assert_eq!(finding.verdict == Verdict::Valid, verdict == "valid", "{file} {level}");
        assert_ne!(finding.verdict, Verdict::Unknown, "{file} {level}");
        judged += 1;
    }
    assert!(judged >= 60, "{judged}");
}
