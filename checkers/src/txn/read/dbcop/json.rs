//! dbcop's JSON: sessions of transactions of events, alone or under `data` in an object.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Access, add, history};
use crate::history::ReadError;
use crate::txn::read::sessions::Sessions;
use crate::txn::transactions::{Atom, Transactions};

const FORMAT: &str = "dbcop history";

/// The keys that the object around sessions may have.
const AROUND: [&[u8]; 5] = [b"params", b"info", b"start", b"end", b"data"];

/// Whether a text begins as one of dbcop's does.
pub(in crate::txn::read) fn is_json(text: &[u8]) -> bool {
    let after = |text: &[u8], byte: u8| {
        text.strip_prefix(&[byte]).map(|rest| rest.trim_ascii_start().to_vec())
    };
    // Copies of a file would be wasteful, its beginning suffices.
    let start = &text[..text.len().min(256)];
    if let Some(rest) = after(start, b'{').and_then(|rest| after(&rest, b'"')) {
        return AROUND
            .iter()
            .any(|key| rest.strip_prefix(*key).is_some_and(|rest| rest.first() == Some(&b'"')));
    }
    let nested = after(start, b'[').and_then(|rest| after(&rest, b'['));
    let object = nested.and_then(|rest| after(&rest, b'{'));
    object.is_some_and(|rest| rest.first() == Some(&b'"'))
}

/// Reads a history. Linear.
pub(in crate::txn::read) fn read_json(text: &[u8]) -> Result<Transactions, ReadError> {
    let mut sessions = history();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Top(&mut sessions).deserialize(&mut deserializer);
    read.and_then(|()| deserializer.end()).map_err(|error| ReadError::Foreign {
        format: FORMAT,
        line: error.line() as u64,
        column: error.column() as u64,
        why: error.to_string(),
    })?;
    Ok(sessions.finish())
}

/// Sessions, or an object with sessions as `data`.
struct Top<'a>(&'a mut Sessions);

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sessions, or an object with sessions under `data`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "data" if found => return Err(de::Error::duplicate_field("data")),
                "data" => {
                    map.next_value_seed(All(self.0))?;
                    found = true;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match found {
            true => Ok(()),
            false => Err(de::Error::missing_field("data")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        All(self.0).visit_seq(seq)
    }
}

/// All sessions.
struct All<'a>(&'a mut Sessions);

impl<'de> DeserializeSeed<'de> for All<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for All<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of sessions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut session = 0;
        while seq.next_element_seed(Session { sessions: self.0, session })?.is_some() {
            session += 1;
        }
        Ok(())
    }
}

/// The transactions of a session.
struct Session<'a> {
    sessions: &'a mut Sessions,
    session: u32,
}

impl<'de> DeserializeSeed<'de> for Session<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Session<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session, an array of transactions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut accesses = Vec::new();
        while let Some(txn) = seq.next_element::<Txn>()? {
            accesses.clear();
            for event in txn.events {
                let access = event.access(self.sessions).ok_or_else(|| {
                    let why = "an event is a Read or a Write of a variable and a version, or has \
                               write, variable, value and success";
                    de::Error::custom(why)
                })?;
                accesses.push(access);
            }
            add(self.sessions, self.session, txn.committed, &accesses);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Txn {
    events: Vec<Event>,
    #[serde(alias = "success")]
    committed: bool,
}

/// An event of either age.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Read")]
    read: Option<Version>,
    #[serde(rename = "Write")]
    written: Option<Version>,
    write: Option<bool>,
    variable: Option<Value>,
    value: Option<Value>,
    success: Option<bool>,
}

#[derive(Deserialize)]
struct Version {
    variable: Value,
    version: Option<Value>,
}

impl Event {
    fn access(self, sessions: &mut Sessions) -> Option<Access> {
        let (write, key, value) = match self {
            Self { read: Some(read), written: None, write: None, .. } => {
                (false, read.variable, read.version)
            }
            Self { read: None, written: Some(written), write: None, .. } => {
                (true, written.variable, Some(written.version?))
            }
            Self { read: None, written: None, write: Some(write), variable, value, .. } => {
                (write, variable?, Some(value?))
            }
            _ => return None,
        };
        let key = sessions.atom(&key);
        let value = value.map_or(Atom::NIL, |value| sessions.atom(&value));
        Some(Access { write, key, value, success: self.success.unwrap_or(true) })
    }
}
