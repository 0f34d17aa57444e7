//! Regular and safe registers: each read judged by the writes around it, and by no other read.
//!
//! Lamport, *On interprocess communication* (Distributed Computing 1, 1986), defines both for
//! one writer: a read of a *regular* register sees the last value written before it, or one
//! that is being written at the same time; a read of a *safe* register does so if nothing is
//! being written at the same time, and else may see anything.
//!
//! With many writers "the last" is not one write. Regular is here what Shao, Welch, Pierce &
//! Lee, *Multiwriter consistency conditions for shared memory registers* (SIAM J. Comput. 40,
//! 2011), call MWReg-weak, the weakest of their conditions: for each read by itself, the writes
//! and that read have an order that respects real time, in which the read sees the last write
//! before it. Reads need not agree on the order of writes. So a read is wrong if and only if
//! every write of what it saw begins after its end, or was followed by another write, both
//! complete before the read began.
//!
//! Exact, also where values repeat, and where the outcome of writes is unknown: those may be
//! seen, but replace nothing for certain. A compare-and-set is a write, and a read of what it
//! found. Costs `n log n`.

use serde_json::json;

use super::Options;
use super::reading::{Impossible, Register, impossible, impossible_read, of_key, on};
use super::reading::{registers, told};
use super::versions::INITIAL;
use crate::linear::model::NEVER;
use crate::tally::{Tally, anomaly};
use crate::{Anomaly, Budget, Checker, Finding, History};

/// Judges a register as regular, or only as safe.
#[derive(Clone, Debug, Default)]
pub struct RegularChecker {
    options: Options,
    /// Whether reads during a write may see anything.
    safe: bool,
}

impl RegularChecker {
    /// Every read is judged.
    pub fn regular(options: Options) -> Self {
        Self { options, safe: false }
    }

    /// Only reads are judged during which nothing is written.
    pub fn safe(options: Options) -> Self {
        Self { options, safe: true }
    }

    fn rules_out(&self) -> &'static [&'static str] {
        const MODELS: &[&str] = &["safe", "regular", "linearizable"];
        if self.safe { MODELS } else { &MODELS[1..] }
    }
}

impl Checker for RegularChecker {
    fn name(&self) -> &str {
        if self.safe { "safe" } else { "regular" }
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        let options = &self.options;
        let registers = match registers(history, &options.register, options.keyed) {
            Ok(registers) => registers,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let mut tally = Tally::default();
        let (mut reads, mut unjudged) = (0u64, 0u64);
        for register in &registers {
            if budget.is_cancelled() {
                let why = "time was up before all keys were judged; give the analysis more";
                return Finding::unknown(self.name(), why);
            }
            let writes = Writes::new(&register.calls);
            for (number, timed) in (0u32..).zip(&register.calls) {
                let Some(value) = timed.call.found().filter(|_| timed.end != NEVER) else {
                    continue;
                };
                if self.safe && writes.is_written_during(timed) {
                    unjudged += 1;
                    continue;
                }
                reads += 1;
                if let Err(wrong) = writes.judge(timed, value) {
                    tally.add(|| self.anomaly(register, number, wrong, &writes, value));
                }
            }
        }
        let stats = json!({"keys": registers.len(), "reads": reads, "during_writes": unjudged});
        let no_read = (reads == 0).then(|| {
            let during = if self.safe { ", or each while something was written" } else { "" };
            format!("no read has an answer{during}, so nothing can be judged")
        });
        tally.conclude(self.name(), no_read, stats)
    }
}

impl RegularChecker {
    fn anomaly(
        &self,
        register: &Register<'_>,
        read: u32,
        wrong: Wrong,
        writes: &Writes<'_>,
        value: u32,
    ) -> Anomaly {
        let model = &self.options.register;
        let first = writes.of(value).first().copied();
        let Wrong::Replaced { by } = wrong else {
            let why = impossible(register, read, value, first).unwrap_or(Impossible::Phantom);
            return impossible_read(register, model, read, why, self.rules_out());
        };
        let begun = register.calls[by as usize].start;
        let before = |write: &&u32| register.calls[**write as usize].end < begun;
        let wrote = writes
            .of(value)
            .iter()
            .filter(before)
            .max_by_key(|write| register.calls[**write as usize].end);
        let numbers = wrote.into_iter().copied().chain([by, read]);
        let steps = numbers.map(|number| told(register, model, number)).collect();
        let explanation = "The read saw a value that had been replaced: after every write of it \
                           that the read can have seen, another write began, and was complete \
                           before the read began."
            .to_owned();
        let title = format!("Stale read{}", of_key(register));
        on(register, anomaly("stale-read", title, explanation, steps, self.rules_out()))
    }
}

/// Why a read is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// Nobody had begun to write what it saw before it ended.
    Unwritten,
    /// This write came between every write of what it saw and its begin.
    Replaced { by: u32 },
}

type Timed = crate::linear::model::Timed<crate::linear::models::RegisterCall>;

/// The writes of one register, by value and by time.
struct Writes<'c> {
    calls: &'c [Timed],
    /// Numbers of calls by value, and for each value by start; where each value begins.
    by_value: Vec<u32>,
    first: Vec<u32>,
    /// For each of these, the latest end of it and of those of the same value before it.
    latest_end: Vec<u32>,
    /// Ends of the writes that have one, ascending, and the write among those up to it that
    /// began last.
    ended: Vec<(u32, u32)>,
    /// Starts of all writes, ascending.
    starts: Vec<u32>,
}

impl<'c> Writes<'c> {
    fn new(calls: &'c [Timed]) -> Self {
        let writes = || {
            let numbered = (0u32..).zip(calls);
            numbered.filter_map(|(number, timed)| Some((timed.call.left()?, number, timed)))
        };
        let highest = writes().map(|(value, ..)| value).max().unwrap_or(INITIAL);
        let mut first = vec![0u32; highest as usize + 2];
        for (value, ..) in writes() {
            first[value as usize + 1] += 1;
        }
        for value in 0..=highest as usize {
            first[value + 1] += first[value];
        }
        let mut free = first.clone();
        let mut by_value = vec![0u32; first[highest as usize + 1] as usize];
        let mut latest_end = vec![0u32; by_value.len()];
        // Calls come by start, so the writes of each value do.
        for (value, number, timed) in writes() {
            let at = free[value as usize] as usize;
            free[value as usize] += 1;
            by_value[at] = number;
            let before = if at > first[value as usize] as usize { latest_end[at - 1] } else { 0 };
            latest_end[at] = before.max(timed.end);
        }
        let known = writes().filter(|(_, _, timed)| timed.end != NEVER);
        let mut ended: Vec<(u32, u32)> =
            known.map(|(_, number, timed)| (timed.end, number)).collect();
        ended.sort_unstable();
        // Calls are numbered by start.
        for at in 1..ended.len() {
            ended[at].1 = ended[at].1.max(ended[at - 1].1);
        }
        let starts = writes().map(|(_, _, timed)| timed.start).collect();
        Self { calls, by_value, first, latest_end, ended, starts }
    }

    fn range(&self, value: u32) -> std::ops::Range<usize> {
        let bound = |at: usize| self.first.get(at).map_or(self.by_value.len(), |at| *at as usize);
        bound(value as usize)..bound(value as usize + 1)
    }

    /// The writes of a value, by start.
    fn of(&self, value: u32) -> &[u32] {
        &self.by_value[self.range(value)]
    }

    /// Whether a write other than itself is going on while this call is.
    fn is_written_during(&self, timed: &Timed) -> bool {
        let begun = self.starts.partition_point(|start| *start < timed.end);
        let over = self.ended.partition_point(|(end, _)| *end < timed.start);
        begun > over + usize::from(timed.call.left().is_some())
    }

    /// Whether a read can have seen this value.
    fn judge(&self, read: &Timed, value: u32) -> Result<(), Wrong> {
        let range = self.range(value);
        let begun = |number: &u32| self.calls[*number as usize].start < read.end;
        let seen = self.by_value[range.clone()].partition_point(begun);
        let latest = if seen > 0 {
            Some(i64::from(self.latest_end[range.start + seen - 1]))
        } else {
            (value == INITIAL).then_some(-1)
        };
        let latest = latest.ok_or(Wrong::Unwritten)?;
        let over = self.ended.partition_point(|(end, _)| *end < read.start);
        match over.checked_sub(1).map(|last| self.ended[last].1) {
            Some(by) if i64::from(self.calls[by as usize].start) > latest => {
                Err(Wrong::Replaced { by })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
