//! How many intervals cover each of a row of points, and where none does.

/// Counts on a row of points, from which intervals are taken away.
///
/// A binary tree in an array, the children of node `n` being `2n` and `2n + 1`. The count of a
/// leaf is the sum of the numbers from it up to the root; of two siblings one always has the
/// number 0, so a subtree holds a point without cover if and only if all numbers from its top
/// up to the root are 0.
pub(super) struct Cover {
    tree: Vec<i32>,
    leaves: usize,
}

impl Cover {
    /// Counts of intervals, each from one point up to but without another, out of `points`
    /// points. The last point must never be covered. Linear.
    pub(super) fn new(points: usize, intervals: impl Iterator<Item = (u32, u32)>) -> Self {
        let leaves = points.next_power_of_two();
        let mut tree = vec![0i32; 2 * leaves];
        for (from, until) in intervals {
            tree[leaves + from as usize] += 1;
            tree[leaves + until as usize] -= 1;
        }
        let mut count = 0;
        for leaf in &mut tree[leaves..] {
            count += *leaf;
            *leaf = count;
        }
        let mut cover = Self { tree, leaves };
        for node in (1..leaves).rev() {
            cover.settle(node);
        }
        cover
    }

    /// Moves what both children have in common up to `node`; whether that was anything.
    fn settle(&mut self, node: usize) -> bool {
        let common = self.tree[2 * node].min(self.tree[2 * node + 1]);
        if common == 0 {
            return false;
        }
        self.tree[2 * node] -= common;
        self.tree[2 * node + 1] -= common;
        self.tree[node] += common;
        true
    }

    /// Takes an interval away. Logarithmic in its length, mostly.
    pub(super) fn remove(&mut self, (from, until): (u32, u32)) {
        if from >= until {
            return;
        }
        let (mut low, mut high) = (self.leaves + from as usize, self.leaves + until as usize);
        let (mut left, mut right) = (low, high - 1);
        while low < high {
            if low & 1 == 1 {
                self.tree[low] -= 1;
                low += 1;
            }
            if high & 1 == 1 {
                high -= 1;
                self.tree[high] -= 1;
            }
            (low, high) = (low / 2, high / 2);
            (left, right) = (left / 2, right / 2);
            if left == 0 {
                return;
            }
            self.settle(left);
            if left != right {
                self.settle(right);
            }
        }
        // Above the highest node touched, only what was moved up can matter.
        loop {
            (left, right) = (left / 2, right / 2);
            if left == 0 {
                return;
            }
            let mut moved = self.settle(left);
            if left != right {
                moved |= self.settle(right);
            }
            if !moved {
                return;
            }
        }
    }

    /// The first point at or after `from` that nothing covers. Logarithmic.
    pub(super) fn first_bare(&self, from: u32) -> u32 {
        let mut node = self.leaves + from as usize;
        // The lowest subtree at or to the right of where we are with zeros all the way here.
        let mut found = node;
        while node > 0 {
            if self.tree[node] != 0 {
                found = 0;
            }
            if found == 0 && node & 1 == 0 && self.tree[node + 1] == 0 {
                found = node + 1;
            }
            node /= 2;
        }
        // The last point is bare, so there always is one.
        found = found.max(1);
        while found < self.leaves {
            found *= 2;
            if self.tree[found] != 0 {
                found += 1;
            }
        }
        (found - self.leaves) as u32
    }
}
