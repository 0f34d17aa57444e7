//! Begins and ends of calls in the order in which they happened.

use crate::linear::model::{NEVER, Timed};

/// A call begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Begin(usize),
    End(usize),
}

/// Goes through the begins and known ends of calls that are ordered by start. Sorts the ends.
pub(crate) struct Moments<'a, C> {
    calls: &'a [Timed<C>],
    /// Ends with the numbers of their calls in the low half.
    ends: Vec<u64>,
    next_begin: usize,
    next_end: usize,
}

impl<'a, C> Moments<'a, C> {
    pub(crate) fn new(calls: &'a [Timed<C>]) -> Self {
        let known = (0u64..).zip(calls).filter(|(_, timed)| timed.end != NEVER);
        let mut ends: Vec<u64> =
            known.map(|(number, timed)| u64::from(timed.end) << 32 | number).collect();
        ends.sort_unstable();
        Self { calls, ends, next_begin: 0, next_end: 0 }
    }
}

impl<C> Iterator for Moments<'_, C> {
    type Item = Moment;

    fn next(&mut self) -> Option<Moment> {
        let begin = self.calls.get(self.next_begin).map(|timed| timed.start);
        let end = self.ends.get(self.next_end).copied();
        match (begin, end) {
            (Some(begin), end) if end.is_none_or(|end| u64::from(begin) < end >> 32) => {
                self.next_begin += 1;
                Some(Moment::Begin(self.next_begin - 1))
            }
            (_, Some(end)) => {
                self.next_end += 1;
                Some(Moment::End((end & u64::from(u32::MAX)) as usize))
            }
            (_, None) => None,
        }
    }
}
