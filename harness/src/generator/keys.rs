//! Keys: independent generators, one for each key, whose operations have values `[key, value]`.
//!
//! A checker can then judge each key on its own, which is what makes long histories checkable.

use super::choose::Race;
use super::draw::below;
use super::{BoxGenerator, Context, Generator, Next, Worker, Workers};
use crate::{Op, Seed};
use perjury_checkers::{Event, Process};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::sync::Arc;

/// Keys without a single operation that are skipped in a row.
const MAX_EMPTY: usize = 10_000;

type Make = Arc<dyn Fn(&Value) -> BoxGenerator + Send + Sync>;

/// The keys still to come, and how their generators are made.
#[derive(Clone)]
struct Keys<I> {
    rest: I,
    make: Make,
}

/// One key at a time: when its generator has ended, the next key. `make` is a pure function;
/// for randomness it derives a seed from the key.
pub fn per_key_sequential<K, F>(keys: K, make: F) -> BoxGenerator
where
    K: IntoIterator<Item: Into<Value>, IntoIter: Clone + Send + 'static>,
    F: Fn(&Value) -> BoxGenerator + Send + Sync + 'static,
{
    let keys = Keys { rest: keys.into_iter(), make: Arc::new(make) };
    Box::new(Concurrent { threads: 0, keys, groups: Vec::new(), offered: usize::MAX })
}

/// As many keys at a time as there are groups of `threads` workers. A group works on one key until
/// its generator has ended, then on the next key that nobody had. Where the number of workers is
/// no multiple of `threads`, some groups are larger by one.
///
/// What happens to a key depends on the key alone; which keys are worked on side by side depends
/// on timing. With [`per_key_mixed`] that is fixed too.
pub fn per_key_concurrent<K, F>(threads: usize, keys: K, make: F) -> BoxGenerator
where
    K: IntoIterator<Item: Into<Value>, IntoIter: Clone + Send + 'static>,
    F: Fn(&Value) -> BoxGenerator + Send + Sync + 'static,
{
    let keys = Keys { rest: keys.into_iter(), make: Arc::new(make) };
    Box::new(Concurrent { threads: threads.max(1), keys, groups: Vec::new(), offered: usize::MAX })
}

/// `active` keys at a time, on any worker: for each operation one of them is drawn, and a key whose
/// generator has ended is replaced by the next. The whole sequence over all keys depends on
/// the seed alone.
pub fn per_key_mixed<K, F>(seed: Seed, active: usize, keys: K, make: F) -> BoxGenerator
where
    K: IntoIterator<Item: Into<Value>, IntoIter: Clone + Send + 'static>,
    F: Fn(&Value) -> BoxGenerator + Send + Sync + 'static,
{
    let keys = Keys { rest: keys.into_iter(), make: Arc::new(make) };
    let rng = seed.derive("generator.per_key_mixed").rng();
    Box::new(Mixed { rng, active: active.max(1), keys, slots: Vec::new(), chosen: None })
}

/// A key being worked on.
#[derive(Clone)]
struct Slot {
    key: Value,
    generator: BoxGenerator,
}

impl<I> Keys<I>
where
    I: Iterator<Item: Into<Value>>,
{
    fn next_slot(&mut self) -> Option<Slot> {
        let key = self.rest.next()?.into();
        let generator = (self.make)(&key);
        Some(Slot { key, generator })
    }
}

impl Slot {
    fn next(&mut self, context: &Context) -> Next {
        let key = &self.key;
        self.generator
            .next(context)
            .map_op(|op| Op { f: op.f, value: Value::Array(vec![key.clone(), op.value]) })
    }

    /// Shows the generator an event of its key, without the key. True if it is of this key.
    fn update(&mut self, context: &Context, event: &Event) -> bool {
        let Value::Array(pair) = &event.value else { return false };
        let [key, value] = pair.as_slice() else { return false };
        if *key != self.key {
            return false;
        }
        self.generator.update(context, &Event { value: value.clone(), ..event.clone() });
        true
    }
}

#[derive(Clone)]
struct Concurrent<I> {
    /// Workers in a group; 0 for all in one.
    threads: usize,
    keys: Keys<I>,
    groups: Vec<Group>,
    offered: usize,
}

#[derive(Clone)]
struct Group {
    workers: Workers,
    slot: Option<Slot>,
}

impl<I> Concurrent<I>
where
    I: Iterator<Item: Into<Value>>,
{
    fn divide(&mut self, context: &Context) {
        let workers: Vec<Worker> = context.all.usable().iter().collect();
        let count = workers.len().checked_div(self.threads).unwrap_or(1).max(1);
        for group in 0..count {
            let range = group * workers.len() / count..(group + 1) * workers.len() / count;
            let workers = workers[range].iter().copied().collect();
            self.groups.push(Group { workers, slot: self.keys.next_slot() });
        }
    }

    fn ask(&mut self, context: &Context, position: usize) -> Next {
        let group = &mut self.groups[position];
        let restricted = context.restrict(&group.workers);
        for _ in 0..MAX_EMPTY {
            let Some(slot) = &mut group.slot else { return Next::Done };
            match slot.next(&restricted) {
                Next::Done => group.slot = self.keys.next_slot(),
                next => return next,
            }
        }
        tracing::warn!("a generator ends: {MAX_EMPTY} keys in a row had no operation");
        group.slot = None;
        Next::Done
    }
}

impl<I> Generator for Concurrent<I>
where
    I: Iterator<Item: Into<Value>> + Clone + Send + 'static,
{
    fn next(&mut self, context: &Context) -> Next {
        if self.groups.is_empty() {
            self.divide(context);
        }
        // Mostly the group whose turn it is has something to do at once.
        let turn = context.choose(&context.free.and(&context.all.usable()));
        let turn = turn.and_then(|w| self.groups.iter().position(|g| g.workers.contains(w)));
        if let Some(position) = turn {
            let next = self.ask(context, position);
            if matches!(next, Next::Emit { at, .. } if at <= context.time) {
                self.offered = position;
                return next;
            }
        }
        let mut race = Race::default();
        for position in 0..self.groups.len() {
            race.enter(position, self.ask(context, position), context.time);
        }
        let (next, offered) = race.finish(context);
        self.offered = offered;
        next
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        if let Some(group) = self.groups.get_mut(self.offered)
            && let Some(slot) = &mut group.slot
        {
            slot.generator.took(&context.restrict(&group.workers), at, process);
        }
    }

    fn update(&mut self, context: &Context, event: &Event) {
        let worker = context.worker(event.process);
        if let Some(group) = self.groups.iter_mut().find(|group| group.workers.contains(worker))
            && let Some(slot) = &mut group.slot
        {
            slot.update(&context.restrict(&group.workers), event);
        }
    }
}

#[derive(Clone)]
struct Mixed<I> {
    rng: ChaCha8Rng,
    active: usize,
    keys: Keys<I>,
    slots: Vec<Slot>,
    /// Drawn, and not taken yet.
    chosen: Option<usize>,
}

impl<I> Generator for Mixed<I>
where
    I: Iterator<Item: Into<Value>> + Clone + Send + 'static,
{
    fn next(&mut self, context: &Context) -> Next {
        for _ in 0..MAX_EMPTY {
            while self.slots.len() < self.active
                && let Some(slot) = self.keys.next_slot()
            {
                self.slots.push(slot);
            }
            if self.slots.is_empty() {
                return Next::Done;
            }
            let count = self.slots.len() as u64;
            let chosen = *self.chosen.get_or_insert_with(|| below(&mut self.rng, count) as usize);
            match self.slots[chosen].next(context) {
                Next::Done => {
                    self.slots.remove(chosen);
                    self.chosen = None;
                }
                next => return next,
            }
        }
        tracing::warn!("a generator ends: {MAX_EMPTY} keys in a row had no operation");
        self.slots.clear();
        self.active = 0;
        Next::Done
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        if let Some(chosen) = self.chosen.take() {
            self.slots[chosen].generator.took(context, at, process);
        }
    }

    fn update(&mut self, context: &Context, event: &Event) {
        for slot in &mut self.slots {
            if slot.update(context, event) {
                return;
            }
        }
    }
}
