//! Synthetic histories as transactions.

use std::collections::VecDeque;
use std::io;

use super::store::{Client, Store};
use super::{Kind, Load, Moment};
use crate::txn::transactions::{Action, Atom, Builder, NEVER, NewTxn, Status, Transactions};

/// A step as transactions have it; a list is the place of its elements.
enum Micro {
    Write(u32, u32),
    Read(u32, Atom),
    ReadList(u32, Vec<u32>),
    ReadUnknown(u32),
}

/// Builds transactions, which have to come in the order of their calls.
pub(super) struct Sink {
    kind: Kind,
    builder: Builder,
    /// Transactions from the first on that is still open, with their steps once they ended.
    waiting: VecDeque<(NewTxn, Option<Vec<Micro>>)>,
    /// The number of the first of them, and per client that of its open transaction.
    first: u64,
    open: Vec<u64>,
    processes: u32,
}

impl Sink {
    pub(super) fn new(load: &Load) -> Self {
        let processes = load.processes.max(1);
        Self {
            kind: load.kind,
            builder: Builder::new(true),
            waiting: VecDeque::new(),
            first: 0,
            open: vec![0; processes as usize],
            processes,
        }
    }

    pub(super) fn finish(self) -> Transactions {
        self.builder.finish()
    }

    fn micros(&self, store: &Store, client: &Client) -> Vec<Micro> {
        let micros = client.steps.iter().map(|step| match (step.write, self.kind) {
            (true, _) => Micro::Write(step.key, step.value),
            _ if client.status != Status::Committed => Micro::ReadUnknown(step.key),
            (_, Kind::ListAppend) if step.value > 0 => {
                Micro::ReadList(step.key, store.list(step).to_vec())
            }
            (_, Kind::RwRegister) if step.value > 0 => Micro::Read(step.key, Atom(step.value)),
            _ => Micro::Read(step.key, Atom::NIL),
        });
        micros.collect()
    }

    /// Builds what nothing before it is open any more.
    fn build(&mut self) {
        while let Some((txn, Some(micros))) = self.waiting.front() {
            self.builder.begin(*txn);
            for micro in micros {
                match micro {
                    Micro::Write(key, value) => {
                        self.builder.micro(Action::Write, Atom(*key), Atom(*value));
                    }
                    Micro::Read(key, value) => {
                        self.builder.micro(Action::Read, Atom(*key), *value);
                    }
                    Micro::ReadUnknown(key) => {
                        self.builder.micro(Action::ReadUnknown, Atom(*key), Atom::NIL);
                    }
                    Micro::ReadList(key, list) => {
                        self.builder.read_list(Atom(*key), list.iter().map(|value| Atom(*value)));
                    }
                }
            }
            self.waiting.pop_front();
            self.first += 1;
        }
    }
}

impl super::Sink for Sink {
    fn called(&mut self, _: &Store, client: &Client, moment: Moment) -> io::Result<()> {
        let txn = NewTxn {
            index: moment.index,
            called: moment.time,
            returned: u64::MAX,
            process: client.process,
            begin: 2 * moment.index as u32,
            end: NEVER,
            status: client.status,
        };
        self.open[(client.process % self.processes) as usize] =
            self.first + self.waiting.len() as u64;
        self.waiting.push_back((txn, None));
        Ok(())
    }

    fn answered(&mut self, store: &Store, client: &Client, moment: Moment) -> io::Result<()> {
        let micros = self.micros(store, client);
        let number = self.open[(client.process % self.processes) as usize] - self.first;
        let (txn, steps) = &mut self.waiting[number as usize];
        if client.status != Status::Unknown {
            txn.returned = moment.time;
            txn.end = 2 * moment.index as u32 + 1;
        }
        *steps = Some(micros);
        self.build();
        Ok(())
    }
}
