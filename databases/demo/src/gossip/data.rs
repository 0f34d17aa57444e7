//! Data that merges: registers, registers of several values, counters and sets, by key.
//!
//! The state is a function of which updates were applied, whatever their order among those that had not
//! seen each other.

use crate::command::{Key, check_key, check_value};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// By origin, how many of its updates were seen.
pub type Seen = BTreeMap<String, u64>;

/// What a client can ask of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Local {
    /// Writes a register of which the last write wins.
    Write {
        key: Key,
        value: Value,
    },
    Read {
        key: Key,
    },
    /// Writes a register that keeps all values of which none had seen another.
    Put {
        key: Key,
        value: Value,
    },
    Values {
        key: Key,
    },
    /// Adds to a counter; less than nothing, too.
    Add {
        key: Key,
        by: i64,
    },
    Total {
        key: Key,
    },
    Insert {
        key: Key,
        element: i64,
    },
    /// Removes what this node has of an element; declined if it has nothing.
    Remove {
        key: Key,
        element: i64,
    },
    Elements {
        key: Key,
    },
    /// A checksum of all that this node has.
    Digest,
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What was read; null for an update.
    pub value: Value,
    /// What the node had seen when it answered.
    pub seen: Seen,
    /// The values that a `put` replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Vec<Value>>,
}

/// The name of an update: whose, and its how-manieth.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dot {
    pub origin: String,
    pub number: u64,
}

/// A change, with all that other nodes have to know of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    pub dot: Dot,
    /// Greater than the clock of every update that its maker had seen.
    pub clock: u64,
    /// What its maker had seen.
    pub after: Seen,
    pub key: Key,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Write(Value),
    Put { value: Value, replaces: Vec<Dot> },
    Add(i64),
    Insert(i64),
    Remove { element: i64, dots: Vec<Dot> },
    Nothing,
}

impl Local {
    /// Whether it is within the database's limits; the error says which one it is not.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Write { key, value } | Self::Put { key, value } => {
                check_key(key).and_then(|()| check_value(value))
            }
            Self::Digest => Ok(()),
            Self::Read { key }
            | Self::Values { key }
            | Self::Add { key, .. }
            | Self::Total { key }
            | Self::Insert { key, .. }
            | Self::Remove { key, .. }
            | Self::Elements { key } => check_key(key),
        }
    }
}

/// What a node has.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The latest write, by clock and then by origin.
    registers: BTreeMap<Key, (u64, String, Value)>,
    siblings: BTreeMap<Key, BTreeMap<Dot, (u64, Value)>>,
    counters: BTreeMap<Key, i64>,
    /// The adds of each element that no removal has seen.
    sets: BTreeMap<Key, BTreeMap<i64, BTreeSet<Dot>>>,
}

impl State {
    pub(super) fn apply(&mut self, update: &Update, keeps_one: bool) {
        let Update { dot, clock, key, .. } = update;
        match &update.change {
            Change::Write(value) => {
                let later = |(at, origin, _): &(u64, String, Value)| {
                    (*at, origin.as_str()) < (*clock, dot.origin.as_str())
                };
                if self.registers.get(key).is_none_or(later) {
                    let write = (*clock, dot.origin.clone(), value.clone());
                    self.registers.insert(key.clone(), write);
                }
            }
            Change::Put { value, replaces } => {
                let values = self.siblings.entry(key.clone()).or_default();
                replaces.iter().for_each(|old| drop(values.remove(old)));
                values.insert(dot.clone(), (*clock, value.clone()));
                if keeps_one {
                    let last =
                        values.iter().max_by_key(|(dot, (clock, _))| (*clock, (*dot).clone()));
                    let last = last.map(|(dot, _)| dot.clone());
                    values.retain(|dot, _| Some(dot) == last.as_ref());
                }
            }
            Change::Add(by) => {
                let counter = self.counters.entry(key.clone()).or_default();
                *counter = counter.saturating_add(*by);
            }
            Change::Insert(element) => {
                let set = self.sets.entry(key.clone()).or_default();
                set.entry(*element).or_default().insert(dot.clone());
            }
            Change::Remove { element, dots } => {
                let Some(set) = self.sets.get_mut(key) else { return };
                let Some(adds) = set.get_mut(element) else { return };
                adds.retain(|add| !dots.contains(add));
                if adds.is_empty() {
                    set.remove(element);
                }
            }
            Change::Nothing => {}
        }
    }

    /// What a command reads; nothing for an update.
    pub(super) fn read(&self, command: &Local) -> Option<Value> {
        Some(match command {
            Local::Read { key } => {
                self.registers.get(key).map_or(Value::Null, |(_, _, value)| value.clone())
            }
            Local::Values { key } => self.values(key).into(),
            Local::Total { key } => self.counters.get(key).copied().unwrap_or(0).into(),
            Local::Elements { key } => {
                let set = self.sets.get(key);
                set.map(|set| set.keys().copied().collect::<Vec<i64>>()).unwrap_or_default().into()
            }
            Local::Digest => {
                format!("{:08x}", crc32fast::hash(format!("{self:?}").as_bytes())).into()
            }
            Local::Write { .. }
            | Local::Put { .. }
            | Local::Add { .. }
            | Local::Insert { .. }
            | Local::Remove { .. } => return None,
        })
    }

    /// All values of a register, in no order that means anything.
    pub(super) fn values(&self, key: &Key) -> Vec<Value> {
        let values = self.siblings.get(key).into_iter().flat_map(BTreeMap::values);
        values.map(|(_, value)| value.clone()).collect()
    }

    /// The change that an update makes here; the error says why it makes none.
    pub(super) fn change(&self, command: &Local) -> Result<(Key, Change), String> {
        Ok(match command {
            Local::Write { key, value } => (key.clone(), Change::Write(value.clone())),
            Local::Put { key, value } => {
                let values = self.siblings.get(key).into_iter().flat_map(BTreeMap::keys);
                let replaces = values.cloned().collect();
                (key.clone(), Change::Put { value: value.clone(), replaces })
            }
            Local::Add { key, by } => (key.clone(), Change::Add(*by)),
            Local::Insert { key, element } => (key.clone(), Change::Insert(*element)),
            Local::Remove { key, element } => {
                let adds = self.sets.get(key).and_then(|set| set.get(element));
                let dots = adds.ok_or("this node does not have the element")?.iter().cloned();
                (key.clone(), Change::Remove { element: *element, dots: dots.collect() })
            }
            _ => return Err("this changes nothing".to_owned()),
        })
    }
}
