//! A simulated store of replicas, for tests: correct, or with one mistake.

use serde_json::{Value, json};

use crate::testing::Random;
use crate::{Event, History, Kind, Process};

/// What the store makes of updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Register,
    Counter,
    Set,
    Siblings,
}

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    None,
    /// Exchanges with the last replica bring nothing.
    NoRepair,
    /// An exchange may bring what was there already, which is then counted again.
    Twice,
    /// Removes reach only half of the replicas.
    ForgottenRemoves,
    /// Of values that were written at the same time one is kept.
    OneSibling,
    /// The last register write in the order of arrival wins.
    Arrival,
    /// Acknowledged updates of one key are never made.
    Lost,
}

#[derive(Clone, Debug)]
struct Update {
    key: u64,
    f: &'static str,
    value: i64,
    clock: (u64, usize),
    /// The updates it replaces, or the adds it removes.
    over: Vec<usize>,
}

pub(super) struct Store {
    data: Data,
    mistake: Mistake,
    updates: Vec<Update>,
    /// By replica, the updates that it has, in the order in which they came.
    replicas: Vec<Vec<usize>>,
    random: Random,
}

const NODES: usize = 3;
const KEYS: u64 = 3;
pub(super) const LIMIT: u64 = 1_000_000_000;

impl Store {
    fn live(&self, node: usize, key: u64) -> Vec<usize> {
        let mine = || self.replicas[node].iter().filter(|at| self.updates[**at].key == key);
        let over: Vec<usize> = mine().flat_map(|at| self.updates[*at].over.clone()).collect();
        let kept = mine().filter(|at| self.updates[**at].f != "remove" && !over.contains(at));
        kept.copied().collect()
    }

    /// Makes an update at a replica; the answer's evidence, or nothing if it is refused.
    fn update(&mut self, node: usize, f: &'static str, key: u64, value: i64) -> Option<Value> {
        let live = self.live(node, key);
        let over: Vec<usize> = match (self.data, f) {
            (Data::Siblings, _) => live,
            (_, "remove") => {
                live.into_iter().filter(|at| self.updates[*at].value == value).collect()
            }
            _ => Vec::new(),
        };
        if f == "remove" && over.is_empty() {
            return None;
        }
        let latest = self.replicas[node].iter().map(|at| self.updates[*at].clock.0).max();
        let replaced: Vec<i64> = over.iter().map(|at| self.updates[*at].value).collect();
        let clock = (latest.unwrap_or(0) + 1, node);
        if self.mistake != Mistake::Lost || key > 0 {
            self.replicas[node].push(self.updates.len());
        }
        self.updates.push(Update { key, f, value, clock, over });
        Some(json!({ "replaced": replaced }))
    }

    fn read(&self, node: usize, key: u64) -> Value {
        let live = self.live(node, key);
        let value = |at: &usize| self.updates[*at].value;
        match self.data {
            Data::Register => {
                let last = match self.mistake {
                    Mistake::Arrival => live.last(),
                    _ => live.iter().max_by_key(|at| self.updates[**at].clock),
                };
                last.map_or(Value::Null, |at| json!(value(at)))
            }
            Data::Counter => json!(live.iter().map(value).sum::<i64>()),
            Data::Set => json!(live.iter().map(value).collect::<Vec<_>>()),
            Data::Siblings if self.mistake == Mistake::OneSibling => {
                let last = live.iter().max_by_key(|at| self.updates[**at].clock);
                json!(last.into_iter().map(value).collect::<Vec<_>>())
            }
            Data::Siblings => json!(live.iter().map(value).collect::<Vec<_>>()),
        }
    }

    fn seen(&self, node: usize) -> Value {
        let mut seen = self.replicas[node].clone();
        seen.sort_unstable();
        seen.dedup();
        json!(seen)
    }

    /// One replica learns what another one has.
    fn exchange(&mut self, from: usize, to: usize) {
        let theirs = self.replicas[from].clone();
        for at in theirs {
            let cut = self.mistake == Mistake::NoRepair && (to == NODES - 1) != (from == NODES - 1);
            let forgotten = self.mistake == Mistake::ForgottenRemoves
                && self.updates[at].f == "remove"
                && at % NODES != to;
            let again = self.mistake == Mistake::Twice && self.random.chance(5);
            if !cut && !forgotten && (again || !self.replicas[to].contains(&at)) {
                self.replicas[to].push(at);
            }
        }
    }
}

enum State {
    Idle,
    /// Called, not done yet.
    Called(&'static str, u64, i64),
    Done(&'static str, Value, Option<Value>),
}

struct Run {
    store: Store,
    events: Vec<Event>,
    now: u64,
    fresh: i64,
    /// What was given up by its client and may still be done.
    late: Vec<(usize, &'static str, u64, i64)>,
}

/// A history of clients, each bound to a replica, with reads of everything at the end.
pub(super) fn history(data: Data, mistake: Mistake, seed: u64, calls: usize) -> History {
    let store = Store {
        data,
        mistake,
        updates: Vec::new(),
        replicas: vec![Vec::new(); NODES],
        random: Random(seed ^ 77),
    };
    let mut run = Run { store, events: Vec::new(), now: 0, fresh: 0, late: Vec::new() };
    let mut random = Random(seed);
    run.load(&mut random, calls);
    run.now += 1_000_000;
    run.event(Process::Nemesis, Kind::Info, "mend", Value::Null, None);
    run.end(&mut random);
    History::new(run.events).expect("well-formed")
}

impl Run {
    fn event(&mut self, process: Process, kind: Kind, f: &str, value: Value, node: Option<usize>) {
        self.now += 1_000_000;
        self.events.push(Event {
            index: self.events.len() as u64,
            time: self.now,
            process,
            kind,
            f: f.into(),
            value,
            node: node.map(|node| format!("n{node}").as_str().into()),
            error: None,
            due: None,
        });
    }

    fn ask(&mut self, random: &mut Random) -> (&'static str, u64, i64) {
        let key = random.below(KEYS);
        self.fresh += 1;
        let data = self.store.data;
        match (data, random.below(10)) {
            (_, 0..=3) => ("read", key, 0),
            (Data::Counter, n) => ("add", key, if n < 6 { -1 } else { 1 + (n as i64 - 6) }),
            (Data::Set, 4..=5) => {
                let back = 1 + random.below(12) as i64;
                ("remove", key, (self.fresh - back).max(1))
            }
            (Data::Set, _) => ("add", key, self.fresh),
            _ => ("write", key, self.fresh),
        }
    }

    fn answer(&mut self, node: usize, f: &'static str, key: u64, value: i64) -> Option<Value> {
        if f == "read" {
            let seen = json!({"seen": self.store.seen(node)});
            return Some(json!([key, self.store.read(node, key), seen]));
        }
        let evidence = self.store.update(node, f, key, value)?;
        Some(json!([key, value, evidence]))
    }

    fn load(&mut self, random: &mut Random, calls: usize) {
        let mut clients: Vec<(u32, State)> = (0..6).map(|p| (p, State::Idle)).collect();
        let (mut begun, mut fresh) = (0, 6);
        while begun < calls || clients.iter().any(|(_, state)| !matches!(state, State::Idle)) {
            if random.chance(10) {
                let (from, to) = (random.below(3) as usize, random.below(3) as usize);
                if from != to {
                    self.store.exchange(from, to);
                }
            }
            let at = random.below(6) as usize;
            let node = at % NODES;
            let process = Process::Client(clients[at].0);
            // What has no answer excuses much; a mistake is to be seen.
            let given_up = self.store.mistake == Mistake::None && random.chance(2);
            let state = std::mem::replace(&mut clients[at].1, State::Idle);
            clients[at].1 = match state {
                State::Idle if begun < calls => {
                    begun += 1;
                    let (f, key, value) = self.ask(random);
                    let input = if f == "read" { json!([key, null]) } else { json!([key, value]) };
                    self.event(process, Kind::Invoke, f, input, Some(node));
                    State::Called(f, key, value)
                }
                State::Idle => State::Idle,
                State::Called(f, key, value) if given_up && f != "read" => {
                    self.late.push((node, f, key, value));
                    self.event(process, Kind::Info, f, json!([key, value]), Some(node));
                    clients[at].0 = fresh;
                    fresh += 1;
                    State::Idle
                }
                State::Called(f, key, value) => {
                    let answer = self.answer(node, f, key, value);
                    State::Done(f, json!([key, value]), answer)
                }
                State::Done(f, input, _) if given_up => {
                    self.event(process, Kind::Info, f, input, Some(node));
                    clients[at].0 = fresh;
                    fresh += 1;
                    State::Idle
                }
                State::Done(f, input, answer) => {
                    let kind = if answer.is_some() { Kind::Ok } else { Kind::Fail };
                    self.event(process, kind, f, answer.unwrap_or(input), Some(node));
                    State::Idle
                }
            };
            self.come_late(random);
        }
    }

    fn come_late(&mut self, random: &mut Random) {
        if !self.late.is_empty() && random.chance(5) {
            let (node, f, key, value) = self.late.remove(0);
            self.store.update(node, f, key, value);
        }
    }

    /// Rounds of reads, over longer than the limit; all replicas learn everything in between.
    fn end(&mut self, random: &mut Random) {
        for round in 0..9 {
            for from in 0..NODES {
                for to in (0..NODES).filter(|to| *to != from) {
                    self.store.exchange(from, to);
                }
            }
            for node in 0..NODES {
                let process = Process::Client(90_000 + (round * NODES + node) as u32);
                for key in 0..KEYS {
                    self.event(process, Kind::Invoke, "read", json!([key, null]), Some(node));
                    let answer = self.answer(node, "read", key, 0).expect("an answer");
                    self.event(process, Kind::Ok, "read", answer, Some(node));
                }
                if round < 8 {
                    self.come_late(random);
                }
            }
            self.now += LIMIT / 3;
        }
        // The last of what came late has reached everyone before the last round, or is too new.
    }
}
