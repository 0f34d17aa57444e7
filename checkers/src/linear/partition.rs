//! Partition: the calls on each object, ready to be judged.
//!
//! A history of many objects is linearizable if and only if that of each object is (Herlihy &
//! Wing, theorem 1; as *P-compositionality* in Horn & Kroening, FORTE 2015).

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::model::{Answer, Asked, Leaves, Model, NEVER, Timed, Values};
use crate::{Event, History, Kind, Operation, Process};

/// Where the events of the operations on one object stand in the history.
#[derive(Debug)]
pub(super) struct Group<'h> {
    pub(super) key: Option<&'h Value>,
    /// Ordered by invocation.
    places: Vec<Place>,
}

/// Positions of an invocation and its completion; [`NEVER`] where nobody knows the outcome.
/// Both are the same for a completion that nobody called for.
#[derive(Clone, Copy, Debug)]
struct Place {
    invoked: u32,
    completed: u32,
}

/// The calls on one object.
pub(super) struct Part<'h, M: Model> {
    pub(super) history: &'h History,
    pub(super) key: Option<&'h Value>,
    pub(super) values: Values,
    pub(super) initial: M::State,
    /// Ordered by start. An event at position `p` begins a call at `2 p` and ends one at
    /// `2 p + 1`.
    pub(super) calls: Vec<Timed<M::Call>>,
    /// What operations that certainly did not happen would have left behind.
    pub(super) failed: Vec<(M::State, Operation)>,
}

/// Splits operations by key, in the order in which keys appear. Linear.
pub(super) fn groups(history: &History, keyed: bool) -> Result<Vec<Group<'_>>, String> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut numbers: FxHashMap<&Value, u32> = FxHashMap::default();
    let mut open: FxHashMap<u32, (u32, u32)> = FxHashMap::default();
    for (position, event) in (0u32..).zip(history.events()) {
        let Process::Client(process) = event.process else { continue };
        let completed = if event.kind == Kind::Invoke { None } else { open.remove(&process) };
        if let Some((group, place)) = completed {
            if event.kind != Kind::Info {
                groups[group as usize].places[place as usize].completed = position;
            }
            continue;
        }
        let key = if keyed { Some(split(&event.value, event)?.0) } else { None };
        let next = groups.len() as u32;
        let group = key.map_or(0, |key| *numbers.entry(key).or_insert(next));
        if group == next {
            groups.push(Group { key, places: Vec::new() });
        }
        let places = &mut groups[group as usize].places;
        let known = matches!(event.kind, Kind::Ok | Kind::Fail);
        places.push(Place { invoked: position, completed: if known { position } else { NEVER } });
        if event.kind == Kind::Invoke {
            open.insert(process, (group, places.len() as u32 - 1));
        }
    }
    Ok(groups)
}

impl<'h, M: Model> Part<'h, M> {
    /// Reads the calls of a group. The error names the operation that cannot be read.
    pub(super) fn new(model: &M, history: &'h History, group: &Group<'h>) -> Result<Self, String> {
        let mut values = Values::default();
        let initial = model.initial(&mut values);
        let calls = Vec::with_capacity(group.places.len());
        let mut part = Self { history, key: group.key, values, initial, calls, failed: vec![] };
        for place in &group.places {
            part.add(model, *place)?;
        }
        Ok(part)
    }

    fn add(&mut self, model: &M, place: Place) -> Result<(), String> {
        let event = &self.history.events()[place.invoked as usize];
        let completion = self.history.events().get(place.completed as usize);
        let keyed = self.key.is_some();
        let taken = |event: &'h Event| match keyed {
            true => split(&event.value, event).map(|(_, value)| value),
            false => Ok(&event.value),
        };
        let answer = match completion {
            None => Answer::Unknown,
            Some(event) if event.kind == Kind::Fail => Answer::Failed,
            Some(event) => Answer::Ok(taken(event)?),
        };
        let process = event.process.client().unwrap_or(u32::MAX);
        let asked = Asked { f: &event.f, input: taken(event)?, answer, process };
        let misread = |why: String| format!("operation {} cannot be read: {why}", event.index);
        let call = model.call(asked, &mut self.values).map_err(misread)?;
        if matches!(answer, Answer::Failed) {
            let would = Asked { answer: Answer::Unknown, ..asked };
            if let Ok(Some(would)) = model.call(would, &mut self.values)
                && let Leaves::State(state) = model.leaves(&would)
            {
                self.failed.push((state, self.history.operation(place.invoked, completion)));
            }
        }
        if let Some(call) = call {
            let end = if completion.is_some() { 2 * place.completed + 1 } else { NEVER };
            self.calls.push(Timed { call, start: 2 * place.invoked, end });
        }
        Ok(())
    }

    /// The operation that call `number` is.
    pub(super) fn operation(&self, number: usize) -> Operation {
        let Timed { start, end, .. } = self.calls[number];
        let completion = self.history.events().get(end as usize / 2);
        self.history.operation(start / 2, completion)
    }
}

/// Key and value of an event of a keyed history.
fn split<'v>(value: &'v Value, event: &Event) -> Result<(&'v Value, &'v Value), String> {
    match value.as_array().map(Vec::as_slice) {
        Some([key, value]) => Ok((key, value)),
        _ => Err(format!(
            "event {} has the value {value}, where a keyed history has [key, value]; \
             check it as one object if there is only one",
            event.index
        )),
    }
}
