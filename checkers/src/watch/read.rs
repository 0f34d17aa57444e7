//! Reading: operations as writes, watches and events.

use rayon::prelude::*;
use serde_json::Value;

use crate::Operation;
use crate::numbers::{Keys, Numbers};

/// No write, no event.
pub(super) const NOBODY: u32 = u32::MAX;

/// How many operations are read at a time; in tests so few that every history has several parts.
const PART: usize = if cfg!(test) { 5 } else { 1 << 15 };

/// A key and what it is set to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'h> {
    pub(super) key: u32,
    pub(super) value: &'h Value,
}

/// A write of some keys at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    pub(super) operation: u32,
    /// When it began.
    pub(super) begin: u64,
    /// What it asks for.
    first: u32,
    count: u32,
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
pub(super) struct Event {
    pub(super) revision: u64,
    pub(super) key: u32,
    /// The number of its key with its value.
    pub(super) setting: u32,
    pub(super) operation: u32,
}

/// Everything that a history tells of watches. Operations are numbers in the list of all.
#[derive(Debug, Default)]
pub(super) struct Reading<'h> {
    pub(super) operations: &'h [Operation<'h>],
    pub(super) writes: Vec<Write>,
    pub(super) watches: Vec<Watched>,
    pub(super) events: Vec<Event>,
    pub(super) keys: Keys<'h>,
    /// All keys with values that were asked for or told, each once.
    pub(super) settings: Vec<Setting<'h>>,
    numbers: Numbers<'h>,
    /// What writes ask for, by number.
    asked: Vec<u32>,
}

impl<'h> Reading<'h> {
    /// The error says which operation cannot be read.
    pub(super) fn new(operations: &'h [Operation<'h>]) -> Result<Self, String> {
        // Most of the time goes into waiting for JSON values that lie about in memory, so parts are
        // read in parallel. Joined in order they have the numbers that reading in turn would give.
        let parts = operations.par_chunks(PART).enumerate();
        let parts: Vec<Result<Self, String>> =
            parts.map(|(number, part)| Self::part((number * PART) as u32, part)).collect();
        let mut reading = Self { operations, ..Self::default() };
        for part in parts {
            reading.join(part?);
        }
        Ok(reading)
    }

    /// Reads some operations, of which the first has this number.
    fn part(first: u32, operations: &'h [Operation<'h>]) -> Result<Self, String> {
        let mut reading = Self::default();
        for (number, operation) in (first..).zip(operations) {
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

    /// Takes what was read in later operations, which has numbers of its own.
    fn join(&mut self, part: Self) {
        let (events, asked) = (self.events.len() as u32, self.asked.len() as u32);
        let keys: Vec<u32> = part.keys.all.iter().map(|key| self.keys.number(key)).collect();
        let settings = part.settings.iter();
        let settings: Vec<u32> = settings
            .map(|setting| self.setting(keys[setting.key as usize], setting.value))
            .collect();
        self.asked.extend(part.asked.iter().map(|setting| settings[*setting as usize]));
        self.events.extend(part.events.iter().map(|event| Event {
            key: keys[event.key as usize],
            setting: settings[event.setting as usize],
            ..*event
        }));
        let writes = part.writes.iter();
        self.writes.extend(writes.map(|write| Write { first: write.first + asked, ..*write }));
        let watches = part.watches.iter();
        self.watches.extend(watches.map(|watch| Watched { first: watch.first + events, ..*watch }));
    }

    /// The number of a key with a value.
    fn setting(&mut self, key: u32, value: &'h Value) -> u32 {
        let next = self.settings.len() as u32;
        let number = self.numbers.number(key, value, next);
        if number == next {
            self.settings.push(Setting { key, value });
        }
        number
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
        let (first, count) = (self.asked.len() as u32, changes.len() as u32);
        for change in changes {
            let key = self.keys.number(&change[0]);
            let setting = self.setting(key, &change[1]);
            self.asked.push(setting);
        }
        let (begin, failed) = (of.index, of.is_failed());
        self.writes.push(Write { operation, begin, first, count, revision, failed });
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
            let setting = self.setting(key, value);
            self.events.push(Event { revision, key, setting, operation });
        }
        let (from, latest) = (answer["from"].as_u64(), *of.input == "latest");
        let count = events.len() as u32;
        self.watches.push(Watched { operation, from, to, latest, first, count });
        Ok(())
    }

    /// What a write asks for, by number.
    pub(super) fn asked_by(&self, write: &Write) -> &[u32] {
        &self.asked[write.first as usize..(write.first + write.count) as usize]
    }

    /// What an event sets its key to.
    pub(super) fn value(&self, event: &Event) -> &'h Value {
        self.settings[event.setting as usize].value
    }

    pub(super) fn events_of(&self, watch: &Watched) -> &[Event] {
        &self.events[watch.first as usize..(watch.first + watch.count) as usize]
    }

    pub(super) fn operation(&self, number: u32) -> &Operation<'_> {
        &self.operations[number as usize]
    }
}
