//! A queue that hands out the element of the first rank.

use serde_json::{Number, Value};

use super::queues::{Doing, EMPTY_UNIT, QueueCall};
use crate::linear::model::{Answer, Asked, Leaves, Model, Needs, Timed, Values};
use crate::linear::special::{self, Special};

/// A priority queue without bounds.
///
/// `insert v` (or `enqueue`, `add`, `put`, `offer`, `push`) inserts a number, or a list of a
/// number and whatever goes with it: `[priority, value]`. `delete-min` (or `extract-min`,
/// `remove-min`, `dequeue`, `poll`, `take`, `pop`) takes an element with the least number away
/// and answers with it, or with null if there is none. Elements of the same priority may leave
/// in any order.
#[derive(Clone, Copy, Debug, Default)]
pub struct PriorityQueue {
    /// The greatest number leaves first, by `delete-max` and its like.
    pub max_first: bool,
    /// A `fail` of a dequeue says that the queue was empty, rather than that nothing happened
    /// for whatever reason.
    pub failed_dequeue_is_empty: bool,
}

/// An element by its rank, which orders as priorities do: the least leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ranked {
    /// The bits of the largest float that is no larger than the priority, such that they
    /// compare as the floats do.
    bits: i64,
    /// What is missing to the priority: an integer beyond 2^53 need not be a float.
    rest: u16,
    /// The number of the whole value.
    pub value: u32,
}

/// A call on a priority queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PriorityCall {
    Insert(Ranked),
    Delete(Ranked),
    /// A delete that found nothing.
    DeleteEmpty,
    /// A delete that nobody knows the answer of.
    DeleteUnknown,
}

impl Ranked {
    /// The value with this number, with an integer as its priority; the least leaves first.
    pub fn integer(priority: i64, value: u32) -> Self {
        Self::of_integer(i128::from(priority), value)
    }

    /// What compares as the priorities do.
    pub fn priority(&self) -> (i64, u16) {
        (self.bits, self.rest)
    }

    fn of_integer(priority: i128, value: u32) -> Self {
        let nearest = priority as f64;
        let floor = if nearest as i128 > priority { nearest.next_down() } else { nearest };
        // Neighbouring floats below 2^64 are at most 2^11 apart.
        let rest = (priority - floor as i128) as u16;
        Self { bits: ordered_bits(floor), rest, value }
    }

    fn of_number(priority: &Number, value: u32) -> Option<Self> {
        match (priority.as_i64(), priority.as_u64()) {
            (Some(integer), _) => Some(Self::of_integer(i128::from(integer), value)),
            (None, Some(integer)) => Some(Self::of_integer(i128::from(integer), value)),
            (None, None) => {
                let float = priority.as_f64()?;
                Some(Self { bits: ordered_bits(float), rest: 0, value })
            }
        }
    }

    /// The same element where the greatest leaves first.
    pub(super) fn reversed(self) -> Self {
        Self { bits: !self.bits, rest: !self.rest, value: self.value }
    }
}

/// The bits of a float as a number that compares as the float does.
fn ordered_bits(float: f64) -> i64 {
    // Adding 0 makes -0 the same as 0.
    let bits = (float + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

impl PriorityQueue {
    fn ranked(&self, value: &Value, values: &mut Values) -> Result<Ranked, String> {
        let priority = match value {
            Value::Array(list) => list.first().unwrap_or(&Value::Null),
            value => value,
        };
        let number = values.intern(value);
        let ranked = match priority {
            Value::Number(priority) => Ranked::of_number(priority, number),
            _ => None,
        };
        match ranked {
            Some(ranked) if self.max_first => Ok(ranked.reversed()),
            Some(ranked) => Ok(ranked),
            None => Err(format!(
                "an element of a priority queue is a number or [number, value], not {value}"
            )),
        }
    }

    fn doing(&self, f: &str) -> Option<Doing> {
        match f {
            "delete-min" | "extract-min" | "remove-min" => {
                (!self.max_first).then_some(Doing::Dequeue)
            }
            "delete-max" | "extract-max" | "remove-max" => self.max_first.then_some(Doing::Dequeue),
            _ => Doing::named(f),
        }
    }

    fn extreme(&self) -> &'static str {
        if self.max_first { "max" } else { "min" }
    }
}

impl Model for PriorityQueue {
    /// The elements, the next to leave first.
    type State = Vec<Ranked>;
    type Call = PriorityCall;

    fn noun(&self) -> &'static str {
        "priority queue"
    }

    fn initial(&self, _values: &mut Values) -> Vec<Ranked> {
        Vec::new()
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<PriorityCall>, String> {
        let Some(doing) = self.doing(asked.f) else {
            return Err(format!(
                "this priority queue has no `{}`, only insert and delete-{}",
                asked.f,
                self.extreme()
            ));
        };
        Ok(match (doing, asked.answer) {
            (Doing::Enqueue, Answer::Failed) => None,
            (Doing::Enqueue, _) => Some(PriorityCall::Insert(self.ranked(asked.input, values)?)),
            (Doing::Dequeue, Answer::Ok(Value::Null)) => Some(PriorityCall::DeleteEmpty),
            (Doing::Dequeue, Answer::Ok(value)) => {
                Some(PriorityCall::Delete(self.ranked(value, values)?))
            }
            (Doing::Dequeue, Answer::Failed) => {
                self.failed_dequeue_is_empty.then_some(PriorityCall::DeleteEmpty)
            }
            (Doing::Dequeue, Answer::Unknown) => Some(PriorityCall::DeleteUnknown),
        })
    }

    /// Of a delete of unknown outcome, one of the states that may follow; see `steps`.
    fn step(&self, state: &Vec<Ranked>, call: &PriorityCall) -> Option<Vec<Ranked>> {
        let mut after = None;
        self.steps(state, call, &mut |state| after = Some(state));
        after
    }

    fn steps(&self, state: &Vec<Ranked>, call: &PriorityCall, each: &mut dyn FnMut(Vec<Ranked>)) {
        let without = |place: usize| {
            let mut state = state.clone();
            state.remove(place);
            state
        };
        let firsts = || {
            let first = state.first();
            let ties =
                |other: &&Ranked| first.is_some_and(|first| first.priority() == other.priority());
            state.iter().take_while(ties).count()
        };
        match *call {
            PriorityCall::Insert(element) => {
                let mut state = state.clone();
                state.insert(state.partition_point(|other| *other < element), element);
                each(state);
            }
            PriorityCall::Delete(element) => {
                if let Some(place) = state[..firsts()].iter().position(|other| *other == element) {
                    each(without(place));
                }
            }
            PriorityCall::DeleteEmpty if state.is_empty() => each(Vec::new()),
            PriorityCall::DeleteEmpty => {}
            PriorityCall::DeleteUnknown if state.is_empty() => each(Vec::new()),
            PriorityCall::DeleteUnknown => (0..firsts()).for_each(|place| each(without(place))),
        }
    }

    fn needs(&self, call: &PriorityCall) -> Needs<Vec<Ranked>> {
        match call {
            PriorityCall::Insert(_) | PriorityCall::DeleteUnknown => Needs::Nothing,
            PriorityCall::Delete(_) => Needs::Unclear,
            PriorityCall::DeleteEmpty => Needs::State(Vec::new()),
        }
    }

    fn leaves(&self, call: &PriorityCall) -> Leaves<Vec<Ranked>> {
        match call {
            PriorityCall::DeleteEmpty => Leaves::Unchanged,
            _ => Leaves::Unclear,
        }
    }

    fn unit(&self, call: &PriorityCall) -> Option<u32> {
        match call {
            PriorityCall::Insert(element) | PriorityCall::Delete(element) => Some(element.value),
            PriorityCall::DeleteEmpty => Some(EMPTY_UNIT),
            PriorityCall::DeleteUnknown => None,
        }
    }

    fn special(&self, calls: &[Timed<PriorityCall>], values: &Values) -> Option<Special> {
        special::priority_queue(calls, values)
    }

    fn describe(&self, call: &PriorityCall, values: &Values) -> String {
        match call {
            PriorityCall::Insert(element) => format!("inserted {}", values.get(element.value)),
            PriorityCall::Delete(element) => format!("removed {}", values.get(element.value)),
            PriorityCall::DeleteEmpty => "found the queue empty".to_owned(),
            PriorityCall::DeleteUnknown => format!("removed the {}imum", self.extreme()),
        }
    }

    fn describe_state(&self, state: &Vec<Ranked>, values: &Values) -> String {
        if state.is_empty() {
            return "nothing".to_owned();
        }
        let listed: Vec<String> =
            state.iter().map(|element| values.get(element.value).to_string()).collect();
        format!("[{}]", listed.join(", "))
    }
}

impl PriorityCall {
    /// The call without its priority.
    pub(in crate::linear) fn unranked(&self) -> QueueCall {
        match self {
            Self::Insert(element) => QueueCall::Enqueue(element.value),
            Self::Delete(element) => QueueCall::Dequeue(element.value),
            Self::DeleteEmpty => QueueCall::DequeueEmpty,
            Self::DeleteUnknown => QueueCall::DequeueUnknown,
        }
    }

    /// The element that it inserts or removes.
    pub(in crate::linear) fn element(&self) -> Option<Ranked> {
        match self {
            Self::Insert(element) | Self::Delete(element) => Some(*element),
            Self::DeleteEmpty | Self::DeleteUnknown => None,
        }
    }
}
