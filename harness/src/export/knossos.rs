//! Histories as Knossos's models take them: one object a history, without the nemesis.
//!
//! Knossos knows no keys. Where values are `[key, value]`, each key becomes a history of its own,
//! with what is left of the values: `[:cas [k [1 2]]]` becomes `[:cas [1 2]]`. Events are
//! numbered anew, since Knossos takes an index for a position.

use super::{Events, ExportError, Paired, Pairing};
use crate::explain::looks_keyed;
use perjury_checkers::history::edn;
use perjury_checkers::{Event, Kind, Operation};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;

/// Events looked at to find out whether values are `[key, value]`.
const BEGINNING: usize = 2_000;

/// The events of clients, each with the key of its call.
struct Keyed<'a> {
    events: Events<'a>,
    /// The keys of open calls, by process.
    open: BTreeMap<u32, Value>,
}

impl Iterator for Keyed<'_> {
    type Item = Result<(Value, Event), ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut event = match self.events.next()? {
                Ok(event) => event,
                Err(error) => return Some(Err(error)),
            };
            let Some(process) = event.process.client() else { continue };
            if event.kind == Kind::Invoke {
                let Some(key) = event.value.get(0).cloned() else { continue };
                self.open.insert(process, key);
            }
            let Some(key) = self.open.get(&process).cloned() else { continue };
            if event.value.get(0) == Some(&key) {
                event.value = event.value.get(1).cloned().unwrap_or_default();
            }
            return Some(Ok((key, event)));
        }
    }
}

/// Whether values are `[key, value]`, by the first events, and all events again.
pub fn look(events: Events<'_>) -> Result<(bool, Events<'_>), ExportError> {
    let mut events = events;
    let beginning: Vec<Event> = events.by_ref().take(BEGINNING).collect::<Result<_, _>>()?;
    let all = Pairing::new(Box::new(beginning.clone().into_iter().map(Ok)));
    let paired: Vec<Paired> = all.collect::<Result<_, _>>()?;
    let operations: Vec<Operation<'_>> = paired.iter().map(Paired::operation).collect();
    let keyed = looks_keyed(&operations);
    Ok((keyed, Box::new(beginning.into_iter().map(Ok).chain(events))))
}

/// Writes the one object of a history without keys.
pub fn write(events: Events<'_>, to: &mut dyn Write) -> Result<(), ExportError> {
    let clients = events.filter(|event| match event {
        Ok(event) => event.process.client().is_some(),
        Err(_) => true,
    });
    numbered(clients, to)
}

/// Writes the object of one key.
pub fn write_key(events: Events<'_>, key: &Value, to: &mut dyn Write) -> Result<(), ExportError> {
    let keyed = Keyed { events, open: BTreeMap::new() };
    let of_key = keyed.filter_map(|event| match event {
        Ok((of, event)) => (of == *key).then_some(Ok(event)),
        Err(error) => Some(Err(error)),
    });
    numbered(of_key, to)
}

/// The histories of all keys: the key as JSON, and the text. All of it is held in memory.
pub fn split(events: Events<'_>) -> Result<BTreeMap<String, String>, ExportError> {
    let mut histories: BTreeMap<String, (u64, Vec<u8>)> = BTreeMap::new();
    for event in (Keyed { events, open: BTreeMap::new() }) {
        let (key, event) = event?;
        let (count, text) = histories.entry(key.to_string()).or_default();
        edn::write_event(text, &Event { index: *count, ..event })?;
        *count += 1;
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(histories.into_iter().map(|(key, (_, bytes))| (key, text(bytes))).collect())
}

fn numbered(
    events: impl Iterator<Item = Result<Event, ExportError>>,
    to: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut to = to;
    for (index, event) in (0..).zip(events) {
        edn::write_event(&mut to, &Event { index, ..event? })?;
    }
    Ok(())
}
