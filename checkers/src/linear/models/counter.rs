//! A counter that is added to and read.

use serde_json::Value;

use super::parse::integer;
use crate::linear::model::{Answer, Asked, Leaves, Model, Needs, Timed, Values};
use crate::linear::special::{self, Special};

/// A counter that starts at 0. `add n` (negative for less), `increment` and `decrement` change
/// it; `add-and-get n` is answered by the new value, `fetch-add n` by the old one, `read` by
/// the present one.
///
/// `increment` and `decrement` may be answered by the new value as well, or by null. What `add`
/// is answered is not looked at: Jepsen's clients repeat the amount there.
#[derive(Clone, Copy, Debug, Default)]
pub struct CounterObject;

/// A call on a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CounterCall {
    Read(i128),
    /// Nobody was told what came out.
    Add(i128),
    AddAndGet {
        amount: i128,
        new: i128,
    },
    FetchAdd {
        old: i128,
        amount: i128,
    },
}

impl CounterCall {
    /// The values before and after, where they are known.
    pub fn known(&self) -> Option<(i128, i128)> {
        match *self {
            CounterCall::Read(value) => Some((value, value)),
            CounterCall::Add(_) => None,
            CounterCall::AddAndGet { amount, new } => Some((new.saturating_sub(amount), new)),
            CounterCall::FetchAdd { old, amount } => Some((old, old.saturating_add(amount))),
        }
    }

    /// By how much it changes the value.
    pub fn amount(&self) -> i128 {
        match *self {
            CounterCall::Read(_) => 0,
            CounterCall::Add(amount)
            | CounterCall::AddAndGet { amount, .. }
            | CounterCall::FetchAdd { amount, .. } => amount,
        }
    }
}

impl Model for CounterObject {
    /// Wide enough for any sum of 64-bit amounts.
    type State = i128;
    type Call = CounterCall;

    fn noun(&self) -> &'static str {
        "counter"
    }

    fn initial(&self, _values: &mut Values) -> i128 {
        0
    }

    fn call(&self, asked: Asked<'_>, _values: &mut Values) -> Result<Option<CounterCall>, String> {
        let Asked { f, input, answer, .. } = asked;
        let amount = match f {
            "read" => 0,
            "increment" => 1,
            "decrement" => -1,
            "add" | "add-and-get" | "fetch-add" => whole(input)?,
            _ => {
                return Err(format!(
                    "a counter has no `{f}`, only add, increment, decrement, add-and-get, \
                     fetch-add and read"
                ));
            }
        };
        let told = match answer {
            Answer::Failed => return Ok(None),
            Answer::Unknown => None,
            Answer::Ok(_) if f == "add" => None,
            Answer::Ok(Value::Null) if f != "read" => None,
            Answer::Ok(told) => Some(whole(told)?),
        };
        Ok(match (f, told) {
            ("read", told) => told.map(CounterCall::Read),
            ("fetch-add", Some(old)) => Some(CounterCall::FetchAdd { old, amount }),
            (_, Some(new)) => Some(CounterCall::AddAndGet { amount, new }),
            (_, None) => Some(CounterCall::Add(amount)),
        })
    }

    fn step(&self, value: &i128, call: &CounterCall) -> Option<i128> {
        match call.known() {
            Some((old, new)) => (*value == old).then_some(new),
            None => Some(value.saturating_add(call.amount())),
        }
    }

    fn needs(&self, call: &CounterCall) -> Needs<i128> {
        call.known().map_or(Needs::Nothing, |(old, _)| Needs::State(old))
    }

    fn leaves(&self, call: &CounterCall) -> Leaves<i128> {
        match (call.amount(), call.known()) {
            (0, _) => Leaves::Unchanged,
            (_, Some((_, new))) => Leaves::State(new),
            (_, None) => Leaves::Unclear,
        }
    }

    /// What somebody needs, or a value that nobody needs; not so with sums.
    fn states(&self, calls: &[CounterCall]) -> Option<Vec<i128>> {
        let mut states = Vec::new();
        for call in calls {
            match call.known() {
                Some((old, _)) => states.push(old),
                None if call.amount() == 0 => {}
                None => return None,
            }
        }
        states.sort_unstable();
        states.dedup();
        states.push(states.last().map_or(0, |most| most.saturating_add(1)));
        Some(states)
    }

    fn special(&self, calls: &[Timed<CounterCall>], _values: &Values) -> Option<Special> {
        special::counters::decide(calls)
    }

    fn describe(&self, call: &CounterCall, _values: &Values) -> String {
        match *call {
            CounterCall::Read(value) => format!("read {value}"),
            CounterCall::Add(amount) => format!("added {amount}"),
            CounterCall::AddAndGet { amount, new } => format!("added {amount} and got {new}"),
            CounterCall::FetchAdd { old, amount } => format!("fetched {old} and added {amount}"),
        }
    }

    fn describe_state(&self, value: &i128, _values: &Values) -> String {
        value.to_string()
    }

    fn conflict_kind(&self) -> &'static str {
        "lost-update"
    }
}

fn whole(value: &Value) -> Result<i128, String> {
    integer(value).ok_or_else(|| format!("a counter has whole numbers, not {value}"))
}
