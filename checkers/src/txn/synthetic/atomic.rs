//! An atomic store: every transaction takes effect at one moment between call and answer.
//!
//! Clients ask what those of Jepsen's workloads ask (Alvaro and Kingsbury, Elle, VLDB 2020,
//! section 7): a few reads and writes of hot keys, the hottest of which gets half of them; a key
//! that was written often enough is replaced by a new one. Histories are valid by construction
//! under every model up to strict serializability.

mod edn;
mod store;
mod transactions;

use std::io::{self, Write};

use self::store::{Client, Phase, Store};
use crate::linear::synthetic::Random;
use crate::txn::Transactions;

/// What keys hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lists to which values are appended.
    ListAppend,
    /// Registers that are overwritten, each value written once per key.
    RwRegister,
}

/// What to make. The same load gives the same history.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub kind: Kind,
    /// How many transactions are called.
    pub transactions: u32,
    /// How many clients there are, each with at most one call open.
    pub processes: u32,
    /// The most steps of a transaction; it has at least one.
    pub steps: u32,
    /// How many keys are in use at a time.
    pub keys: u32,
    /// After how many writes a key is replaced.
    pub writes_per_key: u32,
    /// How many of a hundred transactions surely fail, without effect.
    pub failed: u32,
    /// How many of a hundred have an unknown outcome; half of them took effect.
    pub unknown: u32,
    pub seed: u64,
}

impl Load {
    /// 10 processes, 1 to 4 steps, 10 keys of 32 writes each; all is well.
    pub fn new(kind: Kind, transactions: u32, seed: u64) -> Self {
        Self {
            kind,
            transactions,
            processes: 10,
            steps: 4,
            keys: 10,
            writes_per_key: 32,
            failed: 0,
            unknown: 0,
            seed,
        }
    }

    /// The history as transactions. Linear; takes about 100 ns per transaction.
    pub fn transactions(&self) -> Transactions {
        let mut sink = transactions::Sink::new(self);
        match self.run(&mut sink) {
            Ok(()) => sink.finish(),
            // This sink never fails.
            Err(_) => Transactions::default(),
        }
    }

    /// The history as Jepsen's `history.edn`, one operation a line.
    pub fn write_edn(&self, to: impl Write) -> io::Result<()> {
        let mut sink = edn::Sink::new(self, to);
        self.run(&mut sink)?;
        sink.finish()
    }

    /// Lets clients call, take effect and be answered in random order.
    fn run(&self, sink: &mut impl Sink) -> io::Result<()> {
        let mut random = Random(self.seed);
        let mut store = Store::new(self);
        let mut clients: Vec<Client> = (0..self.processes.max(1)).map(Client::new).collect();
        let (mut called, mut running) = (0, 0);
        let mut moment = Moment { index: 0, time: 0 };
        while called < self.transactions || running > 0 {
            let client = random.below(clients.len() as u64) as usize;
            let client = &mut clients[client];
            moment.time += 1_000 + random.below(20_000);
            match client.phase {
                Phase::Idle if called == self.transactions => {}
                Phase::Idle => {
                    called += 1;
                    running += 1;
                    store.plan(client, &mut random);
                    sink.called(&store, client, moment)?;
                    moment.index += 1;
                }
                Phase::Called => store.run(client, &mut random),
                Phase::Done => {
                    running -= 1;
                    sink.answered(&store, client, moment)?;
                    moment.index += 1;
                    client.end(self.processes.max(1));
                }
            }
        }
        Ok(())
    }
}

/// When something happened.
#[derive(Clone, Copy)]
struct Moment {
    /// The index of its event.
    index: u64,
    /// In nanoseconds.
    time: u64,
}

/// Takes events.
trait Sink {
    fn called(&mut self, store: &Store, client: &Client, moment: Moment) -> io::Result<()>;
    fn answered(&mut self, store: &Store, client: &Client, moment: Moment) -> io::Result<()>;
}

#[cfg(test)]
mod tests;
