//! Partition: the calls on each object, ready to be judged.
//!
//! A history of many objects is linearizable if and only if that of each object is (Herlihy &
//! Wing, theorem 1; as *P-compositionality* in Horn & Kroening, FORTE 2015).

use serde_json::Value;

use super::model::{Answer, Asked, Leaves, Model, NEVER, Timed, Values};
use crate::history::Open;
use crate::numbers::Keys;
use crate::{Event, History, Kind, Operation, Process};

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
    pub(super) failed: Vec<(M::State, Operation<'h>)>,
}

/// A part that is being read: calls are pushed when they begin and known when they end.
struct Growing<'h, M: Model> {
    part: Part<'h, M>,
    calls: Vec<Timed<Option<M::Call>>>,
}

/// Reads the calls on each object, in the order in which keys appear. The error names the
/// operation that cannot be read. Linear, in one pass over the events.
pub(super) fn parts<'h, M: Model>(
    model: &M,
    history: &'h History,
    keyed: bool,
) -> Result<Vec<Part<'h, M>>, String> {
    let mut growing: Vec<Growing<'h, M>> = Vec::new();
    let mut keys = Keys::default();
    // The open call of each process: its group and its place there.
    let mut open: Open<(u32, u32)> = Open::default();
    for (position, event) in (0u32..).zip(history.events()) {
        let Process::Client(process) = event.process else { continue };
        let called = if event.kind == Kind::Invoke { None } else { open.take(process) };
        if let Some((group, place)) = called {
            growing[group as usize].end(model, place as usize, position)?;
            continue;
        }
        let key = if keyed { Some(split(&event.value, event)?.0) } else { None };
        let group = key.map_or(0, |key| keys.number(key));
        if group as usize == growing.len() {
            growing.push(Growing::new(model, history, key));
        }
        let object = &mut growing[group as usize];
        object.calls.push(Timed { call: None, start: 2 * position, end: NEVER });
        let place = object.calls.len() - 1;
        if event.kind == Kind::Invoke {
            // Another harness may let a process call again; the earlier call stays unknown.
            if let Some((group, place)) = open.insert(process, (group, place as u32)) {
                growing[group as usize].unknown(model, place as usize)?;
            }
        } else {
            object.end(model, place, position)?;
        }
    }
    for (group, place) in open.left() {
        growing[group as usize].unknown(model, place as usize)?;
    }
    Ok(growing.into_iter().map(Growing::done).collect())
}

impl<'h, M: Model> Growing<'h, M> {
    fn new(model: &M, history: &'h History, key: Option<&'h Value>) -> Self {
        let mut values = Values::default();
        let initial = model.initial(&mut values);
        let part = Part { history, key, values, initial, calls: vec![], failed: vec![] };
        Self { part, calls: vec![] }
    }

    /// The call at `place` ends with the event at this position.
    fn end(&mut self, model: &M, place: usize, position: u32) -> Result<(), String> {
        let event = &self.part.history.events()[position as usize];
        let answer = match event.kind {
            Kind::Ok => Answer::Ok(self.part.value(event)?),
            Kind::Fail => Answer::Failed,
            Kind::Info | Kind::Invoke => return self.unknown(model, place),
        };
        let timed = &mut self.calls[place];
        timed.end = 2 * position + 1;
        let invoked = timed.start / 2;
        timed.call = self.part.read(model, invoked, answer)?;
        if matches!(answer, Answer::Failed)
            && let Ok(Some(would)) = self.part.read(model, invoked, Answer::Unknown)
            && let Leaves::State(state) = model.leaves(&would)
        {
            let operation =
                Operation::new(&self.part.history.events()[invoked as usize], Some(event));
            self.part.failed.push((state, operation));
        }
        Ok(())
    }

    fn unknown(&mut self, model: &M, place: usize) -> Result<(), String> {
        let invoked = self.calls[place].start / 2;
        self.calls[place].call = self.part.read(model, invoked, Answer::Unknown)?;
        Ok(())
    }

    fn done(mut self) -> Part<'h, M> {
        let known = |Timed { call, start, end }: Timed<Option<M::Call>>| {
            call.map(|call| Timed { call, start, end })
        };
        self.part.calls = self.calls.into_iter().filter_map(known).collect();
        self.part
    }
}

impl<'h, M: Model> Part<'h, M> {
    /// Reads the call invoked at this position; `None` if it has no bearing.
    fn read(
        &mut self,
        model: &M,
        invoked: u32,
        answer: Answer<'h>,
    ) -> Result<Option<M::Call>, String> {
        let event = &self.history.events()[invoked as usize];
        let process = event.process.client().unwrap_or(u32::MAX);
        let asked = Asked { f: &event.f, input: self.value(event)?, answer, process };
        model
            .call(asked, &mut self.values)
            .map_err(|why| format!("operation {} cannot be read: {why}", event.index))
    }

    /// The value of an event, less the key.
    fn value(&self, event: &'h Event) -> Result<&'h Value, String> {
        match self.key {
            Some(_) => split(&event.value, event).map(|(_, value)| value),
            None => Ok(&event.value),
        }
    }

    /// The operation that call `number` is.
    pub(super) fn operation(&self, number: usize) -> Operation<'h> {
        let Timed { start, end, .. } = self.calls[number];
        let events = self.history.events();
        Operation::new(&events[start as usize / 2], events.get(end as usize / 2))
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
