//! Reading histories with predicate reads: their results become reads of single keys.

use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use super::condition::Condition;
use super::{Predicates, Selection};
use crate::txn::transactions::Transactions;
use crate::{Event, History, Kind};

/// Transactions, and what they selected. The error says what cannot be read.
pub(super) fn read(history: &History) -> Result<(Transactions, Predicates), String> {
    let mut reader = Reader { keys: keys(history)?, ..Reader::default() };
    let mut events: Vec<Event> = Vec::with_capacity(history.events().len());
    let mut open: FxHashMap<u32, u64> = FxHashMap::default();
    for event in history.events() {
        let Some(process) = event.process.client() else {
            events.push(event.clone());
            continue;
        };
        let call = match event.kind {
            Kind::Invoke => *open.entry(process).insert_entry(event.index).get(),
            _ => open.remove(&process).unwrap_or(event.index),
        };
        let value = reader.transaction(call, event)?;
        events.push(Event { value, ..event.clone() });
    }
    let history = History::new(events).map_err(|error| error.to_string())?;
    let mut txns = Transactions::from_history(&history, "w")?;
    let number = |call: u64| txns.all().partition_point(|txn| txn.index < call) as u32;
    for selection in &mut reader.found.selections {
        let call = reader.calls[selection.txn as usize];
        selection.txn = number(call);
    }
    reader.found.selections.sort_by_key(|selection| (selection.txn, selection.first));
    let texts: Vec<(u32, Value)> =
        reader.texts.into_iter().map(|(call, text)| (number(call), text)).collect();
    for (number, text) in texts {
        txns.set_text(number, text);
    }
    Ok((txns, reader.found))
}

/// Keys by their texts, as keys of an object are texts. The error says which two have the same.
fn keys(history: &History) -> Result<FxHashMap<String, Value>, String> {
    let mut keys: FxHashMap<String, Value> = FxHashMap::default();
    let clients = history.events().iter().filter(|event| event.process.client().is_some());
    for micro in clients.filter_map(|event| event.value.as_array()).flatten() {
        let Some([Value::String(f), key, ..]) = micro.as_array().map(Vec::as_slice) else {
            continue;
        };
        if f == "rp" {
            continue;
        }
        match keys.get(&text(key)) {
            Some(other) if other != key => {
                return Err(format!(
                    "keys {key} and {other} both occur, and objects of results cannot tell \
                     them apart; use keys of one type"
                ));
            }
            Some(_) => {}
            None => _ = keys.insert(text(key), key.clone()),
        }
    }
    Ok(keys)
}

fn text(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

#[derive(Default)]
struct Reader {
    keys: FxHashMap<String, Value>,
    /// Numbers of predicates by their texts.
    known: FxHashMap<String, u32>,
    found: Predicates,
    /// Invocation indices, which selections point to until transactions are numbered.
    calls: Vec<u64>,
    /// Transactions with predicate reads, by invocation index.
    texts: Vec<(u64, Value)>,
}

impl Reader {
    /// The transaction of an event with its predicate reads taken apart.
    fn transaction(&mut self, call: u64, event: &Event) -> Result<Value, String> {
        let is_predicate = |micro: &Value| micro[0] == "rp";
        let Some(micros) = event.value.as_array().filter(|all| all.iter().any(is_predicate)) else {
            return Ok(event.value.clone());
        };
        let committed = event.kind == Kind::Ok;
        if committed || event.kind == Kind::Invoke {
            self.texts.push((call, event.value.clone()));
        }
        let txn = self.calls.len() as u32;
        if committed {
            self.calls.push(call);
        }
        let mut plain: Vec<Value> = Vec::new();
        for micro in micros {
            if !is_predicate(micro) {
                plain.push(micro.clone());
            } else if committed {
                let first = plain.len() as u32;
                let condition = self.condition(call, micro)?;
                self.results(call, micro, &mut plain)?;
                let length = plain.len() as u32 - first;
                self.found.selections.push(Selection { txn, condition, first, length });
            }
        }
        Ok(Value::Array(plain))
    }

    fn condition(&mut self, call: u64, micro: &Value) -> Result<u32, String> {
        let text = micro[1].to_string();
        if let Some(number) = self.known.get(&text) {
            return Ok(*number);
        }
        let condition = Condition::parse(&micro[1]).ok_or_else(|| {
            format!(
                "operation {call} has the predicate {text}; known are true, [\"=\", v], \
                 [\"<\", v], [\">\", v] and [\"mod\", m, r]"
            )
        })?;
        let number = self.found.conditions.len() as u32;
        self.found.conditions.push(condition);
        self.known.insert(text, number);
        Ok(number)
    }

    /// Adds a read for every result.
    fn results(&self, call: u64, micro: &Value, plain: &mut Vec<Value>) -> Result<(), String> {
        let mut add = |key: Value, value: &Value| {
            if !value.is_null() {
                plain.push(json!(["r", key, value]));
            }
        };
        let known = |name: &String| self.keys.get(name).cloned();
        match &micro[2] {
            Value::Object(results) => {
                let all: &Map<String, Value> = results;
                for (name, value) in all {
                    add(known(name).unwrap_or_else(|| name.clone().into()), value);
                }
            }
            Value::Array(pairs) if pairs.iter().all(|pair| pair[1] != Value::Null) => {
                pairs.iter().for_each(|pair| add(pair[0].clone(), &pair[1]));
            }
            other => {
                return Err(format!(
                    "operation {call} got {other} for a predicate, where an object of keys and \
                     their values should be"
                ));
            }
        }
        Ok(())
    }
}
