//! What remains after a removal, arranged to ask what it may have met.

use rustc_hash::FxHashMap;

use crate::linear::model::{Leaves, Model, NEVER, Needs, Timed};

/// The calls that remain.
pub(super) struct Rest<S> {
    /// A call that remains may depend on any other.
    unclear: bool,
    /// Per state: the begin of each call that needs it, with the latest end up to there.
    latest: FxHashMap<S, Vec<(u32, u32)>>,
    /// The begin of each known call that shows or leaves a state, with the earliest end from
    /// there on.
    fences: Vec<(u32, u32)>,
}

impl<S: Clone + Eq + std::hash::Hash> Rest<S> {
    /// Arranges calls, which come ordered by begin, each with whether its needs are left out.
    pub(super) fn new<'c, M: Model<State = S>>(
        model: &M,
        calls: impl Iterator<Item = (&'c Timed<M::Call>, bool)>,
    ) -> Self
    where
        M::Call: 'c,
    {
        let mut rest = Self { unclear: false, latest: FxHashMap::default(), fences: Vec::new() };
        for (timed, weak) in calls {
            let (needs, leaves) = (model.needs(&timed.call), model.leaves(&timed.call));
            let fences = matches!(needs, Needs::State(_)) || matches!(leaves, Leaves::State(_));
            if fences && timed.end != NEVER {
                rest.fences.push((timed.start, timed.end));
            }
            match needs {
                _ if weak => {}
                Needs::Nothing => {}
                Needs::State(state) => rest.needs(state, timed),
                Needs::Not(_) | Needs::Unclear => rest.unclear = true,
            }
        }
        let mut earliest = NEVER;
        for fence in rest.fences.iter_mut().rev() {
            earliest = earliest.min(fence.1);
            fence.1 = earliest;
        }
        rest
    }

    fn needs<C>(&mut self, state: S, timed: &Timed<C>) {
        let spans = self.latest.entry(state).or_default();
        let latest = spans.last().map_or(0, |(_, latest)| *latest);
        spans.push((timed.start, latest.max(timed.end)));
    }

    /// Whether a call that left `state`, from `start` to `end`, may have been met by one that
    /// remains.
    pub(super) fn meets(&self, state: &S, start: u32, end: u32) -> bool {
        let Some(spans) = self.latest.get(state) else { return self.unclear };
        let after = self.fences.partition_point(|(begin, _)| *begin < end);
        let fence = self.fences.get(after).map_or(NEVER, |(_, earliest)| *earliest);
        let within = spans.partition_point(|(begin, _)| *begin <= fence);
        let visible = within > 0 && spans[within - 1].1 > start;
        self.unclear || visible
    }
}
