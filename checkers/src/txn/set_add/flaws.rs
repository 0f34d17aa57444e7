//! What sets show without any graph: aborted, intermediate, repeated, missing elements.

mod tell;

use rustc_hash::FxHashSet;

use self::tell::Teller;
use super::sets::{Key, Read, Sets, Wrong};
use crate::txn::explain::Flaws;
use crate::txn::transactions::{Action, NEVER, Status};

/// Finds every anomaly that is not a cycle. Linear.
pub(super) fn find(sets: &Sets<'_>, flaws: &mut Flaws) {
    let positions = positions(sets);
    for number in 0..sets.keys.len() as u32 {
        let key = &sets.keys[number as usize];
        let tell = Teller { sets, key: number };
        for (read, atom, wrong) in &key.wrong {
            let read = &key.reads[*read as usize];
            match wrong {
                Wrong::Phantom => flaws.add("phantom-read", || tell.phantom(read, *atom)),
                Wrong::Duplicate => flaws.add("duplicate-elements", || tell.duplicate(read, *atom)),
            }
        }
        let adds = sets.writes.of_key(number);
        let first = adds.start;
        let shown_by = vec![NEVER; adds.len()];
        Finder { sets, key, number, first, tell, positions: &positions, shown_by }.reads(flaws);
    }
}

/// Per add its position in its transaction.
fn positions(sets: &Sets<'_>) -> Vec<u32> {
    let keys = 0..sets.txns.key_count() as u32;
    let mut free: Vec<u32> = keys.map(|key| sets.writes.of_key(key).start).collect();
    let mut positions = vec![0; sets.writes.len()];
    for number in 0..sets.txns.len() as u32 {
        for (position, micro) in (0u32..).zip(sets.txns.micros(number)) {
            if micro.action == Action::Write {
                let at = &mut free[micro.key as usize];
                positions[*at as usize] = position;
                *at += 1;
            }
        }
    }
    positions
}

struct Finder<'f, 't> {
    sets: &'f Sets<'t>,
    key: &'f Key,
    number: u32,
    /// The first add of the key.
    first: u32,
    tell: Teller<'f, 't>,
    positions: &'f [u32],
    /// Per add of the key the last read that showed it.
    shown_by: Vec<u32>,
}

impl Finder<'_, '_> {
    fn reads(&mut self, flaws: &mut Flaws) {
        let mut aborted = FxHashSet::default();
        for number in 0..self.key.reads.len() as u32 {
            let read = &self.key.reads[number as usize];
            for add in self.key.seen(read) {
                self.shown_by[(add - self.first) as usize] = number;
            }
            self.foreign(number, read, &mut aborted, flaws);
            self.own(number, read, flaws);
        }
    }

    fn is_shown(&self, number: u32, add: u32) -> bool {
        self.shown_by[(add - self.first) as usize] == number
    }

    /// Elements of aborted transactions, each told once, and of transactions of which others
    /// are missing.
    fn foreign(&self, number: u32, read: &Read, aborted: &mut FxHashSet<u32>, flaws: &mut Flaws) {
        let (sets, tell) = (self.sets, &self.tell);
        let mut torn: Vec<u32> = Vec::new();
        let adds = sets.writes.of_key(self.number);
        for add in self.key.seen(read) {
            let writer = sets.writes.writer(*add);
            if sets.txns.txn(writer).status == Status::Aborted {
                if aborted.insert(*add) {
                    flaws.add("G1a", || tell.aborted(*add, read));
                }
                continue;
            }
            let beside = [add.wrapping_sub(1), add + 1].into_iter().filter(|other| {
                adds.contains(other)
                    && sets.writes.writer(*other) == writer
                    && !self.is_shown(number, *other)
            });
            if writer != read.txn && !torn.contains(&writer) {
                for other in beside.take(1) {
                    torn.push(writer);
                    flaws.add("G1b", || tell.intermediate(*add, other, read));
                }
            }
        }
    }

    /// What the transaction itself added and read before.
    fn own(&self, number: u32, read: &Read, flaws: &mut Flaws) {
        let tell = &self.tell;
        let own = self.sets.own(self.number, read.txn);
        let before = |position: u32| {
            let positions = &self.positions[own.start as usize..own.end as usize];
            positions.partition_point(|own| *own < position) as u32
        };
        let added = before(read.position);
        let later = own.start + added..own.end;
        for add in self.key.seen(read).iter().filter(|add| later.contains(add)) {
            flaws.add("future-read", || tell.future(read, *add));
        }
        let mut done = own.start..own.start + added;
        if let Some(add) = done.find(|add| !self.is_shown(number, *add)) {
            flaws.add("internal", || tell.missing(read, add, None));
            return;
        }
        let earlier = number.checked_sub(1).map(|at| &self.key.reads[at as usize]);
        let Some(earlier) = earlier.filter(|earlier| earlier.txn == read.txn) else { return };
        let seen = self.key.seen(earlier);
        if let Some(add) = seen.iter().find(|add| !self.is_shown(number, **add)) {
            flaws.add("internal", || tell.missing(read, *add, Some(earlier)));
            return;
        }
        let since = added - before(earlier.position);
        if self.key.seen(read).len() > seen.len() + since as usize {
            flaws.add("internal", || tell.grown(read, earlier));
        }
    }
}
