//! Reads of a whole set from which nothing is ever removed.
//!
//! What is read can only grow, so reads have to form a chain, and their order is known from
//! their sizes. Each element was added in between the last read without it and the first with
//! it. That puts all reads, and the first add of each element, into groups one after another;
//! inside a group there is no order. So it can be if and only if nothing had ended before
//! something of an earlier group began. Linear in the total length of what was read.

use super::element::{Effect, Op};
use super::proof::Proof;
use super::{Contradiction, Elements};
use crate::linear::model::NEVER;
use crate::linear::models::SetCall;
use crate::linear::special::radix;

/// When an element was added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// After the begin of this.
    pub(super) from: u32,
    pub(super) from_call: u32,
    /// Before the end of this, if it is not [`NEVER`].
    pub(super) until: u32,
    pub(super) until_call: u32,
    /// The first read, by size, that has it; [`NEVER`] if none does.
    group: u32,
}

impl Window {
    /// `ops` explain each other and remove nothing.
    fn of(ops: &[Op]) -> Option<Self> {
        let adds = || ops.iter().filter(|op| op.effect.leaves() == Some(true));
        let flip = adds().find(|op| matches!(op.effect, Effect::Flip(_)));
        // It is the one that says so or, for all that is known, the first.
        let add = flip.or_else(|| adds().next())?;
        let (from, from_call, group) = (add.start, add.number, NEVER);
        let mut window = Self { from, from_call, until: NEVER, until_call: NEVER, group };
        for op in ops {
            if op.effect == Effect::See(false) {
                if op.start > window.from {
                    (window.from, window.from_call) = (op.start, op.number);
                }
            } else if op.end < window.until {
                (window.until, window.until_call) = (op.end, op.number);
            }
        }
        Some(window)
    }
}

/// A read of the whole set, or the add of an element.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    Read(u32),
    Element(u32),
}

/// A read in the chain.
struct Read<'c> {
    number: u32,
    start: u32,
    end: u32,
    elements: &'c [u32],
}

/// Judges reads, all elements by themselves being fine and never removed. The outer `None` if
/// no client can have made these calls.
pub(super) fn judge(proof: &Proof<'_>, elements: &Elements) -> Option<Option<Contradiction>> {
    let mut windows: Vec<Option<Window>> = Vec::with_capacity(elements.count() as usize);
    let mut ops = Vec::new();
    for element in 0..elements.count() {
        elements.read(element, proof.calls, &mut ops)?;
        windows.push(Window::of(&ops));
    }
    let mut reads = Vec::new();
    for (number, timed) in (0u32..).zip(proof.calls) {
        if let SetCall::Read(elements) = &timed.call {
            if timed.is_unknown() {
                return None;
            }
            let (start, end) = (timed.start, timed.end);
            reads.push(Read { number, start, end, elements: &elements[..] });
        }
    }
    reads.sort_by_key(|read| read.elements.len());
    if let Some(contradiction) = chain(proof, &reads, &mut windows) {
        return Some(Some(contradiction));
    }
    let Some((before, after)) = order(&reads, &windows) else { return Some(None) };
    let window = |element: u32| windows[element as usize].as_ref();
    Some(Some(match (before, after) {
        (Item::Element(a), Item::Element(b)) => {
            let (a, window_b) = (window(a)?, window(b)?);
            let read = reads.get(a.group as usize)?.number;
            proof.crossed(a, (b, window_b), read)
        }
        (Item::Element(a), Item::Read(read)) => proof.read_too_early(a, window(a)?, read),
        (Item::Read(read), Item::Element(b)) => proof.missed(b, window(b)?, read),
        (Item::Read(small), Item::Read(large)) => proof.shrunk(small, large),
    }))
}

/// Reads, by size, have to contain each other. Notes for each element the first that has it.
fn chain(
    proof: &Proof<'_>,
    reads: &[Read<'_>],
    windows: &mut [Option<Window>],
) -> Option<Contradiction> {
    let mut before: Option<(u32, &Read<'_>)> = None;
    for (place, read) in (0u32..).zip(reads) {
        if let Some(twice) = read.elements.windows(2).find(|pair| pair[0] == pair[1]) {
            return Some(proof.listed_twice(read.number, twice[0]));
        }
        // Reads of equal size have to be the same.
        let group = match before {
            Some((group, before)) if before.elements.len() == read.elements.len() => group,
            _ => place,
        };
        let mut known = 0;
        for element in read.elements {
            let Some(window) = &mut windows[*element as usize] else {
                return Some(proof.phantom(*element, read.number));
            };
            if window.group == NEVER {
                window.group = group;
            } else {
                known += 1;
            }
        }
        // All that was in an earlier one was in the one just before.
        if let Some((_, before)) = before
            && known != before.elements.len()
        {
            return Some(proof.incompatible(before.number, read.number));
        }
        before = Some((group, read));
    }
    None
}

/// Two items of which the first has to come before the second and began after its end.
fn order(reads: &[Read<'_>], windows: &[Option<Window>]) -> Option<(Item, Item)> {
    let mut members: Vec<(u32, u32)> = Vec::new();
    for (element, window) in (0u32..).zip(windows) {
        // What was never read need not have happened if nobody knows that it did.
        if let Some(window) = window
            && (window.group != NEVER || window.until != NEVER)
        {
            members.push((window.group.min(reads.len() as u32), element));
        }
    }
    radix::sort(&mut members);
    let mut latest = Latest::default();
    let mut members = members.into_iter().peekable();
    let mut place = 0;
    loop {
        // A group of elements, and the equal reads that are the first to have them.
        while let Some((_, element)) = members.next_if(|(group, _)| *group as usize == place) {
            let Some(window) = windows[element as usize] else { continue };
            let item = Item::Element(element);
            if let Some(before) = latest.after(window.until) {
                return Some((before, item));
            }
            latest.add(window.from, item);
        }
        latest.next_group();
        let size = reads.get(place)?.elements.len();
        while let Some(read) = reads.get(place)
            && read.elements.len() == size
        {
            if let Some(before) = latest.after(read.end) {
                return Some((before, Item::Read(read.number)));
            }
            latest.add(read.start, Item::Read(read.number));
            place += 1;
        }
        latest.next_group();
    }
}

/// The item of earlier groups that began last.
#[derive(Default)]
struct Latest {
    earlier: Option<(u32, Item)>,
    /// The same of this group and earlier ones.
    all: Option<(u32, Item)>,
}

impl Latest {
    /// The item if it began after `end`.
    fn after(&self, end: u32) -> Option<Item> {
        self.earlier.filter(|(start, _)| *start > end).map(|(_, item)| item)
    }

    fn add(&mut self, start: u32, item: Item) {
        if self.all.is_none_or(|(latest, _)| start > latest) {
            self.all = Some((start, item));
        }
    }

    fn next_group(&mut self) {
        self.earlier = self.all;
    }
}
