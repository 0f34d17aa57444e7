//! One key of a map whose values are replaced, appended to and deleted.

use std::sync::Arc;

use serde_json::Value;

use super::rope::Rope;
use crate::linear::model::{Answer, Asked, Leaves, Model, Needs, Timed, Values};
use crate::linear::special::{self, Special};
use crate::words::shortened;

/// An entry of a key-value map: `get` answered by the value, `put v`, `append v` to the end of
/// a string, `delete`.
///
/// Appending to a missing key puts the piece there; to a value that is no string, it goes on
/// after the value's text. Histories of several keys are `[key, value]` and judged keyed.
#[derive(Clone, Debug, Default)]
pub struct KvMap {
    /// What `get` answers for a missing key: null for ours, `""` for Porcupine's histories.
    pub missing: Value,
}

impl KvMap {
    /// Porcupine's convention: a missing key is an empty string.
    pub fn porcupine() -> Self {
        Self { missing: Value::from("") }
    }
}

/// What a key has: any JSON value, as its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    content: Content,
    text: Rope,
}

/// What the text of an entry stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::linear) enum Content {
    Null,
    /// The text is the string itself.
    String,
    /// The text is the value as JSON.
    Json,
    /// A value that no call names.
    Other,
}

impl Entry {
    /// The entry with this value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self { content: Content::Null, text: Rope::default() },
            Value::String(text) => {
                Self { content: Content::String, text: Rope::new(text.as_bytes()) }
            }
            other => Self { content: Content::Json, text: Rope::new(other.to_string().as_bytes()) },
        }
    }

    pub(in crate::linear) fn content(&self) -> Content {
        self.content
    }

    pub(in crate::linear) fn text(&self) -> &Rope {
        &self.text
    }

    /// The value as JSON, shortened.
    fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.text.bytes()).into_owned();
        match self.content {
            Content::Null => "null".to_owned(),
            Content::String => shortened(&Value::from(text)),
            Content::Json => shortened(&serde_json::from_str(&text).unwrap_or(Value::from(text))),
            Content::Other => "another value".to_owned(),
        }
    }
}

/// A call on an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KvCall {
    Get(Entry),
    Put(Entry),
    Append(Arc<[u8]>),
    Delete,
}

impl Model for KvMap {
    type State = Entry;
    type Call = KvCall;

    fn noun(&self) -> &'static str {
        "key"
    }

    fn initial(&self, _values: &mut Values) -> Entry {
        Entry::of(&self.missing)
    }

    fn call(&self, asked: Asked<'_>, _values: &mut Values) -> Result<Option<KvCall>, String> {
        match (asked.f, asked.answer) {
            ("get" | "read", Answer::Ok(value)) => Ok(Some(KvCall::Get(Entry::of(value)))),
            ("get" | "read", _) | ("put" | "write" | "append" | "delete", Answer::Failed) => {
                Ok(None)
            }
            ("put" | "write", _) => Ok(Some(KvCall::Put(Entry::of(asked.input)))),
            ("append", _) => match asked.input {
                Value::String(piece) => Ok(Some(KvCall::Append(Arc::from(piece.as_bytes())))),
                other => Err(format!("what is appended is a string, not {other}")),
            },
            ("delete", _) => Ok(Some(KvCall::Delete)),
            (f, _) => Err(format!("a key has no `{f}`, only get, put, append and delete")),
        }
    }

    fn step(&self, entry: &Entry, call: &KvCall) -> Option<Entry> {
        match call {
            KvCall::Get(value) => (entry == value).then(|| entry.clone()),
            KvCall::Put(value) => Some(value.clone()),
            KvCall::Append(piece) => {
                Some(Entry { content: Content::String, text: entry.text.with(piece) })
            }
            KvCall::Delete => Some(Entry::of(&self.missing)),
        }
    }

    fn needs(&self, call: &KvCall) -> Needs<Entry> {
        match call {
            KvCall::Get(value) => Needs::State(value.clone()),
            KvCall::Put(_) | KvCall::Append(_) | KvCall::Delete => Needs::Nothing,
        }
    }

    fn leaves(&self, call: &KvCall) -> Leaves<Entry> {
        match call {
            KvCall::Get(_) => Leaves::Unchanged,
            KvCall::Put(value) => Leaves::State(value.clone()),
            KvCall::Append(_) => Leaves::Unclear,
            KvCall::Delete => Leaves::State(Entry::of(&self.missing)),
        }
    }

    fn states(&self, calls: &[KvCall]) -> Option<Vec<Entry>> {
        let mut states = vec![Entry { content: Content::Other, text: Rope::default() }];
        for call in calls {
            match call {
                KvCall::Get(value) => states.push(value.clone()),
                KvCall::Append(_) => return None,
                KvCall::Put(_) | KvCall::Delete => {}
            }
        }
        states.sort_unstable();
        states.dedup();
        Some(states)
    }

    fn special(&self, calls: &[Timed<KvCall>], _values: &Values) -> Option<Special> {
        special::texts::decide(calls, &Entry::of(&self.missing))
    }

    fn describe(&self, call: &KvCall, _values: &Values) -> String {
        match call {
            KvCall::Get(value) => format!("got {}", value.words()),
            KvCall::Put(value) => format!("put {}", value.words()),
            KvCall::Append(piece) => {
                format!("appended {}", shortened(&Value::from(String::from_utf8_lossy(piece))))
            }
            KvCall::Delete => "deleted it".to_owned(),
        }
    }

    fn describe_state(&self, entry: &Entry, _values: &Values) -> String {
        entry.words()
    }

    fn conflict_kind(&self) -> &'static str {
        "lost-update"
    }
}
