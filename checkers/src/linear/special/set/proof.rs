//! What is wrong with the history of a set, in few calls.

use super::Calls;
use super::element::{Effect, Judge, Op, Verdict};
use super::reads::Window;
use crate::linear::model::{NEVER, Values};
use crate::linear::models::SetCall;
use crate::linear::special::Contradiction;

/// Of more operations than this no single ones are left out.
const MAX_TRIED: usize = 64;

pub(super) struct Proof<'c> {
    pub(super) calls: Calls<'c>,
    pub(super) values: &'c Values,
}

impl Proof<'_> {
    fn contradiction(
        &self,
        kind: &'static str,
        title: String,
        numbers: &[u32],
        why: String,
    ) -> Contradiction {
        let mut calls: Vec<usize> = numbers.iter().map(|number| *number as usize).collect();
        calls.sort_by_key(|number| self.calls[*number].start);
        calls.dedup();
        Contradiction { kind, title, calls, why }
    }

    fn name(&self, element: u32) -> String {
        self.values.get(element).to_string()
    }

    /// `ops` are all on this element, and the one in `place` is where it cannot go on.
    pub(super) fn of_element(&self, element: u32, ops: &[Op], place: usize) -> Contradiction {
        let last = ops[place];
        let name = self.name(element);
        // What it needed: that the element is there, or that it is not.
        let needed = match last.effect {
            Effect::See(state) => state,
            Effect::Flip(after) | Effect::Set(after) | Effect::Maybe(after) => !after,
        };
        let first_add = ops.iter().find(|op| op.effect.leaves() == Some(true));
        match first_add {
            None if needed => return self.phantom(element, last.number),
            Some(add) if needed && add.start > last.end => {
                return self.too_early(element, add.number, last.number);
            }
            _ => {}
        }
        let core = core(ops, &last, needed);
        let numbers: Vec<u32> = core.iter().map(|op| op.number).collect();
        let brief = core.len() == 2;
        let flips = matches!(last.effect, Effect::Flip(_));
        let (kind, title, why) = match (needed, flips) {
            (true, true) => (
                "duplicate-remove",
                format!("Element {name} was removed more often than it was added"),
                format!(
                    "Each of these removes took {name} out of the set, and there are too few \
                     adds before them that can have put it there."
                ),
            ),
            (false, true) if brief => (
                "duplicate-add",
                format!("Element {name} was new to the set twice"),
                format!(
                    "{name} was in the set before the second add began, and no remove that can \
                     have taken it out had begun before that add ended; so it was not new."
                ),
            ),
            (false, true) => (
                "duplicate-add",
                format!("Element {name} was new to the set more often than it was removed"),
                format!(
                    "Each of these adds found {name} new, and there are too few removes between \
                     them that can have taken it out."
                ),
            ),
            (true, false) => (
                "stale-read",
                format!("Element {name} was seen in the set after it had been removed"),
                format!(
                    "{name} had been removed, and no add that can have put it back had begun \
                     when the last of these calls ended, which saw it."
                ),
            ),
            (false, false) => {
                let again = ops.iter().any(|op| shows(op) && op.end > last.end);
                self.missing(&name, again)
            }
        };
        self.contradiction(kind, title, &numbers, why)
    }

    /// Kind, title and reason when an element is not seen that should be there.
    fn missing(&self, name: &str, again: bool) -> (&'static str, String, String) {
        let why = format!(
            "{name} was in the set before the last of these calls began, and no remove that can \
             have taken it out had begun when that call ended, which did not see it."
        );
        if again {
            return ("stale-read", format!("Element {name} was missing for a while"), why);
        }
        ("lost-element", format!("Element {name} was lost"), why)
    }

    pub(super) fn phantom(&self, element: u32, seen: u32) -> Contradiction {
        let name = self.name(element);
        let title = format!("Element {name} was in the set though nobody added it");
        let why = format!("{name} was seen in the set, and no call tried to add it.");
        self.contradiction("phantom-element", title, &[seen], why)
    }

    fn too_early(&self, element: u32, add: u32, seen: u32) -> Contradiction {
        let name = self.name(element);
        let title = format!("Element {name} was in the set before it was added");
        let why = format!(
            "{name} was seen in the set by a call that had ended before the first add of {name} \
             began."
        );
        self.contradiction("future-element", title, &[seen, add], why)
    }

    pub(super) fn listed_twice(&self, read: u32, element: u32) -> Contradiction {
        let name = self.name(element);
        let title = format!("Element {name} was in the set twice");
        let why = format!("One read lists {name} twice, and a set has an element once.");
        self.contradiction("duplicate-element", title, &[read], why)
    }

    /// Two reads of which each has an element that the other one lacks.
    pub(super) fn incompatible(&self, one: u32, other: u32) -> Contradiction {
        let only_in = |here: u32, there: u32| {
            let there = self.elements(there);
            let mut only = self.elements(here).iter().filter(|e| there.binary_search(e).is_err());
            only.next().map_or_else(String::new, |element| self.name(*element))
        };
        let (a, b) = (only_in(one, other), only_in(other, one));
        let title = "Two reads of the set contradict each other".to_owned();
        let why = format!(
            "One read has {a} and not {b}, the other has {b} and not {a}; but nothing was ever \
             removed, so whichever came later has all that the other one has."
        );
        self.contradiction("incompatible-reads", title, &[one, other], why)
    }

    /// `a` was added after `b`, by their windows, but a read has `a` and not `b`.
    pub(super) fn crossed(&self, a: &Window, b: (u32, &Window), read: u32) -> Contradiction {
        let (b, window) = b;
        let (kind, title, _) = self.missing(&self.name(b), self.seen_later(b, read));
        let why = format!(
            "{b} was in the set before that which the read has was added, nothing was ever \
             removed, and the read does not have {b}.",
            b = self.name(b),
        );
        self.contradiction(kind, title, &[window.until_call, a.from_call, read], why)
    }

    /// A read has an element that was added only later.
    pub(super) fn read_too_early(&self, element: u32, window: &Window, read: u32) -> Contradiction {
        let from = &self.calls[window.from_call as usize].call;
        if matches!(from, SetCall::Add(..)) && !matches!(from, SetCall::Add(_, Some(false))) {
            return self.too_early(element, window.from_call, read);
        }
        let (kind, title, why) = self.missing(&self.name(element), false);
        self.contradiction(kind, title, &[read, window.from_call], why)
    }

    /// A read does not have an element that was there before it began.
    pub(super) fn missed(&self, element: u32, window: &Window, read: u32) -> Contradiction {
        let (kind, title, why) = self.missing(&self.name(element), self.seen_later(element, read));
        self.contradiction(kind, title, &[window.until_call, read], why)
    }

    /// The read of more elements had ended before the one of fewer began.
    pub(super) fn shrunk(&self, small: u32, large: u32) -> Contradiction {
        let there = self.elements(small);
        let lost = self.elements(large).iter().find(|e| there.binary_search(e).is_err());
        let lost = lost.copied().unwrap_or(NEVER);
        let (kind, title, why) = self.missing(&self.name(lost), self.seen_later(lost, small));
        self.contradiction(kind, title, &[large, small], why)
    }

    fn elements(&self, read: u32) -> &[u32] {
        match &self.calls[read as usize].call {
            SetCall::Read(elements) => elements,
            _ => &[],
        }
    }

    /// Whether a call that ended after this read saw the element.
    fn seen_later(&self, element: u32, read: u32) -> bool {
        let end = self.calls[read as usize].end;
        self.calls.iter().any(|timed| {
            timed.end > end
                && !timed.is_unknown()
                && match &timed.call {
                    SetCall::Read(elements) => elements.binary_search(&element).is_ok(),
                    SetCall::Contains(of, true)
                    | SetCall::Add(of, Some(false))
                    | SetCall::Remove(of, Some(true)) => *of == element,
                    _ => false,
                }
        })
    }
}

/// Whether an operation shows that the element is there.
fn shows(op: &Op) -> bool {
    matches!(op.effect, Effect::See(true) | Effect::Flip(false))
}

/// The operations, out of all on an element, which leave no way to end `last`.
///
/// What came before a quiet time goes, and so do reads that are not needed. Changes stay: only
/// with all of them can it be seen that none is left over.
fn core(ops: &[Op], last: &Op, needed: bool) -> Vec<Op> {
    let mut judge = Judge::default();
    let mut holds = |ops: &[Op]| matches!(judge.judge(ops), Verdict::Stuck(_));
    let before: Vec<Op> = ops.iter().filter(|op| op.start < last.end).copied().collect();
    for core in cuts(&before, last, needed) {
        if !holds(&core) {
            continue;
        }
        let changes = |op: &Op| op.effect.leaves().is_some() || op.number == last.number;
        let mut short: Vec<Op> = core.iter().filter(|op| changes(op)).copied().collect();
        if holds(&short) {
            return short;
        }
        short = core;
        let mut place = 0;
        while short.len() <= MAX_TRIED && place < short.len() {
            let op = short.remove(place);
            if changes(&op) || !holds(&short) {
                short.insert(place, op);
                place += 1;
            }
        }
        return short;
    }
    before
}

/// What may be enough to tell, the best first: the operations after the last time at which
/// nothing was going on that changes the element, and those before that say what it was then.
fn cuts(ops: &[Op], last: &Op, needed: bool) -> Vec<Vec<Op>> {
    let mut cuts = Vec::new();
    let changes = ops.iter().filter(|op| op.effect.leaves().is_some() && op.start < last.start);
    let (mut quiet, mut busy) = (0, 0);
    for op in changes {
        if op.start > busy {
            quiet = busy;
        }
        busy = busy.max(op.end);
    }
    if busy < last.start {
        quiet = busy;
    }
    let past: Vec<Op> = ops.iter().filter(|op| op.end <= quiet).copied().collect();
    let recent: Vec<Op> =
        ops.iter().filter(|op| op.start >= quiet || op.number == last.number).copied().collect();
    if let Verdict::Fine { absent, present } = Judge::default().judge(&past)
        && absent != present
    {
        let latest = |after: bool| {
            let of_kind = past.iter().filter(move |op| op.effect.leaves() == Some(after));
            of_kind.max_by_key(|op| op.end).copied()
        };
        let with = |first: &[Option<Op>]| {
            let mut all: Vec<Op> = first.iter().flatten().copied().collect();
            all.sort_by_key(|op| op.start);
            all.extend(&recent);
            all
        };
        if present {
            cuts.push(with(&[latest(true)]));
        } else {
            if needed {
                // That it is not there needs no proof, but it is told better with its removal.
                cuts.push(with(&[latest(true), latest(false)]));
            }
            cuts.push(with(&[]));
        }
    }
    cuts.push(ops.to_vec());
    cuts
}
