//! Looking again: the events of single objects out of a history that is too long to be held.

use perjury_checkers::history::lines::{Block, Cutter};
use perjury_checkers::streaming::Violation;
use perjury_checkers::{Event, Kind, Process};
use std::collections::{BTreeMap, BTreeSet};

/// How many objects that went wrong are worth a second look.
pub const MAX_EXPLAINED: usize = 8;
/// An object with more events than this is not looked at again.
const MAX_EVENTS: usize = 4_000_000;

/// For each violation the events of its object up to the one that showed it; none if there are too
/// many. `pieces` shows the bytes of the whole history, cut anywhere.
///
/// # Errors
/// Those of `pieces`.
pub fn gather<E>(
    violations: &[Violation],
    pieces: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), E>,
) -> Result<Vec<Vec<Event>>, E> {
    let mut again: Vec<Again<'_>> = violations.iter().map(Again::new).collect();
    let keys: BTreeMap<String, usize> = again
        .iter()
        .enumerate()
        .filter_map(|(at, one)| Some((one.violation.key.as_ref()?.to_string(), at)))
        .collect();
    let mut cutter = Cutter::default();
    pieces(&mut |piece| {
        cutter.push(piece);
        look(&Block::read(&cutter.cut(), usize::MAX), &keys, &mut again);
    })?;
    let events = again.into_iter().map(|one| one.events);
    let few = |events: Vec<Event>| if events.len() < MAX_EVENTS { events } else { Vec::new() };
    Ok(events.map(few).collect())
}

/// An object that went wrong, whose events are gathered.
struct Again<'v> {
    violation: &'v Violation,
    events: Vec<Event>,
    /// Processes with an open call on it.
    open: BTreeSet<u32>,
}

impl<'v> Again<'v> {
    fn new(violation: &'v Violation) -> Self {
        Self { violation, events: Vec::new(), open: BTreeSet::new() }
    }

    /// Keeps an event of the object, up to the one that showed the violation.
    fn look(&mut self, event: impl FnOnce() -> Event, index: u64, process: u32, ours: bool) {
        if index > self.violation.found_at || self.events.len() >= MAX_EVENTS {
            return;
        }
        if ours {
            self.open.insert(process);
        } else if !self.open.remove(&process) {
            return;
        }
        self.events.push(event());
    }
}

fn look(block: &Block, keys: &BTreeMap<String, usize>, again: &mut [Again<'_>]) {
    for brief in &block.briefs {
        let Process::Client(process) = brief.process else { continue };
        let (index, calls) = (brief.index, brief.kind == Kind::Invoke);
        let event = || brief.event(&block.names);
        if keys.is_empty() {
            again.iter_mut().for_each(|one| one.look(event, index, process, calls));
        } else if !calls {
            again.iter_mut().for_each(|one| one.look(event, index, process, false));
        } else if let Some(key) = brief.value.key()
            && let Some(at) = keys.get(&key.to_value().to_string())
        {
            again[*at].look(event, index, process, true);
        }
    }
}
