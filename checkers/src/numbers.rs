//! Numbers for values: equal values of one owner have the same, counted from 0 as they come up.

use rustc_hash::FxHashMap;
use serde_json::Value;

/// Most values are integers, and those hash faster by themselves.
#[derive(Debug, Default)]
pub(crate) struct Numbers<'h> {
    integers: FxHashMap<(u32, i64), u32>,
    others: FxHashMap<(u32, &'h Value), u32>,
}

impl<'h> Numbers<'h> {
    /// The number of a value, which is `next` if it is new.
    pub(crate) fn number(&mut self, owner: u32, value: &'h Value, next: u32) -> u32 {
        match value.as_i64() {
            Some(integer) => *self.integers.entry((owner, integer)).or_insert(next),
            None => *self.others.entry((owner, value)).or_insert(next),
        }
    }

    /// The number of a value that came up.
    pub(crate) fn get(&self, owner: u32, value: &Value) -> Option<u32> {
        match value.as_i64() {
            Some(integer) => self.integers.get(&(owner, integer)).copied(),
            None => self.others.get(&(owner, value)).copied(),
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
