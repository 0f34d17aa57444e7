//! A set whose elements are added, removed and looked for.

use std::sync::Arc;

use serde_json::Value;

use crate::linear::model::{Answer, Asked, Leaves, Model, Timed, Values};
use crate::linear::special::{Special, set};

/// A set: `add v`, `remove v`, `contains v`, and `read` of all elements. Empty at first.
///
/// `add` answers whether the element was new and `remove` whether it was there; null, or the
/// element itself, says nothing about that. `contains` answers true or false, or `[v, true]`
/// or `[v, false]`. `read` answers with a list of all elements in any order.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetObject;

/// A call on a set; elements by number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SetCall {
    /// Whether it was new, if the answer says so.
    Add(u32, Option<bool>),
    /// Whether it was there, if the answer says so.
    Remove(u32, Option<bool>),
    /// Whether it was there.
    Contains(u32, bool),
    /// All elements, ascending by number. One that the answer lists twice is here twice, and
    /// then no set is like it.
    Read(Arc<Vec<u32>>),
}

impl Model for SetObject {
    /// Ascending.
    type State = Vec<u32>;
    type Call = SetCall;

    fn noun(&self) -> &'static str {
        "set"
    }

    fn initial(&self, _values: &mut Values) -> Vec<u32> {
        Vec::new()
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<SetCall>, String> {
        let Asked { f, input, answer, .. } = asked;
        Ok(match (f, answer) {
            ("add" | "remove", Answer::Failed)
            | ("contains" | "read", Answer::Failed | Answer::Unknown) => None,
            ("add", answer) => Some(SetCall::Add(values.intern(input), told(input, answer)?)),
            ("remove", answer) => Some(SetCall::Remove(values.intern(input), told(input, answer)?)),
            ("contains", Answer::Ok(answer)) => {
                Some(SetCall::Contains(values.intern(input), found(input, answer)?))
            }
            ("read", Answer::Ok(Value::Array(elements))) => {
                let mut numbers: Vec<u32> = elements.iter().map(|v| values.intern(v)).collect();
                numbers.sort_unstable();
                Some(SetCall::Read(Arc::new(numbers)))
            }
            ("read", Answer::Ok(answer)) => {
                return Err(format!("a read answers with the list of all elements, not {answer}"));
            }
            _ => {
                return Err(format!("a set has no `{f}`, only add, remove, contains and read"));
            }
        })
    }

    fn step(&self, state: &Vec<u32>, call: &SetCall) -> Option<Vec<u32>> {
        let place = |element: &u32| state.binary_search(element);
        let fits = match call {
            SetCall::Add(element, new) => new.is_none_or(|new| new == place(element).is_err()),
            SetCall::Remove(element, there) => {
                there.is_none_or(|there| there == place(element).is_ok())
            }
            SetCall::Contains(element, there) => *there == place(element).is_ok(),
            SetCall::Read(elements) => **elements == *state,
        };
        if !fits {
            return None;
        }
        let mut next = state.clone();
        match call {
            SetCall::Add(element, _) => {
                if let Err(place) = place(element) {
                    next.insert(place, *element);
                }
            }
            SetCall::Remove(element, _) => {
                if let Ok(place) = place(element) {
                    next.remove(place);
                }
            }
            SetCall::Contains(..) | SetCall::Read(_) => {}
        }
        Some(next)
    }

    fn leaves(&self, call: &SetCall) -> Leaves<Vec<u32>> {
        match call {
            SetCall::Add(_, Some(false))
            | SetCall::Remove(_, Some(false))
            | SetCall::Contains(..)
            | SetCall::Read(_) => Leaves::Unchanged,
            SetCall::Add(..) | SetCall::Remove(..) => Leaves::Unclear,
        }
    }

    // No `unit`: without the add of an element, a read that lists it would be wrong.

    fn special(&self, calls: &[Timed<SetCall>], values: &Values) -> Option<Special> {
        set::decide(calls, values)
    }

    fn describe(&self, call: &SetCall, values: &Values) -> String {
        let name = |element: &u32| values.get(*element);
        match call {
            SetCall::Add(element, None) => format!("added {}", name(element)),
            SetCall::Add(element, Some(true)) => {
                format!("added {}, which was new", name(element))
            }
            SetCall::Add(element, Some(false)) => {
                format!("tried to add {}, which was there already", name(element))
            }
            SetCall::Remove(element, None) => format!("removed {}", name(element)),
            SetCall::Remove(element, Some(true)) => {
                format!("removed {}, which was there", name(element))
            }
            SetCall::Remove(element, Some(false)) => {
                format!("tried to remove {}, which was not there", name(element))
            }
            SetCall::Contains(element, true) => format!("found {}", name(element)),
            SetCall::Contains(element, false) => format!("did not find {}", name(element)),
            SetCall::Read(elements) => format!("read {}", list(elements, values)),
        }
    }

    fn describe_state(&self, state: &Vec<u32>, values: &Values) -> String {
        list(state, values)
    }

    fn conflict_kind(&self) -> &'static str {
        "lost-update"
    }
}

/// What the answer of an add or a remove says about the element having been there.
fn told(input: &Value, answer: Answer<'_>) -> Result<Option<bool>, String> {
    match answer {
        Answer::Unknown | Answer::Failed | Answer::Ok(Value::Null) => Ok(None),
        Answer::Ok(answer) if answer == input => Ok(None),
        Answer::Ok(Value::Bool(told)) => Ok(Some(*told)),
        Answer::Ok(other) => Err(format!(
            "an add or remove of {input} answers true, false, null or {input}, not {other}"
        )),
    }
}

fn found(input: &Value, answer: &Value) -> Result<bool, String> {
    match answer {
        Value::Bool(found) => Ok(*found),
        Value::Array(pair) if pair.len() == 2 && pair[0] == *input && pair[1].is_boolean() => {
            Ok(pair[1] == Value::Bool(true))
        }
        other => Err(format!(
            "contains {input} answers true, false or [{input}, true or false], not {other}"
        )),
    }
}

/// How many elements of a set are named in full.
const MAX_NAMED: usize = 24;

fn list(elements: &[u32], values: &Values) -> String {
    let named = elements.iter().take(MAX_NAMED).map(|v| values.get(*v).to_string());
    let named: Vec<String> = named.collect();
    let more = elements.len().saturating_sub(MAX_NAMED);
    if more > 0 {
        return format!("[{} and {more} more]", named.join(", "));
    }
    format!("[{}]", named.join(", "))
}
