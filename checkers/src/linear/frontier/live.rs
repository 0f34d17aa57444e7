//! Live walks: calls are shown as they settle, and nothing is walked twice.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::prepare::{Kind, Problem, kind_of};
use super::space::{Rules, Space};
use super::{Mood, Walk, Walker, Way};
use crate::Budget;
use crate::linear::model::{Model, NEVER};

/// Words of [`super::bits::Bits`] for the calls that are open at the same time.
const WORDS: usize = 4;
/// The width of the walk that shows that there is a way once there are unknown calls, and of
/// the others.
const FRUGAL: usize = 1 << 6;
const WIDE: usize = 1 << 12;

/// Why a walk does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::linear) enum LiveError<S> {
    /// There is no way; before, the object could be in these states only.
    Stuck(Vec<S>),
    /// It can no longer be told.
    Undecided(&'static str),
}

/// The walks of one object.
pub(in crate::linear) struct Live<M: Model> {
    model: Arc<M>,
    space: Arc<Space<M, Arc<M>>>,
    classes: FxHashMap<M::Call, u32>,
    /// Shows that there is a way: exact until there are unknown calls, frugal then.
    way: Option<Walker<'static, WORDS>>,
    /// Shows that there is none, once there are unknown calls.
    no_way: Option<Walker<'static, WORDS>>,
    unknown: bool,
    ended: bool,
}

impl<M: Model + 'static> Live<M> {
    /// Walks that begin in any of these states.
    pub(in crate::linear) fn new(model: Arc<M>, initial: Vec<M::State>) -> Self {
        let space = Arc::new(Space::new(model.clone()));
        let initial = initial.into_iter().map(|state| space.state(state)).collect();
        let problem = Problem { items: Vec::new(), initial, concurrency: 0, grows: true };
        let way = Way { most: WIDE, mood: Mood::Exact, work: 0, until: NEVER };
        let rules: Arc<dyn Rules> = space.clone();
        let mut way = Walker::new(&problem, &rules, way, &Budget::default());
        // Open calls speak of states by number, so these have to stay.
        way.many_states = usize::MAX;
        let way = Some(way);
        let classes = FxHashMap::default();
        Self { model, space, classes, way, no_way: None, unknown: false, ended: false }
    }

    /// A call begins that is known to end at `end`; its slot if it has to return.
    pub(in crate::linear) fn begin(
        &mut self,
        call: &M::Call,
        end: u32,
    ) -> Result<Option<usize>, LiveError<M::State>> {
        let kind = kind_of(&*self.model, &self.space, &mut self.classes, call, false);
        let Some(kind) = kind.filter(|_| !self.ended) else { return Ok(None) };
        if end == NEVER {
            self.begin_unknown(kind);
            return Ok(None);
        }
        let walks = || [&self.way, &self.no_way].into_iter().flatten();
        if walks().any(|walk| walk.taken.first_free().is_none()) {
            self.end();
            return Err(LiveError::Undecided("too many calls were open at the same time"));
        }
        let slots = [&mut self.way, &mut self.no_way]
            .map(|walk| walk.as_mut().map(|walk| walk.begin(kind, end)));
        Ok(slots.into_iter().flatten().next())
    }

    /// From the first unknown call on, there is one walk for each answer.
    fn begin_unknown(&mut self, kind: Kind) {
        if kind.observes() {
            return;
        }
        if !std::mem::replace(&mut self.unknown, true) {
            // What a step leads to has no end when it may happen as often as it likes.
            self.no_way = self.way.clone().filter(|walk| !walk.truncated);
            for (walk, mood) in [(&mut self.no_way, Mood::Generous), (&mut self.way, Mood::Frugal)]
            {
                let most = if mood == Mood::Frugal { FRUGAL } else { WIDE };
                if let Some(walk) = walk {
                    walk.way = Way { most, mood, ..walk.way };
                }
            }
        }
        if matches!(kind, Kind::Step(_)) {
            self.no_way = None;
        }
        for walk in [&mut self.way, &mut self.no_way].into_iter().flatten() {
            walk.unknown.begin(kind);
        }
    }

    /// The call in this slot returns.
    pub(in crate::linear) fn finish(&mut self, slot: usize) -> Result<(), LiveError<M::State>> {
        if self.ended {
            return Ok(());
        }
        let mut stuck = None;
        for walk in [&mut self.no_way, &mut self.way] {
            let Some(result) = walk.as_mut().and_then(|walk| walk.finish(slot, 0)) else {
                continue;
            };
            *walk = None;
            if let Walk::Stuck { states, .. } = result {
                let name = |state| self.space.name(state);
                stuck = Some(states.into_iter().filter_map(name).collect());
                break;
            }
        }
        if let Some(states) = stuck {
            self.end();
            return Err(LiveError::Stuck(states));
        }
        match (&self.way, &self.no_way) {
            (None, None) => self.ended = true,
            (Some(_), _) => return Ok(()),
            // The other may still find out that there is no way.
            (None, Some(_)) => {}
        }
        Err(LiveError::Undecided("too many ways were possible"))
    }

    fn end(&mut self) {
        self.ended = true;
        (self.way, self.no_way) = (None, None);
    }

    /// All states that the walks, or calls in them, speak of; `None` if that is not all that they
    /// speak of.
    pub(in crate::linear) fn states(&self) -> Option<Vec<M::State>> {
        let mut numbers: Vec<u32> = Vec::new();
        for walk in [&self.way, &self.no_way].into_iter().flatten() {
            numbers.extend(walk.configs.iter().map(|config| config.state));
            let open = walk.taken.iter().map(|slot| walk.open[slot].kind);
            for kind in open.chain(walk.unknown.kinds()) {
                match kind {
                    Kind::Read(state) | Kind::Miss(state) | Kind::Write(state) => {
                        numbers.push(state);
                    }
                    Kind::Swap(from, to) => numbers.extend([from, to]),
                    Kind::Look(_) | Kind::Step(_) => return None,
                }
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        Some(numbers.into_iter().filter_map(|state| self.space.name(state)).collect())
    }

    /// The states that are all there is to be known about the past: no call is open, and none is of
    /// unknown outcome. `None` if there is more.
    pub(in crate::linear) fn at_rest(&self) -> Option<Vec<M::State>> {
        let way = self.way.as_ref().filter(|way| !way.truncated && way.taken.is_empty())?;
        if self.unknown || self.ended {
            return None;
        }
        Some(way.states().into_iter().filter_map(|state| self.space.name(state)).collect())
    }
}
