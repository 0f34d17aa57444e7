//! One element of a set: is it there or not.
//!
//! The ends of calls are visited in order, and as little is done as they ask for: the call that
//! ends takes effect now, after at most one other that makes it possible. Nothing is lost by
//! that, as whatever else could happen before can as well happen right after. Of several calls
//! that change the element in the same way, the one that ends first is taken, as for jobs with
//! deadlines (Jackson, *Scheduling a production line to minimize maximum tardiness*, 1955).
//!
//! If all changes are known to be changes, no choice is left and this takes n log n. An add or
//! remove that does not say whether it changed anything may have come to nothing, or be the one
//! to change it back, so there may be several possibilities, which are all followed.

use crate::linear::model::{NEVER, Timed};
use crate::linear::models::SetCall;

/// More possibilities at a time than this are not followed.
const MAX_POSSIBILITIES: usize = 64;

/// What a call means for one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Saw that it was there, or that it was not.
    See(bool),
    /// Changed it: true from absent to present, false the other way.
    Flip(bool),
    /// Left it present or absent, whatever it was before.
    Set(bool),
    /// The same, or never happened.
    Maybe(bool),
}

impl Effect {
    /// What it leaves behind, if it may change anything.
    pub(super) fn leaves(self) -> Option<bool> {
        match self {
            Self::See(_) => None,
            Self::Flip(after) | Self::Set(after) | Self::Maybe(after) => Some(after),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) effect: Effect,
    /// The number of the call.
    pub(super) number: u32,
}

impl Op {
    /// `None` if no client can have made such a call.
    pub(super) fn of(number: u32, timed: &Timed<SetCall>) -> Option<Self> {
        let Timed { start, end, .. } = *timed;
        let effect = match (&timed.call, end == NEVER) {
            (SetCall::Add(_, None), false) => Effect::Set(true),
            (SetCall::Add(_, None), true) => Effect::Maybe(true),
            (SetCall::Remove(_, None), false) => Effect::Set(false),
            (SetCall::Remove(_, None), true) => Effect::Maybe(false),
            (SetCall::Add(_, Some(true)), false) => Effect::Flip(true),
            (SetCall::Remove(_, Some(true)), false) => Effect::Flip(false),
            (SetCall::Add(_, Some(false)), false) | (SetCall::Read(_), false) => Effect::See(true),
            (SetCall::Remove(_, Some(false)), false) => Effect::See(false),
            (SetCall::Contains(_, found), false) => Effect::See(*found),
            (_, true) => return None,
        };
        Some(Self { start, end, effect, number })
    }
}

/// What there is to say about an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Some order explains its calls; whether it can be absent, and present, in the end.
    Fine {
        absent: bool,
        present: bool,
    },
    /// None does, up to the end of the operation in this place.
    Stuck(usize),
    Undecided,
}

/// One way in which things can have gone so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Possibility {
    present: bool,
    /// The last time at which it was known to be absent, present, before it changed.
    was: [u32; 2],
    /// Ends of the operations that have begun and not yet taken effect, the first one last: of
    /// those that have to make it absent, present.
    flips: [Vec<u32>; 2],
    /// The same of those that have to leave it so, with their starts.
    sets: [Vec<(u32, u32)>; 2],
    /// How many that may be used at any time.
    spare: [u32; 2],
}

/// What can bring about a change.
#[derive(Clone, Copy)]
enum Means {
    Flip,
    Set,
    Spare,
}

impl Possibility {
    fn clear(&mut self) {
        let Self { present, was, flips, sets, spare } = self;
        (*present, *was, *spare) = (false, [0; 2], [0; 2]);
        flips.iter_mut().for_each(Vec::clear);
        sets.iter_mut().for_each(Vec::clear);
    }

    fn begin(&mut self, op: &Op) {
        match op.effect {
            Effect::See(_) => {}
            Effect::Maybe(after) => self.spare[usize::from(after)] += 1,
            Effect::Flip(after) => {
                let flips = &mut self.flips[usize::from(after)];
                flips.insert(flips.partition_point(|end| *end > op.end), op.end);
            }
            Effect::Set(after) => {
                let sets = &mut self.sets[usize::from(after)];
                sets.insert(sets.partition_point(|(end, _)| *end > op.end), (op.end, op.start));
            }
        }
    }

    /// The ways to make it so that are worth trying. What has to make this change anyway comes
    /// before what may also do without, and that before what need not happen at all; only if
    /// the second ends before the first, either may be better.
    fn means(&self, after: bool) -> impl Iterator<Item = Means> + use<> {
        let after = usize::from(after);
        let (flip, set) = (self.flips[after].last(), self.sets[after].last());
        let means = match (flip, set) {
            (Some(flip), Some((set, _))) if set < flip => [Some(Means::Flip), Some(Means::Set)],
            (Some(_), _) => [Some(Means::Flip), None],
            (None, Some(_)) => [Some(Means::Set), None],
            (None, None) => [(self.spare[after] > 0).then_some(Means::Spare), None],
        };
        means.into_iter().flatten()
    }

    fn change(&mut self, means: Means, after: bool, now: u32) {
        match means {
            Means::Flip => drop(self.flips[usize::from(after)].pop()),
            Means::Set => drop(self.sets[usize::from(after)].pop()),
            Means::Spare => self.spare[usize::from(after)] -= 1,
        }
        self.turn(after, now);
    }

    fn turn(&mut self, after: bool, now: u32) {
        self.was[usize::from(!after)] = now;
        self.present = after;
    }

    /// Whether it was so at any time since `start`.
    fn seen(&self, state: bool, start: u32) -> bool {
        self.present == state || self.was[usize::from(state)] > start
    }

    /// What may be once `op` has ended: itself if it returns true, and what it adds to `also`.
    fn end(&mut self, op: &Op, also: &mut Vec<Self>) -> bool {
        let now = op.end;
        match op.effect {
            Effect::Maybe(_) => true,
            Effect::See(state) => self.seen(state, op.start) || self.make(state, now, also),
            Effect::Flip(after) => {
                let open = &mut self.flips[usize::from(after)];
                if open.last() != Some(&now) {
                    return true;
                }
                open.pop();
                if self.present != after {
                    self.turn(after, now);
                    return true;
                }
                let first = also.len();
                let possible = self.make(!after, now, also);
                self.turn(after, now);
                also[first..].iter_mut().for_each(|other| other.turn(after, now));
                possible
            }
            Effect::Set(after) => self.end_set(after, op, also),
        }
    }

    fn end_set(&mut self, after: bool, op: &Op, also: &mut Vec<Self>) -> bool {
        let now = op.end;
        let open = &mut self.sets[usize::from(after)];
        if open.last().is_none_or(|(end, _)| *end != now) {
            return true;
        }
        open.pop();
        let seen = self.seen(after, op.start);
        if self.present == after {
            // It may have come to nothing, or have been what changed it back just now.
            let first = also.len();
            let mut back = self.clone();
            if back.make(!after, now, also) {
                also.push(back);
            }
            also[first..].iter_mut().for_each(|other| other.turn(after, now));
            return true;
        }
        if !seen && !self.flips[usize::from(after)].is_empty() {
            let mut other = self.clone();
            other.change(Means::Flip, after, now);
            also.push(other);
        }
        if seen {
            also.push(self.clone());
        }
        self.turn(after, now);
        true
    }

    /// Makes it present or absent in all ways there are; false if there is none.
    fn make(&mut self, after: bool, now: u32, also: &mut Vec<Self>) -> bool {
        let mut means = self.means(after);
        let Some(first) = means.next() else { return false };
        if let Some(second) = means.next() {
            let mut other = self.clone();
            other.change(second, after, now);
            also.push(other);
        }
        self.change(first, after, now);
        true
    }

    /// Whether all that may follow the other may follow this one, which may have more means
    /// left that it need not use.
    fn covers(&self, other: &Self) -> bool {
        let at_least =
            |ours: &[u32; 2], theirs: &[u32; 2]| ours[0] >= theirs[0] && ours[1] >= theirs[1];
        self.present == other.present
            && at_least(&self.was, &other.was)
            && at_least(&self.spare, &other.spare)
            && self.flips == other.flips
            && [false, true].into_iter().all(|state| self.has_sets_of(other, state))
    }

    /// Whether all that can make it so in the other can here, and what is here besides may
    /// come to nothing.
    fn has_sets_of(&self, other: &Self, state: bool) -> bool {
        let mut others = other.sets[usize::from(state)].iter().peekable();
        let more = self.sets[usize::from(state)].iter();
        more.filter(|set| others.next_if_eq(set).is_none())
            .all(|(_, start)| self.seen(state, *start))
            && others.peek().is_none()
    }

    /// Forgets what no open operation asks for: of `open`, the starts of those that have to see
    /// it absent, present, only how many are satisfied matters.
    fn forget(&mut self, open: &[Vec<u32>; 2]) {
        for (was, open) in self.was.iter_mut().zip(open) {
            let satisfied = open.partition_point(|start| start < was);
            *was = open[..satisfied].last().map_or(0, |start| start + 1);
        }
    }
}

/// Judges elements, one after another.
#[derive(Default)]
pub(super) struct Judge {
    possible: Vec<Possibility>,
    also: Vec<Possibility>,
    /// Ends and places of operations.
    ends: Vec<(u32, u32)>,
    /// Starts of the open operations that have to see it absent, present, if only right after
    /// themselves.
    open: [Vec<u32>; 2],
}

impl Judge {
    /// Judges the operations on one element, ordered by start.
    pub(super) fn judge(&mut self, ops: &[Op]) -> Verdict {
        self.possible.truncate(1);
        match self.possible.first_mut() {
            Some(first) => first.clear(),
            None => self.possible.push(Possibility::default()),
        }
        let known = (0u32..).zip(ops).filter(|(_, op)| op.end != NEVER);
        self.open.iter_mut().for_each(Vec::clear);
        self.ends.clear();
        self.ends.extend(known.map(|(place, op)| (op.end, place)));
        self.ends.sort_unstable();
        // With one add in all, that one made it present.
        let adds = ops.iter().filter(|op| op.effect.leaves() == Some(true)).count();
        let effect = |op: &Op| match op.effect {
            Effect::Set(true) if adds == 1 => Op { effect: Effect::Flip(true), ..*op },
            _ => *op,
        };
        let mut begun = 0;
        for at in 0..self.ends.len() {
            let (now, place) = self.ends[at];
            while let Some(op) = ops.get(begun)
                && op.start < now
            {
                let op = effect(op);
                if let Effect::See(state) | Effect::Set(state) = op.effect {
                    self.open[usize::from(state)].push(op.start);
                }
                self.possible.iter_mut().for_each(|possibility| possibility.begin(&op));
                begun += 1;
            }
            let op = effect(&ops[place as usize]);
            if let Effect::See(state) | Effect::Set(state) = op.effect {
                let open = &mut self.open[usize::from(state)];
                if let Ok(place) = open.binary_search(&op.start) {
                    open.remove(place);
                }
            }
            let also = &mut self.also;
            if let [only] = &mut self.possible[..] {
                if !only.end(&op, also) && also.is_empty() {
                    return Verdict::Stuck(place as usize);
                }
            } else {
                self.possible.retain_mut(|possibility| possibility.end(&op, also));
            }
            if !also.is_empty() || self.possible.len() > 1 {
                self.merge();
            }
            match self.possible.len() {
                0 => return Verdict::Stuck(place as usize),
                1..=MAX_POSSIBILITIES => {}
                _ => return Verdict::Undecided,
            }
        }
        let present = self.possible.iter().any(|possibility| possibility.present);
        Verdict::Fine { present, absent: self.possible.iter().any(|other| !other.present) }
    }

    /// Adds the new possibilities that nothing covers.
    fn merge(&mut self) {
        for possibility in self.possible.iter_mut().chain(&mut self.also) {
            possibility.forget(&self.open);
        }
        for new in self.also.drain(..) {
            if !self.possible.iter().any(|old| old.covers(&new)) {
                self.possible.retain(|old| !new.covers(old));
                self.possible.push(new);
            }
        }
        let mut place = 0;
        while place < self.possible.len() {
            let covered =
                |other: usize| other != place && self.possible[other].covers(&self.possible[place]);
            if (0..self.possible.len()).any(covered) {
                self.possible.swap_remove(place);
            } else {
                place += 1;
            }
        }
    }
}
