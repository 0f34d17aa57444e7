//! Strongly connected versions: those whose order contradicts itself.

use super::versions::Versions;

const UNSEEN: u32 = u32::MAX;

/// Finds strongly connected components. Reused from key to key.
#[derive(Debug, Default)]
pub(super) struct Components {
    order: Vec<u32>,
    low: Vec<u32>,
    path: Vec<u32>,
    /// A node, and how many of its edges were followed.
    frames: Vec<(u32, u32)>,
}

impl Components {
    /// The versions of each component with a cycle, ascending; components by their first.
    ///
    /// Tarjan, *Depth-first search and linear graph algorithms* (SIAM J. Comput. 1972), with an
    /// explicit stack. Linear.
    pub(super) fn find(&mut self, versions: &Versions) -> Vec<Vec<u32>> {
        let nodes = versions.nodes() as usize;
        self.order.clear();
        self.order.resize(nodes, UNSEEN);
        self.low.clear();
        self.low.resize(nodes, 0);
        let mut clock = 0;
        let mut found = Vec::new();
        for root in 0..nodes as u32 {
            if self.order[root as usize] == UNSEEN && !versions.out(root).is_empty() {
                self.search(versions, root, &mut clock, &mut found);
            }
        }
        found.sort_unstable();
        found
    }

    fn search(
        &mut self,
        versions: &Versions,
        root: u32,
        clock: &mut u32,
        found: &mut Vec<Vec<u32>>,
    ) {
        self.enter(root, clock);
        while let Some((node, followed)) = self.frames.last_mut() {
            let node = *node;
            if let Some(next) = versions.out(node).get(*followed as usize) {
                *followed += 1;
                if self.order[*next as usize] == UNSEEN {
                    self.enter(*next, clock);
                } else if self.low[*next as usize] != UNSEEN {
                    let low = self.low[node as usize].min(self.order[*next as usize]);
                    self.low[node as usize] = low;
                }
                continue;
            }
            self.frames.pop();
            let low = self.low[node as usize];
            if let Some((parent, _)) = self.frames.last() {
                let parent = &mut self.low[*parent as usize];
                *parent = low.min(*parent);
            }
            if low == self.order[node as usize] {
                self.leave(versions, node, found);
            }
        }
    }

    fn enter(&mut self, node: u32, clock: &mut u32) {
        (self.order[node as usize], self.low[node as usize]) = (*clock, *clock);
        *clock += 1;
        self.path.push(node);
        self.frames.push((node, 0));
    }

    /// Takes a component, of which `root` was entered first, off the path.
    fn leave(&mut self, versions: &Versions, root: u32, found: &mut Vec<Vec<u32>>) {
        let at = self.path.iter().rposition(|node| *node == root).unwrap_or(0);
        let members = &self.path[at..];
        for node in members {
            self.low[*node as usize] = UNSEEN;
        }
        if members.len() > 1 {
            let mut component: Vec<u32> =
                members.iter().copied().filter(|node| *node < versions.count).collect();
            component.sort_unstable();
            found.push(component);
        }
        self.path.truncate(at);
    }
}

/// A short cycle through the versions of a component, which has one.
///
/// A shortest one through the first of them that lies on any; so linear.
pub(super) fn cycle(versions: &Versions, component: &[u32]) -> Vec<u32> {
    for start in component {
        let mut parents = vec![UNSEEN; versions.nodes() as usize];
        let mut reached = vec![*start];
        let mut at = 0;
        while let Some(node) = reached.get(at).copied() {
            at += 1;
            for next in versions.out(node) {
                if *next == *start {
                    return back(&parents, *start, node, versions.count);
                }
                if parents[*next as usize] == UNSEEN {
                    parents[*next as usize] = node;
                    reached.push(*next);
                }
            }
        }
    }
    Vec::new()
}

/// The versions from `start` to `last`, found by parents.
fn back(parents: &[u32], start: u32, last: u32, versions: u32) -> Vec<u32> {
    let mut cycle = Vec::new();
    let mut node = last;
    while node != start {
        if node < versions {
            cycle.push(node);
        }
        node = parents[node as usize];
    }
    cycle.push(start);
    cycle.reverse();
    cycle
}
