//! Commands: what a client can ask of the database, and what it is answered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Operations that one transaction may hold.
const OPERATIONS_LIMIT: usize = 256;
/// Bytes that a key may have, as JSON.
const KEY_LIMIT: usize = 256;
/// Bytes that a value may have, as JSON.
const VALUE_LIMIT: usize = 16 << 10;

/// A key: any JSON value, in its shortest text, so that `1` and `"1"` are different keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// The value that it is the text of.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<&Value> for Key {
    fn from(value: &Value) -> Self {
        Self(value.to_string())
    }
}

/// One request, executed as a whole or not at all.
///
/// Registers, lists, sets and counters are four separate spaces of keys. What was never written
/// reads as null, an empty list, an empty set and 0. There is one lock and one queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    RegisterRead {
        key: Key,
    },
    RegisterWrite {
        key: Key,
        value: Value,
    },
    /// Writes `new` if the register holds `old`; null is the value of a register never written.
    RegisterCompareAndSet {
        key: Key,
        old: Value,
        new: Value,
    },
    /// Reads and writes registers and lists, all at one instant.
    Transaction {
        operations: Vec<Operation>,
    },
    SetAdd {
        key: Key,
        element: i64,
    },
    SetRead {
        key: Key,
    },
    CounterAdd {
        key: Key,
        by: i64,
    },
    /// Makes the counter this, whatever it was.
    CounterReset {
        key: Key,
        value: i64,
    },
    CounterRead {
        key: Key,
    },
    /// Takes the lock if it is free, or if whoever has it has kept it for longer than its lease.
    /// Answered with a token that grows from grant to grant.
    LockAcquire {
        owner: Key,
        /// The time by the leader's clock, in milliseconds, as it puts this into the log: leases are
        /// counted by the log, so that all nodes count alike. Not for clients to say.
        #[serde(default)]
        at: u64,
    },
    /// Frees the lock if `owner` has it.
    LockRelease {
        owner: Key,
    },
    /// The last token that was granted, and who has the lock; null if nobody has.
    LockRead,
    /// Puts an element at the end of the queue.
    Enqueue {
        element: Value,
    },
    /// Takes the first element of the queue.
    Dequeue,
    /// Takes one of the first elements of the queue, so far from the first; only a bug does.
    DequeueFrom {
        position: usize,
    },
    /// Takes all elements of the queue, and answers with their list.
    Drain,
    /// Answers with a number that no other call is answered with, greater than all before it.
    GenerateId,
    /// Changes keys of the watched map, all at once. Answered with the revision that has the change.
    Change {
        changes: Vec<(Value, Value)>,
    },
    /// All changes of the watched map from a revision on, of `most` revisions at the most. Any node
    /// answers it from what it has, unless `latest` is asked for.
    Changes {
        from: u64,
        most: u64,
        latest: bool,
    },
}

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    ReadList {
        key: Key,
    },
    Append {
        key: Key,
        element: Value,
    },
    ReadRegister {
        key: Key,
    },
    WriteRegister {
        key: Key,
        value: Value,
    },
    /// Adds to a register of a number, which held `initial` if it was never written. If there would
    /// be less than `least`, nothing of the transaction happens.
    AddToRegister {
        key: Key,
        by: i64,
        initial: i64,
        least: Option<i64>,
    },
    /// Nothing of the transaction happens unless the list has so many elements.
    RequireList {
        key: Key,
        length: usize,
    },
    /// Nothing of the transaction happens unless the register holds this.
    RequireRegister {
        key: Key,
        value: Value,
    },
    /// Puts a record at the end of a log, and gives its offset.
    Send {
        key: Key,
        value: Value,
    },
    /// Up to `most` records of a log, each with its offset, `skip` behind an offset. For a member of a
    /// group that offset counts in its generation, and after that where the group has come to. What
    /// the same transaction sends is not among them.
    Poll {
        key: Key,
        from: u64,
        skip: u64,
        most: u64,
        member: Option<Member>,
    },
    /// Where a log ends.
    End {
        key: Key,
    },
    /// A member of a group is there, and polls these logs with the others.
    Attend {
        member: Member,
        logs: Vec<Key>,
        /// Only a bug believes what a member claims.
        #[serde(default)]
        trusting: bool,
        /// The time by the leader's clock, as for a lock.
        #[serde(default)]
        at: u64,
    },
    /// It leaves the group.
    Leave {
        member: Member,
    },
    /// A member has got what is before this offset.
    Commit {
        key: Key,
        member: Member,
        position: u64,
    },
}

/// A member of a group of consumers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub group: Key,
    /// Nobody else is called that.
    pub name: Key,
    /// The last generation of the group that it knows of; 0 for none.
    pub generation: u64,
    /// The logs that were its own in that.
    pub claims: Vec<Key>,
}

impl Member {
    fn check(&self) -> Result<(), String> {
        check_key(&self.group).and(check_key(&self.name))?;
        self.claims.iter().try_for_each(check_key)
    }
}

impl Operation {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::ReadList { key }
            | Self::ReadRegister { key }
            | Self::RequireList { key, .. }
            | Self::AddToRegister { key, .. } => check_key(key),
            Self::Append { key, element: value }
            | Self::WriteRegister { key, value }
            | Self::RequireRegister { key, value }
            | Self::Send { key, value } => check_key(key).and_then(|()| check_value(value)),
            Self::Poll { key, member, .. } => {
                check_key(key)?;
                member.as_ref().map_or(Ok(()), Member::check)
            }
            Self::End { key } => check_key(key),
            Self::Attend { member, logs, .. } => {
                logs.iter().try_for_each(check_key)?;
                member.check()
            }
            Self::Leave { member } => member.check(),
            Self::Commit { key, member, .. } => check_key(key).and_then(|()| member.check()),
        }
    }

    /// Whether it changes nothing.
    pub fn is_read(&self) -> bool {
        let logs = matches!(self, Self::Poll { .. } | Self::End { .. });
        logs || matches!(self, Self::ReadList { .. } | Self::ReadRegister { .. })
    }

    /// Whether it can be declined, and all of its transaction with it.
    pub fn can_be_declined(&self) -> bool {
        match self {
            Self::AddToRegister { .. }
            | Self::RequireList { .. }
            | Self::RequireRegister { .. } => true,
            Self::ReadList { .. }
            | Self::Append { .. }
            | Self::ReadRegister { .. }
            | Self::Send { .. }
            | Self::Poll { .. }
            | Self::End { .. }
            | Self::Attend { .. }
            | Self::Leave { .. }
            | Self::Commit { .. }
            | Self::WriteRegister { .. } => false,
        }
    }
}

impl Command {
    /// Whether it changes nothing, so that it needs no place in the log.
    pub fn is_read(&self) -> bool {
        match self {
            Self::RegisterRead { .. }
            | Self::SetRead { .. }
            | Self::CounterRead { .. }
            | Self::LockRead
            | Self::Changes { .. } => true,
            Self::Transaction { operations } => operations.iter().all(Operation::is_read),
            _ => false,
        }
    }

    /// Whether any node may answer it from its own state, however old that is.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Changes { latest: false, .. })
    }

    /// Whether it is within the database's limits; the error says which one it is not.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::RegisterRead { key } | Self::SetRead { key } | Self::CounterRead { key } => {
                check_key(key)
            }
            Self::SetAdd { key, .. }
            | Self::CounterAdd { key, .. }
            | Self::CounterReset { key, .. } => check_key(key),
            Self::LockAcquire { owner, .. } | Self::LockRelease { owner } => check_key(owner),
            Self::Enqueue { element } => check_value(element),
            Self::LockRead
            | Self::Dequeue
            | Self::DequeueFrom { .. }
            | Self::Drain
            | Self::Changes { .. }
            | Self::GenerateId => Ok(()),
            Self::Change { changes } if changes.len() > OPERATIONS_LIMIT => {
                Err(format!("{OPERATIONS_LIMIT} keys may be changed at once at the most"))
            }
            Self::Change { changes } => changes
                .iter()
                .try_for_each(|(key, value)| check_key(&Key::from(key)).and(check_value(value))),
            Self::RegisterWrite { key, value } => check_key(key).and_then(|()| check_value(value)),
            Self::RegisterCompareAndSet { key, old, new } => {
                check_key(key)?;
                check_value(old)?;
                check_value(new)
            }
            Self::Transaction { operations } if operations.len() > OPERATIONS_LIMIT => {
                Err(format!("a transaction may hold {OPERATIONS_LIMIT} operations at the most"))
            }
            Self::Transaction { operations } => operations.iter().try_for_each(Operation::check),
        }
    }
}

pub(crate) fn check_key(key: &Key) -> Result<(), String> {
    if key.0.len() > KEY_LIMIT {
        return Err(format!("a key may have {KEY_LIMIT} bytes at the most"));
    }
    Ok(())
}

pub(crate) fn check_value(value: &Value) -> Result<(), String> {
    // Numbers and short texts, which nearly all values are, need not be written out to be counted.
    let short = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => text.len() < VALUE_LIMIT / 8,
        Value::Array(_) | Value::Object(_) => false,
    };
    if !short && value.to_string().len() > VALUE_LIMIT {
        return Err(format!("a value may have {VALUE_LIMIT} bytes at the most"));
    }
    Ok(())
}

/// What a command led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done and has nothing to say.
    Done,
    /// What a register or a counter holds, what came out of the queue, a lock's token.
    Value(Value),
    /// The elements of a set, in ascending order.
    Elements(Vec<i64>),
    /// What each operation of a transaction read: null for those that read nothing.
    Transaction(Vec<Value>),
    /// It was decided not to do it, and nothing has changed: a compare-and-set that compared
    /// unequal, a lock that is held, an addition that would leave too little.
    Declined(String),
}
