//! Replicas that exchange commits in causal order.

use crate::linear::synthetic::Random;

/// How many there are.
pub(super) const REPLICAS: usize = 3;

/// Per replica how many of its commits are known.
pub(super) type Clock = [u32; REPLICAS];

#[derive(Debug)]
pub(super) struct Replicas {
    /// What each knows.
    pub(super) known: [Clock; REPLICAS],
    /// Per replica what each of its commits had known.
    commits: [Vec<Clock>; REPLICAS],
}

impl Replicas {
    pub(super) fn new() -> Self {
        Self { known: [[0; REPLICAS]; REPLICAS], commits: [const { Vec::new() }; REPLICAS] }
    }

    /// Commits at a replica what knew this, and says which of its commits it is, from 1.
    pub(super) fn commit(&mut self, at: usize, knew: Clock) -> u32 {
        self.commits[at].push(knew);
        self.known[at][at] += 1;
        self.known[at][at]
    }

    /// Now and then one replica tells another of the next commit, if that knows all it rests on.
    pub(super) fn exchange(&mut self, random: &mut Random) {
        let to = random.below(REPLICAS as u64) as usize;
        let from = random.below(2 * REPLICAS as u64) as usize;
        if from >= REPLICAS || from == to {
            return;
        }
        let next = self.known[to][from] as usize;
        let Some(needs) = self.commits[from].get(next) else { return };
        let has = |at: usize| at == from || needs[at] <= self.known[to][at];
        if (0..REPLICAS).all(has) {
            self.known[to][from] += 1;
        }
    }
}
