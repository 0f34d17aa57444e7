//! Synthetic counters.

use super::{Random, Subject};
use crate::linear::CounterCall;

/// A counter that clients read, add to, and add to with an answer.
pub struct Counters {
    /// What is added, one of these each time.
    pub amounts: Vec<i128>,
    /// Of a hundred calls, the reads.
    pub reads: u64,
    /// Of a hundred adds, those that are answered by a value.
    pub told: u64,
    value: i128,
}

impl Counters {
    pub fn new(amounts: &[i128], reads: u64, told: u64) -> Self {
        Self { amounts: amounts.to_vec(), reads, told, value: 0 }
    }

    /// Increments by one that are answered, and some reads.
    pub fn told() -> Self {
        Self::new(&[1], 20, 100)
    }
}

impl Subject for Counters {
    /// With the answer not yet in it.
    type Request = CounterCall;
    type Call = CounterCall;

    fn ask(&mut self, random: &mut Random, _process: u32) -> CounterCall {
        if random.chance(self.reads) || self.amounts.is_empty() {
            return CounterCall::Read(0);
        }
        let amount = self.amounts[random.below(self.amounts.len() as u64) as usize];
        match (random.chance(self.told), random.chance(50)) {
            (false, _) => CounterCall::Add(amount),
            (true, false) => CounterCall::AddAndGet { amount, new: 0 },
            (true, true) => CounterCall::FetchAdd { old: 0, amount },
        }
    }

    fn apply(&mut self, request: &CounterCall) -> Option<CounterCall> {
        let old = self.value;
        self.value += request.amount();
        Some(match *request {
            CounterCall::Read(_) => CounterCall::Read(old),
            CounterCall::Add(amount) => CounterCall::Add(amount),
            CounterCall::AddAndGet { amount, .. } => {
                CounterCall::AddAndGet { amount, new: self.value }
            }
            CounterCall::FetchAdd { amount, .. } => CounterCall::FetchAdd { old, amount },
        })
    }

    fn unanswered(&self, request: &CounterCall) -> Option<CounterCall> {
        match request {
            CounterCall::Read(_) => None,
            add => Some(CounterCall::Add(add.amount())),
        }
    }
}
