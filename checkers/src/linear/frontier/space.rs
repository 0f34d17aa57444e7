//! Spaces: the states of a model and the steps between them, by number.

use std::sync::RwLock;

use rustc_hash::FxHashMap;

use crate::linear::model::Model;

/// What the engine asks of a model.
pub(super) trait Rules: Sync {
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

/// The numbered states of a model.
#[derive(Debug)]
pub(super) struct Space<'m, M: Model> {
    model: &'m M,
    classes: Vec<M::Call>,
    table: RwLock<Table<M::State>>,
    /// The first states keep their numbers for ever.
    pinned: u32,
}

impl<'m, M: Model> Space<'m, M> {
    pub(super) fn new(model: &'m M) -> Self {
        let (numbers, next) = (FxHashMap::default(), FxHashMap::default());
        let table = RwLock::new(Table { states: Vec::new(), numbers, next });
        Self { model, classes: Vec::new(), table, pinned: 0 }
    }

    /// The number of a state.
    pub(super) fn state(&mut self, state: M::State) -> u32 {
        let table = self.table.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        table.number(state)
    }

    /// The number of a new class of calls.
    pub(super) fn class(&mut self, call: M::Call) -> u32 {
        self.classes.push(call);
        self.classes.len() as u32 - 1
    }

    /// Makes the states so far permanent.
    pub(super) fn pin(&mut self) {
        self.pinned = self.states() as u32;
    }

    pub(super) fn pinned(&self) -> u32 {
        self.pinned
    }

    /// The state with this number.
    pub(super) fn name(&self, state: u32) -> Option<M::State> {
        self.read().states.get(state as usize).cloned()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Table<M::State>> {
        self.table.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Table<M::State>> {
        self.table.write().unwrap_or_else(std::sync::PoisonError::into_inner)
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

impl<M: Model> Rules for Space<'_, M> {
    fn next(&self, state: u32, class: u32, into: &mut Vec<u32>) {
        let table = self.read();
        if let Some(next) = table.next.get(&(state, class)) {
            next.append(into);
            return;
        }
        let from = table.states[state as usize].clone();
        drop(table);
        let mut found = Vec::new();
        self.model.steps(&from, &self.classes[class as usize], &mut |next| found.push(next));
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
