//! The life of each message: who sent it, who took it, and who may have.

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::{Operation, Outcome};

/// Everything that was sent under one value. Operations are numbers in the ledger's list.
#[derive(Debug)]
pub(super) struct Message<'h> {
    pub(super) value: &'h Value,
    /// Enqueues that did not fail, by begin.
    pub(super) sent: Vec<u32>,
    /// One that failed.
    pub(super) failed: Option<u32>,
    /// Dequeues and drains that were answered with it, by end; a drain as often as it lists it.
    pub(super) taken: Vec<u32>,
    acknowledged: bool,
}

/// What is wrong with how a message came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Nobody had tried to send it by then, or only in vain.
    Phantom { take: u32 },
    /// More often than it had been sent.
    Copy,
}

/// All messages of a history.
#[derive(Debug)]
pub(super) struct Ledger<'h> {
    pub(super) operations: &'h [Operation<'h>],
    pub(super) messages: Vec<Message<'h>>,
    /// Dequeues of unknown outcome, by begin.
    pub(super) unknown_dequeues: Vec<u32>,
    /// The first drain of unknown outcome, and how many there are.
    pub(super) unknown_drain: Option<u32>,
    pub(super) unknown_drains: usize,
    /// Drains with an answer, by begin.
    pub(super) drains: Vec<u32>,
    /// Dequeues and drains with an answer.
    pub(super) answered: usize,
    pub(super) attempted: usize,
    pub(super) acknowledged: usize,
    /// How many messages came out, each time counted.
    pub(super) taken: usize,
}

impl Message<'_> {
    /// Whether it came out although no enqueue of it was acknowledged.
    pub(super) fn is_recovered(&self) -> bool {
        !self.acknowledged && !self.sent.is_empty() && !self.taken.is_empty()
    }

    /// Whether it came out more often than it was sent.
    pub(super) fn is_repeated(&self) -> bool {
        !self.sent.is_empty() && self.taken.len() > self.sent.len()
    }
}

impl<'h> Ledger<'h> {
    pub(super) fn new(operations: &'h [Operation<'h>]) -> Result<Self, String> {
        let mut ledger = Self {
            operations,
            messages: Vec::new(),
            unknown_dequeues: Vec::new(),
            unknown_drain: None,
            unknown_drains: 0,
            drains: Vec::new(),
            answered: 0,
            attempted: 0,
            acknowledged: 0,
            taken: 0,
        };
        let mut numbers: FxHashMap<&'h Value, u32> = FxHashMap::default();
        for (number, operation) in (0u32..).zip(operations) {
            match operation.f {
                "enqueue" => ledger.enqueue(&mut numbers, number, operation),
                "dequeue" => ledger.dequeue(&mut numbers, number, operation),
                "drain" => ledger.drain(&mut numbers, number, operation)?,
                f => {
                    return Err(format!(
                        "operation {} is `{f}`, but a queue has only enqueue, dequeue and drain",
                        operation.index
                    ));
                }
            }
        }
        for message in &mut ledger.messages {
            message.taken.sort_by_key(|take| operations[*take as usize].end());
        }
        Ok(ledger)
    }

    fn enqueue(
        &mut self,
        numbers: &mut FxHashMap<&'h Value, u32>,
        number: u32,
        operation: &'h Operation<'h>,
    ) {
        self.attempted += 1;
        self.acknowledged += usize::from(operation.is_ok());
        let message = self.message(numbers, operation.input);
        message.acknowledged |= operation.is_ok();
        if operation.is_failed() {
            message.failed.get_or_insert(number);
        } else {
            message.sent.push(number);
        }
    }

    fn dequeue(
        &mut self,
        numbers: &mut FxHashMap<&'h Value, u32>,
        number: u32,
        operation: &'h Operation<'h>,
    ) {
        match operation.outcome {
            // Some say that there was none in this way.
            Outcome::Ok(Value::Null) => self.answered += 1,
            Outcome::Ok(value) => {
                self.answered += 1;
                self.taken += 1;
                self.message(numbers, value).taken.push(number);
            }
            Outcome::Unknown => self.unknown_dequeues.push(number),
            Outcome::Failed => {}
        }
    }

    fn drain(
        &mut self,
        numbers: &mut FxHashMap<&'h Value, u32>,
        number: u32,
        operation: &'h Operation<'h>,
    ) -> Result<(), String> {
        match operation.outcome {
            Outcome::Ok(Value::Array(list)) => {
                self.answered += 1;
                self.taken += list.len();
                self.drains.push(number);
                for value in list {
                    self.message(numbers, value).taken.push(number);
                }
            }
            Outcome::Ok(other) => {
                return Err(format!(
                    "operation {} drained {other}, where a list of messages should be",
                    operation.index
                ));
            }
            Outcome::Unknown => {
                self.unknown_drains += 1;
                self.unknown_drain.get_or_insert(number);
            }
            Outcome::Failed => {}
        }
        Ok(())
    }

    fn message(
        &mut self,
        numbers: &mut FxHashMap<&'h Value, u32>,
        value: &'h Value,
    ) -> &mut Message<'h> {
        let number = *numbers.entry(value).or_insert_with(|| {
            self.messages.push(Message {
                value,
                sent: Vec::new(),
                failed: None,
                taken: Vec::new(),
                acknowledged: false,
            });
            self.messages.len() as u32 - 1
        });
        &mut self.messages[number as usize]
    }

    /// What is wrong with the first take that no enqueue accounts for. The n-th take, by end, is
    /// accounted for if n enqueues had begun by its end.
    pub(super) fn flaw(&self, number: usize) -> Option<Flaw> {
        let message = &self.messages[number];
        let begins = |send: &u32| self.operations[*send as usize].index;
        for (before, take) in message.taken.iter().enumerate() {
            let end = self.operations[*take as usize].end();
            let begun = message.sent.partition_point(|send| begins(send) < end);
            if begun == 0 {
                return Some(Flaw::Phantom { take: *take });
            }
            if begun <= before {
                return Some(Flaw::Copy);
            }
        }
        None
    }
}
