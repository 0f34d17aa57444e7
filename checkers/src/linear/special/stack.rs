//! Stacks whose values are distinct: n log n.
//!
//! A value whose push and pop may touch proves nothing and is left out. What remains is taken
//! apart from the bottom up, see [`peel`]; a pop that found nothing needs a moment at which no
//! value is certainly on the stack. Values that stay are popped at the end of time, in any
//! order. A push of unknown outcome happened if its value was popped, and does not matter
//! otherwise. Pops of unknown outcome are the subject of [`unknown`].

mod cover;
mod peel;
mod proof;
mod reach;
mod spans;
mod unknown;

use super::{Contradiction, Special};
use crate::linear::model::{NEVER, Timed, Values};
use crate::linear::models::StackCall;
use peel::{Component, Peel};
use proof::Proof;
use spans::{Span, Timeline, bare_times};

const ENGINE: &str = "stack";

type Calls<'c> = &'c [Timed<StackCall>];

/// Decides whether calls, ordered by start, are those of a stack. `None` if a value was pushed
/// twice, or if it depends on which pop of unknown outcome removed which value in a way that
/// was not settled.
pub(in crate::linear) fn decide(calls: Calls<'_>, values: &Values) -> Option<Special> {
    let proof = Proof { calls, values };
    Some(match read(&proof)? {
        Err(contradiction) => Special::contradiction(ENGINE, contradiction),
        Ok(reading) => match reading.judge(&proof)? {
            None => Special::linearizable(ENGINE),
            Some(contradiction) => Special::contradiction(ENGINE, contradiction),
        },
    })
}

/// What calls come down to.
#[derive(Default)]
struct Reading {
    /// Values that may not be brief, by the start of their pushes.
    spans: Vec<Span>,
    /// Numbers of pops that found nothing.
    empties: Vec<u32>,
    /// Starts of pops of unknown outcome, ascending.
    unknown: Vec<u32>,
}

impl Reading {
    /// `None` if undecided.
    fn judge(&self, proof: &Proof<'_>) -> Option<Option<Contradiction>> {
        if self.unknown.is_empty() || !self.spans.iter().any(Span::stays) {
            let time = Timeline::new(&self.spans);
            return Some(flaw(&time, &self.empties, proof.calls).map(|flaw| proof.of(&time, flaw)));
        }
        unknown::judge(self, proof)
    }
}

/// What a history of known outcomes has that a stack does not.
enum Flaw<'t> {
    /// A pop, by number, that found nothing though there was something.
    Empty(u32),
    /// A component without a bottom.
    Bottomless(Peel<'t>, Component),
}

fn flaw<'t>(time: &'t Timeline, empties: &[u32], calls: Calls<'_>) -> Option<Flaw<'t>> {
    let mut bare = bare_times(time.spans.iter()).peekable();
    for number in empties {
        let Timed { start, end, .. } = calls[*number as usize];
        while bare.next_if(|(_, until)| *until < start).is_some() {}
        if bare.peek().is_none_or(|(since, _)| *since > end) {
            return Some(Flaw::Empty(*number));
        }
    }
    let mut peel = Peel::new(time);
    let stuck = peel.run().err()?;
    Some(Flaw::Bottomless(peel, stuck))
}

/// Finds the push and the pop of each value. `None` if the engine does not apply.
fn read(proof: &Proof<'_>) -> Option<Result<Reading, Contradiction>> {
    let calls = proof.calls;
    let ends = Ends::of(calls)?;
    if let Some((value, again)) = ends.popped_twice {
        let (push, pop) = (ends.pushes[value as usize], ends.pops[value as usize]);
        return Some(Err(proof.duplicate_pop(push, pop, again)));
    }
    let mut reading = Reading { spans: Vec::with_capacity(calls.len() / 2), ..Reading::default() };
    for (number, timed) in (0u32..).zip(calls) {
        match timed.call {
            StackCall::PopEmpty if timed.is_unknown() => {}
            StackCall::PopEmpty => reading.empties.push(number),
            StackCall::PopUnknown => reading.unknown.push(timed.start),
            StackCall::Pop(value) => {
                let push = ends.pushes[value as usize];
                if push == NEVER {
                    return Some(Err(proof.phantom_pop(number)));
                }
                if timed.end < calls[push as usize].start {
                    return Some(Err(proof.future_pop(push, number)));
                }
            }
            StackCall::Push(value) => {
                let pop = ends.pops[value as usize];
                let popped = calls.get(pop as usize);
                let span = Span {
                    push_start: timed.start,
                    push_end: timed.end,
                    pop_start: popped.map_or(NEVER, |pop| pop.start),
                    pop_end: popped.map_or(NEVER, |pop| pop.end),
                    push: number,
                    pop,
                };
                if !timed.is_unknown() && !span.may_be_brief() {
                    reading.spans.push(span);
                }
            }
        }
    }
    Some(Ok(reading))
}

/// The first and last call on each value.
struct Ends {
    /// By value, the number of its push; [`NEVER`] if there is none.
    pushes: Vec<u32>,
    /// By value, the number of its first pop; [`NEVER`] if there is none.
    pops: Vec<u32>,
    /// A value and its second pop.
    popped_twice: Option<(u32, u32)>,
}

impl Ends {
    /// `None` if a value is pushed twice, or if calls are not such as a client can have made.
    fn of(calls: Calls<'_>) -> Option<Self> {
        let value = |timed: &Timed<StackCall>| match timed.call {
            StackCall::Push(value) | StackCall::Pop(value) => value as usize + 1,
            StackCall::PopEmpty | StackCall::PopUnknown => 0,
        };
        let count = calls.iter().map(value).max().unwrap_or(0);
        // Values are numbered as they appear, so there cannot be many more than calls.
        if count > 4 * calls.len() + 64 {
            return None;
        }
        let (pushes, pops) = (vec![NEVER; count], vec![NEVER; count]);
        let mut ends = Self { pushes, pops, popped_twice: None };
        for (number, timed) in (0u32..).zip(calls) {
            match timed.call {
                StackCall::Push(value) => {
                    let push = &mut ends.pushes[value as usize];
                    if std::mem::replace(push, number) != NEVER {
                        return None;
                    }
                }
                StackCall::Pop(_) if timed.is_unknown() => return None,
                StackCall::Pop(value) => {
                    let pop = &mut ends.pops[value as usize];
                    if *pop == NEVER {
                        *pop = number;
                    } else {
                        ends.popped_twice.get_or_insert((value, number));
                    }
                }
                StackCall::PopUnknown if !timed.is_unknown() => return None,
                StackCall::PopEmpty | StackCall::PopUnknown => {}
            }
        }
        Some(ends)
    }
}

#[cfg(test)]
mod tests;
