//! Logs: by the order of their offsets.

use rustc_hash::FxHashMap;

use super::slots::{Flaw, Slots};
use super::{Contradiction, Special};
use crate::linear::LogCall;
use crate::linear::model::{NEVER, Timed};

/// No append.
const NOBODY: u32 = u32::MAX;

type Calls<'a> = &'a [Timed<LogCall>];

/// Each offset is filled once, so offsets order the appends (see `slots.rs`). A read tells the
/// offset of an append whose client was not told, if no other append could have been meant;
/// else this does not decide.
pub(crate) fn decide(calls: Calls<'_>) -> Option<Special> {
    let told = |call: &LogCall| !matches!(call, LogCall::Append { offset: None, .. });
    if calls.iter().any(|timed| timed.end == NEVER && told(&timed.call)) {
        return None;
    }
    let result = match Placed::new(calls) {
        Ok(placed) => match placed.with_reads()? {
            Ok(placed) => placed.order().map_err(|flaw| placed.with_proof(explain(flaw, calls))),
            Err(contradiction) => Err(contradiction),
        },
        Err(contradiction) => Err(contradiction),
    };
    Some(match result {
        Ok(()) => Special::linearizable("log"),
        Err(contradiction) => Special::contradiction("log", contradiction),
    })
}

/// Which append is at which offset, as far as that is known.
struct Placed<'a> {
    calls: Calls<'a>,
    /// Per offset, the append and its value; as many as there are appends.
    at: Vec<(u32, u32)>,
    /// For appends that were not told: the read that showed where it is.
    shown: FxHashMap<u32, (u64, u32)>,
}

impl<'a> Placed<'a> {
    fn new(calls: Calls<'a>) -> Result<Self, Contradiction> {
        let appends =
            calls.iter().filter(|timed| matches!(timed.call, LogCall::Append { .. })).count();
        let (at, shown) = (vec![(NOBODY, 0); appends], FxHashMap::default());
        let mut placed = Self { calls, at, shown };
        for (number, timed) in (0u32..).zip(calls) {
            if let LogCall::Append { value, offset: Some(offset) } = timed.call {
                let place = placed.place(offset, number)?;
                if place.0 != NOBODY {
                    let twice = Flaw::Twice(place.0 as usize, number as usize);
                    return Err(explain(twice, calls));
                }
                *place = (number, value);
            }
        }
        Ok(placed)
    }

    /// The append at this offset, for `call` which was told of it.
    fn place(&mut self, offset: u64, call: u32) -> Result<&mut (u32, u32), Contradiction> {
        let begun = self.at.len();
        let place = usize::try_from(offset).ok().and_then(|offset| self.at.get_mut(offset));
        let calls = self.calls;
        place.ok_or_else(|| explain(Flaw::TooFew { call: call as usize, begun }, calls))
    }

    /// Adds what reads tell, or finds two that cannot both be; `None` if several appends could
    /// have been meant.
    fn with_reads(mut self) -> Option<Result<Self, Contradiction>> {
        // Per value, the appends of unknown place; more than one are not told apart.
        let mut untold: FxHashMap<u32, (u32, bool)> = FxHashMap::default();
        for (number, timed) in (0u32..).zip(self.calls) {
            if let LogCall::Append { value, offset: None } = timed.call {
                untold.entry(value).and_modify(|(_, more)| *more = true).or_insert((number, false));
            }
        }
        for (read, timed) in (0u32..).zip(self.calls) {
            let LogCall::Read { offset, value: Some(value) } = timed.call else { continue };
            let (append, there) = match self.place(offset, read) {
                Ok(place) => *place,
                Err(contradiction) => return Some(Err(contradiction)),
            };
            if append != NOBODY {
                if there != value {
                    return Some(Err(self.two_values(append, read)));
                }
                continue;
            }
            match untold.get(&value) {
                None => return Some(Err(self.not_there(offset, value, read))),
                Some((_, true)) => return None,
                Some((append, false)) => {
                    if let Some((_, other)) = self.shown.insert(*append, (offset, read)) {
                        return Some(Err(two_places(*append, other, read)));
                    }
                    self.at[offset as usize] = (*append, value);
                }
            }
        }
        Some(Ok(self))
    }

    fn order(&self) -> Result<(), Flaw> {
        let mut slots = Slots::new(self.calls, self.at.len());
        for (number, timed) in self.calls.iter().enumerate() {
            match timed.call {
                LogCall::Append { offset, .. } => {
                    let shown = || self.shown.get(&(number as u32)).map(|(offset, _)| *offset);
                    match offset.or_else(shown) {
                        Some(offset) => slots.occupy(offset, number)?,
                        None => slots.fill(number),
                    }
                }
                LogCall::Read { offset, value: Some(_) } => {
                    slots.see_done(offset.saturating_add(1), number)?;
                }
                LogCall::Read { offset, value: None } => slots.see_undone(offset, number),
                LogCall::Length(length) => {
                    slots.see_done(length, number)?;
                    slots.see_undone(length, number);
                }
            }
        }
        slots.decide()
    }

    /// Adds the reads that show where appends are that were not told.
    fn with_proof(&self, mut contradiction: Contradiction) -> Contradiction {
        for at in (0..contradiction.calls.len()).rev() {
            let append = contradiction.calls[at] as u32;
            if let Some((_, read)) = self.shown.get(&append)
                && !contradiction.calls.contains(&(*read as usize))
            {
                contradiction.calls.insert(at + 1, *read as usize);
            }
        }
        contradiction
    }

    /// What `append` put there, or what another read saw of it, is not what `read` saw.
    fn two_values(&self, append: u32, read: u32) -> Contradiction {
        let shown = self.shown.get(&append).map(|(_, read)| *read);
        let calls = [Some(append), shown, Some(read)].into_iter().flatten();
        Contradiction {
            kind: "inconsistent-offset",
            title: "Two values at one offset".to_owned(),
            calls: calls.map(|number| number as usize).collect(),
            why: "An entry never changes, but different values were seen at one offset.".to_owned(),
        }
    }

    fn not_there(&self, offset: u64, value: u32, read: u32) -> Contradiction {
        let appends = self.calls.iter().enumerate().filter(
            |(_, timed)| matches!(timed.call, LogCall::Append { value: other, .. } if other == value),
        );
        let mut calls: Vec<usize> = appends.map(|(number, _)| number).collect();
        let (kind, title, why) = match calls.is_empty() {
            true => (
                "phantom-read",
                "Read of a value that nobody appended",
                "No call appended this value, nor tried to.".to_owned(),
            ),
            false => (
                "inconsistent-offset",
                "A value at two offsets",
                format!("The value was read at offset {offset}, but appended at another."),
            ),
        };
        calls.push(read as usize);
        Contradiction { kind, title: title.to_owned(), calls, why }
    }
}

fn two_places(append: u32, first: u32, second: u32) -> Contradiction {
    Contradiction {
        kind: "inconsistent-offset",
        title: "A value at two offsets".to_owned(),
        calls: vec![append as usize, first as usize, second as usize],
        why: "The value was appended once, but read at two offsets.".to_owned(),
    }
}

fn explain(flaw: Flaw, calls: Calls<'_>) -> Contradiction {
    match flaw {
        Flaw::Twice(first, second) => Contradiction {
            kind: "duplicate-offset",
            title: "One offset for two entries".to_owned(),
            calls: vec![first, second],
            why: "Both appends were told the same offset: one of them replaced the other."
                .to_owned(),
        },
        Flaw::Inverted(later, earlier) => Contradiction {
            kind: if matches!(calls[later].call, LogCall::Append { .. }) {
                "offset-inversion"
            } else {
                "stale-read"
            },
            title: "The log went back".to_owned(),
            calls: vec![earlier, later],
            why: "The first call shows the log longer than the second, which began after the \
                  first had ended."
                .to_owned(),
        },
        Flaw::TooFew { call, begun } => Contradiction {
            kind: "phantom-read",
            title: "Offsets that nobody can have filled".to_owned(),
            calls: vec![call],
            why: format!(
                "At most {begun} appends can have happened by then, which is too few for what the \
                 call was told."
            ),
        },
        Flaw::TooMany { first, last, between, known } => {
            let count = between.len() + known.len();
            let mut named: Vec<usize> = first.into_iter().chain(between).chain(known).collect();
            named.push(last);
            Contradiction {
                kind: "lost-append",
                title: "Acknowledged appends are missing".to_owned(),
                calls: named,
                why: format!(
                    "The last of these calls was told of fewer entries than the {count} appends \
                     that come before it."
                ),
            }
        }
    }
}
