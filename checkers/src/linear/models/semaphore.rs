//! Semaphores: a number of permits that are taken and given back.

use super::parse::{amount, as_client, owner, owner_name};
use crate::linear::model::{Answer, Asked, Leaves, Model, Needs, Timed, Values};
use crate::linear::special::holds::{Hold, Limits};
use crate::linear::special::permits::Change;
use crate::linear::special::{self, Special};

/// A semaphore: `acquire n` takes n permits if so many are free, `release n` gives them back;
/// one if n is not said. The value may be `{"client": c, "permits": n}`.
#[derive(Clone, Copy, Debug)]
pub struct Semaphore {
    pub permits: u32,
    /// Whether an owner can give back only what it has taken itself (as Hazelcast's, and as
    /// Jepsen's model). Otherwise anybody gives back what anybody took, but never more than
    /// were taken.
    pub owned: bool,
}

/// The number for everybody, where a semaphore does not look at who asks.
const ANYBODY: u32 = u32::MAX;

/// A call on a semaphore; owners by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SemaphoreCall {
    pub owner: u32,
    /// Rather than a release.
    pub acquire: bool,
    /// At least one.
    pub permits: u32,
}

/// Who holds how many permits, at least one each, ordered by owner.
pub type Held = Box<[(u32, u32)]>;

impl Semaphore {
    /// Anybody may give permits back.
    pub fn new(permits: u32) -> Self {
        Self { permits, owned: false }
    }

    /// All permits at once, or none: then it is a mutex.
    fn takes_all(&self, call: &SemaphoreCall) -> bool {
        call.permits == self.permits
    }

    fn full(&self, owner: u32) -> Held {
        Box::from([(owner, self.permits)])
    }
}

impl Model for Semaphore {
    type State = Held;
    type Call = SemaphoreCall;

    fn noun(&self) -> &'static str {
        "semaphore"
    }

    fn initial(&self, _values: &mut Values) -> Held {
        Held::default()
    }

    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<SemaphoreCall>, String> {
        let acquire = match asked.f {
            "acquire" => true,
            "release" => false,
            f => return Err(format!("a semaphore has no `{f}`, only acquire and release")),
        };
        let permits = amount(asked.input)?;
        if permits == 0 || matches!(asked.answer, Answer::Failed) {
            return Ok(None);
        }
        let owner = if self.owned { owner(&asked, values) } else { ANYBODY };
        Ok(Some(SemaphoreCall { owner, acquire, permits }))
    }

    fn step(&self, held: &Held, call: &SemaphoreCall) -> Option<Held> {
        let at = held.binary_search_by_key(&call.owner, |(owner, _)| *owner);
        let mut next = held.to_vec();
        if call.acquire {
            let taken: u64 = held.iter().map(|(_, count)| u64::from(*count)).sum();
            if taken + u64::from(call.permits) > u64::from(self.permits) {
                return None;
            }
            match at {
                Ok(at) => next[at].1 += call.permits,
                Err(at) => next.insert(at, (call.owner, call.permits)),
            }
        } else {
            let at = at.ok()?;
            next[at].1 = next[at].1.checked_sub(call.permits)?;
            if next[at].1 == 0 {
                next.remove(at);
            }
        }
        Some(next.into_boxed_slice())
    }

    fn needs(&self, call: &SemaphoreCall) -> Needs<Held> {
        match (call.acquire, call.permits) {
            (true, _) if self.takes_all(call) => Needs::State(Held::default()),
            (false, _) if self.takes_all(call) => Needs::State(self.full(call.owner)),
            (true, 1) if !self.owned && self.permits > 0 => Needs::Not(self.full(call.owner)),
            (false, 1) if !self.owned => Needs::Not(Held::default()),
            _ => Needs::Unclear,
        }
    }

    fn leaves(&self, call: &SemaphoreCall) -> Leaves<Held> {
        match call.acquire {
            true if self.takes_all(call) => Leaves::State(self.full(call.owner)),
            false if self.takes_all(call) => Leaves::State(Held::default()),
            _ => Leaves::Unclear,
        }
    }

    /// Without an owner and all its calls there are only more permits free.
    fn unit(&self, call: &SemaphoreCall) -> Option<u32> {
        self.owned.then_some(call.owner)
    }

    fn states(&self, calls: &[SemaphoreCall]) -> Option<Vec<Held>> {
        const MOST: u32 = 64;
        let anybody = calls.iter().all(|call| call.owner == ANYBODY);
        if !anybody || self.permits > MOST {
            return None;
        }
        let some = |count| if count == 0 { Held::default() } else { Box::from([(ANYBODY, count)]) };
        Some((0..=self.permits).map(some).collect())
    }

    fn special(&self, calls: &[Timed<SemaphoreCall>], _values: &Values) -> Option<Special> {
        if !self.owned {
            return special::permits::decide(calls, self.permits, |call| Change {
                acquire: call.acquire,
                permits: call.permits,
            });
        }
        let limits = Limits { permits: u64::from(self.permits), exclusive: false };
        special::holds::decide(calls, limits, |call| {
            let SemaphoreCall { owner, acquire, permits } = *call;
            Hold { owner, acquire, permits, token: None }
        })
    }

    fn describe(&self, call: &SemaphoreCall, values: &Values) -> String {
        let did = if call.acquire { "acquired" } else { "released" };
        let what = match call.permits {
            1 => "a permit".to_owned(),
            several => format!("{several} permits"),
        };
        format!("{did} {what}{}", as_client(call.owner, values))
    }

    fn describe_state(&self, held: &Held, values: &Values) -> String {
        if held.is_empty() {
            return format!("all of {} permits free", self.permits);
        }
        let count = |(owner, count): &(u32, u32)| match *owner {
            ANYBODY => format!("{count}"),
            owner => format!("{count} by {}", owner_name(owner, values)),
        };
        let counts: Vec<String> = held.iter().map(count).collect();
        format!("{} of {} permits held", counts.join(", "), self.permits)
    }

    fn conflict_kind(&self) -> &'static str {
        "over-grant"
    }
}
