//! Serializability and snapshot isolation as they are defined: by running it.

use super::tiny::{Set, State, Tiny, members};

/// What an order of transactions has to respect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Free,
    Session,
    RealTime,
}

impl Order {
    pub(super) fn of(self, tiny: &Tiny, at: usize) -> Set {
        match self {
            Self::Free => 0,
            Self::Session => tiny.session[at],
            Self::RealTime => tiny.real_time[at],
        }
    }
}

/// Whether the transactions can have run one after the other in some order.
///
/// Those of unknown outcome may be among them, but need not.
pub(super) fn serializable(tiny: &Tiny, order: Order) -> bool {
    tiny.outcomes().any(|outcome| serial(tiny, order, outcome, 0, &tiny.empty()))
}

/// Whether what is left of these transactions can run on this state, one after the other.
fn serial(tiny: &Tiny, order: Order, outcome: Set, done: Set, state: &State) -> bool {
    if done == outcome {
        return true;
    }
    members(outcome & !done).any(|next| {
        let before = (order.of(tiny, next) | tiny.versions[next]) & outcome;
        let mut after = state.clone();
        before & !done == 0
            && tiny.replay(next, &mut after)
            && serial(tiny, order, outcome, done | 1 << next, &after)
    })
}

/// Whether each transaction can have run on a snapshot of what had been committed at some
/// moment before its own commit, so that nobody committed a write to the same key in between:
/// the first committer wins (Berenson et al., *A critique of ANSI SQL isolation levels*, SIGMOD
/// 1995, section 4.2).
///
/// Snapshots may be old (generalized snapshot isolation: Elnikety et al., SRDS 2005); those of
/// the order given are in them.
pub(super) fn snapshot_isolated(tiny: &Tiny, order: Order) -> bool {
    let committing = |outcome| Committing { tiny, order, outcome };
    tiny.outcomes().any(|outcome| committing(outcome).commit(&mut vec![(0, tiny.empty())]))
}

struct Committing<'t> {
    tiny: &'t Tiny,
    order: Order,
    outcome: Set,
}

impl Committing<'_> {
    /// Whether what is left can commit. A past is what there was after each commit so far: the
    /// transactions, and the database.
    fn commit(&self, past: &mut Vec<(Set, State)>) -> bool {
        let Some((done, now)) = past.last().cloned() else { return false };
        if done == self.outcome {
            return true;
        }
        members(self.outcome & !done).any(|next| {
            (0..past.len()).any(|start| {
                let Some(after) = self.run(next, start, past, done, &now) else { return false };
                past.push((done | 1 << next, after));
                let possible = self.commit(past);
                past.pop();
                possible
            })
        })
    }

    /// The database after a transaction that began after so many commits, if it could.
    fn run(
        &self,
        next: usize,
        start: usize,
        past: &[(Set, State)],
        done: Set,
        now: &State,
    ) -> Option<State> {
        let tiny = self.tiny;
        let (seen, snapshot) = &past[start];
        let first = members(done & !seen)
            .all(|other| tiny.txns[other].conflicts & tiny.txns[next].conflicts == 0);
        let in_time = self.order.of(tiny, next) & self.outcome & !seen == 0;
        let in_order = tiny.versions[next] & self.outcome & !done == 0;
        let mut own = snapshot.clone();
        if !(first && in_time && in_order && tiny.replay(next, &mut own)) {
            return None;
        }
        // What others wrote meanwhile stays, if that is no conflict.
        let mut after = now.clone();
        for key in members(tiny.txns[next].writes) {
            after[key].extend(&own[key][snapshot[key].len()..]);
        }
        Some(after)
    }
}
