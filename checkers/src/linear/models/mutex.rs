//! A lock that one process at a time may hold.

use crate::linear::model::{Answer, Asked, Leaves, Model, Needs, Timed, Values};
use crate::linear::special::permits::Change;
use crate::linear::special::{self, Special};

/// A mutex: `acquire` when it is free, `release` when it is held. It does not look at who
/// releases, as Knossos' does not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mutex;

/// A call on a mutex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MutexCall {
    Acquire,
    Release,
}

impl Model for Mutex {
    /// Whether it is held.
    type State = bool;
    type Call = MutexCall;

    fn noun(&self) -> &'static str {
        "mutex"
    }

    fn initial(&self, _values: &mut Values) -> bool {
        false
    }

    fn call(&self, asked: Asked<'_>, _values: &mut Values) -> Result<Option<MutexCall>, String> {
        let f = asked.f;
        match (f, asked.answer) {
            ("acquire" | "release", Answer::Failed) => Ok(None),
            ("acquire", _) => Ok(Some(MutexCall::Acquire)),
            ("release", _) => Ok(Some(MutexCall::Release)),
            _ => Err(format!("a mutex has no `{f}`, only acquire and release")),
        }
    }

    fn step(&self, held: &bool, call: &MutexCall) -> Option<bool> {
        match call {
            MutexCall::Acquire => (!*held).then_some(true),
            MutexCall::Release => held.then_some(false),
        }
    }

    fn needs(&self, call: &MutexCall) -> Needs<bool> {
        Needs::State(*call == MutexCall::Release)
    }

    fn leaves(&self, call: &MutexCall) -> Leaves<bool> {
        Leaves::State(*call == MutexCall::Acquire)
    }

    fn states(&self, _calls: &[MutexCall]) -> Option<Vec<bool>> {
        Some(vec![false, true])
    }

    fn special(&self, calls: &[Timed<MutexCall>], _values: &Values) -> Option<Special> {
        special::permits::decide(calls, 1, |call| Change {
            acquire: *call == MutexCall::Acquire,
            permits: 1,
        })
    }

    fn describe(&self, call: &MutexCall, _values: &Values) -> String {
        match call {
            MutexCall::Acquire => "acquired it".to_owned(),
            MutexCall::Release => "released it".to_owned(),
        }
    }

    fn describe_state(&self, held: &bool, _values: &Values) -> String {
        if *held { "held" } else { "free" }.to_owned()
    }

    fn conflict_kind(&self) -> &'static str {
        "double-grant"
    }
}
