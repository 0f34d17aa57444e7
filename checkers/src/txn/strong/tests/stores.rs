//! Simulated stores: histories that keep a level by construction, with commits in an order that
//! is not that of completions, and tiny histories at random.

use crate::testing::Random;
use crate::txn::key_value::KeyValue;
use crate::txn::transactions::{
    Action, Atom, Builder, NEVER, NewTxn, Status, Transactions, Writes,
};

/// What a store is asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) txns: usize,
    pub(super) sessions: u64,
    pub(super) keys: u64,
    pub(super) steps: u64,
    /// In percent.
    pub(super) reads: u64,
    pub(super) timed: bool,
    /// Reads see what was there when the transaction took its snapshot, else when it commits.
    pub(super) snapshots: bool,
}

/// A transaction while it runs.
struct Running {
    steps: Vec<(bool, u64)>,
    begin: u32,
    /// Moments yet to come: the snapshot, the commit, the end.
    stage: u32,
    snapshot: u64,
}

/// A transaction that is over.
pub(super) struct Done {
    pub(super) session: u32,
    pub(super) begin: u32,
    pub(super) end: u32,
    pub(super) status: Status,
    /// Whether it writes, the key, and the value.
    pub(super) steps: Vec<(bool, u64, u32)>,
}

const NIL: u32 = u32::MAX;

struct Store {
    /// Per key the versions: when committed, and the value.
    versions: Vec<Vec<(u64, u32)>>,
    clock: u64,
    next: u32,
}

impl Store {
    fn read(&self, key: u64, snapshot: u64) -> u32 {
        let versions = self.versions[key as usize].iter().rev();
        let mut seen = versions.skip_while(|(at, _)| *at > snapshot);
        seen.next().map_or(NIL, |(_, value)| *value)
    }

    /// Does all steps at once; `None` if somebody else wrote the same in the meantime.
    fn commit(&mut self, running: &Running, snapshots: bool) -> Option<Vec<(bool, u64, u32)>> {
        let snapshot = if snapshots { running.snapshot } else { self.clock };
        let late = |key: u64| self.versions[key as usize].last().is_some_and(|v| v.0 > snapshot);
        if running.steps.iter().any(|(writes, key)| *writes && late(*key)) {
            return None;
        }
        let mut own: Vec<(u64, u32)> = Vec::new();
        let mut steps = Vec::new();
        for (writes, key) in &running.steps {
            let value = if *writes {
                self.next += 1;
                own.push((*key, self.next));
                self.next
            } else {
                let mine = own.iter().rev().find(|(other, _)| other == key);
                mine.map_or_else(|| self.read(*key, snapshot), |(_, value)| *value)
            };
            steps.push((*writes, *key, value));
        }
        self.clock += 1;
        for (key, value) in own {
            self.versions[key as usize].push((self.clock, value));
        }
        Some(steps)
    }
}

/// Runs transactions, by default one per session at a time, each in four moments.
pub(super) fn run(random: &mut Random, asked: Asked) -> Vec<Done> {
    let mut store = Store { versions: vec![Vec::new(); asked.keys as usize], clock: 0, next: 0 };
    let mut running: Vec<Option<Running>> = (0..asked.sessions).map(|_| None).collect();
    let mut done: Vec<Done> = Vec::new();
    let mut outcomes: Vec<Option<Vec<(bool, u64, u32)>>> = vec![None; running.len()];
    let (mut position, mut begun) = (0, 0);
    loop {
        let session = random.below(asked.sessions) as usize;
        let Some(current) = &mut running[session] else {
            if begun == asked.txns {
                if running.iter().all(Option::is_none) {
                    return done;
                }
                continue;
            }
            begun += 1;
            let steps = (0..asked.steps)
                .map(|_| (!random.chance(asked.reads), random.below(asked.keys)))
                .collect();
            running[session] = Some(Running { steps, begin: position, stage: 0, snapshot: 0 });
            position += 1;
            continue;
        };
        // Sessions are of different speed, so that orders differ.
        if random.below(4) > (session as u64 % 3) + 1 {
            continue;
        }
        current.stage += 1;
        match current.stage {
            1 => current.snapshot = store.clock,
            2 => outcomes[session] = store.commit(current, asked.snapshots),
            _ => {
                let outcome = outcomes[session].take();
                let status = if outcome.is_some() { Status::Committed } else { Status::Aborted };
                let unanswered = || current.steps.iter().map(|(w, key)| (*w, *key, NIL)).collect();
                done.push(Done {
                    session: session as u32,
                    begin: current.begin,
                    end: position,
                    status,
                    steps: outcome.unwrap_or_else(unanswered),
                });
                position += 1;
                running[session] = None;
            }
        }
    }
}

/// As they would be read from a file.
pub(super) fn transactions(mut done: Vec<Done>, timed: bool) -> Transactions {
    done.retain(|txn| txn.status == Status::Committed);
    if timed {
        done.sort_by_key(|txn| txn.begin);
    } else {
        done.sort_by_key(|txn| (txn.session, txn.begin));
    }
    let mut builder = Builder::new(timed);
    for txn in &done {
        if timed {
            builder.begin(NewTxn {
                index: u64::from(txn.begin),
                called: u64::from(txn.begin) * 1_000_000,
                returned: u64::from(txn.end) * 1_000_000,
                process: txn.session,
                begin: txn.begin,
                end: txn.end,
                status: txn.status,
            });
        } else {
            builder.begin_in_session(txn.session, txn.status);
        }
        for (writes, key, value) in &txn.steps {
            let action = if *writes { Action::Write } else { Action::Read };
            builder.micro(action, Atom(*key as u32), Atom(*value));
        }
    }
    builder.finish()
}

/// A tiny history, right by a store now and then, by chance otherwise.
pub(super) fn tiny(random: &mut Random, most: u64) -> Transactions {
    let asked = Asked {
        txns: 2 + random.below(most - 1) as usize,
        sessions: 1 + random.below(4),
        keys: 1 + random.below(3),
        steps: 1 + random.below(4),
        reads: 30 + random.below(50),
        timed: random.chance(70),
        snapshots: random.chance(60),
    };
    let mut done = run(random, asked);
    done.retain(|txn| txn.status == Status::Committed);
    let written: Vec<(u64, u32)> = done
        .iter()
        .flat_map(|txn| &txn.steps)
        .filter(|(writes, _, _)| *writes)
        .map(|(_, key, value)| (*key, *value))
        .collect();
    // Some reads see another value of their key.
    let percent = [0, 15, 40, 100][random.below(4) as usize];
    for (_, key, value) in done.iter_mut().flat_map(|txn| &mut txn.steps).filter(|s| !s.0) {
        let all: Vec<u32> = written.iter().filter(|w| w.0 == *key).map(|w| w.1).collect();
        if random.chance(percent) {
            let choice = random.below(all.len() as u64 + 1) as usize;
            *value = all.get(choice).copied().unwrap_or(NIL);
        }
    }
    for txn in &mut done {
        if random.chance(10) {
            txn.end = NEVER;
        } else if random.chance(20) {
            // Sessions overlap themselves.
            txn.session = 0;
        }
    }
    transactions(done, asked.timed)
}

/// Who read from whom.
pub(super) fn simple(txns: &Transactions) -> KeyValue {
    let writes = Writes::new(txns).expect("no value twice");
    KeyValue::of_registers(txns, &writes)
}
