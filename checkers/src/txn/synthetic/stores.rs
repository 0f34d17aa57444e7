//! Simulated stores of every isolation level: clients at the same time, each a step at a time.
//!
//! A store keeps its level and seldom more: where the level allows old snapshots, lagging replicas
//! or lost updates, they happen. Each transaction commits at one moment between its begin and its
//! end, and that is the order of versions.

mod client;
mod keys;
mod replicas;
mod snapshots;

use self::client::{Client, Phase};
use self::keys::Keys;
use self::replicas::Replicas;
use super::atomic::Kind;
use crate::linear::synthetic::Random;
use crate::txn::ConsistencyModel as Model;
use crate::txn::transactions::{Action, Atom, Builder, NEVER, NewTxn, Status, Transactions};

/// How a store keeps transactions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Validates at commit that what was read is still so. Transactions that only read are of the
    /// moment when they begin.
    StrictSerializable,
    /// The same, but those that only read may be of any moment that their session has not passed.
    SessionSerializable,
    /// The same, but of any moment.
    Serializable,
    /// Locks what it reads and writes until the end, and gives up instead of waiting.
    Locking,
    /// Snapshots of the moment of the begin; the first committer wins.
    StrongSnapshot,
    /// Snapshots of any moment that the session has not passed.
    SessionSnapshot,
    /// Snapshots of any moment.
    Snapshot,
    /// Replicas that exchange commits in causal order; nothing is committed that would replace
    /// what the replica had not seen.
    ParallelSnapshot,
    /// Snapshots of any moment, and the last committer wins.
    Prefix,
    /// Replicas that exchange commits in causal order.
    Causal,
    /// Some of the last commits are not seen, but each as a whole; nothing is committed that
    /// would replace what was not seen.
    UpdateAtomic,
    /// Some of the last commits are not seen, but each as a whole.
    ReadAtomic,
    /// Reads what is committed; writes are locked, and nothing that was read is replaced if it has
    /// changed since.
    CursorStability,
    /// Reads what is committed; writes are locked.
    MonotonicAtomicView,
    /// Each read is of what was committed at some moment of its own; writes are locked.
    ReadCommitted,
    /// Reads whatever there is; writes are locked.
    ReadUncommitted,
}

impl Store {
    pub const ALL: [Self; 16] = [
        Self::StrictSerializable,
        Self::SessionSerializable,
        Self::Serializable,
        Self::Locking,
        Self::StrongSnapshot,
        Self::SessionSnapshot,
        Self::Snapshot,
        Self::ParallelSnapshot,
        Self::Prefix,
        Self::Causal,
        Self::UpdateAtomic,
        Self::ReadAtomic,
        Self::CursorStability,
        Self::MonotonicAtomicView,
        Self::ReadCommitted,
        Self::ReadUncommitted,
    ];

    /// The strongest levels that its histories keep. They keep all that these include, too.
    pub fn keeps(self) -> &'static [Model] {
        match self {
            Self::StrictSerializable | Self::Locking => &[Model::StrictSerializable],
            Self::SessionSerializable => {
                &[Model::StrongSessionSerializable, Model::StrongReadCommitted]
            }
            Self::Serializable => &[Model::Serializable, Model::StrongReadCommitted],
            Self::StrongSnapshot => &[Model::StrongSnapshotIsolation],
            Self::SessionSnapshot => {
                &[Model::StrongSessionSnapshotIsolation, Model::StrongReadCommitted]
            }
            Self::Snapshot => &[Model::SnapshotIsolation, Model::StrongReadCommitted],
            Self::ParallelSnapshot => &[
                Model::ParallelSnapshotIsolation,
                Model::ConsistentView,
                Model::StrongReadCommitted,
            ],
            Self::Prefix => &[Model::Prefix, Model::StrongReadCommitted],
            Self::Causal => &[Model::CausalCerone, Model::StrongReadCommitted],
            Self::UpdateAtomic => &[Model::UpdateAtomic, Model::StrongReadCommitted],
            Self::ReadAtomic => &[Model::ReadAtomic, Model::StrongReadCommitted],
            Self::CursorStability => &[
                Model::CursorStability,
                Model::MonotonicAtomicView,
                Model::MonotonicView,
                Model::StrongReadCommitted,
            ],
            Self::MonotonicAtomicView => {
                &[Model::MonotonicAtomicView, Model::MonotonicView, Model::StrongReadCommitted]
            }
            Self::ReadCommitted => &[Model::StrongReadCommitted],
            Self::ReadUncommitted => &[Model::StrongReadUncommitted],
        }
    }

    /// Whether writes are locked until the end.
    fn locks(self) -> bool {
        matches!(
            self,
            Self::Locking
                | Self::CursorStability
                | Self::MonotonicAtomicView
                | Self::ReadCommitted
                | Self::ReadUncommitted
        )
    }

    fn replicates(self) -> bool {
        matches!(self, Self::ParallelSnapshot | Self::Causal)
    }

    /// Whether nothing keeps a transaction from appending to a list whose end it does not know.
    fn is_blind(self) -> bool {
        matches!(self, Self::Prefix | Self::Causal | Self::ReadAtomic)
    }
}

/// What to make. The same load gives the same history.
#[derive(Clone, Copy, Debug)]
pub struct StoreLoad {
    pub store: Store,
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
    /// How many of a hundred transactions fail for no reason.
    pub failed: u32,
    /// How many of a hundred have an unknown outcome.
    pub unknown: u32,
    /// Whether stores whose level says nothing of sessions keep their order all the same.
    pub sessions: bool,
    /// Whether it is told when transactions began and ended, or only their sessions.
    pub timed: bool,
    pub seed: u64,
}

impl StoreLoad {
    /// 10 processes, 1 to 4 steps, 10 keys of 32 writes; now and then something fails, or is
    /// not answered.
    pub fn new(store: Store, kind: Kind, transactions: u32, seed: u64) -> Self {
        Self {
            store,
            kind,
            transactions,
            processes: 10,
            steps: 4,
            keys: 10,
            writes_per_key: 32,
            failed: 3,
            unknown: 3,
            sessions: false,
            timed: true,
            seed,
        }
    }

    /// Three transactions or a few more, for brute force.
    pub fn tiny(store: Store, kind: Kind, seed: u64) -> Self {
        let mut random = Random(!seed);
        Self {
            processes: 2 + random.below(2) as u32,
            steps: 3,
            keys: 2,
            writes_per_key: 16,
            failed: 5,
            unknown: 8,
            ..Self::new(store, kind, 3 + random.below(3) as u32, seed)
        }
    }

    /// Runs it. Linear in transactions, but for what lists are long.
    pub fn transactions(&self) -> Transactions {
        let mut running = Running {
            load: *self,
            random: Random(self.seed),
            keys: Keys::new(self.keys, self.writes_per_key),
            replicas: Replicas::new(),
            now: 0,
            recorded: Vec::new(),
        };
        let mut clients: Vec<Client> = (0..self.processes.max(1)).map(Client::new).collect();
        let (mut open, mut moment) = (0, 0);
        while running.recorded.len() < self.transactions as usize || open > 0 {
            let at = running.random.below(clients.len() as u64) as usize;
            running.tick(&mut clients[at], &mut open, &mut moment);
            if self.store.replicates() {
                running.replicas.exchange(&mut running.random);
            }
        }
        running.history()
    }
}

/// What a transaction did, as far as it is known.
#[derive(Clone, Debug)]
struct Recorded {
    process: u32,
    begin: u32,
    end: u32,
    status: Status,
    steps: Vec<Done>,
}

#[derive(Clone, Debug)]
enum Done {
    Wrote {
        key: u32,
        value: u32,
    },
    /// What was there, oldest first.
    Read {
        key: u32,
        seen: Vec<u32>,
    },
}

struct Running {
    load: StoreLoad,
    random: Random,
    keys: Keys,
    replicas: Replicas,
    /// How many transactions have committed.
    now: u32,
    recorded: Vec<Recorded>,
}

impl Running {
    fn tick(&mut self, client: &mut Client, open: &mut u32, moment: &mut u32) {
        match client.phase {
            Phase::Idle if self.recorded.len() >= self.load.transactions as usize => {}
            Phase::Idle => {
                *open += 1;
                *moment += 1;
                client.number = self.recorded.len();
                self.recorded.push(Recorded {
                    process: client.process,
                    begin: *moment,
                    end: NEVER,
                    status: Status::Unknown,
                    steps: Vec::new(),
                });
                self.begin(client);
            }
            Phase::Running => self.step(client),
            Phase::Ended(status) => {
                *open -= 1;
                *moment += 1;
                let recorded = &mut self.recorded[client.number];
                recorded.status = status;
                recorded.steps = std::mem::take(&mut client.done);
                if status == Status::Unknown {
                    client.process += self.load.processes;
                } else {
                    recorded.end = *moment;
                }
                client.phase = Phase::Idle;
            }
        }
    }

    fn history(self) -> Transactions {
        let mut builder = Builder::new(self.load.timed);
        for recorded in self.recorded {
            let Recorded { process, begin, end, status, steps } = recorded;
            let time = |moment: u32| u64::from(moment) * 1_000;
            if self.load.timed {
                builder.begin(NewTxn {
                    index: begin.into(),
                    called: time(begin),
                    returned: if end == NEVER { u64::MAX } else { time(end) },
                    process,
                    begin,
                    end,
                    status,
                });
            } else {
                builder.begin_in_session(process, status);
            }
            for step in steps {
                step.tell(&mut builder, status, self.load.kind);
            }
        }
        builder.finish()
    }
}

impl Done {
    fn tell(self, builder: &mut Builder, status: Status, kind: Kind) {
        match self {
            Self::Wrote { key, value } => builder.micro(Action::Write, Atom(key), Atom(value)),
            Self::Read { key, .. } if status != Status::Committed => {
                builder.micro(Action::ReadUnknown, Atom(key), Atom::NIL);
            }
            Self::Read { key, seen } if kind == Kind::ListAppend => {
                builder.read_list(Atom(key), seen.into_iter().map(Atom));
            }
            Self::Read { key, seen } => {
                let last = seen.last().map_or(Atom::NIL, |value| Atom(*value));
                builder.micro(Action::Read, Atom(key), last);
            }
        }
    }
}

#[cfg(test)]
mod tests;
