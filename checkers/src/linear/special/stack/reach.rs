//! Which of a row of values is popped late enough.

/// A row of numbers, mostly 0, asked for large ones among the first.
///
/// A binary tree in an array with the maximum of each subtree, the children of node `n` being
/// `2n` and `2n + 1`.
pub(super) struct Reach {
    tree: Vec<u32>,
    leaves: usize,
}

impl Reach {
    /// All 0.
    pub(super) fn new(count: usize) -> Self {
        let leaves = (count + 1).next_power_of_two();
        Self { tree: vec![0; 2 * leaves], leaves }
    }

    /// Sets a number that was 0.
    pub(super) fn set(&mut self, place: u32, number: u32) {
        let mut node = self.leaves + place as usize;
        while node > 0 && self.tree[node] < number {
            self.tree[node] = number;
            node /= 2;
        }
    }

    /// Sets a number to 0.
    pub(super) fn clear(&mut self, place: u32) {
        let mut node = self.leaves + place as usize;
        if self.tree[node] == 0 {
            return;
        }
        self.tree[node] = 0;
        while node > 1 {
            node /= 2;
            let most = self.tree[2 * node].max(self.tree[2 * node + 1]);
            if most == self.tree[node] {
                return;
            }
            self.tree[node] = most;
        }
    }

    /// A place before `until` whose number is not 0 and at least `least`.
    pub(super) fn find(&self, until: u32, least: u32) -> Option<u32> {
        let mut end = self.leaves + until as usize;
        let least = least.max(1);
        while end > 1 {
            if end & 1 == 1 && self.tree[end - 1] >= least {
                let mut node = end - 1;
                while node < self.leaves {
                    node = 2 * node + usize::from(self.tree[2 * node] < least);
                }
                return Some((node - self.leaves) as u32);
            }
            end /= 2;
        }
        None
    }

    /// The largest number before `until`.
    pub(super) fn most(&self, until: u32) -> u32 {
        let mut end = self.leaves + until as usize;
        let mut most = 0;
        while end > 1 {
            if end & 1 == 1 {
                most = most.max(self.tree[end - 1]);
            }
            end /= 2;
        }
        most
    }
}
