//! Elements of a priority queue that have to leave in time, and too few dequeues to take them.

use super::Contradiction;
use super::elements::{Elements, NONE, Over};
use super::inside::takers;
use crate::linear::model::Timed;
use crate::linear::models::{PriorityCall, QueueCall};

/// The most elements that a proof lists all of.
const MOST_LISTED: usize = 4;

/// A dequeue by which all that had come before and goes first must have left.
struct Bar {
    /// Its start, or that of the enqueue of its element if later.
    begin: u32,
    end: u32,
    level: usize,
    call: u32,
}

/// An element that no known dequeue took, and the bar that it has to leave before.
struct Due {
    end: u32,
    enqueue: u32,
    bar: u32,
}

/// Looks for a time by which more elements that no known dequeue took must have left than
/// unknown dequeues have begun. An element must have left by the end of each dequeue of lower
/// priority that began after it had come. n log n.
pub(super) fn too_few_takers(elements: &Elements<'_, PriorityCall>) -> Option<Contradiction> {
    let mut due = due(elements);
    let late = |(place, due): (usize, &Due)| {
        let taker = elements.unknowns.get(place);
        taker.is_none_or(|call| elements.start(*call) > due.end)
    };
    let last = due.iter().enumerate().position(late)?;
    due.truncate(last + 1);
    let why = format!(
        "{} elements that no known dequeue took had come, and by the end of dequeues that handed \
         out what goes after them, or found nothing, they had to have left; but only {} had begun \
         by then that can have taken them{}.",
        due.len(),
        takers(last),
        if last < MOST_LISTED { "" } else { " (only the last is listed)" }
    );
    let skipped = if last < MOST_LISTED { 0 } else { last };
    let mut calls: Vec<u32> = elements.unknowns[skipped..last].to_vec();
    for due in &due[skipped..] {
        calls.extend([due.enqueue, due.bar]);
        if let QueueCall::Dequeue(value) = elements.calls[due.bar as usize].call.unranked() {
            calls.push(elements.enqueue_of(value));
        }
    }
    calls.sort_unstable();
    calls.dedup();
    Some(Contradiction {
        kind: "lost-element",
        title: "Elements never left, though later ones did".to_owned(),
        calls: calls.into_iter().map(|call| call as usize).collect(),
        why,
    })
}

/// The elements that have to leave, by the time until when.
fn due(elements: &Elements<'_, PriorityCall>) -> Vec<Due> {
    let priority =
        |call: u32| elements.calls[call as usize].call.element().map(|element| element.priority());
    let mut levels: Vec<(i64, u16)> =
        elements.calls.iter().filter_map(|timed| Some(timed.call.element()?.priority())).collect();
    levels.sort_unstable();
    levels.dedup();
    // What found nothing has a level of its own, after all others.
    let level = |call: u32| match priority(call) {
        Some(priority) => levels.partition_point(|level| *level < priority),
        None => levels.len(),
    };
    let mut bars = bars(elements, level);
    bars.sort_unstable_by_key(|bar| bar.begin);
    let mut first = FirstOfHigher::new(levels.len() + 1);
    let mut due = Vec::new();
    for Over { end, enqueue } in elements.over().into_iter().rev() {
        if elements.dequeue_after(enqueue) != NONE {
            continue;
        }
        while let Some(bar) = bars.pop_if(|bar| bar.begin > end) {
            first.add(bar.level, (bar.end, bar.call));
        }
        let (end, bar) = first.above(level(enqueue));
        if bar != NONE {
            due.push(Due { end, enqueue, bar });
        }
    }
    due.sort_unstable_by_key(|due| (due.end, due.enqueue));
    due
}

fn bars(elements: &Elements<'_, PriorityCall>, level: impl Fn(u32) -> usize) -> Vec<Bar> {
    let bar = |(call, timed): (u32, &Timed<PriorityCall>)| {
        let begin = match timed.call.unranked() {
            QueueCall::Dequeue(value) => {
                timed.start.max(elements.start(elements.enqueue_of(value)))
            }
            QueueCall::DequeueEmpty if !timed.is_unknown() => timed.start,
            _ => return None,
        };
        Some(Bar { begin, end: timed.end, level: level(call), call })
    };
    (0u32..).zip(elements.calls).filter_map(bar).collect()
}

/// The least of what was added at a level above another: a binary indexed tree (Fenwick 1994).
struct FirstOfHigher {
    tree: Vec<(u32, u32)>,
}

impl FirstOfHigher {
    fn new(levels: usize) -> Self {
        Self { tree: vec![(u32::MAX, NONE); levels + 1] }
    }

    fn add(&mut self, level: usize, item: (u32, u32)) {
        let mut node = self.tree.len() - 1 - level;
        while let Some(least) = self.tree.get_mut(node) {
            *least = item.min(*least);
            node += node & node.wrapping_neg();
        }
    }

    fn above(&self, level: usize) -> (u32, u32) {
        let mut node = self.tree.len() - 2 - level;
        let mut least = (u32::MAX, NONE);
        while node > 0 {
            least = least.min(self.tree[node]);
            node &= node - 1;
        }
        least
    }
}
