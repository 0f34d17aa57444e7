//! Transactions out of operations: micro-operations with keys and elements by number.

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::{Operation, Outcome};

/// No transaction.
pub(super) const NOBODY: u32 = u32::MAX;

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Committed,
    Aborted,
    Unknown,
}

/// One step of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Micro<'h> {
    /// Appends (or writes) element number `element` to `key`.
    Write { key: u32, element: u32 },
    /// Reads `key`; `None` if the answer is not known.
    Read { key: u32, seen: Option<&'h Value> },
}

#[derive(Debug)]
pub(super) struct Txn<'h> {
    pub(super) operation: &'h Operation,
    pub(super) status: Status,
    pub(super) micros: Vec<Micro<'h>>,
}

/// A written value of one key.
#[derive(Debug)]
pub(super) struct Element<'h> {
    pub(super) key: u32,
    pub(super) value: &'h Value,
    pub(super) writer: u32,
    /// Whether its transaction writes this key again later.
    pub(super) intermediate: bool,
}

/// All transactions of a history.
#[derive(Debug, Default)]
pub(super) struct Txns<'h> {
    pub(super) txns: Vec<Txn<'h>>,
    pub(super) keys: Vec<&'h Value>,
    pub(super) elements: Vec<Element<'h>>,
    key_numbers: FxHashMap<&'h Value, u32>,
    element_numbers: FxHashMap<(u32, &'h Value), u32>,
}

impl<'h> Txns<'h> {
    /// Reads micro-operations `[writes, key, value]` and `["r", key, seen]`, where `writes` is
    /// the word for a write. Every written value may occur once per key.
    pub(super) fn parse(operations: &'h [Operation], writes: &str) -> Result<Self, String> {
        let mut all = Self::default();
        for operation in operations {
            let (status, value) = match &operation.outcome {
                Outcome::Ok(value) => (Status::Committed, value),
                Outcome::Failed => (Status::Aborted, &operation.input),
                Outcome::Unknown => (Status::Unknown, &operation.input),
            };
            let misread = |what: &Value| {
                format!(
                    "operation {} cannot be read: a transaction is a list of [\"{writes}\", \
                     key, value] and [\"r\", key, value], not {what}",
                    operation.index
                )
            };
            let list = value.as_array().ok_or_else(|| misread(value))?;
            let number = u32::try_from(all.txns.len()).map_err(|_| "too many transactions")?;
            let mut micros = Vec::with_capacity(list.len());
            for micro in list {
                let parts = micro.as_array().map(Vec::as_slice).unwrap_or_default();
                let Some((key, rest)) = parts.get(1).map(|key| (key, parts.get(2))) else {
                    return Err(misread(micro));
                };
                let key = all.key(key);
                match parts[0].as_str() {
                    Some("r") => {
                        let known = status == Status::Committed;
                        let seen = rest.unwrap_or(&Value::Null);
                        micros.push(Micro::Read { key, seen: known.then_some(seen) });
                    }
                    Some(word) if word == writes => {
                        let value = rest.ok_or_else(|| misread(micro))?;
                        let element = all.write(key, value, number, operation)?;
                        micros.push(Micro::Write { key, element });
                    }
                    _ => return Err(misread(micro)),
                }
            }
            all.mark_intermediate(&micros);
            all.txns.push(Txn { operation, status, micros });
        }
        Ok(all)
    }

    fn key(&mut self, key: &'h Value) -> u32 {
        let next = self.keys.len() as u32;
        *self.key_numbers.entry(key).or_insert_with(|| {
            self.keys.push(key);
            next
        })
    }

    fn write(
        &mut self,
        key: u32,
        value: &'h Value,
        writer: u32,
        operation: &Operation,
    ) -> Result<u32, String> {
        let number = self.elements.len() as u32;
        if let Some(earlier) = self.element_numbers.insert((key, value), number) {
            let earlier = self.elements[earlier as usize].writer as usize;
            let earlier = self.txns.get(earlier).map_or(operation.index, |t| t.operation.index);
            return Err(format!(
                "operations {earlier} and {} both write {value} to key {}; to tell who wrote \
                 what, every value written to a key must be new",
                operation.index, self.keys[key as usize]
            ));
        }
        self.elements.push(Element { key, value, writer, intermediate: false });
        Ok(number)
    }

    fn mark_intermediate(&mut self, micros: &[Micro<'_>]) {
        let mut later: Vec<u32> = Vec::new();
        for micro in micros.iter().rev() {
            let Micro::Write { key, element } = micro else { continue };
            if later.contains(key) {
                self.elements[*element as usize].intermediate = true;
            } else {
                later.push(*key);
            }
        }
    }

    /// The number of a written value, if anybody tried to write it.
    pub(super) fn element(&self, key: u32, value: &Value) -> Option<u32> {
        // The map's keys live as long as the history; a shorter borrow is fine for asking.
        let numbers: &FxHashMap<(u32, &Value), u32> = &self.element_numbers;
        numbers.get(&(key, value)).copied()
    }

    /// Who wrote an element, with what became of it.
    pub(super) fn writer(&self, element: u32) -> (u32, Status) {
        let writer = self.elements[element as usize].writer;
        (writer, self.txns[writer as usize].status)
    }

    /// The invocation index of a transaction.
    pub(super) fn index(&self, txn: u32) -> u64 {
        self.txns[txn as usize].operation.index
    }
}
