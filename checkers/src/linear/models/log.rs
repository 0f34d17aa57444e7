//! A log whose entries are numbered without gaps and never change.

use std::sync::Arc;

use serde_json::Value;

use super::rope::Rope;
use crate::linear::model::{Answer, Asked, Leaves, Model, Needs, Timed, Values};
use crate::linear::special::{self, Special};

/// A log, empty at first: `append v` is answered by the offset of the entry, counted from 0 and
/// without gaps, or by null; `read offset` by the value there, or by null if the log is not
/// that long yet; `length` by the number of entries.
///
/// Logs with gaps in their offsets (Kafka's, with transactions) are none of this kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

/// A call on a log; values by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogCall {
    /// With the offset, if anybody was told.
    Append {
        value: u32,
        offset: Option<u64>,
    },
    /// With what was there, if anything.
    Read {
        offset: u64,
        value: Option<u32>,
    },
    Length(u64),
}

/// What a log holds, four bytes a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entries(Rope);

impl Entries {
    fn len(&self) -> u64 {
        self.0.len() / 4
    }

    fn get(&self, offset: u64) -> Option<u32> {
        self.0.range(offset.checked_mul(4)?).map(u32::from_le_bytes)
    }

    fn with(&self, value: u32) -> Self {
        Self(self.0.with(&Arc::from(value.to_le_bytes())))
    }
}

impl Model for Log {
    type State = Entries;
    type Call = LogCall;

    fn noun(&self) -> &'static str {
        "log"
    }

    fn initial(&self, _values: &mut Values) -> Entries {
        Entries::default()
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<LogCall>, String> {
        match (asked.f, asked.answer) {
            ("append", Answer::Failed) | ("read" | "length", Answer::Failed | Answer::Unknown) => {
                Ok(None)
            }
            ("append", answer) => {
                let offset = match answer {
                    Answer::Ok(Value::Null) | Answer::Failed | Answer::Unknown => None,
                    Answer::Ok(told) => Some(offset(told)?),
                };
                Ok(Some(LogCall::Append { value: values.intern(asked.input), offset }))
            }
            ("read", Answer::Ok(value)) => {
                let value = if value.is_null() { None } else { Some(values.intern(value)) };
                Ok(Some(LogCall::Read { offset: offset(asked.input)?, value }))
            }
            ("length", Answer::Ok(length)) => Ok(Some(LogCall::Length(offset(length)?))),
            (f, _) => Err(format!("a log has no `{f}`, only append, read and length")),
        }
    }

    fn step(&self, entries: &Entries, call: &LogCall) -> Option<Entries> {
        match *call {
            LogCall::Append { value, offset } => {
                let fits = offset.is_none_or(|offset| offset == entries.len());
                fits.then(|| entries.with(value))
            }
            LogCall::Read { offset, value } => {
                (entries.get(offset) == value).then(|| entries.clone())
            }
            LogCall::Length(length) => (entries.len() == length).then(|| entries.clone()),
        }
    }

    fn needs(&self, call: &LogCall) -> Needs<Entries> {
        match *call {
            LogCall::Append { offset: None, .. } => Needs::Nothing,
            LogCall::Append { offset: Some(0), .. }
            | LogCall::Read { offset: 0, value: None }
            | LogCall::Length(0) => Needs::State(Entries::default()),
            _ => Needs::Unclear,
        }
    }

    fn leaves(&self, call: &LogCall) -> Leaves<Entries> {
        match *call {
            LogCall::Append { value, offset: Some(0) } => {
                Leaves::State(Entries::default().with(value))
            }
            LogCall::Append { .. } => Leaves::Unclear,
            LogCall::Read { .. } | LogCall::Length(_) => Leaves::Unchanged,
        }
    }

    fn special(&self, calls: &[Timed<LogCall>], _values: &Values) -> Option<Special> {
        special::logs::decide(calls)
    }

    fn describe(&self, call: &LogCall, values: &Values) -> String {
        match *call {
            LogCall::Append { value, offset: None } => format!("appended {}", values.get(value)),
            LogCall::Append { value, offset: Some(offset) } => {
                format!("appended {} at offset {offset}", values.get(value))
            }
            LogCall::Read { offset, value: None } => format!("read nothing at offset {offset}"),
            LogCall::Read { offset, value: Some(value) } => {
                format!("read {} at offset {offset}", values.get(value))
            }
            LogCall::Length(length) => format!("was told that there are {length} entries"),
        }
    }

    fn describe_state(&self, entries: &Entries, values: &Values) -> String {
        const MOST: u64 = 8;
        let length = entries.len();
        let first = length.saturating_sub(MOST);
        let last = (first..length).filter_map(|offset| entries.get(offset));
        let last = last.map(|value| values.get(value).to_string()).collect::<Vec<_>>().join(", ");
        match first {
            0 => format!("[{last}]"),
            _ => format!("{length} entries, the last of them {last}"),
        }
    }
}

fn offset(value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| format!("an offset is a whole number from 0 on, not {value}"))
}
