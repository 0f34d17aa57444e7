//! Queues that forget what they hand out: in the order of arrival, or in any.

use serde_json::Value;

use crate::linear::model::{Answer, Asked, Leaves, Model, Needs, Timed, Values};
use crate::linear::special::{self, Special};

/// A first-in-first-out queue without bounds.
///
/// `enqueue v` (or `add`, `put`, `offer`, `push`) appends, `dequeue` (or `remove`, `poll`,
/// `take`, `pop`) takes the oldest element away and answers with it, or with null if there is
/// none. A dequeue of unknown outcome may have taken the oldest, found nothing, or not happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct FifoQueue {
    /// A `fail` of a dequeue says that the queue was empty, rather than that nothing happened
    /// for whatever reason. Many of Jepsen's tests let a dequeue fail when it finds nothing;
    /// left out, as all failed calls are by default, it proves less and never too much.
    pub failed_dequeue_is_empty: bool,
}

/// A queue that hands out its elements in any order: a bag, as Knossos' `unordered-queue`.
///
/// Calls as for [`FifoQueue`], but a dequeue may take any element that is there.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnorderedQueue {
    /// As [`FifoQueue::failed_dequeue_is_empty`].
    pub failed_dequeue_is_empty: bool,
}

/// A call on a queue; values by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueCall {
    Enqueue(u32),
    Dequeue(u32),
    /// A dequeue that found nothing.
    DequeueEmpty,
    /// A dequeue that nobody knows the answer of.
    DequeueUnknown,
}

/// The unit of dequeues that found nothing: no value has this number.
pub(super) const EMPTY_UNIT: u32 = u32::MAX;

/// What a function of a queue, by one of its usual names, does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Enqueue,
    Dequeue,
}

impl Doing {
    pub(super) fn named(f: &str) -> Option<Self> {
        match f {
            "enqueue" | "enq" | "add" | "insert" | "put" | "offer" | "push" => Some(Self::Enqueue),
            "dequeue" | "deq" | "remove" | "poll" | "take" | "pop" => Some(Self::Dequeue),
            _ => None,
        }
    }
}

impl Model for FifoQueue {
    /// The elements, oldest first.
    type State = Vec<u32>;
    type Call = QueueCall;

    fn noun(&self) -> &'static str {
        "queue"
    }

    fn initial(&self, _values: &mut Values) -> Vec<u32> {
        Vec::new()
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<QueueCall>, String> {
        QueueCall::read(asked, self.failed_dequeue_is_empty, values)
    }

    fn step(&self, state: &Vec<u32>, call: &QueueCall) -> Option<Vec<u32>> {
        match (*call, state.split_first()) {
            (QueueCall::Enqueue(value), _) => {
                let mut state = state.clone();
                state.push(value);
                Some(state)
            }
            (QueueCall::Dequeue(value), Some((first, rest))) if *first == value => {
                Some(rest.to_vec())
            }
            (QueueCall::Dequeue(_), _) | (QueueCall::DequeueEmpty, Some(_)) => None,
            (QueueCall::DequeueUnknown, Some((_, rest))) => Some(rest.to_vec()),
            (QueueCall::DequeueEmpty | QueueCall::DequeueUnknown, None) => Some(Vec::new()),
        }
    }

    fn needs(&self, call: &QueueCall) -> Needs<Vec<u32>> {
        call.needs(Vec::new())
    }

    fn leaves(&self, call: &QueueCall) -> Leaves<Vec<u32>> {
        call.leaves()
    }

    fn unit(&self, call: &QueueCall) -> Option<u32> {
        call.unit()
    }

    fn special(&self, calls: &[Timed<QueueCall>], values: &Values) -> Option<Special> {
        special::fifo_queue(calls, values)
    }

    fn describe(&self, call: &QueueCall, values: &Values) -> String {
        call.describe(values)
    }

    fn describe_state(&self, state: &Vec<u32>, values: &Values) -> String {
        if state.is_empty() { "nothing".to_owned() } else { listed(state, values) }
    }
}

impl Model for UnorderedQueue {
    /// The elements, by number.
    type State = Vec<u32>;
    type Call = QueueCall;

    fn noun(&self) -> &'static str {
        "unordered queue"
    }

    fn initial(&self, _values: &mut Values) -> Vec<u32> {
        Vec::new()
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<QueueCall>, String> {
        QueueCall::read(asked, self.failed_dequeue_is_empty, values)
    }

    /// Of a dequeue of unknown outcome, one of the states that may follow; see `steps`.
    fn step(&self, state: &Vec<u32>, call: &QueueCall) -> Option<Vec<u32>> {
        let mut after = None;
        self.steps(state, call, &mut |state| after = Some(state));
        after
    }

    fn steps(&self, state: &Vec<u32>, call: &QueueCall, each: &mut dyn FnMut(Vec<u32>)) {
        let without = |place: usize| {
            let mut state = state.clone();
            state.remove(place);
            state
        };
        match *call {
            QueueCall::Enqueue(value) => {
                let mut state = state.clone();
                state.insert(state.partition_point(|other| *other < value), value);
                each(state);
            }
            QueueCall::Dequeue(value) => {
                if let Ok(place) = state.binary_search(&value) {
                    each(without(place));
                }
            }
            QueueCall::DequeueEmpty if state.is_empty() => each(Vec::new()),
            QueueCall::DequeueEmpty => {}
            QueueCall::DequeueUnknown if state.is_empty() => each(Vec::new()),
            QueueCall::DequeueUnknown => (0..state.len()).for_each(|place| each(without(place))),
        }
    }

    fn needs(&self, call: &QueueCall) -> Needs<Vec<u32>> {
        call.needs(Vec::new())
    }

    fn leaves(&self, call: &QueueCall) -> Leaves<Vec<u32>> {
        call.leaves()
    }

    fn unit(&self, call: &QueueCall) -> Option<u32> {
        call.unit()
    }

    fn special(&self, calls: &[Timed<QueueCall>], values: &Values) -> Option<Special> {
        special::unordered_queue(calls, values)
    }

    fn describe(&self, call: &QueueCall, values: &Values) -> String {
        call.describe(values)
    }

    fn describe_state(&self, state: &Vec<u32>, values: &Values) -> String {
        if state.is_empty() { "nothing".to_owned() } else { listed(state, values) }
    }
}

impl QueueCall {
    fn read(
        asked: Asked<'_>,
        failed_dequeue_is_empty: bool,
        values: &mut Values,
    ) -> Result<Option<Self>, String> {
        let Some(doing) = Doing::named(asked.f) else {
            return Err(format!("a queue has no `{}`, only enqueue and dequeue", asked.f));
        };
        Ok(match (doing, asked.answer) {
            (Doing::Enqueue, Answer::Failed) => None,
            (Doing::Enqueue, _) if asked.input.is_null() => {
                return Err("null cannot be enqueued: it is the answer of an empty queue".into());
            }
            (Doing::Enqueue, _) => Some(Self::Enqueue(values.intern(asked.input))),
            (Doing::Dequeue, Answer::Ok(Value::Null)) => Some(Self::DequeueEmpty),
            (Doing::Dequeue, Answer::Ok(value)) => Some(Self::Dequeue(values.intern(value))),
            (Doing::Dequeue, Answer::Failed) => {
                failed_dequeue_is_empty.then_some(Self::DequeueEmpty)
            }
            (Doing::Dequeue, Answer::Unknown) => Some(Self::DequeueUnknown),
        })
    }

    fn needs<S>(&self, empty: S) -> Needs<S> {
        match self {
            Self::Enqueue(_) | Self::DequeueUnknown => Needs::Nothing,
            Self::Dequeue(_) => Needs::Unclear,
            Self::DequeueEmpty => Needs::State(empty),
        }
    }

    fn leaves<S>(&self) -> Leaves<S> {
        match self {
            Self::DequeueEmpty => Leaves::Unchanged,
            _ => Leaves::Unclear,
        }
    }

    /// A value with its enqueue and dequeue; nobody is the worse for their absence. A dequeue
    /// of unknown outcome may be what made way for others.
    fn unit(&self) -> Option<u32> {
        match *self {
            Self::Enqueue(value) | Self::Dequeue(value) => Some(value),
            Self::DequeueEmpty => Some(EMPTY_UNIT),
            Self::DequeueUnknown => None,
        }
    }

    fn describe(&self, values: &Values) -> String {
        match *self {
            Self::Enqueue(value) => format!("enqueued {}", values.get(value)),
            Self::Dequeue(value) => format!("dequeued {}", values.get(value)),
            Self::DequeueEmpty => "found the queue empty".to_owned(),
            Self::DequeueUnknown => "dequeued something".to_owned(),
        }
    }
}

fn listed(state: &[u32], values: &Values) -> String {
    let listed: Vec<String> = state.iter().map(|value| values.get(*value).to_string()).collect();
    format!("[{}]", listed.join(", "))
}
