//! Inserts: keys that are written once, and reads that must not see a later one without an earlier.

mod causal_reverse;
mod sequential;

use serde_json::Value;

pub use self::causal_reverse::CausalReverse;
pub use self::sequential::Sequential;
use crate::Operation;
use crate::numbers::Keys;
use crate::words::shortened;

/// A step of a transaction, in the order in which it was asked for.
#[derive(Clone, Copy, Debug)]
enum Micro {
    Write(u32),
    /// A key, and whether it was there.
    Read(u32, bool),
}

/// Who inserted a key: the operation's number, and which step of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Insert {
    operation: u32,
    step: u32,
}

/// A history of inserts, keys by number.
#[derive(Debug)]
struct Inserts<'h> {
    operations: &'h [Operation<'h>],
    keys: Keys<'h>,
    /// By key: the insert of it that did not fail.
    inserted: Vec<Option<Insert>>,
    /// The steps of all transactions; `steps[n]..steps[n + 1]` are those of operation n.
    micros: Vec<Micro>,
    steps: Vec<u32>,
    /// Transactions with an answer that read something.
    reads: u64,
    /// Keys that some read found, and keys that some read did not find.
    found: u64,
    missing: u64,
}

impl<'h> Inserts<'h> {
    /// Reads `txn`s of `["w", key, value]` and `["r", key, value]`, where null is a key that is not
    /// there. The error says what does not fit. Linear.
    fn read(operations: &'h [Operation<'h>]) -> Result<Self, String> {
        let mut inserts = Self {
            operations,
            keys: Keys::default(),
            inserted: Vec::new(),
            micros: Vec::with_capacity(2 * operations.len()),
            steps: Vec::with_capacity(operations.len() + 1),
            reads: 0,
            found: 0,
            missing: 0,
        };
        for (number, operation) in (0u32..).zip(operations) {
            inserts.steps.push(inserts.micros.len() as u32);
            // What was asked says what was written, also where there is no answer.
            let value = operation.output().unwrap_or(operation.input);
            let steps = value.as_array().filter(|_| operation.f == "txn");
            let Some(steps) = steps else {
                return Err(strange(operation));
            };
            let before = inserts.reads;
            for (step, micro) in (0u32..).zip(steps) {
                let Some([Value::String(f), key, value]) = micro.as_array().map(Vec::as_slice)
                else {
                    return Err(strange(operation));
                };
                let key = inserts.keys.number(key);
                inserts.inserted.resize(inserts.keys.all.len(), None);
                match f.as_str() {
                    "w" => inserts.write(key, Insert { operation: number, step })?,
                    "r" if operation.is_ok() => {
                        inserts.micros.push(Micro::Read(key, !value.is_null()));
                        inserts.reads = before + 1;
                    }
                    "r" => {}
                    _ => return Err(strange(operation)),
                }
            }
        }
        inserts.steps.push(inserts.micros.len() as u32);
        inserts.count();
        Ok(inserts)
    }

    fn write(&mut self, key: u32, insert: Insert) -> Result<(), String> {
        let operation = &self.operations[insert.operation as usize];
        if operation.is_failed() {
            return Ok(());
        }
        if self.inserted[key as usize].replace(insert).is_some() {
            return Err(format!(
                "operation {} writes key {} again, but every key is written once",
                operation.index,
                shortened(self.keys.all[key as usize])
            ));
        }
        self.micros.push(Micro::Write(key));
        Ok(())
    }

    fn count(&mut self) {
        let (mut found, mut missing) =
            (vec![false; self.inserted.len()], vec![false; self.inserted.len()]);
        for micro in &self.micros {
            match *micro {
                Micro::Read(key, true) => found[key as usize] = true,
                Micro::Read(key, false) => missing[key as usize] = true,
                Micro::Write(_) => {}
            }
        }
        let count = |keys: Vec<bool>| keys.into_iter().filter(|key| *key).count() as u64;
        (self.found, self.missing) = (count(found), count(missing));
    }

    fn micros(&self, operation: u32) -> &[Micro] {
        let at = operation as usize;
        &self.micros[self.steps[at] as usize..self.steps[at + 1] as usize]
    }

    fn operation(&self, insert: Insert) -> &'h Operation<'h> {
        &self.operations[insert.operation as usize]
    }

    fn key(&self, key: u32) -> String {
        shortened(self.keys.all[key as usize])
    }

    fn stats(&self) -> Value {
        let inserted = self.inserted.iter().flatten();
        let acknowledged = inserted.filter(|insert| self.operation(**insert).is_ok()).count();
        serde_json::json!({
            "keys": self.keys.all.len(),
            "acknowledged": acknowledged,
            "reads": self.reads,
            "found": self.found,
            "missing_at_times": self.missing,
        })
    }

    /// Why nothing can be said.
    fn untested(&self) -> Option<String> {
        if self.found == 0 {
            return Some("no read found any key, so nothing can be judged".to_owned());
        }
        (self.missing == 0).then(|| {
            "no read ever looked for a key that was not there, so none can have been missed; \
             read several keys at a time, also ones that are just being inserted"
                .to_owned()
        })
    }
}

fn strange(operation: &Operation<'_>) -> String {
    format!(
        "operation {} is `{} {}`, where a txn of [\"w\", key, value] and [\"r\", key, null] should \
         be",
        operation.index,
        operation.f,
        shortened(operation.input)
    )
}

#[cfg(test)]
mod tests;
