//! elle-cli's JSON: one array of operation maps with Jepsen's keys.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::foreign::{self, Assembler, ForeignEvent, Misplaced};
use super::hints::{Format, Reading};
use super::place::{self, Fault};
use super::{History, Kind, Names, ReadError, Recovery};

const FORMAT: &str = "JSON array";

/// Reads a JSON array of operation maps. Linear; values are kept as they are, with a `key`
/// put in front, `[key, value]`.
pub fn read(bytes: &[u8]) -> Result<(History, Recovery), ReadError> {
    Ok(reading(bytes)?.into())
}

pub(super) fn reading(bytes: &[u8]) -> Result<Reading, ReadError> {
    let mut names = Names::default();
    let mut events = Assembler::default();
    let mut count = 0;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = deserializer
        .deserialize_seq(EventsVisitor {
            names: &mut names,
            events: &mut events,
            count: &mut count,
        })
        .and_then(|()| deserializer.end());
    if let Err(why) = read {
        let text = place::utf8(FORMAT, bytes)?;
        let fault = fault(text, &why);
        let fault = place::torn_line(text, &fault, whole_line).unwrap_or(fault);
        let why = format!("operation {count} (from 0): {}", fault.why);
        return Err(Fault { why, ..fault }.of(FORMAT, bytes));
    }
    match events.finish() {
        Ok(assembled) => Ok(Reading::assembled(Format::JsonArray, assembled)),
        Err(Misplaced { at, flaw }) => {
            let at = offset_of(bytes, at);
            Err(place::misplaced(bytes, Misplaced { at, flaw }))
        }
    }
}

/// serde_json's error, its line and column as a byte offset.
fn fault(text: &str, why: &serde_json::Error) -> Fault {
    let (line, column) = (why.line().saturating_sub(1), why.column().saturating_sub(1));
    let start = place::lines(text).nth(line).map_or(text.len(), |(start, _)| start);
    let fault = Fault::new(start + column, place::plain(why));
    // What is missing is missing at the end of what stands there.
    let missing = why.is_eof() || fault.why.starts_with("expected `,` or");
    if missing { fault.before_blanks(text) } else { fault }
}

/// Whether a line has nothing but whole operations, in the array's brackets and commas.
fn whole_line(line: &str) -> Result<(), Fault> {
    let inner = line.trim_start().trim_start_matches(['[', ',']);
    let before = line.len() - inner.len();
    let inner = inner.trim_end().trim_end_matches([']', ',']);
    let array = format!("[{inner}]");
    let (mut names, mut events, mut count) = (Names::default(), Assembler::default(), 0);
    let visitor = EventsVisitor { names: &mut names, events: &mut events, count: &mut count };
    serde_json::Deserializer::from_str(&array).deserialize_seq(visitor).map_err(|why| {
        let fault = fault(&array, &why);
        Fault { offset: (fault.offset + before).saturating_sub(1), ..fault }
    })
}

/// Where the operation of a number, from 0, begins. Reads everything once more.
fn offset_of(bytes: &[u8], number: usize) -> usize {
    let operations: Vec<&RawValue> = serde_json::from_slice(bytes).unwrap_or_default();
    let at = operations.get(number).map(|operation| operation.get().as_ptr() as usize);
    at.and_then(|at| at.checked_sub(bytes.as_ptr() as usize)).unwrap_or(0)
}

struct EventsVisitor<'a> {
    names: &'a mut Names,
    events: &'a mut Assembler,
    count: &'a mut usize,
}

impl<'de> Visitor<'de> for EventsVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of operations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(event) = seq.next_element_seed(EventSeed(self.names))? {
            self.events.push(ForeignEvent { at: *self.count, ..event }, self.names);
            *self.count += 1;
        }
        Ok(())
    }
}

/// Reads one operation map. A wrong field is an error at its own place.
struct EventSeed<'a>(&'a mut Names);

impl<'de> DeserializeSeed<'de> for EventSeed<'_> {
    type Value = ForeignEvent;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ForeignEvent, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EventSeed<'_> {
    type Value = ForeignEvent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an operation, an object with type, process, f and value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ForeignEvent, A::Error> {
        let mut event = ForeignEvent::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "type" => event.kind = Some(map.next_value_seed(KindSeed)?),
                "index" => event.index = map.next_value::<Value>()?.as_i64(),
                "time" => event.time = map.next_value::<Value>()?.as_i64(),
                "process" => {
                    let actor = foreign::actor(&map.next_value()?);
                    event.process = Some(actor.map_err(de::Error::custom)?);
                }
                "f" => event.f = map.next_value::<Value>()?.as_str().map(|f| self.0.get(f)),
                "key" => event.key = Some(map.next_value()?),
                "value" => event.value = map.next_value()?,
                "node" => {
                    event.node = map.next_value::<Value>()?.as_str().map(|node| self.0.get(node));
                }
                "error" => event.error = foreign::error_word(&map.next_value()?, self.0),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match event.kind {
            Some(_) => Ok(event),
            None => Err(de::Error::custom(NO_TYPE)),
        }
    }
}

const NO_TYPE: &str = "an operation needs a type: invoke, ok, fail or info";

struct KindSeed;

impl<'de> DeserializeSeed<'de> for KindSeed {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KindSeed {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type: invoke, ok, fail or info")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Kind, E> {
        foreign::kind(word).ok_or_else(|| E::invalid_value(de::Unexpected::Str(word), &self))
    }
}
