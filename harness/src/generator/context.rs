//! Contexts: the time, who there is, who is free, and whose turn it is.

use super::Roster;
use perjury_checkers::Process;
use std::sync::Arc;

/// Client workers at most.
pub const MAX_WORKERS: usize = 1024;

/// Words of a set of clients.
pub(super) const WORDS: usize = MAX_WORKERS / 64;

/// One slot for operations: a client's, or the nemesis's. Slots stay, processes come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Worker {
    /// Client slots count from 0 to concurrency - 1.
    Client(usize),
    Nemesis,
}

/// A set of workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    pub(super) clients: [u64; WORDS],
    nemesis: bool,
}

impl Workers {
    /// Nobody.
    pub fn none() -> Self {
        Self::default()
    }

    /// Clients `0..count`.
    pub fn clients(count: usize) -> Self {
        (0..count).map(Worker::Client).collect()
    }

    /// The nemesis alone.
    pub fn nemesis() -> Self {
        Self { clients: [0; WORDS], nemesis: true }
    }

    /// Only the clients among these.
    pub fn without_nemesis(mut self) -> Self {
        self.nemesis = false;
        self
    }

    /// Adds one. A client number of [`MAX_WORKERS`] or more is a bug of the caller.
    pub fn insert(&mut self, worker: Worker) {
        match worker {
            Worker::Client(number) => self.clients[number / 64] |= 1 << (number % 64),
            Worker::Nemesis => self.nemesis = true,
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, worker: Worker) {
        match worker {
            Worker::Client(number) => self.clients[number / 64] &= !(1 << (number % 64)),
            Worker::Nemesis => self.nemesis = false,
        }
    }

    /// Whether it is among them.
    pub fn contains(&self, worker: Worker) -> bool {
        match worker {
            Worker::Client(number) => {
                number < MAX_WORKERS && self.clients[number / 64] & (1 << (number % 64)) != 0
            }
            Worker::Nemesis => self.nemesis,
        }
    }

    /// Nobody is in it.
    pub fn is_empty(&self) -> bool {
        !self.nemesis && self.clients.iter().all(|word| *word == 0)
    }

    /// How many, the nemesis counted as one.
    pub fn len(&self) -> usize {
        let clients: u32 = self.clients.iter().map(|word| word.count_ones()).sum();
        clients as usize + usize::from(self.nemesis)
    }

    /// The clients among these; where there are none, the nemesis. So an operation meant for clients
    /// never reaches the nemesis by accident.
    pub fn usable(&self) -> Self {
        let clients = self.without_nemesis();
        if clients.is_empty() { *self } else { clients }
    }

    /// Those in both.
    pub fn and(mut self, other: &Self) -> Self {
        for (word, mask) in self.clients.iter_mut().zip(&other.clients) {
            *word &= mask;
        }
        self.nemesis &= other.nemesis;
        self
    }

    /// Those in this but not in `other`.
    pub fn minus(mut self, other: &Self) -> Self {
        for (word, mask) in self.clients.iter_mut().zip(&other.clients) {
            *word &= !mask;
        }
        self.nemesis &= !other.nemesis;
        self
    }

    /// Clients in ascending order, then the nemesis.
    pub fn iter(&self) -> impl Iterator<Item = Worker> + '_ {
        self.client_numbers().map(Worker::Client).chain(self.nemesis.then_some(Worker::Nemesis))
    }

    /// Numbers of the clients, ascending.
    pub fn client_numbers(&self) -> impl Iterator<Item = usize> + '_ {
        self.clients.iter().enumerate().flat_map(|(position, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(position * 64 + bit)
            })
        })
    }
}

impl FromIterator<Worker> for Workers {
    fn from_iter<I: IntoIterator<Item = Worker>>(workers: I) -> Self {
        let mut set = Self::none();
        for worker in workers {
            set.insert(worker);
        }
        set
    }
}

/// What a generator may know: the time, who there is, and who is free.
#[derive(Clone, Debug)]
pub struct Context {
    /// Nanoseconds since the run began.
    pub time: u64,
    /// Workers that the generator may use.
    pub all: Workers,
    /// Those of them without an open call.
    pub free: Workers,
    /// False in a simulation: then nothing is logged.
    pub live: bool,
    /// Settles ties; changes with every operation. It decides who does something, never what.
    pub salt: u64,
    roster: Arc<Roster>,
}

impl Context {
    /// `concurrency` clients, spread over `nodes` in turn, and the nemesis, all free, at time 0.
    ///
    /// Concurrency lies in 1 to [`MAX_WORKERS`], `nodes` is at least 1.
    pub fn new(concurrency: usize, nodes: usize) -> Self {
        assert!((1..=MAX_WORKERS).contains(&concurrency), "concurrency {concurrency}");
        assert!(nodes > 0, "no nodes");
        let mut all = Workers::clients(concurrency);
        all.insert(Worker::Nemesis);
        let roster = Arc::new(Roster::new(concurrency, nodes));
        Self { time: 0, all, free: all, live: false, salt: 0, roster }
    }

    /// The same, with only these workers in it.
    pub fn restrict(&self, workers: &Workers) -> Self {
        Self { all: self.all.and(workers), free: self.free.and(workers), ..self.clone() }
    }

    /// Client workers of the whole run.
    pub fn concurrency(&self) -> usize {
        self.roster.concurrency()
    }

    /// Nodes that clients are spread over.
    pub fn nodes(&self) -> usize {
        self.roster.nodes()
    }

    /// The process that a worker is at the moment.
    pub fn process(&self, worker: Worker) -> Process {
        match worker {
            Worker::Client(number) => Process::Client(self.roster.process(number)),
            Worker::Nemesis => Process::Nemesis,
        }
    }

    /// The worker that a process belongs to, also one that has ended.
    pub fn worker(&self, process: Process) -> Worker {
        match process {
            Process::Client(number) => Worker::Client(number as usize % self.concurrency()),
            Process::Nemesis => Worker::Nemesis,
        }
    }

    /// The node, by position, that a client worker is bound to.
    pub fn node(&self, worker: Worker) -> Option<usize> {
        match worker {
            Worker::Client(number) => Some(number % self.roster.nodes()),
            Worker::Nemesis => None,
        }
    }

    /// The free process whose turn it is; see [`Workers::usable`].
    pub fn free_process(&self) -> Option<Process> {
        self.choose(&self.free.and(&self.all.usable())).map(|worker| self.process(worker))
    }

    /// Whose turn it is among `workers`: one at random among those least used, nodes first; the
    /// nemesis where there are no clients.
    ///
    /// Counting nodes first keeps the load even over nodes also where concurrency is not a
    /// multiple of their number. O(nodes), with sets of workers as words.
    pub fn choose(&self, workers: &Workers) -> Option<Worker> {
        let client = self.roster.choose(workers, self.salt);
        client.or(workers.nemesis.then_some(Worker::Nemesis))
    }

    /// A worker got an operation: it is busy, and was used once more.
    pub fn occupy(&mut self, worker: Worker) {
        self.free.remove(worker);
        if let Worker::Client(number) = worker {
            Arc::make_mut(&mut self.roster).used(number);
        }
    }

    /// A worker is free again.
    pub fn release(&mut self, worker: Worker) {
        self.free.insert(worker);
    }

    /// A worker takes a fresh process number, because what its last call did is unknown. `None`
    /// when there are no more numbers.
    pub fn renew(&mut self, worker: Worker) -> Option<Process> {
        let Worker::Client(number) = worker else { return Some(Process::Nemesis) };
        Arc::make_mut(&mut self.roster).renew(number).map(Process::Client)
    }
}
