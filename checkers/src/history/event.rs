//! Events: one line of a history.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::pair::{DECLINED, NOT_ASKED};

/// A function name, an error word: short, shared and immutable.
pub type Name = Arc<str>;

/// Who did it. In JSON an integer, or `"nemesis"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Process {
    /// One logical thread of a client: at most one call open, none after an `info`.
    Client(u32),
    /// The one who breaks things.
    Nemesis,
}

/// Jepsen's four words.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The call began.
    Invoke,
    /// It happened.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// It may have happened, now or at any later time. The nemesis uses this for both ends.
    Info,
}

/// One event, one line of `history.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the history, from 0.
    pub index: u64,
    /// Nanoseconds since the run began.
    pub time: u64,
    pub process: Process,
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What is called: `read`, `txn`, `kill`.
    pub f: Name,
    #[serde(default)]
    pub value: Value,
    /// The node that the client is bound to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub node: Option<Name>,
    /// Why it failed or is unknown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<Name>,
    /// When the call was due, in nanoseconds since the run began, if it began later than that: the
    /// users of an open load do not wait for each other, so their latency counts from here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<u64>,
}

impl Event {
    /// Whether it says that the database answered, and declined.
    pub fn is_declined(&self) -> bool {
        self.fails_with(DECLINED)
    }

    /// Whether it says that the database was not asked.
    pub fn is_not_asked(&self) -> bool {
        self.fails_with(NOT_ASKED)
    }

    fn fails_with(&self, beginning: &str) -> bool {
        self.kind == Kind::Fail
            && self.error.as_deref().is_some_and(|error| error.starts_with(beginning))
    }
}

impl Process {
    /// The client's number, `None` for the nemesis.
    pub fn client(self) -> Option<u32> {
        match self {
            Self::Client(number) => Some(number),
            Self::Nemesis => None,
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(number) => write!(f, "{number}"),
            Self::Nemesis => f.write_str("nemesis"),
        }
    }
}

impl Serialize for Process {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Client(number) => serializer.serialize_u32(*number),
            Self::Nemesis => serializer.serialize_str("nemesis"),
        }
    }
}

impl<'de> Deserialize<'de> for Process {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ProcessVisitor;
        impl Visitor<'_> for ProcessVisitor {
            type Value = Process;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a process number or \"nemesis\"")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Process, E> {
                u32::try_from(number).map(Process::Client).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Process, E> {
                match word {
                    "nemesis" => Ok(Process::Nemesis),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }
        }
        deserializer.deserialize_any(ProcessVisitor)
    }
}
