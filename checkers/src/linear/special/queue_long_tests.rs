//! The engines for queues on long valid histories, on planted faults, and on published ones.

use super::{Special, fifo_queue, priority_queue, unordered_queue};
use crate::linear::synthetic::queues::{PriorityQueueLoad, QueueLoad, UnorderedQueueLoad};
use crate::linear::synthetic::{Random, Shape, Subject, history};
use crate::linear::{NEVER, PriorityCall, QueueCall, Timed, Values};
use crate::testing::{golden, golden_index};

const HISTORIES: u64 = 10_000;

fn shape(seed: u64) -> Shape {
    Shape {
        operations: 300,
        processes: 1 + (seed % 40) as u32,
        // Every other history has calls of unknown outcome.
        unknown_per_million: if seed.is_multiple_of(2) { 0 } else { seed * 7919 % 50_000 },
        seed,
    }
}

/// How to spoil a history so that it surely is wrong. Nothing if there is no place for it.
type Plant<C> = fn(&mut Random, &mut [Timed<C>]) -> Option<()>;

type Judge<C> = fn(&[Timed<C>], &Values) -> Option<Special>;

/// Judges valid histories, and spoils them each in one of these ways.
fn judge_all<S: Subject>(
    subject: impl Fn(u64) -> S,
    judge: Judge<S::Call>,
    plants: &[Plant<S::Call>],
) where
    S::Call: Copy,
{
    let values = Values::default();
    let mut planted = vec![0; plants.len()];
    for seed in 0..HISTORIES {
        let mut calls = history(&mut subject(seed), shape(seed));
        let found = judge(&calls, &values).expect("the engine applies");
        assert_eq!(found.contradiction, None, "seed {seed}");
        let which = (seed / 2 % plants.len() as u64) as usize;
        if plants[which](&mut Random(seed), &mut calls).is_some() {
            planted[which] += 1;
            let found = judge(&calls, &values).expect("the engine applies");
            let found = found.contradiction.unwrap_or_else(|| panic!("{which}, seed {seed}"));
            // What is told is wrong by itself.
            let told = |(place, _): &(usize, _)| found.calls.contains(place);
            let proof: Vec<_> = calls.iter().enumerate().filter(told).map(|(_, c)| *c).collect();
            let again = judge(&proof, &values).expect("the engine applies");
            assert!(again.contradiction.is_some(), "{found:?}, seed {seed}");
        }
    }
    let enough = HISTORIES / plants.len() as u64 / 4;
    assert!(planted.iter().all(|count| *count > enough), "{planted:?}");
}

/// The calls on one element: positions in the history, and the calls.
struct Life {
    enqueue: (usize, Timed<QueueCall>),
    dequeue: (usize, Timed<QueueCall>),
}

/// Elements with a known dequeue, in the order of those.
fn lives(calls: &[Timed<QueueCall>]) -> Vec<Life> {
    let all = || calls.iter().copied().enumerate();
    let mut enqueues = vec![None; calls.len()];
    for (place, timed) in all() {
        if let QueueCall::Enqueue(value) = timed.call {
            enqueues[value as usize] = Some((place, timed));
        }
    }
    all()
        .filter_map(|(place, timed)| {
            let QueueCall::Dequeue(value) = timed.call else { return None };
            Some(Life { enqueue: enqueues[value as usize]?, dequeue: (place, timed) })
        })
        .collect()
}

/// Two different elements, at random.
fn two<'l>(random: &mut Random, lives: &'l [Life]) -> Option<[&'l Life; 2]> {
    let mut any = || lives.get(random.below(lives.len().max(1) as u64) as usize);
    let pair = [any()?, any()?];
    (pair[0].dequeue.0 != pair[1].dequeue.0).then_some(pair)
}

/// The first pair that fits of a hundred random ones.
fn such<'l>(
    random: &mut Random,
    lives: &'l [Life],
    fits: impl Fn(&Life, &Life) -> bool,
) -> Option<[&'l Life; 2]> {
    (0..100).find_map(|_| two(random, lives).filter(|[a, b]| fits(a, b)))
}

/// Answers a dequeue with what another has taken: one value came once and left twice.
fn twice(random: &mut Random, calls: &mut [Timed<QueueCall>]) -> Option<()> {
    let lives = lives(calls);
    let [a, b] = two(random, &lives)?;
    calls[b.dequeue.0].call = a.dequeue.1.call;
    Some(())
}

/// Answers a dequeue with what nobody ever put in.
fn phantom(random: &mut Random, calls: &mut [Timed<QueueCall>]) -> Option<()> {
    let lives = lives(calls);
    let [a, _] = two(random, &lives)?;
    calls[a.dequeue.0].call = QueueCall::Dequeue(calls.len() as u32);
    Some(())
}

/// Swaps the answers of two dequeues, of which one was over before the enqueue of what the
/// other took had begun.
fn future(random: &mut Random, calls: &mut [Timed<QueueCall>]) -> Option<()> {
    let lives = lives(calls);
    let [a, b] = such(random, &lives, |a, b| a.dequeue.1.end < b.enqueue.1.start)?;
    calls[a.dequeue.0].call = b.dequeue.1.call;
    calls[b.dequeue.0].call = a.dequeue.1.call;
    Some(())
}

/// Swaps the answers of two dequeues, one over before the other began, of elements of which the
/// first to leave had come before the other began to come: now the younger leaves first.
fn inversion(random: &mut Random, calls: &mut [Timed<QueueCall>]) -> Option<()> {
    let lives = lives(calls);
    let [a, b] = such(random, &lives, |a, b| {
        a.enqueue.1.end < b.enqueue.1.start && a.dequeue.1.end < b.dequeue.1.start
    })?;
    calls[a.dequeue.0].call = b.dequeue.1.call;
    calls[b.dequeue.0].call = a.dequeue.1.call;
    Some(())
}

/// Lets a dequeue find nothing instead of an element that had come before it began. As no other
/// takes that element, it is inside for the whole dequeue; but an unknown dequeue must not have
/// begun by its end.
fn denied(random: &mut Random, calls: &mut [Timed<QueueCall>]) -> Option<()> {
    let lives = lives(calls);
    let taker = calls.iter().find(|timed| timed.call == QueueCall::DequeueUnknown);
    let taker = taker.map_or(NEVER, |timed| timed.start);
    let fits = |a: &Life| a.enqueue.1.end < a.dequeue.1.start && a.dequeue.1.end < taker;
    let [a, _] = such(random, &lives, |a, _| fits(a))?;
    calls[a.dequeue.0].call = QueueCall::DequeueEmpty;
    Some(())
}

#[test]
fn fifo_queues() {
    let plants = [twice, phantom, future, inversion, denied];
    judge_all(|_| QueueLoad::default(), fifo_queue, &plants.map(|plant| plant as Plant<_>));
}

#[test]
fn unordered_queues() {
    let plants = [twice, phantom, future, denied];
    let plants = plants.map(|plant| plant as Plant<_>);
    judge_all(UnorderedQueueLoad::new, unordered_queue, &plants);
}

/// Swaps the answers of two deletes, one over before the other began, of elements of which the
/// first to leave goes first and had come before both: now it waits while the other leaves.
fn priority_inversion(random: &mut Random, calls: &mut [Timed<PriorityCall>]) -> Option<()> {
    let lives = lives(&unranked(calls));
    let priority = |life: &Life| calls[life.enqueue.0].call.element().map(|e| e.priority());
    let [a, b] = such(random, &lives, |a, b| {
        a.enqueue.1.end < a.dequeue.1.start
            && a.dequeue.1.end < b.dequeue.1.start
            && priority(a) < priority(b)
    })?;
    let call = calls[a.dequeue.0].call;
    calls[a.dequeue.0].call = calls[b.dequeue.0].call;
    calls[b.dequeue.0].call = call;
    Some(())
}

/// As for other queues.
fn priority_denied(random: &mut Random, calls: &mut [Timed<PriorityCall>]) -> Option<()> {
    let mut spoilt = unranked(calls);
    denied(random, &mut spoilt)?;
    for (timed, spoilt) in calls.iter_mut().zip(spoilt) {
        if spoilt.call == QueueCall::DequeueEmpty {
            timed.call = PriorityCall::DeleteEmpty;
        }
    }
    Some(())
}

fn unranked(calls: &[Timed<PriorityCall>]) -> Vec<Timed<QueueCall>> {
    let unranked = |timed: &Timed<PriorityCall>| {
        let Timed { call, start, end } = *timed;
        Timed { call: call.unranked(), start, end }
    };
    calls.iter().map(unranked).collect()
}

#[test]
fn priority_queues() {
    let plants = [priority_inversion, priority_denied];
    let plants = plants.map(|plant| plant as Plant<_>);
    judge_all(|seed| PriorityQueueLoad::new(10, seed), priority_queue, &plants);
    judge_all(|seed| PriorityQueueLoad::new(1 << 40, seed), priority_queue, &plants);
}

/// Positions may be few and far between, as in a history of many objects.
#[test]
fn only_the_order_of_positions_matters() {
    let values = Values::default();
    for seed in 0..100 {
        let mut calls = history(&mut PriorityQueueLoad::new(100, seed), shape(seed));
        if seed.is_multiple_of(2) {
            let _ = priority_inversion(&mut Random(seed), &mut calls);
        }
        let near = priority_queue(&calls, &values);
        for timed in &mut calls {
            timed.start = timed.start * 5_000_000 + 7;
            timed.end = timed.end.saturating_mul(5_000_000);
        }
        assert_eq!(priority_queue(&calls, &values), near);
    }
}

/// Lines `[3] call add(1)`, `[3] return`, `[4] call remove`, `[4] return 1` or `return empty`.
fn violin_log(text: &str, values: &mut Values) -> Vec<Timed<QueueCall>> {
    let mut calls: Vec<Timed<QueueCall>> = Vec::new();
    let mut open: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for (position, line) in (0..).zip(text.lines()) {
        let Some((who, what)) = line.strip_prefix('[').and_then(|line| line.split_once("] "))
        else {
            continue;
        };
        if let Some(value) = what.strip_prefix("call add(") {
            open.insert(who, calls.len());
            let call = QueueCall::Enqueue(values.intern(&value.trim_end_matches(')').into()));
            calls.push(Timed { call, start: position, end: NEVER });
        } else if what == "call remove" {
            open.insert(who, calls.len());
            calls.push(Timed { call: QueueCall::DequeueUnknown, start: position, end: NEVER });
        } else {
            let answer = what.strip_prefix("return").expect(line).trim();
            let timed = &mut calls[open.remove(who).expect(line)];
            timed.end = position;
            if timed.call == QueueCall::DequeueUnknown {
                timed.call = match answer {
                    "empty" => QueueCall::DequeueEmpty,
                    value => QueueCall::Dequeue(values.intern(&value.into())),
                };
            }
        }
    }
    calls
}

#[test]
fn published_verdicts_on_violin_histories() {
    let (mut judged, mut wrong) = (0, 0);
    for [file, workload, _, published] in golden_index("violin/") {
        if !workload.starts_with("fifo-queue") {
            continue;
        }
        let text = String::from_utf8(golden(&file)).expect("a log is UTF-8");
        let mut values = Values::default();
        let calls = violin_log(&text, &mut values);
        let found = fifo_queue(&calls, &values).expect(&file);
        assert_eq!(found.contradiction.is_none(), published == "valid", "{file}: {found:?}");
        judged += 1;
        wrong += u32::from(found.contradiction.is_some());
    }
    assert!(judged > 400 && wrong > 50, "{judged} {wrong}");
}
