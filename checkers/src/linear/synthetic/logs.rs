//! Synthetic logs, and sources of identifiers.

use super::{Random, Subject};
use crate::linear::{Generate, LogCall};

/// A log to which every value is appended once.
pub struct Logs {
    /// Of a hundred calls, the reads.
    pub reads: u64,
    /// Of a hundred appends, those that are answered by an offset.
    pub told: u64,
    entries: Vec<u32>,
    fresh: u32,
}

impl Logs {
    pub fn new(reads: u64, told: u64) -> Self {
        Self { reads, told, entries: Vec::new(), fresh: 0 }
    }
}

impl Subject for Logs {
    /// With the answer not yet in it, but an offset where one is wanted.
    type Request = LogCall;
    type Call = LogCall;

    fn ask(&mut self, random: &mut Random, _process: u32) -> LogCall {
        if !random.chance(self.reads) {
            self.fresh += 1;
            let offset = random.chance(self.told).then_some(0);
            return LogCall::Append { value: self.fresh, offset };
        }
        match random.chance(10) {
            true => LogCall::Length(0),
            false => LogCall::Read { offset: random.below(u64::from(self.fresh) + 1), value: None },
        }
    }

    fn apply(&mut self, request: &LogCall) -> Option<LogCall> {
        let length = self.entries.len() as u64;
        Some(match *request {
            LogCall::Append { value, offset } => {
                self.entries.push(value);
                LogCall::Append { value, offset: offset.map(|_| length) }
            }
            LogCall::Read { offset, .. } => {
                LogCall::Read { offset, value: self.entries.get(offset as usize).copied() }
            }
            LogCall::Length(_) => LogCall::Length(length),
        })
    }

    fn unanswered(&self, request: &LogCall) -> Option<LogCall> {
        match *request {
            LogCall::Append { value, .. } => Some(LogCall::Append { value, offset: None }),
            LogCall::Read { .. } | LogCall::Length(_) => None,
        }
    }
}

/// A source of identifiers that increase, by one or two each time.
#[derive(Default)]
pub struct Ids {
    last: u32,
}

impl Subject for Ids {
    /// How much greater it is to be.
    type Request = u32;
    type Call = Generate;

    fn ask(&mut self, random: &mut Random, _process: u32) -> u32 {
        1 + random.below(2) as u32
    }

    fn apply(&mut self, request: &u32) -> Option<Generate> {
        self.last += request;
        Some(Generate { id: self.last, order: self.last.into() })
    }

    fn unanswered(&self, _request: &u32) -> Option<Generate> {
        None
    }
}
