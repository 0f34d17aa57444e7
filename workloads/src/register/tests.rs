//! Tests of the register workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{Honest, assert_seeded, operations, options, play, whole_run, with};
use perjury_checkers::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&Register);
}

#[test]
fn values_are_unique_on_each_key_and_keys_retire() {
    let operations = operations(&Register, &options(4, 50), 7, 5000, |_| 1);
    let mut written: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut used: BTreeMap<u64, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for op in &operations {
        let key = op.value[0].as_u64().unwrap();
        *used.entry(key).or_default() += 1;
        *kinds.entry(op.f.to_string()).or_default() += 1;
        match &*op.f {
            "write" => written.entry(key).or_default().push(op.value[1].as_u64().unwrap()),
            "cas" => {
                let (old, new) = (op.value[1][0].as_u64(), op.value[1][1].as_u64());
                let written = written.entry(key).or_default();
                assert!(written.contains(&old.unwrap()), "{op:?} expects what nobody wrote");
                written.push(new.unwrap());
            }
            _ => assert!(op.value[1].is_null(), "{op:?}"),
        }
    }
    for (key, values) in &written {
        assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "key {key}: {values:?}");
    }
    assert!(used.values().all(|uses| *uses <= 50), "{used:?}");
    let full = used.values().filter(|uses| **uses == 50).count();
    assert_eq!(used.len(), full + used.values().filter(|uses| **uses < 50).count().min(4));
    assert_eq!(
        used.keys().copied().collect::<Vec<_>>(),
        (0..used.len() as u64).collect::<Vec<_>>()
    );
    let share = |kind: &str| kinds[kind] as f64 / 5000.0;
    assert!((0.36..0.44).contains(&share("read")), "{kinds:?}");
    assert!((0.36..0.48).contains(&share("write")), "{kinds:?}");
    assert!((0.14..0.22).contains(&share("cas")), "{kinds:?}");
}

#[test]
fn compare_and_set_hits_and_misses() {
    let main = Register.generator(&options(4, 50), Seed::root(7));
    let events = play(main, &mut Honest::default(), 5000);
    let outcomes =
        |kind| events.iter().filter(|event| &*event.f == "cas" && event.kind == kind).count();
    let (hit, missed) = (outcomes(Kind::Ok), outcomes(Kind::Fail));
    assert!(hit > 100 && missed > 100, "{hit} hit, {missed} missed");
}

#[test]
fn every_worker_reads_every_key_at_the_end() {
    let events = whole_run(&Register, &options(4, 50), 2000);
    let keys: BTreeSet<u64> =
        events.iter().take(4000).map(|event| event.value[0].as_u64().unwrap()).collect();
    let mut read: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    for event in events.iter().skip(4000).filter(|event| event.kind == Kind::Ok) {
        assert_eq!(&*event.f, "read");
        let worker = event.process.client().unwrap() % 6;
        read.entry(worker).or_default().insert(event.value[0].as_u64().unwrap());
    }
    assert_eq!(read.len(), 6);
    for (worker, read) in read {
        assert!(read.is_superset(&keys), "worker {worker} read {read:?} of {keys:?}");
        assert!(read.len() < keys.len() + 20, "worker {worker} went on for too long");
    }
}

#[test]
fn the_truth_is_accepted_and_a_stale_read_is_not() {
    let mut events = whole_run(&Register, &options(4, 50), 2000);
    crate::testing::assert_verdict(&Register, &events, perjury_checkers::Verdict::Valid);
    let last = events.iter_mut().rev().find(|event| {
        &*event.f == "read" && event.kind == Kind::Ok && event.value[1].as_u64() > Some(3)
    });
    last.unwrap().value[1] = Value::from(1);
    crate::testing::assert_verdict(&Register, &events, perjury_checkers::Verdict::Invalid);
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    crate::testing::assert_beginnings_valid(&Register, &options(4, 50));
}

#[test]
fn weaker_models_judge_when_they_are_asked_for() {
    let names = |options: &Options| {
        Register.validate(options)?;
        let checkers = Register.checkers(options);
        Ok::<Vec<String>, String>(checkers.iter().map(|one| one.name().to_owned()).collect())
    };
    assert_eq!(names(&with(&[])).unwrap(), ["linearizable"]);
    let stale = with(&[("consistency-model", "staleness"), ("milliseconds-behind", "500")]);
    assert_eq!(names(&stale).unwrap(), ["staleness"]);
    assert!(!Register.shows_anomalies_early(&stale));
    let unknown = names(&with(&[("consistency-model", "serializable")])).unwrap_err();
    assert!(unknown.contains("linearizable, sequential"), "{unknown}");
    let odd = names(&with(&[("versions-behind", "few")])).unwrap_err();
    assert!(odd.contains("--set versions-behind=2"), "{odd}");
}
