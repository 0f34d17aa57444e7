//! Synthetic locks: mutexes of all kinds and semaphores.

use std::collections::BTreeMap;

use super::{Random, Subject};
use crate::linear::{FencedCall, MutexCall, OwnedCall, SemaphoreCall};

/// A lock whose clients acquire and release in turns.
///
/// A client that has not learnt an outcome goes on as another owner. Its acquisition then never
/// happened and its release did, or soon nobody would get the lock any more; what a lost owner
/// holds besides, it holds for ever.
pub struct Locks<C> {
    permits: u32,
    /// Whether only one owner holds at a time.
    exclusive: bool,
    /// Whether owners that hold acquire again.
    again: bool,
    call: fn(LockRequest, Option<i128>) -> C,
    /// Permits by owner.
    held: BTreeMap<u32, u32>,
    token: i128,
    /// Per process, the owner it is and its last request.
    clients: Vec<(u32, LockRequest)>,
    owners: u32,
}

/// What is asked of a lock.
#[derive(Clone, Copy, Debug, Default)]
pub struct LockRequest {
    pub owner: u32,
    pub acquire: bool,
    /// The owner is gone, so this has no effect any more.
    pub lost: bool,
}

impl<C> Locks<C> {
    fn new(permits: u32, exclusive: bool, call: fn(LockRequest, Option<i128>) -> C) -> Self {
        let again = exclusive && permits > 1;
        let (held, clients) = (BTreeMap::new(), Vec::new());
        Self { permits, exclusive, again, call, held, token: 0, clients, owners: 0 }
    }

    /// Whether it could be done.
    fn change(&mut self, request: LockRequest) -> bool {
        let taken: u32 = self.held.values().sum();
        let held = self.held.get(&request.owner).copied().unwrap_or(0);
        if request.acquire {
            if taken == self.permits || self.exclusive && taken != held {
                return false;
            }
            self.token += i128::from(held == 0);
            self.held.insert(request.owner, held + 1);
        } else if held > 1 {
            self.held.insert(request.owner, held - 1);
        } else {
            return self.held.remove(&request.owner).is_some();
        }
        true
    }

    fn is_lost(&self, owner: u32) -> bool {
        self.clients.iter().all(|(other, request)| *other != owner || request.lost)
    }
}

impl Locks<MutexCall> {
    /// A mutex that does not look at owners, though only holders release it.
    pub fn mutex() -> Self {
        Self::new(1, true, |request, _| match request.acquire {
            true => MutexCall::Acquire,
            false => MutexCall::Release,
        })
    }
}

impl Locks<OwnedCall> {
    /// A mutex that can be held so many times by one owner.
    pub fn owned(most: u32) -> Self {
        Self::new(most, true, |request, _| match request.acquire {
            true => OwnedCall::Acquire(request.owner),
            false => OwnedCall::Release(request.owner),
        })
    }
}

impl Locks<FencedCall> {
    /// The same with tokens.
    pub fn fenced(most: u32) -> Self {
        Self::new(most, true, |LockRequest { owner, acquire, .. }, token| match acquire {
            true => FencedCall::Acquire { owner, token },
            false => FencedCall::Release { owner },
        })
    }
}

impl Locks<SemaphoreCall> {
    /// A semaphore whose owners give back what they took, one at a time.
    pub fn semaphore(permits: u32) -> Self {
        Self::new(permits, false, |LockRequest { owner, acquire, .. }, _| SemaphoreCall {
            owner,
            acquire,
            permits: 1,
        })
    }
}

impl<C> Subject for Locks<C> {
    type Request = LockRequest;
    type Call = C;

    fn ask(&mut self, random: &mut Random, process: u32) -> LockRequest {
        let process = process as usize;
        while self.clients.len() <= process {
            self.clients.push((self.owners, LockRequest::default()));
            self.owners += 1;
        }
        if self.clients[process].1.lost {
            self.clients[process].0 = self.owners;
            self.owners += 1;
        }
        let owner = self.clients[process].0;
        let again = self.again && random.chance(30);
        let acquire = again || !self.held.contains_key(&owner);
        let request = LockRequest { owner, acquire, lost: false };
        self.clients[process].1 = request;
        request
    }

    fn apply(&mut self, request: &LockRequest) -> Option<C> {
        let done = !self.is_lost(request.owner) && self.change(*request);
        done.then(|| (self.call)(*request, Some(self.token)))
    }

    fn unanswered(&self, request: &LockRequest) -> Option<C> {
        Some((self.call)(*request, None))
    }

    fn lost(&mut self, process: u32) {
        let Some((_, request)) = self.clients.get_mut(process as usize) else { return };
        request.lost = true;
        let request = *request;
        if !request.acquire {
            self.change(request);
        }
    }
}
