//! The general engine: any model.
//!
//! It walks through the history once and keeps the set of configurations that are
//! possible so far (just-in-time linearization: Lowe, *Testing for linearizability*, CCPE 2017,
//! section 5): a call takes effect no sooner than some call has to return. A configuration
//! speaks of open calls only, so that memory depends on concurrency and not on length.
//!
//! What keeps the set small, all of it exact:
//! - an observer that is possible takes effect at once;
//! - *deferred overwriting*: when a call takes effect that sets a state whatever was before (a
//!   write), every open write may have been placed just before it, where nobody can see it.
//!   That choice is left open: such a write is no longer an obligation, and can still be used
//!   later, or be seen, after the fact, by an observer that was open then. So there is no
//!   branching over which writes are hidden;
//! - of open calls with the same effect, the one that has to return first is used first;
//! - unknown calls are counted by class; those whose effect nobody needs are dropped;
//! - a configuration is dropped when another can do all that it can ([`Config::dominates`]).
//!
//! A walk may also be narrow, keeping only the most promising configurations, and frugal, using
//! unknown calls only when nothing else goes on. When it gets to the end, the history is
//! linearizable. Or it may be generous, and use an unknown call as often as it likes, so that
//! nothing has to be counted: when it comes to a dead end, the history is not linearizable. What
//! neither settles is left to wider and wider exact walks.
//!
//! Cost: linear in calls times configurations. These are few for registers (about as many as
//! there are values), but exponential at the worst: the problem is NP-complete (Gibbons &
//! Korach, SIAM J. Comput. 1997), with many different compare-and-sets open at the same time
//! or many unknown calls of different effect.

mod bits;
mod config;
mod expand;
mod live;
mod prepare;
mod space;
mod unknown;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use self::bits::Bits;
use self::config::{Config, Roles};
pub(super) use self::live::{Live, LiveError};
use self::prepare::{Kind, Problem, prepare};
use self::space::Rules;
use self::unknown::Classes;
use super::decide::Outcome;
use super::model::{Model, NEVER, Timed};
use crate::Budget;

/// The most calls that may be open at the same time.
const MAX_OPEN: usize = 64 * 64;
/// The most states named when no configuration is left.
const MAX_NAMED: usize = 16;
/// Compared with how many kept configurations of its kind each one is, when there are many.
const MAX_COMPARED: usize = 64;
/// Configurations looked at that every call has for free, whatever the budget.
const WORK_A_CALL: usize = 64;
/// Widths and moods of the walks that are tried one after another.
const WALKS: [(usize, Mood); 6] = [
    (4, Mood::Frugal),
    (16, Mood::Frugal),
    (1 << 12, Mood::Generous),
    (64, Mood::Frugal),
    (1 << 9, Mood::Exact),
    (1 << 13, Mood::Exact),
];
/// The width of the last walk.
const WIDEST: usize = 1 << 18;
/// With so many states remembered, those that are not needed any more are forgotten.
const MANY_STATES: usize = 1 << 16;

/// What a search did.
#[derive(Clone, Debug)]
pub(super) struct Report<S> {
    pub(super) outcome: Outcome<S>,
    /// Configurations looked at.
    pub(super) states: usize,
}

/// What is asked of the engine.
#[derive(Debug)]
pub(super) struct Question<'a, M: Model> {
    pub(super) model: &'a M,
    /// The states that the object may begin in.
    pub(super) initial: &'a [M::State],
    /// Ordered by start.
    pub(super) calls: &'a [Timed<M::Call>],
    /// Calls whose needs do not count: they leave what they saw or left, whatever was before.
    /// Empty for none.
    pub(super) weak: &'a [bool],
}

/// The states that the object can be in when all events before `position` have happened, less
/// the effects of calls that are open then; `None` if they cannot all be told.
pub(super) fn states_at<M: Model>(
    question: &Question<'_, M>,
    position: u32,
    budget: &Budget,
) -> Option<Vec<M::State>> {
    let (problem, space) = prepare(question);
    let space = Arc::new(space);
    let rules: Arc<dyn Rules + '_> = space.clone();
    let way = Way { most: WALKS[WALKS.len() - 1].0, mood: Mood::Exact, work: 0, until: position };
    let (walk, states, _) = walk(&problem, &rules, way, budget);
    let states = states.into_iter().filter_map(|state| space.name(state)).collect();
    (walk == Walk::Done).then_some(states)
}

/// Looks for a linearization, keeping at most `max_states` configurations at a time.
pub(super) fn search<M: Model>(
    question: &Question<'_, M>,
    max_states: usize,
    budget: &Budget,
) -> Report<M::State> {
    let (problem, space) = prepare(question);
    let space = Arc::new(space);
    let rules: Arc<dyn Rules + '_> = space.clone();
    let (walk, states) = decide(&problem, &rules, max_states, budget);
    let number = |at: u32| problem.items[at as usize].number as usize;
    let outcome = match walk {
        Walk::Done => Outcome::Linearizable,
        Walk::Stuck { at, states } => {
            let states = states.into_iter().filter_map(|state| space.name(state)).collect();
            Outcome::Stuck { at: number(at), states }
        }
        Walk::Crowded { at } => Outcome::OutOfStates { at: number(at) },
        Walk::Cancelled { at } => Outcome::Cancelled { at: number(at) },
    };
    Report { outcome, states }
}

/// Walks wider and wider, until one walk settles it.
fn decide(
    problem: &Problem,
    rules: &Arc<dyn Rules + '_>,
    max_states: usize,
    budget: &Budget,
) -> (Walk, usize) {
    let moody = problem.has_unknown();
    let widest = max_states.min(WIDEST);
    let walks = WALKS.into_iter().filter(|(_, mood)| match mood {
        Mood::Exact => true,
        Mood::Frugal => moody,
        // Without an end to what a step may lead to, being generous has none either.
        Mood::Generous => moody && !problem.grows,
    });
    let (mut looked_at, mut furthest) = (0, 0);
    for (most, mood) in walks.chain([(widest, Mood::Exact)]) {
        let way = Way { most: most.min(widest), mood, work: max_states, until: NEVER };
        let (ended, _, count) = walk(problem, rules, way, budget);
        looked_at += count;
        match ended {
            Walk::Crowded { at } => furthest = furthest.max(at),
            // That would take more unknown calls than there are.
            Walk::Done if mood == Mood::Generous => {}
            settled => return (settled, looked_at),
        }
    }
    (Walk::Crowded { at: furthest }, looked_at)
}

/// Walks one way: how it ended, the states at the end, and configurations looked at.
fn walk(
    problem: &Problem,
    rules: &Arc<dyn Rules + '_>,
    way: Way,
    budget: &Budget,
) -> (Walk, BTreeSet<u32>, usize) {
    match problem.concurrency {
        0..=64 => Walker::<1>::new(problem, rules, way, budget).run(problem),
        65..=128 => Walker::<2>::new(problem, rules, way, budget).run(problem),
        129..=512 => Walker::<8>::new(problem, rules, way, budget).run(problem),
        513..=MAX_OPEN => Walker::<64>::new(problem, rules, way, budget).run(problem),
        _ => (Walk::Crowded { at: 0 }, BTreeSet::new(), 0),
    }
}

/// How one walk ended; items of the problem and states by number.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Walk {
    Done,
    Stuck { at: u32, states: Vec<u32> },
    Crowded { at: u32 },
    Cancelled { at: u32 },
}

/// What to do about unknown calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Use them only when nothing else goes on: may find a way to the end, shows no dead end.
    Frugal,
    /// Use each as often as is wanted: shows dead ends, not that there is a way.
    Generous,
    /// Try everything.
    Exact,
}

/// How to walk.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// The most configurations kept at a time.
    most: usize,
    mood: Mood,
    /// The most configurations looked at in all, beyond what each call has for free.
    work: usize,
    /// Events from this position on are left out.
    until: u32,
}

/// An open call.
#[derive(Clone, Copy, Debug)]
struct Open {
    kind: Kind,
    end: u32,
}

#[derive(Clone)]
struct Walker<'p, const N: usize> {
    rules: Arc<dyn Rules + 'p>,
    way: Way,
    budget: Budget,
    /// Whether new states get numbers on the way.
    grows: bool,
    /// Calls that have begun.
    begun: usize,
    open: Vec<Open>,
    taken: Bits<N>,
    roles: Roles<N>,
    /// Open observers by the state that they need, by the one that they cannot have met, and
    /// by class.
    readers: Vec<(u32, Bits<N>)>,
    missers: Vec<(u32, Bits<N>)>,
    lookers: Vec<(u32, Bits<N>)>,
    all_missers: Bits<N>,
    unknown: Classes,
    configs: Vec<Config<N>>,
    next: Vec<Config<N>>,
    looked_at: usize,
    /// Whether unknown calls are used just now.
    resort: bool,
    /// Configurations were dropped that were not dominated.
    truncated: bool,
    /// States are forgotten when there are more.
    many_states: usize,
    scratch: expand::Scratch<N>,
}

impl<'p, const N: usize> Walker<'p, N> {
    fn new(problem: &Problem, rules: &Arc<dyn Rules + 'p>, way: Way, budget: &Budget) -> Self {
        let none = Bits::EMPTY;
        Self {
            rules: rules.clone(),
            // A configuration takes more memory when more calls are open.
            way: Way { most: way.most.min((WIDEST / N).max(1)), ..way },
            budget: budget.clone(),
            grows: problem.grows,
            begun: 0,
            open: Vec::new(),
            taken: none,
            roles: Roles { observers: none, writes: none, swaps: none },
            readers: Vec::new(),
            missers: Vec::new(),
            lookers: Vec::new(),
            all_missers: none,
            unknown: Classes::default(),
            configs: problem.initial.iter().copied().map(Config::new).collect(),
            next: Vec::new(),
            looked_at: 0,
            resort: false,
            truncated: false,
            many_states: rules.states() + MANY_STATES,
            scratch: expand::Scratch::default(),
        }
    }

    fn run(&mut self, problem: &Problem) -> (Walk, BTreeSet<u32>, usize) {
        let walk = match self.events(problem) {
            // Not all ways were followed up to a position inside the history.
            Walk::Done if self.truncated && self.way.until != NEVER => Walk::Crowded { at: 0 },
            walk => walk,
        };
        (walk, self.states(), self.looked_at)
    }

    fn states(&self) -> BTreeSet<u32> {
        self.configs.iter().map(|config| config.state).collect()
    }

    fn events(&mut self, problem: &Problem) -> Walk {
        let mut ends: BinaryHeap<Reverse<(u32, u32, u32)>> = BinaryHeap::new();
        let until = self.way.until;
        for (number, item) in (0u32..).zip(&problem.items) {
            if item.start >= until {
                break;
            }
            while let Some(&Reverse((end, slot, at))) = ends.peek()
                && end < item.start
            {
                ends.pop();
                if let Some(walk) = self.finish(slot as usize, at) {
                    return walk;
                }
            }
            if item.is_unknown() {
                self.unknown.begin(item.kind);
            } else {
                let slot = self.begin(item.kind, item.end);
                ends.push(Reverse((item.end, slot as u32, number)));
            }
        }
        while let Some(Reverse((end, slot, at))) = ends.pop()
            && end < until
        {
            if let Some(walk) = self.finish(slot as usize, at) {
                return walk;
            }
        }
        Walk::Done
    }

    /// A known call begins; its slot.
    fn begin(&mut self, kind: Kind, end: u32) -> usize {
        self.begun += 1;
        let slot = self.taken.first_free().unwrap_or(0);
        let open = Open { kind, end };
        if slot == self.open.len() {
            self.open.push(open);
        } else {
            self.open[slot] = open;
        }
        self.taken.insert(slot);
        match kind {
            Kind::Read(state) => insert(&mut self.readers, state, slot),
            Kind::Miss(state) => {
                self.all_missers.insert(slot);
                insert(&mut self.missers, state, slot);
            }
            Kind::Look(class) => insert(&mut self.lookers, class, slot),
            Kind::Write(_) => self.roles.writes.insert(slot),
            Kind::Swap(..) | Kind::Step(_) => self.roles.swaps.insert(slot),
        }
        if kind.observes() {
            self.roles.observers.insert(slot);
            for config in &mut self.configs {
                if holds(&*self.rules, config.state, kind) {
                    config.done.insert(slot);
                }
            }
        }
        slot
    }

    /// The call in this slot, number `at`, returns: it has taken effect in every configuration
    /// that goes on.
    fn finish(&mut self, slot: usize, at: u32) -> Option<Walk> {
        let before = self.looked_at;
        self.looked_at += self.configs.len();
        if self.looked_at / 1024 > before / 1024 {
            if self.budget.is_cancelled() {
                return Some(Walk::Cancelled { at });
            }
            if self.looked_at > self.way.work + WORK_A_CALL * self.begun {
                return Some(Walk::Crowded { at });
            }
        }
        if self.configs.iter().all(|config| config.done.get(slot)) {
            self.close(slot);
            return None;
        }
        if !self.expand_all(slot) {
            return Some(match self.budget.is_cancelled() {
                true => Walk::Cancelled { at },
                false => Walk::Crowded { at },
            });
        }
        if self.next.is_empty() {
            // What was possible before is still there.
            let states = self.states().into_iter().take(MAX_NAMED).collect();
            return Some(match self.truncated {
                true => Walk::Crowded { at },
                false => Walk::Stuck { at, states },
            });
        }
        std::mem::swap(&mut self.configs, &mut self.next);
        self.close(slot);
        self.reduce();
        self.forget_states();
        None
    }

    fn close(&mut self, slot: usize) {
        match self.open[slot].kind {
            Kind::Read(state) => remove(&mut self.readers, state, slot),
            Kind::Miss(state) => remove(&mut self.missers, state, slot),
            Kind::Look(class) => remove(&mut self.lookers, class, slot),
            Kind::Write(_) | Kind::Swap(..) | Kind::Step(_) => {}
        }
        self.taken.remove(slot);
        self.all_missers.remove(slot);
        self.roles.observers.remove(slot);
        self.roles.writes.remove(slot);
        self.roles.swaps.remove(slot);
        for config in &mut self.configs {
            config.done.remove(slot);
            config.before.remove(slot);
        }
    }

    /// Leaves out configurations that others dominate, and keeps the most promising ones when
    /// there are too many.
    fn reduce(&mut self) {
        if self.configs.len() < 2 {
            return;
        }
        let roles = self.roles;
        let swaps = roles.swaps;
        self.configs.sort_by_cached_key(|config| {
            (config.state, config.done & swaps, config.rank(&roles), config.done)
        });
        let mut kept = 0;
        let mut group = 0;
        for at in 0..self.configs.len() {
            let (before, rest) = self.configs.split_at(at);
            let config = &rest[0];
            let alike = |other: &Config<N>| {
                other.state == config.state && other.done & swaps == config.done & swaps
            };
            if kept > 0 && !alike(&before[kept - 1]) {
                group = kept;
            }
            let rivals = &before[group..kept.min(group + MAX_COMPARED)];
            if !rivals.iter().any(|other| other.dominates(config, &roles)) {
                self.configs.swap(kept, at);
                kept += 1;
            }
        }
        self.configs.truncate(kept);
        if kept > self.way.most {
            self.configs.sort_by_cached_key(|config| config.rank(&roles));
            self.configs.truncate(self.way.most);
            self.truncated = true;
        }
    }

    /// The observers that take effect when the object is in `state`.
    fn observers_of(&self, state: u32) -> Bits<N> {
        let of = |list: &[(u32, Bits<N>)]| {
            list.iter().find(|(needed, _)| *needed == state).map_or(Bits::EMPTY, |(_, bits)| *bits)
        };
        let mut all = of(&self.readers);
        if !self.missers.is_empty() {
            all |= self.all_missers.without(of(&self.missers));
        }
        for (class, bits) in &self.lookers {
            if holds(&*self.rules, state, Kind::Look(*class)) {
                all |= *bits;
            }
        }
        all
    }

    /// Keeps the memory that states take in bounds.
    fn forget_states(&mut self) {
        if self.rules.states() < self.many_states {
            return;
        }
        self.rules.forget(&mut self.configs.iter_mut().map(|config| &mut config.state));
        self.many_states = 2 * self.rules.states() + MANY_STATES;
    }
}

/// Whether an observer takes effect in this state.
fn holds(rules: &dyn Rules, state: u32, observer: Kind) -> bool {
    match observer {
        Kind::Read(needed) => state == needed,
        Kind::Miss(other) => state != other,
        Kind::Look(class) => {
            let mut next = Vec::new();
            rules.next(state, class, &mut next);
            !next.is_empty()
        }
        Kind::Write(_) | Kind::Swap(..) | Kind::Step(_) => false,
    }
}

fn insert<const N: usize>(list: &mut Vec<(u32, Bits<N>)>, state: u32, slot: usize) {
    let at = list.iter().position(|(needed, _)| *needed == state).unwrap_or_else(|| {
        list.push((state, Bits::EMPTY));
        list.len() - 1
    });
    list[at].1.insert(slot);
}

fn remove<const N: usize>(list: &mut Vec<(u32, Bits<N>)>, state: u32, slot: usize) {
    if let Some(at) = list.iter().position(|(needed, _)| *needed == state) {
        list[at].1.remove(slot);
        if list[at].1.is_empty() {
            list.swap_remove(at);
        }
    }
}
