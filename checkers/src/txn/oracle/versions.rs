//! Version orders: every order in which what happened can have been written to a key.

use super::Datatype;
use super::tiny::{Step, Tiny, members};

/// A version that was installed: who wrote it, and with which of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) value: u32,
    pub(super) writer: usize,
    pub(super) position: usize,
}

/// Versions of a key, oldest first.
pub(super) type VersionOrder = Vec<Version>;

/// What reads say of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// All reads are of committed data, so they fit together.
    All,
    /// Of reads that contradict each other, any may be of what was rolled back.
    One,
}

/// All possible orders of the versions of a key. None if there cannot be one.
///
/// Each append is a version. That of a list that was read is known; elements that nobody read
/// came later. Of a register only the last write of a transaction counts, and no order is known.
pub(super) fn version_orders(tiny: &Tiny, key: usize, trust: Trust) -> Vec<VersionOrder> {
    let written = written(tiny, key);
    if tiny.datatype != Datatype::ListAppend {
        return extensions(&written, Vec::new(), &|placed, next| {
            let before = tiny.versions[next.writer];
            let missing = |v: &Version| before & 1 << v.writer != 0 && !placed.contains(v);
            !written.iter().any(missing)
        });
    }
    let longest = longest(tiny, key);
    if longest.iter().any(|list| has_duplicates(list)) {
        return Vec::new();
    }
    if trust == Trust::All && longest.len() > 1 {
        return Vec::new();
    }
    let orders = longest.iter().flat_map(|list| {
        let find = |value| written.iter().find(|version| version.value == value);
        let known = list.iter().filter_map(|value| find(*value)).copied().collect();
        extensions(&written, known, &|placed, next| {
            let earlier = |v: &Version| v.writer == next.writer && v.position < next.position;
            !written.iter().any(|v| earlier(v) && !placed.contains(v))
        })
    });
    let in_program_order = |order: &VersionOrder| {
        let pairs = |a: &Version, b: &Version| a.writer != b.writer || a.position < b.position;
        (1..order.len()).all(|at| order[..at].iter().all(|before| pairs(before, &order[at])))
    };
    orders.filter(|order| trust == Trust::One || in_program_order(order)).collect()
}

/// The versions that were installed, in no order.
fn written(tiny: &Tiny, wanted: usize) -> Vec<Version> {
    let mut all: Vec<Version> = Vec::new();
    for writer in members(tiny.happened) {
        for (position, step) in tiny.txns[writer].steps.iter().enumerate() {
            let Step::Write { key, value } = step else { continue };
            if *key == wanted {
                if tiny.datatype == Datatype::RwRegister {
                    all.retain(|version| version.writer != writer);
                }
                all.push(Version { value: *value, writer, position });
            }
        }
    }
    all
}

/// The lists that were read and are not the beginning of another; an empty one if nothing was.
fn longest(tiny: &Tiny, wanted: usize) -> Vec<Vec<u32>> {
    let mut lists: Vec<Vec<u32>> = vec![Vec::new()];
    lists.extend(tiny.reads().filter(|read| read.1 == wanted).map(|(_, _, seen)| seen.to_vec()));
    lists.sort();
    lists.dedup();
    // Sorted, so that a list comes right before one that it is the beginning of, if any.
    let ends = |at: &usize| lists.get(at + 1).is_none_or(|next| !next.starts_with(&lists[*at]));
    (0..lists.len()).filter(ends).map(|at| lists[at].clone()).collect()
}

fn has_duplicates(list: &[u32]) -> bool {
    (1..list.len()).any(|at| list[..at].contains(&list[at]))
}

/// All ways to go on with what is left, one version at a time, each if it may be next.
fn extensions(
    all: &[Version],
    known: VersionOrder,
    may_follow: &dyn Fn(&[Version], &Version) -> bool,
) -> Vec<VersionOrder> {
    let mut done = Vec::new();
    let mut left = vec![known];
    while let Some(placed) = left.pop() {
        if placed.len() == all.len() {
            done.push(placed);
            continue;
        }
        for next in all.iter().filter(|next| !placed.contains(next)) {
            if may_follow(&placed, next) {
                let mut longer = placed.clone();
                longer.push(*next);
                left.push(longer);
            }
        }
    }
    done
}
