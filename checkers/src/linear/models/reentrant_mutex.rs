//! A lock that its holder may acquire several times.

use super::owned_mutex::{OwnedCall, describe_owned, owned_call, owned_hold};
use super::parse::owner_name;
use crate::linear::model::{Asked, Leaves, Model, Needs, Timed, Values};
use crate::linear::special::holds::Limits;
use crate::linear::special::{self, Special};

/// A reentrant mutex: its holder may `acquire` it again, and others have it only after as many
/// `release`s. Owners are those of [`OwnedMutex`](super::OwnedMutex).
#[derive(Clone, Copy, Debug, Default)]
pub struct ReentrantMutex {
    /// How often it may be held at the same time, if there is a limit: 2 in Jepsen's tests of
    /// Hazelcast.
    pub most: Option<u32>,
}

/// How often who holds it; by nobody, it is free.
pub type Holds = Option<(u32, u32)>;

impl Model for ReentrantMutex {
    /// The holder, and how often it holds: at least once.
    type State = Holds;
    type Call = OwnedCall;

    fn noun(&self) -> &'static str {
        "mutex"
    }

    fn initial(&self, _values: &mut Values) -> Holds {
        None
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<OwnedCall>, String> {
        owned_call(&asked, values)
    }

    fn step(&self, holds: &Holds, call: &OwnedCall) -> Option<Holds> {
        let most = self.most.unwrap_or(u32::MAX);
        match (*call, *holds) {
            (OwnedCall::Acquire(owner), None) => (most > 0).then_some(Some((owner, 1))),
            (OwnedCall::Acquire(owner), Some((holder, count))) => {
                (owner == holder && count < most).then_some(Some((owner, count + 1)))
            }
            (OwnedCall::Release(owner), Some((holder, count))) => {
                (owner == holder).then_some((count > 1).then(|| (owner, count - 1)))
            }
            (OwnedCall::Release(_), None) => None,
        }
    }

    fn needs(&self, call: &OwnedCall) -> Needs<Holds> {
        match (self.most, *call) {
            (Some(1), OwnedCall::Acquire(_)) => Needs::State(None),
            (Some(1), OwnedCall::Release(owner)) => Needs::State(Some((owner, 1))),
            _ => Needs::Unclear,
        }
    }

    fn leaves(&self, call: &OwnedCall) -> Leaves<Holds> {
        match (self.most, *call) {
            (Some(1), OwnedCall::Acquire(owner)) => Leaves::State(Some((owner, 1))),
            (Some(1), OwnedCall::Release(_)) => Leaves::State(None),
            _ => Leaves::Unclear,
        }
    }

    /// While one holds it nobody else does anything, so an owner can go with all its calls.
    fn unit(&self, call: &OwnedCall) -> Option<u32> {
        Some(call.owner())
    }

    fn special(&self, calls: &[Timed<OwnedCall>], _values: &Values) -> Option<Special> {
        let permits = self.most.map_or(u64::MAX, u64::from);
        special::holds::decide(calls, Limits { permits, exclusive: true }, owned_hold)
    }

    fn describe(&self, call: &OwnedCall, values: &Values) -> String {
        describe_owned(call, values)
    }

    fn describe_state(&self, holds: &Holds, values: &Values) -> String {
        match holds {
            None => "free".to_owned(),
            Some((owner, 1)) => format!("held by {}", owner_name(*owner, values)),
            Some((owner, count)) => format!("held {count} times by {}", owner_name(*owner, values)),
        }
    }

    fn conflict_kind(&self) -> &'static str {
        "double-grant"
    }
}
