//! First-in-first-out and unordered queues of distinct elements, n log n.
//!
//! Henzinger, Sezgin & Vafeiadis, *Aspect-oriented linearizability proofs* (CONCUR 2013,
//! section 3): a complete history of a queue whose elements are distinct is linearizable unless
//! an element leaves that never came, leaves twice, or leaves before it comes; two elements come
//! in one order and leave in the other; or a dequeue finds nothing while something is inside at
//! every moment of it. The last has to be said of all elements together: one may come before
//! the one before it goes, and so on.
//!
//! Calls of unknown outcome, which that theorem leaves out:
//! - An enqueue happened if somebody dequeued its element; otherwise it may be dropped.
//! - A dequeue took one of the elements that no known dequeue took, or nothing. Let those be
//!   ordered by the ends of their enqueues. An element has to leave in time: before the first
//!   end of the dequeue of an element that surely came later. These times ascend in that order,
//!   so the elements can be given to the unknown dequeues one after another, the earliest begun
//!   first, and if that fails at some element then every way does (Hall's condition). A dequeue
//!   that finds nothing at a moment needs that all elements come by then have left, no more than
//!   unknown dequeues had begun. What has to have left by some time is always a first part of
//!   that order, so of several demands the largest is all of them, and each such dequeue can
//!   choose its moment without regard to the others.
//!
//! An unordered queue is the same without the order.

use super::elements::{Elements, Handling, NONE, Over, Paired, pair};
use super::inside::{Search, takers};
use super::{Contradiction, Special};
use crate::linear::model::{Timed, Values};
use crate::linear::models::QueueCall;
use crate::words::shortened;

/// Of how many wrong empty dequeues the one with the shortest proof is told.
const COMPARED: usize = 8;
/// The most elements that stayed which a proof lists all of.
const MOST_STAYED: usize = 5;

/// Decides linearizability of a first-in-first-out queue; `None` if values repeat. Exact.
///
/// Cost: a sort of the ends of enqueues, everything else is linear; 12 bytes a call.
pub(in crate::linear) fn fifo_queue(
    calls: &[Timed<QueueCall>],
    values: &Values,
) -> Option<Special> {
    decide("fifo-queue", calls, values, &|elements, over| {
        inversion(elements, over, values).or_else(|| overtaken(elements, over, values))
    })
}

/// Decides linearizability of an unordered queue; `None` if values repeat. Exact. Cost as
/// above.
pub(in crate::linear) fn unordered_queue(
    calls: &[Timed<QueueCall>],
    values: &Values,
) -> Option<Special> {
    decide("unordered-queue", calls, values, &|_, _| None)
}

type Ordered<'o> = dyn Fn(&Elements<'_, QueueCall>, &[Over]) -> Option<Contradiction> + 'o;

fn decide(
    engine: &'static str,
    calls: &[Timed<QueueCall>],
    values: &Values,
    ordered: &Ordered<'_>,
) -> Option<Special> {
    let elements = match pair(calls, values) {
        Paired::Elements(elements) => elements,
        Paired::Contradiction(wrong) => return Some(Special::contradiction(engine, wrong)),
        Paired::Unclear => return None,
    };
    let over = elements.over();
    if let Some(wrong) = ordered(&elements, &over) {
        return Some(Special::contradiction(engine, wrong));
    }
    let wrong = false_empties(&elements, &over);
    if wrong.is_empty() {
        return Some(Special::linearizable(engine));
    }
    let wrong = explain_empty(&elements, &over, &wrong, values)?;
    Some(Special::contradiction(engine, wrong))
}

/// Two elements that came in one order and left in the other. Linear.
fn inversion(
    elements: &Elements<'_, QueueCall>,
    over: &[Over],
    values: &Values,
) -> Option<Contradiction> {
    let mut over = over.iter().peekable();
    // Of the elements that had come, the one whose dequeue begins last.
    let mut last = (0, NONE, NONE);
    for (enqueue, timed) in (0u32..).zip(elements.calls) {
        let QueueCall::Enqueue(value) = timed.call else { continue };
        while let Some(earlier) = over.next_if(|over| over.end < timed.start) {
            let dequeue = elements.dequeue_after(earlier.enqueue);
            if dequeue != NONE {
                last = last.max((elements.start(dequeue), dequeue, earlier.enqueue));
            }
        }
        let dequeue = elements.dequeue_of(value);
        if dequeue == NONE || last.1 == NONE || last.0 < elements.end(dequeue) {
            continue;
        }
        let (_, late, first) = last;
        let [a, b] = [first, enqueue].map(|call| shortened(values.get(elements.value(call))));
        return Some(Contradiction {
            kind: "fifo-inversion",
            title: "Elements left the queue in another order than they came".to_owned(),
            calls: [first, enqueue, dequeue, late].map(|call| call as usize).to_vec(),
            why: format!(
                "{a} had been enqueued before anybody began to enqueue {b}, so {a} had to leave \
                 first; but {b} had left before anybody began to dequeue {a}."
            ),
        });
    }
    None
}

/// An element that a later one overtook, though no dequeue can have taken it. Linear.
fn overtaken(
    elements: &Elements<'_, QueueCall>,
    over: &[Over],
    values: &Values,
) -> Option<Contradiction> {
    let stayed: Vec<Over> =
        over.iter().copied().filter(|over| elements.dequeue_after(over.enqueue) == NONE).collect();
    let mut calls = (0..elements.calls.len() as u32).zip(elements.calls).rev().peekable();
    // Of the elements that surely came later, the first that has left: when, and its calls.
    let mut first = (u32::MAX, NONE, NONE);
    let mut wrong = None;
    for (place, over) in stayed.iter().enumerate().rev() {
        while let Some((number, timed)) = calls.next_if(|(_, timed)| timed.start > over.end) {
            if let QueueCall::Enqueue(value) = timed.call
                && let dequeue = elements.dequeue_of(value)
                && dequeue != NONE
            {
                first = first.min((elements.end(dequeue), number, dequeue));
            }
        }
        let taker = elements.unknowns.get(place);
        if first.1 != NONE && taker.is_none_or(|call| elements.start(*call) > first.0) {
            wrong = Some((place, first.1, first.2));
        }
    }
    let (place, enqueue, dequeue) = wrong?;
    let later = shortened(values.get(elements.value(enqueue)));
    let mut why = if place == 0 {
        let earlier = shortened(values.get(elements.value(stayed[0].enqueue)));
        format!(
            "{earlier} had been enqueued before anybody began to enqueue {later}, so {earlier} \
             had to leave first; but {later} left, and nobody ever dequeued {earlier}: it is lost \
             or was overtaken."
        )
    } else {
        format!(
            "{} elements that no known dequeue took had been enqueued before anybody began to \
             enqueue {later}, so they had to leave before {later} did; but when it had left, \
             only {} had begun that can have taken them.",
            place + 1,
            takers(place)
        )
    };
    let mut skipped = 0;
    if place >= MOST_STAYED {
        why += " Only the last is listed.";
        skipped = place;
    }
    let stayed = stayed[skipped..=place].iter().map(|over| over.enqueue);
    let mut calls: Vec<u32> = stayed.chain([enqueue, dequeue]).collect();
    calls.extend(&elements.unknowns[skipped..place]);
    calls.sort_unstable();
    Some(Contradiction {
        kind: "lost-element",
        title: "An element never left, though a later one did".to_owned(),
        calls: calls.into_iter().map(|call| call as usize).collect(),
        why,
    })
}

/// Dequeues that found nothing though something was inside all the while. Linear.
fn false_empties(elements: &Elements<'_, QueueCall>, over: &[Over]) -> Vec<u32> {
    if elements.empties.is_empty() {
        return Vec::new();
    }
    let mut moments = empty_moments(elements, over).into_iter().peekable();
    let is_wrong = |call: &u32| {
        let (start, end) = (elements.start(*call), elements.end(*call));
        while moments.next_if(|(_, to)| *to <= start).is_some() {}
        moments.peek().is_none_or(|(from, _)| *from >= end)
    };
    elements.empties.iter().copied().filter(is_wrong).collect()
}

/// The shortest proof that one of the first of these dequeues cannot have found nothing.
fn explain_empty(
    elements: &Elements<'_, QueueCall>,
    over: &[Over],
    wrong: &[u32],
    values: &Values,
) -> Option<Contradiction> {
    let search = Search::new(elements, over, |_| true);
    let chains = wrong.iter().take(COMPARED).filter_map(|call| {
        let chain = search.chain(elements.start(*call), elements.end(*call))?;
        Some((*call, chain))
    });
    let (call, mut chain) = chains.min_by_key(|(_, chain)| chain.calls.len())?;
    let (kind, title) = if chain.is_of_stayed() {
        ("lost-element", "The queue was empty, but an element had never left")
    } else {
        ("false-empty", "A dequeue found nothing, though the queue was never empty")
    };
    let why = chain.why(elements, values, "elements");
    chain.calls.push(call as usize);
    Some(Contradiction { kind, title: title.to_owned(), calls: chain.calls, why })
}

/// The moments at which nothing has to be inside, as intervals in order. Linear.
fn empty_moments<C: Handling>(elements: &Elements<'_, C>, over: &[Over]) -> Vec<(u32, u32)> {
    let surely = |enqueue: u32, dequeue: u32| elements.end(enqueue) < elements.start(dequeue);
    let mut comings = over.iter().peekable();
    let mut goings = elements.calls.iter().filter_map(|timed| {
        let QueueCall::Dequeue(value) = timed.call.handling() else { return None };
        let (enqueue, dequeue) = (elements.enqueue_of(value), elements.dequeue_of(value));
        surely(enqueue, dequeue).then_some(timed.start)
    });
    let mut going = goings.next().unwrap_or(u32::MAX);
    let mut takers = elements.unknowns.iter().map(|call| elements.start(*call)).peekable();
    // Elements inside that a known dequeue will take; those that none will; unknown dequeues.
    let (mut held, mut stayed, mut begun) = (0u32, 0u32, 0u32);
    let (mut moments, mut since) = (Vec::new(), Some(0));
    loop {
        let coming = comings.peek().map_or(u32::MAX, |over| over.end);
        let taker = takers.peek().copied().unwrap_or(u32::MAX);
        let at = coming.min(going).min(taker);
        if at == u32::MAX {
            break;
        }
        if at == coming {
            let enqueue = comings.next().map_or(NONE, |over| over.enqueue);
            match elements.dequeue_after(enqueue) {
                NONE => stayed += 1,
                dequeue if surely(enqueue, dequeue) => held += 1,
                _ => {}
            }
        } else if at == going {
            held = held.saturating_sub(1);
            going = goings.next().unwrap_or(u32::MAX);
        } else {
            begun += 1;
            takers.next();
        }
        match (held == 0 && stayed <= begun, since) {
            (true, None) => since = Some(at),
            (false, Some(from)) => {
                moments.push((from, at));
                since = None;
            }
            _ => {}
        }
    }
    moments.extend(since.map(|from| (from, u32::MAX)));
    moments
}
