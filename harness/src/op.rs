//! Operations: what a generator asks a client, or the nemesis, to do.

use perjury_checkers::Name;
use perjury_checkers::history::CRASH;
use serde_json::Value;

/// A function to call and its argument, without a time or a process yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    pub f: Name,
    pub value: Value,
}

impl Op {
    /// `Op::new("write", json!([3, 7]))`.
    pub fn new(f: impl Into<Name>, value: impl Into<Value>) -> Self {
        Self { f: f.into(), value: value.into() }
    }

    /// The client ends as if its machine had lost power: whatever it holds of the database it does
    /// not give back, and its process is never heard of again. No client ever sees this operation.
    pub fn crash() -> Self {
        Self::new(CRASH, Value::Null)
    }

    pub(crate) fn is_crash(&self) -> bool {
        &*self.f == CRASH
    }
}
