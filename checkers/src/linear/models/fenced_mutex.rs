//! A lock that hands out fencing tokens.

use serde_json::Value;

use super::parse::{as_client, integer, owner, owner_name};
use crate::history::CRASH;
use crate::linear::model::{Answer, Asked, Model, Timed, Values};
use crate::linear::special::holds::{Hold, Limits};
use crate::linear::special::{self, Special};

/// A mutex whose `acquire` is answered by a fencing token, an integer that grows with each
/// acquisition: `7`, or `{"client": "a", "token": 7}` (or `fence`, as Hazelcast says). Owners
/// are those of [`OwnedMutex`](super::OwnedMutex).
///
/// An acquisition that told no token (null, or no answer at all) says nothing about tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct FencedMutex {
    /// Whether the holder may acquire it again, and is given the same token then.
    pub reentrant: bool,
    /// How often a reentrant one may be held at the same time, if there is a limit.
    pub most: Option<u32>,
}

/// A call on a mutex with tokens; owners by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FencedCall {
    Acquire { owner: u32, token: Option<i128> },
    Release { owner: u32 },
}

impl FencedCall {
    /// Who called.
    pub fn owner(&self) -> u32 {
        match *self {
            FencedCall::Acquire { owner, .. } | FencedCall::Release { owner } => owner,
        }
    }
}

/// What a mutex with tokens remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence {
    /// Who holds it, and how often: at least once.
    pub holder: Option<(u32, u32)>,
    /// The token of the present holder, if anybody was told.
    pub current: Option<i128>,
    /// The greatest token that anybody was told.
    pub greatest: Option<i128>,
}

impl Fence {
    /// The same after somebody was told `token`, or nobody any.
    pub(super) fn told(self, token: Option<i128>) -> Option<Self> {
        let Some(token) = token else { return Some(self) };
        match self.current {
            Some(current) => (current == token).then_some(self),
            None if self.greatest.is_some_and(|greatest| greatest >= token) => None,
            None => Some(Self { current: Some(token), greatest: Some(token), ..self }),
        }
    }
}

impl Model for FencedMutex {
    type State = Fence;
    type Call = FencedCall;

    fn noun(&self) -> &'static str {
        "mutex"
    }

    fn initial(&self, _values: &mut Values) -> Fence {
        Fence::default()
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<FencedCall>, String> {
        match (asked.f, asked.answer) {
            ("acquire" | "release", Answer::Failed) => Ok(None),
            ("acquire", answer) => {
                let token = match answer {
                    Answer::Ok(answer) => token(answer)?,
                    Answer::Failed | Answer::Unknown => None,
                };
                Ok(Some(FencedCall::Acquire { owner: owner(&asked, values), token }))
            }
            ("release", _) => Ok(Some(FencedCall::Release { owner: owner(&asked, values) })),
            (CRASH, _) => Ok(None),
            (f, _) => Err(format!("a mutex has no `{f}`, only acquire and release")),
        }
    }

    fn step(&self, fence: &Fence, call: &FencedCall) -> Option<Fence> {
        let most = if self.reentrant { self.most.unwrap_or(u32::MAX) } else { 1 };
        match (*call, fence.holder) {
            (FencedCall::Acquire { owner, token }, None) if most > 0 => {
                Fence { holder: Some((owner, 1)), current: None, ..*fence }.told(token)
            }
            (FencedCall::Acquire { owner, token }, Some((holder, count))) if count < most => {
                let again = Fence { holder: Some((owner, count + 1)), ..*fence };
                if owner == holder { again.told(token) } else { None }
            }
            (FencedCall::Release { owner }, Some((holder, count))) if owner == holder => {
                let greatest = fence.greatest;
                Some(match count {
                    0 | 1 => Fence { greatest, ..Fence::default() },
                    _ => Fence { holder: Some((owner, count - 1)), ..*fence },
                })
            }
            _ => None,
        }
    }

    /// While one holds it nobody else does anything, and the tokens that remain still grow.
    fn unit(&self, call: &FencedCall) -> Option<u32> {
        Some(call.owner())
    }

    fn special(&self, calls: &[Timed<FencedCall>], _values: &Values) -> Option<Special> {
        let most = if self.reentrant { self.most.map_or(u64::MAX, u64::from) } else { 1 };
        let limits = Limits { permits: most, exclusive: true };
        special::holds::decide(calls, limits, |call| match *call {
            FencedCall::Acquire { owner, token } => {
                Hold { owner, acquire: true, permits: 1, token }
            }
            FencedCall::Release { owner } => {
                Hold { owner, acquire: false, permits: 1, token: None }
            }
        })
    }

    fn describe(&self, call: &FencedCall, values: &Values) -> String {
        let client = as_client(call.owner(), values);
        match call {
            FencedCall::Acquire { token: Some(token), .. } => {
                format!("acquired it{client} with token {token}")
            }
            FencedCall::Acquire { token: None, .. } => format!("acquired it{client}"),
            FencedCall::Release { .. } => format!("released it{client}"),
        }
    }

    fn describe_state(&self, fence: &Fence, values: &Values) -> String {
        let holder = match fence.holder {
            None => "free".to_owned(),
            Some((owner, 0 | 1)) => format!("held by {}", owner_name(owner, values)),
            Some((owner, count)) => format!("held {count} times by {}", owner_name(owner, values)),
        };
        match (fence.current, fence.greatest) {
            (Some(token), _) => format!("{holder} with token {token}"),
            (None, Some(token)) => format!("{holder} after token {token}"),
            (None, None) => holder,
        }
    }

    fn conflict_kind(&self) -> &'static str {
        "double-grant"
    }
}

/// The token in an answer, if it has one.
pub(super) fn token(answer: &Value) -> Result<Option<i128>, String> {
    let said = match answer {
        Value::Object(named) => named.get("token").or_else(|| named.get("fence")),
        other => Some(other),
    };
    match said {
        None | Some(Value::Null) => Ok(None),
        Some(token) => match integer(token) {
            Some(token) => Ok(Some(token)),
            None => Err(format!("a fencing token is an integer, not {token}")),
        },
    }
}
