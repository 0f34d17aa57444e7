//! Version orders of lists: which element followed which, as reads show it.

use rayon::prelude::*;

use crate::txn::transactions::{Action, Atom, Micro, NEVER, Status, Transactions, Writes};

/// A read of a list by a committed transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) txn: u32,
    /// The position in the transaction.
    pub(super) position: u32,
    pub(super) micro: Micro,
    /// Whether it is a prefix of the version order.
    pub(super) fits: bool,
}

/// The versions of one key.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// The number among the reads of the key of the longest, [`NEVER`] without any.
    pub(super) shown_by: u32,
    /// The writes of the longest list, [`NEVER`] for an element that nobody appended.
    pub(super) elements: Vec<u32>,
    /// How many of them stand in an order that no read contradicts.
    pub(super) agreed: usize,
    /// Appends of transactions that happened and that no read shows: they came later.
    pub(super) unread: Vec<u32>,
    /// How many different reads there are of the greatest length; not all are counted.
    rivals: usize,
    /// An element occurs twice, so there is no order.
    pub(super) duplicated: bool,
    /// Per write of the key its position among the elements, [`NEVER`] if it has none.
    positions: Vec<u32>,
    /// Writers of unknown outcome whose elements were read.
    happened: Vec<u32>,
}

/// The versions of all keys.
pub(super) struct Orders<'t> {
    pub(super) txns: &'t Transactions,
    pub(super) writes: &'t Writes,
    pub(super) keys: Vec<Versions>,
    /// Per transaction whether it happened.
    pub(super) live: Vec<bool>,
    read_starts: Vec<u32>,
    reads: Vec<Read>,
}

impl<'t> Orders<'t> {
    /// Takes the longest read of each key as its version order (Kingsbury & Alvaro, *Elle*,
    /// section 4.2.3); of several that differ, `choice` says which. Linear in the total length
    /// of all reads, parallel by key.
    pub(super) fn new(
        txns: &'t Transactions,
        writes: &'t Writes,
        choice: usize,
    ) -> Result<Self, String> {
        let (read_starts, mut reads) = reads(txns)?;
        let mut rest = reads.as_mut_slice();
        let mut by_key: Vec<&mut [Read]> = Vec::with_capacity(txns.key_count());
        for key in 0..txns.key_count() {
            let (own, others) =
                rest.split_at_mut((read_starts[key + 1] - read_starts[key]) as usize);
            by_key.push(own);
            rest = others;
        }
        let mut keys: Vec<Versions> = by_key
            .into_par_iter()
            .enumerate()
            .with_min_len(64)
            .map(|(key, reads)| Versions::new(txns, writes, key as u32, reads, choice))
            .collect();
        let mut live: Vec<bool> =
            txns.all().iter().map(|txn| txn.status == Status::Committed).collect();
        for writer in keys.iter().flat_map(|versions| &versions.happened) {
            live[*writer as usize] = true;
        }
        keys.par_iter_mut().enumerate().with_min_len(64).for_each(|(key, versions)| {
            let all = writes.of_key(key as u32);
            let unread = all.zip(&versions.positions).filter(|(write, position)| {
                **position == NEVER && live[writes.writer(*write) as usize]
            });
            versions.unread = unread.map(|(write, _)| write).collect();
        });
        Ok(Self { txns, writes, keys, live, read_starts, reads })
    }

    /// Whether some key has more than so many different longest reads.
    pub(super) fn has_rivals(&self, choices: usize) -> bool {
        self.keys.iter().any(|versions| versions.rivals > choices)
    }

    /// The reads of a key, in the order in which their transactions began.
    pub(super) fn reads(&self, key: u32) -> &[Read] {
        let at = key as usize;
        &self.reads[self.read_starts[at] as usize..self.read_starts[at + 1] as usize]
    }

    /// The elements that a read saw, none for null.
    pub(super) fn seen(&self, read: &Read) -> &'t [u32] {
        seen(self.txns, &read.micro)
    }

    /// The append of an element, if anybody tried it.
    pub(super) fn find(&self, key: u32, atom: u32) -> Option<u32> {
        self.writes.find(key, Atom(atom))
    }

    pub(super) fn read_count(&self) -> usize {
        self.reads.len()
    }

    /// Where in its version order a write stands, if any read shows it there.
    pub(super) fn position(&self, key: u32, write: u32) -> Option<usize> {
        let at = (write - self.writes.of_key(key).start) as usize;
        Some(self.keys[key as usize].positions[at])
            .filter(|position| *position != NEVER)
            .map(|position| position as usize)
    }

    /// The writer of an element, if it happened.
    pub(super) fn live_writer(&self, write: u32) -> Option<u32> {
        if write == NEVER {
            return None;
        }
        let writer = self.writes.writer(write);
        self.live[writer as usize].then_some(writer)
    }
}

impl Versions {
    fn new(
        txns: &Transactions,
        writes: &Writes,
        key: u32,
        reads: &mut [Read],
        choice: usize,
    ) -> Self {
        let all = writes.of_key(key);
        let mut versions =
            Self { shown_by: NEVER, positions: vec![NEVER; all.len()], ..Self::default() };
        let rivals = rivals(txns, reads);
        versions.rivals = rivals.len();
        versions.shown_by = rivals.get(choice % rivals.len().max(1)).copied().unwrap_or(NEVER);
        let longest = reads.get(versions.shown_by as usize).copied();
        let longest = longest.as_ref().map_or(&[][..], |read| seen(txns, &read.micro));
        for (at, atom) in (0u32..).zip(longest) {
            let write = writes.find(key, Atom(*atom));
            versions.elements.push(write.unwrap_or(NEVER));
            if let Some(write) = write {
                let position = &mut versions.positions[(write - all.start) as usize];
                versions.duplicated |= *position != NEVER;
                *position = at;
                versions.happen(txns, writes, write);
            }
        }
        versions.agreed = longest.len();
        for read in reads {
            let seen = seen(txns, &read.micro);
            read.fits = longest.get(..seen.len()) == Some(seen);
            if !read.fits {
                let same = longest.iter().zip(seen).take_while(|(a, b)| a == b).count();
                versions.agreed = versions.agreed.min(same);
                for atom in seen {
                    if let Some(write) = writes.find(key, Atom(*atom)) {
                        versions.happen(txns, writes, write);
                    }
                }
            }
        }
        versions
    }

    fn happen(&mut self, txns: &Transactions, writes: &Writes, write: u32) {
        let writer = writes.writer(write);
        if txns.txn(writer).status == Status::Unknown {
            self.happened.push(writer);
        }
    }
}

/// How many different longest reads of a key are told apart.
pub(super) const MAX_RIVALS: usize = 4;

/// The numbers of the first reads of the greatest length, of each list one.
fn rivals(txns: &Transactions, reads: &[Read]) -> Vec<u32> {
    let mut most = 1;
    let mut rivals: Vec<u32> = Vec::new();
    for (number, read) in (0u32..).zip(reads) {
        let list = seen(txns, &read.micro);
        if list.len() < most {
            continue;
        }
        if list.len() > most {
            rivals.clear();
            most = list.len();
        }
        let is_same = |rival: &u32| seen(txns, &reads[*rival as usize].micro) == list;
        if rivals.len() < MAX_RIVALS && !rivals.iter().any(is_same) {
            rivals.push(number);
        }
    }
    rivals
}

/// Reads of lists by key.
fn reads(txns: &Transactions) -> Result<(Vec<u32>, Vec<Read>), String> {
    let mut starts = vec![0u32; txns.key_count() + 1];
    for micro in txns.all_micros().iter().filter(|micro| is_read(micro)) {
        starts[micro.key as usize + 1] += 1;
    }
    for key in 0..txns.key_count() {
        starts[key + 1] += starts[key];
    }
    let mut free = starts.clone();
    let empty = Micro { action: Action::Read, key: 0, value: Atom::NIL };
    let nothing = Read { txn: 0, position: 0, micro: empty, fits: false };
    let mut reads = vec![nothing; starts[txns.key_count()] as usize];
    for number in 0..txns.len() as u32 {
        for (position, micro) in (0u32..).zip(txns.micros(number)) {
            if !is_read(micro) {
                continue;
            }
            if micro.action == Action::Read && micro.value != empty.value {
                return Err(format!(
                    "operation {} read {} of key {}, where a list should be; list-append needs \
                     whole lists",
                    txns.txn(number).index,
                    txns.value(micro.value),
                    txns.key(micro.key)
                ));
            }
            let at = &mut free[micro.key as usize];
            reads[*at as usize] = Read { txn: number, position, micro: *micro, fits: false };
            *at += 1;
        }
    }
    Ok((starts, reads))
}

fn is_read(micro: &Micro) -> bool {
    matches!(micro.action, Action::Read | Action::ReadList)
}

/// The elements that a read saw, none for null.
pub(super) fn seen<'t>(txns: &'t Transactions, micro: &Micro) -> &'t [u32] {
    if micro.action == Action::ReadList { txns.list(micro) } else { &[] }
}
