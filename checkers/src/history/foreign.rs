//! Foreign events: operation maps of other harnesses on their way into a history.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::wellformed::Guard;
use super::{Event, Flaw, History, Kind, Name, Names, Process, Recovery};

/// Who did it, in another harness's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    Known(Process),
    /// A keyword or text other than `nemesis`.
    Other,
}

/// An operation map with everything optional that corpora leave out.
#[derive(Debug, Default)]
pub(super) struct ForeignEvent {
    /// Where it stands, as its reader counts; only to say where a flaw is.
    pub(super) at: usize,
    pub(super) index: Option<i64>,
    pub(super) time: Option<i64>,
    pub(super) process: Option<Actor>,
    pub(super) kind: Option<Kind>,
    pub(super) f: Option<Name>,
    /// The key, where it has a field of its own.
    pub(super) key: Option<Value>,
    pub(super) value: Value,
    pub(super) node: Option<Name>,
    pub(super) error: Option<Name>,
}

/// A flaw of a foreign event, with the event's own [`ForeignEvent::at`].
#[derive(Debug)]
pub(super) struct Misplaced {
    pub(super) at: usize,
    pub(super) flaw: Flaw,
}

/// Foreign events as a history.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) history: History,
    pub(super) recovery: Recovery,
    /// Whether all clients' calls had a key of their own; `None` if only some had.
    pub(super) keyed: Option<bool>,
}

/// Jepsen's word for an event's type.
pub(super) fn kind(word: &str) -> Option<Kind> {
    match word {
        "invoke" => Some(Kind::Invoke),
        "ok" => Some(Kind::Ok),
        "fail" => Some(Kind::Fail),
        "info" => Some(Kind::Info),
        _ => None,
    }
}

/// Reads `:process`.
pub(super) fn actor(value: &Value) -> Result<Actor, String> {
    match value {
        Value::Number(number) => match number.as_u64().and_then(|n| u32::try_from(n).ok()) {
            Some(process) => Ok(Actor::Known(Process::Client(process))),
            None => Err(format!("process {number} is not between 0 and {}", u32::MAX)),
        },
        Value::String(word) if word == "nemesis" => Ok(Actor::Known(Process::Nemesis)),
        Value::String(_) => Ok(Actor::Other),
        Value::Null => Ok(Actor::Known(Process::Client(0))),
        other => Err(format!("a process is a number or a word, not {other}")),
    }
}

/// Turns `:error`, which may be anything, into a word.
pub(super) fn error_word(value: &Value, names: &mut Names) -> Option<Name> {
    match value {
        Value::Null => None,
        Value::String(word) => Some(names.get(word)),
        other => Some(names.get(&other.to_string())),
    }
}

/// Numbers what has no index, gives a time to what has none, puts keys in front of values,
/// and checks leniently.
///
/// An event without a process is of process 0; without a function name, a `txn` (as in the
/// histories of Elle's tests).
pub(super) fn assemble(
    foreign: Vec<ForeignEvent>,
    names: &mut Names,
) -> Result<Assembled, Misplaced> {
    let mut recovery = Recovery::default();
    let usable = |number: Option<i64>| number.and_then(|n| u64::try_from(n).ok());
    let numbered = foreign.iter().all(|event| usable(event.index).is_some());
    let timed = foreign.iter().all(|event| usable(event.time).is_some());
    let mut guard = Guard::lenient();
    let mut keys = Keys::default();
    let mut events: Vec<Event> = Vec::with_capacity(foreign.len());
    let mut latest = 0;
    for (position, event) in foreign.into_iter().enumerate() {
        recovery.renumbered += u64::from(!numbered);
        let process = match event.process {
            Some(Actor::Other) => {
                recovery.skipped += 1;
                continue;
            }
            Some(Actor::Known(process)) => process,
            None => Process::Client(0),
        };
        let position = position as u64;
        let index = if numbered { usable(event.index).unwrap_or(position) } else { position };
        let time = if timed { usable(event.time).unwrap_or(latest) } else { index };
        recovery.retimed += u64::from(!timed || time < latest);
        latest = latest.max(time);
        let kind = event.kind.unwrap_or(Kind::Info);
        let assembled = Event {
            index,
            time: latest,
            process,
            kind,
            f: event.f.unwrap_or_else(|| names.get("txn")),
            value: keys.in_front(process, kind, event.key, event.value),
            node: event.node,
            error: event.error,
        };
        guard.admit(&assembled).map_err(|flaw| Misplaced { at: event.at, flaw })?;
        events.push(assembled);
    }
    let history = History { events };
    recovery.open_calls = history.open_calls();
    Ok(Assembled { history, recovery, keyed: keys.keyed() })
}

/// Keys that stand in a field of their own, as in Porcupine's key-value logs.
#[derive(Default)]
struct Keys {
    /// The keys of open calls, for answers that do not repeat it.
    open: FxHashMap<u32, Value>,
    with: u64,
    without: u64,
}

impl Keys {
    /// `[key, value]`, or the value alone where there is no key.
    fn in_front(
        &mut self,
        process: Process,
        kind: Kind,
        key: Option<Value>,
        value: Value,
    ) -> Value {
        let Process::Client(process) = process else {
            return match key {
                Some(key) => Value::Array(vec![key, value]),
                None => value,
            };
        };
        let of_call = if self.open.is_empty() { None } else { self.open.remove(&process) };
        let key = if kind == Kind::Invoke { key } else { key.or(of_call) };
        let Some(key) = key else {
            self.without += 1;
            return value;
        };
        self.with += 1;
        if kind == Kind::Invoke {
            self.open.insert(process, key.clone());
        }
        Value::Array(vec![key, value])
    }

    fn keyed(&self) -> Option<bool> {
        match (self.with, self.without) {
            (0, _) => Some(false),
            (_, 0) => Some(true),
            _ => None,
        }
    }
}
