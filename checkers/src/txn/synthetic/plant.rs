//! Mutators: a valid history gets one anomaly, which is there by construction.

mod scenes;

use serde_json::Value;

use self::scenes::{Actor, SCENES, Scene};
use super::atomic::Kind;
use crate::linear::synthetic::Random;
use crate::txn::transactions::{Action, Atom, Builder, NEVER, NewTxn, Status, Transactions, Txn};

/// A history with an anomaly in it.
#[derive(Clone, Debug)]
pub struct Planted {
    pub txns: Transactions,
    /// What users call it.
    pub name: &'static str,
    /// By what names a checker may report it, the first of them best.
    pub kinds: &'static [&'static str],
    /// The transactions that make it, by [`Txn::index`]. Others may only witness it.
    pub operations: Vec<u64>,
}

/// The names of the anomalies that can be planted among lists, or registers.
pub fn anomalies(kind: Kind) -> impl Iterator<Item = &'static str> {
    SCENES.iter().filter(move |scene| scene.plays(kind)).map(|scene| scene.name)
}

/// Plays a scene, in which a few transactions on keys of their own show this anomaly, in the
/// midst of others, at a random moment. Nothing else is wrong with it. Positions and indices of
/// the others are multiplied to make room, [`Planted::txns`] is otherwise what it was.
///
/// `None` if there is no such anomaly, or if it needs real time and there is none.
pub fn plant(base: &Transactions, kind: Kind, name: &str, seed: u64) -> Option<Planted> {
    let scene = SCENES.iter().find(|scene| scene.name == name && scene.plays(kind))?;
    if !base.is_timed() && scene.needs_times() {
        return None;
    }
    let mut random = Random(seed);
    let at = random.below(base.len() as u64 + 1) as u32;
    let mut planting = Planting::new(base, kind, at);
    for number in 0..base.len() as u32 {
        if number == at {
            planting.play(scene);
        }
        planting.copy(number);
    }
    if at as usize == base.len() {
        planting.play(scene);
    }
    let Planting { builder, operations, .. } = planting;
    Some(Planted { txns: builder.finish(), name: scene.name, kinds: scene.kinds, operations })
}

/// How much room there is between two positions.
const ROOM: u32 = 16;

struct Planting<'b> {
    base: &'b Transactions,
    kind: Kind,
    builder: Builder,
    /// A position, an index and a time when nothing begins or ends.
    position: u32,
    index: u64,
    time: u64,
    /// The number of the first key, and of the first process, that nobody uses.
    key: u64,
    process: u32,
    operations: Vec<u64>,
}

impl<'b> Planting<'b> {
    /// Makes room before a transaction.
    fn new(base: &'b Transactions, kind: Kind, at: u32) -> Self {
        let (position, index, time) = match (base.all().get(at as usize), base.all().last()) {
            (Some(next), _) => (next.begin * ROOM, next.index, next.called),
            (None, Some(last)) => {
                let ends = base.all().iter().map(|txn| txn.end).filter(|end| *end != NEVER);
                let end = ends.max().unwrap_or(0).max(last.begin);
                ((end + 1) * ROOM, last.index + 1, last.called)
            }
            (None, None) => (0, 0, 0),
        };
        let keys = (0..base.key_count() as u32).filter_map(|key| base.key(key).as_u64());
        let processes = base.all().iter().map(|txn| txn.process + 1);
        Self {
            base,
            kind,
            builder: Builder::new(base.is_timed()),
            position,
            index: index * u64::from(ROOM),
            time,
            key: keys.max().map_or(0, |most| most + 1),
            process: processes.max().unwrap_or(0),
            operations: Vec::new(),
        }
    }

    fn begin(&mut self, txn: NewTxn) {
        if self.base.is_timed() {
            self.builder.begin(txn);
        } else {
            self.builder.begin(NewTxn { begin: 0, end: NEVER, returned: u64::MAX, ..txn });
        }
    }

    fn copy(&mut self, number: u32) {
        let Txn { index, called, returned, process, begin, end, status, .. } =
            *self.base.txn(number);
        self.begin(NewTxn {
            // Room before, and after.
            index: (index + 1) * u64::from(ROOM),
            called,
            returned,
            process,
            begin: (begin + 1) * ROOM,
            end: if end == NEVER { NEVER } else { (end + 1) * ROOM },
            status,
        });
        for micro in self.base.micros(number) {
            let key = self.atom(&self.base.key(micro.key));
            if micro.action == Action::ReadList {
                let list = self.base.list(micro).iter();
                let list: Vec<Atom> =
                    list.map(|atom| self.atom(&self.base.value(Atom(*atom)))).collect();
                self.builder.read_list(key, list.into_iter());
            } else {
                let value = self.atom(&self.base.value(micro.value));
                self.builder.micro(micro.action, key, value);
            }
        }
    }

    fn atom(&mut self, value: &Value) -> Atom {
        self.builder.atom(value)
    }

    fn play(&mut self, scene: &Scene) {
        for (number, actor) in scene.actors().enumerate() {
            let index = self.index + 1 + number as u64;
            if actor.is_guilty {
                self.operations.push(index);
            }
            let known = actor.status != Status::Unknown;
            self.begin(NewTxn {
                index,
                called: self.time,
                returned: if known { self.time } else { u64::MAX },
                process: self.process + actor.process,
                begin: self.position + 1 + actor.begin,
                end: if known { self.position + 1 + actor.end } else { NEVER },
                status: actor.status,
            });
            self.act(&actor);
        }
    }

    fn act(&mut self, actor: &Actor) {
        for step in &actor.steps {
            let key = self.atom(&Value::from(self.key + step.key));
            match &step.read {
                None => self.builder.micro(Action::Write, key, Atom(step.value)),
                Some(_) if actor.status != Status::Committed => {
                    self.builder.micro(Action::ReadUnknown, key, Atom::NIL);
                }
                Some(seen) if self.kind == Kind::ListAppend => {
                    self.builder.read_list(key, seen.iter().map(|value| Atom(*value)));
                }
                Some(seen) => {
                    let last = seen.last().map_or(Atom::NIL, |value| Atom(*value));
                    self.builder.micro(Action::Read, key, last);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
