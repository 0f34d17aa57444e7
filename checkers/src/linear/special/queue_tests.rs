//! The engines for queues against brute force on small random histories.

use crate::linear::oracle::brute_force;
use crate::linear::synthetic::queues::{PriorityQueueLoad, QueueLoad, UnorderedQueueLoad};
use crate::linear::synthetic::{Random, Shape, Subject, history};
use crate::linear::{
    FifoQueue, Model, NEVER, PriorityCall, PriorityQueue, QueueCall, Ranked, Timed, UnorderedQueue,
    Values,
};

const HISTORIES: u64 = 100_000;

/// Up to 8 calls at random places with random answers.
///
/// If they are `strange`, values repeat or calls end in a way that no client tells of.
fn random_calls(random: &mut Random, strange: bool) -> Vec<Timed<QueueCall>> {
    let count = 1 + random.below(8) as u32;
    let mut places: Vec<u32> = (0..2 * count).collect();
    for place in (1..places.len()).rev() {
        places.swap(place, random.below(place as u64 + 1) as usize);
    }
    let mut spans: Vec<(u32, u32)> =
        places.chunks(2).map(|pair| (pair[0].min(pair[1]), pair[0].max(pair[1]))).collect();
    spans.sort_unstable();
    let longest = 1 + random.below(8) as u32;
    let repeats = strange && random.chance(70);
    let (mut fresh, mut handed) = (0, Vec::new());
    let mut calls = Vec::new();
    for (start, end) in spans {
        // Mostly short calls, or everything would be concurrent.
        let end = if random.chance(80) { end.min(start + longest) } else { end };
        let call = match random.below(16) {
            0..8 if repeats && fresh > 0 => QueueCall::Enqueue(random.below(2) as u32),
            0..8 => {
                fresh += 1;
                QueueCall::Enqueue(fresh - 1)
            }
            8..10 => QueueCall::DequeueEmpty,
            10 => QueueCall::DequeueUnknown,
            _ => {
                let value = random.below(5) as u32;
                let value = if handed.contains(&value) { handed.len() as u32 } else { value };
                handed.push(value);
                QueueCall::Dequeue(value)
            }
        };
        let known = matches!(call, QueueCall::Dequeue(_) | QueueCall::DequeueEmpty);
        let unknown = match call {
            _ if strange && !repeats => random.chance(50),
            QueueCall::DequeueUnknown => true,
            _ => !known && random.chance(15),
        };
        let end = if unknown { NEVER } else { 2 * end + 1 };
        calls.push(Timed { call, start: 2 * start, end });
    }
    calls
}

/// Up to 8 calls of an atomic queue, and then a few changes.
fn nearly_valid<S: Subject>(subject: &mut S, random: &mut Random) -> Vec<Timed<S::Call>>
where
    S::Call: Copy,
{
    let shape = Shape {
        operations: 3 + random.below(6) as usize,
        processes: 1 + random.below(4) as u32,
        unknown_per_million: random.below(300_000),
        seed: random.bits(),
    };
    let mut calls = history(subject, shape);
    for _ in 0..random.below(3) {
        let [a, b] = [0; 2].map(|_| random.below(calls.len() as u64) as usize);
        match random.below(4) {
            0 if calls[a].end != NEVER && calls[b].end != NEVER => {
                let call = calls[a].call;
                calls[a].call = calls[b].call;
                calls[b].call = call;
            }
            1 if calls.len() > 2 => {
                calls.remove(a);
            }
            2 if calls[a].end != NEVER => {
                // Ends as soon as it began.
                for timed in &mut calls {
                    timed.start *= 2;
                    timed.end = timed.end.saturating_mul(2);
                }
                calls[a].end = calls[a].start + 1;
            }
            _ => {}
        }
    }
    calls
}

#[derive(Debug, Default)]
struct Tally {
    valid: u32,
    invalid: u32,
    undecided: u32,
    undecided_strange: u32,
}

impl Tally {
    /// Compares a verdict with that of brute force, and the proof of a contradiction as well.
    fn judge<M: Model>(&mut self, model: &M, calls: &[Timed<M::Call>], strange: bool)
    where
        M::Call: Copy,
    {
        let mut values = Values::default();
        let initial = model.initial(&mut values);
        let right = brute_force(model, &initial, calls);
        let Some(found) = model.special(calls, &values) else {
            if strange {
                self.undecided_strange += 1
            } else {
                self.undecided += 1
            }
            return;
        };
        assert_eq!(found.contradiction.is_none(), right, "{found:?} {calls:#?}");
        let Some(contradiction) = found.contradiction else {
            self.valid += 1;
            return;
        };
        self.invalid += 1;
        let mut numbers = contradiction.calls.clone();
        numbers.sort_unstable();
        let part: Vec<_> = numbers.iter().map(|number| calls[*number]).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), part.len(), "{contradiction:?} names a call twice");
        assert!(!brute_force(model, &initial, &part), "{contradiction:?} {calls:#?}");
    }
}

#[test]
fn a_fifo_queue_is_judged_as_brute_force_does() {
    let mut tally = Tally::default();
    for seed in 0..HISTORIES {
        let mut random = Random(seed);
        let strange = seed % 39 == 0;
        let calls = match seed % 3 {
            0 => random_calls(&mut random, strange),
            _ => nearly_valid(&mut QueueLoad::default(), &mut random),
        };
        tally.judge(&FifoQueue::default(), &calls, strange);
    }
    assert!(tally.undecided == 0 && tally.valid > 20_000 && tally.invalid > 20_000, "{tally:?}");
}

#[test]
fn an_unordered_queue_is_judged_as_brute_force_does() {
    let mut tally = Tally::default();
    for seed in 0..HISTORIES {
        let mut random = Random(seed);
        let strange = seed % 39 == 0;
        let calls = match seed % 3 {
            0 => random_calls(&mut random, strange),
            _ => nearly_valid(&mut UnorderedQueueLoad::new(seed), &mut random),
        };
        tally.judge(&UnorderedQueue::default(), &calls, strange);
    }
    assert!(tally.undecided == 0 && tally.valid > 20_000 && tally.invalid > 20_000, "{tally:?}");
}

fn ranked(call: QueueCall, priorities: &[i64]) -> PriorityCall {
    let ranked = |value: u32| Ranked::integer(priorities[value as usize], value);
    match call {
        QueueCall::Enqueue(value) => PriorityCall::Insert(ranked(value)),
        QueueCall::Dequeue(value) => PriorityCall::Delete(ranked(value)),
        QueueCall::DequeueEmpty => PriorityCall::DeleteEmpty,
        QueueCall::DequeueUnknown => PriorityCall::DeleteUnknown,
    }
}

#[test]
fn a_priority_queue_is_judged_as_brute_force_does() {
    let mut tally = Tally::default();
    for seed in 0..HISTORIES {
        let mut random = Random(seed);
        let strange = seed % 39 == 0;
        let most = 1 + random.below(8);
        let calls = match seed % 3 {
            0 => {
                let calls = random_calls(&mut random, strange);
                let priorities = [0; 10].map(|_| random.below(most) as i64);
                let ranked = |timed: Timed<QueueCall>| {
                    let Timed { call, start, end } = timed;
                    Timed { call: ranked(call, &priorities), start, end }
                };
                calls.into_iter().map(ranked).collect()
            }
            _ => nearly_valid(&mut PriorityQueueLoad::new(most, seed), &mut random),
        };
        tally.judge(&PriorityQueue::default(), &calls, strange);
    }
    // Dequeues of unknown outcome may be too intricate, though they hardly ever are.
    assert!(tally.undecided <= 2 && tally.valid > 20_000 && tally.invalid > 20_000, "{tally:?}");
}
