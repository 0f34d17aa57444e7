//! Synthetic histories: valid by construction, of any length, for tests and benchmarks.

mod registers;

pub use registers::{RegisterLoad, RegisterRequest};
pub mod queues;
mod stacks;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde_json::Value;

use super::model::{NEVER, Timed};
use crate::{Event, History, Kind, Process};
pub use stacks::{SetLoad, SetRequest, StackLoad, StackRequest};

mod counters;
mod locks;
mod logs;
mod maps;

pub use counters::Counters;
pub use locks::{LockRequest, Locks};
pub use logs::{Ids, Logs};
pub use maps::Maps;

/// A small seeded generator (splitmix64, Steele et al., OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Exponentially distributed, with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        let unit = (self.bits() >> 11) as f64 / (1u64 << 53) as f64;
        -mean * (1.0 - unit).ln()
    }
}

/// An object that really is atomic, and what clients ask of it.
pub trait Subject {
    type Request: Clone;
    type Call;

    /// What this process asks next.
    fn ask(&mut self, random: &mut Random, process: u32) -> Self::Request;

    /// Lets it happen, and says what was seen of it; `None` if it failed, or if nobody can
    /// learn anything from it.
    fn apply(&mut self, request: &Self::Request) -> Option<Self::Call>;

    /// The call as it looks when nobody learnt its outcome; `None` if it then says nothing.
    fn unanswered(&self, request: &Self::Request) -> Option<Self::Call>;

    /// This process will not learn the outcome of what it just asked, and asks the next time
    /// as somebody else. The call has begun, so it may also take effect here.
    fn lost(&mut self, _process: u32) {}
}

/// What a synthetic history looks like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub operations: usize,
    /// How many clients call at the same time, each without a pause.
    pub processes: u32,
    /// Calls of a million whose outcome nobody learns; half of them happen.
    pub unknown_per_million: u64,
    pub seed: u64,
}

enum Moment<R> {
    Begin,
    Effect(R),
    End,
}

/// Calls that last an exponential time and take effect at a random moment inside, ordered by
/// start. Calls that failed are left out.
///
/// A client whose call is unknown goes on at once, as a new process.
pub fn history<S: Subject>(subject: &mut S, shape: Shape) -> Vec<Timed<S::Call>> {
    let mut random = Random(shape.seed);
    let mut calls: Vec<Timed<Option<S::Call>>> = Vec::with_capacity(shape.operations);
    let mut queue: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
    // Per client: the call it has open, when that ends, and what happens next.
    let mut clients: Vec<(usize, u64, Moment<S::Request>)> = Vec::new();
    for client in 0..shape.processes {
        clients.push((0, 0, Moment::Begin));
        queue.push(Reverse((random.below(1 << 20), client)));
    }
    let mut position = 0;
    while let Some(Reverse((time, client))) = queue.pop() {
        let (number, end, moment) = &mut clients[client as usize];
        match std::mem::replace(moment, Moment::Begin) {
            Moment::Begin if calls.len() == shape.operations => continue,
            Moment::Begin => {
                let request = subject.ask(&mut random, client);
                *number = calls.len();
                *end = time + 1 + random.exponential(f64::from(1 << 20)) as u64;
                let unknown = random.below(1_000_000) < shape.unknown_per_million;
                let call = if unknown { subject.unanswered(&request) } else { None };
                if unknown {
                    subject.lost(client);
                }
                calls.push(Timed { call, start: position, end: if unknown { NEVER } else { 0 } });
                position += 1;
                if unknown && random.chance(50) {
                    *moment = Moment::Begin;
                } else {
                    *moment = Moment::Effect(request);
                }
                queue.push(Reverse((time + random.below(*end - time), client)));
            }
            Moment::Effect(request) => {
                let call = subject.apply(&request);
                if calls[*number].end == NEVER {
                    *moment = Moment::Begin;
                } else {
                    calls[*number].call = call;
                    *moment = Moment::End;
                }
                queue.push(Reverse((*end, client)));
            }
            Moment::End => {
                calls[*number].end = position;
                position += 1;
                queue.push(Reverse((time, client)));
            }
        }
    }
    let known = |timed: Timed<Option<S::Call>>| {
        let Timed { call, start, end } = timed;
        call.map(|call| Timed { call, start, end })
    };
    calls.into_iter().filter_map(known).collect()
}

/// A call as events say it: the function, what was asked, and what was answered.
pub type Words = (&'static str, Value, Value);

/// The events of calls ordered by start, as a harness would have recorded them. Calls of unknown
/// outcome stay open.
pub fn events<C>(calls: &[Timed<C>], words: impl Fn(&C) -> Words) -> History {
    let mut events: Vec<Event> = Vec::with_capacity(2 * calls.len());
    let mut free: BinaryHeap<Reverse<u32>> = BinaryHeap::new();
    let mut busy: BinaryHeap<Reverse<(u32, u32)>> = BinaryHeap::new();
    let mut fresh = 0;
    for Timed { call, start, end } in calls {
        while busy.peek().is_some_and(|Reverse((until, _))| until < start) {
            free.extend(busy.pop().map(|Reverse((_, process))| Reverse(process)));
        }
        let process = free.pop().map_or(fresh, |Reverse(process)| process);
        fresh = fresh.max(process + 1);
        let (f, asked, answered) = words(call);
        let event = |position: u32, kind: Kind, value: Value| Event {
            index: u64::from(position),
            time: u64::from(position) * 1000,
            process: Process::Client(process),
            kind,
            f: f.into(),
            value,
            node: None,
            error: None,
            due: None,
        };
        if *end == NEVER {
            events.push(event(*start, Kind::Invoke, asked));
            continue;
        }
        busy.push(Reverse((*end, process)));
        events.push(event(*start, Kind::Invoke, asked));
        events.push(event(*end, Kind::Ok, answered));
    }
    events.sort_unstable_by_key(|event| event.index);
    // Positions are distinct and clients call one after another, so this cannot fail.
    History::new(events).unwrap_or_default()
}
