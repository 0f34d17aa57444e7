//! Histories in a line of text, so that an example can be read beside its name.
//!
//! Groups, divided by `|`, follow one another; operations of one group, divided by `;`, run at the same
//! time. Each operation is run by a process of its own unless `@P` says by which. `!` in front means
//! that it failed, `!held` that the database declined with this word, `?` that its outcome is unknown,
//! `~` that it lasts until the end. Then comes the function and its value as JSON, and after `=>` the
//! answer, if it is not the value again. A transaction may be written as steps: `x+1` writes, appends
//! or adds 1 to x, `x=1,2` reads a list of 1 and 2, or 2 of a register, and `x=` finds nothing.

use perjury_checkers::history::DECLINED;
use perjury_checkers::{Event, History, Kind, Process};
use serde_json::{Value, json};

/// One operation of a line.
struct Op {
    process: u32,
    /// What kind of event ends it.
    end: Kind,
    /// Why it failed.
    error: Option<String>,
    lasts: bool,
    f: String,
    input: Value,
    output: Value,
}

/// Makes events of a line; `write` is the workload's word for a write, `lists` whether its reads
/// show lists.
pub fn history(line: &str, write: &str, lists: bool) -> History {
    let mut script = Script { events: Vec::new() };
    let mut lasting = Vec::new();
    let mut next = 0;
    for group in line.split('|') {
        let ops: Vec<Op> = group
            .split(';')
            .map(|text| {
                let op = Op::read(text.trim(), next, write, lists);
                next += 1;
                op
            })
            .collect();
        for op in &ops {
            script.push(op, Kind::Invoke, op.input.clone());
        }
        for op in ops {
            if op.lasts { lasting.push(op) } else { script.end(&op) }
        }
    }
    lasting.iter().for_each(|op| script.end(op));
    History::new(script.events).unwrap_or_else(|error| panic!("{line}: {error}"))
}

struct Script {
    events: Vec<Event>,
}

impl Script {
    fn push(&mut self, op: &Op, kind: Kind, value: Value) {
        let index = self.events.len() as u64;
        self.events.push(Event {
            index,
            // Not all the same, as in life.
            time: 1_000_000_000 + index * 1_300_000 + index % 3 * 400_000,
            process: Process::Client(op.process),
            kind,
            f: op.f.as_str().into(),
            value,
            node: Some(format!("n{}", 1 + op.process % 3).as_str().into()),
            error: None,
            due: None,
        });
    }

    fn end(&mut self, op: &Op) {
        let value = if op.end == Kind::Ok { &op.output } else { &op.input };
        self.push(op, op.end, value.clone());
        if let Some(event) = self.events.last_mut() {
            event.error = op.error.as_deref().map(Into::into);
        }
    }
}

impl Op {
    fn read(text: &str, number: u32, write: &str, lists: bool) -> Self {
        let mut op = Self {
            process: number,
            end: Kind::Ok,
            error: None,
            lasts: false,
            f: String::new(),
            input: Value::Null,
            output: Value::Null,
        };
        let mut rest = text;
        loop {
            let (first, more) = rest.split_once(' ').unwrap_or((rest, ""));
            match first.chars().next() {
                Some('@') => op.process = first[1..].parse().expect("a process"),
                Some('!') => {
                    op.end = Kind::Fail;
                    let word = Some(&first[1..]).filter(|word| !word.is_empty());
                    op.error = word.map(|word| format!("{DECLINED} {word}"));
                }
                Some('?') => op.end = Kind::Info,
                Some('~') => op.lasts = true,
                _ => {
                    op.f = first.to_owned();
                    op.values(more.trim(), write, lists);
                    return op;
                }
            }
            rest = more.trim_start();
        }
    }

    fn values(&mut self, text: &str, write: &str, lists: bool) {
        if self.f == "txn" && !text.starts_with('[') {
            let steps = text.split_whitespace().map(|word| step(word, write, lists));
            self.output = Value::Array(steps.collect());
            self.input = unanswered(&self.output);
            return;
        }
        let (input, output) = text.split_once("=>").unwrap_or((text, ""));
        self.input = value(input).unwrap_or(Value::Null);
        self.output = value(output).unwrap_or_else(|| self.input.clone());
        if self.f == "txn" && output.is_empty() {
            self.input = unanswered(&self.output);
        }
    }
}

fn value(text: &str) -> Option<Value> {
    let text = text.trim();
    let parsed = || serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    (!text.is_empty()).then(parsed)
}

fn step(word: &str, write: &str, lists: bool) -> Value {
    if let Some((key, value)) = word.split_once('+') {
        return json!([write, key, number(value)]);
    }
    let (key, seen) = word.split_once('=').unwrap_or_else(|| panic!("{word} is no step"));
    let seen: Vec<Value> = seen.split(',').filter(|text| !text.is_empty()).map(number).collect();
    let seen = match lists {
        true => Value::Array(seen),
        false => seen.last().cloned().unwrap_or_default(),
    };
    json!(["r", key, seen])
}

fn number(text: &str) -> Value {
    json!(text.parse::<i64>().unwrap_or_else(|_| panic!("{text} is no number")))
}

/// A transaction as it was asked for: what its reads saw is not known yet.
fn unanswered(output: &Value) -> Value {
    let mut input = output.clone();
    for step in input.as_array_mut().into_iter().flatten() {
        if step[0] == "r" || step[0] == "rp" {
            step[2] = Value::Null;
        }
    }
    input
}
