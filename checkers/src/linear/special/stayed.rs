//! The moments at which elements that no known dequeue took outnumber the unknown dequeues.

use super::elements::{Elements, Handling, NONE, Over};
use super::moments::Left;

/// More than any number of elements.
const FAR: i32 = i32::MAX / 2;

/// Elements that stayed, coming in any order, and the unknown dequeues that may take them.
pub(super) struct Stayed {
    /// Where the number of either changes, and the last moment of all.
    bounds: Vec<u32>,
    /// Per interval between bounds the unknown dequeues begun less the elements come: a tree of
    /// least values, of which `added` is still to be added to all below.
    least: Vec<i32>,
    added: Vec<i32>,
    leaves: usize,
}

impl Stayed {
    /// No element has come; `last` is after all moments. Linear.
    pub(super) fn new<C: Handling>(elements: &Elements<'_, C>, over: &[Over], last: u32) -> Self {
        if elements.unknowns.is_empty() {
            return Self { bounds: vec![last], least: vec![], added: vec![], leaves: 0 };
        }
        let stayed = over.iter().filter(|over| elements.dequeue_after(over.enqueue) == NONE);
        let mut comings = stayed.map(|over| over.end).peekable();
        let takers = elements.unknowns.iter().map(|call| elements.start(*call));
        let (mut bounds, mut slack) = (Vec::new(), Vec::new());
        for (begun, taker) in (0..).zip(takers.chain([last])) {
            while let Some(coming) = comings.next_if(|coming| *coming < taker) {
                bounds.push(coming);
                slack.push(begun);
            }
            bounds.push(taker);
            slack.push(begun + 1);
        }
        slack.pop();
        let leaves = slack.len().next_power_of_two();
        let mut least = vec![FAR; 2 * leaves];
        least[leaves..leaves + slack.len()].copy_from_slice(&slack);
        for node in (1..leaves).rev() {
            least[node] = least[2 * node].min(least[2 * node + 1]);
        }
        Self { bounds, least, added: vec![0; leaves], leaves }
    }

    /// An element has come that stays; removes the moments at which there are now too many.
    pub(super) fn come(&mut self, end: u32, left: &mut Left) {
        if self.leaves == 0 {
            left.remove(end, self.bounds[0]);
            return;
        }
        let first = self.leaves + self.bounds.partition_point(|bound| *bound < end);
        let (mut low, mut high) = (first, 2 * self.leaves);
        while low < high {
            if low % 2 == 1 {
                self.add(low, -1);
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                self.add(high, -1);
            }
            low /= 2;
            high /= 2;
        }
        self.refresh(first);
        self.refresh(2 * self.leaves - 1);
        while self.least[1] < 0 {
            let leaf = self.take_negative();
            left.remove(self.bounds[leaf], self.bounds[leaf + 1]);
        }
    }

    fn add(&mut self, node: usize, amount: i32) {
        self.least[node] += amount;
        if node < self.leaves {
            self.added[node] += amount;
        }
    }

    fn refresh(&mut self, leaf: usize) {
        let mut node = leaf / 2;
        while node > 0 {
            let least = self.least[2 * node].min(self.least[2 * node + 1]);
            self.least[node] = least + self.added[node];
            node /= 2;
        }
    }

    /// Finds an interval with too many elements, and forgets it.
    fn take_negative(&mut self) -> usize {
        let (mut node, mut above) = (1, 0);
        while node < self.leaves {
            above += self.added[node];
            node *= 2;
            if self.least[node] + above >= 0 {
                node += 1;
            }
        }
        self.least[node] = FAR;
        self.refresh(node);
        node - self.leaves
    }
}
