//! Transactions out of a history of events.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::builder::NewTxn;
use super::{Action, Atom, Builder, NEVER, Status, Transactions};
use crate::{Event, History, Kind, Process};

impl Transactions {
    /// Reads steps `[write, key, value]` and `["r", key, seen]`, where `write` is the word for
    /// a write: `append`, `w`, `add`. What a read saw is a list if it is an array.
    ///
    /// The error says which operation is none.
    pub fn from_history(history: &History, write: &str) -> Result<Self, String> {
        let events = history.events();
        let completions = completions(events);
        let mut builder = Builder::new(true);
        for (at, event) in events.iter().enumerate() {
            let Process::Client(process) = event.process else { continue };
            let completion = completions[at];
            if completion == ALREADY {
                continue;
            }
            let completed = events.get(completion as usize);
            let (status, value) = match completed.map(|event| event.kind) {
                Some(Kind::Ok) => (Status::Committed, &events[completion as usize].value),
                Some(Kind::Fail) => (Status::Aborted, &event.value),
                Some(Kind::Info | Kind::Invoke) | None => (Status::Unknown, &event.value),
            };
            let known = status != Status::Unknown;
            builder.begin(NewTxn {
                index: event.index,
                called: event.time,
                returned: completed.filter(|_| known).map_or(u64::MAX, |event| event.time),
                process,
                // An answer without a call began just before it ended.
                begin: 2 * at as u32,
                end: if known { 2 * completion + 1 } else { NEVER },
                status,
            });
            steps(&mut builder, event.index, value, write, status == Status::Committed)?;
        }
        Ok(builder.finish())
    }
}

/// An event that only ends a call.
const ALREADY: u32 = NEVER - 1;

/// Per event the position of its completion: [`NEVER`] without one, [`ALREADY`] if it is one
/// itself. A completion without a call completes itself.
fn completions(events: &[Event]) -> Vec<u32> {
    let mut completions = vec![NEVER; events.len()];
    let mut open: FxHashMap<u32, usize> = FxHashMap::default();
    for (at, event) in events.iter().enumerate() {
        let Process::Client(process) = event.process else { continue };
        if event.kind == Kind::Invoke {
            open.insert(process, at);
        } else if let Some(call) = open.remove(&process) {
            completions[call] = at as u32;
            completions[at] = ALREADY;
        } else {
            completions[at] = at as u32;
        }
    }
    completions
}

fn steps(
    builder: &mut Builder,
    index: u64,
    value: &Value,
    write: &str,
    committed: bool,
) -> Result<(), String> {
    let misread = |what: &Value| {
        format!(
            "operation {index} cannot be read: a transaction is a list of [\"{write}\", key, \
             value] and [\"r\", key, value], not {what}"
        )
    };
    for micro in value.as_array().ok_or_else(|| misread(value))? {
        let parts = micro.as_array().map(Vec::as_slice).unwrap_or_default();
        let (Some(f), Some(key)) = (parts.first().and_then(Value::as_str), parts.get(1)) else {
            return Err(misread(micro));
        };
        let key = builder.atom(key);
        let value = parts.get(2);
        match (f, value) {
            ("r", Some(Value::Array(list))) if committed => {
                let atoms: Vec<Atom> = list.iter().map(|value| builder.atom(value)).collect();
                builder.read_list(key, atoms.into_iter());
            }
            ("r", value) if committed => {
                let atom = builder.atom(value.unwrap_or(&Value::Null));
                builder.micro(Action::Read, key, atom);
            }
            ("r", _) => builder.micro(Action::ReadUnknown, key, Atom::NIL),
            (word, Some(value)) if word == write => {
                let atom = builder.atom(value);
                builder.micro(Action::Write, key, atom);
            }
            _ => return Err(misread(micro)),
        }
    }
    Ok(())
}
