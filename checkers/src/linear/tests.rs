//! The search against a brute-force oracle, on valid histories, and within its limits.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::decide::Outcome;
use super::frontier::{Question, search};
use super::oracle::brute_force;
use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::{Checker, Kind, Verdict};

/// What the general engine says.
fn general(model: &CasRegister, calls: &[Timed<RegisterCall>]) -> Outcome<u32> {
    let question = Question { model, initial: &[0], calls, weak: &[] };
    search(&question, 1 << 20, &Budget::default()).outcome
}

fn random_calls(random: &mut Random, most: u64, values: u64) -> Vec<Timed<RegisterCall>> {
    let count = 1 + random.below(most);
    let mut ends: Vec<u32> = (0..2 * count as u32).collect();
    for i in (1..ends.len()).rev() {
        ends.swap(i, random.below(i as u64 + 1) as usize);
    }
    (0..count as usize)
        .map(|n| {
            let (a, b) = (ends[2 * n], ends[2 * n + 1]);
            // Mostly short calls, or everything would be concurrent.
            let (start, end) = (a.min(b), a.max(b).min(a.min(b) + 1 + random.below(6) as u32));
            let unknown = random.chance(25);
            let mut value = || random.below(values) as u32;
            let (x, y) = (value(), value());
            let call = match random.below(10) {
                0..4 => RegisterCall::Read(x),
                4..7 => RegisterCall::Write(x),
                7..9 => RegisterCall::Cas(x, y),
                _ => RegisterCall::CasMiss(x),
            };
            Timed { call, start: 2 * start, end: if unknown { NEVER } else { 2 * end + 1 } }
        })
        .collect()
}

#[test]
fn the_search_agrees_with_brute_force() {
    let (mut yes, mut no) = (0, 0);
    for seed in 0..30_000 {
        let mut random = Random(seed);
        let mut calls = random_calls(&mut random, 7, 3);
        calls.sort_by_key(|timed| timed.start);
        let model = CasRegister::default();
        let found = general(&model, &calls) == Outcome::Linearizable;
        assert_eq!(found, brute_force(&model, &0, &calls), "seed {seed}: {calls:?}");
        if found { yes += 1 } else { no += 1 }
    }
    assert!(yes > 3000 && no > 3000, "{yes} {no}");
}

/// Few and many values, short and long calls, any mix.
fn varied_calls(random: &mut Random) -> Vec<Timed<RegisterCall>> {
    let count = 2 + random.below(7) as usize;
    let width = 1 + random.below(12) as u32;
    let values = 2 + random.below(3);
    let weights: [u64; 4] = std::array::from_fn(|_| random.below(10));
    let unknown = [0, 0, 20, 50][random.below(4) as usize];
    let mut ends: Vec<u32> = (0..2 * count as u32).collect();
    for i in (1..ends.len()).rev() {
        ends.swap(i, random.below(i as u64 + 1) as usize);
    }
    (0..count)
        .map(|n| {
            let (a, b) = (ends[2 * n].min(ends[2 * n + 1]), ends[2 * n].max(ends[2 * n + 1]));
            let (x, y) = (random.below(values) as u32, random.below(values) as u32);
            let mut pick = random.below(weights.iter().sum::<u64>().max(1));
            let kind = weights.iter().position(|weight| {
                let here = pick < *weight;
                pick = pick.saturating_sub(*weight);
                here
            });
            let call = match kind {
                Some(0) => RegisterCall::Read(x),
                Some(1) => RegisterCall::Write(x),
                Some(2) => RegisterCall::Cas(x, y),
                _ => RegisterCall::CasMiss(x),
            };
            let end = if random.chance(unknown) { NEVER } else { 2 * b.min(a + width) + 1 };
            Timed { call, start: 2 * a, end }
        })
        .collect()
}

#[test]
fn the_engine_agrees_with_brute_force() {
    let (mut yes, mut no) = (0, 0);
    for seed in 0..std::env::var("N").map_or(100_000, |n| n.parse().unwrap()) {
        let mut random = Random(seed);
        let mut calls = varied_calls(&mut random);
        calls.sort_by_key(|timed| timed.start);
        let model = CasRegister::default();
        let found = general(&model, &calls) == Outcome::Linearizable;
        assert_eq!(found, brute_force(&model, &0, &calls), "seed {seed}: {calls:?}");
        if found { yes += 1 } else { no += 1 }
    }
    assert!(yes > 3000 && no > 3000, "{yes} {no}");
}

/// Every explanation must hold: a core by itself contradicts, and so does the whole.
#[test]
fn cores_contradict_by_themselves() {
    let mut found = 0;
    for seed in 0..20_000 {
        let mut random = Random(seed);
        let mut calls = varied_calls(&mut random);
        calls.sort_by_key(|timed| timed.start);
        let model = CasRegister::default();
        let Outcome::Stuck { at, .. } = general(&model, &calls) else { continue };
        let core = shrink::shrink(&model, &0, &calls, at, &Budget::default());
        let part: Vec<_> = core.calls.iter().map(|n| calls[*n]).collect();
        // With the ends of the whole history it must contradict as well, being part of it.
        let begins = match core.past {
            shrink::Past::Nothing => vec![0],
            shrink::Past::Any => vec![0, 1, 2, 3, 4, 99],
            shrink::Past::Known { states, .. } => states,
        };
        for begin in begins {
            assert!(!brute_force(&model, &begin, &part), "seed {seed}: {part:?} of {calls:?}");
        }
        found += 1;
    }
    assert!(found > 1_000, "{found}");
}

fn register_history(seed: u64, calls: usize, processes: u32, unknown: u64) -> crate::History {
    let mut value = Value::Null;
    let mut object = |f: &str, input: &Value| match f {
        "read" => Some(value.clone()),
        "write" => {
            value = input.clone();
            Some(input.clone())
        }
        _ => (value == input[0]).then(|| {
            value = input[1].clone();
            input.clone()
        }),
    };
    let mut asking = |random: &mut Random| match random.below(10) {
        0..4 => ("read", Value::Null),
        4..8 => ("write", json!(random.below(5))),
        _ => ("cas", json!([random.below(5), random.below(5)])),
    };
    atomic_history(&mut Random(seed), calls, processes, unknown, &mut asking, &mut object)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn atomic_histories_are_valid(
        seed: u64, calls in 1usize..400, processes in 1u32..12, unknown in 0u64..6,
    ) {
        let history = register_history(seed, calls, processes, unknown);
        let finding = Linearizable::new(CasRegister::default()).check(&history, &Budget::default());
        prop_assert_ne!(finding.verdict, Verdict::Invalid);
        prop_assert!(finding.verdict == Verdict::Valid || history.operations().len() < 20);
    }
}

#[test]
fn a_long_valid_history_takes_about_one_state_a_call() {
    let history = register_history(7, 10_000, 10, 0);
    let finding = Linearizable::new(CasRegister::default()).check(&history, &Budget::default());
    assert_eq!(finding.verdict, Verdict::Valid);
    let states = finding.stats["states"].as_u64().expect("a count");
    assert!(states < 60_000, "{states}");
}

#[test]
fn keys_are_judged_apart_and_violations_counted() {
    let mut script = Script::default();
    for key in 0..10 {
        script
            .whole(0, "write", json!([key, 1]), json!([key, 1]))
            .whole(1, "read", json!([key, null]), json!([key, if key == 3 { 1 } else { 2 }]))
            .whole(0, "cas", json!([key, [1, 2]]), json!([key, [1, 2]]));
    }
    let checker = Linearizable::new(CasRegister::default()).keyed(true);
    let finding = checker.check(&script.history(), &Budget::default());
    assert_eq!((finding.verdict, finding.anomaly_count), (Verdict::Invalid, 9));
    assert_eq!(finding.anomalies.len(), 8);
    assert_eq!(finding.anomalies[3].key, Some(json!(4)));
    assert_eq!(finding.anomalies[3].kind, "future-read");
    assert_eq!(finding.stats["keys"], 10);
}

#[test]
fn a_call_that_was_left_open_stays_unknown() {
    let mut script = Script::default();
    script.call(0, "write", json!(1)).call(0, "write", json!(2)).ok(0, "write", json!(2));
    script.whole(1, "read", json!(null), json!(1));
    let history = crate::History::new_lenient(script.events).expect("leniently well-formed");
    let finding = Linearizable::new(CasRegister::default()).check(&history, &Budget::default());
    assert_eq!(finding.verdict, Verdict::Valid);
    assert_eq!(finding.stats["unknown"], 1);
}

/// A history that no engine decides soon: many unknown compare-and-sets, and one read that
/// needs a certain chain of them.
fn riddle() -> crate::History {
    let mut script = Script::default();
    script.whole(99, "write", json!(0), json!(0));
    for process in 0..60u32 {
        let (old, new) = (process * 7 % 12, process * 5 % 13 % 12);
        script.call(process, "cas", json!([old, new]));
    }
    for value in [1, 5, 2, 7, 3, 8, 4, 9, 1, 6, 2, 5, 11, 10, 3, 7] {
        script.whole(100, "read", json!(null), json!(value));
    }
    script.history()
}

#[test]
fn out_of_budget_is_unknown_and_says_how_far() {
    let finding = Linearizable::new(CasRegister::default()).check(&riddle(), &Budget::states(8));
    assert_eq!(finding.verdict, Verdict::Unknown);
    let reason = finding.reason.expect("a reason");
    assert!(reason.contains("verified up to operation"), "{reason}");
    let budget = Budget::default();
    budget.cancel();
    let history = register_history(3, 2_000, 10, 0);
    let finding = Linearizable::new(CasRegister::default()).check(&history, &budget);
    assert!(finding.reason.expect("a reason").contains("time was up"));
}

#[test]
fn a_hard_search_ends_soon_after_time_is_up() {
    let (budget, begun) = (Budget::default(), std::time::Instant::now());
    let finding = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(200));
            budget.cancel();
        });
        Linearizable::new(CasRegister::default()).check(&riddle(), &budget)
    });
    // Decided before or given up after; but not long after.
    assert_ne!(finding.verdict, Verdict::Invalid, "{finding:?}");
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}

#[test]
fn what_cannot_be_read_is_unknown_with_the_operation() {
    let check = |script: &Script, keyed| {
        let checker = Linearizable::new(CasRegister::default()).keyed(keyed);
        checker.check(&script.history(), &Budget::default()).reason.expect("unknown")
    };
    let mut script = Script::default();
    script.whole(0, "write", json!(1), json!(1)).whole(0, "frobnicate", json!(1), json!(1));
    assert!(check(&script, false).contains("operation 2"), "{}", check(&script, false));
    assert!(check(&script, true).contains("[key, value]"));
    let mut script = Script::default();
    script.call(0, "read", json!(null)).push(0, Kind::Info, "read", json!(null));
    assert!(check(&script, false).contains("nothing to judge"));
}

#[test]
fn the_answer_is_the_same_each_time() {
    let mut history = register_history(11, 300, 6, 3).events().to_vec();
    let wrong = history.iter().rposition(|e| e.kind == Kind::Ok && &*e.f == "read").expect("one");
    history[wrong].value = json!(77);
    let history = crate::History::new(history).expect("well-formed");
    let check = || {
        let checker = Linearizable::new(CasRegister::default());
        serde_json::to_string(&checker.check(&history, &Budget::default())).expect("JSON")
    };
    assert_eq!(check(), check());
}
