//! Streaming: a history is judged while it grows, and what is settled is let go.
//!
//! Every object has walks of its own (see `frontier.rs`). A call is shown to them when its
//! outcome is known, and in the order of the history, so they lag behind by as much as the
//! slowest call that is open. Until the first call of unknown outcome one exact walk decides.
//! From then on there are two: a frugal one, which shows that there is still a way, and a
//! generous one, which shows that there is none. Memory: the calls not yet settled, the walks, and
//! the values that these speak of, if the model can say which (see `Model::value_of`); else each
//! different value of an object once. Of an object that has been left alone for a while, and has no
//! call of unknown outcome, there is only what it can hold.

mod object;

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::json;

use self::object::Object;
use super::model::Model;
use crate::history::brief::{Brief, Shown, Small};
use crate::history::{Name, Open};
use crate::streaming::{Part, Streaming, Streams, Violation};
use crate::{Kind, Process};

/// Parts that the objects of a keyed history are spread over.
const PARTS: usize = 16;
/// With so many objects awake in a part, those that were left alone are put to rest.
const AWAKE: usize = if cfg!(test) { 16 } else { 512 };
/// Violations kept until somebody asks; others are counted.
const MAX_KEPT: usize = 1_024;

/// Judges the objects of a history by a model, one event after another.
pub struct Stream<M: Model> {
    model: Arc<M>,
    keyed: bool,
    places: FxHashMap<Small, Place>,
    objects: Vec<Option<Object<M>>>,
    /// Places among the objects that are not taken.
    free: Vec<u32>,
    /// With so many objects awake, some are put to rest.
    awake: usize,
    /// Per process, its open call.
    open: Open<Opened>,
    position: u32,
    /// Calls that have a bearing.
    judged: u64,
    operations: u64,
    /// The first object that was given up, by its first event, and why.
    undecided: Option<(u64, String)>,
    violations: Vec<Violation>,
    violation_count: u64,
}

/// Where an object is.
#[derive(Debug)]
enum Place {
    Awake(u32),
    /// It holds this value, and no call is open.
    Resting(Small),
    /// It holds one of these values.
    Torn(Box<[Small]>),
    /// It was violated, or given up.
    Over,
}

/// An open call: the object, its number there, and the index of the invocation.
#[derive(Clone, Copy, Debug)]
struct Opened {
    /// None if the object is not judged any more.
    object: Option<u32>,
    number: u64,
    index: u64,
}

impl<M: Model + Clone + 'static> Stream<M> {
    /// All parts of a stream: one object, or one per key if the history is keyed.
    pub fn streams(model: M, keyed: bool) -> Streams {
        let count = if keyed { PARTS } else { 1 };
        let part = |_| Box::new(Self::new(model.clone(), keyed)) as Box<dyn Streaming>;
        let parts = (0..count).map(part).collect();
        Streams { checker: "linearizable", parts, keyed, of_objects: true }
    }
}

impl<M: Model + 'static> Stream<M> {
    /// Objects of this model, one per key if the history is keyed.
    pub fn new(model: M, keyed: bool) -> Self {
        Self {
            model: Arc::new(model),
            keyed,
            places: FxHashMap::default(),
            objects: Vec::new(),
            free: Vec::new(),
            awake: AWAKE,
            open: Open::default(),
            position: 0,
            judged: 0,
            operations: 0,
            undecided: None,
            violations: Vec::new(),
            violation_count: 0,
        }
    }

    /// The object that an invocation is for; `None` if it is not judged any more.
    fn object(&mut self, brief: &Brief) -> Result<Option<u32>, String> {
        let null = Small::Null;
        let key = if self.keyed { split(brief)?.0 } else { &null };
        let values = match self.places.get(key) {
            Some(Place::Awake(number)) => return Ok(Some(*number)),
            Some(Place::Over) => return Ok(None),
            Some(Place::Resting(value)) => vec![value.clone()],
            Some(Place::Torn(values)) => values.to_vec(),
            None => Vec::new(),
        };
        if self.objects.len() - self.free.len() >= self.awake {
            self.rest();
        }
        let name = self.keyed.then(|| key.to_value());
        let object = Object::new(&self.model, name, brief.index, &values);
        let number = self.free.pop().unwrap_or_else(|| {
            self.objects.push(None);
            self.objects.len() as u32 - 1
        });
        self.objects[number as usize] = Some(object);
        self.places.insert(key.clone(), Place::Awake(number));
        Ok(Some(number))
    }

    /// Puts objects to rest that nobody called since this was done last.
    fn rest(&mut self) {
        for (number, held) in (0u32..).zip(&mut self.objects) {
            let Some(object) = held else { continue };
            if std::mem::take(&mut object.touched) || !object.is_idle() {
                continue;
            }
            let place = match object.at_rest(&self.model) {
                _ if object.ended.is_some() => Place::Over,
                Some(mut values) if values.len() == 1 => {
                    values.pop().map_or(Place::Over, Place::Resting)
                }
                Some(values) => Place::Torn(values.into()),
                None => continue,
            };
            let key = object.key.take().map_or(Small::Null, Small::from);
            self.places.insert(key, place);
            *held = None;
            self.free.push(number);
        }
        self.awake = AWAKE.max(2 * (self.objects.len() - self.free.len()));
    }

    /// The outcome of a call becomes known; `brief` is the answer, if there is one.
    fn settle(
        &mut self,
        call: Opened,
        brief: Option<&Brief>,
        found_at: u64,
        names: &[Name],
    ) -> Result<(), String> {
        let object = call.object.and_then(|number| self.objects[number as usize].as_mut());
        let Some(object) = object else { return Ok(()) };
        let end = 2 * self.position + 1;
        let bears = match brief.filter(|brief| brief.kind == Kind::Ok) {
            None => object.known(&self.model, call.number, brief, None, end, names),
            Some(answer) if self.keyed => {
                let (_, value) = split(answer)?;
                value.with(|v| object.known(&self.model, call.number, brief, Some(v), end, names))
            }
            Some(answer) => answer
                .value
                .with(|v| object.known(&self.model, call.number, brief, Some(v), end, names)),
        }?;
        self.judged += u64::from(bears);
        let before = object.ended;
        if let Some(violation) = object.advance(&self.model, found_at) {
            self.violation_count += 1;
            if self.violations.len() < MAX_KEPT {
                self.violations.push(violation);
            }
        } else if let (None, Some(why)) = (before, object.ended) {
            let key = object.key.as_ref().map(|key| format!(" on key {key}")).unwrap_or_default();
            let why = format!("{why}{key}; check the whole file at once to decide it");
            let first = self.undecided.get_or_insert((object.born, why.clone()));
            if object.born < first.0 {
                *first = (object.born, why);
            }
        }
        object.forget(&self.model);
        Ok(())
    }
}

impl<M: Model + 'static> Streaming for Stream<M> {
    fn push(&mut self, brief: &Brief, names: &[Name]) -> Result<(), String> {
        let Process::Client(process) = brief.process else { return Ok(()) };
        self.position += 1;
        if brief.kind != Kind::Invoke {
            return match self.open.take(process) {
                Some(call) => self.settle(call, Some(brief), brief.index, names),
                None => Err(format!("event {} completes what nobody called", brief.index)),
            };
        }
        let object = self.object(brief)?;
        let mut number = 0;
        if let Some(object) = object.and_then(|number| self.objects[number as usize].as_mut()) {
            let input =
                if self.keyed { split(brief)?.1.clone() } else { brief.value.clone().into() };
            number = object.call(brief, process, input);
        }
        self.operations += 1;
        match self.open.insert(process, Opened { object, number, index: brief.index }) {
            Some(earlier) => self.settle(earlier, None, brief.index, names),
            None => Ok(()),
        }
    }

    fn violations(&mut self) -> (Vec<Violation>, u64) {
        (std::mem::take(&mut self.violations), std::mem::take(&mut self.violation_count))
    }

    fn finish(&mut self, last: u64, names: &[Name]) -> Part {
        let mut left: Vec<Opened> = std::mem::take(&mut self.open).left().collect();
        left.sort_unstable_by_key(|call| call.index);
        let mut unread: Option<(u64, String)> = None;
        for call in left {
            if let Err(why) = self.settle(call, None, last, names) {
                unread = unread.or(Some((call.index, why)));
            }
        }
        let nothing = format!(
            "no operation on the {} has an answer, so there is nothing to judge; see in the log why \
             the clients got none",
            self.model.noun()
        );
        Part {
            stats: json!({
                "keys": self.places.len(),
                "operations": self.operations,
                "engines": { "stream": self.places.len() },
            }),
            unknown: unread.or_else(|| self.undecided.take()),
            nothing: (self.judged == 0).then_some(nothing),
        }
    }
}

/// Key and value of an event of a keyed history.
fn split(brief: &Brief) -> Result<(&Small, &Small), String> {
    match &brief.value {
        Shown::Pair(key, value) => Ok((key, value)),
        Shown::One(value) => Err(format!(
            "event {} has the value {}, where a keyed history has [key, value]",
            brief.index,
            value.to_value()
        )),
    }
}
