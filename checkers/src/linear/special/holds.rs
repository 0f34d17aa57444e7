//! Permits with owners: mutexes, reentrant, fenced, and semaphores whose owners give back only
//! what they took.
//!
//! An owner that makes one call at a time acquires and releases in a known order, and so must
//! hold from the end of an acquisition to the begin of the release that belongs to it: the zone
//! of Gibbons & Korach, *Testing shared memories* (SIAM J. Comput. 1997). Let every acquisition
//! take effect at its end and every release at its begin. Then at each moment each owner holds
//! just what it must, and no linearization holds less; so if this one breaks a limit, they all
//! do. Tokens are compared in the only order in which the zones of different owners can follow
//! each other, and that is this one.
//!
//! An unknown acquisition that the owner makes last is best left out, as nothing depends on it;
//! an unknown release best happens at once. An owner that goes on after an unknown call could
//! have done so for either reason: `None`, as for an owner with two known calls at a time.
//!
//! Costs a sort of the ends: n log n.

use rustc_hash::FxHashMap;

use super::timeline::{Moment, Moments};
use super::{Contradiction, Special};
use crate::linear::model::{NEVER, Timed};

/// What an owner does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub(crate) owner: u32,
    /// Rather than a release.
    pub(crate) acquire: bool,
    /// At least one.
    pub(crate) permits: u32,
    /// What an acquisition was told, if tokens are given out.
    pub(crate) token: Option<i128>,
}

/// What limits the owners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Permits of all owners together.
    pub(crate) permits: u64,
    /// Whether only one owner holds at a time.
    pub(crate) exclusive: bool,
}

/// Decides if owners make one call at a time and none after one of unknown outcome.
pub(crate) fn decide<C>(
    calls: &[Timed<C>],
    limits: Limits,
    hold: impl Fn(&C) -> Hold,
) -> Option<Special> {
    let mut sweep = Sweep::new(calls, limits, hold)?;
    for moment in Moments::new(calls) {
        let (Moment::Begin(number) | Moment::End(number)) = moment;
        let hold = sweep.hold(number);
        let flaw = match moment {
            Moment::Begin(_) if !hold.acquire => sweep.release(number, hold),
            Moment::End(_) if hold.acquire => sweep.acquire(number, hold),
            Moment::Begin(_) | Moment::End(_) => continue,
        };
        if let Err(contradiction) = flaw {
            return Some(Special::contradiction("holds", contradiction));
        }
    }
    Some(Special::linearizable("holds"))
}

#[derive(Clone, Debug, Default)]
struct Owner {
    permits: u64,
    /// With which acquisition it came to hold any.
    since: u32,
    /// Acquisitions not given back yet, with what is left of them.
    open: Vec<(u32, u32)>,
    /// The token of the present hold, and the call that was told.
    token: Option<(i128, u32)>,
    /// The last acquisition and the last release.
    last: [Option<u32>; 2],
}

struct Sweep<'a, C, F> {
    calls: &'a [Timed<C>],
    read: F,
    limits: Limits,
    /// Per call, its owner.
    owner: Vec<u32>,
    owners: Vec<Owner>,
    taken: u64,
    /// If exclusive: who holds.
    holder: Option<u32>,
    /// The greatest token so far, and the call that was told.
    greatest: Option<(i128, u32)>,
}

impl<'a, C, F: Fn(&C) -> Hold> Sweep<'a, C, F> {
    fn new(calls: &'a [Timed<C>], limits: Limits, read: F) -> Option<Self> {
        let mut numbers: FxHashMap<u32, u32> = FxHashMap::default();
        let mut ends: Vec<u32> = Vec::new();
        let mut owner = Vec::with_capacity(calls.len());
        for timed in calls {
            let number = *numbers.entry(read(&timed.call).owner).or_insert(ends.len() as u32);
            match ends.get_mut(number as usize) {
                None => ends.push(timed.end),
                Some(end) if *end < timed.start => *end = timed.end,
                Some(_) => return None,
            }
            owner.push(number);
        }
        let owners = vec![Owner::default(); ends.len()];
        let (taken, holder, greatest) = (0, None, None);
        Some(Self { calls, read, limits, owner, owners, taken, holder, greatest })
    }

    fn hold(&self, number: usize) -> Hold {
        (self.read)(&self.calls[number].call)
    }

    fn acquire(&mut self, number: usize, hold: Hold) -> Result<(), Contradiction> {
        let by = self.owner[number];
        if self.limits.exclusive && self.holder.is_some_and(|holder| holder != by) {
            return Err(self.held_by_another(number));
        }
        if self.taken + u64::from(hold.permits) > self.limits.permits {
            return Err(self.too_many(number));
        }
        if let Some(token) = hold.token {
            self.told(number, token)?;
        }
        let owner = &mut self.owners[by as usize];
        if owner.permits == 0 {
            owner.since = number as u32;
        }
        owner.permits += u64::from(hold.permits);
        owner.open.push((number as u32, hold.permits));
        owner.last[0] = Some(number as u32);
        self.taken += u64::from(hold.permits);
        self.holder = Some(by);
        Ok(())
    }

    fn told(&mut self, number: usize, token: i128) -> Result<(), Contradiction> {
        let owner = &mut self.owners[self.owner[number] as usize];
        match (owner.token, self.greatest) {
            (Some((current, _)), _) if current == token => return Ok(()),
            (Some((_, first)), _) => return Err(another_token(first as usize, number)),
            (None, Some((greatest, earlier))) if greatest >= token => {
                return Err(self.token_inversion(earlier as usize, number));
            }
            (None, _) => {}
        }
        owner.token = Some((token, number as u32));
        self.greatest = owner.token;
        Ok(())
    }

    fn release(&mut self, number: usize, hold: Hold) -> Result<(), Contradiction> {
        let unknown = self.calls[number].end == NEVER;
        let owner = &mut self.owners[self.owner[number] as usize];
        let mut left = hold.permits;
        if owner.permits < u64::from(left) {
            return if unknown { Ok(()) } else { Err(self.not_held(number)) };
        }
        owner.permits -= u64::from(left);
        self.taken -= u64::from(left);
        while let Some((_, some)) = owner.open.last_mut() {
            let given = left.min(*some);
            (*some, left) = (*some - given, left - given);
            if *some > 0 {
                break;
            }
            owner.open.pop();
        }
        owner.last[1] = Some(number as u32);
        if owner.permits == 0 {
            owner.token = None;
            self.holder = None;
        }
        Ok(())
    }

    /// The release with which the owner of `from` gives everything back that it holds once
    /// `from` has happened, if it ever does.
    fn given_back(&self, from: usize, held: u64) -> Option<usize> {
        let mut held = held;
        for number in from + 1..self.calls.len() {
            if self.owner[number] != self.owner[from] {
                continue;
            }
            let hold = self.hold(number);
            let permits = u64::from(hold.permits);
            if hold.acquire {
                held += permits;
            } else {
                held = held.saturating_sub(permits);
            }
            if held == 0 {
                return Some(number);
            }
        }
        None
    }

    /// The calls by which owner `by` holds what it holds at this position: the acquisitions
    /// alone, if none of them is given back in part.
    fn by_which(&self, by: usize, position: u32) -> Vec<usize> {
        let owner = &self.owners[by];
        let whole = |(n, left): &(u32, u32)| self.hold(*n as usize).permits == *left;
        if owner.open.iter().all(whole) {
            return owner.open.iter().map(|(n, _)| *n as usize).collect();
        }
        let happened = |n: &usize| {
            let timed = &self.calls[*n];
            timed.start < position && (timed.end <= position || !self.hold(*n).acquire)
        };
        let since = owner.since as usize..self.calls.len();
        since.filter(|n| self.owner[*n] as usize == by).filter(happened).collect()
    }

    fn held_by_another(&self, number: usize) -> Contradiction {
        let holder = &self.owners[self.holder.unwrap_or(0) as usize];
        let mut calls: Vec<usize> = vec![holder.open.first().map_or(number, |(n, _)| *n as usize)];
        calls.push(number);
        let last = holder.open.last().map_or(number, |(n, _)| *n as usize);
        let back = self.given_back(last, holder.permits);
        calls.extend(back);
        let until = match back {
            Some(_) => "before the first began to give it back",
            None => "and the first never gave it back",
        };
        Contradiction {
            kind: "double-grant",
            title: "Granted twice at the same time".to_owned(),
            calls,
            why: format!("Both acquisitions were complete, of different owners, {until}."),
        }
    }

    fn too_many(&self, number: usize) -> Contradiction {
        let end = self.calls[number].end;
        let holding = (0..self.owners.len()).filter(|by| self.owners[*by].permits > 0);
        let mut calls: Vec<usize> = holding.flat_map(|by| self.by_which(by, end)).collect();
        calls.sort_unstable();
        calls.retain(|n| *n != number);
        calls.push(number);
        let permits = self.taken + u64::from(self.hold(number).permits);
        let most = self.limits.permits;
        let (kind, title, why) = match self.limits.exclusive {
            true if most == 1 => (
                "double-grant",
                "Granted again to who held it",
                "The owner acquired it again without having released it.".to_owned(),
            ),
            true => (
                "over-grant",
                "Held more often than allowed",
                format!("The owner held it {permits} times, but may do so only {most} times."),
            ),
            false => (
                "over-grant",
                "More permits granted than there are",
                format!(
                    "When the last of these acquisitions was complete, {permits} permits were \
                     held and none of them on its way back, but there are only {most}."
                ),
            ),
        };
        Contradiction { kind, title: title.to_owned(), calls, why }
    }

    fn not_held(&self, number: usize) -> Contradiction {
        let owner = &self.owners[self.owner[number] as usize];
        let mut calls = self.by_which(self.owner[number] as usize, self.calls[number].start);
        if calls.is_empty()
            && let [Some(acquired), Some(released)] = owner.last.map(|n| n.map(|n| n as usize))
            && self.hold(acquired).permits == self.hold(released).permits
        {
            calls = vec![acquired, released];
        }
        calls.push(number);
        let (held, asked) = (owner.permits, self.hold(number).permits);
        let why = match (held, calls.len()) {
            (0, 1) => "Who released it had never acquired it.".to_owned(),
            (0, _) => {
                "Who released it had given it back already, and not acquired it since.".to_owned()
            }
            (held, _) => format!("Who gave {asked} permits back had no more than {held} of them."),
        };
        Contradiction {
            kind: "unheld-release",
            title: "Released without being held".to_owned(),
            calls,
            why,
        }
    }

    fn token_inversion(&self, earlier: usize, number: usize) -> Contradiction {
        let mut calls = vec![earlier];
        calls.extend(self.given_back(earlier, 1));
        calls.push(number);
        calls.extend(self.given_back(number, 1));
        calls.dedup();
        Contradiction {
            kind: "token-inversion",
            title: "Fencing token not greater than an earlier one".to_owned(),
            calls,
            why: "The second hold came after the first, but its token is not greater: whoever \
                  checks tokens takes the first holder for the present one."
                .to_owned(),
        }
    }
}

fn another_token(first: usize, second: usize) -> Contradiction {
    Contradiction {
        kind: "token-inversion",
        title: "Another fencing token while it was held".to_owned(),
        calls: vec![first, second],
        why: "The holder acquired it again while it held it, and was told another token than \
              before."
            .to_owned(),
    }
}
