//! Brute force for tiny histories of replicas: is there a way in which updates can have spread that
//! explains every answer?
//!
//! A way gives each call a moment between its begin and its end (one of unknown outcome any later
//! moment, or none) and says which updates its replica had then. Replicas and, if asked for, sessions
//! only learn; what was acknowledged or went into an answer is everywhere after the limit. What an
//! answer has to be follows from the updates. All ways are tried.

use rustc_hash::FxHashSet;
use serde_json::Value;

use super::{Order, Promise};
use crate::{Event, Kind, Process};

/// What a replica makes of the updates that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Register(Order),
    Counter,
    Set,
    Siblings,
}

/// A set of calls, by number.
type Calls = u32;

#[derive(Debug)]
struct Call {
    process: Process,
    node: String,
    begin: usize,
    /// The position of its answer, with the times of both.
    end: Option<usize>,
    called: u64,
    returned: u64,
    f: String,
    argument: i64,
    answer: Value,
    seen: Option<Value>,
    /// The values that a write says it replaced.
    replaced: Option<Vec<i64>>,
}

impl Call {
    fn is_update(&self) -> bool {
        !matches!(self.f.as_str(), "read" | "digest")
    }
}

/// How far a way is gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    /// Events that are over.
    position: usize,
    done: Calls,
    /// By call, the updates that its replica had, with itself.
    had: Vec<Calls>,
    /// By call, the writes that it hides from then on.
    hides: Vec<Calls>,
    /// By call, the writes to a register that it overwrites.
    below: Vec<Calls>,
}

pub(super) struct Oracle<'h> {
    data: Data,
    promise: Promise,
    events: &'h [Event],
    calls: Vec<Call>,
    healed: u64,
    tried: FxHashSet<State>,
}

/// How much is tried before that is given up.
const MOST_STATES: usize = 20_000;

/// Whether there is a way; `None` if that is too much to try. All calls have to be of one key.
pub(super) fn explained(data: Data, promise: Promise, events: &[Event]) -> Option<bool> {
    let calls = calls(events);
    assert!(calls.len() <= 16, "too many calls to try everything");
    let nemesis = events.iter().filter(|event| event.process == Process::Nemesis);
    let healed = nemesis.map(|event| event.time).max().unwrap_or(0);
    let mut oracle = Oracle { data, promise, events, calls, healed, tried: FxHashSet::default() };
    let none = vec![0; oracle.calls.len()];
    let (had, hides, below) = (none.clone(), none.clone(), none);
    let found = oracle.explain(State { position: 0, done: 0, had, hides, below });
    (found || oracle.tried.len() < MOST_STATES).then_some(found)
}

/// All calls that may have happened, but for reads without an answer.
fn calls(events: &[Event]) -> Vec<Call> {
    let mut calls = Vec::new();
    let clients = |event: &&Event| event.process != Process::Nemesis;
    for (begin, event) in events.iter().enumerate().filter(|(_, event)| clients(event)) {
        if event.kind != Kind::Invoke {
            continue;
        }
        let answered = events[begin + 1..].iter().position(|other| other.process == event.process);
        let end = answered.map(|after| begin + 1 + after);
        let kind = end.map_or(Kind::Info, |end| events[end].kind);
        let update = !matches!(&*event.f, "read" | "digest");
        if kind == Kind::Fail || (kind == Kind::Info && !update) {
            continue;
        }
        let end = end.filter(|_| kind == Kind::Ok);
        let output = end.map(|end| &events[end].value).unwrap_or(&Value::Null);
        let evidence = if &*event.f == "digest" { output } else { &output[2] };
        let list = evidence["replaced"].as_array();
        calls.push(Call {
            process: event.process,
            node: event.node.as_deref().map_or(format!("{:?}", event.process), str::to_owned),
            begin,
            end,
            called: event.time,
            returned: end.map_or(u64::MAX, |end| events[end].time),
            f: event.f.to_string(),
            argument: event.value[1].as_i64().unwrap_or(0),
            answer: if &*event.f == "digest" {
                output["digest"].clone()
            } else {
                output[1].clone()
            },
            seen: evidence.get("seen").cloned(),
            replaced: list.map(|list| list.iter().filter_map(Value::as_i64).collect()),
        });
    }
    calls
}

fn members(set: Calls) -> impl Iterator<Item = usize> {
    (0..32).filter(move |number| set >> number & 1 == 1)
}

/// Notes that a write overwrites others, and what they overwrite; false if they cannot all.
fn overwrite(below: &mut [Calls], low: Calls, high: usize) -> bool {
    let low = members(low).fold(low, |set, old| set | below[old]);
    for (at, under) in below.iter_mut().enumerate() {
        if at == high || *under >> high & 1 == 1 {
            *under |= low;
        }
    }
    below.iter().enumerate().all(|(at, under)| under >> at & 1 == 0)
}

impl Oracle<'_> {
    /// By when a write was certainly known to somebody.
    fn known(&self, write: usize) -> usize {
        let (write, reads) =
            (&self.calls[write], self.calls.iter().filter(|read| read.f == "read"));
        let shown = reads.filter(|read| read.answer.as_i64() == Some(write.argument));
        shown.filter_map(|read| read.end).chain(write.end).min().unwrap_or(usize::MAX)
    }

    /// Which writes a write to a register certainly overwrites, when its replica had these.
    fn overwrites(&self, at: usize, order: Order, had: Calls, state: &State) -> Calls {
        match order {
            Order::None => 0,
            Order::Causal => had,
            Order::RealTime => {
                let writes = members(state.done).filter(|other| self.calls[*other].is_update());
                let before = writes.filter(|old| self.known(*old) < self.calls[at].begin);
                before.fold(0, |set, old| set | 1 << old)
            }
        }
    }

    fn explain(&mut self, mut state: State) -> bool {
        // Nothing needs to be done before an answer asks for it.
        let next = loop {
            let Some(_) = self.events.get(state.position) else { return true };
            let ends = self.calls.iter().position(|call| call.end == Some(state.position));
            match ends.filter(|call| state.done >> call & 1 == 0) {
                Some(call) => break call,
                None => state.position += 1,
            }
        };
        if self.tried.len() >= MOST_STATES || !self.tried.insert(state.clone()) {
            return false;
        }
        let mut open: Vec<usize> = (0..self.calls.len())
            .filter(|at| state.done >> at & 1 == 0 && self.calls[*at].begin < state.position)
            .collect();
        open.sort_by_key(|at| *at != next);
        open.into_iter().any(|call| self.take(call, &state))
    }

    /// The call happens now; its replica had some updates more than it must have.
    fn take(&mut self, at: usize, state: &State) -> bool {
        let call = &self.calls[at];
        let mut must = 0;
        for other in members(state.done) {
            let before = &self.calls[other];
            let one_session = self.promise.sessions && before.process == call.process;
            let spread =
                before.returned.max(self.healed).saturating_add(self.promise.converge_within);
            if before.node == call.node || one_session {
                must |= state.had[other];
            } else if call.called >= spread {
                let own = if before.is_update() { 1 << other } else { 0 };
                must |= if before.is_update() { own } else { state.had[other] };
            }
        }
        let done = members(state.done).filter(|other| self.calls[*other].is_update());
        let done = done.fold(0, |set: Calls, other| set | 1 << other);
        if let Some(replaced) = &call.replaced {
            // Whoever replaces a value has seen it.
            for value in replaced {
                let Some(old) = members(done).find(|old| self.calls[*old].argument == *value)
                else {
                    return false;
                };
                must |= 1 << old;
            }
        }
        let free = done & !must;
        let mut more = free;
        loop {
            if self.choose(at, must | more, state) {
                return true;
            }
            if more == 0 {
                return false;
            }
            more = (more - 1) & free;
        }
    }

    fn choose(&mut self, at: usize, had: Calls, state: &State) -> bool {
        let call = &self.calls[at];
        let mut next = state.clone();
        next.done |= 1 << at;
        next.had[at] = had;
        if !call.is_update() {
            return self.answers(call, had, &mut next) && self.explain(next);
        }
        next.had[at] |= 1 << at;
        match self.data {
            Data::Register(order) => {
                let low = self.overwrites(at, order, had, state);
                overwrite(&mut next.below, low, at) && self.explain(next)
            }
            Data::Set if call.f == "remove" => {
                let same = |old: &usize| self.calls[*old].argument == call.argument;
                next.hides[at] = members(had).filter(same).fold(0, |set, old| set | 1 << old);
                self.explain(next)
            }
            Data::Siblings => self.replace(at, had, next),
            _ => self.explain(next),
        }
    }

    /// A write replaces what it says, or any of what was there. What these had replaced, it has, too.
    fn replace(&mut self, at: usize, had: Calls, mut next: State) -> bool {
        let told = self.calls[at].replaced.clone();
        let mut some = had;
        loop {
            let fits = told.as_ref().is_none_or(|told| {
                members(had)
                    .all(|old| told.contains(&self.calls[old].argument) == (some >> old & 1 == 1))
            });
            if fits {
                next.hides[at] = members(some).fold(some, |set, old| set | next.hides[old]);
                if self.explain(next.clone()) {
                    return true;
                }
            }
            if some == 0 {
                return false;
            }
            some = (some - 1) & had;
        }
    }

    /// Whether a replica that had these updates gives this answer.
    fn answers(&self, call: &Call, had: Calls, state: &mut State) -> bool {
        for other in members(state.done).filter(|other| !std::ptr::eq(call, &self.calls[*other])) {
            let (before, same) = (&self.calls[other], state.had[other] == had);
            let as_much = call.seen.is_some() && before.seen == call.seen && before.f == call.f;
            let differs =
                before.f == "digest" && call.f == "digest" && before.answer != call.answer;
            if (as_much && !same) || (differs && same) {
                return false;
            }
        }
        if call.f == "digest" {
            return true;
        }
        let hidden = members(had).fold(0, |set, at| set | state.hides[at]);
        let value = |at: usize| self.calls[at].argument;
        match self.data {
            Data::Register(_) => {
                let last = members(had).find(|at| Some(value(*at)) == call.answer.as_i64());
                match last {
                    Some(last) => overwrite(&mut state.below, had & !(1 << last), last),
                    None => call.answer.is_null() && had == 0,
                }
            }
            Data::Counter => call.answer.as_i64() == Some(members(had).map(value).sum()),
            Data::Set | Data::Siblings => {
                let kept = members(had & !hidden).filter(|at| self.calls[*at].f != "remove");
                let mut kept: Vec<i64> = kept.map(value).collect();
                kept.sort_unstable();
                kept.dedup();
                let list = call.answer.as_array().expect("a list");
                let mut list: Vec<i64> = list.iter().filter_map(Value::as_i64).collect();
                list.sort_unstable();
                kept == list
            }
        }
    }
}
