//! Well-formedness: what a history must fulfil before any checker may look at it.

use rustc_hash::FxHashSet;

use super::{Event, Kind, MAX_EVENTS, Name, Open, Process};

/// An event that cannot stand where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {index} (number {position} of the history, from 0): {flaw}")]
pub struct HistoryError {
    /// Position in the sequence of events, from 0.
    pub position: usize,
    /// The event's own index.
    pub index: u64,
    pub flaw: Flaw,
}

/// What is wrong with an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error(
        "its index is {index} but the event before it has {previous}; \
         indices must increase, so sort the events by index or renumber them"
    )]
    IndexNotIncreasing { index: u64, previous: u64 },
    #[error(
        "its time is {time} ns but the event before it has {previous} ns; \
         times must not decrease, so use one monotonic clock for the whole history"
    )]
    TimeDecreasing { time: u64, previous: u64 },
    #[error(
        "process {process} calls `{f}` while its call of `{open}` (event {since}) is open; \
         complete that call first, or use another process number"
    )]
    CallWhileOpen { process: u32, f: Name, open: Name, since: u64 },
    #[error(
        "process {process} calls `{f}` after an `info`; the earlier call may still be running, \
         so a worker must take a new process number after `info`"
    )]
    CallAfterInfo { process: u32, f: Name },
    #[error(
        "process {process} completes `{f}` without having called it; \
         every completion needs an `invoke` before it"
    )]
    CompletionWithoutCall { process: u32, f: Name },
    #[error(
        "process {process} completes `{f}` but what it called (event {since}) is `{open}`; \
         a completion repeats the function name of its call"
    )]
    OtherFunction { process: u32, f: Name, open: Name, since: u64 },
    #[error("there are more than {MAX_EVENTS} events; split the history")]
    TooMany,
}

/// What the guard looks at: an event, its function in any form that can be compared.
pub(crate) struct Turn<F> {
    pub(crate) index: u64,
    pub(crate) time: u64,
    pub(crate) process: Process,
    pub(crate) kind: Kind,
    pub(crate) f: F,
}

impl Turn<Name> {
    pub(crate) fn of(event: &Event) -> Self {
        let Event { index, time, process, kind, .. } = *event;
        Self { index, time, process, kind, f: event.f.clone() }
    }
}

/// Looks at events one after another.
pub(crate) struct Guard<F> {
    lenient: bool,
    count: usize,
    last: Option<(u64, u64)>,
    /// Per process, what it called, and when.
    open: Open<(F, u64)>,
    ended: Ended,
}

impl<F: Clone + PartialEq> Guard<F> {
    pub(crate) fn strict() -> Self {
        let (open, ended) = (Open::default(), Ended::default());
        Self { lenient: false, count: 0, last: None, open, ended }
    }

    pub(super) fn lenient() -> Self {
        Self { lenient: true, ..Self::strict() }
    }

    /// Accepts the next event, or says why it cannot be next. After that nothing else is asked.
    pub(crate) fn admit(&mut self, event: Turn<F>, name: impl Fn(&F) -> Name) -> Result<(), Flaw> {
        self.count += 1;
        if self.count > MAX_EVENTS {
            return Err(Flaw::TooMany);
        }
        if let Some((index, time)) = self.last {
            if event.index <= index {
                return Err(Flaw::IndexNotIncreasing { index: event.index, previous: index });
            }
            if event.time < time {
                return Err(Flaw::TimeDecreasing { time: event.time, previous: time });
            }
        }
        self.last = Some((event.index, event.time));
        match event.process {
            Process::Client(process) if !self.lenient => self.turn(process, event, name),
            Process::Client(_) | Process::Nemesis => Ok(()),
        }
    }

    fn turn(
        &mut self,
        process: u32,
        event: Turn<F>,
        name: impl Fn(&F) -> Name,
    ) -> Result<(), Flaw> {
        if event.kind == Kind::Invoke {
            if self.ended.has(process) {
                return Err(Flaw::CallAfterInfo { process, f: name(&event.f) });
            }
            let call = (event.f.clone(), event.index);
            return match self.open.insert(process, call) {
                None => Ok(()),
                Some((open, since)) => {
                    let (f, open) = (name(&event.f), name(&open));
                    Err(Flaw::CallWhileOpen { process, f, open, since })
                }
            };
        }
        match self.open.take(process) {
            None => return Err(Flaw::CompletionWithoutCall { process, f: name(&event.f) }),
            Some((open, since)) if open != event.f => {
                let (f, open) = (name(&event.f), name(&open));
                return Err(Flaw::OtherFunction { process, f, open, since });
            }
            Some(_) => {}
        }
        if event.kind == Kind::Info {
            self.ended.add(process);
        }
        Ok(())
    }
}

/// Processes that call nothing any more. A long run has many of them, a bit each.
#[derive(Default)]
struct Ended {
    small: Vec<u64>,
    large: FxHashSet<u32>,
}

impl Ended {
    const SMALL: u32 = 1 << 24;

    fn has(&self, process: u32) -> bool {
        match process {
            0..Self::SMALL => {
                let word = self.small.get(process as usize / 64);
                word.is_some_and(|word| word & (1 << (process % 64)) != 0)
            }
            _ => self.large.contains(&process),
        }
    }

    fn add(&mut self, process: u32) {
        if process >= Self::SMALL {
            self.large.insert(process);
            return;
        }
        let at = process as usize / 64;
        if self.small.len() <= at {
            self.small.resize(at + 1, 0);
        }
        self.small[at] |= 1 << (process % 64);
    }
}
