//! One object of a stream: its calls that are not yet settled, and its walks.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use super::super::frontier::{Live, LiveError};
use super::super::model::{Answer, Asked, Model, NEVER, Values};
use crate::history::Name;
use crate::history::brief::{Brief, Small};
use crate::streaming::Violation;
use crate::tally::anomaly;
use crate::{Kind, Step};

/// So many values are remembered without a look at which are still needed.
const FEW_VALUES: usize = 16;

pub(super) struct Object<M: Model> {
    pub(super) key: Option<Value>,
    /// Index of the first event of its own.
    pub(super) born: u64,
    /// Whether it was called lately.
    pub(super) touched: bool,
    pub(super) ended: Option<&'static str>,
    values: Values,
    live: Live<M>,
    /// Calls not yet settled; the first has number `settled`.
    calls: VecDeque<Pending<M::Call>>,
    settled: u64,
    /// What happened to them, in the order of the history.
    events: VecDeque<Moment>,
    /// With so many values, those that nobody speaks of are forgotten.
    many_values: usize,
}

#[derive(Clone, Copy)]
enum Moment {
    Begin(u64),
    End(u64),
}

struct Pending<C> {
    /// Of the invocation.
    index: u64,
    process: u32,
    f: u32,
    input: Small,
    /// The call and its end, once they are known; `Some(None)` if it has no bearing.
    outcome: Option<Option<(C, u32)>>,
    slot: Option<usize>,
    done: bool,
}

impl<M: Model + 'static> Object<M> {
    /// An object that holds one of these values; a new one if there are none.
    pub(super) fn new(model: &Arc<M>, key: Option<Value>, born: u64, held: &[Small]) -> Self {
        let mut values = Values::default();
        let mut states: Vec<M::State> = Vec::with_capacity(1);
        for value in held {
            states.extend(model.state_of(value.with(|value| values.intern(value))));
        }
        if states.is_empty() {
            states.push(model.initial(&mut values));
        }
        Self {
            key,
            born,
            touched: true,
            ended: None,
            values,
            live: Live::new(model.clone(), states),
            calls: VecDeque::new(),
            settled: 0,
            events: VecDeque::new(),
            many_values: FEW_VALUES,
        }
    }

    /// Whether no call waits to be settled.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// The values one of which it holds, if that is all there is to say.
    pub(super) fn at_rest(&self, model: &M) -> Option<Vec<Small>> {
        let states = self.live.at_rest()?;
        let value = |state: M::State| {
            model.value_of(&state).map(|number| Small::from(self.values.get(number).clone()))
        };
        states.into_iter().map(value).collect()
    }

    /// A call begins; its number.
    pub(super) fn call(&mut self, brief: &Brief, process: u32, input: Small) -> u64 {
        let number = self.settled + self.calls.len() as u64;
        let Brief { index, f, .. } = *brief;
        let (outcome, slot, done) = (None, None, false);
        self.calls.push_back(Pending { index, process, f, input, outcome, slot, done });
        self.events.push_back(Moment::Begin(number));
        self.touched = true;
        number
    }

    /// The outcome of a call becomes known: whether it has a bearing. `output` is the answer of one
    /// that happened.
    pub(super) fn known(
        &mut self,
        model: &M,
        number: u64,
        completion: Option<&Brief>,
        output: Option<&Value>,
        end: u32,
        names: &[Name],
    ) -> Result<bool, String> {
        let Some(pending) = self.calls.get_mut((number - self.settled) as usize) else {
            return Ok(false);
        };
        let (answer, end) = match (output, completion.map(|brief| brief.kind)) {
            (Some(value), _) => (Answer::Ok(value), end),
            (None, Some(Kind::Fail)) => (Answer::Failed, end),
            _ => (Answer::Unknown, NEVER),
        };
        let f = names.get(pending.f as usize).map_or("", |name| name);
        let (process, values) = (pending.process, &mut self.values);
        let call = pending
            .input
            .with(|input| model.call(Asked { f, input, answer, process }, values))
            .map_err(|why| format!("operation {} cannot be read: {why}", pending.index))?;
        pending.input = Small::Null;
        let bears = call.is_some();
        pending.outcome = Some(call.map(|call| (call, end)));
        if bears && end != NEVER {
            self.events.push_back(Moment::End(number));
        }
        Ok(bears)
    }

    /// Shows the walks all that is settled.
    pub(super) fn advance(&mut self, model: &M, found_at: u64) -> Option<Violation> {
        let mut found = None;
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
            let operation = pending.index;
            self.events.pop_front();
            while self.calls.front().is_some_and(|pending| pending.done) {
                self.calls.pop_front();
                self.settled += 1;
            }
            match result {
                Ok(()) => {}
                Err(LiveError::Undecided(why)) => self.ended = self.ended.or(Some(why)),
                Err(LiveError::Stuck(states)) => {
                    self.ended = Some("it was violated");
                    let name = |state| model.describe_state(&state, &self.values);
                    let states: Vec<String> = states.into_iter().map(name).collect();
                    found = Some(told(model.noun(), self.key.clone(), operation, found_at, states));
                }
            }
        }
        found
    }

    /// Forgets the values that nobody speaks of any more, if there are many and if the model says
    /// which these are.
    pub(super) fn forget(&mut self, model: &M) {
        if self.values.count() < self.many_values {
            return;
        }
        let states = self.live.states();
        let numbers =
            |states: Vec<M::State>| states.iter().map(|state| model.value_of(state)).collect();
        let Some(mut kept): Option<Vec<u32>> = states.and_then(numbers) else {
            self.many_values = usize::MAX;
            return;
        };
        let known = self.calls.iter().filter_map(|pending| pending.outcome.as_ref()?.as_ref());
        kept.extend(known.flat_map(|(call, _)| model.values_of(call)).flatten());
        if !kept.is_empty() || self.ended.is_some() {
            self.values.keep(kept.into_iter());
        }
        self.many_values = FEW_VALUES.max(2 * self.values.count());
    }
}

fn told(
    noun: &str,
    key: Option<Value>,
    operation: u64,
    found_at: u64,
    states: Vec<String>,
) -> Violation {
    let of_key = key.as_ref().map(|key| format!(" of key {key}")).unwrap_or_default();
    let held = crate::words::either(&states);
    let text = format!(
        "Operation {operation} cannot have been answered so: when it ended, the {noun}{of_key} \
         could hold {held} only."
    );
    let steps = vec![Step { text: text.clone(), operations: vec![operation] }];
    let title = format!("Not linearizable: the {noun}{of_key}");
    let found = anomaly("nonlinearizable", title, text, steps, &["linearizable"]);
    let anomaly = crate::Anomaly { key: key.clone(), ..found };
    Violation { key, operation, found_at, states, anomaly }
}
