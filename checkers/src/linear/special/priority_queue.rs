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
//! is counted whether they do (an element has to leave before the first proposed moment after it
//! came of something of lower priority; Hall's condition). If not, later moments are proposed,
//! and in the end we do not know.

use super::elements::{Elements, Handling, NONE, Over, Paired, pair};
use super::inside::Search;
use super::moments::{Left, Moments};
use super::stayed::Stayed;
use super::{Contradiction, Special};
use crate::linear::model::{Timed, Values};
use crate::linear::models::{PriorityCall, QueueCall, Ranked};

const ENGINE: &str = "priority-queue";

impl Handling for PriorityCall {
    fn handling(&self) -> QueueCall {
        self.unranked()
    }
}

/// Decides linearizability of a priority queue; `None` if values repeat, and in rare cases if
/// there are dequeues of unknown outcome. What it says is exact.
///
/// Cost: sorts of ends and of priorities, everything else is about linear without dequeues of
/// unknown outcome, and n log n with them; 50 bytes a call.
pub(in crate::linear) fn priority_queue(
    calls: &[Timed<PriorityCall>],
    values: &Values,
) -> Option<Special> {
    let elements = match pair(calls, values) {
        Paired::Elements(elements) => elements,
        Paired::Contradiction(wrong) => return Some(Special::contradiction(ENGINE, wrong)),
        Paired::Unclear => return None,
    };
    let over = elements.over();
    let sweep = Sweep::new(&elements, &over);
    match sweep.place() {
        Placed::Nowhere(call) => {
            let wrong = explain(&elements, &over, call, values)?;
            Some(Special::contradiction(ENGINE, wrong))
        }
        Placed::At(places) if sweep.enough_takers(&places) => Some(Special::linearizable(ENGINE)),
        Placed::At(_) => None,
    }
}

/// Where dequeues may happen.
enum Placed {
    /// The moment of each call; none if there are no unknown dequeues.
    At(Vec<u32>),
    /// This call has no moment; of those the one that ends first.
    Nowhere(u32),
}

struct Sweep<'a, 'e> {
    elements: &'e Elements<'a, PriorityCall>,
    over: &'e [Over],
    moments: Moments,
    /// Elements and their enqueues, by priority.
    ranked: Vec<(Ranked, u32)>,
}

impl<'a, 'e> Sweep<'a, 'e> {
    fn new(elements: &'e Elements<'a, PriorityCall>, over: &'e [Over]) -> Self {
        let mut ranked: Vec<(Ranked, u32)> = Vec::with_capacity(over.len());
        for (number, timed) in (0u32..).zip(elements.calls) {
            if let PriorityCall::Insert(element) = timed.call
                && (!timed.is_unknown() || elements.dequeue_of(element.value) != NONE)
            {
                ranked.push((element, number));
            }
        }
        ranked.sort_unstable_by(|(a, m), (b, n)| a.cmp_priority(b).then(m.cmp(n)));
        Self { elements, over, moments: Moments::new(elements.calls), ranked }
    }

    fn place(&self) -> Placed {
        let Moments { starts, ends, count } = &self.moments;
        let mut left = Left::all(*count);
        let needs_takers = !self.elements.unknowns.is_empty();
        let mut stayed = Stayed::new(self.elements, self.over, &self.moments);
        let mut places = vec![0; if needs_takers { starts.len() } else { 0 }];
        let mut nowhere: Option<(u32, u32)> = None;
        let mut put = |left: &mut Left, call: u32, not_before: u32| {
            let at = left.first(not_before);
            let end = ends[call as usize];
            if at >= end {
                nowhere = Some(nowhere.unwrap_or((end, call)).min((end, call)));
            } else if let Some(place) = places.get_mut(call as usize) {
                *place = at;
            }
        };
        for ties in self.ranked.chunk_by(|(a, _), (b, _)| a.cmp_priority(b).is_eq()) {
            for (element, enqueue) in ties {
                let dequeue = self.elements.dequeue_of(element.value);
                if dequeue != NONE {
                    let begun = starts[dequeue as usize].max(starts[*enqueue as usize]);
                    put(&mut left, dequeue, begun);
                }
            }
            for (element, enqueue) in ties {
                let end = ends[*enqueue as usize];
                match self.elements.dequeue_of(element.value) {
                    NONE => stayed.come(end, &mut left),
                    dequeue => left.remove(end, starts[dequeue as usize]),
                }
            }
        }
        for call in &self.elements.empties {
            put(&mut left, *call, starts[*call as usize]);
        }
        nowhere.map_or(Placed::At(places), |(_, call)| Placed::Nowhere(call))
    }

    /// Whether there are enough unknown dequeues if calls happen at these moments.
    fn enough_takers(&self, places: &[u32]) -> bool {
        if self.elements.unknowns.is_empty() {
            return true;
        }
        let Moments { starts, ends, count } = &self.moments;
        // How many calls of lower priority than the present happen at each moment.
        let mut happen = vec![0u32; *count as usize + 1];
        let dequeues =
            self.ranked.iter().map(|(element, _)| self.elements.dequeue_of(element.value));
        let all = dequeues.filter(|dequeue| *dequeue != NONE);
        for call in all.chain(self.elements.empties.iter().copied()) {
            happen[places[call as usize] as usize] += 1;
        }
        let mut left = Left::all(*count);
        for (moment, calls) in (0..*count).zip(&happen) {
            if *calls == 0 {
                left.remove(moment, moment + 1);
            }
        }
        let mut due = Vec::new();
        for ties in self.ranked.chunk_by(|(a, _), (b, _)| a.cmp_priority(b).is_eq()) {
            for (element, _) in ties {
                let dequeue = self.elements.dequeue_of(element.value);
                if dequeue != NONE {
                    let at = places[dequeue as usize];
                    happen[at as usize] -= 1;
                    if happen[at as usize] == 0 {
                        left.remove(at, at + 1);
                    }
                }
            }
            for (element, enqueue) in ties {
                if self.elements.dequeue_of(element.value) == NONE {
                    let at = left.first(ends[*enqueue as usize]);
                    due.extend((at < *count).then_some(at));
                }
            }
        }
        due.sort_unstable();
        let mut takers = self.elements.unknowns.iter();
        due.iter().all(|at| takers.next().is_some_and(|call| starts[*call as usize] <= *at))
    }
}

/// What was inside at every moment of a dequeue and had to leave before it.
fn explain(
    elements: &Elements<'_, PriorityCall>,
    over: &[Over],
    call: u32,
    values: &Values,
) -> Option<Contradiction> {
    let own = elements.calls[call as usize].call.element();
    let first = |enqueue: u32| match (elements.calls[enqueue as usize].call.element(), own) {
        (Some(other), Some(own)) => other.cmp_priority(&own).is_lt(),
        _ => true,
    };
    let enqueue = own.map(|own| elements.enqueue_of(own.value));
    let begun = elements.start(call).max(enqueue.map_or(0, |enqueue| elements.start(enqueue)));
    let search = Search::new(elements, over, first);
    let mut chain = search.chain(begun, elements.end(call))?;
    chain.calls.extend(enqueue.map(|enqueue| enqueue as usize));
    chain.calls.sort_unstable();
    chain.calls.push(call as usize);
    let what = if own.is_some() { "elements that go first" } else { "elements" };
    let mut why = chain.why(elements, values, what);
    if let Some(own) = own {
        let own = values.get(own.value);
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
