//! Identifiers that were seen: each remembered exactly, in as little as its form allows.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use serde_json::Value;

use crate::history::brief::Small;

/// A set of identifiers. Integers that follow one another take next to nothing, UUIDs 16 bytes each,
/// and other texts what they are.
#[derive(Debug, Default)]
pub(super) struct Seen {
    integers: Runs,
    uuids: FxHashSet<u128>,
    others: FxHashSet<Box<Value>>,
}

impl Seen {
    /// Whether it is new.
    pub(super) fn add(&mut self, id: &Small) -> bool {
        match id {
            Small::Int(number) => self.integers.add(i128::from(*number)),
            Small::Null => self.others.insert(Box::new(Value::Null)),
            Small::Other(value) => match (value.as_u64(), value.as_str().and_then(uuid)) {
                (Some(number), _) => self.integers.add(i128::from(number)),
                (None, Some(uuid)) => self.uuids.insert(uuid),
                (None, None) => self.others.insert(value.clone()),
            },
        }
    }
}

/// The bits of a UUID in its usual form, small letters only: other forms are other texts.
fn uuid(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    let mut bits = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let dash = matches!(at, 8 | 13 | 18 | 23);
        bits = match byte {
            b'-' if dash => bits,
            b'0'..=b'9' if !dash => bits << 4 | u128::from(byte - b'0'),
            b'a'..=b'f' if !dash => bits << 4 | u128::from(byte - b'a' + 10),
            _ => return None,
        };
    }
    Some(bits)
}

/// Integers as runs from one to another, both in them.
#[derive(Debug, Default)]
pub(crate) struct Runs(BTreeMap<i128, i128>);

impl Runs {
    /// Whether it is new.
    pub(crate) fn add(&mut self, number: i128) -> bool {
        let before = self.0.range(..=number).next_back().map(|(from, to)| (*from, *to));
        if before.is_some_and(|(_, to)| number <= to) {
            return false;
        }
        let end = self.0.remove(&(number + 1)).unwrap_or(number);
        match before.filter(|(_, to)| to + 1 == number) {
            Some((from, _)) => self.0.insert(from, end),
            None => self.0.insert(number, end),
        };
        true
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}
