//! Partition: the calls on each object, ready to be searched.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{Answer, Leaves, Model, Values};
use super::search::Timed;
use crate::{Operation, Outcome};

/// The operations on one object.
pub(super) struct Part<'a, M: Model> {
    pub(super) key: Option<Value>,
    pub(super) values: Values,
    pub(super) initial: M::State,
    /// Operations that matter, ordered by invocation, and the call that each is.
    pub(super) operations: Vec<&'a Operation>,
    pub(super) calls: Vec<Timed<M::Call>>,
    /// What operations that certainly did not happen would have left behind.
    pub(super) failed: Vec<(M::State, &'a Operation)>,
}

/// Splits operations by key, in the order in which keys appear.
pub(super) fn parts<'a, M: Model>(
    model: &M,
    operations: &'a [Operation],
    keyed: bool,
) -> Result<Vec<Part<'a, M>>, String> {
    let mut parts: Vec<Part<'a, M>> = Vec::new();
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for operation in operations {
        let (key, input) = if keyed {
            let (key, input) = split(&operation.input, operation)?;
            (Some(key), input)
        } else {
            (None, &operation.input)
        };
        let name = key.map(Value::to_string).unwrap_or_default();
        let number = *numbers.entry(name).or_insert_with(|| {
            parts.push(Part::new(model, key.cloned()));
            parts.len() - 1
        });
        parts[number].add(model, operation, input, keyed)?;
    }
    Ok(parts)
}

impl<'a, M: Model> Part<'a, M> {
    fn new(model: &M, key: Option<Value>) -> Self {
        let mut values = Values::default();
        let initial = model.initial(&mut values);
        Self { key, values, initial, operations: vec![], calls: vec![], failed: vec![] }
    }

    fn add(
        &mut self,
        model: &M,
        operation: &'a Operation,
        input: &Value,
        keyed: bool,
    ) -> Result<(), String> {
        let answer = match &operation.outcome {
            Outcome::Ok(output) if keyed => Answer::Ok(split(output, operation)?.1),
            Outcome::Ok(output) => Answer::Ok(output),
            Outcome::Failed => Answer::Failed,
            Outcome::Unknown => Answer::Unknown,
        };
        let misread = |why: String| format!("operation {} cannot be read: {why}", operation.index);
        let call = model.call(&operation.f, input, answer, &mut self.values).map_err(misread)?;
        if operation.is_failed() {
            let would = model.call(&operation.f, input, Answer::Unknown, &mut self.values);
            if let Ok(Some(would)) = would
                && let Leaves::State(state) = model.leaves(would)
            {
                self.failed.push((state, operation));
            }
        }
        if let Some(call) = call {
            let end = match operation.end() {
                u64::MAX => u64::MAX,
                end => 2 * end + 1,
            };
            self.calls.push(Timed { call, start: 2 * operation.index, end });
            self.operations.push(operation);
        }
        Ok(())
    }
}

fn split<'v>(value: &'v Value, operation: &Operation) -> Result<(&'v Value, &'v Value), String> {
    match value.as_array().map(Vec::as_slice) {
        Some([key, value]) => Ok((key, value)),
        _ => Err(format!(
            "operation {} has the value {value}, where a keyed history has [key, value]; \
             check it as one object if there is only one",
            operation.index
        )),
    }
}
