//! Long histories of simulated stores: each is accepted by what its store keeps, and by no more.

use rustc_hash::{FxHashMap, FxHashSet};

use super::told::PATTERNS;
use super::{Op, key_value, sessions};
use crate::Budget;
use crate::testing::Random;
use crate::txn::key_value::{INITIAL, KeyValue};
use crate::txn::weak::{WeakLevel, WeakVerdict, check};

use WeakLevel as Level;

/// What a transaction of a simulated store sees. Of what it sees, the last by commit is read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Store {
    Serial,
    /// Prefixes of sessions, with all that those saw.
    Causal,
    /// Prefixes of sessions.
    Pram,
    /// Anything, the whole time, and what its session wrote.
    Atomic,
    /// More and more.
    Committed,
}

struct Version {
    value: u32,
    session: usize,
    place: u32,
    commit: u64,
}

struct Simulation {
    store: Store,
    random: Random,
    versions: FxHashMap<u32, Vec<Version>>,
    /// Per session the clock of each transaction.
    clocks: Vec<Vec<Vec<u32>>>,
    done: Vec<Vec<Vec<Op>>>,
    next: u32,
}

impl Simulation {
    fn run(store: Store, seed: u64, txns: usize) -> Vec<Vec<Vec<Op>>> {
        const SESSIONS: usize = 20;
        let mut all = Self {
            store,
            random: Random(seed),
            versions: FxHashMap::default(),
            clocks: vec![Vec::new(); SESSIONS],
            done: vec![Vec::new(); SESSIONS],
            next: 0,
        };
        for commit in 0..txns as u64 {
            let session = all.random.below(SESSIONS as u64) as usize;
            all.transaction(session, commit);
        }
        all.done
    }

    fn transaction(&mut self, session: usize, commit: u64) {
        let place = self.done[session].len() as u32;
        let empty = vec![0; self.clocks.len()];
        let mut clock = self.clocks[session].last().cloned().unwrap_or(empty);
        clock[session] = place;
        let other = self.random.below(self.clocks.len() as u64) as usize;
        let pulled = self.random.below(self.clocks[other].len() as u64 + 1) as usize;
        if other != session && pulled > 0 {
            clock[other] = clock[other].max(pulled as u32);
            let seen = &self.clocks[other][pulled - 1];
            if self.store == Store::Causal {
                clock.iter_mut().zip(seen).for_each(|(mine, seen)| *mine = (*mine).max(*seen));
            }
        }
        let mut ops: Vec<Op> = Vec::new();
        let mut own: FxHashMap<u32, u32> = FxHashMap::default();
        for at in 0..1 + self.random.below(6) {
            let key = self.random.below(300) as u32;
            if self.random.below(2) == 0 {
                self.next += 1;
                own.insert(key, self.next);
                ops.push(Op::Write(key, self.next));
            } else {
                let value = own.get(&key).copied();
                let value = value.or_else(|| self.seen(key, session, &clock, commit, at));
                ops.push(Op::Read(key, value));
            }
        }
        for (key, value) in own {
            let version = Version { value, session, place, commit };
            self.versions.entry(key).or_default().push(version);
        }
        self.clocks[session].push(clock);
        self.done[session].push(ops);
    }

    fn seen(&self, key: u32, session: usize, clock: &[u32], commit: u64, at: u64) -> Option<u32> {
        let lot = |version: &Version| Random(commit << 32 | version.commit).bits() % 8;
        let visible = |version: &&Version| match self.store {
            Store::Serial => true,
            Store::Causal | Store::Pram => version.place < clock[version.session],
            Store::Atomic => version.session == session || lot(version) > 2,
            Store::Committed => lot(version) + at > 4,
        };
        self.versions.get(&key)?.iter().rev().find(visible).map(|version| version.value)
    }
}

fn borrowed(txns: &[Vec<Vec<Op>>]) -> KeyValue {
    let txns: Vec<Vec<&[Op]>> =
        txns.iter().map(|session| session.iter().map(Vec::as_slice).collect()).collect();
    let txns: Vec<&[&[Op]]> = txns.iter().map(Vec::as_slice).collect();
    key_value(&sessions(&txns))
}

/// Checks a commit order pair by pair.
fn is_commit_order(kv: &KeyValue, level: Level, order: &[u32]) -> bool {
    let mut position = vec![usize::MAX; kv.len()];
    for (at, txn) in order.iter().enumerate() {
        position[*txn as usize] = at;
    }
    let known: FxHashSet<u32> = order.iter().copied().collect();
    let mut places = vec![0; kv.len()];
    let mut counts = vec![0; kv.session_count as usize];
    let mut last: Vec<Option<u32>> = vec![None; kv.session_count as usize];
    let mut writers: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for txn in 0..kv.len() as u32 {
        let session = kv.sessions[txn as usize] as usize;
        places[txn as usize] = counts[session];
        counts[session] += 1;
        if last[session].is_some_and(|l| position[l as usize] > position[txn as usize]) {
            return false;
        }
        last[session] = Some(txn);
        kv.writes(txn).iter().for_each(|key| writers.entry(*key).or_default().push(txn));
    }
    let mut clocks: Vec<Vec<u32>> = vec![vec![0; kv.session_count as usize]; kv.len()];
    let mut so: FxHashMap<u32, u32> = FxHashMap::default();
    for txn in order {
        let session = kv.sessions[*txn as usize];
        let sources = kv.reads(*txn).iter().map(|read| read.from).filter(|from| *from != INITIAL);
        for from in sources.chain(so.insert(session, *txn)) {
            let mut other = clocks[from as usize].clone();
            other[kv.sessions[from as usize] as usize] = places[from as usize] + 1;
            let mine = &mut clocks[*txn as usize];
            mine.iter_mut().zip(other).for_each(|(mine, other)| *mine = (*mine).max(other));
        }
    }
    let visible = |writer: u32, reader: u32, at: usize| {
        let reads = kv.reads(reader);
        let session = kv.sessions[writer as usize];
        match level {
            Level::ReadCommitted => reads[..at].iter().any(|read| read.from == writer),
            Level::ReadAtomic => {
                reads.iter().any(|read| read.from == writer)
                    || session == kv.sessions[reader as usize] && writer < reader
            }
            _ => places[writer as usize] < clocks[reader as usize][session as usize],
        }
    };
    known.len() == kv.len()
        && (0..kv.len() as u32).all(|reader| {
            kv.reads(reader).iter().enumerate().all(|(at, read)| {
                let limit = match read.from {
                    INITIAL => 0,
                    from => position[from as usize],
                };
                let after = read.from == INITIAL || limit < position[reader as usize];
                let mut rivals = writers.get(&read.key).into_iter().flatten();
                after
                    && rivals.all(|w| {
                        *w == read.from
                            || *w == reader
                            || !visible(*w, reader, at)
                            || read.from != INITIAL && position[*w as usize] < limit
                    })
            })
        })
}

#[test]
fn stores_keep_what_they_keep_and_no_more() {
    let all = Level::ALL.to_vec();
    let but = |missing: &[Level]| -> Vec<Level> {
        all.iter().filter(|level| !missing.contains(level)).copied().collect()
    };
    let expected = [
        (Store::Serial, all.clone()),
        (Store::Causal, all.clone()),
        (Store::Pram, but(&[Level::Causal, Level::WritesFollowReads])),
        (Store::Atomic, vec![Level::ReadYourWrites, Level::ReadCommitted, Level::ReadAtomic]),
        (Store::Committed, vec![Level::ReadCommitted]),
    ];
    for (store, kept) in expected {
        for seed in 0..3 {
            let kv = borrowed(&Simulation::run(store, seed, 6_000));
            for level in all.iter().copied() {
                match check(&kv, level, &Budget::default()) {
                    WeakVerdict::Holds(order) => {
                        assert!(kept.contains(&level), "{store:?} keeps {level}?");
                        assert_eq!(order.is_none(), level.is_of_sessions());
                        let sound = order.is_none_or(|order| is_commit_order(&kv, level, &order));
                        assert!(sound, "{store:?} {level}");
                    }
                    WeakVerdict::Refuted(cycles, _) => {
                        assert!(!kept.contains(&level), "{store:?} {level}: {cycles:?}");
                    }
                    WeakVerdict::Unknown(reason) => panic!("{store:?} {level}: {reason}"),
                }
            }
        }
    }
}

#[test]
fn what_is_planted_in_a_long_history_is_found() {
    let mut random = Random(5);
    for turn in 0..4 {
        let clean = Simulation::run(Store::Causal, turn, 3_000);
        for pattern in PATTERNS {
            let mut txns = clean.clone();
            for (at, planted) in pattern.sessions.iter().enumerate() {
                let session = &mut txns[3 * at];
                let mut place = 0;
                for txn in *planted {
                    let left = session.len() as u64 + 1 - place;
                    place += random.below(left);
                    let fresh = |op: &Op| match *op {
                        Op::Write(key, value) => Op::Write(1_000 + key, value),
                        Op::Read(key, value) => Op::Read(1_000 + key, value),
                    };
                    session.insert(place as usize, txn.iter().map(fresh).collect());
                    place += 1;
                }
            }
            let kv = borrowed(&txns);
            for level in [Level::ReadCommitted, Level::ReadAtomic, Level::Causal] {
                let WeakVerdict::Refuted(cycles, _) = check(&kv, level, &Budget::default()) else {
                    assert!(level < pattern.weakest, "{}: {level}", pattern.kind);
                    continue;
                };
                assert!(cycles[0].links.len() <= 4, "{}: {cycles:?}", pattern.kind);
            }
        }
    }
}
