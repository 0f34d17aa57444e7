//! Histories: what was asked, what was answered, and when.

mod event;
mod pair;

pub use event::{Event, Kind, Name, Process};
pub use pair::{Operation, Outcome};

/// The events of a run in the order in which they happened, checked for well-formedness.
///
/// Invariants, established by [`History::new`]:
/// - indices are strictly increasing, times never decrease;
/// - a client process has at most one open call, and completes only what it invoked;
/// - a client process invokes nothing after an `info`.
#[derive(Clone, Debug, Default)]
pub struct History {
    events: Vec<Event>,
}

impl History {
    /// All events, the nemesis's among them.
    pub fn events(&self) -> &[Event] {
        &self.events
    }
}
