//! Logs that are right by construction, with everything that a history can have, and what is found
//! when they are spoiled.

use std::collections::BTreeMap;

use super::*;
use crate::Event;

/// Logs that really are logs: each call happens at once, at some moment while it is open.
#[derive(Default)]
struct Store {
    logs: Vec<Vec<i64>>,
    /// Positions of processes that were assigned keys, and of the group.
    own: BTreeMap<u32, Vec<usize>>,
    group: Vec<usize>,
    /// Members of the group with what they have got and not yet committed.
    members: BTreeMap<u32, Vec<usize>>,
}

const KEYS: usize = 3;

impl Store {
    fn new() -> Self {
        Self { logs: vec![Vec::new(); KEYS], group: vec![0; KEYS], ..Self::default() }
    }

    fn answer(&mut self, random: &mut Random, process: u32, f: &str, input: &Value) -> Value {
        match f {
            "assign" => {
                let from = |log: &Vec<i64>| match input.is_object() {
                    true => 0,
                    false => log.len(),
                };
                let start: Vec<usize> = self.logs.iter().map(from).collect();
                self.own.insert(process, start);
                self.members.remove(&process);
                input.clone()
            }
            "subscribe" => {
                self.own.remove(&process);
                self.members.insert(process, self.group.clone());
                input.clone()
            }
            _ => self.transaction(random, process, input),
        }
    }

    fn transaction(&mut self, random: &mut Random, process: u32, input: &Value) -> Value {
        // Polls come before sends, as far as the logs are concerned.
        let seen = self.logs.clone();
        // A member commits what it has got before, not what it may never get.
        for (group, got) in
            self.group.iter_mut().zip(self.members.get(&process).into_iter().flatten())
        {
            *group = (*group).max(*got);
        }
        let steps = input.as_array().unwrap().iter().map(|step| {
            if step[0] == "send" {
                let key = step[1].as_u64().unwrap() as usize;
                self.logs[key].push(step[2].as_i64().unwrap());
                return json!(["send", key, [self.logs[key].len() - 1, step[2]]]);
            }
            json!(["poll", self.poll(random, process, &seen)])
        });
        steps.collect()
    }

    fn poll(&mut self, random: &mut Random, process: u32, seen: &[Vec<i64>]) -> Value {
        let position = match (self.own.get_mut(&process), self.members.get_mut(&process)) {
            (Some(own), _) => own,
            (None, Some(member)) => member,
            (None, None) => return json!({}),
        };
        let mut answer = serde_json::Map::new();
        for (key, log) in seen.iter().enumerate() {
            let (from, most) = (position[key], 1 + random.below(3) as usize);
            let to = log.len().min(from + most);
            if random.chance(20) {
                continue;
            }
            let list = (from..to).map(|at| json!([at, log[at]])).collect();
            answer.insert(key.to_string(), list);
            position[key] = to;
        }
        Value::Object(answer)
    }

    fn ask(random: &mut Random, value: &mut i64) -> (&'static str, Value) {
        let send = |random: &mut Random, value: &mut i64| {
            *value += 1;
            json!(["send", random.below(KEYS as u64), *value])
        };
        match random.below(10) {
            0 => ("assign", json!([0, 1, 2])),
            1 => ("assign", json!({"keys": [0, 1, 2], "from": "beginning"})),
            2 => ("subscribe", json!([0, 1, 2])),
            3 | 4 => ("send", json!([send(random, value)])),
            5 | 6 => ("poll", json!([["poll"]])),
            _ => {
                let step = |random: &mut Random, value: &mut i64| match random.below(2) {
                    0 => json!(["poll"]),
                    _ => send(random, value),
                };
                ("txn", (0..1 + random.below(3)).map(|_| step(random, value)).collect())
            }
        }
    }
}

/// A run of a right store, with unknown outcomes and failures, and a reader of everything at the
/// end if `closed`.
pub(super) fn run(random: &mut Random, calls: usize, closed: bool) -> Script {
    enum State {
        Idle,
        Asked(&'static str, Value),
        Done(&'static str, Kind, Value),
    }
    let mut store = Store::new();
    let mut script = Script::default();
    let (mut value, mut fresh) = (0, 4);
    let mut clients: Vec<(u32, State)> = (0..4).map(|process| (process, State::Idle)).collect();
    for _ in 0..calls * 3 {
        let at = random.below(4) as usize;
        let (process, state) = &mut clients[at];
        *state = match std::mem::replace(state, State::Idle) {
            State::Idle => {
                let (f, input) = Store::ask(random, &mut value);
                script.call(*process, f, input.clone());
                State::Asked(f, input)
            }
            State::Asked(f, input) => match random.below(12) {
                0 => State::Done(f, Kind::Fail, input),
                1 => State::Done(f, Kind::Info, input),
                // It happens, and nobody hears of it.
                2 => {
                    // What a poll gives out is not committed for the group by that.
                    store.answer(random, *process, f, &input);
                    State::Done(f, Kind::Info, input)
                }
                _ => {
                    let answer = store.answer(random, *process, f, &input);
                    State::Done(f, Kind::Ok, answer)
                }
            },
            State::Done(f, kind, value) => {
                script.push(*process, kind, f, value);
                if kind == Kind::Info {
                    *process = fresh;
                    fresh += 1;
                }
                State::Idle
            }
        };
    }
    for (process, state) in clients {
        match state {
            State::Done(f, kind, value) => drop(script.push(process, kind, f, value)),
            State::Asked(f, input) => drop(script.push(process, Kind::Info, f, input)),
            State::Idle => {}
        }
    }
    if closed {
        assign_all(&mut script, fresh);
        let all = |(key, log): (usize, &Vec<i64>)| {
            let list = log.iter().enumerate().map(|(at, value)| json!([at, value])).collect();
            (key.to_string(), list)
        };
        let answer: serde_json::Map<String, Value> =
            store.logs.iter().enumerate().map(all).collect();
        poll(&mut script, fresh, Value::Object(answer));
        poll(&mut script, fresh, json!({"0": [], "1": [], "2": []}));
    }
    script
}

fn assign_all(script: &mut Script, process: u32) {
    let keys = json!({"keys": [0, 1, 2], "from": "beginning"});
    script.whole(process, "assign", keys.clone(), keys);
}

const MODELS: [ConsistencyModel; 3] = [
    ConsistencyModel::ReadCommitted,
    ConsistencyModel::Serializable,
    ConsistencyModel::StrictSerializable,
];

#[test]
fn a_right_store_is_never_wrong() {
    let mut random = Random(11);
    for number in 0..3_000 {
        let script = run(&mut random, 5 + number % 60, number % 2 == 0);
        for model in MODELS {
            let checker = PartitionedLog {
                model,
                contiguous: true,
                gaps_allowed: false,
                ..PartitionedLog::default()
            };
            let finding = check_with(&script, checker);
            assert_eq!(finding.anomaly_count, 0, "{number} {model:?}: {finding:#?}");
            assert!(number % 2 != 0 || finding.stats["unchecked"] == 0);
            // Nor is any beginning of it.
            let cut = random.below(script.events.len() as u64 + 1) as usize;
            let beginning = Script { events: script.events[..cut].to_vec() };
            assert_eq!(check_with(&beginning, checker).anomaly_count, 0, "{number} {model:?}");
        }
    }
}

/// Answers of polls with records of some key, as (event, key).
fn lists(events: &[Event]) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    for (at, event) in events.iter().enumerate().filter(|(_, event)| event.kind == Kind::Ok) {
        for (step, micro) in event.value.as_array().into_iter().flatten().enumerate() {
            let keys = micro.get(1).and_then(Value::as_object).into_iter().flatten();
            let full = keys.filter(|(_, list)| list.as_array().is_some_and(|list| list.len() > 1));
            found.extend(full.map(|(key, _)| (at, step, key.clone())));
        }
    }
    found
}

#[test]
fn a_store_that_is_spoiled_is_wrong() {
    let mut random = Random(12);
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..1_000u64 {
        let mut script = run(&mut random, 60, true);
        let lists = lists(&script.events);
        if lists.is_empty() {
            continue;
        }
        let (at, step, key) = &lists[random.below(lists.len() as u64) as usize];
        let list = script.events[*at].value[*step][1][key].as_array_mut().unwrap();
        let expected: &[&str] = match number % 4 {
            0 => {
                list.swap(0, 1);
                &["nonmonotonic-poll"]
            }
            1 => {
                let copy = list[0][1].clone();
                list[1][1] = copy;
                &["inconsistent-offset", "duplicate-record", "lost-record"]
            }
            2 => {
                list[0][1] = json!(1_000_000);
                &["phantom-read"]
            }
            _ => {
                // The last reader tells everything, so all can be lost.
                let last = script.events.len() - 3;
                let event = &mut script.events[last];
                let all = event.value[0][1].as_object_mut().unwrap();
                let Some(list) = all.values_mut().find(|list| list.as_array().unwrap().len() > 3)
                else {
                    continue;
                };
                list.as_array_mut().unwrap().remove(1);
                &["lost-record", "poll-skip", "unseen-record"]
            }
        };
        let finding = check(&script);
        let named = kinds(&finding).into_iter().find(|kind| expected.contains(kind));
        // A record that nobody is known to have sent or seen may be left out.
        if number % 4 == 3 && finding.verdict == Verdict::Valid {
            continue;
        }
        assert_ne!(finding.verdict, Verdict::Valid, "{number}");
        let named = named.unwrap_or_else(|| panic!("{number}: {finding:#?}"));
        let name = expected.iter().find(|kind| **kind == named).copied().unwrap_or_default();
        *found.entry(name).or_default() += 1;
    }
    assert!(found.len() >= 4 && found.values().sum::<usize>() > 700, "{found:?}");
}
