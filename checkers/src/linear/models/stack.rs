//! A stack: last in, first out.

use serde_json::Value;

use crate::linear::model::{Answer, Asked, Leaves, Model, Needs, Timed, Values};
use crate::linear::special::{Special, stack};

/// A stack: `push v` puts a value on top, `pop` answers with the value that was on top, or
/// null if there was none.
///
/// Null cannot be pushed, for a pop could not tell it from nothing. What was pushed is never
/// popped by a pop that failed; a pop of unknown outcome may have removed whatever was on top.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stack;

/// A call on a stack; values by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StackCall {
    Push(u32),
    Pop(u32),
    /// A pop that found nothing.
    PopEmpty,
    /// A pop that nobody saw the answer of: it removed what was on top, if there was anything.
    PopUnknown,
}

impl Model for Stack {
    /// From the bottom to the top.
    type State = Vec<u32>;
    type Call = StackCall;

    fn noun(&self) -> &'static str {
        "stack"
    }

    fn initial(&self, _values: &mut Values) -> Vec<u32> {
        Vec::new()
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<StackCall>, String> {
        let Asked { f, input, answer, .. } = asked;
        match (f, answer) {
            ("push" | "pop", Answer::Failed) => Ok(None),
            ("push", _) if input.is_null() => {
                Err("a push has the value to push, which is not null".to_owned())
            }
            ("push", _) => Ok(Some(StackCall::Push(values.intern(input)))),
            ("pop", Answer::Ok(Value::Null)) => Ok(Some(StackCall::PopEmpty)),
            ("pop", Answer::Ok(value)) => Ok(Some(StackCall::Pop(values.intern(value)))),
            ("pop", Answer::Unknown) => Ok(Some(StackCall::PopUnknown)),
            _ => Err(format!("a stack has no `{f}`, only push and pop")),
        }
    }

    fn step(&self, state: &Vec<u32>, call: &StackCall) -> Option<Vec<u32>> {
        let mut next = state.clone();
        match *call {
            StackCall::Push(value) => next.push(value),
            StackCall::Pop(value) if next.pop() != Some(value) => return None,
            StackCall::PopEmpty if !next.is_empty() => return None,
            StackCall::PopUnknown => drop(next.pop()),
            StackCall::Pop(_) | StackCall::PopEmpty => {}
        }
        Some(next)
    }

    fn needs(&self, call: &StackCall) -> Needs<Vec<u32>> {
        match call {
            StackCall::Push(_) | StackCall::PopUnknown => Needs::Nothing,
            StackCall::Pop(_) => Needs::Unclear,
            StackCall::PopEmpty => Needs::State(Vec::new()),
        }
    }

    fn leaves(&self, call: &StackCall) -> Leaves<Vec<u32>> {
        match call {
            StackCall::PopEmpty => Leaves::Unchanged,
            _ => Leaves::Unclear,
        }
    }

    /// A value with all its pushes and pops. Pops of unknown outcome may have been what made
    /// room, and stay.
    fn unit(&self, call: &StackCall) -> Option<u32> {
        match *call {
            StackCall::Push(value) | StackCall::Pop(value) => Some(value),
            StackCall::PopEmpty | StackCall::PopUnknown => None,
        }
    }

    fn special(&self, calls: &[Timed<StackCall>], values: &Values) -> Option<Special> {
        stack::decide(calls, values)
    }

    fn describe(&self, call: &StackCall, values: &Values) -> String {
        match *call {
            StackCall::Push(value) => format!("pushed {}", values.get(value)),
            StackCall::Pop(value) => format!("popped {}", values.get(value)),
            StackCall::PopEmpty => "popped, and was told that it was empty".to_owned(),
            StackCall::PopUnknown => "popped, without an answer".to_owned(),
        }
    }

    fn describe_state(&self, state: &Vec<u32>, values: &Values) -> String {
        let values: Vec<String> =
            state.iter().map(|value| values.get(*value).to_string()).collect();
        if values.is_empty() {
            return "nothing".to_owned();
        }
        format!("{} (bottom to top)", values.join(", "))
    }

    fn conflict_kind(&self) -> &'static str {
        "lifo-inversion"
    }
}
