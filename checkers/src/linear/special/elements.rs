//! The elements of a container: which call put each in, and which took it out.
//!
//! What holds of every container whose elements are told apart: an element leaves once, and
//! only after it came.

use super::Contradiction;
use crate::linear::model::{NEVER, Timed, Values};
use crate::linear::models::QueueCall;
use crate::words::shortened;

/// No such call.
pub(super) const NONE: u32 = u32::MAX;

/// A call on a container of elements.
pub(super) trait Handling: Copy {
    /// What it does to an element.
    fn handling(&self) -> QueueCall;
}

impl Handling for QueueCall {
    fn handling(&self) -> QueueCall {
        *self
    }
}

/// A history in which every element that was taken out came in once.
pub(super) struct Elements<'a, C> {
    /// Ordered by start.
    pub(super) calls: &'a [Timed<C>],
    /// Per value: the call that put it in, and the one that took it out, or [`NONE`].
    enqueues: Vec<u32>,
    dequeues: Vec<u32>,
    /// Calls that found nothing.
    pub(super) empties: Vec<u32>,
    /// Dequeues of unknown outcome: each may have taken one of the elements that no other
    /// dequeue took.
    pub(super) unknowns: Vec<u32>,
}

/// What can be said of a history's elements.
pub(super) enum Paired<'a, C> {
    Elements(Elements<'a, C>),
    Contradiction(Contradiction),
    /// Which dequeue took which element cannot be told: values repeat.
    Unclear,
}

/// Finds for each element what put it in and what took it out. Linear.
pub(super) fn pair<'a, C: Handling>(calls: &'a [Timed<C>], values: &Values) -> Paired<'a, C> {
    let Some((elements, again)) = Elements::read(calls) else { return Paired::Unclear };
    match elements.out_of_nothing(&again, values) {
        Some(contradiction) => Paired::Contradiction(contradiction),
        None if again.enqueued.iter().any(|value| elements.dequeue_of(*value) != NONE) => {
            Paired::Unclear
        }
        None => Paired::Elements(elements),
    }
}

/// What happened to a value more than once.
#[derive(Default)]
struct Again {
    enqueued: Vec<u32>,
    /// Values with a second dequeue.
    dequeued: Vec<(u32, u32)>,
}

impl<'a, C: Handling> Elements<'a, C> {
    /// `None` if there are calls of a kind that no client makes.
    fn read(calls: &'a [Timed<C>]) -> Option<(Self, Again)> {
        // Numbers of values are handed out one after another, so they are no larger than
        // this; the tables must not become larger than the history.
        let most = calls.len().saturating_mul(4).saturating_add(1 << 10);
        let (mut enqueues, mut dequeues) = (Vec::new(), Vec::new());
        let (mut empties, mut unknowns) = (Vec::new(), Vec::new());
        let mut again = Again::default();
        for (number, timed) in (0u32..).zip(calls) {
            match timed.call.handling() {
                QueueCall::Enqueue(value) => {
                    let place = place(&mut enqueues, value, most)?;
                    if *place == NONE { *place = number } else { again.enqueued.push(value) }
                }
                QueueCall::Dequeue(_) if timed.is_unknown() => return None,
                QueueCall::Dequeue(value) => {
                    let place = place(&mut dequeues, value, most)?;
                    let first = *place == NONE;
                    if first { *place = number } else { again.dequeued.push((value, number)) }
                }
                QueueCall::DequeueEmpty if timed.is_unknown() => {}
                QueueCall::DequeueEmpty => empties.push(number),
                QueueCall::DequeueUnknown if timed.is_unknown() => unknowns.push(number),
                QueueCall::DequeueUnknown => return None,
            }
        }
        let length = enqueues.len().max(dequeues.len());
        enqueues.resize(length, NONE);
        dequeues.resize(length, NONE);
        again.enqueued.sort_unstable();
        Some((Self { calls, enqueues, dequeues, empties, unknowns }, again))
    }

    /// An element that left without having come: never, not yet, or not once more.
    fn out_of_nothing(&self, again: &Again, values: &Values) -> Option<Contradiction> {
        for (number, timed) in (0u32..).zip(self.calls) {
            let QueueCall::Dequeue(value) = timed.call.handling() else { continue };
            let name = shortened(values.get(value));
            let enqueue = self.enqueue_of(value);
            if enqueue == NONE {
                return Some(Contradiction {
                    kind: "phantom-dequeue",
                    title: "An element that nobody put in".to_owned(),
                    calls: vec![number as usize],
                    why: format!("{name} was handed out, but no call ever put it in."),
                });
            }
            if timed.end < self.start(enqueue) {
                return Some(Contradiction {
                    kind: "future-dequeue",
                    title: "An element left before it came".to_owned(),
                    calls: vec![number as usize, enqueue as usize],
                    why: format!("{name} was handed out before anybody had begun to put it in."),
                });
            }
        }
        let once = |value: &u32| again.enqueued.binary_search(value).is_err();
        let (value, second) = *again.dequeued.iter().find(|(value, _)| once(value))?;
        let calls = [self.enqueue_of(value), self.dequeue_of(value), second];
        Some(Contradiction {
            kind: "duplicate-dequeue",
            title: "An element left twice".to_owned(),
            calls: calls.map(|number| number as usize).to_vec(),
            why: format!("{} was put in once, and handed out twice.", shortened(values.get(value))),
        })
    }

    /// The call that put this value in, or [`NONE`].
    pub(super) fn enqueue_of(&self, value: u32) -> u32 {
        self.enqueues.get(value as usize).copied().unwrap_or(NONE)
    }

    /// The call that took this value out, or [`NONE`].
    pub(super) fn dequeue_of(&self, value: u32) -> u32 {
        self.dequeues.get(value as usize).copied().unwrap_or(NONE)
    }

    pub(super) fn start(&self, call: u32) -> u32 {
        self.calls[call as usize].start
    }

    pub(super) fn end(&self, call: u32) -> u32 {
        self.calls[call as usize].end
    }

    /// The enqueues that certainly happened and were over at some time, with that time; in
    /// the order in which they were over.
    ///
    /// An enqueue of unknown outcome that nobody saw is left out: whatever order has it is
    /// still right without it, and then nobody had to take it out either.
    pub(super) fn over(&self) -> Vec<Over> {
        let mut over: Vec<Over> = Vec::with_capacity(self.calls.len() / 2);
        for (number, timed) in (0u32..).zip(self.calls) {
            if timed.end != NEVER && matches!(timed.call.handling(), QueueCall::Enqueue(_)) {
                over.push(Over { end: timed.end, enqueue: number });
            }
        }
        over.sort_unstable();
        over
    }

    /// The call that took out what this enqueue put in, or [`NONE`].
    pub(super) fn dequeue_after(&self, enqueue: u32) -> u32 {
        match self.calls[enqueue as usize].call.handling() {
            QueueCall::Enqueue(value) => self.dequeue_of(value),
            _ => NONE,
        }
    }

    /// The value that this call put in or took out.
    pub(super) fn value(&self, call: u32) -> u32 {
        match self.calls[call as usize].call.handling() {
            QueueCall::Enqueue(value) | QueueCall::Dequeue(value) => value,
            QueueCall::DequeueEmpty | QueueCall::DequeueUnknown => NONE,
        }
    }
}

/// An enqueue and when it was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Over {
    pub(super) end: u32,
    pub(super) enqueue: u32,
}

fn place(table: &mut Vec<u32>, value: u32, most: usize) -> Option<&mut u32> {
    let value = value as usize;
    if value >= most {
        return None;
    }
    if value >= table.len() {
        table.resize(value + 1, NONE);
    }
    table.get_mut(value)
}
