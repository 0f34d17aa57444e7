//! Locks and semaphores: brute force, long histories, and one holder too many.

use super::evidence::{Long, agrees, insert, spread};
use crate::linear::model::{NEVER, Timed};
use crate::linear::synthetic::{Locks, Random};
use crate::linear::*;

#[test]
fn permits_without_owners_agree_with_brute_force() {
    assert_eq!(agrees(&Mutex, 1, 100_000).covers(100_000).undecided, 0);
    for (seed, permits) in [(2, 1), (3, 2), (4, 3)] {
        agrees(&Semaphore::new(permits), seed, 60_000).covers(50_000);
    }
}

#[test]
fn holds_agree_with_brute_force() {
    let owned = |permits| Semaphore { permits, owned: true };
    agrees(&OwnedMutex, 1, 180_000).covers(60_000);
    agrees(&ReentrantMutex::default(), 2, 90_000).covers(30_000);
    agrees(&ReentrantMutex { most: Some(2) }, 3, 90_000).covers(30_000);
    agrees(&FencedMutex::default(), 4, 120_000).covers(40_000);
    agrees(&FencedMutex { reentrant: true, most: None }, 5, 90_000).covers(30_000);
    agrees(&FencedMutex { reentrant: true, most: Some(2) }, 6, 90_000).covers(30_000);
    agrees(&owned(2), 7, 90_000).covers(30_000);
    agrees(&owned(3), 8, 90_000).covers(30_000);
}

const LONG: Long = Long { count: 10_000, operations: 400, unknown: 50_000 };
const SURE: Long = Long { unknown: 0, ..LONG };

/// The end of an acquisition and the begin of its owner's next call, for one of the
/// acquisitions that were told to have happened, if there is time in between.
fn core<C>(
    calls: &[Timed<C>],
    random: &mut Random,
    acquired: impl Fn(&C) -> Option<u32>,
    owner: impl Fn(&C) -> u32,
) -> Option<(u32, u32)> {
    let known: Vec<usize> = (0..calls.len())
        .filter(|n| calls[*n].end != NEVER && acquired(&calls[*n].call).is_some())
        .collect();
    let at = *known.get(random.below(known.len().max(1) as u64) as usize)?;
    let by = owner(&calls[at].call);
    let next = calls[at + 1..].iter().find(|timed| owner(&timed.call) == by);
    Some((calls[at].end, next.map_or(NEVER, |timed| timed.start)))
}

/// Two acquisitions of another owner, while one holds it for sure: nobody could have given it
/// back in between, so the first of them is one too many, whatever unknown calls did.
#[test]
fn long_histories_of_mutexes() {
    let other = u32::MAX - 1;
    let acquired = |call: &OwnedCall| matches!(call, OwnedCall::Acquire(_)).then_some(1);
    let plant = |calls: &mut Vec<Timed<OwnedCall>>, random: &mut Random| {
        spread(calls, 4);
        let Some((from, _)) = core(calls, random, acquired, OwnedCall::owner) else { return false };
        insert(calls, from, std::iter::once(OwnedCall::Acquire(other)));
        true
    };
    let planted = LONG.check(&OwnedMutex, || Locks::owned(1), plant);
    assert!(planted > 9_600, "{planted}");
    let planted = LONG.check(&ReentrantMutex { most: Some(2) }, || Locks::owned(2), plant);
    assert!(planted > 9_600, "{planted}");
}

/// Without owners, as many acquisitions as there are permits while one is held for sure. By
/// then the calls before need one permit more than they gave back, as each release that has
/// begun belongs to an acquisition that has ended.
#[test]
fn long_histories_of_semaphores() {
    let of = |call: &SemaphoreCall| call.owner;
    let acquired = |call: &SemaphoreCall| call.acquire.then_some(1);
    let more = SemaphoreCall { owner: u32::MAX - 1, acquire: true, permits: 1 };
    for permits in [1, 2, 5] {
        let plant = |calls: &mut Vec<Timed<SemaphoreCall>>, random: &mut Random| {
            spread(calls, 20);
            let Some((from, _)) = core(calls, random, acquired, of) else { return false };
            insert(calls, from, std::iter::repeat_n(more, permits as usize));
            true
        };
        let subject = || Locks::semaphore(permits);
        let planted = LONG.check(&Semaphore::new(permits), subject, plant);
        assert!(planted > 9_600, "{planted}");
        let planted = LONG.check(&Semaphore { permits, owned: true }, subject, plant);
        assert!(planted > 9_600, "{planted}");
    }
}

#[test]
fn long_histories_of_mutexes_without_owners() {
    // The same as a semaphore with one permit, but for the calls.
    let planted = LONG.check(&Mutex, Locks::mutex, |calls, random| {
        let ended =
            |timed: &&Timed<MutexCall>| timed.end != NEVER && timed.call == MutexCall::Acquire;
        let ends: Vec<u32> = calls.iter().filter(ended).map(|timed| timed.end).collect();
        let Some(end) = ends.get(random.below(ends.len().max(1) as u64) as usize).copied() else {
            return false;
        };
        spread(calls, 4);
        insert(calls, 4 * end, std::iter::once(MutexCall::Acquire));
        true
    });
    assert!(planted > 9_600, "{planted}");
}

/// Two holds in a row, with their tokens exchanged: the first began to be given back before the
/// second acquisition ended, so they came in that order, but the tokens say the reverse.
#[test]
fn long_histories_of_fenced_mutexes() {
    let plant = |calls: &mut Vec<Timed<FencedCall>>, random: &mut Random| {
        let told = |call: &FencedCall| match call {
            FencedCall::Acquire { token: Some(token), .. } => Some(*token),
            _ => None,
        };
        let mut holds: Vec<usize> = (0..calls.len())
            .filter(|n| calls[*n].end != NEVER && told(&calls[*n].call).is_some())
            .collect();
        holds.sort_by_key(|n| calls[*n].end);
        holds.dedup_by_key(|n| told(&calls[*n].call));
        if holds.len() < 2 {
            return false;
        }
        let first = random.below(holds.len() as u64 - 1) as usize;
        let (a, b) = (holds[first], holds[first + 1]);
        let (one, two) = (told(&calls[a].call), told(&calls[b].call));
        for (at, token) in [(a, two), (b, one)] {
            let owner = calls[at].call.owner();
            calls[at].call = FencedCall::Acquire { owner, token };
        }
        true
    };
    let planted = LONG.check(&FencedMutex::default(), || Locks::fenced(1), plant);
    assert!(planted > 2_300, "{planted}");
    let model = FencedMutex { reentrant: true, most: None };
    let planted = SURE.check(&model, || Locks::fenced(3), plant);
    assert!(planted > 2_300, "{planted}");
}
