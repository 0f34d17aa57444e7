//! The values of registers: who wrote each, who has shown it, and what certainly overwrote it.

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::eventual::ledger::{Call, Ledger};
use crate::numbers::Numbers;
use crate::words::shortened;

/// A write that did not fail.
#[derive(Debug)]
pub(super) struct Write<'h> {
    pub(super) call: Call<'h>,
    /// When it was acknowledged or first shown, in nanoseconds; never for one that was neither.
    pub(super) known: u64,
    /// The position in the history at which it was.
    known_at: u64,
    /// By replica, the first position at which that one had acknowledged or shown it.
    pub(super) seen: Vec<(u32, u64)>,
}

impl Write<'_> {
    /// Whether it certainly happened.
    pub(super) fn happened(&self) -> bool {
        self.known < u64::MAX
    }

    /// The position by which it was known.
    pub(super) fn over(&self) -> u64 {
        self.known_at
    }
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// What was there at first.
    Nothing,
    /// What this write wrote.
    Value(u32),
    /// What no write wrote, or only one that failed.
    Phantom,
}

impl Reading {
    /// Different for different values.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Nothing => u32::MAX,
            Self::Value(write) => write,
            Self::Phantom => u32::MAX - 1,
        }
    }
}

#[derive(Debug)]
pub(super) struct Values<'h> {
    pub(super) writes: Vec<Write<'h>>,
    numbers: Numbers<'h>,
    failed: FxHashMap<(u32, &'h Value), Call<'h>>,
    /// By key and replica, writes that happened, by begin, each with the one of it and all later ones
    /// that was known first. With the order of real time there is one list a key.
    happened: FxHashMap<(u32, u32), Vec<(u64, u32)>>,
    real_time: bool,
    /// By key, when its last write was acknowledged, and which happened first, as far as is known.
    ends: Vec<Option<(u64, u32)>>,
}

impl<'h> Values<'h> {
    pub(super) fn new(ledger: &Ledger<'h>, real_time: bool) -> Result<Self, String> {
        let mut values = Self {
            writes: Vec::new(),
            numbers: Numbers::default(),
            failed: FxHashMap::default(),
            happened: FxHashMap::default(),
            real_time,
            ends: vec![None; ledger.keys.len()],
        };
        for call in ledger.calls.iter().filter(|call| !call.is_read()) {
            values.write(ledger, call)?;
        }
        for call in &ledger.calls {
            values.show(call);
        }
        values.settle();
        Ok(values)
    }

    fn write(&mut self, ledger: &Ledger<'h>, call: &Call<'h>) -> Result<(), String> {
        if call.operation.is_failed() {
            self.failed.insert((call.key, call.argument), *call);
            return Ok(());
        }
        let number = self.writes.len() as u32;
        let first = self.numbers.number(call.key, call.argument, number);
        if first != number || call.argument.is_null() {
            return Err(format!(
                "{} was written twice to key {}, or is what is there at first: which write a read \
                 shows can only be told if values are unique",
                shortened(call.argument),
                ledger.key(call.key)
            ));
        }
        let (known, known_at, seen) = (u64::MAX, u64::MAX, Vec::new());
        self.writes.push(Write { call: *call, known, known_at, seen });
        Ok(())
    }

    /// A replica acknowledged or showed a value.
    fn show(&mut self, call: &Call<'h>) {
        let value = if call.is_read() { call.answer } else { Some(call.argument) };
        let number = value.and_then(|value| self.numbers.get(call.key, value));
        let Some(number) = number.filter(|_| call.operation.is_ok()) else { return };
        let write = &mut self.writes[number as usize];
        let end = call.operation.end();
        write.known = write.known.min(call.returned());
        write.known_at = write.known_at.min(end);
        match write.seen.iter_mut().find(|(node, _)| *node == call.node) {
            Some((_, at)) => *at = end.min(*at),
            None => write.seen.push((call.node, end)),
        }
    }

    fn settle(&mut self) {
        for (number, write) in (0u32..).zip(&self.writes).filter(|(_, write)| write.happened()) {
            let node = if self.real_time { 0 } else { write.call.node };
            let list = self.happened.entry((write.call.key, node)).or_default();
            list.push((write.call.operation.index, number));
            // One without an answer may come at any time, and sets no end.
            let over = if write.call.operation.is_ok() { write.call.returned() } else { 0 };
            let end = &mut self.ends[write.call.key as usize];
            *end = Some(match *end {
                None => (over, number),
                Some((last, first)) => {
                    let earlier = self.writes[first as usize].known <= write.known;
                    (last.max(over), if earlier { first } else { number })
                }
            });
        }
        for list in self.happened.values_mut() {
            let mut best: Option<u32> = None;
            for (_, number) in list.iter_mut().rev() {
                let known = |number: u32| self.writes[number as usize].known;
                let first = best.filter(|best| known(*best) < known(*number)).unwrap_or(*number);
                (best, *number) = (Some(first), first);
            }
        }
    }

    /// When the last write of a key was acknowledged; `None` if none happened.
    pub(super) fn last_known(&self, key: u32) -> Option<u64> {
        self.ends[key as usize].map(|(last, _)| last)
    }

    /// The write of a key that was known first.
    pub(super) fn first_known(&self, key: u32) -> Option<u32> {
        self.ends[key as usize].map(|(_, first)| first)
    }

    /// Of the writes that certainly overwrote this one and happened, the one that was known first.
    pub(super) fn overwriter(&self, write: u32) -> Option<u32> {
        let write = &self.writes[write as usize];
        let one = [(0, write.known_at)];
        let seen = if self.real_time { &one[..] } else { &write.seen };
        let after = seen.iter().filter_map(|(node, at)| {
            let list = self.happened.get(&(write.call.key, *node))?;
            list.get(list.partition_point(|(index, _)| index < at)).map(|(_, first)| *first)
        });
        after.min_by_key(|number| self.writes[*number as usize].known)
    }

    /// Whether one write certainly overwrote another.
    pub(super) fn overwrites(&self, write: u32, other: u32) -> bool {
        let (write, other) = (&self.writes[write as usize], &self.writes[other as usize]);
        if self.real_time {
            return other.known_at < write.call.operation.index;
        }
        let seen = other.seen.iter().find(|(node, _)| *node == write.call.node);
        seen.is_some_and(|(_, at)| *at < write.call.operation.index)
    }

    /// What a read found.
    pub(super) fn reading(&self, call: &Call<'h>) -> Reading {
        match call.answer {
            Some(Value::Null) | None => Reading::Nothing,
            Some(value) => {
                self.numbers.get(call.key, value).map_or(Reading::Phantom, Reading::Value)
            }
        }
    }

    /// The write of what a read found, if it failed.
    pub(super) fn failed(&self, call: &Call<'h>) -> Option<&Call<'h>> {
        self.failed.get(&(call.key, call.answer?))
    }

    /// Answered reads with what they found, by begin.
    pub(super) fn readings<'a>(
        &'a self,
        ledger: &'a Ledger<'h>,
    ) -> impl Iterator<Item = (&'a Call<'h>, Reading)> {
        ledger.reads().map(|(call, _)| (call, self.reading(call)))
    }

    /// Answered reads and acknowledged writes, with the value that was then known, by begin.
    pub(super) fn known<'a>(
        &'a self,
        ledger: &'a Ledger<'h>,
    ) -> impl Iterator<Item = (&'a Call<'h>, Reading)> {
        ledger.calls.iter().filter(|call| call.operation.is_ok()).map(|call| {
            if call.is_read() {
                return (call, self.reading(call));
            }
            let write = self.numbers.get(call.key, call.argument);
            (call, write.map_or(Reading::Phantom, Reading::Value))
        })
    }

    /// The call on a key that ended at this position.
    pub(super) fn shown_at<'a>(
        &self,
        ledger: &'a Ledger<'h>,
        key: u32,
        end: u64,
    ) -> Option<&'a Call<'h>> {
        ledger.calls.iter().find(|call| call.key == key && call.operation.end() == end)
    }
}
