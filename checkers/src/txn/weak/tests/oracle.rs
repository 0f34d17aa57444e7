//! Tiny histories against the definitions, every order tried.

use crate::Budget;
use crate::testing::Random;
use crate::txn::key_value::{INITIAL, KeyValue};
use crate::txn::transactions::{Builder, NewTxn, Status, Transactions};
use crate::txn::weak::{Cycle, WeakLevel, WeakVerdict, Why, check};

use super::{Op, add, key_value};

/// What is before what, as a matrix of up to eight transactions.
#[derive(Clone, Copy, Default, PartialEq)]
pub(in super::super) struct Relation([u8; 8]);

impl Relation {
    fn set(&mut self, from: usize, to: usize) {
        self.0[from] |= 1 << to;
    }

    pub(in super::super) fn has(&self, from: usize, to: usize) -> bool {
        self.0[from] & 1 << to != 0
    }

    fn of(count: usize, holds: impl Fn(usize, usize) -> bool) -> Self {
        let mut all = Self::default();
        for from in 0..count {
            (0..count).filter(|to| holds(from, *to)).for_each(|to| all.set(from, to));
        }
        all
    }

    fn closed(mut self, count: usize) -> Self {
        for by in 0..count {
            for from in 0..count {
                if self.has(from, by) {
                    self.0[from] |= self.0[by];
                }
            }
        }
        self
    }
}

/// The definitions, on what transactions wrote and read.
pub(in super::super) struct Oracle<'o> {
    kv: &'o KeyValue,
    so: Relation,
    wr: Relation,
    hb: Relation,
}

impl<'o> Oracle<'o> {
    pub(in super::super) fn new(txns: &Transactions, kv: &'o KeyValue) -> Self {
        let count = kv.len();
        let number = |txn: usize| kv.numbers[txn];
        let so = Relation::of(count, |a, b| {
            a < b
                && txns.txn(number(a)).process == txns.txn(number(b)).process
                && txns.in_session_order(number(a), number(b))
        });
        let wr =
            Relation::of(count, |a, b| kv.reads(b as u32).iter().any(|read| read.from == a as u32));
        let hb = Relation::of(count, |a, b| so.has(a, b) || wr.has(a, b)).closed(count);
        Self { kv, so, wr, hb }
    }

    /// Whether a writer is visible to a read, given by its number in its transaction.
    fn visible(&self, level: WeakLevel, writer: usize, reader: usize, at: usize) -> bool {
        let own = &self.kv.reads(reader as u32)[..at];
        let mine: Vec<usize> =
            own.iter().filter(|r| r.from != INITIAL).map(|r| r.from as usize).collect();
        let lasting: Vec<usize> = (0..self.kv.len())
            .filter(|txn| self.so.has(*txn, reader))
            .flat_map(|txn| self.kv.reads(txn as u32))
            .filter(|read| read.from != INITIAL)
            .map(|read| read.from as usize)
            .chain(mine.iter().copied())
            .collect();
        let (so, wr) = (self.so, self.wr);
        match level {
            WeakLevel::ReadYourWrites => so.has(writer, reader),
            WeakLevel::MonotonicReads => lasting.contains(&writer),
            WeakLevel::MonotonicWrites => mine.iter().any(|seen| so.has(writer, *seen)),
            WeakLevel::WritesFollowReads => mine.iter().any(|seen| {
                (0..self.kv.len())
                    .any(|by| wr.has(writer, by) && (by == *seen || so.has(by, *seen)))
            }),
            WeakLevel::Pram => {
                so.has(writer, reader)
                    || lasting.iter().any(|seen| writer == *seen || so.has(writer, *seen))
            }
            WeakLevel::ReadCommitted => mine.contains(&writer),
            WeakLevel::ReadAtomic => so.has(writer, reader) || wr.has(writer, reader),
            WeakLevel::Causal => self.hb.has(writer, reader),
        }
    }

    /// What an order must follow; `None` if the initial transaction would have to come later.
    fn required(&self, level: WeakLevel, counts: impl Fn(usize) -> bool) -> Option<Relation> {
        let count = self.kv.len();
        let all_reads = !level.is_of_sessions() || level == WeakLevel::WritesFollowReads;
        let mut required = Relation::of(count, |a, b| {
            self.so.has(a, b) || self.wr.has(a, b) && (all_reads || counts(b))
        });
        for reader in (0..count).filter(|reader| counts(*reader)) {
            for (at, read) in self.kv.reads(reader as u32).iter().enumerate() {
                for writer in (0..count).filter(|w| *w != reader && *w as u32 != read.from) {
                    let wrote = self.kv.writes(writer as u32).contains(&read.key);
                    if wrote && self.visible(level, writer, reader, at) {
                        if read.from == INITIAL {
                            return None;
                        }
                        required.set(writer, read.from as usize);
                    }
                }
            }
        }
        Some(required)
    }

    pub(in super::super) fn holds(&self, level: WeakLevel) -> bool {
        let exists = |required: Option<Relation>| {
            required.is_some_and(|required| some_order(self.kv.len(), &required))
        };
        if !level.is_of_sessions() {
            return exists(self.required(level, |_| true));
        }
        (0..self.kv.session_count)
            .all(|session| exists(self.required(level, |txn| self.kv.sessions[txn] == session)))
    }

    /// Whether this is a commit order.
    fn accepts(&self, level: WeakLevel, order: &[u32]) -> bool {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        let order: Vec<usize> = order.iter().map(|txn| *txn as usize).collect();
        sorted == (0..self.kv.len() as u32).collect::<Vec<u32>>()
            && self.required(level, |_| true).is_some_and(|required| follows(&order, &required))
    }
}

fn follows(order: &[usize], required: &Relation) -> bool {
    order.iter().enumerate().all(|(at, later)| {
        !required.has(*later, *later) && order[..at].iter().all(|a| !required.has(*later, *a))
    })
}

/// Tries every order.
fn some_order(count: usize, required: &Relation) -> bool {
    let mut order: Vec<usize> = (0..count).collect();
    let mut stack = vec![0; count];
    if follows(&order, required) {
        return true;
    }
    let mut at = 0;
    while at < count {
        if stack[at] < at {
            order.swap(if at % 2 == 0 { 0 } else { stack[at] }, at);
            if follows(&order, required) {
                return true;
            }
            stack[at] += 1;
            at = 0;
        } else {
            stack[at] = 0;
            at += 1;
        }
    }
    false
}

/// A history of up to five transactions; values read are of any kind, mostly of others.
pub(in super::super) fn tiny(random: &mut Random) -> Transactions {
    let timed = random.below(4) == 0;
    let keys = 1 + random.below(3) as u32;
    let most = 1 + random.below(4);
    let count = 2 + random.below(4);
    let mut next = 0;
    let mut written: Vec<Vec<u32>> = vec![Vec::new(); keys as usize];
    let mut txns: Vec<Vec<Op>> = Vec::new();
    for _ in 0..count {
        let ops = (0..=random.below(most)).map(|_| {
            let key = random.below(u64::from(keys)) as u32;
            if random.below(2) == 0 {
                next += 1;
                written[key as usize].push(next);
                Op::Write(key, next)
            } else {
                Op::Read(key, None)
            }
        });
        txns.push(ops.collect());
    }
    for op in txns.iter_mut().flatten() {
        if let Op::Read(key, value) = op {
            let values = &written[*key as usize];
            if !values.is_empty() && random.below(8) > 0 {
                *value = Some(values[random.below(values.len() as u64) as usize]);
            }
        }
    }
    let sessions = 1 + random.below(3);
    let mut builder = Builder::new(timed);
    for (at, txn) in (0..).zip(&txns) {
        let session = random.below(sessions) as u32;
        if !timed {
            builder.begin_in_session(session, Status::Committed);
            add(&mut builder, txn);
            continue;
        }
        // Some never end; nothing follows those, though their session goes on.
        let open = random.below(4) == 0;
        let status = if open { Status::Unknown } else { Status::Committed };
        let end = if open { u32::MAX } else { 2 * at + 1 };
        let index = u64::from(at);
        builder.begin(NewTxn {
            index,
            called: index,
            returned: index,
            process: session,
            begin: 2 * at,
            end,
            status,
        });
        let written = txn.iter().filter(|op| matches!(op, Op::Write(..))).copied();
        let known: Vec<Op> = if open { written.collect() } else { txn.clone() };
        add(&mut builder, &known);
    }
    builder.finish()
}

/// Whether every link of a cycle holds by the definition, and each leads to the next.
fn is_proof(oracle: &Oracle<'_>, level: WeakLevel, cycle: &Cycle) -> bool {
    let kv = oracle.kv;
    let links = &cycle.links;
    let closed = links.iter().zip(links.iter().cycle().skip(1)).all(|(a, b)| a.to == b.from);
    let plain = |from: u32, to: u32, why: &Why| match why {
        Why::Initial => from == INITIAL,
        Why::Session => oracle.so.has(from as usize, to as usize),
        Why::Read(read) => kv.reader(*read) == to && kv.all_reads()[*read as usize].from == from,
        Why::Inferred { .. } => false,
    };
    closed
        && links.len() > 1
        && links.iter().all(|link| {
            let Why::Inferred { read, path } = &link.why else {
                return plain(link.from, link.to, &link.why);
            };
            let seen = kv.all_reads()[*read as usize];
            let reader = kv.reader(*read);
            let at = *read as usize - kv.read_range(reader).start;
            let joined = path.first().map(|link| link.from) == Some(link.from)
                && path.last().map(|link| link.to) == Some(reader)
                && path.windows(2).all(|pair| pair[0].to == pair[1].from)
                && path.iter().all(|link| plain(link.from, link.to, &link.why));
            joined
                && seen.from == link.to
                && link.from != link.to
                && kv.writes(link.from).contains(&seen.key)
                && oracle.visible(level, link.from as usize, reader as usize, at)
        })
}

#[test]
fn tiny_histories_agree_with_the_definitions() {
    let budget = Budget::default();
    let mut random = Random(7);
    let mut refuted = [0; WeakLevel::ALL.len()];
    for turn in 0..100_000 {
        let txns = tiny(&mut random);
        let kv = key_value(&txns);
        let oracle = Oracle::new(&txns, &kv);
        for (number, level) in WeakLevel::ALL.into_iter().enumerate() {
            let sound = match check(&kv, level, &budget) {
                WeakVerdict::Holds(order) => {
                    assert_eq!(order.is_none(), level.is_of_sessions());
                    oracle.holds(level) && order.is_none_or(|order| oracle.accepts(level, &order))
                }
                WeakVerdict::Refuted(cycles, count) => {
                    refuted[number] += 1;
                    !oracle.holds(level)
                        && count >= cycles.len() as u64
                        && !cycles.is_empty()
                        && cycles.iter().all(|cycle| is_proof(&oracle, level, cycle))
                }
                WeakVerdict::Unknown(reason) => panic!("{reason}"),
            };
            let verdict = check(&kv, level, &budget);
            assert!(sound, "turn {turn}, {level}: {verdict:?} of {kv:?}");
        }
    }
    assert!(refuted.iter().all(|count| (500..99_000).contains(count)), "{refuted:?}");
}
