//! A lock that its holder may lose without knowing.

use super::fenced_mutex::token;
use super::parse::owner;
use super::{Fence, FencedCall, FencedMutex};
use crate::history::CRASH;
use crate::linear::model::{Answer, Asked, Model, Timed, Values};
use crate::linear::special::{self, Special};

/// A mutex of sessions, as databases have them: who holds it loses it when the connection breaks or
/// a lease runs out, and hears of that later, if at all. So an acquisition alone proves little:
/// that it was held proves the release that *succeeds*. Until that takes effect nobody else can
/// have acquired it.
///
/// Calls, owners and tokens are those of [`FencedMutex`], which is what to judge by where a hold
/// must not be lost. A release that failed, or has no answer, says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionMutex;

impl Model for SessionMutex {
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
            ("acquire", Answer::Ok(answer)) => {
                let token = token(answer)?;
                Ok(Some(FencedCall::Acquire { owner: owner(&asked, values), token }))
            }
            // Only a release by the same owner could tell that it happened.
            ("acquire", Answer::Unknown) => {
                Ok(Some(FencedCall::Acquire { owner: owner(&asked, values), token: None }))
            }
            ("release", Answer::Ok(_)) => {
                Ok(Some(FencedCall::Release { owner: owner(&asked, values) }))
            }
            // It may as well have been lost.
            ("release", Answer::Unknown) => Ok(None),
            (CRASH, _) => Ok(None),
            (f, _) => Err(format!("a mutex has no `{f}`, only acquire and release")),
        }
    }

    fn step(&self, fence: &Fence, call: &FencedCall) -> Option<Fence> {
        match *call {
            // Whoever had it, if anybody, has lost it by now.
            FencedCall::Acquire { owner, token } => {
                Fence { holder: Some((owner, 1)), current: None, ..*fence }.told(token)
            }
            FencedCall::Release { owner } => {
                let holds = fence.holder.is_some_and(|(holder, _)| holder == owner);
                holds.then_some(Fence { greatest: fence.greatest, ..Fence::default() })
            }
        }
    }

    /// An owner can go with all its calls: nobody else needs them.
    fn unit(&self, call: &FencedCall) -> Option<u32> {
        Some(call.owner())
    }

    fn special(&self, calls: &[Timed<FencedCall>], _values: &Values) -> Option<Special> {
        special::sessions::decide(calls)
    }

    fn describe(&self, call: &FencedCall, values: &Values) -> String {
        FencedMutex::default().describe(call, values)
    }

    fn describe_state(&self, fence: &Fence, values: &Values) -> String {
        FencedMutex::default().describe_state(fence, values)
    }

    fn conflict_kind(&self) -> &'static str {
        "double-grant"
    }
}
