//! Models: sequential specifications that operations are judged by.

use std::fmt::Debug;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use serde_json::Value;

/// Small numbers for the values of a history, in order of first appearance.
#[derive(Debug, Default)]
pub struct Values {
    numbers: FxHashMap<Value, u32>,
    values: Vec<Value>,
}

impl Values {
    /// The number of `value`, a new one if it was never seen.
    pub fn intern(&mut self, value: &Value) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.numbers.insert(value.clone(), number);
        self.values.push(value.clone());
        number
    }

    /// The value with this number.
    pub fn get(&self, number: u32) -> &Value {
        self.values.get(number as usize).unwrap_or(&Value::Null)
    }
}

/// What is known of a call, as a model sees it: keys of a keyed history are taken off.
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

/// A deterministic sequential specification.
///
/// `needs` and `leaves` tell the search which unknown calls cannot matter, and the explanation
/// which operations may be left out of a proof. A model that says `Unclear` is searched all
/// the same, but its violations are explained with more operations than needed.
pub trait Model: Send + Sync {
    type State: Copy + Eq + Ord + Hash + Debug + Send + Sync;
    type Call: Copy + Eq + Hash + Debug + Send + Sync;

    /// What it is called in explanations: "register".
    fn noun(&self) -> &'static str;

    /// The state before the first call.
    fn initial(&self, values: &mut Values) -> Self::State;

    /// Reads a call; `None` if it has no bearing on the rest (a failed write, a read that
    /// nobody saw the answer of). The error says what the value should look like.
    fn call(
        &self,
        f: &str,
        input: &Value,
        answer: Answer<'_>,
        values: &mut Values,
    ) -> Result<Option<Self::Call>, String>;

    /// The state after `call`, `None` if it cannot happen in `state` with its answer.
    fn step(&self, state: Self::State, call: Self::Call) -> Option<Self::State>;

    fn needs(&self, _call: Self::Call) -> Needs<Self::State> {
        Needs::Unclear
    }

    fn leaves(&self, _call: Self::Call) -> Leaves<Self::State> {
        Leaves::Unclear
    }

    /// All states that these calls can tell apart, one of them standing for any other. With
    /// it a violation can be explained without its past; `None` if that cannot be said.
    fn states(&self, _calls: &[Self::Call]) -> Option<Vec<Self::State>> {
        None
    }

    /// The call as what somebody did: "wrote 3".
    fn describe(&self, call: Self::Call, values: &Values) -> String;

    /// The state as what the object holds: "3".
    fn describe_state(&self, state: Self::State, values: &Values) -> String;

    /// The kind of anomaly when calls that change the state contradict each other.
    fn conflict_kind(&self) -> &'static str {
        "nonlinearizable"
    }
}
