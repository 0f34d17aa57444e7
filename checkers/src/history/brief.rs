//! Briefs: events as far as a stream judges by them, small, and without a tree for small values.

use serde_json::Value;

use super::{Event, Kind, Name, Process};

/// A value that is mostly small: equal values are equal in this form, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Small {
    #[default]
    Null,
    Int(i64),
    /// Anything else, never null nor what fits an `i64`.
    Other(Box<Value>),
}

/// The value of an event. A list of two is taken apart, since that is what values of keyed
/// histories are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shown {
    One(Small),
    Pair(Small, Small),
}

/// An event less its node and its error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    pub index: u64,
    /// Nanoseconds since the run began.
    pub time: u64,
    pub process: Process,
    pub kind: Kind,
    /// The function, by its number in a table beside it.
    pub f: u32,
    pub value: Shown,
}

impl Brief {
    /// The same event, its function by this number.
    pub fn of(event: Event, f: u32) -> Self {
        let Event { index, time, process, kind, value, .. } = event;
        Self { index, time, process, kind, f, value: value.into() }
    }

    /// The event, less its node and its error, with the functions by number.
    pub fn event(&self, names: &[Name]) -> Event {
        let Self { index, time, process, kind, .. } = *self;
        let f = names.get(self.f as usize).cloned().unwrap_or_else(|| Name::from(""));
        let value = self.value.to_value();
        Event { index, time, process, kind, f, value, node: None, error: None }
    }
}

impl Small {
    /// The value as JSON. Allocates only if it is not small.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::from(*number),
            Self::Other(value) => (**value).clone(),
        }
    }

    /// Lets somebody look at the value as JSON, without a copy.
    pub fn with<R>(&self, look: impl FnOnce(&Value) -> R) -> R {
        match self {
            Self::Null => look(&Value::Null),
            Self::Int(number) => look(&Value::from(*number)),
            Self::Other(value) => look(value),
        }
    }
}

impl From<Value> for Small {
    fn from(value: Value) -> Self {
        match value.as_i64() {
            Some(number) => Self::Int(number),
            None if value.is_null() => Self::Null,
            None => Self::Other(Box::new(value)),
        }
    }
}

impl From<Shown> for Small {
    fn from(value: Shown) -> Self {
        match value {
            Shown::One(value) => value,
            Shown::Pair(first, second) => {
                Self::Other(Box::new(Value::Array(vec![first.to_value(), second.to_value()])))
            }
        }
    }
}

impl From<Value> for Shown {
    fn from(value: Value) -> Self {
        match value {
            Value::Array(mut list) if list.len() == 2 => {
                let second = list.pop().unwrap_or_default();
                let first = list.pop().unwrap_or_default();
                Self::Pair(first.into(), second.into())
            }
            other => Self::One(other.into()),
        }
    }
}

impl Shown {
    /// The first of two, which is the key in a keyed history.
    pub fn key(&self) -> Option<&Small> {
        match self {
            Self::Pair(key, _) => Some(key),
            Self::One(_) => None,
        }
    }

    /// The whole value as JSON.
    pub fn to_value(&self) -> Value {
        match self {
            Self::One(value) => value.to_value(),
            Self::Pair(first, second) => Value::Array(vec![first.to_value(), second.to_value()]),
        }
    }

    /// Lets somebody look at the whole value as JSON.
    pub fn with<R>(&self, look: impl FnOnce(&Value) -> R) -> R {
        match self {
            Self::One(value) => value.with(look),
            Self::Pair(..) => look(&self.to_value()),
        }
    }
}
