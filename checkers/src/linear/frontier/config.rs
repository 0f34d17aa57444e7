//! Configurations: what may have happened so far, as far as the future depends on it.

use super::bits::Bits;

/// One way in which everything so far may have happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Config<const N: usize> {
    /// What the cell holds.
    pub(super) state: u32,
    /// Open calls that have taken effect.
    pub(super) done: Bits<N>,
    /// Open calls that began before the cell was last overwritten. A write among them that is
    /// not done may still be placed just before that, unseen, or be kept for later.
    pub(super) before: Bits<N>,
    /// How many unknown calls had begun by then.
    pub(super) unknown_before: u32,
    /// Unknown calls that have taken effect.
    pub(super) spent: Spent,
}

/// Which slots hold what kind of call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Roles<const N: usize> {
    pub(super) observers: Bits<N>,
    pub(super) writes: Bits<N>,
    pub(super) swaps: Bits<N>,
}

/// How many unknown calls of each class have taken effect: (class, count), by class; no zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Spent(Box<[(u32, u32)]>);

impl Spent {
    pub(super) fn of(&self, class: u32) -> u32 {
        match self.0.binary_search_by_key(&class, |(class, _)| *class) {
            Ok(at) => self.0[at].1,
            Err(_) => 0,
        }
    }

    pub(super) fn one_more(&self, class: u32) -> Self {
        let mut counts = self.0.to_vec();
        match counts.binary_search_by_key(&class, |(class, _)| *class) {
            Ok(at) => counts[at].1 += 1,
            Err(at) => counts.insert(at, (class, 1)),
        }
        Self(counts.into())
    }

    pub(super) fn total(&self) -> u32 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    fn at_most(&self, other: &Self) -> bool {
        self.0.iter().all(|(class, count)| *count <= other.of(*class))
    }
}

impl<const N: usize> Config<N> {
    pub(super) fn new(state: u32) -> Self {
        Self {
            state,
            done: Bits::EMPTY,
            before: Bits::EMPTY,
            unknown_before: 0,
            spent: Spent::default(),
        }
    }

    /// Whether whatever can follow `other` can also follow this one: more was observed, fewer
    /// writes are used up, more may still be placed unseen, and swaps stand alike.
    pub(super) fn dominates(&self, other: &Self, roles: &Roles<N>) -> bool {
        let Roles { observers, writes, swaps } = *roles;
        let (mine, theirs) = (self.done, other.done);
        self.state == other.state
            && mine & swaps == theirs & swaps
            && (mine & writes).is_subset(&theirs)
            && (theirs & writes).without(mine).is_subset(&self.before)
            && (theirs & observers).is_subset(&mine)
            && other.before.is_subset(&self.before)
            && self.unknown_before >= other.unknown_before
            && self.spent.at_most(&other.spent)
    }

    /// Sorts configurations so that none is dominated by a later one, and the most promising
    /// come first.
    pub(super) fn rank(&self, roles: &Roles<N>) -> (u32, u32, u32) {
        let used = (self.done & roles.writes).count();
        let waiting = roles.observers.without(self.done).count();
        (self.spent.total(), 2 * used + waiting, u32::MAX - self.before.count())
    }
}
