//! Well-formedness: what a history must fulfil before any checker may look at it.

use rustc_hash::FxHashMap;

use super::{Event, Kind, MAX_EVENTS, Name, Process};

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

enum State {
    Open { f: Name, since: u64 },
    Idle,
    Ended,
}

/// Looks at events one after another.
pub(super) struct Guard {
    lenient: bool,
    count: usize,
    last: Option<(u64, u64)>,
    processes: FxHashMap<u32, State>,
}

impl Guard {
    pub(super) fn strict() -> Self {
        Self { lenient: false, count: 0, last: None, processes: FxHashMap::default() }
    }

    pub(super) fn lenient() -> Self {
        Self { lenient: true, ..Self::strict() }
    }

    /// Accepts the next event, or says why it cannot be next.
    pub(super) fn admit(&mut self, event: &Event) -> Result<(), Flaw> {
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
            Process::Client(process) if !self.lenient => self.turn(process, event),
            Process::Client(_) | Process::Nemesis => Ok(()),
        }
    }

    fn turn(&mut self, process: u32, event: &Event) -> Result<(), Flaw> {
        let state = self.processes.entry(process).or_insert(State::Idle);
        let f = event.f.clone();
        match (event.kind, &*state) {
            (Kind::Invoke, State::Idle) => *state = State::Open { f, since: event.index },
            (Kind::Invoke, State::Open { f: open, since }) => {
                return Err(Flaw::CallWhileOpen { process, f, open: open.clone(), since: *since });
            }
            (Kind::Invoke, State::Ended) => return Err(Flaw::CallAfterInfo { process, f }),
            (_, State::Idle | State::Ended) => {
                return Err(Flaw::CompletionWithoutCall { process, f });
            }
            (_, State::Open { f: open, since }) if *open != f => {
                return Err(Flaw::OtherFunction { process, f, open: open.clone(), since: *since });
            }
            (Kind::Info, State::Open { .. }) => *state = State::Ended,
            (Kind::Ok | Kind::Fail, State::Open { .. }) => *state = State::Idle,
        }
        Ok(())
    }
}
