//! Expansion: every way in which an open call can have taken effect by now.
//!
//! A call takes effect either now, after swaps and at most one write that lead to it, or after
//! the fact: in a segment of its own, which begins with an open write, placed just before the
//! moment when the cell was last overwritten. An earlier such moment offers nothing that the
//! last one does not, for what was open then and still is was open at the last one, too.

use std::collections::VecDeque;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::bits::Bits;
use super::config::{Config, Spent};
use super::prepare::Kind;
use super::{Mood, Walker};

/// The most configurations that one call's return may lead to, by words of a set of slots.
const MAX_NEXT: usize = 1 << 21;
/// So many configurations are expanded on all processors, unless new states get numbers on the
/// way: whose comes first would then depend on the machine.
const MANY: usize = 1 << 10;

/// A configuration on its way, and the state that its latest segment has come to.
type Node<const N: usize> = (Config<N>, u32);

/// Buffers that are used again and again.
#[derive(Clone, Debug)]
pub(super) struct Scratch<const N: usize> {
    queue: VecDeque<(Node<N>, bool)>,
    /// What was found, by the state that it has come to; and how many.
    kept: FxHashMap<u32, Vec<Config<N>>>,
    found: usize,
    options: Vec<(Use, u32)>,
    steps: Vec<(Use, u32)>,
    states: Vec<u32>,
    /// Chains were not followed to their ends.
    truncated: bool,
}

impl<const N: usize> Default for Scratch<N> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            kept: FxHashMap::default(),
            found: 0,
            options: Vec::new(),
            steps: Vec::new(),
            states: Vec::new(),
            truncated: false,
        }
    }
}

/// Which call takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Known(usize),
    /// One of this class of unknown calls.
    Unknown(u32),
}

/// Where a segment is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Now,
    /// Just before the cell was last overwritten.
    Before,
}

/// Which ends of a chain of swaps are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// The first ones at which the call has taken effect.
    Until(usize),
    /// All at which it has.
    Through(usize),
    /// All at which it has not.
    Short(usize),
}

impl<const N: usize> Walker<'_, N> {
    /// Fills `next` with what follows when the call in `slot` has taken effect; false if that
    /// is too much.
    pub(super) fn expand_all(&mut self, slot: usize) -> bool {
        let frugal = self.way.mood == Mood::Frugal;
        self.resort = !frugal;
        let few = self.expand_each(slot);
        if frugal && !self.unknown.is_empty() {
            self.truncated = true;
            if self.next.is_empty() {
                self.resort = true;
                return self.expand_each(slot);
            }
        }
        few
    }

    fn expand_each(&mut self, slot: usize) -> bool {
        let configs = std::mem::take(&mut self.configs);
        let mut next = std::mem::take(&mut self.next);
        let mut scratch = std::mem::take(&mut self.scratch);
        next.clear();
        let many = configs.len() >= MANY && !self.grows;
        if many {
            self.expand_side_by_side(&configs, slot, &mut next, &mut scratch);
        }
        let few = if many { &[] } else { &configs[..] };
        for config in few {
            if config.done.get(slot) {
                next.push(config.clone());
            } else {
                self.expand(config, slot, &mut scratch, &mut next);
            }
            if next.len() > MAX_NEXT / N || self.budget.is_cancelled() {
                break;
            }
        }
        let few = next.len() <= MAX_NEXT / N && !self.budget.is_cancelled();
        self.truncated |= scratch.truncated;
        (self.configs, self.next, self.scratch) = (configs, next, scratch);
        few
    }

    /// Expands on all processors. What follows stands in the same order as it otherwise would.
    fn expand_side_by_side(
        &self,
        configs: &[Config<N>],
        slot: usize,
        next: &mut Vec<Config<N>>,
        scratch: &mut Scratch<N>,
    ) {
        let expanded: Vec<(Vec<Config<N>>, bool)> = configs
            .par_chunks(MANY / 8)
            .map(|some| {
                let (mut scratch, mut out) = (Scratch::default(), Vec::new());
                for config in some {
                    match config.done.get(slot) {
                        true => out.push(config.clone()),
                        false => self.expand(config, slot, &mut scratch, &mut out),
                    }
                    if out.len() > MAX_NEXT / N || self.budget.is_cancelled() {
                        break;
                    }
                }
                (out, scratch.truncated)
            })
            .collect();
        for (some, truncated) in expanded {
            next.extend(some);
            scratch.truncated |= truncated;
        }
    }

    fn expand(
        &self,
        config: &Config<N>,
        slot: usize,
        scratch: &mut Scratch<N>,
        out: &mut Vec<Config<N>>,
    ) {
        let kind = self.open[slot].kind;
        if config.before.get(slot) {
            self.after_the_fact(config, slot, scratch, out);
        }
        if !matches!(kind, Kind::Write(_)) {
            let now = (config.clone(), config.state);
            self.chains(now, Place::Now, Wanted::Until(slot), scratch, &mut |config, state| {
                out.push(Config { state, ..config });
            });
        }
        let mut starts = Vec::new();
        let now = (config.clone(), config.state);
        self.chains(now, Place::Now, Wanted::Short(slot), scratch, &mut |config, _| {
            starts.push(config);
        });
        for start in starts {
            self.overwrite(&start, slot, scratch, out);
        }
    }

    /// The call took effect in a segment before the last overwriting.
    fn after_the_fact(
        &self,
        config: &Config<N>,
        slot: usize,
        scratch: &mut Scratch<N>,
        out: &mut Vec<Config<N>>,
    ) {
        for (which, state) in self.options(config, slot, Place::Before, scratch) {
            let mut used = self.with(config, which);
            used.done |= self.observers_of(state) & config.before;
            let seed = (used, state);
            let wanted = Wanted::Through(slot);
            self.chains(seed, Place::Before, wanted, scratch, &mut |config, _| out.push(config));
        }
    }

    /// A write takes effect now, and then what leads to the call in `slot`.
    fn overwrite(
        &self,
        config: &Config<N>,
        slot: usize,
        scratch: &mut Scratch<N>,
        out: &mut Vec<Config<N>>,
    ) {
        for (which, state) in self.options(config, slot, Place::Now, scratch) {
            let mut used = self.with(config, which);
            used.before = self.taken;
            used.unknown_before = self.unknown.begun;
            used.done |= self.observers_of(state);
            let seed = (used, state);
            let wanted = Wanted::Until(slot);
            self.chains(seed, Place::Now, wanted, scratch, &mut |config, state| {
                out.push(Config { state, ..config });
            });
        }
    }

    /// The writes with which a segment may begin that makes the call in `slot` take effect: of
    /// those that leave the same state the known one that ends first, else an unknown one.
    fn options(
        &self,
        config: &Config<N>,
        slot: usize,
        place: Place,
        scratch: &mut Scratch<N>,
    ) -> Vec<(Use, u32)> {
        let options = &mut scratch.options;
        options.clear();
        if let Kind::Write(state) = self.open[slot].kind {
            options.push((Use::Known(slot), state));
            return options.clone();
        }
        let open = self.roles.writes.without(config.done);
        for at in self.placed(open, config, place).iter() {
            if let Kind::Write(state) = self.open[at].kind {
                self.offer(options, at, state);
            }
        }
        let before = self.unknown_limit(config, place);
        for (class, kind) in self.offered(&config.spent, before) {
            if let Kind::Write(state) = kind
                && options.iter().all(|(_, known)| *known != state)
            {
                options.push((Use::Unknown(class), state));
            }
        }
        if self.roles.swaps.is_empty() && !self.resorts() {
            options.retain(|(_, state)| match self.open[slot].kind {
                Kind::Read(needed) => *state == needed,
                Kind::Miss(other) => *state != other,
                _ => true,
            });
        }
        options.clone()
    }

    /// Follows swaps from the state of a node, and hands on the ends that are wanted. A chain
    /// that ends in an unknown swap which nothing has seen is never wanted.
    fn chains(
        &self,
        seed: Node<N>,
        place: Place,
        wanted: Wanted,
        scratch: &mut Scratch<N>,
        found: &mut dyn FnMut(Config<N>, u32),
    ) {
        if self.roles.swaps.is_empty() && !self.resorts() {
            let (config, state) = seed;
            let done = |slot: usize| config.done.get(slot);
            match wanted {
                Wanted::Until(slot) | Wanted::Through(slot) if !done(slot) => {}
                _ => found(config, state),
            }
            return;
        }
        scratch.kept.clear();
        scratch.found = 0;
        scratch.queue.clear();
        scratch.queue.push_back((seed, true));
        while let Some((node, gained)) = scratch.queue.pop_front() {
            let (config, state) = &node;
            let rivals = scratch.kept.entry(*state).or_default();
            if rivals.iter().any(|other| other.dominates(config, &self.roles)) {
                continue;
            }
            rivals.push(config.clone());
            scratch.found += 1;
            if scratch.found > self.way.most || self.budget.is_cancelled() {
                scratch.truncated = true;
                return;
            }
            let go_on = match wanted {
                Wanted::Until(slot) => {
                    if config.done.get(slot) {
                        found(config.clone(), *state);
                    }
                    !config.done.get(slot)
                }
                Wanted::Through(slot) => {
                    if gained && config.done.get(slot) {
                        found(config.clone(), *state);
                    }
                    true
                }
                Wanted::Short(slot) => {
                    if gained && !config.done.get(slot) {
                        found(config.clone(), *state);
                    }
                    !config.done.get(slot)
                }
            };
            if go_on {
                self.swap_on(&node, place, scratch);
            }
        }
    }

    /// Pushes what one more swap leads to.
    fn swap_on(&self, (config, at): &Node<N>, place: Place, scratch: &mut Scratch<N>) {
        let (options, steps) = (&mut scratch.options, &mut scratch.steps);
        options.clear();
        steps.clear();
        let open = self.roles.swaps.without(config.done);
        for slot in self.placed(open, config, place).iter() {
            match self.open[slot].kind {
                Kind::Swap(from, to) if from == *at => self.offer(options, slot, to),
                Kind::Step(class) => self.offer(steps, slot, class),
                _ => {}
            }
        }
        let before = self.unknown_limit(config, place);
        for (class, kind) in self.offered(&config.spent, before) {
            let (list, effect) = match kind {
                Kind::Swap(from, to) if from == *at => (&mut *options, to),
                Kind::Step(step) => (&mut *steps, step),
                _ => continue,
            };
            if list.iter().all(|(_, known)| *known != effect) {
                list.push((Use::Unknown(class), effect));
            }
        }
        for (which, class) in steps.iter() {
            scratch.states.clear();
            self.rules.next(*at, *class, &mut scratch.states);
            options.extend(scratch.states.iter().map(|state| (*which, *state)));
        }
        for (which, to) in options.iter() {
            let mut after = self.with(config, *which);
            let observed = self.placed(self.observers_of(*to), config, place);
            let gained = matches!(which, Use::Known(_)) || !observed.is_subset(&after.done);
            after.done |= observed;
            scratch.queue.push_back(((after, *to), gained));
        }
    }

    /// Notes a known call with this effect, unless there is one that ends sooner.
    fn offer(&self, options: &mut Vec<(Use, u32)>, slot: usize, effect: u32) {
        match options.iter_mut().find(|(_, known)| *known == effect) {
            Some((Use::Known(best), _)) if self.open[slot].end < self.open[*best].end => {
                *best = slot;
            }
            Some(_) => {}
            None => options.push((Use::Known(slot), effect)),
        }
    }

    /// Those of these calls that can be placed there.
    fn placed(&self, calls: Bits<N>, config: &Config<N>, place: Place) -> Bits<N> {
        match place {
            Place::Now => calls,
            Place::Before => calls & config.before,
        }
    }

    fn unknown_limit(&self, config: &Config<N>, place: Place) -> u32 {
        match place {
            Place::Now => self.unknown.begun,
            Place::Before => config.unknown_before,
        }
    }

    /// Whether unknown calls are to be looked at.
    fn resorts(&self) -> bool {
        self.resort && !self.unknown.is_empty()
    }

    fn offered(&self, spent: &Spent, before: u32) -> impl Iterator<Item = (u32, Kind)> {
        let before = if self.resorts() { before } else { 0 };
        self.unknown.available(spent, before)
    }

    fn with(&self, config: &Config<N>, which: Use) -> Config<N> {
        let mut config = config.clone();
        match which {
            Use::Known(slot) => config.done.insert(slot),
            Use::Unknown(_) if self.way.mood == Mood::Generous => {}
            Use::Unknown(class) => config.spent = config.spent.one_more(class),
        }
        config
    }
}
