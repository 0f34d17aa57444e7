//! Atomic visibility by axioms: read atomic, causal, prefix and parallel snapshot isolation.
//!
//! After Cerone, Bernardi & Gotsman, *A framework for transactional consistency models with atomic
//! visibility* (CONCUR 2015), figure 1: transactions are arbitrated, that is, in a total order;
//! each sees some of those before it; and reads show the last write, by arbitration, of those seen.

use super::Datatype;
use super::replay::Order;
use super::tiny::{Set, State, Step, Tiny, members};

/// Which sets of transactions may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axiom {
    /// Whichever.
    ReadAtomic,
    /// Of two transactions that write the same key, one sees the other.
    UpdateAtomic,
    /// With a transaction, all that it sees.
    Causal,
    /// Both.
    ParallelSnapshot,
    /// With a transaction, all that are arbitrated before it.
    Prefix,
    /// That, and of two transactions that write the same key, one sees the other. It is snapshot
    /// isolation once more.
    Snapshot,
}

impl Axiom {
    fn conflicts_are_seen(self) -> bool {
        matches!(self, Self::UpdateAtomic | Self::ParallelSnapshot | Self::Snapshot)
    }
}

/// Whether there are an arbitration and a visibility that keep the axioms and explain all reads.
/// Transactions see those before them in the order given.
pub(super) fn allowed(tiny: &Tiny, axiom: Axiom, order: Order) -> bool {
    tiny.outcomes().any(|outcome| {
        let mut search = Search { tiny, axiom, order, outcome, placed: Vec::new(), seen: [0; 8] };
        search.place(0)
    })
}

struct Search<'t> {
    tiny: &'t Tiny,
    axiom: Axiom,
    order: Order,
    outcome: Set,
    /// The arbitration so far.
    placed: Vec<usize>,
    /// Per transaction whom it sees.
    seen: [Set; 8],
}

impl Search<'_> {
    fn place(&mut self, done: Set) -> bool {
        if done == self.outcome {
            return self.is_one_list();
        }
        for next in members(self.outcome & !done) {
            if self.tiny.versions[next] & self.outcome & !done != 0 {
                continue;
            }
            let must = self.order.of(self.tiny, next) & self.outcome;
            // All subsets of those placed, the greatest first.
            let mut seen = done;
            loop {
                if must & !seen == 0 && self.permits(next, seen, done) && self.explains(next, seen)
                {
                    self.seen[next] = seen;
                    self.placed.push(next);
                    if self.place(done | 1 << next) {
                        return true;
                    }
                    self.placed.pop();
                }
                if seen == 0 {
                    break;
                }
                seen = (seen - 1) & done;
            }
        }
        false
    }

    fn permits(&self, next: usize, seen: Set, done: Set) -> bool {
        let writes = self.tiny.txns[next].conflicts;
        let conflict = |other: usize| self.tiny.txns[other].conflicts & writes != 0;
        if self.axiom.conflicts_are_seen() && members(done & !seen).any(conflict) {
            return false;
        }
        match self.axiom {
            Axiom::ReadAtomic | Axiom::UpdateAtomic => true,
            Axiom::Causal | Axiom::ParallelSnapshot => {
                members(seen).all(|other| self.seen[other] & !seen == 0)
            }
            Axiom::Prefix | Axiom::Snapshot => {
                let first = &self.placed[..seen.count_ones() as usize];
                first.iter().all(|other| seen & 1 << other != 0)
            }
        }
    }

    /// Whether the transaction read what it should, seeing these.
    fn explains(&self, next: usize, seen: Set) -> bool {
        self.tiny.replay(next, &mut self.state(seen))
    }

    /// What there is to read for somebody who sees these.
    ///
    /// An append replaces the version before it by a longer one, which holds the elements of all
    /// before, be they seen or not.
    fn state(&self, seen: Set) -> State {
        let mut all = self.tiny.empty();
        let mut visible = self.tiny.empty();
        for at in &self.placed {
            let sees = seen & 1 << at != 0;
            let mut last: Set = 0;
            for step in &self.tiny.txns[*at].steps {
                let Step::Write { key, value } = step else { continue };
                all[*key].push(*value);
                last |= 1 << key;
                if sees && self.tiny.datatype != Datatype::ListAppend {
                    visible[*key].push(*value);
                }
            }
            if sees && self.tiny.datatype == Datatype::ListAppend {
                members(last).for_each(|key| visible[key].clone_from(&all[key]));
            }
        }
        visible
    }

    /// Whether each list that was read is a beginning of the one list that there is in the end.
    /// Only a transaction that appended to what was not the end can have seen another.
    fn is_one_list(&self) -> bool {
        if self.tiny.datatype != Datatype::ListAppend {
            return true;
        }
        let all = self.state(self.outcome);
        self.tiny.reads().all(|(_, key, seen)| all[key].starts_with(seen))
    }
}
