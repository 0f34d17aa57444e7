//! Numbers for values: equal values of one owner have the same, counted from 0 as they come up.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use serde_json::Value;

/// A value by which things are told apart. Most are integers, which need not be looked up where
/// they lie in memory, and hash faster by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain<'h> {
    Integer(i64),
    Other(&'h Value),
}

impl<'h> From<&'h Value> for Plain<'h> {
    fn from(value: &'h Value) -> Self {
        value.as_i64().map_or(Self::Other(value), Self::Integer)
    }
}

impl<'h> Plain<'h> {
    pub(crate) fn value(self) -> Cow<'h, Value> {
        match self {
            Self::Integer(integer) => Cow::Owned(integer.into()),
            Self::Other(value) => Cow::Borrowed(value),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Numbers<'h> {
    integers: FxHashMap<(u32, i64), u32>,
    others: FxHashMap<(u32, &'h Value), u32>,
}

impl<'h> Numbers<'h> {
    /// The number of a value, which is `next` if it is new.
    pub(crate) fn number(&mut self, owner: u32, value: impl Into<Plain<'h>>, next: u32) -> u32 {
        match value.into() {
            Plain::Integer(integer) => *self.integers.entry((owner, integer)).or_insert(next),
            Plain::Other(value) => *self.others.entry((owner, value)).or_insert(next),
        }
    }

    /// The number of a value that came up.
    pub(crate) fn get(&self, owner: u32, value: &Value) -> Option<u32> {
        match value.into() {
            Plain::Integer(integer) => self.integers.get(&(owner, integer)).copied(),
            Plain::Other(value) => self.others.get(&(owner, value)).copied(),
        }
    }
}

/// Numbers for values that have no owner, with the values.
#[derive(Debug, Default)]
pub(crate) struct Keys<'h> {
    numbers: Numbers<'h>,
    pub(crate) all: Vec<&'h Value>,
}

impl<'h> Keys<'h> {
    pub(crate) fn number(&mut self, key: &'h Value) -> u32 {
        let next = self.all.len() as u32;
        let number = self.numbers.number(0, key, next);
        if number == next {
            self.all.push(key);
        }
        number
    }
}

#[cfg(test)]
mod tests;
