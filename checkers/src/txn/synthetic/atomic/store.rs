//! The store itself, and its clients.

use super::{Kind, Load};
use crate::linear::synthetic::Random;
use crate::txn::transactions::Status;

/// A step that was planned, and what it saw once it ran.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) write: bool,
    pub(super) key: u32,
    /// What is written; or how many elements of the key's list are seen, or the value of the
    /// register, 0 if it was never written.
    pub(super) value: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Called,
    Done,
}

pub(super) struct Client {
    pub(super) process: u32,
    pub(super) phase: Phase,
    /// How the transaction ends.
    pub(super) status: Status,
    pub(super) steps: Vec<Step>,
}

impl Client {
    pub(super) fn new(process: u32) -> Self {
        Self { process, phase: Phase::Idle, status: Status::Committed, steps: Vec::new() }
    }

    /// After an unknown outcome the client goes on under another number.
    pub(super) fn end(&mut self, processes: u32) {
        self.phase = Phase::Idle;
        if self.status == Status::Unknown {
            self.process += processes;
        }
    }
}

/// What every key holds.
pub(super) struct Store {
    load: Load,
    /// The keys in use, and how often a write to each was planned.
    hot: Vec<(u32, u32)>,
    next: u32,
    /// Per key how many elements its list has, or the value of its register.
    states: Vec<u32>,
    /// Per key room for all elements of its list.
    elements: Vec<u32>,
}

impl Store {
    pub(super) fn new(load: &Load) -> Self {
        let keys = load.keys.max(1);
        let mut store =
            Self { load: *load, hot: vec![], next: 0, states: vec![], elements: vec![] };
        store.load.writes_per_key = load.writes_per_key.max(1);
        for _ in 0..keys {
            let key = store.new_key();
            store.hot.push((key, 0));
        }
        store
    }

    fn new_key(&mut self) -> u32 {
        let key = self.next;
        self.next += 1;
        self.states.push(0);
        if self.load.kind == Kind::ListAppend {
            let elements = self.elements.len() + self.load.writes_per_key as usize;
            self.elements.resize(elements, 0);
        }
        key
    }

    /// Plans the next transaction of a client.
    pub(super) fn plan(&mut self, client: &mut Client, random: &mut Random) {
        client.phase = Phase::Called;
        client.status = match random.below(100) as u32 {
            luck if luck < self.load.failed => Status::Aborted,
            luck if luck < self.load.failed + self.load.unknown => Status::Unknown,
            _ => Status::Committed,
        };
        client.steps.clear();
        for _ in 0..=random.below(u64::from(self.load.steps.max(1))) {
            let luck = random.bits();
            // Every key is half as hot as the one before it.
            let place = ((luck >> 1).trailing_zeros() as usize).min(self.hot.len() - 1);
            let (key, written) = self.hot[place];
            let write = luck & 1 == 0;
            client.steps.push(Step { write, key, value: written + 1 });
            if write {
                self.hot[place].1 += 1;
                if written + 1 == self.load.writes_per_key {
                    self.hot[place] = (self.new_key(), 0);
                }
            }
        }
    }

    /// Lets a transaction take effect.
    pub(super) fn run(&mut self, client: &mut Client, random: &mut Random) {
        client.phase = Phase::Done;
        let happens = match client.status {
            Status::Committed => true,
            Status::Aborted => false,
            Status::Unknown => random.chance(50),
        };
        if !happens {
            return;
        }
        for step in &mut client.steps {
            let state = &mut self.states[step.key as usize];
            match (step.write, self.load.kind) {
                (false, _) => step.value = *state,
                (true, Kind::RwRegister) => *state = step.value,
                (true, Kind::ListAppend) => {
                    let first = step.key as usize * self.load.writes_per_key as usize;
                    self.elements[first + *state as usize] = step.value;
                    *state += 1;
                }
            }
        }
    }

    /// What a read of a list saw.
    pub(super) fn list(&self, step: &Step) -> &[u32] {
        let first = step.key as usize * self.load.writes_per_key as usize;
        &self.elements[first..first + step.value as usize]
    }
}
