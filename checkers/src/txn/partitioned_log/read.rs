//! Reading: operations on logs as sends, polls and the consumers that poll.

mod join;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::Operation;
use crate::numbers::Numbers;

/// No operation, no consumer, no record.
pub(super) const NOBODY: u32 = u32::MAX;

/// How many operations are read at a time; in tests so few that every history has several parts.
const PART: usize = if cfg!(test) { 5 } else { 1 << 15 };

/// A value of one key. Operations are numbers in the list of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'h> {
    pub(super) key: u32,
    pub(super) value: &'h Value,
    /// The first operation that sent it and did not fail, and how many there are.
    pub(super) sender: u32,
    pub(super) sends: u32,
    /// One that failed.
    pub(super) failed: u32,
    /// One that was acknowledged.
    pub(super) acknowledged: u32,
}

/// A value at an offset, as an answer has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) key: u32,
    pub(super) record: u32,
    pub(super) offset: u64,
    pub(super) operation: u32,
    /// Whether a poll saw it, and not its sender.
    pub(super) polled: bool,
}

/// What one poll was answered for one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub(super) operation: u32,
    pub(super) key: u32,
    /// Who polled, in the list of consumers.
    pub(super) consumer: u32,
    /// Its sightings. With none of them, the answer says that the log ended at the position.
    pub(super) first: u32,
    pub(super) count: u32,
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
    pub(super) record: u32,
    pub(super) offset: Option<u64>,
}

/// Everything that a history tells of logs.
#[derive(Debug, Default)]
pub(super) struct Logs<'h> {
    pub(super) operations: &'h [Operation<'h>],
    /// Per operation its end: it is asked for at every sighting, and operations are large.
    pub(super) ends: Vec<u64>,
    /// Per operation whether it happens at once. Several sends that are no transaction do not.
    pub(super) whole: Vec<bool>,
    pub(super) keys: Vec<String>,
    pub(super) records: Vec<Record<'h>>,
    pub(super) sightings: Vec<Sighting>,
    pub(super) batches: Vec<Batch>,
    pub(super) consumers: Vec<Mode>,
    pub(super) groups: Vec<String>,
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
    records: Numbers<'h>,
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
        let mut reader = Reader::default();
        for part in parts {
            reader.join(part?);
        }
        Ok(Self { operations, ..reader.logs })
    }

    pub(super) fn is_transaction(&self, operation: u32) -> bool {
        self.operations[operation as usize].f == "txn"
    }
}

impl<'h> Reader<'h> {
    /// Reads some operations, of which the first has this number.
    fn part(first: u32, operations: &'h [Operation<'h>]) -> Result<Self, String> {
        let mut reader = Self::default();
        for (number, operation) in (first..).zip(operations) {
            reader.logs.ends.push(operation.end());
            let single = operation.input.as_array().is_some_and(|steps| steps.len() == 1);
            reader.logs.whole.push(single || operation.f == "txn");
            reader.operation(number, operation).map_err(|what| {
                format!("operation {} ({}) cannot be read: {what}", operation.index, operation.f)
            })?;
        }
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
                        self.poll(number, operation.process, &answer[1])?;
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
        let name = self.record(key, value);
        let record = &mut self.logs.records[name as usize];
        if operation.is_failed() {
            record.failed = number;
            return Ok(());
        }
        record.sends += 1;
        if record.sender == NOBODY {
            record.sender = number;
        }
        let Some(answer) = answer else { return Ok(()) };
        if record.acknowledged == NOBODY {
            record.acknowledged = number;
        }
        let offset = offset_of(value, &answer[2])?;
        self.logs.sent.push(Sent { operation: number, record: name, offset });
        if let Some(offset) = offset {
            let operation = number;
            let (record, polled) = (name, false);
            self.logs.sightings.push(Sighting { key, record, offset, operation, polled });
        }
        Ok(())
    }

    fn poll(&mut self, number: u32, process: u32, seen: &'h Value) -> Result<(), String> {
        let consumer = match self.numbers.consumers.get(&process) {
            Some(consumer) => *consumer,
            None => self.new_consumer(process, Mode::Unsaid),
        };
        self.logs.polls += 1;
        let keys = match seen {
            Value::Object(keys) => keys,
            Value::Null => return Ok(()),
            other => return Err(format!("{other} is no object of keys")),
        };
        for (key, list) in keys {
            let key = self.key_text(key);
            let first = self.logs.sightings.len() as u32;
            let list = list.as_array().ok_or_else(|| format!("{list} is no list of records"))?;
            for pair in list {
                let (offset, value) = (pair[0].as_u64(), pair.get(1));
                let (Some(offset), Some(value)) = (offset, value) else {
                    return Err(format!("{pair} is no offset with a value"));
                };
                let record = self.record(key, value);
                let (operation, polled) = (number, true);
                self.logs.sightings.push(Sighting { key, record, offset, operation, polled });
            }
            let count = list.len() as u32;
            self.logs.batches.push(Batch { operation: number, key, consumer, first, count });
        }
        Ok(())
    }

    fn record(&mut self, key: u32, value: &'h Value) -> u32 {
        let next = self.logs.records.len() as u32;
        let number = self.numbers.records.number(key, value, next);
        if number == next {
            let nobody = (NOBODY, NOBODY, NOBODY);
            let (sender, failed, acknowledged) = nobody;
            self.logs.records.push(Record { key, value, sender, sends: 0, failed, acknowledged });
        }
        number
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
        self.logs.keys.push(key.to_owned());
        next
    }
}

/// The offset in the answer to a send: `[offset, value]`, or the value alone if nobody knows.
fn offset_of(value: &Value, answer: &Value) -> Result<Option<u64>, String> {
    match answer.as_array().map(Vec::as_slice) {
        Some([offset, same]) if same == value && (offset.is_null() || offset.is_u64()) => {
            Ok(offset.as_u64())
        }
        _ if answer == value => Ok(None),
        _ => Err(format!("{answer} is not {value}, nor an offset with it")),
    }
}
