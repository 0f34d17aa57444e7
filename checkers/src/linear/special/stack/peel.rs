//! Taking a history of a stack apart from the bottom up.
//!
//! Time falls into *components*: stretches through which some value is always certainly on
//! the stack. At the edges of a component the stack may be empty, so components can be judged
//! each by itself. Inside, the stack is never empty, so one value lies at the bottom all the
//! time: pushed before any other push ends, popped after all other pops have begun. Whichever
//! value can lie there may as well, for everything else can happen in between; without it the
//! component is judged like the whole, and may fall apart into smaller ones. If no value can
//! lie there, there is no order.
//!
//! This is decrease and conquer in the sense of Lee & Mathur, *Efficient decrease-and-conquer
//! linearizability monitoring* (OOPSLA 2025). Going from left to right, always into the first
//! component, it takes n log n: a tree with the cover of each moment finds where a component
//! ends, and a tree with the open pushes finds a value for its bottom.

use super::cover::Cover;
use super::reach::Reach;
use super::spans::Timeline;

/// What is left of a history.
pub(super) struct Peel<'t> {
    time: &'t Timeline,
    cover: Cover,
    /// Per span whose push began before the first component did, the end of its pop.
    reach: Reach,
    removed: Vec<bool>,
    /// No span before this one is left.
    first: u32,
    /// How many spans, by the start of their pushes, were begun.
    begun: usize,
}

/// The first component of what is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component {
    /// The span whose push ends first.
    pub(super) first: u32,
    /// When the last pop starts.
    pub(super) end: u32,
    /// The first span that comes after it.
    pub(super) until: u32,
}

impl<'t> Peel<'t> {
    pub(super) fn new(time: &'t Timeline) -> Self {
        Self {
            time,
            cover: Cover::new(time.pop_starts.len(), time.covers.iter().copied()),
            reach: Reach::new(time.spans.len()),
            removed: vec![false; time.spans.len()],
            first: 0,
            begun: 0,
        }
    }

    /// The first component, `None` if nothing is left.
    pub(super) fn component(&mut self) -> Option<Component> {
        let time = self.time;
        while *self.removed.get(self.first as usize)? {
            self.first += 1;
        }
        let first = self.first;
        let start = time.spans[first as usize].push_end;
        while let Some(&rank) = time.by_push_start.get(self.begun)
            && time.spans[rank as usize].push_start < start
        {
            if rank != first && !self.removed[rank as usize] {
                self.reach.set(rank, time.spans[rank as usize].pop_end);
            }
            self.begun += 1;
        }
        let last = self.cover.first_bare(time.covers[first as usize].0) as usize;
        Some(Component { first, end: time.pop_starts[last], until: time.pushed[last] })
    }

    /// A value that can lie at the bottom of the first component.
    pub(super) fn bottom(&self, component: &Component) -> Option<u32> {
        if self.time.spans[component.first as usize].pop_end >= component.end {
            return Some(component.first);
        }
        self.reach.find(component.until, component.end)
    }

    /// The latest end of a pop among the values that are pushed early enough for the bottom.
    pub(super) fn latest(&self, component: &Component) -> u32 {
        let first = self.time.spans[component.first as usize].pop_end;
        first.max(self.reach.most(component.until))
    }

    pub(super) fn remove(&mut self, rank: u32) {
        self.removed[rank as usize] = true;
        self.reach.clear(rank);
        self.cover.remove(self.time.covers[rank as usize]);
    }

    pub(super) fn is_removed(&self, rank: u32) -> bool {
        self.removed[rank as usize]
    }

    /// Takes apart all there is; the component that cannot be, if there is one.
    pub(super) fn run(&mut self) -> Result<(), Component> {
        while let Some(component) = self.component() {
            let bottom = self.bottom(&component).ok_or(component)?;
            self.remove(bottom);
        }
        Ok(())
    }
}
