//! Foreign events: operation maps of other harnesses on their way into a history.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::wellformed::{Guard, Turn};
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
pub(crate) fn kind(word: &str) -> Option<Kind> {
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

/// Makes a history of foreign events: numbers what has no index, gives a time to what has none,
/// puts keys in front of values, and checks leniently.
///
/// An event without a process is of process 0; without a function name, a `txn` (as in the
/// histories of Elle's tests).
pub(super) struct Assembler {
    events: Vec<Event>,
    /// For each event its position among all that were read, and where it stands.
    places: Vec<(u64, usize)>,
    read: u64,
    skipped: u64,
    /// Whether every event has an index so far, and a time.
    numbered: bool,
    timed: bool,
    keys: Keys,
}

impl Default for Assembler {
    fn default() -> Self {
        let (events, places, keys) = (Vec::new(), Vec::new(), Keys::default());
        Self { events, places, read: 0, skipped: 0, numbered: true, timed: true, keys }
    }
}

impl Assembler {
    /// Takes the next event.
    pub(super) fn push(&mut self, event: ForeignEvent, names: &mut Names) {
        let usable = |number: Option<i64>| number.and_then(|n| u64::try_from(n).ok());
        let (index, time) = (usable(event.index), usable(event.time));
        self.numbered &= index.is_some();
        self.timed &= time.is_some();
        let position = self.read;
        self.read += 1;
        let process = match event.process {
            Some(Actor::Other) => {
                self.skipped += 1;
                return;
            }
            Some(Actor::Known(process)) => process,
            None => Process::Client(0),
        };
        let kind = event.kind.unwrap_or(Kind::Info);
        self.places.push((position, event.at));
        self.events.push(Event {
            index: index.unwrap_or_default(),
            time: time.unwrap_or_default(),
            process,
            kind,
            f: event.f.unwrap_or_else(|| names.get("txn")),
            value: self.keys.in_front(process, kind, event.key, event.value),
            node: event.node,
            error: event.error,
            due: None,
        });
    }

    /// The events so far, without those of processes that do not count.
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many events were taken, also of processes that do not count.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    pub(super) fn finish(mut self) -> Result<Assembled, Misplaced> {
        let renumbered = if self.numbered { 0 } else { self.read };
        let skipped = self.skipped;
        let mut recovery = Recovery { renumbered, skipped, ..Recovery::default() };
        let mut guard = Guard::lenient();
        let mut latest = 0;
        for (event, (position, at)) in self.events.iter_mut().zip(&self.places) {
            if !self.numbered {
                event.index = *position;
            }
            if !self.timed {
                event.time = event.index;
            }
            recovery.retimed += u64::from(!self.timed || event.time < latest);
            latest = latest.max(event.time);
            event.time = latest;
            guard
                .admit(Turn::of(event), Name::clone)
                .map_err(|flaw| Misplaced { at: *at, flaw })?;
        }
        let history = History { events: self.events };
        recovery.open_calls = history.open_calls();
        Ok(Assembled { history, recovery, keyed: self.keys.keyed() })
    }
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
