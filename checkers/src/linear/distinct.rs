//! Helpers of the tests: registers to which nothing is written twice.

use super::model::{NEVER, Timed};
use super::models::RegisterCall;
use super::synthetic::{Random, Shape, Subject, history};

/// The number of the initial value.
const INITIAL: u32 = 0;

/// A register to which nothing is written twice.
pub(super) struct Distinct {
    value: u32,
    last: u32,
    /// Of a hundred calls.
    reads: u64,
    sets: u64,
    misses: bool,
}

impl Distinct {
    pub(super) fn new(reads: u64, sets: u64, misses: bool) -> Self {
        Self { value: INITIAL, last: INITIAL, reads, sets, misses }
    }
}

impl Subject for Distinct {
    type Request = RegisterCall;
    type Call = RegisterCall;

    fn ask(&mut self, random: &mut Random, _process: u32) -> RegisterCall {
        let choice = random.below(100);
        if choice < self.reads {
            return RegisterCall::Read(INITIAL);
        }
        self.last += 1;
        if choice < self.reads + self.sets {
            // Mostly what is there, or it would rarely succeed.
            let old = if random.chance(80) { self.value } else { random.below(5) as u32 };
            return RegisterCall::Cas(old.min(self.last - 1), self.last);
        }
        RegisterCall::Write(self.last)
    }

    fn apply(&mut self, request: &RegisterCall) -> Option<RegisterCall> {
        match *request {
            RegisterCall::Read(_) => return Some(RegisterCall::Read(self.value)),
            RegisterCall::Cas(old, _) if old != self.value => {
                return self.misses.then_some(RegisterCall::CasMiss(old));
            }
            RegisterCall::Write(new) | RegisterCall::Cas(_, new) => self.value = new,
            RegisterCall::CasMiss(_) => {}
        }
        Some(*request)
    }

    fn unanswered(&self, request: &RegisterCall) -> Option<RegisterCall> {
        Some(*request).filter(|request| !matches!(request, RegisterCall::Read(_)))
    }
}

pub(super) type Calls = Vec<Timed<RegisterCall>>;

/// A few calls, from an atomic register or not, some of them then changed.
pub(super) fn small(random: &mut Random, misses: bool) -> Calls {
    let shape = Shape {
        operations: 1 + random.below(8) as usize,
        processes: 1 + random.below(5) as u32,
        unknown_per_million: [0, 100_000, 400_000][random.below(3) as usize],
        seed: random.bits(),
    };
    let mut calls = history(&mut Distinct::new(40, 30, misses), shape);
    for _ in 0..random.below(4) {
        let at = random.below(calls.len().max(1) as u64) as usize;
        // Mostly a value that is written somewhere.
        let written = calls.get(random.below(calls.len() as u64 + 1) as usize);
        let other = match written.map(|timed| timed.call) {
            Some(RegisterCall::Write(value) | RegisterCall::Cas(_, value)) => value,
            _ => random.below(8) as u32 * u32::from(random.chance(20)),
        };
        let Some(timed) = calls.get_mut(at) else { break };
        match &mut timed.call {
            _ if random.chance(20) => timed.end = NEVER,
            RegisterCall::Read(value) | RegisterCall::CasMiss(value) => *value = other,
            RegisterCall::Cas(value, _) if random.chance(90) => *value = other,
            // Rarely, for this often makes a value repeat.
            RegisterCall::Cas(_, value) | RegisterCall::Write(value) if random.chance(20) => {
                *value = other;
            }
            RegisterCall::Cas(..) | RegisterCall::Write(_) => {
                timed.call = RegisterCall::Read(other);
            }
        }
    }
    calls
}

/// A few hundred calls of an atomic register.
pub(super) fn long(seed: u64) -> Calls {
    let mut random = Random(seed);
    let shape = Shape {
        operations: 200 + random.below(600) as usize,
        processes: 1 + random.below(40) as u32,
        unknown_per_million: random.below(50_000),
        seed,
    };
    let mut register = Distinct::new(random.below(80), random.below(20), random.chance(30));
    history(&mut register, shape)
}

/// A register without compare-and-set that now and then answers a read with an older value.
pub(super) struct Lagging {
    values: Vec<u32>,
    last: u32,
    /// Of a hundred calls.
    reads: u64,
    /// Of a hundred reads.
    stale: u64,
    /// By how many versions a stale read is behind at most.
    lag: u64,
    lot: Random,
}

impl Lagging {
    pub(super) fn new(reads: u64, stale: u64, lag: u64, seed: u64) -> Self {
        Self { values: vec![INITIAL], last: INITIAL, reads, stale, lag, lot: Random(seed) }
    }
}

impl Subject for Lagging {
    type Request = RegisterCall;
    type Call = RegisterCall;

    fn ask(&mut self, random: &mut Random, _process: u32) -> RegisterCall {
        if random.chance(self.reads) {
            return RegisterCall::Read(INITIAL);
        }
        self.last += 1;
        RegisterCall::Write(self.last)
    }

    fn apply(&mut self, request: &RegisterCall) -> Option<RegisterCall> {
        if let RegisterCall::Write(value) = *request {
            self.values.push(value);
            return Some(*request);
        }
        let behind = if self.lot.chance(self.stale) { self.lot.below(self.lag + 1) } else { 0 };
        let at = self.values.len() - 1;
        Some(RegisterCall::Read(self.values[at.saturating_sub(behind as usize)]))
    }

    fn unanswered(&self, request: &RegisterCall) -> Option<RegisterCall> {
        Some(*request).filter(|request| !matches!(request, RegisterCall::Read(_)))
    }
}
