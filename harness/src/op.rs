//! Operations: what a generator asks a client, or the nemesis, to do.

use perjury_checkers::Name;
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
}
