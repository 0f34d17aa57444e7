//! Loads: synthetic calls, with and without a planted violation.

use perjury_checkers::linear::synthetic::queues::{
    PriorityQueueLoad, QueueLoad, UnorderedQueueLoad,
};
use perjury_checkers::linear::synthetic::{
    Counters, Locks, Logs, Random, RegisterLoad, SetLoad, Shape, StackLoad, Subject, Words, events,
    history,
};
use perjury_checkers::linear::{
    CasRegister, CounterObject, FifoQueue, Linearizable, Log, Model, Mutex, NEVER, Outcome,
    PriorityQueue, QueueCall, RegisterCall, SetCall, SetObject, Stack, StackCall, Stream, Timed,
    UnorderedQueue, Values, decide,
};
use perjury_checkers::streaming::Judge;
use perjury_checkers::{Budget, Checker, Event, Kind, Name, Process};
use rayon::prelude::*;
use serde_json::json;

use crate::measure::{Measured, calls_of, resident, timed};

/// How many different priorities there are.
const PRIORITIES: u64 = 1 << 40;

/// All outcomes are known.
pub fn shape(operations: usize, processes: u32) -> Shape {
    Shape { operations, processes, unknown_per_million: 0, seed: 1 }
}

/// Ten thousand operations of ten clients, so many of a million unknown.
pub fn unknown(per_million: u64) -> Shape {
    Shape { unknown_per_million: per_million, ..shape(10_000, 10) }
}

/// Ten clients without unknown outcomes.
fn plain<S: Subject, M: Model<Call = S::Call>>(
    mut load: S,
    model: &M,
    operations: usize,
    planted: &[fn(u32) -> M::Call],
) -> Measured {
    let mut calls = history(&mut load, shape(operations, 10));
    let mut position = calls.iter().map(|timed| timed.end + 1).max().unwrap_or(0);
    // Larger than all numbers of values that the load may have used.
    let fresh = calls.len() as u32 + 1;
    for call in planted {
        calls.push(Timed { call: call(fresh), start: position, end: position + 1 });
        position += 2;
    }
    calls_of(model, &model.initial(&mut Values::default()), &calls)
}

/// One register with five values.
pub fn register(shape: Shape, violated: bool) -> Measured {
    let mut load = RegisterLoad::new(5);
    let mut calls = history(&mut load, shape);
    if violated {
        plant(&mut calls);
    }
    calls_of(&CasRegister::default(), &0, &calls)
}

/// A write of 99 and one of 0 before everything else, and a read near the end that shows 99.
fn plant(calls: &mut Vec<Timed<RegisterCall>>) {
    for timed in calls.iter_mut() {
        timed.start += 4;
        timed.end = timed.end.saturating_add(4);
    }
    calls.insert(0, Timed { call: RegisterCall::Write(99), start: 0, end: 1 });
    calls.insert(1, Timed { call: RegisterCall::Write(0), start: 2, end: 3 });
    let read = |timed: &Timed<RegisterCall>| {
        matches!(timed.call, RegisterCall::Read(_)) && timed.end != NEVER
    };
    let late = calls.len() * 9 / 10;
    let at = late + calls[late..].iter().position(read).expect("a read");
    calls[at].call = RegisterCall::Read(99);
}

/// One register to which every value is written once.
pub fn unique_register(operations: usize) -> Measured {
    plain(RegisterLoad::unique(), &CasRegister::default(), operations, &[])
}

/// The planted violation: two elements come one after another, after everything else, and leave
/// in the other order.
pub fn fifo_queue(operations: usize, violated: bool) -> Measured {
    let planted: &[fn(u32) -> QueueCall] = &[
        QueueCall::Enqueue,
        |value| QueueCall::Enqueue(value + 1),
        |value| QueueCall::Dequeue(value + 1),
        QueueCall::Dequeue,
    ];
    let planted = if violated { planted } else { &[] };
    plain(QueueLoad::default(), &FifoQueue::default(), operations, planted)
}

pub fn unordered_queue(operations: usize) -> Measured {
    plain(UnorderedQueueLoad::new(1), &UnorderedQueue::default(), operations, &[])
}

pub fn priority_queue(operations: usize) -> Measured {
    plain(PriorityQueueLoad::new(PRIORITIES, 1), &PriorityQueue::default(), operations, &[])
}

/// The planted violation: two values are pushed after everything else, and the lower one is
/// popped first.
pub fn stack(operations: usize, violated: bool) -> Measured {
    let planted: &[fn(u32) -> StackCall] = &[
        StackCall::Push,
        |value| StackCall::Push(value + 1),
        StackCall::Pop,
        |value| StackCall::Pop(value + 1),
    ];
    let planted = if violated { planted } else { &[] };
    plain(StackLoad::default(), &Stack, operations, planted)
}

/// The planted violation: an element is added and removed after everything else, and then seen.
pub fn set(operations: usize, violated: bool) -> Measured {
    let planted: &[fn(u32) -> SetCall] = &[
        |element| SetCall::Add(element, Some(true)),
        |element| SetCall::Remove(element, Some(true)),
        |element| SetCall::Contains(element, true),
    ];
    let planted = if violated { planted } else { &[] };
    plain(SetLoad::default(), &SetObject, operations, planted)
}

/// Attempts on a held lock fail and are left out: of `attempts` two in eleven remain.
pub fn mutex(attempts: usize) -> Measured {
    plain(Locks::mutex(), &Mutex, attempts, &[])
}

/// Increments that are answered, and some reads.
pub fn counter(operations: usize) -> Measured {
    plain(Counters::told(), &CounterObject, operations, &[])
}

/// Half are reads, and all appends are answered by their offset.
pub fn log(operations: usize) -> Measured {
    plain(Logs::new(50, 100), &Log, operations, &[])
}

/// A thousand registers, each with the calls of its own, on all processors.
pub fn keys(attempts: usize) -> Measured {
    let mut keys: Vec<Vec<Timed<RegisterCall>>> = vec![Vec::new(); 1_000];
    let calls = keyed_calls(attempts);
    let operations = calls.len();
    for Timed { call: (key, call), start, end } in calls {
        keys[key].push(Timed { call, start, end });
    }
    let before = resident();
    let judge = |calls: &Vec<Timed<RegisterCall>>| {
        let model = CasRegister::default();
        let decision = decide(&model, &0, calls, &Values::default(), &Budget::default());
        matches!(decision.outcome, Outcome::Linearizable)
    };
    let (valid, took) = timed(|| keys.par_iter().all(judge));
    let verdict = if valid { "Linearizable (frontier)" } else { "violated" };
    Measured { operations, took, before, verdict: verdict.to_owned() }
}

/// The same as a history of events, whose values are JSON.
pub fn keys_of_events(attempts: usize) -> Measured {
    let calls = keyed_calls(attempts);
    let history = events(&calls, keyed_words);
    let operations = calls.len();
    drop(calls);
    let before = resident();
    let checker = Linearizable::new(CasRegister { initial: json!(0), ..CasRegister::default() });
    let (finding, took) = timed(|| checker.keyed(true).check(&history, &Budget::default()));
    Measured { operations, took, before, verdict: format!("{:?}", finding.verdict) }
}

/// The same shown to a stream, so that no history is kept; the time is that of making the events,
/// too.
pub fn keys_streamed(attempts: usize) -> Measured {
    let calls = keyed_calls(attempts);
    let before = resident();
    let model = CasRegister { initial: json!(0), ..CasRegister::default() };
    let mut judge = Judge::of(Stream::streams(model, true));
    let mut order: Vec<(u32, u32)> = Vec::with_capacity(2 * calls.len());
    for (number, timed) in (0u32..).zip(&calls) {
        order.extend([(timed.start, number), (timed.end, number)]);
    }
    order.sort_unstable();
    let f = [Name::from("read"), Name::from("write"), Name::from("cas")];
    let (finding, took) = timed(|| {
        for order in order.chunks(10_000) {
            let event = |(position, number): &(u32, u32)| {
                let Timed { call, start, .. } = &calls[*number as usize];
                let (word, asked, answered) = keyed_words(call);
                let begins = position == start;
                Event {
                    index: u64::from(*position),
                    time: u64::from(*position) * 1000,
                    process: Process::Client(*number),
                    kind: if begins { Kind::Invoke } else { Kind::Ok },
                    f: f.iter().find(|name| &***name == word).expect("a function").clone(),
                    value: if begins { asked } else { answered },
                    node: None,
                    error: None,
                }
            };
            let events: Vec<Event> = order.iter().map(event).collect();
            judge.push_events(&events).expect("good events");
        }
        judge.finish().expect("good events").0
    });
    Measured { operations: calls.len(), took, before, verdict: format!("{:?}", finding.verdict) }
}

fn keyed_calls(attempts: usize) -> Vec<Timed<(usize, RegisterCall)>> {
    history(&mut Many(vec![RegisterLoad::new(5); 1_000]), shape(attempts, 20))
}

fn keyed_words((key, call): &(usize, RegisterCall)) -> Words {
    let (f, asked, answered) = RegisterLoad::words(call);
    (f, json!([key, asked]), json!([key, answered]))
}

/// Registers by number.
struct Many(Vec<RegisterLoad>);

impl Subject for Many {
    type Request = (usize, <RegisterLoad as Subject>::Request);
    type Call = (usize, RegisterCall);

    fn ask(&mut self, random: &mut Random, process: u32) -> Self::Request {
        let key = random.below(self.0.len() as u64) as usize;
        (key, self.0[key].ask(random, process))
    }

    fn apply(&mut self, (key, request): &Self::Request) -> Option<Self::Call> {
        self.0[*key].apply(request).map(|call| (*key, call))
    }

    fn unanswered(&self, (key, request): &Self::Request) -> Option<Self::Call> {
        self.0[*key].unanswered(request).map(|call| (*key, call))
    }
}
