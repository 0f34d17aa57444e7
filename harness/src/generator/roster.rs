//! Rosters: who each worker is, how much everyone was used, and whose turn it is.
//!
//! Asked before every operation, with up to a thousand workers to choose from. So workers are bits,
//! 64 to a word, and those that were used equally often are one set: nothing here looks at workers
//! one by one.

#[cfg(test)]
mod tests;

use super::context::{MAX_WORKERS, WORDS, Worker, Workers};

/// How many operations a node may lead the least used one by and still be chosen: without slack
/// the nodes would take turns exactly, and every second operation would meet the same nodes.
const NODE_SLACK: u64 = 2;
/// The same among the workers of the nodes chosen.
const WORKER_SLACK: u64 = 1;
/// A node or worker that fell behind (it was cut off, or slow) is owed at most this many
/// operations: otherwise it would get all of them once it is back.
const MEMORY: u64 = 16;
/// Counts that differ: from the highest down to what [`MEMORY`] leaves of it.
const LEVELS: u64 = MEMORY + 1;

type Bits = [u64; WORDS];

/// Who each worker is at the moment, and how much everyone was used.
#[derive(Clone, Debug)]
pub struct Roster {
    /// Process number of each client worker; always congruent to the worker modulo concurrency.
    processes: Vec<u32>,
    /// Of each node, who is bound to it.
    of_node: Vec<Bits>,
    node_use: Vec<u64>,
    node_peak: u64,
    worker_use: Vec<u64>,
    worker_peak: u64,
    /// Workers by how often they were used, that number modulo [`LEVELS`].
    levels: [Bits; LEVELS as usize],
    /// Words of a set that can have a worker in them.
    words: usize,
}

impl Roster {
    /// `concurrency` workers, 1 to [`MAX_WORKERS`], bound to `nodes` in turn.
    pub(super) fn new(concurrency: usize, nodes: usize) -> Self {
        let mut of_node = vec![[0; WORDS]; nodes];
        let mut levels = [[0; WORDS]; LEVELS as usize];
        for worker in 0..concurrency {
            put(&mut of_node[worker % nodes], worker);
            put(&mut levels[0], worker);
        }
        Self {
            processes: (0..MAX_WORKERS as u32).take(concurrency).collect(),
            of_node,
            node_use: vec![0; nodes],
            node_peak: 0,
            worker_use: vec![0; concurrency],
            worker_peak: 0,
            levels,
            words: concurrency.div_ceil(64),
        }
    }

    /// Number of workers.
    pub(super) fn concurrency(&self) -> usize {
        self.processes.len()
    }

    /// Number of nodes.
    pub(super) fn nodes(&self) -> usize {
        self.of_node.len()
    }

    /// The process that a worker is at the moment.
    pub(super) fn process(&self, worker: usize) -> u32 {
        self.processes[worker]
    }

    /// A fresh process for a worker; `None` when there are no more numbers.
    pub(super) fn renew(&mut self, worker: usize) -> Option<u32> {
        let step = u32::try_from(self.concurrency()).ok()?;
        self.processes[worker] = self.processes[worker].checked_add(step)?;
        Some(self.processes[worker])
    }

    fn node_use(&self, node: usize) -> u64 {
        self.node_use[node].max(self.node_peak.saturating_sub(MEMORY))
    }

    fn worker_use(&self, worker: usize) -> u64 {
        self.worker_use[worker].max(self.worker_peak.saturating_sub(MEMORY))
    }

    /// Whose turn it is among the clients of `workers`: one at random among those least used, nodes
    /// first, by `salt`.
    pub(super) fn choose(&self, workers: &Workers, salt: u64) -> Option<Worker> {
        let candidates = self.on_fair_nodes(&workers.clients)?;
        let least = self.worker_peak.saturating_sub(MEMORY);
        let first = (least..=self.worker_peak)
            .find(|count| self.any_of(&candidates, &self.levels[level(*count)]))?;
        let last = (first + WORKER_SLACK).min(self.worker_peak);
        let mut fair = [0; WORDS];
        for count in first..=last {
            for (word, bits) in fair.iter_mut().zip(&self.levels[level(count)]) {
                *word |= bits;
            }
        }
        for (word, bits) in fair.iter_mut().zip(&candidates) {
            *word &= bits;
        }
        let count: u32 = fair[..self.words].iter().map(|word| word.count_ones()).sum();
        let place = salt.checked_rem(u64::from(count))?;
        nth(&fair[..self.words], place as u32).map(Worker::Client)
    }

    /// Those of `clients` whose nodes were used least. `None` for nobody.
    fn on_fair_nodes(&self, clients: &Bits) -> Option<Bits> {
        let has_any = |node: &usize| self.any_of(clients, &self.of_node[*node]);
        let nodes = || (0..self.nodes()).filter(has_any);
        let least = nodes().map(|node| self.node_use(node)).min()?;
        let mut fair = [0; WORDS];
        for node in nodes().filter(|node| self.node_use(*node) <= least + NODE_SLACK) {
            for (word, bits) in fair[..self.words].iter_mut().zip(&self.of_node[node]) {
                *word |= bits;
            }
        }
        for (word, bits) in fair.iter_mut().zip(clients) {
            *word &= bits;
        }
        Some(fair)
    }

    fn any_of(&self, these: &Bits, those: &Bits) -> bool {
        these[..self.words].iter().zip(those).any(|(this, that)| this & that != 0)
    }

    /// A worker was used once more.
    pub(super) fn used(&mut self, worker: usize) {
        let node = worker % self.nodes();
        self.node_use[node] = self.node_use(node) + 1;
        self.node_peak = self.node_peak.max(self.node_use[node]);

        let before = self.worker_use(worker);
        take(&mut self.levels[level(before)], worker);
        let now = before + 1;
        self.worker_use[worker] = now;
        if now > self.worker_peak {
            self.worker_peak = now;
            self.forget(now);
        }
        put(&mut self.levels[level(now)], worker);
    }

    /// What is now [`LEVELS`] behind the highest count goes one up: nobody is owed more.
    fn forget(&mut self, peak: u64) {
        let Some(behind) = peak.checked_sub(LEVELS) else { return };
        let workers = std::mem::take(&mut self.levels[level(behind)]);
        for (word, bits) in self.levels[level(behind + 1)].iter_mut().zip(&workers) {
            *word |= bits;
        }
    }
}

fn level(count: u64) -> usize {
    (count % LEVELS) as usize
}

fn put(bits: &mut Bits, worker: usize) {
    bits[worker / 64] |= 1 << (worker % 64);
}

fn take(bits: &mut Bits, worker: usize) {
    bits[worker / 64] &= !(1 << (worker % 64));
}

/// The position of the bit that has `place` set bits before it.
fn nth(words: &[u64], mut place: u32) -> Option<usize> {
    for (position, word) in words.iter().enumerate() {
        let count = word.count_ones();
        if place < count {
            let mut rest = *word;
            for _ in 0..place {
                rest &= rest - 1;
            }
            return Some(position * 64 + rest.trailing_zeros() as usize);
        }
        place -= count;
    }
    None
}
