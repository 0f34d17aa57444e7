//! Spaces: the states of a model and the steps between them, by number.

use std::ops::Deref;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustc_hash::FxHashMap;

use crate::linear::model::Model;

/// What the engine asks of a model.
pub(super) trait Rules: Send + Sync {
    /// Appends the states that a call of this class may lead to.
    fn next(&self, state: u32, class: u32, into: &mut Vec<u32>);

    /// How many states have a number.
    fn states(&self) -> usize;

    /// Forgets all states but those named at the outset and these, which get new numbers.
    fn forget(&self, live: &mut dyn Iterator<Item = &mut u32>);
}

/// Where a class of calls leads from a state.
#[derive(Clone, Debug)]
enum Next {
    Nowhere,
    One(u32),
    Many(Box<[u32]>),
}

#[derive(Debug)]
struct Table<S> {
    states: Vec<S>,
    numbers: FxHashMap<S, u32>,
    next: FxHashMap<(u32, u32), Next>,
}

/// The numbered states of a model, which is borrowed or shared.
#[derive(Debug)]
pub(super) struct Space<M: Model, P> {
    model: P,
    classes: RwLock<Vec<M::Call>>,
    table: RwLock<Table<M::State>>,
    /// The first states keep their numbers for ever.
    pinned: u32,
}

impl<M: Model, P: Deref<Target = M>> Space<M, P> {
    pub(super) fn new(model: P) -> Self {
        let (numbers, next) = (FxHashMap::default(), FxHashMap::default());
        let table = RwLock::new(Table { states: Vec::new(), numbers, next });
        Self { model, classes: RwLock::default(), table, pinned: 0 }
    }

    /// The number of a state.
    pub(super) fn state(&self, state: M::State) -> u32 {
        if let Some(number) = self.read().numbers.get(&state) {
            return *number;
        }
        self.write().number(state)
    }

    /// The number of a new class of calls.
    pub(super) fn class(&self, call: M::Call) -> u32 {
        let mut classes = self.classes.write().unwrap_or_else(PoisonError::into_inner);
        classes.push(call);
        classes.len() as u32 - 1
    }

    /// Makes the states so far permanent.
    pub(super) fn pin(&mut self) {
        let states = self.read().states.len();
        self.pinned = states as u32;
    }

    pub(super) fn pinned(&self) -> u32 {
        self.pinned
    }

    /// The state with this number.
    pub(super) fn name(&self, state: u32) -> Option<M::State> {
        self.read().states.get(state as usize).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, Table<M::State>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table<M::State>> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Clone + Eq + std::hash::Hash> Table<S> {
    fn number(&mut self, state: S) -> u32 {
        if let Some(number) = self.numbers.get(&state) {
            return *number;
        }
        let number = self.states.len() as u32;
        self.states.push(state.clone());
        self.numbers.insert(state, number);
        number
    }
}

impl Next {
    fn append(&self, into: &mut Vec<u32>) {
        match self {
            Self::Nowhere => {}
            Self::One(state) => into.push(*state),
            Self::Many(states) => into.extend_from_slice(states),
        }
    }
}

impl<M: Model, P: Deref<Target = M> + Send + Sync> Rules for Space<M, P> {
    fn next(&self, state: u32, class: u32, into: &mut Vec<u32>) {
        let table = self.read();
        if let Some(next) = table.next.get(&(state, class)) {
            next.append(into);
            return;
        }
        let from = table.states[state as usize].clone();
        drop(table);
        let mut found = Vec::new();
        let classes = self.classes.read().unwrap_or_else(PoisonError::into_inner);
        self.model.steps(&from, &classes[class as usize], &mut |next| found.push(next));
        drop(classes);
        let mut table = self.write();
        let mut numbers: Vec<u32> = found.into_iter().map(|state| table.number(state)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let next = match *numbers.as_slice() {
            [] => Next::Nowhere,
            [one] => Next::One(one),
            _ => Next::Many(numbers.into()),
        };
        next.append(into);
        table.next.insert((state, class), next);
    }

    fn states(&self) -> usize {
        self.read().states.len()
    }

    fn forget(&self, live: &mut dyn Iterator<Item = &mut u32>) {
        let mut table = self.write();
        let old = std::mem::take(&mut table.states);
        table.next = FxHashMap::default();
        table.numbers = FxHashMap::default();
        for state in &old[..self.pinned as usize] {
            table.number(state.clone());
        }
        for number in live {
            *number = table.number(old[*number as usize].clone());
        }
    }
}
