//! What surely is inside a container, and the fewest calls that show it.
//!
//! An element is surely inside from the end of its enqueue to the start of its dequeue. An
//! element that nobody is known to have taken out stays, unless one of the dequeues of unknown
//! outcome took it: each of those takes one at most, so it is by their number that some such
//! element is still inside.
//!
//! Moments are gaps between positions: moment `p` is after position `p` and before the next.

use super::elements::{Elements, Handling, NONE, Over};
use crate::linear::model::{NEVER, Values};
use crate::words::{either, shortened};

/// The most calls of elements that stayed which a proof names one by one.
const MOST_STAYED: usize = 12;
/// The most elements that a sentence names.
const MOST_NAMED: usize = 6;

/// Why something is inside at every moment of an interval.
pub(super) struct Chain {
    /// Enqueues and dequeues, by start.
    pub(super) calls: Vec<usize>,
    /// The elements that are inside one after another, that no unknown dequeue can have taken.
    pub(super) held: Vec<u32>,
    /// Elements that no known dequeue took, one more than unknown dequeues had begun; none if
    /// the proof has no need of them.
    pub(super) stayed: Vec<u32>,
    /// How many unknown dequeues had begun.
    pub(super) takers: usize,
    /// Whether some of them are left out of `calls`, as many of the one as of the other.
    shortened: bool,
}

/// A search for the fewest elements that are inside at every moment of an interval.
pub(super) struct Search<'a, 'e, C> {
    elements: &'e Elements<'a, C>,
    /// Elements with a known dequeue: from, until, enqueue; by the first.
    held: Vec<(u32, u32, u32)>,
    /// Elements without.
    stayed: Vec<Over>,
}

impl<'a, 'e, C: Handling> Search<'a, 'e, C> {
    /// Among the elements that `matter`, all others being absent. Linear.
    pub(super) fn new(
        elements: &'e Elements<'a, C>,
        over: &[Over],
        matter: impl Fn(u32) -> bool,
    ) -> Self {
        let (mut held, mut stayed) = (Vec::new(), Vec::new());
        for Over { end, enqueue } in over.iter().copied().filter(|over| matter(over.enqueue)) {
            match elements.dequeue_after(enqueue) {
                NONE => stayed.push(Over { end, enqueue }),
                dequeue if end < elements.start(dequeue) => {
                    held.push((end, elements.start(dequeue), enqueue));
                }
                _ => {}
            }
        }
        Self { elements, held, stayed }
    }

    /// The fewest for the moments `from..to`, by always taking what is inside longest.
    /// `None` if nothing is inside at some moment. Linear.
    pub(super) fn chain(&self, from: u32, to: u32) -> Option<Chain> {
        let mut chain = Chain {
            calls: Vec::new(),
            held: Vec::new(),
            stayed: Vec::new(),
            takers: 0,
            shortened: false,
        };
        let (mut at, mut next, mut best) = (from, 0, (0, NONE));
        // Unknown dequeues begun before the first moment that needs elements that stayed, and
        // before the end of the last such moment.
        let mut takers: Option<(usize, usize)> = None;
        while at < to {
            while let Some((_, until, enqueue)) = self.held.get(next).filter(|held| held.0 <= at) {
                best = best.max((*until, *enqueue));
                next += 1;
            }
            let (until, first, last) = self.stays(at);
            if until.max(best.0) <= at {
                return None;
            }
            if best.0 >= until.min(to) {
                chain.held.push(best.1);
                at = best.0;
            } else {
                takers = Some((takers.map_or(first, |takers| takers.0), last));
                at = until;
            }
        }
        if let Some((first, last)) = takers {
            self.count(&mut chain, first, last);
        }
        for enqueue in &chain.held {
            chain.calls.push(*enqueue as usize);
            chain.calls.push(self.elements.dequeue_after(*enqueue) as usize);
        }
        chain.calls.sort_unstable();
        Some(chain)
    }

    /// Until when more elements have come that stayed than unknown dequeues have begun, from
    /// this moment on; how many of these have begun at this moment, and by that time.
    fn stays(&self, at: u32) -> (u32, usize, usize) {
        let come = |at: u32| self.stayed.partition_point(|over| over.end <= at);
        let unknowns = &self.elements.unknowns;
        let first = unknowns.partition_point(|call| self.elements.start(*call) <= at);
        if come(at) <= first {
            return (at, first, first);
        }
        let mut begun = first;
        while let Some(call) = unknowns.get(begun) {
            let start = self.elements.start(*call);
            if come(start) <= begun + 1 {
                return (start, first, begun);
            }
            begun += 1;
        }
        (NEVER, first, begun)
    }

    /// Names one element more than the unknown dequeues before the last moment. As many of
    /// either may be left out as there are unknown dequeues before the first moment.
    fn count(&self, chain: &mut Chain, first: usize, last: usize) {
        chain.takers = last;
        chain.stayed = self.stayed.iter().take(last + 1).map(|over| over.enqueue).collect();
        chain.shortened = 2 * last + 1 > MOST_STAYED;
        let left_out = if chain.shortened { first } else { 0 };
        let numbers = chain.stayed.iter().skip(left_out);
        chain.calls.extend(numbers.map(|enqueue| *enqueue as usize));
        let unknowns = self.elements.unknowns.iter().take(last).skip(left_out);
        chain.calls.extend(unknowns.map(|call| *call as usize));
    }
}

impl Chain {
    /// Whether elements that stayed are enough for a proof.
    pub(super) fn is_of_stayed(&self) -> bool {
        self.held.is_empty()
    }

    /// Why something was inside at every moment of a dequeue, in a sentence. `what` counts:
    /// "elements", "elements that go first".
    pub(super) fn why<C: Handling>(
        &self,
        elements: &Elements<'_, C>,
        values: &Values,
        what: &str,
    ) -> String {
        let name = |enqueue: &u32| shortened(values.get(elements.value(*enqueue)));
        let mut held: Vec<String> = self.held.iter().take(MOST_NAMED).map(name).collect();
        if self.held.len() > MOST_NAMED {
            held.push(format!("others, {} in all,", self.held.len()));
        }
        let counted = format!(
            "{} {what} had been put in that no known dequeue took, and the {} that had begun \
             cannot have taken all of them",
            self.stayed.len(),
            takers(self.takers)
        );
        let text = match (&held[..], &self.stayed[..]) {
            ([], [one]) => format!("{} had been put in, and nobody ever took it out", name(one)),
            ([], _) => counted,
            ([one], []) => format!(
                "{one} was inside all the while: it had been put in before the dequeue began, \
                 and nobody began to take it out before the dequeue had ended"
            ),
            (_, stayed @ ([] | [_])) => {
                held.extend(stayed.iter().map(name));
                format!(
                    "At every moment of the dequeue {} was inside: each had been put in before \
                     anybody began to take out the one before it",
                    either(&held)
                )
            }
            _ => format!(
                "At every moment of the dequeue something was inside: {}, or what nobody took, \
                 for {counted}",
                held.join(", ")
            ),
        };
        if self.shortened { format!("{text} (only the last are listed).") } else { text + "." }
    }
}

/// So many dequeues that may have taken what no known dequeue took.
pub(super) fn takers(count: usize) -> String {
    match count {
        1 => "one dequeue of unknown outcome".to_owned(),
        count => format!("{count} dequeues of unknown outcome"),
    }
}
