//! What is wrong with the history of a stack, in few calls.

use std::fmt::Write;

use super::peel::{Component, Peel};
use super::spans::{Span, Timeline};
use super::{Calls, Flaw};
use crate::linear::model::{NEVER, Values};
use crate::linear::models::StackCall;
use crate::linear::special::Contradiction;

/// How many values a sentence names.
const MAX_NAMED: usize = 6;

pub(super) struct Proof<'c> {
    pub(super) calls: Calls<'c>,
    pub(super) values: &'c Values,
}

impl Proof<'_> {
    /// The value that a call is about, as its reader knows it.
    fn value(&self, call: u32) -> String {
        match self.calls[call as usize].call {
            StackCall::Push(value) | StackCall::Pop(value) => self.values.get(value).to_string(),
            StackCall::PopEmpty | StackCall::PopUnknown => "nothing".to_owned(),
        }
    }

    fn contradiction(
        &self,
        kind: &'static str,
        title: &str,
        calls: &[u32],
        why: String,
    ) -> Contradiction {
        let mut calls: Vec<usize> = calls.iter().map(|number| *number as usize).collect();
        calls.sort_by_key(|number| self.calls[*number].start);
        Contradiction { kind, title: title.to_owned(), calls, why }
    }

    pub(super) fn phantom_pop(&self, pop: u32) -> Contradiction {
        let why = format!("{} was popped, but never pushed.", self.value(pop));
        self.contradiction("phantom-pop", "A value was popped that nobody pushed", &[pop], why)
    }

    pub(super) fn future_pop(&self, push: u32, pop: u32) -> Contradiction {
        let why =
            format!("The pop of {} had ended before the only push of it began.", self.value(pop));
        let title = "A value was popped before it was pushed";
        self.contradiction("future-pop", title, &[pop, push], why)
    }

    /// `push` is [`NEVER`] if there is none.
    pub(super) fn duplicate_pop(&self, push: u32, pop: u32, again: u32) -> Contradiction {
        if push == NEVER {
            return self.phantom_pop(pop);
        }
        let value = self.value(pop);
        let why = format!("{value} was pushed once and popped twice.");
        let title = "A value was popped twice";
        self.contradiction("duplicate-pop", title, &[push, pop, again], why)
    }

    pub(super) fn of(&self, time: &Timeline, flaw: Flaw<'_>) -> Contradiction {
        match flaw {
            Flaw::Empty(number) => self.false_empty(time, number),
            Flaw::Bottomless(peel, component) => self.bottomless(time, &peel, &component),
        }
    }

    /// `contradiction` is there even if pops of unknown outcome removed as many values as they
    /// can have removed in time, which is `pops`.
    pub(super) fn in_spite_of_unknown(
        &self,
        mut contradiction: Contradiction,
        pops: usize,
    ) -> Contradiction {
        let also = match pops {
            0 => " No pop of unknown outcome began in time to have removed it.".to_owned(),
            1 => " The one pop of unknown outcome that began in time to have removed it cannot \
                  have removed all that was in the way by then."
                .to_owned(),
            _ => format!(
                " The {pops} pops of unknown outcome that began in time to have removed it \
                 cannot have removed all that was in the way by then."
            ),
        };
        contradiction.why.push_str(&also);
        contradiction
    }

    fn false_empty(&self, time: &Timeline, empty: u32) -> Contradiction {
        let timed = &self.calls[empty as usize];
        let mut chain = Chain::new(&time.spans, timed.start);
        while chain.reaches() < timed.end && chain.extend() {}
        let mut numbers = self.numbers(&chain.links);
        numbers.push(empty);
        let why = match &chain.links[..] {
            [only] if only.stays() => format!(
                "{} had been pushed before the pop began and nothing ever popped it, so the \
                 stack was not empty.",
                self.value(only.push)
            ),
            [only] => format!(
                "{} had been pushed before the pop began and was popped only after the pop had \
                 ended, so the stack was not empty.",
                self.value(only.push)
            ),
            links => format!(
                "While the pop lasted there was always something on the stack: each of {} was \
                 pushed before the one before it was popped.",
                self.names(links)
            ),
        };
        let title = "The stack was said to be empty when it was not";
        self.contradiction("false-empty", title, &numbers, why)
    }

    fn bottomless(&self, time: &Timeline, peel: &Peel<'_>, component: &Component) -> Contradiction {
        let ranks = component.first..component.until;
        let left: Vec<Span> = ranks
            .filter(|rank| !peel.is_removed(*rank))
            .map(|rank| time.spans[rank as usize])
            .collect();
        let title = "Values left the stack in another order than last in, first out";
        if let Some((below, above)) = inversion(&left) {
            let numbers = self.numbers(&[below, above]);
            let why = self.why_inverted(&below, &above);
            return self.contradiction("lifo-inversion", title, &numbers, why);
        }
        let start = left.first().map_or(0, |span| span.push_end);
        let mut chain = Chain::new(&left, start);
        while chain.extend() && has_bottom(&chain.links) {}
        let mut links = &chain.links[..];
        while links.len() > 1 && !has_bottom(&links[1..]) {
            links = &links[1..];
        }
        let why = self.why_bottomless(links);
        self.contradiction("lifo-inversion", title, &self.numbers(links), why)
    }

    fn why_inverted(&self, below: &Span, above: &Span) -> String {
        let (low, high) = (self.value(below.push), self.value(above.push));
        let then = if above.stays() {
            "nothing ever popped it".to_owned()
        } else {
            format!("its pop began only after that of {low} had ended")
        };
        format!(
            "{high} was pushed after {low} and before {low} was popped, so it lay above {low} \
             and had to leave first; but {then}."
        )
    }

    fn why_bottomless(&self, links: &[Span]) -> String {
        let [first, .., last] = links else { return String::new() };
        let until = if last.stays() {
            "for ever after".to_owned()
        } else {
            format!("until the pop of {} began", self.value(last.push))
        };
        format!(
            "From the end of the push of {first} {until} there was always one of {names} on the \
             stack, so one of them was at the bottom all that time. But each of them was pushed \
             only after the push of {first} had ended, or popped before that.",
            first = self.value(first.push),
            names = self.names(links),
        )
    }

    /// "3, 4 and 5".
    fn names(&self, links: &[Span]) -> String {
        let mut text = String::new();
        for (place, link) in links.iter().take(MAX_NAMED).enumerate() {
            let last = place + 1 == links.len();
            let between = if place == 0 {
                ""
            } else if last {
                " and "
            } else {
                ", "
            };
            let _ = write!(text, "{between}{}", self.value(link.push));
        }
        if links.len() > MAX_NAMED {
            let _ = write!(text, " and {} more", links.len() - MAX_NAMED);
        }
        text
    }

    fn numbers(&self, links: &[Span]) -> Vec<u32> {
        let both = links.iter().flat_map(|link| [link.push, link.pop]);
        both.filter(|number| *number != NEVER).collect()
    }
}

/// Whether one of these values can lie below all others, given that there is always one of
/// them on the stack.
fn has_bottom(links: &[Span]) -> bool {
    let start = links.iter().map(|link| link.push_end).min().unwrap_or(NEVER);
    let end = links.iter().map(|link| link.pop_start).max().unwrap_or(0);
    links.iter().any(|link| link.push_start < start && link.pop_end >= end)
}

/// Values of which each is certainly on the stack before the one before it can have left.
struct Chain<'s> {
    /// By the ends of their pushes.
    spans: &'s [Span],
    next: usize,
    start: u32,
    links: Vec<Span>,
}

impl<'s> Chain<'s> {
    fn new(spans: &'s [Span], start: u32) -> Self {
        Self { spans, next: 0, start, links: Vec::new() }
    }

    /// Until when one of the values is certainly on the stack.
    fn reaches(&self) -> u32 {
        self.links.last().map_or(self.start, |link| link.pop_start)
    }

    /// Adds the value that stays longest; whether there was one. So no shorter chain reaches
    /// as far.
    fn extend(&mut self) -> bool {
        let reaches = self.reaches();
        let mut best: Option<Span> = None;
        while let Some(span) = self.spans.get(self.next)
            && span.push_end <= reaches
        {
            if best.is_none_or(|best| span.pop_start > best.pop_start) {
                best = Some(*span);
            }
            self.next += 1;
        }
        let Some(best) = best.filter(|best| best.pop_start > reaches) else { return false };
        self.links.push(best);
        true
    }
}

/// Two values of which one was certainly pushed onto the other and popped after it. Of all
/// that were wrongly popped, the one whose pop ended first. n log n.
fn inversion(spans: &[Span]) -> Option<(Span, Span)> {
    let mut by_start: Vec<u32> = (0..spans.len() as u32).collect();
    by_start.sort_unstable_by_key(|place| spans[*place as usize].push_start);
    // Among the spans whose push began late enough, by place, the one popped last; as prefix
    // maxima in a Fenwick tree (Fenwick, SPE 1994).
    let mut latest: Vec<Option<u32>> = vec![None; spans.len() + 1];
    let pop_start = |place: Option<u32>| place.map_or(0, |place| spans[place as usize].pop_start);
    let mut found: Option<(Span, Span)> = None;
    for below in spans.iter().rev() {
        while let Some(place) =
            by_start.pop_if(|place| spans[*place as usize].push_start > below.push_end)
        {
            let mut node = place as usize + 1;
            while node < latest.len() {
                if latest[node].is_none() || pop_start(latest[node]) < pop_start(Some(place)) {
                    latest[node] = Some(place);
                }
                node += node & node.wrapping_neg();
            }
        }
        let mut node = spans.partition_point(|above| above.push_end < below.pop_start);
        let mut above = None;
        while node > 0 {
            if pop_start(latest[node]) > pop_start(above) {
                above = latest[node];
            }
            node &= node - 1;
        }
        if let Some(above) = above.map(|place| spans[place as usize])
            && above.pop_start > below.pop_end
            && found.is_none_or(|(found, _)| below.pop_end < found.pop_end)
        {
            found = Some((*below, above));
        }
    }
    found
}
