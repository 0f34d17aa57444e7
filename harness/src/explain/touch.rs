//! What an operation touches: which keys, and whether it only reads them.

use crate::report::text;
use perjury_checkers::{Operation, Outcome};
use serde_json::Value;

/// Functions that change nothing, in our words and in those of other tools.
const READS: [&str; 8] = ["read", "r", "rp", "get", "contains", "peek", "list", "scan"];

/// One key of one operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Touch<'a> {
    /// `None` if the history is of a single object.
    pub(super) key: Option<&'a Value>,
    pub(super) reads: bool,
    pub(super) writes: bool,
}

/// Whether a function only looks.
pub(super) fn is_read(f: &str) -> bool {
    READS.contains(&f)
}

/// The steps of a transaction: what came back, or what was asked if nothing is known to have
/// come back. Empty for any other operation.
pub(super) fn micros<'h>(operation: &Operation<'h>) -> &'h [Value] {
    let value = match operation.outcome {
        Outcome::Ok(value) if text::is_transaction(value) => value,
        _ => operation.input,
    };
    if !text::is_transaction(value) {
        return &[];
    }
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A step's function, key and value.
pub(super) fn step(micro: &Value) -> Option<(&str, &Value, &Value)> {
    match micro.as_array().map(Vec::as_slice) {
        Some([Value::String(f), key, value, ..]) => Some((f, key, value)),
        Some([Value::String(f), key]) => Some((f, key, &Value::Null)),
        _ => None,
    }
}

/// Each key once, in the order in which the operation comes to it.
pub(super) fn touches<'h>(operation: &Operation<'h>, keyed: bool) -> Vec<Touch<'h>> {
    let micros = micros(operation);
    if micros.is_empty() {
        let reads = is_read(operation.f);
        let pair = operation.input.as_array().filter(|pair| keyed && pair.len() == 2);
        return vec![Touch { key: pair.map(|pair| &pair[0]), reads, writes: !reads }];
    }
    let mut touches: Vec<Touch<'h>> = Vec::new();
    for (f, key, _) in micros.iter().filter_map(step) {
        let reads = is_read(f);
        match touches.iter_mut().find(|touch| touch.key == Some(key)) {
            Some(touch) => {
                touch.reads |= reads;
                touch.writes |= !reads;
            }
            None => touches.push(Touch { key: Some(key), reads, writes: !reads }),
        }
    }
    touches
}

/// Whether values are `[key, value]`: every read asks for `[key, null]`, or, without reads,
/// every operation has a pair.
pub fn looks_keyed(operations: &[Operation<'_>]) -> bool {
    let pair = |value: &Value| value.as_array().is_some_and(|pair| pair.len() == 2);
    let plain = || operations.iter().filter(|operation| !text::is_transaction(operation.input));
    let mut reads = plain().filter(|operation| is_read(operation.f)).peekable();
    if reads.peek().is_some() {
        return reads.all(|operation| pair(operation.input) && operation.input[1].is_null());
    }
    let mut all = plain().peekable();
    all.peek().is_some() && all.all(|operation| pair(operation.input) && operation.f != "cas")
}
