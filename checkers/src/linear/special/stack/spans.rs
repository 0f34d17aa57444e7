//! Values with the times of their pushes and pops, in order.

use crate::linear::model::NEVER;
use crate::linear::special::radix;

/// A value that was pushed, and when it was popped.
///
/// Between the end of its push and the start of its pop it is certainly on the stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) push_start: u32,
    pub(super) push_end: u32,
    /// [`NEVER`] if it stays.
    pub(super) pop_start: u32,
    /// [`NEVER`] if it stays, or may.
    pub(super) pop_end: u32,
    /// The number of the call that pushed it.
    pub(super) push: u32,
    /// The number of the call that popped it; [`NEVER`] if none is known.
    pub(super) pop: u32,
}

impl Span {
    /// Whether it may have been popped the moment that it was pushed, whatever lay below.
    pub(super) fn may_be_brief(&self) -> bool {
        self.pop_start < self.push_end
    }

    /// Whether no pop is known to have removed it.
    pub(super) fn stays(&self) -> bool {
        self.pop == NEVER
    }
}

/// Spans of which none may be brief, by the end of their pushes.
pub(super) struct Timeline {
    pub(super) spans: Vec<Span>,
    /// Numbers of spans by the start of their pushes.
    pub(super) by_push_start: Vec<u32>,
    /// Starts of pops, ascending, with [`NEVER`] as the last.
    pub(super) pop_starts: Vec<u32>,
    /// Per start of a pop: how many pushes end before it.
    pub(super) pushed: Vec<u32>,
    /// Per span: the starts of pops at which it is certainly on the stack afterwards, as the
    /// first of them and the first that is not.
    pub(super) covers: Vec<(u32, u32)>,
}

impl Timeline {
    /// Puts spans, ordered by the start of their pushes, in order. Linear.
    pub(super) fn new(spans: &[Span]) -> Self {
        let numbered = (0u32..).zip(spans);
        let mut order: Vec<(u32, u32)> =
            numbered.map(|(number, span)| (span.push_end, number)).collect();
        radix::sort(&mut order);
        let mut by_push_start = vec![0; spans.len()];
        for (rank, (_, number)) in (0u32..).zip(&order) {
            by_push_start[*number as usize] = rank;
        }
        let spans: Vec<Span> = order.iter().map(|(_, number)| spans[*number as usize]).collect();
        order.clear();
        let popped = (0u32..).zip(&spans).filter(|(_, span)| span.pop_start != NEVER);
        order.extend(popped.map(|(rank, span)| (span.pop_start, rank)));
        radix::sort(&mut order);
        let mut timeline = Self {
            by_push_start,
            pop_starts: Vec::with_capacity(order.len() + 1),
            pushed: Vec::with_capacity(order.len() + 1),
            covers: vec![(0, order.len() as u32); spans.len()],
            spans,
        };
        timeline.merge(&order);
        timeline
    }

    /// Runs along the ends of pushes and the starts of pops, the latter as (position, span).
    fn merge(&mut self, pops: &[(u32, u32)]) {
        let mut pushed = 0;
        for (place, (start, rank)) in (0u32..).zip(pops) {
            while let Some(span) = self.spans.get(pushed)
                && span.push_end < *start
            {
                self.covers[pushed].0 = place;
                pushed += 1;
            }
            self.pop_starts.push(*start);
            self.pushed.push(pushed as u32);
            self.covers[*rank as usize].1 = place;
        }
        for covers in &mut self.covers[pushed..] {
            covers.0 = pops.len() as u32;
        }
        self.pop_starts.push(NEVER);
        self.pushed.push(self.spans.len() as u32);
    }
}

/// The times at which no value is certainly on the stack, as open intervals. Spans have to be
/// ordered by the ends of their pushes.
pub(super) fn bare_times<'s>(
    spans: impl Iterator<Item = &'s Span>,
) -> impl Iterator<Item = (u32, u32)> {
    let end = [(NEVER, NEVER)];
    let edges = spans.map(|span| (span.push_end, span.pop_start)).chain(end);
    let mut since = 0;
    edges.filter_map(move |(from, until)| {
        let bare = (since < from).then_some((since, from));
        since = since.max(until);
        bare
    })
}
