//! A lock that only its holder can release.

use super::parse::{as_client, owner, owner_name};
use crate::linear::model::{Answer, Asked, Leaves, Model, Needs, Timed, Values};
use crate::linear::special::holds::{Hold, Limits};
use crate::linear::special::{self, Special};

/// A mutex that knows its holder: `acquire` when it is free, `release` by who holds it.
///
/// The holder is the process, or the client that the value names: `{"client": "a"}`. Who holds
/// it cannot acquire it again; see [`ReentrantMutex`](super::ReentrantMutex).
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnedMutex;

/// A call on a mutex with an owner; owners by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OwnedCall {
    Acquire(u32),
    Release(u32),
}

impl OwnedCall {
    /// Who called.
    pub fn owner(&self) -> u32 {
        match *self {
            OwnedCall::Acquire(owner) | OwnedCall::Release(owner) => owner,
        }
    }
}

/// Reads `acquire` and `release`; `None` if it certainly did not happen.
pub(super) fn owned_call(
    asked: &Asked<'_>,
    values: &mut Values,
) -> Result<Option<OwnedCall>, String> {
    match (asked.f, asked.answer) {
        ("acquire" | "release", Answer::Failed) => Ok(None),
        ("acquire", _) => Ok(Some(OwnedCall::Acquire(owner(asked, values)))),
        ("release", _) => Ok(Some(OwnedCall::Release(owner(asked, values)))),
        (f, _) => Err(format!("a mutex has no `{f}`, only acquire and release")),
    }
}

/// What the engine for owners makes of it.
pub(super) fn owned_hold(call: &OwnedCall) -> Hold {
    let acquire = matches!(call, OwnedCall::Acquire(_));
    Hold { owner: call.owner(), acquire, permits: 1, token: None }
}

/// "acquired it", with the client that it was acquired for.
pub(super) fn describe_owned(call: &OwnedCall, values: &Values) -> String {
    let did = match call {
        OwnedCall::Acquire(_) => "acquired it",
        OwnedCall::Release(_) => "released it",
    };
    format!("{did}{}", as_client(call.owner(), values))
}

impl Model for OwnedMutex {
    /// Who holds it.
    type State = Option<u32>;
    type Call = OwnedCall;

    fn noun(&self) -> &'static str {
        "mutex"
    }

    fn initial(&self, _values: &mut Values) -> Option<u32> {
        None
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<OwnedCall>, String> {
        owned_call(&asked, values)
    }

    fn step(&self, holder: &Option<u32>, call: &OwnedCall) -> Option<Option<u32>> {
        match *call {
            OwnedCall::Acquire(owner) => holder.is_none().then_some(Some(owner)),
            OwnedCall::Release(owner) => (*holder == Some(owner)).then_some(None),
        }
    }

    fn needs(&self, call: &OwnedCall) -> Needs<Option<u32>> {
        match *call {
            OwnedCall::Acquire(_) => Needs::State(None),
            OwnedCall::Release(owner) => Needs::State(Some(owner)),
        }
    }

    fn leaves(&self, call: &OwnedCall) -> Leaves<Option<u32>> {
        match *call {
            OwnedCall::Acquire(owner) => Leaves::State(Some(owner)),
            OwnedCall::Release(_) => Leaves::State(None),
        }
    }

    /// While one holds it nobody else does anything, so an owner can go with all its calls.
    fn unit(&self, call: &OwnedCall) -> Option<u32> {
        Some(call.owner())
    }

    fn states(&self, calls: &[OwnedCall]) -> Option<Vec<Option<u32>>> {
        let mut states: Vec<Option<u32>> = calls.iter().map(|call| Some(call.owner())).collect();
        states.extend([None, Some(u32::MAX)]);
        states.sort_unstable();
        states.dedup();
        Some(states)
    }

    fn special(&self, calls: &[Timed<OwnedCall>], _values: &Values) -> Option<Special> {
        let limits = Limits { permits: 1, exclusive: true };
        special::holds::decide(calls, limits, owned_hold)
    }

    fn describe(&self, call: &OwnedCall, values: &Values) -> String {
        describe_owned(call, values)
    }

    fn describe_state(&self, holder: &Option<u32>, values: &Values) -> String {
        match holder {
            None => "free".to_owned(),
            Some(owner) => format!("held by {}", owner_name(*owner, values)),
        }
    }

    fn conflict_kind(&self) -> &'static str {
        "double-grant"
    }
}
