//! Models: sequential specifications that calls are judged by.

use std::fmt::Debug;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::special::Special;

/// The end of a call whose outcome nobody knows: it may take effect at any time, or never.
pub const NEVER: u32 = u32::MAX;

/// A call with the positions of its begin and its end in the history.
///
/// Positions of all begins and ends of one object are distinct. A call precedes another in real
/// time when its `end` is less than the other's `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed<C> {
    pub call: C,
    pub start: u32,
    /// [`NEVER`] for a call of unknown outcome.
    pub end: u32,
}

impl<C> Timed<C> {
    /// Whether nobody knows if it happened.
    pub fn is_unknown(&self) -> bool {
        self.end == NEVER
    }
}

/// Small numbers for the values of a history, in order of first appearance.
#[derive(Debug, Default)]
pub struct Values {
    /// Integers, which hash faster by themselves.
    integers: FxHashMap<i64, u32>,
    others: FxHashMap<Value, u32>,
    values: Vec<Value>,
    /// Numbers whose values were forgotten.
    free: Vec<u32>,
}

impl Values {
    /// The number of `value`, a new one if it was never seen.
    pub fn intern(&mut self, value: &Value) -> u32 {
        let fresh = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        let next = self.free.last().copied().unwrap_or(fresh);
        let number = match value.as_i64() {
            Some(integer) => *self.integers.entry(integer).or_insert(next),
            None => match self.others.get(value) {
                Some(number) => *number,
                None => *self.others.entry(value.clone()).or_insert(next),
            },
        };
        if number == next {
            match self.free.pop() {
                Some(free) => self.values[free as usize] = value.clone(),
                None => self.values.push(value.clone()),
            }
        }
        number
    }

    /// How many values have a number.
    pub(super) fn count(&self) -> usize {
        self.values.len() - self.free.len()
    }

    /// Forgets all values but those of these numbers, which may come more than once. Their numbers
    /// are given to others.
    pub(super) fn keep(&mut self, numbers: impl Iterator<Item = u32>) {
        let mut kept = vec![false; self.values.len()];
        for number in numbers {
            if let Some(kept) = kept.get_mut(number as usize) {
                *kept = true;
            }
        }
        self.integers.retain(|_, number| kept[*number as usize]);
        self.others.retain(|_, number| kept[*number as usize]);
        self.free.clear();
        for (number, kept) in (0u32..).zip(kept) {
            if !kept {
                self.values[number as usize] = Value::Null;
                self.free.push(number);
            }
        }
    }

    /// The value with this number.
    pub fn get(&self, number: u32) -> &Value {
        self.values.get(number as usize).unwrap_or(&Value::Null)
    }
}

/// What a client asked and what it was told, as a model sees it: keys of a keyed history are
/// taken off.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The function: `read`, `enqueue`.
    pub f: &'a str,
    /// The argument.
    pub input: &'a Value,
    pub answer: Answer<'a>,
    /// Who asked.
    pub process: u32,
}

/// What is known of a call's effect.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    Ok(&'a Value),
    Failed,
    Unknown,
}

/// The states in which a call is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs<S> {
    /// Every state.
    Nothing,
    /// This state alone.
    State(S),
    /// Every state but this one.
    Not(S),
    /// Not to be said so simply.
    Unclear,
}

/// The state that a call leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves<S> {
    /// The one it found.
    Unchanged,
    /// This one, whatever was before.
    State(S),
    /// Not to be said so simply.
    Unclear,
}

/// A sequential specification: what an object does when nobody disturbs.
///
/// Only [`step`](Model::step) decides. The other methods tell the engines what they may make
/// use of, and the explanation how to say it; a model that keeps their defaults is judged
/// exactly as well, only slower and with longer counterexamples. `docs/models.md` walks through
/// a model of one's own.
pub trait Model: Send + Sync {
    type State: Clone + Eq + Ord + Hash + Debug + Send + Sync;
    type Call: Clone + Eq + Hash + Debug + Send + Sync;

    /// What it is called in explanations: "register".
    fn noun(&self) -> &'static str;

    /// The state before the first call.
    fn initial(&self, values: &mut Values) -> Self::State;

    /// Reads a call; `None` if it has no bearing on the rest (a failed write, a read that
    /// nobody saw the answer of). The error says what the value should look like.
    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<Self::Call>, String>;

    /// The state after `call`, `None` if it cannot happen in `state` with its answer.
    fn step(&self, state: &Self::State, call: &Self::Call) -> Option<Self::State>;

    /// All states that may follow, for a specification that leaves a choice; then `step` is not
    /// asked. Handing out a state twice is allowed.
    fn steps(&self, state: &Self::State, call: &Self::Call, each: &mut dyn FnMut(Self::State)) {
        if let Some(next) = self.step(state, call) {
            each(next);
        }
    }

    fn needs(&self, _call: &Self::Call) -> Needs<Self::State> {
        Needs::Unclear
    }

    fn leaves(&self, _call: &Self::Call) -> Leaves<Self::State> {
        Leaves::Unclear
    }

    /// Calls that may be left out of a proof together: leaving out all calls of one unit never
    /// makes a correct history incorrect. A queue's unit is a value with its enqueue and
    /// dequeue. `None` for a call that can only go with everything.
    fn unit(&self, _call: &Self::Call) -> Option<u32> {
        None
    }

    /// All states that these calls can tell apart, one of them standing for any other. With
    /// it a violation can be explained without its past; `None` if that cannot be said.
    fn states(&self, _calls: &[Self::Call]) -> Option<Vec<Self::State>> {
        None
    }

    /// Decides by an algorithm made for this specification; `None` if it does not apply to
    /// these calls (values repeat, say), and the general engine has to. Calls are ordered by
    /// start.
    fn special(&self, _calls: &[Timed<Self::Call>], _values: &Values) -> Option<Special> {
        None
    }

    /// The number of the value that a state is, if states are values and nothing else, which calls
    /// only compare. Then a stream forgets the values that nobody speaks of any more and gives their
    /// numbers to others; [`state_of`](Model::state_of) and [`values_of`](Model::values_of) have to
    /// answer, too. What keeps the default is judged as well, and never forgets.
    fn value_of(&self, _state: &Self::State) -> Option<u32> {
        None
    }

    /// The state that is the value of this number.
    fn state_of(&self, _value: u32) -> Option<Self::State> {
        None
    }

    /// The numbers of all values in a call.
    fn values_of(&self, _call: &Self::Call) -> [Option<u32>; 2] {
        [None, None]
    }

    /// The call as what somebody did: "wrote 3".
    fn describe(&self, call: &Self::Call, values: &Values) -> String;

    /// The state as what the object holds: "3".
    fn describe_state(&self, state: &Self::State, values: &Values) -> String;

    /// The kind of anomaly when calls that change the state contradict each other.
    fn conflict_kind(&self) -> &'static str {
        "nonlinearizable"
    }
}
