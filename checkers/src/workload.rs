//! Workloads by name: which checkers judge a history that somebody brings.

use serde_json::Value;

use crate::bank::Bank;
use crate::counter::Counter;
use crate::linear::{
    CasRegister, CounterObject, FencedMutex, IdSource, KvMap, Linearizable, Log, Model,
    MultiRegister, Mutex, OwnedMutex, ReentrantMutex, Semaphore,
};
use crate::long_fork::LongFork;
use crate::set::{Set, SetFull};
use crate::txn::{ConsistencyModel, ListAppend, RwRegister};
use crate::unique_ids::UniqueIds;
use crate::{Checker, Event, History, Kind};

/// Names and what they judge, a line each.
pub const WORKLOADS: [(&str, &str); 20] = [
    ("cas-register", "read, write v, cas [old, new]; linearizable, per key if values are [key, …]"),
    ("register", "the same as cas-register"),
    ("mutex", "acquire, release by anybody; linearizable"),
    ("owned-mutex", "acquire, release by the process or {client}; linearizable"),
    ("reentrant-mutex", "the same, acquired again by its holder; linearizable"),
    ("fenced-mutex", "acquire, answered by a token that grows, and release; linearizable"),
    ("semaphore", "acquire n, release n; linearizable"),
    ("kv-map", "get, put v, append v, delete; linearizable, per key if values are [key, …]"),
    ("multi-register", "txn [[\"r\", k, v], [\"w\", k, v], …]; linearizable"),
    ("linearizable-counter", "add n, increment, add-and-get n, fetch-add n, read; linearizable"),
    ("log", "append v, answered by its offset, read offset, length; linearizable"),
    ("monotonic-ids", "generate; answers increase in real time"),
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
    /// How many permits a semaphore has, and how often a reentrant mutex can be held; 1 for
    /// the one and without limit for the other if not said.
    pub permits: Option<u32>,
    /// Whether an owner gives back only permits that it took itself.
    pub owned_permits: bool,
    /// Whether the holder of a mutex with tokens may acquire it again, with the same token.
    pub reentrant: bool,
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
            let model = CasRegister {
                initial: options.initial.clone(),
                null_read_is_any: options.null_read_is_any,
                failed_cas_compares: false,
            };
            linearizable(model, workload, options, Some(history))?
        }
        "mutex" => linearizable(Mutex, workload, options, None)?,
        "owned-mutex" => linearizable(OwnedMutex, workload, options, None)?,
        "reentrant-mutex" => {
            linearizable(ReentrantMutex { most: options.permits }, workload, options, None)?
        }
        "fenced-mutex" => {
            let model = FencedMutex { reentrant: options.reentrant, most: options.permits };
            linearizable(model, workload, options, None)?
        }
        "semaphore" => {
            let permits = options.permits.unwrap_or(1);
            let model = Semaphore { permits, owned: options.owned_permits };
            linearizable(model, workload, options, None)?
        }
        "kv-map" => {
            let model = KvMap { missing: options.initial.clone() };
            linearizable(model, workload, options, Some(history))?
        }
        "multi-register" => {
            let initial = options.initial.clone();
            let model = MultiRegister { initial, null_read_is_any: options.null_read_is_any };
            linearizable(model, workload, options, None)?
        }
        "linearizable-counter" => linearizable(CounterObject, workload, options, None)?,
        "log" => linearizable(Log, workload, options, None)?,
        "monotonic-ids" => linearizable(IdSource { monotonic: true }, workload, options, None)?,
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

/// Judges by a model; whether values are `[key, value]` is looked up in `history` if that is
/// given and the user does not say.
fn linearizable<M: Model + 'static>(
    model: M,
    workload: &str,
    options: &CheckOptions,
    history: Option<&History>,
) -> Result<Box<dyn Checker>, String> {
    only(workload, options, &["linearizable"])?;
    let keyed = options.keyed.unwrap_or_else(|| history.is_some_and(looks_keyed));
    Ok(Box::new(Linearizable::new(model).keyed(keyed)))
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
    let is = |names: &[&str], event: &Event| names.contains(&&*event.f);
    let mut reads = calls().filter(|event| is(&["read", "r", "get"], event)).peekable();
    if reads.peek().is_some() {
        return reads.all(|event| pair(&event.value) && event.value[1].is_null());
    }
    let mut writes = calls().filter(|event| is(&["write", "w", "put", "append"], event)).peekable();
    writes.peek().is_some() && writes.all(|event| pair(&event.value))
}

#[cfg(test)]
mod tests;
