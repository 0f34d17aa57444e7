//! Rosters choose as one would who looks at workers one by one.

use super::*;
use crate::Seed;
use crate::generator::below;
use rand::Rng;

/// The same rules, told simply.
struct Simple {
    nodes: usize,
    node_use: Vec<u64>,
    worker_use: Vec<u64>,
}

impl Simple {
    /// What everyone is taken to have been used.
    fn owed(counts: &[u64]) -> Vec<u64> {
        let peak = counts.iter().max().copied().unwrap_or(0);
        counts.iter().map(|count| (*count).max(peak.saturating_sub(MEMORY))).collect()
    }

    fn choose(&self, workers: &[usize], salt: u64) -> Option<usize> {
        let (nodes, all) = (Self::owed(&self.node_use), Self::owed(&self.worker_use));
        let node = |worker: usize| nodes[worker % self.nodes];
        let used = |worker: usize| all[worker];
        let least = workers.iter().map(|worker| node(*worker)).min()?;
        let on_node: Vec<usize> =
            workers.iter().copied().filter(|worker| node(*worker) <= least + NODE_SLACK).collect();
        let least = on_node.iter().map(|worker| used(*worker)).min()?;
        let fair: Vec<usize> =
            on_node.into_iter().filter(|worker| used(*worker) <= least + WORKER_SLACK).collect();
        Some(fair[(salt % fair.len() as u64) as usize])
    }

    fn used(&mut self, worker: usize) {
        let node = worker % self.nodes;
        self.node_use[node] = Self::owed(&self.node_use)[node] + 1;
        self.worker_use[worker] = Self::owed(&self.worker_use)[worker] + 1;
    }
}

#[test]
fn sets_of_words_choose_as_a_look_at_each_worker_does() {
    let mut rng = Seed::root(1).rng();
    for (concurrency, nodes) in [(1, 1), (7, 3), (64, 5), (65, 65), (200, 3), (MAX_WORKERS, 5)] {
        let mut roster = Roster::new(concurrency, nodes);
        let mut simple =
            Simple { nodes, node_use: vec![0; nodes], worker_use: vec![0; concurrency] };
        for round in 0..3_000 {
            // Some are busy, and now and then most, so that some fall behind.
            let part = if round % 500 < 100 { 10 } else { 2 };
            let free: Vec<usize> =
                (0..concurrency).filter(|_| below(&mut rng, part) == 0).collect();
            let workers: Workers = free.iter().copied().map(Worker::Client).collect();
            let salt = rng.next_u64();
            let chosen = simple.choose(&free, salt);
            assert_eq!(roster.choose(&workers, salt), chosen.map(Worker::Client), "{round}");
            if let Some(worker) = chosen {
                roster.used(worker);
                simple.used(worker);
            }
        }
    }
}
