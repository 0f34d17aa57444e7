//! Versions: the values of a register that are written once each, by whom and when.

use crate::linear::model::{NEVER, Timed};
use crate::linear::models::RegisterCall;

/// No call.
pub(super) const NONE: u32 = u32::MAX;
/// The number of the initial value: a model interns it before all others.
pub(super) const INITIAL: u32 = 0;

/// The calls on one register by the values that they wrote and read.
///
/// A compare-and-set counts as the write of its new value. That it found the old one is only
/// taken as a sign that the old one had been written.
#[derive(Debug)]
pub(super) struct Versions<'c> {
    pub(super) calls: &'c [Timed<RegisterCall>],
    /// Who wrote each value, or [`NONE`].
    writers: Vec<u32>,
    /// By when each value was surely in place: when its write was acknowledged or when the
    /// first who saw it was answered. [`NEVER`] if neither came to be.
    ends: Vec<i64>,
    /// Answered reads, by start.
    pub(super) reads: Vec<u32>,
}

/// A value that was written twice, so that nobody knows which write a read saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeated {
    pub(super) value: u32,
}

impl<'c> Versions<'c> {
    /// Sorts calls, given by start. Linear.
    pub(super) fn read(calls: &'c [Timed<RegisterCall>]) -> Result<Self, Repeated> {
        let highest = calls.iter().map(|timed| timed.call.highest()).max().unwrap_or(INITIAL);
        let count = highest as usize + 1;
        let mut versions = Self {
            calls,
            writers: vec![NONE; count],
            ends: vec![i64::from(NEVER); count],
            reads: Vec::new(),
        };
        versions.ends[INITIAL as usize] = -1;
        for (number, timed) in (0u32..).zip(calls) {
            if let Some(value) = timed.call.left() {
                let writer = &mut versions.writers[value as usize];
                if *writer != NONE || value == INITIAL {
                    return Err(Repeated { value });
                }
                *writer = number;
                versions.ends[value as usize] = i64::from(timed.end);
            }
        }
        for (number, timed) in (0u32..).zip(calls).filter(|(_, timed)| timed.end != NEVER) {
            let Some(value) = timed.call.found() else { continue };
            let end = i64::from(timed.end);
            // Who saw it before anybody wrote it is no witness.
            if versions.start(value).is_some_and(|start| start < end) {
                let known = &mut versions.ends[value as usize];
                *known = end.min(*known);
            }
            if timed.call.left().is_none() {
                versions.reads.push(number);
            }
        }
        Ok(versions)
    }

    /// One more than the highest number of a value.
    pub(super) fn count(&self) -> u32 {
        self.writers.len() as u32
    }

    /// Values that were surely written, the initial one first.
    pub(super) fn written(&self) -> impl Iterator<Item = u32> {
        (0..self.count()).filter(|value| {
            *value == INITIAL || self.writer(*value).is_some() && self.end(*value) != NEVER_END
        })
    }

    /// Who wrote a value. Nobody wrote the initial one.
    pub(super) fn writer(&self, value: u32) -> Option<u32> {
        self.writers.get(value as usize).copied().filter(|writer| *writer != NONE)
    }

    /// When its write began; -1 for the initial value, and `None` if nobody wrote it.
    pub(super) fn start(&self, value: u32) -> Option<i64> {
        if value == INITIAL {
            return Some(-1);
        }
        self.writer(value).map(|writer| i64::from(self.calls[writer as usize].start))
    }

    /// By when it was surely in place; -1 for the initial value.
    pub(super) fn end(&self, value: u32) -> i64 {
        self.ends[value as usize]
    }

    /// The value that a read, or a compare-and-set, found.
    pub(super) fn found(&self, number: u32) -> Option<u32> {
        self.calls[number as usize].call.found()
    }
}

/// The end of what was never surely in place.
pub(super) const NEVER_END: i64 = NEVER as i64;
