//! Registers with read, write and compare-and-set.

use serde_json::Value;

use crate::linear::model::{Answer, Asked, Leaves, Model, Needs, Timed, Values};
use crate::linear::special::{Special, zones};

/// A register that is read, written, and compared-and-set.
///
/// `read` answers with the value, `write v` sets it, `cas [old, new]` sets `new` if the value
/// is `old`.
#[derive(Clone, Debug, Default)]
pub struct CasRegister {
    /// What it holds before the first write: null for ours, 0 for Knossos' histories.
    pub initial: Value,
    /// An `ok` read of null says nothing, as in Knossos, rather than that the value is null.
    pub null_read_is_any: bool,
    /// A `fail` of cas says that the value was another, rather than that nothing happened for
    /// whatever reason.
    pub failed_cas_compares: bool,
}

/// A register without compare-and-set is one that nobody compares.
pub type Register = CasRegister;

impl CasRegister {
    /// Knossos' conventions: starts at 0, and reading null is reading anything.
    pub fn knossos() -> Self {
        Self { initial: Value::from(0), null_read_is_any: true, failed_cas_compares: false }
    }
}

/// A call on a register; values by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegisterCall {
    Read(u32),
    Write(u32),
    Cas(u32, u32),
    /// A compare-and-set that found another value than this.
    CasMiss(u32),
}

impl RegisterCall {
    /// The value that it found.
    pub(in crate::linear) fn found(self) -> Option<u32> {
        match self {
            Self::Read(value) | Self::Cas(value, _) => Some(value),
            Self::Write(_) | Self::CasMiss(_) => None,
        }
    }

    /// The value that it left, if it may have changed anything.
    pub(in crate::linear) fn left(self) -> Option<u32> {
        match self {
            Self::Write(value) => Some(value),
            Self::Cas(old, new) if old != new => Some(new),
            Self::Cas(..) | Self::Read(_) | Self::CasMiss(_) => None,
        }
    }

    /// The highest number of a value in it.
    pub(in crate::linear) fn highest(self) -> u32 {
        match self {
            Self::Read(value) | Self::Write(value) | Self::CasMiss(value) => value,
            Self::Cas(old, new) => old.max(new),
        }
    }
}

impl Model for CasRegister {
    type State = u32;
    type Call = RegisterCall;

    fn noun(&self) -> &'static str {
        "register"
    }

    fn initial(&self, values: &mut Values) -> u32 {
        values.intern(&self.initial)
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<RegisterCall>, String> {
        let Asked { f, input, answer, .. } = asked;
        match (f, answer) {
            ("read" | "r", Answer::Ok(Value::Null)) if self.null_read_is_any => Ok(None),
            ("read" | "r", Answer::Ok(value)) => Ok(Some(RegisterCall::Read(values.intern(value)))),
            ("read" | "r", _) | ("write" | "w", Answer::Failed) => Ok(None),
            ("write" | "w", _) => Ok(Some(RegisterCall::Write(values.intern(input)))),
            ("cas", answer) => {
                let [old, new] = pair(input)?.map(|value| values.intern(value));
                Ok(match answer {
                    Answer::Ok(_) | Answer::Unknown => Some(RegisterCall::Cas(old, new)),
                    Answer::Failed if self.failed_cas_compares => Some(RegisterCall::CasMiss(old)),
                    Answer::Failed => None,
                })
            }
            _ => Err(format!("a register has no `{f}`, only read, write and cas")),
        }
    }

    fn step(&self, state: &u32, call: &RegisterCall) -> Option<u32> {
        let state = *state;
        match *call {
            RegisterCall::Read(value) => (state == value).then_some(state),
            RegisterCall::Write(value) => Some(value),
            RegisterCall::Cas(old, new) => (state == old).then_some(new),
            RegisterCall::CasMiss(old) => (state != old).then_some(state),
        }
    }

    fn needs(&self, call: &RegisterCall) -> Needs<u32> {
        match *call {
            RegisterCall::Read(value) | RegisterCall::Cas(value, _) => Needs::State(value),
            RegisterCall::Write(_) => Needs::Nothing,
            RegisterCall::CasMiss(value) => Needs::Not(value),
        }
    }

    fn leaves(&self, call: &RegisterCall) -> Leaves<u32> {
        match *call {
            RegisterCall::Read(_) | RegisterCall::CasMiss(_) => Leaves::Unchanged,
            RegisterCall::Write(value) | RegisterCall::Cas(_, value) => Leaves::State(value),
        }
    }

    fn states(&self, calls: &[RegisterCall]) -> Option<Vec<u32>> {
        let mut states: Vec<u32> = calls
            .iter()
            .filter_map(|call| match call {
                RegisterCall::Read(v) | RegisterCall::Cas(v, _) | RegisterCall::CasMiss(v) => {
                    Some(*v)
                }
                RegisterCall::Write(_) => None,
            })
            .chain([u32::MAX])
            .collect();
        states.sort_unstable();
        states.dedup();
        Some(states)
    }

    fn special(&self, calls: &[Timed<RegisterCall>], values: &Values) -> Option<Special> {
        zones::decide(calls, values)
    }

    fn value_of(&self, state: &u32) -> Option<u32> {
        Some(*state)
    }

    fn state_of(&self, value: u32) -> Option<u32> {
        Some(value)
    }

    fn values_of(&self, call: &RegisterCall) -> [Option<u32>; 2] {
        match *call {
            RegisterCall::Read(value)
            | RegisterCall::Write(value)
            | RegisterCall::CasMiss(value) => [Some(value), None],
            RegisterCall::Cas(old, new) => [Some(old), Some(new)],
        }
    }

    fn describe(&self, call: &RegisterCall, values: &Values) -> String {
        match *call {
            RegisterCall::Read(value) => format!("read {}", values.get(value)),
            RegisterCall::Write(value) => format!("wrote {}", values.get(value)),
            RegisterCall::Cas(old, new) => {
                format!("compared-and-set {} to {}", values.get(old), values.get(new))
            }
            RegisterCall::CasMiss(old) => {
                format!("failed to compare-and-set, the value not being {}", values.get(old))
            }
        }
    }

    fn describe_state(&self, state: &u32, values: &Values) -> String {
        if *state == u32::MAX {
            return "another value".to_owned();
        }
        values.get(*state).to_string()
    }

    fn conflict_kind(&self) -> &'static str {
        "lost-update"
    }
}

fn pair(value: &Value) -> Result<[&Value; 2], String> {
    match value.as_array().map(Vec::as_slice) {
        Some([old, new]) => Ok([old, new]),
        _ => Err(format!("the value of a cas is [old, new], not {value}")),
    }
}
