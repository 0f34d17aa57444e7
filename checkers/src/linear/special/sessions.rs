//! Locks that may be lost: proved to be held only by a release that succeeded.
//!
//! An acquisition with such a release is *firm*: its owner held the lock at least from the end of
//! the acquisition to the begin of the release, the zone of Gibbons & Korach (*Testing shared
//! memories*, SIAM J. Comput. 1997), and nobody was granted it in between. Any other acquisition
//! was a grant at one moment of its call, and no more is known.
//!
//! Without tokens there is an order if and only if zones do not meet, and no other grant's whole call
//! lies within one: let firm ones be granted at their ends and released at the begins of their
//! releases; between two zones there is always time for a grant. With tokens the order of all
//! grants is given, and each is put as early as that allows.
//!
//! An unknown acquisition is best left out, unless its owner goes on. `None` then, where an owner
//! makes two calls at a time, and where only some were told a token. Costs a sort: n log n.

use rustc_hash::FxHashMap;

use super::{Contradiction, Special};
use crate::linear::model::Timed;
use crate::linear::models::FencedCall;

const ENGINE: &str = "sessions";

/// An acquisition, by the number of its call.
#[derive(Clone, Copy, Debug)]
struct Grant {
    acquire: usize,
    token: Option<i128>,
    /// The call that proves it, if there is one.
    release: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Owner {
    end: u32,
    /// Its last acquisition, by the number of the grant, while it is not released.
    held: Option<usize>,
    /// Its last acquisition and release.
    before: Option<[usize; 2]>,
}

pub(crate) fn decide(calls: &[Timed<FencedCall>]) -> Option<Special> {
    let grants = match grants(calls)? {
        Ok(grants) => grants,
        Err(contradiction) => return Some(Special::contradiction(ENGINE, contradiction)),
    };
    let told = grants.iter().filter(|grant| grant.token.is_some()).count();
    if told > 0 && told < grants.len() {
        return None;
    }
    let mut wrong = in_time(calls, &grants);
    if told > 0 {
        wrong = wrong.or_else(|| in_order_of_tokens(calls, grants));
    }
    Some(Special { engine: ENGINE, contradiction: wrong })
}

/// All grants with an answer, by begin, or a release of what was not held.
fn grants(calls: &[Timed<FencedCall>]) -> Option<Result<Vec<Grant>, Contradiction>> {
    let mut owners: FxHashMap<u32, Owner> = FxHashMap::default();
    let mut grants: Vec<Grant> = Vec::new();
    let mut unheld = None;
    for (number, timed) in calls.iter().enumerate() {
        let owner = owners.entry(timed.call.owner()).or_default();
        if owner.end > timed.start {
            return None;
        }
        owner.end = timed.end;
        match timed.call {
            _ if timed.is_unknown() => {}
            FencedCall::Acquire { token, .. } => {
                owner.held = Some(grants.len());
                grants.push(Grant { acquire: number, token, release: None });
            }
            FencedCall::Release { .. } => match owner.held.take() {
                Some(grant) => {
                    grants[grant].release = Some(number);
                    owner.before = Some([grants[grant].acquire, number]);
                }
                None => {
                    let before = owner.before;
                    unheld.get_or_insert_with(|| not_held(before, number));
                }
            },
        }
    }
    Some(match unheld {
        Some(contradiction) => Err(contradiction),
        None => Ok(grants),
    })
}

/// Whether zones meet, or a grant lies in one.
fn in_time(calls: &[Timed<FencedCall>], grants: &[Grant]) -> Option<Contradiction> {
    let zone = |grant: &Grant| Some((calls[grant.acquire].end, calls[grant.release?].start));
    let mut zones: Vec<(u32, u32, &Grant)> =
        grants.iter().filter_map(|grant| zone(grant).map(|(from, to)| (from, to, grant))).collect();
    zones.sort_unstable_by_key(|(from, ..)| *from);
    for pair in zones.windows(2) {
        if pair[1].0 < pair[0].1 {
            return Some(granted_twice(pair[0].2, pair[1].2));
        }
    }
    for grant in grants.iter().filter(|grant| grant.release.is_none()) {
        let Timed { start, end, .. } = calls[grant.acquire];
        let before = zones.partition_point(|(from, ..)| *from < start);
        let around = before.checked_sub(1).map(|at| zones[at]);
        if let Some((_, to, holder)) = around
            && end < to
        {
            return Some(granted_twice(holder, grant));
        }
    }
    None
}

/// Whether all grants can come in the order of their tokens.
fn in_order_of_tokens(
    calls: &[Timed<FencedCall>],
    mut grants: Vec<Grant>,
) -> Option<Contradiction> {
    grants.sort_by_key(|grant| grant.token);
    // The grant before which nothing that follows can come, and until when.
    let mut latest: Option<(u32, Grant)> = None;
    let mut last: Option<Grant> = None;
    for grant in grants {
        if let Some(equal) = last.filter(|last| last.token == grant.token) {
            return Some(token_inversion(&equal, &grant));
        }
        let Timed { start, end, .. } = calls[grant.acquire];
        if let Some((_, earlier)) = latest.filter(|(from, _)| *from > end) {
            return Some(token_inversion(&grant, &earlier));
        }
        let from = grant.release.map_or(start, |release| calls[release].start);
        if latest.is_none_or(|(latest, _)| latest < from) {
            latest = Some((from, grant));
        }
        last = Some(grant);
    }
    None
}

fn granted_twice(holder: &Grant, other: &Grant) -> Contradiction {
    let calls = [Some(holder.acquire), Some(other.acquire), holder.release, other.release];
    Contradiction {
        kind: "double-grant",
        title: "Granted while it was held".to_owned(),
        calls: calls.into_iter().flatten().collect(),
        why: "The first released it later and was told that it still held it. So it had not lost \
              it when the other was granted it."
            .to_owned(),
    }
}

fn not_held(before: Option<[usize; 2]>, release: usize) -> Contradiction {
    let why = match before {
        Some(_) => "Who released it had given it back already, and not acquired it since.",
        None => "Who released it had never acquired it.",
    };
    Contradiction {
        kind: "unheld-release",
        title: "Released without being held".to_owned(),
        calls: before.into_iter().flatten().chain([release]).collect(),
        why: why.to_owned(),
    }
}

/// `first` must have been granted before `second`, or has the same token.
fn token_inversion(first: &Grant, second: &Grant) -> Contradiction {
    let calls = [Some(first.acquire), Some(second.acquire), second.release];
    Contradiction {
        kind: "token-inversion",
        title: "Fencing token not greater than an earlier one".to_owned(),
        calls: calls.into_iter().flatten().collect(),
        why: "The second was granted it after the first, but its token is not greater: whoever \
              checks tokens takes the first for the present holder."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::evidence::{Narrow, agrees};
    use super::*;
    use crate::linear::models::testing::small_history;
    use crate::linear::oracle::brute_force;
    use crate::linear::synthetic::Random;
    use crate::linear::{Fence, FencedMutex, SessionMutex};

    fn call(random: &mut Random, token: Option<i128>) -> FencedCall {
        let owner = random.below(3) as u32;
        if random.chance(50) {
            FencedCall::Release { owner }
        } else {
            FencedCall::Acquire { owner, token }
        }
    }

    #[test]
    fn it_agrees_with_brute_force() {
        let untold = |random: &mut Random| call(random, None);
        agrees(&Narrow { model: SessionMutex, sample: untold }, 1, 100_000).covers(20_000);
        let told = |random: &mut Random| {
            let token = 1 + random.below(6) as i128;
            call(random, Some(token))
        };
        agrees(&Narrow { model: SessionMutex, sample: told }, 2, 100_000).covers(20_000);
    }

    #[test]
    fn a_lock_that_is_never_lost_is_one_that_may_be() {
        let mut random = Random(3);
        let mut accepted = 0;
        for _ in 0..30_000 {
            let fenced = FencedMutex::default();
            let calls = small_history(&fenced, &mut random, 8);
            // A release of unknown outcome bears on nothing here.
            let kept: Vec<_> = calls
                .iter()
                .filter(|timed| {
                    !timed.is_unknown() || matches!(timed.call, FencedCall::Acquire { .. })
                })
                .copied()
                .collect();
            if brute_force(&fenced, &Fence::default(), &calls) {
                accepted += 1;
                assert!(brute_force(&SessionMutex, &Fence::default(), &kept), "{calls:?}");
                let decided = decide(&kept);
                assert!(decided.is_none_or(|special| special.contradiction.is_none()), "{calls:?}");
            }
        }
        assert!(accepted > 5_000, "{accepted}");
    }
}
