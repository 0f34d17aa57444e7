//! Workloads by name: which checkers judge a history that somebody brings.

use serde_json::Value;

use crate::bank::Bank;
use crate::counter::Counter;
use crate::linear::{CasRegister, Linearizable, Mutex};
use crate::long_fork::LongFork;
use crate::set::{Set, SetFull};
use crate::txn::{ConsistencyModel, ListAppend, RwRegister};
use crate::unique_ids::UniqueIds;
use crate::{Checker, History, Kind};

/// Names and what they judge, a line each.
pub const WORKLOADS: [(&str, &str); 11] = [
    ("cas-register", "read, write v, cas [old, new]; linearizable, per key if values are [key, …]"),
    ("register", "the same as cas-register"),
    ("mutex", "acquire, release; linearizable"),
    ("list-append", "transactions of [\"append\", k, v] and [\"r\", k, list]; a consistency model"),
    ("rw-register", "transactions of [\"w\", k, v] and [\"r\", k, v]; a consistency model"),
    ("set", "add v, read; the last read has all that was acknowledged"),
    ("set-full", "add v, read; no read misses what was known before it began"),
    ("counter", "add n, read; every read within what must and may have been added"),
    ("bank", "transfer {from, to, amount}, read {account: balance}; the total stays"),
    ("long-fork", "[\"w\", k, v] once per key and reads of groups; one order of writes"),
    ("unique-ids", "generate; no answer comes twice"),
];

/// What the user may say about a history, as far as its workload has use for it.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// The level that is promised; a workload has a default.
    pub consistency_model: Option<String>,
    /// Whether values are `[key, value]` with an object per key; found out if not said.
    pub keyed: Option<bool>,
    /// What a register holds at first: null for ours.
    pub initial: Value,
    /// Knossos' convention, that reading null is reading anything.
    pub null_read_is_any: bool,
}

/// The checkers of a workload. The error says what names there are, or which option does not
/// fit.
pub fn checkers_for_workload(
    workload: &str,
    options: &CheckOptions,
    history: &History,
) -> Result<Vec<Box<dyn Checker>>, String> {
    let checker: Box<dyn Checker> = match workload {
        "cas-register" | "register" => {
            only(workload, options, &["linearizable"])?;
            let model = CasRegister {
                initial: options.initial.clone(),
                null_read_is_any: options.null_read_is_any,
                failed_cas_compares: false,
            };
            let keyed = options.keyed.unwrap_or_else(|| looks_keyed(history));
            Box::new(Linearizable::new(model).keyed(keyed))
        }
        "mutex" => {
            only(workload, options, &["linearizable"])?;
            Box::new(Linearizable::new(Mutex).keyed(options.keyed.unwrap_or(false)))
        }
        "list-append" => Box::new(ListAppend { model: level(options)? }),
        "rw-register" => Box::new(RwRegister::new(level(options)?)),
        "set" => Box::new(Set),
        "set-full" => {
            only(workload, options, &["linearizable", "eventual"])?;
            let linearizable = options.consistency_model.as_deref() != Some("eventual");
            Box::new(SetFull { linearizable })
        }
        "counter" => Box::new(Counter),
        "bank" => Box::new(Bank::default()),
        "long-fork" => Box::new(LongFork),
        "unique-ids" => Box::new(UniqueIds),
        other => {
            let known: Vec<&str> = WORKLOADS.iter().map(|(name, _)| *name).collect();
            return Err(format!("there is no workload `{other}`; known are {}", known.join(", ")));
        }
    };
    Ok(vec![checker])
}

fn level(options: &CheckOptions) -> Result<ConsistencyModel, String> {
    options.consistency_model.as_deref().map_or(Ok(ConsistencyModel::default()), str::parse)
}

fn only(workload: &str, options: &CheckOptions, models: &[&str]) -> Result<(), String> {
    match options.consistency_model.as_deref() {
        Some(model) if !models.contains(&model) => Err(format!(
            "workload {workload} is judged as {}, not as {model}; leave the consistency model out",
            models.join(" or ")
        )),
        _ => Ok(()),
    }
}

/// Whether values are `[key, value]`. A read shows it, as it calls with `[key, null]` there
/// and with null otherwise; without reads, a write of a pair is taken as one of a key.
fn looks_keyed(history: &History) -> bool {
    let pair = |value: &Value| value.as_array().is_some_and(|list| list.len() == 2);
    let calls = || {
        let events = history.events().iter();
        events.filter(|event| event.kind == Kind::Invoke && event.process.client().is_some())
    };
    let mut reads = calls().filter(|event| &*event.f == "read").peekable();
    if reads.peek().is_some() {
        return reads.all(|event| pair(&event.value) && event.value[1].is_null());
    }
    let mut writes = calls().filter(|event| &*event.f == "write").peekable();
    writes.peek().is_some() && writes.all(|event| pair(&event.value))
}

#[cfg(test)]
mod tests;
