//! Reading: operations on logs as sends, polls and the consumers that poll.

mod join;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde_json::Value;

use super::members::Membership;
use crate::Operation;
use crate::numbers::Plain;

/// No operation, no consumer, no record.
pub(super) const NOBODY: u32 = u32::MAX;

/// How many operations are read at a time; in tests so few that every history has several parts.
const PART: usize = if cfg!(test) { 5 } else { 1 << 15 };

/// How an operation comes to mention a value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It tried to send it, and that failed.
    Failed,
    /// It may have sent it.
    Tried,
    /// It sent it, and nobody says to which offset.
    Sent,
    /// It sent it to the offset.
    Placed,
    /// It was given it, at the offset.
    Polled,
}

/// What an operation tells of a value of a key. Operations are numbers in the list of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mention<'h> {
    pub(super) value: Plain<'h>,
    /// 0 where there is none.
    pub(super) offset: u64,
    pub(super) operation: u32,
    pub(super) how: How,
}

/// A key, and what is told of it.
#[derive(Debug)]
pub(super) struct Key<'h> {
    pub(super) name: String,
    /// Mentions in the order of operations, part by part; numbered from 0 through all parts.
    pub(super) parts: Vec<Vec<Mention<'h>>>,
    /// How many that are.
    pub(super) mentions: u32,
    /// Its batches.
    pub(super) batches: Vec<u32>,
}

/// What one poll was answered for one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub(super) operation: u32,
    pub(super) key: u32,
    /// Who polled, in the list of consumers.
    pub(super) consumer: u32,
    /// Its mentions, among those of the key. With none of them, the answer says that the log ended
    /// at the position.
    pub(super) first: u32,
    pub(super) count: u32,
    /// What the answer says of who polled, or [`NOBODY`].
    pub(super) membership: u32,
}

/// How a consumer came to its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It took them itself, and nobody else moves its position.
    Assigned { from_beginning: bool },
    /// The group of this number gives them, and may take them away at any time.
    Subscribed { group: u32 },
    /// Nobody says.
    Unsaid,
}

/// A send that was answered, or one step of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) operation: u32,
    pub(super) key: u32,
    /// Among those of the key.
    pub(super) mention: u32,
    pub(super) offset: Option<u64>,
}

/// What is asked of an operation again and again; operations themselves are large.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// Where it began and ended among all events.
    pub(super) begin: u64,
    pub(super) end: u64,
    /// When it ended, in nanoseconds; `u64::MAX` if nobody knows.
    pub(super) returned: u64,
    pub(super) process: u32,
    pub(super) is_transaction: bool,
    /// Whether it happens at once. Several sends that are no transaction do not.
    pub(super) is_whole: bool,
}

/// Everything that a history tells of logs.
#[derive(Debug, Default)]
pub(super) struct Logs<'h> {
    pub(super) operations: &'h [Operation<'h>],
    /// Per operation, part by part.
    calls: Vec<Vec<Call>>,
    pub(super) keys: Vec<Key<'h>>,
    pub(super) batches: Vec<Batch>,
    pub(super) consumers: Vec<Mode>,
    pub(super) groups: Vec<String>,
    /// What answers to polls say of members of groups, by the begin of their operations.
    pub(super) memberships: Vec<Membership>,
    /// The keys of these, one after another.
    pub(super) owned: Vec<u32>,
    /// Acknowledged sends, by the begin of their operations.
    pub(super) sent: Vec<Sent>,
    pub(super) attempts: usize,
    /// Polls with an answer.
    pub(super) polls: usize,
}

/// What numbers have been given to.
#[derive(Default)]
struct Known<'h> {
    keys: FxHashMap<&'h str, u32>,
    number_keys: FxHashMap<i64, u32>,
    texts: FxHashMap<String, u32>,
    consumers: FxHashMap<u32, u32>,
}

#[derive(Default)]
struct Reader<'h> {
    logs: Logs<'h>,
    /// Per consumer its process.
    processes: Vec<u32>,
    numbers: Known<'h>,
}

impl<'h> Logs<'h> {
    /// The error says which operation cannot be read.
    pub(super) fn new(operations: &'h [Operation<'h>]) -> Result<Self, String> {
        // Most of the time goes into waiting for JSON values that lie about in memory, so parts are
        // read in parallel. Joined in order they have the numbers that reading in turn would give.
        let parts = operations.par_chunks(PART).enumerate();
        let parts: Vec<Result<Reader<'h>, String>> =
            parts.map(|(number, part)| Reader::part((number * PART) as u32, part)).collect();
        // The first error, whoever came to one first.
        let parts: Vec<Reader<'h>> = parts.into_iter().collect::<Result<_, String>>()?;
        let logs = Reader::joined(parts).logs;
        Ok(Self { operations, ..logs })
    }

    pub(super) fn call(&self, operation: u32) -> &Call {
        &self.calls[operation as usize / PART][operation as usize % PART]
    }

    pub(super) fn end(&self, operation: u32) -> u64 {
        self.call(operation).end
    }
}

impl<'h> Key<'h> {
    fn new(name: &str) -> Self {
        let parts = vec![Vec::new()];
        Self { name: name.to_owned(), parts, mentions: 0, batches: Vec::new() }
    }

    /// Adds to its first part; gives the number.
    fn mention(&mut self, mention: Mention<'h>) -> u32 {
        self.parts[0].push(mention);
        self.mentions += 1;
        self.mentions - 1
    }
}

impl<'h> Reader<'h> {
    /// Reads some operations, of which the first has this number.
    fn part(first: u32, operations: &'h [Operation<'h>]) -> Result<Self, String> {
        let mut reader = Self::default();
        let mut calls = Vec::with_capacity(operations.len());
        for (number, operation) in (first..).zip(operations) {
            let is_transaction = operation.f == "txn";
            let single = operation.input.as_array().is_some_and(|steps| steps.len() == 1);
            calls.push(Call {
                begin: operation.index,
                end: operation.end(),
                returned: operation.returned.unwrap_or(u64::MAX),
                process: operation.process,
                is_transaction,
                is_whole: single || is_transaction,
            });
            reader.operation(number, operation).map_err(|what| {
                format!("operation {} ({}) cannot be read: {what}", operation.index, operation.f)
            })?;
        }
        reader.logs.calls.push(calls);
        Ok(reader)
    }

    fn operation(&mut self, number: u32, operation: &'h Operation<'h>) -> Result<(), String> {
        match operation.f {
            "send" | "poll" | "txn" => self.steps(number, operation),
            "assign" | "subscribe" => self.consumer(operation),
            // Clients that end, and what Jepsen asks Kafka besides.
            "crash" | "debug-topic-partitions" => Ok(()),
            _ => Err("logs have only send, poll, txn, assign, subscribe and crash".to_owned()),
        }
    }

    fn consumer(&mut self, operation: &'h Operation<'h>) -> Result<(), String> {
        if !operation.is_ok() {
            return Ok(());
        }
        let input = operation.input;
        let mode = if operation.f == "assign" {
            Mode::Assigned { from_beginning: input["from"] == "beginning" }
        } else {
            let group = self.group(input["group"].as_str().unwrap_or_default());
            Mode::Subscribed { group }
        };
        if !input.is_array() && !input["keys"].is_array() {
            return Err(format!("{input} is no list of keys, and has none in `keys`"));
        }
        self.new_consumer(operation.process, mode);
        Ok(())
    }

    /// The number of a process's new consumer.
    fn new_consumer(&mut self, process: u32, mode: Mode) -> u32 {
        let number = self.logs.consumers.len() as u32;
        self.logs.consumers.push(mode);
        self.processes.push(process);
        self.numbers.consumers.insert(process, number);
        number
    }

    fn group(&mut self, group: &str) -> u32 {
        let known = self.logs.groups.iter().position(|known| known == group);
        let number = known.unwrap_or_else(|| {
            self.logs.groups.push(group.to_owned());
            self.logs.groups.len() - 1
        });
        number as u32
    }

    fn steps(&mut self, number: u32, operation: &'h Operation<'h>) -> Result<(), String> {
        let steps = |value: &'h Value| {
            value.as_array().map(Vec::as_slice).ok_or_else(|| format!("{value} is no list"))
        };
        let asked = steps(operation.input)?;
        let answered = match operation.output() {
            Some(output) => Some(steps(output)?).filter(|answered| answered.len() == asked.len()),
            None => None,
        };
        if operation.is_ok() && answered.is_none() {
            return Err("the answer has not as many steps as were asked".to_owned());
        }
        for (at, step) in asked.iter().enumerate() {
            let answer = answered.map(|answered| &answered[at]);
            match step.as_array().map(Vec::as_slice) {
                Some([Value::String(f), key, value]) if f == "send" => {
                    self.send(number, operation, key, value, answer)?;
                }
                Some([Value::String(f), ..]) if f == "poll" => {
                    if let Some(answer) = answer {
                        self.poll(number, operation.process, answer)?;
                    }
                }
                _ => return Err(format!("{step} is neither a send nor a poll")),
            }
        }
        Ok(())
    }

    fn send(
        &mut self,
        number: u32,
        operation: &'h Operation<'h>,
        key: &'h Value,
        value: &'h Value,
        answer: Option<&'h Value>,
    ) -> Result<(), String> {
        self.logs.attempts += 1;
        let key = self.key(key);
        let (how, offset) = match answer {
            _ if operation.is_failed() => (How::Failed, None),
            None => (How::Tried, None),
            Some(answer) => match offset_of(value, &answer[2])? {
                None => (How::Sent, None),
                offset => (How::Placed, offset),
            },
        };
        let (value, operation) = (value.into(), number);
        let known = offset.unwrap_or_default();
        let mention =
            self.logs.keys[key as usize].mention(Mention { value, offset: known, operation, how });
        if matches!(how, How::Sent | How::Placed) {
            self.logs.sent.push(Sent { operation, key, mention, offset });
        }
        Ok(())
    }

    fn poll(&mut self, number: u32, process: u32, answer: &'h Value) -> Result<(), String> {
        let consumer = match self.numbers.consumers.get(&process) {
            Some(consumer) => *consumer,
            None => self.new_consumer(process, Mode::Unsaid),
        };
        self.logs.polls += 1;
        let membership = self.membership(number, consumer, answer.get(2))?;
        let keys = match &answer[1] {
            Value::Object(keys) => keys,
            Value::Null => return Ok(()),
            other => return Err(format!("{other} is no object of keys")),
        };
        for (key, list) in keys {
            let key = self.key_text(key);
            let list = list.as_array().ok_or_else(|| format!("{list} is no list of records"))?;
            let known = &mut self.logs.keys[key as usize];
            let first = known.mentions;
            for pair in list {
                let told = match pair.as_array().map(Vec::as_slice) {
                    Some([offset, value, ..]) => offset.as_u64().map(|offset| (offset, value)),
                    _ => None,
                };
                let (offset, value) =
                    told.ok_or_else(|| format!("{pair} is no offset with a value"))?;
                let (value, operation, how) = (value.into(), number, How::Polled);
                known.mention(Mention { value, offset, operation, how });
            }
            let count = list.len() as u32;
            let operation = number;
            self.logs.batches.push(Batch { operation, key, consumer, first, count, membership });
        }
        Ok(())
    }

    /// The number of what an answer tells of who polled, if it tells anything.
    fn membership(
        &mut self,
        operation: u32,
        consumer: u32,
        told: Option<&'h Value>,
    ) -> Result<u32, String> {
        let Some(told) = told.filter(|told| !told.is_null()) else { return Ok(NOBODY) };
        let (generation, keys) = (told["generation"].as_i64(), told["keys"].as_array());
        let (Some(generation), Some(keys)) = (generation, keys) else {
            return Err(format!("{told} has no `generation`, a whole number, with `keys`, a list"));
        };
        let first = self.logs.owned.len() as u32;
        for key in keys {
            let key = self.key(key);
            self.logs.owned.push(key);
        }
        let count = keys.len() as u32;
        self.logs.memberships.push(Membership { operation, consumer, generation, first, count });
        Ok(self.logs.memberships.len() as u32 - 1)
    }

    /// The number of a key as a send has it: polls name keys in text, as objects do.
    fn key(&mut self, key: &'h Value) -> u32 {
        if let Value::String(text) = key {
            return self.key_text(text);
        }
        if let Some(number) = key.as_i64().and_then(|key| self.numbers.number_keys.get(&key)) {
            return *number;
        }
        let number = self.named(&key.to_string());
        if let Some(key) = key.as_i64() {
            self.numbers.number_keys.insert(key, number);
        }
        number
    }

    fn key_text(&mut self, key: &'h str) -> u32 {
        if let Some(number) = self.numbers.keys.get(key) {
            return *number;
        }
        let number = self.named(key);
        self.numbers.keys.insert(key, number);
        number
    }

    fn named(&mut self, key: &str) -> u32 {
        if let Some(number) = self.numbers.texts.get(key) {
            return *number;
        }
        let next = self.logs.keys.len() as u32;
        self.numbers.texts.insert(key.to_owned(), next);
        self.logs.keys.push(Key::new(key));
        next
    }
}

/// The offset in the answer to a send: `[offset, value]`, or the value alone if nobody knows.
fn offset_of(value: &Value, answer: &Value) -> Result<Option<u64>, String> {
    let same = |other: &Value| Plain::from(other) == Plain::from(value);
    match answer.as_array().map(Vec::as_slice) {
        Some([offset, value]) if same(value) && (offset.is_null() || offset.is_u64()) => {
            Ok(offset.as_u64())
        }
        _ if same(answer) => Ok(None),
        _ => Err(format!("{answer} is not {value}, nor an offset with it")),
    }
}
