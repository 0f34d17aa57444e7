//! Pairing while events go by: operations in the order of their calls, as soon as they ended.

use super::{Events, ExportError};
use perjury_checkers::{Event, Kind, Operation};
use std::collections::{BTreeMap, VecDeque};

/// A call with the event that ended it, if one did.
#[derive(Clone, Debug, PartialEq)]
pub struct Paired {
    call: Event,
    completion: Option<Event>,
}

impl Paired {
    /// Both as one.
    pub fn operation(&self) -> Operation<'_> {
        Operation::new(&self.call, self.completion.as_ref())
    }

    /// The error that the completion brought.
    pub fn error(&self) -> Option<&str> {
        self.completion.as_ref().and_then(|event| event.error.as_deref())
    }
}

/// Operations out of events. Those that ended wait for earlier ones that are still open, so
/// memory grows with the longest call.
pub struct Pairing<'a> {
    events: Events<'a>,
    /// The number of the first operation in `waiting`.
    first: u64,
    waiting: VecDeque<(Paired, bool)>,
    /// Open calls: by process the number of the operation.
    open: BTreeMap<u32, u64>,
    ended: bool,
}

impl<'a> Pairing<'a> {
    /// Operations of clients; what the nemesis did is left out.
    pub fn new(events: Events<'a>) -> Self {
        let (waiting, open) = (VecDeque::new(), BTreeMap::new());
        Self { events, first: 0, waiting, open, ended: false }
    }

    fn call(&mut self, call: Event) -> u64 {
        let number = self.first + self.waiting.len() as u64;
        self.waiting.push_back((Paired { call, completion: None }, false));
        number
    }

    fn take(&mut self, event: Event) {
        let Some(process) = event.process.client() else { return };
        if event.kind == Kind::Invoke {
            let number = self.call(event);
            if let Some(abandoned) = self.open.insert(process, number) {
                self.end(abandoned);
            }
            return;
        }
        // An answer without a call is an operation that took no time.
        let open = self.open.remove(&process);
        let number = open.unwrap_or_else(|| self.call(event.clone()));
        let at = (number - self.first) as usize;
        if let Some((paired, _)) = self.waiting.get_mut(at) {
            paired.completion = Some(event);
        }
        self.end(number);
    }

    fn end(&mut self, number: u64) {
        let at = number.checked_sub(self.first).map(|at| at as usize);
        if let Some((_, ended)) = at.and_then(|at| self.waiting.get_mut(at)) {
            *ended = true;
        }
    }
}

impl Iterator for Pairing<'_> {
    type Item = Result<Paired, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.ended || self.waiting.front().is_some_and(|(_, ended)| *ended) {
                let (paired, _) = self.waiting.pop_front()?;
                self.first += 1;
                return Some(Ok(paired));
            }
            match self.events.next() {
                Some(Ok(event)) => self.take(event),
                Some(Err(error)) => {
                    self.waiting.clear();
                    self.ended = true;
                    return Some(Err(error));
                }
                None => self.ended = true,
            }
        }
    }
}
