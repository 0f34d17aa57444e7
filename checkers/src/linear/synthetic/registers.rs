//! The load of a register: reads, writes and compare-and-sets of a few values.

use serde_json::{Value, json};

use super::{Random, Subject, Words};
use crate::linear::RegisterCall;

/// A register whose clients read, write and compare-and-set.
#[derive(Clone, Debug)]
pub struct RegisterLoad {
    value: u32,
    /// How many different values are written; 0 for a fresh one each time.
    values: u32,
    fresh: u32,
    /// Weights of reads, writes and compare-and-sets.
    weights: [u64; 3],
    /// Whether a compare-and-set that fails is known to have seen another value.
    misses: bool,
}

/// What a client asks of a register.
#[derive(Clone, Copy, Debug)]
pub enum RegisterRequest {
    Read,
    Write(u32),
    Cas(u32, u32),
}

impl RegisterLoad {
    /// Reads, writes and compare-and-sets 2:2:1; the register starts with value number 0,
    /// which is one of them.
    pub fn new(values: u32) -> Self {
        Self { value: 0, values, fresh: 0, weights: [2, 2, 1], misses: false }
    }

    /// Every write has a value of its own.
    pub fn unique() -> Self {
        Self { weights: [1, 1, 0], ..Self::new(0) }
    }

    /// Keeps failed compare-and-sets, which saw another value.
    #[must_use]
    pub fn with_misses(self) -> Self {
        Self { misses: true, ..self }
    }

    /// Other weights of reads, writes and compare-and-sets.
    #[must_use]
    pub fn weighing(self, weights: [u64; 3]) -> Self {
        Self { weights, ..self }
    }

    /// A call as events say it.
    pub fn words(call: &RegisterCall) -> Words {
        match *call {
            RegisterCall::Read(value) => ("read", Value::Null, value.into()),
            RegisterCall::Write(value) => ("write", value.into(), value.into()),
            RegisterCall::Cas(old, new) => ("cas", json!([old, new]), json!([old, new])),
            // As an answer this would be a failure; here it can only be told.
            RegisterCall::CasMiss(old) => ("cas-miss", json!(old), json!(old)),
        }
    }

    fn pick(&mut self, random: &mut Random) -> u32 {
        if self.values == 0 {
            self.fresh += 1;
            return self.fresh;
        }
        random.below(u64::from(self.values)) as u32
    }
}

impl Subject for RegisterLoad {
    type Request = RegisterRequest;
    type Call = RegisterCall;

    fn ask(&mut self, random: &mut Random, _process: u32) -> RegisterRequest {
        let [reads, writes, swaps] = self.weights;
        let pick = random.below(reads + writes + swaps);
        if pick < reads {
            RegisterRequest::Read
        } else if pick < reads + writes {
            RegisterRequest::Write(self.pick(random))
        } else if self.values == 0 {
            RegisterRequest::Cas(self.value, self.pick(random))
        } else {
            RegisterRequest::Cas(self.pick(random), self.pick(random))
        }
    }

    fn apply(&mut self, request: &RegisterRequest) -> Option<RegisterCall> {
        match *request {
            RegisterRequest::Read => Some(RegisterCall::Read(self.value)),
            RegisterRequest::Write(value) => {
                self.value = value;
                Some(RegisterCall::Write(value))
            }
            RegisterRequest::Cas(old, new) if self.value == old => {
                self.value = new;
                Some(RegisterCall::Cas(old, new))
            }
            RegisterRequest::Cas(old, _) => self.misses.then_some(RegisterCall::CasMiss(old)),
        }
    }

    fn unanswered(&self, request: &RegisterRequest) -> Option<RegisterCall> {
        match *request {
            RegisterRequest::Read => None,
            RegisterRequest::Write(value) => Some(RegisterCall::Write(value)),
            RegisterRequest::Cas(old, new) => Some(RegisterCall::Cas(old, new)),
        }
    }
}
