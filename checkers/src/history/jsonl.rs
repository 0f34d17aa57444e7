//! Our own format: one event a line as JSON, appended while the run goes on.
//!
//! Only whole lines count. A controller that was killed leaves a torn last line at the worst,
//! which the reader cuts off and reports; a broken line before that is damage, and an error.

mod encode;

pub use encode::encode;

use std::fmt;
use std::io::{self, BufRead, Write};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::wellformed::{Guard, Turn};
use super::{Event, History, Name, Names, ReadError, Recovery, place};

/// The longest line that is read: a read of a whole large table fits.
pub const MAX_LINE_BYTES: usize = 256 << 20;

/// Appends one event, newline included, with a single `write`, so that a process killed
/// between two events leaves no torn line.
pub fn write_event(to: &mut impl Write, event: &Event) -> io::Result<()> {
    let mut line = Vec::new();
    encode(&mut line, event).map_err(io::Error::other)?;
    to.write_all(&line)
}

/// Reads a history and says what had to be recovered.
///
/// The last line is cut off if it does not end in a newline and is not a whole event either.
/// Calls without an answer stay open, which checkers take as `info`. Linear; one pass.
pub fn read(from: impl BufRead) -> Result<(History, Recovery), ReadError> {
    read_limited(from, MAX_LINE_BYTES)
}

fn read_limited(from: impl BufRead, max_line: usize) -> Result<(History, Recovery), ReadError> {
    let mut lines = Events { max_line, ..Events::new(from) };
    let events = lines.by_ref().collect::<Result<Vec<Event>, ReadError>>()?;
    let history = History { events };
    let recovery = Recovery { open_calls: history.open_calls(), ..lines.recovery };
    Ok((history, recovery))
}

/// The events of a history, one after another; it ends after an error.
pub struct Events<R> {
    from: R,
    max_line: usize,
    names: Names,
    guard: Guard<Name>,
    /// What had to be recovered so far; calls without an answer are not counted.
    pub recovery: Recovery,
    line: Vec<u8>,
    number: u64,
    ended: bool,
}

impl<R: BufRead> Events<R> {
    pub fn new(from: R) -> Self {
        Self {
            from,
            max_line: MAX_LINE_BYTES,
            names: Names::default(),
            guard: Guard::strict(),
            recovery: Recovery::default(),
            line: Vec::new(),
            number: 0,
            ended: false,
        }
    }

    /// The next event; `None` at the end.
    fn read(&mut self) -> Result<Option<Event>, ReadError> {
        loop {
            self.number += 1;
            self.line.clear();
            let mut limited = io::Read::take(&mut self.from, self.max_line as u64 + 1);
            let length = limited.read_until(b'\n', &mut self.line)?;
            if length == 0 {
                return Ok(None);
            }
            let line = self.number;
            if length > self.max_line {
                return Err(ReadError::LongLine { line, limit: self.max_line });
            }
            let whole = self.line.last() == Some(&b'\n');
            if whole && self.line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match parse(&self.line, &mut self.names) {
                Ok(event) => {
                    let admitted = self.guard.admit(Turn::of(&event), Name::clone);
                    admitted.map_err(|flaw| ReadError::Malformed { line, flaw })?;
                    return Ok(Some(event));
                }
                Err(_) if !whole => {
                    self.recovery.torn_bytes = length as u64;
                    self.recovery.torn_line = Some(line);
                }
                Err(why) => {
                    let column = why.column() as u64;
                    return Err(ReadError::Line { line, column, why: place::plain(&why) });
                }
            }
        }
    }
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let event = self.read().transpose();
        self.ended = !matches!(event, Some(Ok(_)));
        event
    }
}

/// The event of one line.
pub(super) fn parse(line: &[u8], names: &mut Names) -> Result<Event, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let event = EventSeed(names).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(event)
}

/// Reads an [`Event`] with shared names.
struct EventSeed<'a>(&'a mut Names);

impl<'de> DeserializeSeed<'de> for EventSeed<'_> {
    type Value = Event;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Event, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EventSeed<'_> {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event, an object with index, time, process, type, f and value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
        use serde::de::Error;
        let (mut index, mut time, mut process, mut kind) = (None, None, None, None);
        let (mut f, mut value, mut node) = (None, Value::Null, None);
        let (mut error, mut due) = (None, None);
        while let Some(field) = map.next_key_seed(FieldSeed)? {
            match field {
                Field::Index => index = Some(map.next_value()?),
                Field::Time => time = Some(map.next_value()?),
                Field::Process => process = Some(map.next_value()?),
                Field::Type => kind = Some(map.next_value()?),
                Field::F => f = map.next_value_seed(NameSeed(self.0))?,
                Field::Value => value = map.next_value()?,
                Field::Node => node = map.next_value_seed(NameSeed(self.0))?,
                Field::Error => error = map.next_value_seed(NameSeed(self.0))?,
                Field::Due => due = map.next_value()?,
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Event {
            index: index.ok_or_else(|| A::Error::missing_field("index"))?,
            time: time.ok_or_else(|| A::Error::missing_field("time"))?,
            process: process.ok_or_else(|| A::Error::missing_field("process"))?,
            kind: kind.ok_or_else(|| A::Error::missing_field("type"))?,
            f: f.ok_or_else(|| A::Error::missing_field("f"))?,
            value,
            node,
            error,
            due,
        })
    }
}

enum Field {
    Index,
    Time,
    Process,
    Type,
    F,
    Value,
    Node,
    Error,
    Due,
    Other,
}

struct FieldSeed;

impl<'de> DeserializeSeed<'de> for FieldSeed {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for FieldSeed {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an event's field")
    }

    fn visit_str<E>(self, word: &str) -> Result<Field, E> {
        Ok(match word {
            "index" => Field::Index,
            "time" => Field::Time,
            "process" => Field::Process,
            "type" => Field::Type,
            "f" => Field::F,
            "value" => Field::Value,
            "node" => Field::Node,
            "error" => Field::Error,
            "due" => Field::Due,
            _ => Field::Other,
        })
    }
}

/// Reads a text, or null, as a shared name.
struct NameSeed<'a>(&'a mut Names);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Option<Name>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Name>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Option<Name>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<Name>, E> {
        Ok(Some(self.0.get(text)))
    }

    fn visit_unit<E>(self) -> Result<Option<Name>, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
