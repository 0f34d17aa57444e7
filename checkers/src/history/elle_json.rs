//! elle-cli's JSON: one array of operation maps with Jepsen's keys.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::foreign::{self, ForeignEvent};
use super::{History, Names, ReadError, Recovery};

/// Reads a JSON array of operation maps. Linear; values are kept as they are.
pub fn read(bytes: &[u8]) -> Result<(History, Recovery), ReadError> {
    let mut names = Names::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let events = deserializer
        .deserialize_seq(EventsVisitor(&mut names))
        .and_then(|events| deserializer.end().map(|()| events))
        .map_err(|why| ReadError::Foreign {
            format: "JSON array",
            line: why.line() as u64,
            column: why.column() as u64,
            why: why.to_string(),
        })?;
    Ok(foreign::assemble(events, &mut names)?)
}

struct EventsVisitor<'a>(&'a mut Names);

impl<'de> Visitor<'de> for EventsVisitor<'_> {
    type Value = Vec<ForeignEvent>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of operations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<ForeignEvent>, A::Error> {
        let mut events = Vec::new();
        while let Some(map) = seq.next_element::<Map<String, Value>>()? {
            events.push(event(map, self.0).map_err(serde::de::Error::custom)?);
        }
        Ok(events)
    }
}

fn event(mut map: Map<String, Value>, names: &mut Names) -> Result<ForeignEvent, String> {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let kind = map.get("type").and_then(word).and_then(|word| foreign::kind(&word));
    let kind = kind.ok_or("an operation needs a type: invoke, ok, fail or info")?;
    let mut name = |key: &str| map.get(key).and_then(Value::as_str).map(|text| names.get(text));
    let (f, node) = (name("f"), name("node"));
    Ok(ForeignEvent {
        index: map.get("index").and_then(Value::as_i64),
        time: map.get("time").and_then(Value::as_i64),
        process: map.get("process").map(foreign::actor).transpose()?,
        kind: Some(kind),
        f,
        value: map.remove("value").unwrap_or(Value::Null),
        node,
        error: foreign::error_word(map.get("error").unwrap_or(&Value::Null), names),
    })
}
