//! Priority queues of distinct elements, n log n.
//!
//! The idea of taking elements by priority is that of Lee & Mathur, *Efficient
//! decrease-and-conquer linearizability monitoring* (OOPSLA 2025); the proof here is our own.
//!
//! Let an element be surely inside from the end of its enqueue to the start of its dequeue. A
//! history without unknown dequeues is linearizable if and only if each dequeue has a moment at
//! which nothing of higher priority is surely inside; one that found nothing counts as of the
//! lowest priority.
//!
//! - *Only if*: at its moment nothing of higher priority may be inside.
//! - *If*: let each dequeue happen at its earliest such moment `m`, and each enqueue just before
//!   its end or its dequeue, whichever is earlier. Of what happens at one moment let higher
//!   priorities go first. Suppose `x` left at `m` while `y`, of higher priority, was inside.
//!   Then `y` came before `m`, so its enqueue had ended, and `y` left after `m`. As it was not
//!   surely inside, its dequeue had started, and at `m` something of still higher priority kept
//!   it from leaving, which then also kept `x`.
//!
//! Elements are taken by priority, and the moments at which they are surely inside removed from
//! those that are left for the others. Ties do not bind each other.
//!
//! Unknown dequeues may take the elements that no known dequeue took. That `n + 1` such elements
//! of higher priority had come by some moment, and `n` unknown dequeues had begun, also removes
//! the moment. What is found wrong then is wrong; but that each dequeue has a moment does not
//! show that the unknown dequeues suffice for all together. So the moments are proposed, and it
//! is counted whether they do (an element has to leave by the first proposed moment after it
//! came of something of lower priority; Hall's condition). If not, later moments are proposed.
//! In the end we count whether they can suffice at all, and if so we do not know.

use super::elements::{Elements, Handling, NONE, Over, Paired, pair};
use super::inside::Search;
use super::moments::{Left, densely, limit};
use super::stayed::Stayed;
use super::too_few_takers::too_few_takers;
use super::{Contradiction, Special};
use crate::linear::model::{Timed, Values};
use crate::linear::models::{PriorityCall, QueueCall};
use crate::words::shortened;

const ENGINE: &str = "priority-queue";
/// How often other moments are proposed, and of how many calls altogether.
const PROPOSALS: usize = 64;
const PROPOSED_CALLS: usize = 1 << 22;

impl Handling for PriorityCall {
    fn handling(&self) -> QueueCall {
        self.unranked()
    }
}

/// Decides linearizability of a priority queue; `None` if values repeat, and in rare cases if
/// there are dequeues of unknown outcome. What it says is exact.
///
/// Cost: a sort of priorities, everything else is about linear without dequeues of unknown
/// outcome, and n log n with them; 40 bytes a call.
pub(in crate::linear) fn priority_queue(
    calls: &[Timed<PriorityCall>],
    values: &Values,
) -> Option<Special> {
    let calls = &*densely(calls);
    let elements = match pair(calls, values) {
        Paired::Elements(elements) => elements,
        Paired::Contradiction(wrong) => return Some(Special::contradiction(ENGINE, wrong)),
        Paired::Unclear => return None,
    };
    let verdict = |wrong| Some(Special { engine: ENGINE, contradiction: wrong });
    match Sweep::new(&elements).decide() {
        Decided::Nowhere(call) => verdict(Some(explain(&elements, call, values)?)),
        Decided::Linearizable => verdict(None),
        Decided::Unclear => verdict(Some(too_few_takers(&elements)?)),
    }
}

enum Decided {
    Linearizable,
    /// This dequeue has no moment; of those the one that ends first.
    Nowhere(u32),
    /// There are not enough unknown dequeues for the moments that were proposed.
    Unclear,
}

/// What becomes of an element, or of a dequeue that found nothing: all that matters, side by
/// side, because elements are not visited in the order of their calls.
#[derive(Clone, Copy)]
struct Leaving {
    /// The number of its priority: elements of the same one share it.
    level: u32,
    /// The end of its enqueue.
    come: u32,
    /// The dequeue, or [`NONE`].
    call: u32,
    /// The moment at which the dequeue happens, and the first at which it may.
    at: u32,
    not_before: u32,
    /// The end of the dequeue.
    end: u32,
}

struct Sweep<'a, 'e> {
    elements: &'e Elements<'a, PriorityCall>,
    /// The first moment after all calls.
    limit: u32,
    /// By priority; then the dequeues that found nothing.
    leaving: Vec<Leaving>,
    /// Needed only if there are unknown dequeues.
    over: Vec<Over>,
}

impl<'a, 'e> Sweep<'a, 'e> {
    fn new(elements: &'e Elements<'a, PriorityCall>) -> Self {
        let limit = limit(elements.calls);
        let (mut ranks, mut unsorted) = (Vec::new(), Vec::new());
        for timed in elements.calls {
            let PriorityCall::Insert(element) = timed.call else { continue };
            let call = elements.dequeue_of(element.value);
            let (dequeued, come) = (call != NONE, limit.min(timed.end));
            if dequeued || !timed.is_unknown() {
                let begin = if dequeued { elements.start(call).max(timed.start) } else { limit };
                let end = if dequeued { elements.end(call) } else { limit };
                ranks.push((element.priority(), unsorted.len() as u32));
                unsorted.push(Leaving { level: 0, come, call, at: begin, not_before: begin, end });
            }
        }
        ranks.sort_unstable();
        let mut leaving = Vec::with_capacity(ranks.len() + elements.empties.len());
        let mut level = 0;
        let mut before = ranks.first().map(|(priority, _)| *priority);
        for (priority, place) in ranks {
            if before.replace(priority) != Some(priority) {
                level += 1;
            }
            leaving.push(Leaving { level, ..unsorted[place as usize] });
        }
        for call in &elements.empties {
            let begin = elements.start(*call);
            leaving.push(Leaving {
                level: level + 1,
                come: limit,
                call: *call,
                at: begin,
                not_before: begin,
                end: elements.end(*call),
            });
        }
        let over = if elements.unknowns.is_empty() { Vec::new() } else { elements.over() };
        Self { elements, limit, leaving, over }
    }

    fn decide(&mut self) -> Decided {
        let proposals = PROPOSED_CALLS / self.elements.calls.len().max(1);
        for proposal in 0..proposals.clamp(1, PROPOSALS) {
            match self.place() {
                Some(call) if proposal == 0 => return Decided::Nowhere(call),
                Some(_) => return Decided::Unclear,
                None => {}
            }
            match self.shortage() {
                None => return Decided::Linearizable,
                Some(shortage) if self.put_off(&shortage) => {}
                Some(_) => return Decided::Unclear,
            }
        }
        Decided::Unclear
    }

    /// Lets each dequeue happen as early as possible. Of those that have no moment, the one that
    /// ends first.
    fn place(&mut self) -> Option<u32> {
        let mut left = Left::all(self.limit);
        let mut stayed = Stayed::new(self.elements, &self.over, self.limit);
        let mut nowhere: Option<(u32, u32)> = None;
        for ties in self.leaving.chunk_by_mut(|a, b| a.level == b.level) {
            for leaving in ties.iter_mut().filter(|leaving| leaving.call != NONE) {
                leaving.at = left.first(leaving.not_before);
                if leaving.at >= leaving.end {
                    let this = (leaving.end, leaving.call);
                    nowhere = Some(nowhere.unwrap_or(this).min(this));
                }
            }
            for leaving in ties {
                if leaving.call == NONE {
                    stayed.come(leaving.come, &mut left);
                } else {
                    left.remove(leaving.come, leaving.at);
                }
            }
        }
        nowhere.map(|(_, call)| call)
    }

    /// Whether there are too few unknown dequeues if calls happen at these moments.
    fn shortage(&self) -> Option<Shortage> {
        if self.elements.unknowns.is_empty() {
            return None;
        }
        // How many calls of lower priority than the present happen at each moment.
        let mut happen = vec![0u32; self.limit as usize + 1];
        for leaving in self.leaving.iter().filter(|leaving| leaving.call != NONE) {
            happen[leaving.at as usize] += 1;
        }
        let mut left = Left::all(self.limit);
        for (moment, calls) in (0..self.limit).zip(&happen) {
            if *calls == 0 {
                left.remove(moment, moment + 1);
            }
        }
        let mut due = Vec::new();
        for ties in self.leaving.chunk_by(|a, b| a.level == b.level) {
            for leaving in ties.iter().filter(|leaving| leaving.call != NONE) {
                happen[leaving.at as usize] -= 1;
                if happen[leaving.at as usize] == 0 {
                    left.remove(leaving.at, leaving.at + 1);
                }
            }
            for leaving in ties.iter().filter(|leaving| leaving.call == NONE) {
                let at = left.first(leaving.come);
                due.extend((at < self.limit).then_some((at, leaving.level)));
            }
        }
        due.sort_unstable();
        let starts = self.elements.unknowns.iter().map(|call| self.elements.start(*call));
        let mut starts = starts.chain(std::iter::repeat(u32::MAX));
        let late = |(at, _): &(u32, u32)| starts.next().filter(|start| start > at);
        let (served, until) =
            due.iter().map(late).enumerate().find_map(|(n, late)| Some((n, late?)))?;
        due.truncate(served + 1);
        Some(Shortage { due, until })
    }

    /// Puts a dequeue off until there is another unknown dequeue, if one can wait.
    fn put_off(&mut self, shortage: &Shortage) -> bool {
        let needs = |leaving: &&mut Leaving| {
            let first = shortage.due.partition_point(|(at, _)| *at < leaving.at);
            let due = shortage.due.get(first);
            leaving.call != NONE
                && leaving.end > shortage.until
                && due.is_some_and(|(at, level)| *at == leaving.at && *level < leaving.level)
        };
        let waits = self.leaving.iter_mut().filter(needs);
        let Some(waits) = waits.max_by_key(|leaving| (leaving.at, leaving.end)) else {
            return false;
        };
        waits.not_before = shortage.until;
        true
    }
}

/// Elements that stayed and have to leave by a moment, ordered by that; the last of them is one
/// too many for the unknown dequeues begun by then.
struct Shortage {
    /// Moments, and levels of priority.
    due: Vec<(u32, u32)>,
    /// The start of the unknown dequeue that might have taken it.
    until: u32,
}

/// What was inside at every moment of a dequeue and had to leave before it.
fn explain(
    elements: &Elements<'_, PriorityCall>,
    call: u32,
    values: &Values,
) -> Option<Contradiction> {
    let own = elements.calls[call as usize].call.element();
    let first = |enqueue: u32| match (elements.calls[enqueue as usize].call.element(), own) {
        (Some(other), Some(own)) => other.priority() < own.priority(),
        _ => true,
    };
    let enqueue = own.map(|own| elements.enqueue_of(own.value));
    let begun = elements.start(call).max(enqueue.map_or(0, |enqueue| elements.start(enqueue)));
    let search = Search::new(elements, &elements.over(), first);
    let mut chain = search.chain(begun, elements.end(call))?;
    chain.calls.extend(enqueue.map(|enqueue| enqueue as usize));
    chain.calls.sort_unstable();
    chain.calls.push(call as usize);
    let what = if own.is_some() { "elements that go first" } else { "elements" };
    let mut why = chain.why(elements, values, what);
    if let Some(own) = own {
        let own = shortened(values.get(own.value));
        why = format!("{own} was handed out though an element that goes first was inside. {why}");
    }
    let (kind, title) = match (chain.is_of_stayed(), own) {
        (true, None) => ("lost-element", "The queue was empty, but an element had never left"),
        (true, Some(_)) => ("lost-element", "An element never left, though a later one did"),
        (false, None) => {
            ("false-empty", "A dequeue found nothing, though the queue was never empty")
        }
        (false, Some(_)) => ("priority-inversion", "An element left before one that goes first"),
    };
    Some(Contradiction { kind, title: title.to_owned(), calls: chain.calls, why })
}
