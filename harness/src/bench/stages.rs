//! Stages: one operation's way through the harness, a step at a time, on one thread. What is counted
//! here does not depend on how busy the machine is, so a gate may count it.

use super::registers;
use crate::generator::{Context, Generator, Next};
use crate::{Op, Seed};
use perjury_checkers::history::jsonl::{self, Events};
use perjury_checkers::linear::{CasRegister, Linearizable};
use perjury_checkers::{Budget, Checker, Event, History, Kind, Verdict};
use rand::Rng;
use serde_json::json;
use std::hint::black_box;

/// A part of the way.
#[derive(Clone, Copy)]
pub struct Stage {
    pub name: &'static str,
    pub about: &'static str,
    /// Makes ready to take so many operations through it.
    pub prepare: fn(u64) -> Work,
}

/// What is measured.
pub type Work = Box<dyn FnOnce()>;

/// All of them, in the order of the way.
pub const STAGES: [Stage; 5] = [
    Stage {
        name: "generate",
        about: "the generator is asked, told that its offer was taken, and told of both events",
        prepare: |count| Box::new(move || drop(play(count, |_| ()))),
    },
    Stage { name: "encode", about: "both events become lines of JSON", prepare: encode },
    Stage { name: "parse", about: "both lines become events again", prepare: parse },
    Stage { name: "pair", about: "two events become an operation", prepare: pair },
    Stage { name: "judge", about: "it is checked, as one of a register's", prepare: judge },
];

/// Operations of a load without a scheduler: `tell` hears of every event.
fn play(count: u64, mut tell: impl FnMut(Event)) -> Context {
    let mut context = Context::new(1024, 5);
    let mut generator = registers(Seed::root(1));
    let mut salts = Seed::root(2).rng();
    for number in 0..count {
        context.time = number * 1000;
        let Next::Emit { at, process, op } = generator.next(&context) else { break };
        let worker = context.worker(process);
        generator.took(&context, at, process);
        context.salt = salts.next_u64();
        context.occupy(worker);
        let Op { f, value } = op;
        let (index, time, node) = (2 * number, context.time, Some("n1".into()));
        let kind = Kind::Invoke;
        let call = Event { index, time, process, kind, f, value, node, error: None, due: None };
        generator.update(&context, &call);
        context.release(worker);
        let answer = Event { index: index + 1, time: time + 500, kind: Kind::Ok, ..call.clone() };
        generator.update(&context, &answer);
        tell(call);
        tell(answer);
    }
    context
}

fn events(count: u64) -> Vec<Event> {
    let mut events = Vec::new();
    play(count, |event| events.push(event));
    events
}

fn lines(count: u64) -> Vec<u8> {
    let mut lines = Vec::new();
    // Writing to memory fails for no event there can be.
    play(count, |event| jsonl::encode(&mut lines, &event).unwrap_or_default());
    lines
}

fn encode(count: u64) -> Work {
    let events = events(count);
    Box::new(move || {
        let mut line = Vec::new();
        for event in &events {
            line.clear();
            jsonl::encode(&mut line, event).unwrap_or_default();
            black_box(&line);
        }
    })
}

fn parse(count: u64) -> Work {
    let lines = lines(count);
    Box::new(move || {
        let parsed = Events::new(lines.as_slice()).filter(Result::is_ok).map(black_box).count();
        assert_eq!(parsed as u64, 2 * count, "what was written is read");
    })
}

fn pair(count: u64) -> Work {
    let history = History::new(events(count)).unwrap_or_default();
    Box::new(move || {
        black_box(history.operations());
    })
}

/// 64 registers, to each of which one value is written again and again.
fn judge(count: u64) -> Work {
    let mut events = events(count);
    for (number, pair) in events.chunks_exact_mut(2).enumerate() {
        for event in pair {
            event.f = "write".into();
            event.value = json!([number % 64, 1]);
        }
    }
    let history = History::new(events).unwrap_or_default();
    Box::new(move || {
        let checker = Linearizable::new(CasRegister::default()).keyed(true);
        let finding = checker.check(&history, &Budget::default());
        assert_eq!(finding.verdict, Verdict::Valid, "the same value is written all the time");
    })
}

#[cfg(test)]
mod tests {
    use super::STAGES;

    #[test]
    fn every_stage_can_be_passed() {
        for stage in STAGES {
            (stage.prepare)(200)();
        }
    }
}
