//! Histories: what was asked, what was answered, and when.

pub mod brief;
mod detect;
pub mod edn;
pub mod elle_json;
mod event;
mod foreign;
mod hints;
pub mod jsonl;
pub mod lines;
pub mod log;
mod names;
mod open;
mod pair;
mod place;
mod recovery;
pub mod test_jepsen;
pub mod violin;
mod wellformed;

pub(crate) use detect::format as format_of;
pub use detect::{read_any, read_with_hints};
pub use event::{Event, Kind, Name, Process};
pub(crate) use foreign::kind as kind_of;
pub use hints::{Format, Hints, Reading};
pub use names::Names;
pub(crate) use open::Open;
pub use pair::{CRASH, DECLINED, NOT_ASKED, Operation, Outcome};
pub(crate) use place::line_and_column;
pub use recovery::{ReadError, Recovery};
pub use wellformed::{Flaw, HistoryError};

use rustc_hash::FxHashSet;

pub(crate) use wellformed::{Guard, Turn};

/// The most events that a history may hold. Checkers number operations with 32 bits.
pub const MAX_EVENTS: usize = 1 << 30;

/// The events of a run in the order in which they happened, checked for well-formedness.
///
/// Invariants, established by [`History::new`] (and by every reader of this crate):
/// - indices are strictly increasing, times never decrease;
/// - a client process has at most one open call, and completes only what it invoked, under
///   the function name that it invoked;
/// - a client process invokes nothing after an `info`;
/// - events of the nemesis may have any type (it uses `info` for both ends): they are notes on
///   what was done to the cluster, and are never paired;
/// - there are at most [`MAX_EVENTS`] events.
///
/// A history never changes after it was made.
#[derive(Clone, Debug, Default)]
pub struct History {
    events: Vec<Event>,
}

impl History {
    /// Takes events as they were recorded, and refuses what no harness should have written.
    pub fn new(events: Vec<Event>) -> Result<Self, HistoryError> {
        Self::guarded(events, Guard::strict())
    }

    /// Takes the events of another harness, whose conventions are looser: a process may call
    /// again after an `info` or while a call is open (the open call then stays unknown), and
    /// a completion without a call is an operation that took no time. Indices must still
    /// increase and times not decrease.
    pub fn new_lenient(events: Vec<Event>) -> Result<Self, HistoryError> {
        Self::guarded(events, Guard::lenient())
    }

    fn guarded(events: Vec<Event>, mut guard: Guard<Name>) -> Result<Self, HistoryError> {
        for (position, event) in events.iter().enumerate() {
            guard.admit(Turn::of(event), Name::clone).map_err(|flaw| HistoryError {
                position,
                index: event.index,
                flaw,
            })?;
        }
        Ok(Self { events })
    }

    /// All events, the nemesis's among them.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many calls of clients have no answer, not even `info`.
    pub fn open_calls(&self) -> u64 {
        let mut open: FxHashSet<u32> = FxHashSet::default();
        let mut abandoned = 0;
        for event in &self.events {
            let Process::Client(process) = event.process else { continue };
            if event.kind != Kind::Invoke {
                open.remove(&process);
            } else if !open.insert(process) {
                abandoned += 1;
            }
        }
        abandoned + open.len() as u64
    }
}

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
