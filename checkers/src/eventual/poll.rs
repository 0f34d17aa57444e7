//! Polls: the last answers of all replicas about one thing, and whether they agree.

use rustc_hash::FxHashMap;

use super::ledger::Call;

/// The answers about one thing after nothing happens any more.
///
/// Let replica A have answered `x`, and B `y`. If A answered later than `limit` after somebody had
/// first answered `y`, then A had by then seen all updates that made up `y`; and B, if the same holds
/// the other way round, those of `x`. What merges updates in the same way everywhere then has one answer
/// for both. That also holds if an update of unknown outcome arrives while replicas are asked, unless it
/// may lead back to an answer that was given before all that is acknowledged had arrived: then `first`
/// has to be an answer given when it had; see [`Poll::that_may_go_back`].
#[derive(Debug)]
pub(super) struct Poll<'h> {
    /// Nanoseconds of the run: when the last update was known and the last fault was gone.
    base: u64,
    limit: u64,
    /// From when on an answer is taken for one of everything that was acknowledged.
    complete: u64,
    /// The last answer of each replica, and since when it has been the same.
    last: FxHashMap<u32, Last<'h>>,
    /// When each answer was first given.
    first: FxHashMap<u32, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Last<'h> {
    answer: u32,
    call: Call<'h>,
    since: u64,
}

/// What the answers come to.
#[derive(Debug)]
pub(super) enum Agreement<'h> {
    /// All replicas answer the same, so long after the base.
    Agreed { took: u64 },
    /// These two do not, and had time enough.
    Differ(Call<'h>, Call<'h>),
    /// Some replica was not asked, or they differ and had little time.
    Unsettled,
}

impl<'h> Poll<'h> {
    pub(super) fn new(base: u64, limit: u64) -> Self {
        Self {
            base,
            limit,
            complete: base,
            last: FxHashMap::default(),
            first: FxHashMap::default(),
        }
    }

    /// One about which unknown updates may make an answer equal to one that lacked acknowledged ones.
    pub(super) fn that_may_go_back(base: u64, limit: u64) -> Self {
        Self { complete: base.saturating_add(limit), ..Self::new(base, limit) }
    }

    /// Takes an answer, a number that stands for it. Calls have to come ordered by begin.
    pub(super) fn take(&mut self, call: Call<'h>, answer: u32) {
        if call.operation.called < self.base {
            return;
        }
        let returned = call.returned();
        if call.operation.called >= self.complete {
            let first = self.first.entry(answer).or_insert(returned);
            *first = returned.min(*first);
        }
        let last = self.last.entry(call.node).or_insert(Last { answer, call, since: returned });
        let since = if last.answer == answer { last.since } else { returned };
        *last = Last { answer, call, since };
    }

    /// What the last answers of so many replicas come to.
    pub(super) fn agreement(&self, nodes: usize) -> Agreement<'h> {
        // The latest of those that answer the same says most.
        let mut camps: FxHashMap<u32, Last<'h>> = FxHashMap::default();
        for last in self.last.values() {
            let camp = camps.entry(last.answer).or_insert(*last);
            if last.call.operation.called > camp.call.operation.called {
                *camp = *last;
            }
        }
        if camps.len() <= 1 {
            if self.last.is_empty() || self.last.len() < nodes {
                return Agreement::Unsettled;
            }
            let agreed = self.last.values().map(|last| last.since).max().unwrap_or(self.base);
            return Agreement::Agreed { took: agreed.saturating_sub(self.base) };
        }
        let mut camps: Vec<Last<'h>> = camps.into_values().collect();
        camps.sort_unstable_by_key(|last| last.call.operation.index);
        let late = |one: &Last<'h>, other: &Last<'h>| {
            let first = self.first.get(&other.answer).copied().unwrap_or(u64::MAX);
            one.call.operation.called >= first.saturating_add(self.limit)
        };
        for (at, one) in camps.iter().enumerate() {
            for other in &camps[at + 1..] {
                if late(one, other) && late(other, one) {
                    return Agreement::Differ(one.call, other.call);
                }
            }
        }
        Agreement::Unsettled
    }
}

/// How many things came to what, over all of them.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) agreed: u64,
    pub(super) differ: u64,
    pub(super) unsettled: u64,
    /// Nanoseconds until replicas agreed.
    pub(super) took: Vec<u64>,
}

impl Outcomes {
    /// Counts one; gives the two calls that contradict each other.
    pub(super) fn count<'h>(&mut self, agreement: Agreement<'h>) -> Option<(Call<'h>, Call<'h>)> {
        match agreement {
            Agreement::Agreed { took } => {
                self.agreed += 1;
                self.took.push(took);
                None
            }
            Agreement::Differ(one, other) => {
                self.differ += 1;
                Some((one, other))
            }
            Agreement::Unsettled => {
                self.unsettled += 1;
                None
            }
        }
    }

    /// Why nothing can be said of convergence, if so.
    pub(super) fn doubt(&self, limit: u64) -> Option<String> {
        let Self { unsettled, agreed, differ, .. } = self;
        if agreed + differ + unsettled == 0 {
            return Some("nothing was ever updated, so nothing can be judged".to_owned());
        }
        (*unsettled > 0).then(|| {
            format!(
                "of {} things that were updated, {unsettled} were not asked of all replicas after the \
                 last update and the last fault, or replicas still differed and were not asked again \
                 for {}; read everything on every node at the end, until all agree or that is over",
                agreed + differ + unsettled,
                crate::words::seconds(limit)
            )
        })
    }
}
