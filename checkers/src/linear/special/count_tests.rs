//! Counters, logs and identifiers: brute force, long histories, and what cannot have been seen.

use super::evidence::{Long, Narrow, agrees};
use crate::linear::model::{NEVER, Timed};
use crate::linear::synthetic::{Counters, Ids, Logs, Random};
use crate::linear::*;

fn any<T: Copy, const N: usize>(random: &mut Random, choices: [T; N]) -> T {
    choices[random.below(N as u64) as usize]
}

fn counted(random: &mut Random, amount: i128) -> CounterCall {
    let value = amount * random.below(5) as i128;
    match random.below(6) {
        0..2 => CounterCall::Read(value),
        2..4 => CounterCall::Add(amount),
        4 => CounterCall::AddAndGet { amount, new: value + amount },
        _ => CounterCall::FetchAdd { old: value, amount },
    }
}

#[test]
fn counters_agree_with_brute_force() {
    agrees(&CounterObject, 1, 150_000).covers(60_000);
    let samples: [fn(&mut Random) -> CounterCall; 4] = [
        |random| counted(random, 1),
        |random| counted(random, -3),
        // Mostly with answers and unlike amounts, so that the values make a chain.
        |random| match random.below(12) {
            0..3 => CounterCall::Read(any(random, [0, 1, 3, 4, 6, 7])),
            3 => CounterCall::Add(any(random, [1, 3])),
            _ => CounterCall::FetchAdd {
                old: any(random, [0, 1, 3, 4, 5]),
                amount: any(random, [1, 2, 3, -1]),
            },
        },
        // Unlike amounts without answers: only bounds.
        |random| match random.below(2) {
            0 => CounterCall::Read(any(random, [-1, 0, 1, 2, 3, 5])),
            _ => CounterCall::Add(any(random, [1, 2, -1])),
        },
    ];
    let all = [80_000, 80_000, 20_000, 10_000];
    for (seed, (sample, decided)) in (2..).zip(samples.into_iter().zip(all)) {
        let model = Narrow { model: CounterObject, sample };
        let tally = agrees(&model, seed, 100_000);
        assert!(tally.valid + tally.invalid >= decided, "{tally:?}");
        assert!(tally.invalid > 2_000 && tally.valid > 2_000, "{tally:?}");
    }
}

#[test]
fn logs_agree_with_brute_force() {
    agrees(&Log, 1, 120_000).covers(100_000);
    // Each value is mostly appended once, so that reads tell where.
    let sample = |random: &mut Random| {
        let (value, offset) = (random.below(9) as u32, random.below(4));
        match random.below(8) {
            0..4 => LogCall::Append { value, offset: None },
            4 => LogCall::Append { value, offset: Some(offset) },
            5 => LogCall::Read { offset, value: Some(value) },
            6 => LogCall::Read { offset, value: None },
            _ => LogCall::Length(offset),
        }
    };
    agrees(&Narrow { model: Log, sample }, 2, 100_000).covers(80_000);
}

#[test]
fn identifiers_agree_with_brute_force() {
    let tally = agrees(&IdSource { monotonic: true }, 1, 100_000).covers(100_000);
    assert_eq!(tally.undecided, 0);
    let tally = agrees(&IdSource { monotonic: false }, 2, 100_000).covers(100_000);
    assert_eq!(tally.undecided, 0);
}

const LONG: Long = Long { count: 10_000, operations: 400, unknown: 50_000 };
const SURE: Long = Long { unknown: 0, ..LONG };

/// Of calls of one sort, two of which the first had ended before the second began.
fn in_turn<C>(
    calls: &[Timed<C>],
    random: &mut Random,
    sort: impl Fn(&C) -> bool,
) -> Option<(usize, usize)> {
    let such: Vec<usize> =
        (0..calls.len()).filter(|n| calls[*n].end != NEVER && sort(&calls[*n].call)).collect();
    let second = *such.get(random.below(such.len().max(1) as u64) as usize)?;
    let before = |n: &&usize| calls[**n].end < calls[second].start;
    such.iter().rfind(before).map(|first| (*first, second))
}

/// A counter that only grows, and a later call that is told a value from before an earlier one.
#[test]
fn long_histories_of_growing_counters() {
    let plant = |calls: &mut Vec<Timed<CounterCall>>, random: &mut Random| {
        let told = |call: &CounterCall| call.known().is_some_and(|(_, new)| new > 0);
        let Some((first, second)) = in_turn(calls, random, told) else { return false };
        let seen = calls[first].call.known().map_or(0, |(_, new)| new);
        calls[second].call = match calls[second].call {
            CounterCall::AddAndGet { amount, .. } => CounterCall::AddAndGet { amount, new: seen },
            CounterCall::FetchAdd { amount, .. } => {
                CounterCall::FetchAdd { old: seen - amount, amount }
            }
            _ => CounterCall::Read(seen - 1),
        };
        true
    };
    for (reads, told) in [(20, 100), (50, 0), (40, 40)] {
        let planted = LONG.check(&CounterObject, || Counters::new(&[1], reads, told), plant);
        assert!(planted > 9_500, "{planted}");
    }
    // Of unlike amounts, only if all of them are known.
    let planted = SURE.check(&CounterObject, || Counters::new(&[1, 2, 5], 30, 100), plant);
    assert!(planted > 9_500, "{planted}");
}

/// One add more, which nobody was told the value of, before the last call: the others were all
/// told theirs, so they are all the steps that lead to the last value, and none is left.
#[test]
fn long_histories_with_an_add_too_many() {
    let planted = SURE.check(
        &CounterObject,
        || Counters::new(&[1], 20, 100),
        |calls, random| {
            let known = |timed: &&Timed<CounterCall>| timed.call.known().is_some();
            let latest = calls.iter().rev().find(known).map(|timed| timed.start);
            let Some(latest) = latest.filter(|latest| *latest > 0) else { return false };
            let at = random.below(latest.into()) as u32;
            super::evidence::spread(calls, 4);
            let new = std::iter::once(CounterCall::Add(1));
            super::evidence::insert(calls, 4 * at, new);
            true
        },
    );
    assert!(planted > 9_500, "{planted}");
}

/// A read of another entry's value: values and offsets are distinct, so it was never there. Or
/// a length from before an entry that was already acknowledged.
#[test]
fn long_histories_of_logs() {
    let plant = |calls: &mut Vec<Timed<LogCall>>, random: &mut Random| {
        let told = |call: &LogCall| matches!(call, LogCall::Append { offset: Some(_), .. });
        let reads = |call: &LogCall| matches!(call, LogCall::Read { value: Some(_), .. });
        let such: Vec<usize> = (0..calls.len()).filter(|n| reads(&calls[*n].call)).collect();
        let wanted = such.get(random.below(such.len().max(1) as u64) as usize).copied();
        let LogCall::Append { value: first, offset: Some(at) } =
            calls.iter().map(|timed| timed.call).find(told).unwrap_or(LogCall::Length(0))
        else {
            return false;
        };
        match wanted.map(|n| (n, calls[n].call)) {
            Some((n, LogCall::Read { offset, .. })) if offset != at && random.chance(50) => {
                calls[n].call = LogCall::Read { offset, value: Some(first) };
            }
            _ => {
                let Some((first, second)) = in_turn(calls, random, told) else { return false };
                let LogCall::Append { offset: Some(at), .. } = calls[first].call else {
                    return false;
                };
                calls[second].call = LogCall::Length(at);
            }
        }
        true
    };
    for (reads, told) in [(40, 100), (30, 60), (50, 30)] {
        let planted = LONG.check(&Log, || Logs::new(reads, told), plant);
        assert!(planted > 1_700, "{planted}");
    }
}

#[test]
fn long_histories_of_identifiers() {
    let any = |_: &Generate| true;
    let twice = |calls: &mut Vec<Timed<Generate>>, random: &mut Random| {
        let Some((first, second)) = in_turn(calls, random, any) else { return false };
        calls[second].call = calls[first].call;
        true
    };
    let model = IdSource { monotonic: false };
    assert!(LONG.check(&model, Ids::default, twice) > 9_500);
    let back = |calls: &mut Vec<Timed<Generate>>, random: &mut Random| {
        let Some((first, second)) = in_turn(calls, random, any) else { return false };
        (calls[first].call, calls[second].call) = (calls[second].call, calls[first].call);
        true
    };
    assert!(LONG.check(&IdSource { monotonic: true }, Ids::default, back) > 9_500);
}
