//! Brute force: whatever a tiny history of replicas can be explained by, no checker may find fault
//! with it; and how much of what nothing explains they find.

use serde_json::{Value, json};

use super::oracle::{Data, explained};
use super::{CrdtCounter, EventualRegister, MvRegister, OrSet, Order, Promise};
use crate::testing::Random;
use crate::{Budget, Checker, Event, History, Kind, Process, Verdict};

const LIMIT: u64 = 20;

/// A store of replicas on which a few clients call; what it does is mostly right.
struct Store<'r> {
    data: Data,
    random: &'r mut Random,
    events: Vec<Event>,
    now: u64,
    /// Function, argument, and the updates that it replaces or removes.
    updates: Vec<(&'static str, i64, u32)>,
    /// The updates that each node has.
    nodes: Vec<u32>,
    /// Whether nodes are told, and which updates a node had seen.
    named: bool,
    told: bool,
    begun: i64,
}

/// What a client is at.
enum Client {
    Idle,
    Called(&'static str, i64),
    Done(&'static str, Value),
}

impl Store<'_> {
    fn event(&mut self, process: u32, kind: Kind, f: &str, value: Value) {
        self.now += self.random.below(3);
        let node = format!("n{}", process as usize % self.nodes.len());
        self.events.push(Event {
            index: self.events.len() as u64,
            time: self.now,
            process: Process::Client(process),
            kind,
            f: f.into(),
            value,
            node: self.named.then(|| node.as_str().into()),
            error: None,
            due: None,
        });
    }

    fn ask(&mut self, reads: u64) -> (&'static str, i64) {
        let digest = matches!(self.data, Data::Register(_)) && self.random.chance(10);
        if self.random.chance(reads) {
            return (if digest { "digest" } else { "read" }, 0);
        }
        if self.data == Data::Set && self.begun > 0 && self.random.chance(45) {
            return ("remove", 1 + self.random.below(self.begun as u64) as i64);
        }
        self.begun += 1;
        match self.data {
            Data::Counter => ("add", [1, 1, 2, 3, -1, -2][self.random.below(6) as usize]),
            Data::Set => ("add", self.begun),
            _ => ("write", self.begun),
        }
    }

    /// What is in force of these updates, ascending.
    fn live(&self, had: u32) -> Vec<usize> {
        let mine = |at: &usize| had >> at & 1 == 1;
        let all = || (0..self.updates.len()).filter(mine);
        let over = all().fold(0, |set, at| set | self.updates[at].2);
        all().filter(|at| over >> at & 1 == 0 && self.updates[*at].0 != "remove").collect()
    }

    /// Makes a call at a replica, which may have learned something just before.
    fn perform(&mut self, node: usize, f: &'static str, argument: i64) -> Value {
        for at in 0..self.updates.len() {
            if self.random.chance(20) {
                self.nodes[node] |= 1 << at;
            }
        }
        let had = self.nodes[node];
        let live = self.live(had);
        let value = |at: &usize| self.updates[*at].1;
        let seen = self.told.then(|| json!({ "seen": had }));
        if f == "digest" {
            return json!({ "digest": live.last().map(value), "seen": had });
        }
        if f == "read" {
            let answer = match self.data {
                Data::Register(_) => json!(live.last().map(value)),
                Data::Counter => json!(live.iter().map(value).sum::<i64>()),
                _ => json!(live.iter().map(value).collect::<Vec<_>>()),
            };
            return if let Some(seen) = seen {
                json!([1, answer, seen])
            } else {
                json!([1, answer])
            };
        }
        let all = live.iter().fold(0, |set: u32, at| set | 1 << at);
        let over = match (self.data, f) {
            (Data::Siblings, _) => all,
            (_, "remove") => {
                let same = live.iter().filter(|at| value(at) == argument);
                same.fold(0, |set: u32, at| set | 1 << at)
            }
            _ => 0,
        };
        let replaced: Vec<i64> = live.iter().map(value).collect();
        self.nodes[node] |= 1 << self.updates.len();
        self.updates.push((f, argument, over));
        if self.data == Data::Siblings && !self.random.chance(20) {
            return json!([1, argument, { "replaced": replaced }]);
        }
        json!([1, argument])
    }

    fn input(f: &str, argument: i64) -> Value {
        match f {
            "digest" => Value::Null,
            "read" => json!([1, null]),
            _ => json!([1, argument]),
        }
    }

    /// Much time passes, in which replicas mostly hear of everything.
    fn pause(&mut self) {
        self.now += LIMIT + self.random.below(LIMIT);
        let all = (1u32 << self.updates.len()) - 1;
        for node in 0..self.nodes.len() {
            if self.random.chance(90) {
                self.nodes[node] |= all;
            }
        }
    }

    /// Calls of several clients at the same time; the updates that nobody was told of.
    fn load(&mut self, calls: u64, processes: u32, unknown: u64) {
        let mut clients: Vec<(u32, Client)> = (0..processes).map(|p| (p, Client::Idle)).collect();
        let (mut begun, mut fresh) = (0, 12);
        let mut late: Vec<(usize, &'static str, i64)> = Vec::new();
        while begun < calls || clients.iter().any(|(_, client)| !matches!(client, Client::Idle)) {
            if self.random.chance(4) {
                self.pause();
            }
            if !late.is_empty() && self.random.chance(20) {
                let (node, f, argument) = late.remove(0);
                self.perform(node, f, argument);
            }
            let at = self.random.below(u64::from(processes)) as usize;
            let process = clients[at].0;
            let node = process as usize % self.nodes.len();
            let client = std::mem::replace(&mut clients[at].1, Client::Idle);
            clients[at].1 = match client {
                Client::Idle if begun < calls => {
                    begun += 1;
                    let (f, argument) = self.ask(45);
                    self.event(process, Kind::Invoke, f, Self::input(f, argument));
                    Client::Called(f, argument)
                }
                Client::Idle => Client::Idle,
                Client::Called(f, argument) if self.random.chance(unknown) => {
                    let read = matches!(f, "read" | "digest");
                    let kind = if self.random.chance(20) { Kind::Fail } else { Kind::Info };
                    self.event(process, kind, f, Self::input(f, argument));
                    if kind == Kind::Info {
                        late.extend((!read).then_some((node, f, argument)));
                        // The same node, as if it were the client's.
                        clients[at].0 = fresh + process % 12 % 6;
                        fresh += 12;
                    }
                    Client::Idle
                }
                Client::Called(f, argument) => Client::Done(f, self.perform(node, f, argument)),
                Client::Done(f, answer) => {
                    self.event(process, Kind::Ok, f, answer);
                    Client::Idle
                }
            };
        }
    }

    /// Every node is asked, round after round.
    fn end(&mut self, rounds: u64) {
        for _ in 0..rounds {
            for node in 0..self.nodes.len() as u32 {
                let process = 600_000 + node;
                self.event(process, Kind::Invoke, "read", json!([1, null]));
                let answer = self.perform(node as usize, "read", 0);
                self.event(process, Kind::Ok, "read", answer);
            }
            self.pause();
        }
    }
}

/// What a history is like.
#[derive(Clone, Copy)]
struct Shape {
    /// Each client has a node of its own.
    alone: bool,
    unknown: u64,
}

fn history(data: Data, random: &mut Random, shape: Shape) -> Vec<Event> {
    let nodes = 2 + random.below(2) as usize;
    let (named, told, calls) = (random.chance(80), random.chance(30), 2 + random.below(5));
    let processes = if shape.alone { nodes as u32 } else { 2 + random.below(3) as u32 };
    let (nodes, named) = (vec![0; nodes], named || !shape.alone);
    let (events, updates) = (Vec::new(), Vec::new());
    let (now, begun) = (0, 0);
    let mut store = Store { data, random, events, now, updates, nodes, named, told, begun };
    store.load(calls, processes, shape.unknown);
    if store.random.chance(40) {
        store.now += 1;
        store.event(0, Kind::Info, "heal", Value::Null);
        store.events.last_mut().expect("one").process = Process::Nemesis;
    }
    if store.random.chance(70) {
        if store.random.chance(50) {
            store.pause();
        }
        let rounds = 1 + store.random.below(2);
        store.end(rounds);
    }
    store.events
}

/// Changes an answer.
fn spoil(data: Data, random: &mut Random, events: &mut [Event]) {
    let answered: Vec<usize> = (0..events.len())
        .filter(|at| events[*at].kind == Kind::Ok && &*events[*at].f != "digest")
        .collect();
    if answered.is_empty() {
        return;
    }
    let event = &mut events[answered[random.below(answered.len() as u64) as usize]];
    if &*event.f != "read" {
        let told = event.value.get_mut(2).and_then(|told| told["replaced"].as_array_mut());
        if let Some(list) = told {
            if list.is_empty() { list.push(json!(1 + random.below(3))) } else { drop(list.pop()) }
        }
        return;
    }
    let other = json!(1 + random.below(3));
    match data {
        Data::Register(_) => {
            event.value[1] = if random.chance(30) { Value::Null } else { other };
        }
        Data::Counter => {
            let sum = event.value[1].as_i64().expect("a sum");
            event.value[1] = json!(sum + [-2, -1, 1, 2][random.below(4) as usize]);
        }
        _ => {
            let list = event.value[1].as_array_mut().expect("a list");
            if let Some(at) = list.iter().position(|value| *value == other) {
                list.remove(at);
            } else {
                list.push(other);
            }
        }
    }
}

/// How often what was said.
#[derive(Debug, Default)]
struct Count {
    explained: u32,
    found: u32,
    missed: u32,
    given_up: u32,
}

/// Compares on so many histories.
fn compare(
    data: Data,
    checker: impl Fn(Promise) -> Box<dyn Checker>,
    shape: Shape,
    (seed, histories): (u64, u32),
) -> Count {
    let (mut random, mut count) = (Random(seed), Count::default());
    for number in 0..histories {
        let mut events = history(data, &mut random, shape);
        if number % 2 > 0 {
            spoil(data, &mut random, &mut events);
        }
        let promise = Promise { converge_within: LIMIT, sessions: shape.alone || number % 3 > 0 };
        let history = History::new(events).expect("well-formed");
        let Some(fine) = explained(data, promise, history.events()) else {
            count.given_up += 1;
            continue;
        };
        let finding = checker(promise).check(&history, &Budget::default());
        let invalid = finding.verdict == Verdict::Invalid;
        let story = || {
            let lines = history.events().iter().map(|event| {
                format!(
                    "{} {:?} {:?} {} {} {:?}",
                    event.time, event.process, event.kind, event.f, event.value, event.node
                )
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        assert!(!(fine && invalid), "{promise:?} {:#?}\n{}", finding.anomalies, story());
        match (fine, invalid) {
            (true, _) => count.explained += 1,
            (false, true) => count.found += 1,
            (false, false) => count.missed += 1,
        }
    }
    count
}

const SHAPES: [Shape; 3] = [
    Shape { alone: true, unknown: 0 },
    Shape { alone: true, unknown: 25 },
    Shape { alone: false, unknown: 10 },
];

/// Nothing that can be explained is found fault with, and `found` is at least so many times `missed`.
fn sound(data: Data, histories: u32, times: f64, checker: impl Fn(Promise) -> Box<dyn Checker>) {
    for (seed, shape) in (1..).zip(SHAPES) {
        let count = compare(data, &checker, shape, (seed, histories));
        assert!(count.given_up < histories / 50, "{count:?}");
        assert!(count.explained > histories / 2 && count.found > histories / 10, "{count:?}");
        assert!(f64::from(count.found) > times * f64::from(count.missed), "{count:?}");
    }
}

/// Missed: removes by a replica that must have had an element, though it had not shown it.
#[test]
fn sets_that_can_be_explained_are_not_found_fault_with() {
    sound(Data::Set, 6_000, 8.0, |promise| Box::new(OrSet { promise }));
}

/// Missed: writes that say they replaced what they cannot have seen, and sessions that lack what
/// no known write had replaced because a blind write might have.
#[test]
fn registers_of_several_values_that_can_be_explained_are_not_found_fault_with() {
    sound(Data::Siblings, 6_000, 1.8, |promise| Box::new(MvRegister { promise }));
}

/// Missed: sums between the bounds that no choice makes up, and several reads together.
#[test]
fn counters_that_can_be_explained_are_not_found_fault_with() {
    sound(Data::Counter, 6_000, 6.0, |promise| Box::new(CrdtCounter { promise }));
}

/// Missed: orders of writes that several reads together contradict.
#[test]
fn registers_that_can_be_explained_are_not_found_fault_with() {
    for order in [Order::None, Order::Causal, Order::RealTime] {
        sound(Data::Register(order), 1_500, 1.8, |promise| {
            Box::new(EventualRegister { promise, order })
        });
    }
}

/// Calls of one replica after another: milliseconds, node, what, argument, answer; no answer if null.
fn by_hand(calls: &[(u64, u32, &str, Value, Value)]) -> History {
    let mut events: Vec<Event> = Vec::new();
    for (process, (at, node, f, argument, answer)) in (0..).zip(calls) {
        let kind = if answer.is_null() { Kind::Info } else { Kind::Ok };
        let answer = if answer.is_null() { argument } else { answer };
        for (kind, value) in [(Kind::Invoke, argument), (kind, answer)] {
            events.push(Event {
                index: events.len() as u64,
                time: at * 1_000_000,
                process: Process::Client(process),
                kind,
                f: (*f).into(),
                value: json!([1, value]),
                node: Some(format!("n{node}").as_str().into()),
                error: None,
                due: None,
            });
        }
    }
    History::new(events).expect("well-formed")
}

/// Node 1 answers before it has the add, and again after the remove that nobody was told of, which
/// has not reached node 0: the two answers are the same and say nothing of each other.
#[test]
fn an_answer_from_before_an_add_is_none_from_after_its_remove() {
    let promise = Promise { converge_within: 10_000_000, sessions: true };
    let read = |at, node, answer| (at, node, "read", Value::Null, answer);
    let set = |element: u64| {
        by_hand(&[
            (0, 0, "add", json!(7), json!(7)),
            (0, 0, "add", json!(8), json!(8)),
            (1, 0, "remove", json!(element), Value::Null),
            read(2, 0, json!([7, 8])),
            read(3, 1, json!([8])),
            read(30, 0, json!([7, 8])),
            read(30, 1, json!([8])),
        ])
    };
    let finding = OrSet { promise }.check(&set(7), &Budget::default());
    assert_eq!(finding.verdict, Verdict::Unknown, "{finding:#?}");
    // Of the other element that is no excuse.
    let finding = OrSet { promise }.check(&set(8), &Budget::default());
    assert_eq!(finding.anomalies[0].kind, "lost-element", "{finding:#?}");
    let counter = |unknown: i64| {
        by_hand(&[
            (0, 0, "add", json!(1), json!(1)),
            (1, 0, "add", json!(unknown), Value::Null),
            read(2, 0, json!(1)),
            read(3, 1, json!(0)),
            read(30, 0, json!(1)),
            read(30, 1, json!(0)),
        ])
    };
    let finding = CrdtCounter { promise }.check(&counter(-1), &Budget::default());
    assert_eq!(finding.verdict, Verdict::Unknown, "{finding:#?}");
    let finding = CrdtCounter { promise }.check(&counter(1), &Budget::default());
    assert_eq!(finding.verdict, Verdict::Invalid, "{finding:#?}");
}
