//! Streaming: a history is judged while it grows, and what is settled is let go.
//!
//! Every object has walks of its own (see `frontier.rs`). A call is shown to them when its
//! outcome is known, and in the order of the history, so they lag behind by as much as the
//! slowest call that is open. Until the first call of unknown outcome one exact walk decides.
//! From then on there are two: a frugal one, which shows that there is still a way, and a
//! generous one, which shows that there is none. Memory: the calls not yet settled, the walks,
//! and each different value of an object once.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::frontier::{Live, LiveError};
use super::model::{Answer, Asked, Model, NEVER, Values};
use crate::tally::{Tally, anomaly};
use crate::{Event, Finding, Kind, Process, Step};

/// An object that cannot have behaved like that.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Which object, in a keyed history.
    pub key: Option<Value>,
    /// Invocation index of the operation that cannot have been answered so.
    pub operation: u64,
    /// Index of the event at which that was certain.
    pub found_at: u64,
    /// What the object could hold, in words.
    pub states: Vec<String>,
}

/// Judges the objects of a history by a model, one event after another.
pub struct Stream<M: Model> {
    model: Arc<M>,
    keyed: bool,
    keys: FxHashMap<Value, usize>,
    objects: Vec<Object<M>>,
    /// Per process, its open call: the object and the number there.
    open: FxHashMap<u32, (usize, u64)>,
    position: u32,
    operations: u64,
    violations: Vec<Violation>,
}

struct Object<M: Model> {
    key: Option<Value>,
    values: Values,
    live: Live<M>,
    /// Calls not yet settled; the first has number `settled`.
    calls: VecDeque<Pending<M::Call>>,
    settled: u64,
    /// What happened to them, in the order of the history.
    events: VecDeque<Moment>,
    ended: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Moment {
    Begin(u64),
    End(u64),
}

struct Pending<C> {
    invocation: Event,
    /// The call and its end, once they are known; `Some(None)` if it has no bearing.
    outcome: Option<Option<(C, u32)>>,
    slot: Option<usize>,
    done: bool,
}

impl<M: Model + 'static> Stream<M> {
    /// Objects of this model, one per key if the history is keyed.
    pub fn new(model: M, keyed: bool) -> Self {
        Self {
            model: Arc::new(model),
            keyed,
            keys: FxHashMap::default(),
            objects: Vec::new(),
            open: FxHashMap::default(),
            position: 0,
            operations: 0,
            violations: Vec::new(),
        }
    }

    fn object(&mut self, event: &Event) -> Result<usize, String> {
        let key = if self.keyed { Some(split(event)?.0) } else { None };
        if let Some(number) = self.keys.get(key.unwrap_or(&Value::Null)) {
            return Ok(*number);
        }
        let mut values = Values::default();
        let initial = self.model.initial(&mut values);
        self.objects.push(Object {
            key: key.cloned(),
            values,
            live: Live::new(self.model.clone(), initial),
            calls: VecDeque::new(),
            settled: 0,
            events: VecDeque::new(),
            ended: None,
        });
        self.keys.insert(key.cloned().unwrap_or_default(), self.objects.len() - 1);
        Ok(self.objects.len() - 1)
    }

    /// The outcome of call `number` of an object becomes known.
    fn settle(
        &mut self,
        object: usize,
        number: u64,
        completion: Option<&Event>,
    ) -> Result<(), String> {
        let keyed = self.keyed;
        let object = &mut self.objects[object];
        let Some(pending) = object.calls.get_mut((number - object.settled) as usize) else {
            return Ok(());
        };
        let taken = |event| if keyed { split(event).map(|(_, v)| v) } else { Ok(&event.value) };
        let (answer, end) = match completion {
            Some(event) if event.kind == Kind::Ok => {
                (Answer::Ok(taken(event)?), 2 * self.position + 1)
            }
            Some(event) if event.kind == Kind::Fail => (Answer::Failed, 2 * self.position + 1),
            _ => (Answer::Unknown, NEVER),
        };
        let event = &pending.invocation;
        let process = event.process.client().unwrap_or(u32::MAX);
        let asked = Asked { f: &event.f, input: taken(event)?, answer, process };
        let call = self
            .model
            .call(asked, &mut object.values)
            .map_err(|why| format!("operation {} cannot be read: {why}", event.index))?;
        let known = call.is_some() && end != NEVER;
        pending.outcome = Some(call.map(|call| (call, end)));
        if known {
            object.events.push_back(Moment::End(number));
        }
        let found_at = completion.map_or(event.index, |event| event.index);
        let violation = object.advance(&self.model, found_at);
        self.violations.extend(violation);
        Ok(())
    }
}

impl<M: Model + 'static> Object<M> {
    /// Shows the walks all that is settled.
    fn advance(&mut self, model: &M, found_at: u64) -> Option<Violation> {
        while let Some(moment) = self.events.front() {
            let (Moment::Begin(number) | Moment::End(number)) = *moment;
            let pending = &mut self.calls[(number - self.settled) as usize];
            let Some(outcome) = &pending.outcome else { break };
            let result = match (moment, outcome) {
                (Moment::Begin(_), None) => {
                    pending.done = true;
                    Ok(())
                }
                (Moment::Begin(_), Some((call, end))) => {
                    pending.done = *end == NEVER;
                    self.live.begin(call, *end).map(|slot| pending.slot = slot)
                }
                (Moment::End(_), _) => {
                    pending.done = true;
                    pending.slot.map_or(Ok(()), |slot| self.live.finish(slot))
                }
            };
            let operation = pending.invocation.index;
            self.events.pop_front();
            while self.calls.front().is_some_and(|pending| pending.done) {
                self.calls.pop_front();
                self.settled += 1;
            }
            match result {
                Ok(()) => {}
                Err(LiveError::Undecided(why)) => self.ended = Some(why),
                Err(LiveError::Stuck(states)) => {
                    self.ended = Some("it was violated");
                    let name = |state| model.describe_state(&state, &self.values);
                    return Some(Violation {
                        key: self.key.clone(),
                        operation,
                        found_at,
                        states: states.into_iter().map(name).collect(),
                    });
                }
            }
        }
        None
    }
}

impl<M: Model + 'static> Streaming for Stream<M> {
    fn push(&mut self, event: &Event) -> Result<(), String> {
        let Process::Client(process) = event.process else { return Ok(()) };
        self.position += 1;
        if event.kind != Kind::Invoke {
            return match self.open.remove(&process) {
                Some((object, number)) => self.settle(object, number, Some(event)),
                None => Err(format!("event {} completes what nobody called", event.index)),
            };
        }
        let object = self.object(event)?;
        let number = {
            let object = &mut self.objects[object];
            let number = object.settled + object.calls.len() as u64;
            let invocation = event.clone();
            object.calls.push_back(Pending { invocation, outcome: None, slot: None, done: false });
            object.events.push_back(Moment::Begin(number));
            number
        };
        self.operations += 1;
        match self.open.insert(process, (object, number)) {
            Some((object, number)) => self.settle(object, number, None),
            None => Ok(()),
        }
    }

    fn violations(&self) -> &[Violation] {
        &self.violations
    }

    fn finish(&mut self) -> Finding {
        let mut left: Vec<(usize, u64)> = self.open.drain().map(|(_, call)| call).collect();
        left.sort_unstable();
        let mut unread = None;
        for (object, number) in left {
            unread = self.settle(object, number, None).err().or(unread);
        }
        let mut tally = Tally::default();
        for violation in &self.violations {
            tally.add(|| told(self.model.noun(), violation));
        }
        let undecided = self.objects.iter().find_map(|object| {
            let why = object.ended?;
            let key = object.key.as_ref().map(|key| format!(" on key {key}")).unwrap_or_default();
            Some(format!("{why}{key}; check the whole file at once to decide it"))
        });
        let nothing = (self.operations == 0).then(|| "there is no operation to judge".to_owned());
        let stats = json!({
            "keys": self.objects.len(),
            "operations": self.operations,
            "engines": { "stream": self.objects.len() },
        });
        tally.conclude("linearizable", unread.or(undecided).or(nothing), stats)
    }
}

fn told(noun: &str, violation: &Violation) -> crate::Anomaly {
    let Violation { key, operation, states, .. } = violation;
    let of_key = key.as_ref().map(|key| format!(" of key {key}")).unwrap_or_default();
    let held = crate::words::either(states);
    let text = format!(
        "Operation {operation} cannot have been answered so: when it ended, the {noun}{of_key} \
         could hold {held} only."
    );
    let steps = vec![Step { text: text.clone(), operations: vec![*operation] }];
    let title = format!("Not linearizable: the {noun}{of_key}");
    let found = anomaly("nonlinearizable", title, text, steps, &["linearizable"]);
    crate::Anomaly { key: key.clone(), ..found }
}

/// Key and value of an event of a keyed history.
fn split(event: &Event) -> Result<(&Value, &Value), String> {
    match event.value.as_array().map(Vec::as_slice) {
        Some([key, value]) => Ok((key, value)),
        _ => Err(format!(
            "event {} has the value {}, where a keyed history has [key, value]",
            event.index, event.value
        )),
    }
}

/// A checker that is shown one event after another.
pub trait Streaming: Send {
    /// The next event. The error says what is wrong with it.
    fn push(&mut self, event: &Event) -> Result<(), String>;

    /// Where something went wrong so far, in the order in which it was found.
    fn violations(&self) -> &[Violation];

    /// The history ends: calls without an answer stay unknown. The verdict.
    fn finish(&mut self) -> Finding;
}
