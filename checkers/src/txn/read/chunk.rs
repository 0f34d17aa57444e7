//! Chunks: what a part of a file holds, before calls and answers are put together.

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::Kind;
use crate::txn::transactions::{Atom, Atoms};

/// No index, no time.
pub(super) const NONE: u64 = u64::MAX;

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    Client,
    Nemesis,
    /// A word other than `nemesis`; left out.
    Other,
}

/// An event; its steps are in its chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawEvent {
    pub(super) index: u64,
    pub(super) time: u64,
    pub(super) process: u32,
    /// Where its steps begin; they end where those of the next begin.
    pub(super) first: u32,
    pub(super) actor: Actor,
    pub(super) kind: Kind,
    /// Whether its value is a list of steps.
    pub(super) readable: bool,
}

/// What a step does, before anybody knows how its transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Write,
    Read,
    /// The value is the place of the list.
    ReadList,
}

/// A step, in atoms of its chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) word: Word,
    pub(super) key: Atom,
    pub(super) value: Atom,
}

/// The events of a part of a file.
#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    pub(super) events: Vec<RawEvent>,
    pub(super) steps: Vec<Step>,
    /// Per list its length and then its elements.
    pub(super) lists: Vec<u32>,
    pub(super) atoms: Atoms,
    /// Values that are no small numbers, as they stand in the file.
    words: FxHashMap<&'a [u8], Atom>,
    /// The function that all clients called, as it stands in the file; only JSON lines need it.
    pub(super) function: Option<&'a [u8]>,
    /// Whether commas stand before the first and after the last event; only arrays need it.
    pub(super) commas: (bool, bool),
}

impl<'a> Chunk<'a> {
    /// The atom of what stands in the file, which `parse` understands.
    pub(super) fn word(
        &mut self,
        word: &'a [u8],
        parse: impl FnOnce(&'a [u8]) -> Option<Value>,
    ) -> Option<Atom> {
        if let Some(atom) = self.words.get(word) {
            return Some(*atom);
        }
        let atom = self.atoms.atom(&parse(word)?);
        self.words.insert(word, atom);
        Some(atom)
    }

    /// Where the steps of an event are.
    pub(super) fn steps_of(&self, event: usize) -> &[Step] {
        let first = self.events[event].first as usize;
        let end = self.events.get(event + 1).map_or(self.steps.len(), |next| next.first as usize);
        &self.steps[first..end]
    }

    /// The elements of a list.
    pub(super) fn list(&self, place: Atom) -> &[u32] {
        let at = place.0 as usize;
        let length = self.lists[at] as usize;
        &self.lists[at + 1..=at + length]
    }

    /// Ends a list whose length belongs at `at`. `None` if places do not fit 32 bits.
    pub(super) fn close_list(&mut self, at: usize) -> Option<Atom> {
        self.lists[at] = u32::try_from(self.lists.len() - at - 1).ok()?;
        u32::try_from(at).ok().map(Atom)
    }

    /// Forgets steps and lists beyond these numbers.
    pub(super) fn truncate(&mut self, steps: usize, lists: usize) {
        self.steps.truncate(steps);
        self.lists.truncate(lists);
    }

    /// Adds an event whose steps, from `first` on, are there already.
    pub(super) fn push(&mut self, event: RawEvent) -> Option<()> {
        if event.actor == Actor::Other {
            self.steps.truncate(event.first as usize);
        }
        u32::try_from(self.steps.len()).ok()?;
        self.events.push(event);
        Some(())
    }
}
