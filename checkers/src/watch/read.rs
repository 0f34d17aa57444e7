//! Reading: operations as writes, watches and events.

use serde_json::Value;

use crate::Operation;
use crate::numbers::Keys;

/// No write, no event.
pub(super) const NOBODY: u32 = u32::MAX;

/// A write of some keys at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write<'h> {
    pub(super) operation: u32,
    pub(super) changes: &'h [Value],
    /// When it was acknowledged.
    pub(super) revision: Option<u64>,
    pub(super) failed: bool,
}

/// An answered watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    pub(super) operation: u32,
    /// The first revision that it is about, if it says so.
    pub(super) from: Option<u64>,
    /// The last.
    pub(super) to: u64,
    /// Whether it has to be up to date.
    pub(super) latest: bool,
    /// Its events.
    pub(super) first: u32,
    pub(super) count: u32,
}

/// One change of which a watcher was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event<'h> {
    pub(super) revision: u64,
    pub(super) key: u32,
    pub(super) value: &'h Value,
    pub(super) operation: u32,
}

/// Everything that a history tells of watches. Operations are numbers in the list of all.
#[derive(Debug)]
pub(super) struct Reading<'h> {
    pub(super) operations: &'h [Operation<'h>],
    pub(super) writes: Vec<Write<'h>>,
    pub(super) watches: Vec<Watched>,
    pub(super) events: Vec<Event<'h>>,
    pub(super) keys: Keys<'h>,
}

impl<'h> Reading<'h> {
    /// The error says which operation cannot be read.
    pub(super) fn new(operations: &'h [Operation<'h>]) -> Result<Self, String> {
        let mut reading = Self {
            operations,
            writes: Vec::new(),
            watches: Vec::new(),
            events: Vec::new(),
            keys: Keys::default(),
        };
        for (number, operation) in (0u32..).zip(operations) {
            let read = match operation.f {
                "write" => reading.write(number, operation),
                "watch" => reading.watch(number, operation),
                _ => Err("there are only write and watch".to_owned()),
            };
            read.map_err(|what| {
                format!("operation {} ({}) cannot be read: {what}", operation.index, operation.f)
            })?;
        }
        Ok(reading)
    }

    fn write(&mut self, operation: u32, of: &Operation<'h>) -> Result<(), String> {
        let changes = of.input.as_array().map(Vec::as_slice);
        let pair = |change: &Value| change.as_array().is_some_and(|pair| pair.len() == 2);
        let Some(changes) = changes.filter(|changes| changes.iter().all(pair)) else {
            return Err(format!("{} is no list of keys with values", of.input));
        };
        let revision = match of.output() {
            None => None,
            Some(answer) => {
                let revision = answer[0].as_u64();
                Some(revision.ok_or_else(|| format!("{answer} does not begin with a revision"))?)
            }
        };
        for change in changes {
            self.keys.number(&change[0]);
        }
        self.writes.push(Write { operation, changes, revision, failed: of.is_failed() });
        Ok(())
    }

    fn watch(&mut self, operation: u32, of: &Operation<'h>) -> Result<(), String> {
        let Some(answer) = of.output() else { return Ok(()) };
        let Some(to) = answer["revision"].as_u64() else {
            return Err(format!("{answer} does not say to which revision it goes"));
        };
        let Some(events) = answer["events"].as_array() else {
            return Err(format!("{answer} has no list of events"));
        };
        let first = self.events.len() as u32;
        for event in events {
            let parts = event.as_array().map(Vec::as_slice);
            let Some([Value::Number(revision), key, value]) = parts else {
                return Err(format!("{event} is not [revision, key, value]"));
            };
            let Some(revision) = revision.as_u64() else {
                return Err(format!("{event} has no revision"));
            };
            let key = self.keys.number(key);
            self.events.push(Event { revision, key, value, operation });
        }
        let (from, latest) = (answer["from"].as_u64(), *of.input == "latest");
        let count = events.len() as u32;
        self.watches.push(Watched { operation, from, to, latest, first, count });
        Ok(())
    }

    /// The number of a key that the history speaks of.
    pub(super) fn number(&self, key: &Value) -> u32 {
        self.keys.get(key).unwrap_or(NOBODY)
    }

    pub(super) fn events_of(&self, watch: &Watched) -> &[Event<'h>] {
        &self.events[watch.first as usize..(watch.first + watch.count) as usize]
    }

    pub(super) fn operation(&self, number: u32) -> &Operation<'_> {
        &self.operations[number as usize]
    }
}
