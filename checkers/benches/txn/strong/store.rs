//! A store of registers with sessions that run at the same time, and anomalies planted in it.

use perjury_checkers::linear::synthetic::Random;
use perjury_checkers::txn::Transactions;
use perjury_checkers::txn::transactions::{Action, Atom, Builder, NewTxn, Status};

/// An anomaly at nine tenths of the history.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    Nothing,
    /// One read is of a version that was replaced long ago.
    StaleRead,
    /// All that a transaction reads is as it was long ago, and it writes nothing. No violation
    /// but of real time.
    LateSnapshot,
    LostUpdate,
    /// No violation of snapshot isolation.
    WriteSkew,
    LongFork,
}

/// What to make: transactions of so many steps, half of them writes.
#[derive(Clone, Copy)]
pub struct Asked {
    pub txns: usize,
    pub keys: u64,
    pub sessions: u64,
    pub steps: usize,
    pub timed: bool,
    /// Reads see what was there when the transaction began, else when it commits.
    pub snapshots: bool,
    pub planted: Planted,
}

/// Whether it writes, the key, and the value.
type Step = (bool, u32, u32);

const NIL: u32 = u32::MAX;

struct Done {
    session: u32,
    begin: u32,
    end: u32,
    steps: Vec<Step>,
}

/// A transaction that is open.
struct Open {
    begin: u32,
    /// How many had committed when it began.
    snapshot: u32,
    /// Once it has committed.
    steps: Option<Vec<Step>>,
}

struct Store {
    asked: Asked,
    random: Random,
    /// Per key the versions: when committed, and the value.
    versions: Vec<Vec<(u32, u32)>>,
    commits: u32,
    values: u32,
}

/// Runs it: of 20 sessions about ten have a transaction open at any moment.
pub fn run(asked: Asked) -> Transactions {
    let keys = asked.keys as usize + 2;
    let versions = vec![Vec::new(); keys];
    let mut store = Store { asked, random: Random(11), versions, commits: 0, values: 0 };
    let mut sessions: Vec<Option<Open>> = (0..asked.sessions).map(|_| None).collect();
    let mut done: Vec<Done> = Vec::with_capacity(asked.txns + 8);
    let mut now = 0;
    // Whoever has committed is to end, too.
    while done.len() < asked.txns || sessions.iter().any(Option::is_some) {
        now += 1;
        let session = store.random.below(asked.sessions) as usize;
        match sessions[session].take() {
            None if done.len() >= asked.txns => {}
            None => {
                let snapshot = store.commits;
                sessions[session] = Some(Open { begin: now, snapshot, steps: None });
            }
            Some(Open { begin, snapshot, steps: None }) => {
                let steps = store.commit(snapshot);
                sessions[session] = steps.map(|all| Open { begin, snapshot, steps: Some(all) });
            }
            Some(Open { begin, steps: Some(steps), .. }) => {
                if done.len() == asked.txns / 10 * 9 {
                    plant(&mut store, &mut done, &mut now);
                }
                now += 1;
                done.push(Done { session: session as u32, begin, end: now, steps });
            }
        }
    }
    transactions(done, asked.timed)
}

impl Store {
    /// The value of a key after so many commits.
    fn value(&self, key: u32, commits: u32) -> u32 {
        let mut versions = self.versions[key as usize].iter().rev();
        versions.find(|(at, _)| *at <= commits).map_or(NIL, |(_, value)| *value)
    }

    fn fresh(&mut self) -> u32 {
        self.values += 1;
        self.values
    }

    /// All steps at once; `None` if somebody else has written the same since the snapshot.
    fn commit(&mut self, snapshot: u32) -> Option<Vec<Step>> {
        let snapshot = if self.asked.snapshots { snapshot } else { self.commits };
        let mut steps: Vec<Step> = Vec::with_capacity(self.asked.steps);
        for _ in 0..self.asked.steps {
            let (write, key) = (self.random.chance(50), self.random.below(self.asked.keys) as u32);
            let late = self.versions[key as usize].last().is_some_and(|last| last.0 > snapshot);
            if write && late {
                return None;
            }
            let own = steps.iter().rev().find(|step| step.0 && step.1 == key);
            let own = own.map(|step| step.2);
            let value = match write {
                true => self.fresh(),
                false => own.unwrap_or_else(|| self.value(key, snapshot)),
            };
            steps.push((write, key, value));
        }
        self.commits += 1;
        for (_, key, value) in steps.iter().filter(|step| step.0) {
            self.versions[*key as usize].push((self.commits, *value));
        }
        Some(steps)
    }
}

/// Plants what was asked for. All but the first use two keys of their own, so that nothing else is
/// to blame.
fn plant(store: &mut Store, done: &mut Vec<Done>, now: &mut u32) {
    let (x, y) = (store.asked.keys as u32, store.asked.keys as u32 + 1);
    let values: [u32; 4] = std::array::from_fn(|_| store.fresh());
    let mut add = |steps: Vec<Step>| {
        let session = 100 + done.len() as u32;
        // They overlap each other, but nothing of a hundred moments before.
        done.push(Done { session, begin: *now + 1, end: *now + 100, steps });
        *now += 1;
    };
    let old = store.commits / 2;
    match store.asked.planted {
        Planted::Nothing => return,
        Planted::StaleRead => {
            let reads = (0..4).map(|key| {
                let commits = if key == 0 { old } else { store.commits };
                (false, key, store.value(key, commits))
            });
            add(reads.collect());
        }
        Planted::LateSnapshot => {
            add((0..4).map(|key| (false, key, store.value(key, old))).collect());
        }
        Planted::LostUpdate => {
            add(vec![(true, x, values[0])]);
            add(vec![(false, x, values[0]), (true, x, values[1])]);
            add(vec![(false, x, values[0]), (true, x, values[2])]);
        }
        Planted::WriteSkew => {
            add(vec![(true, x, values[0]), (true, y, values[1])]);
            let reads = [(false, x, values[0]), (false, y, values[1])];
            add([&reads[..], &[(true, x, values[2])]].concat());
            add([&reads[..], &[(true, y, values[3])]].concat());
        }
        Planted::LongFork => {
            add(vec![(true, x, values[0]), (true, y, values[1])]);
            add(vec![(true, x, values[2])]);
            add(vec![(true, y, values[3])]);
            add(vec![(false, x, values[2]), (false, y, values[1])]);
            add(vec![(false, x, values[0]), (false, y, values[3])]);
        }
    }
    *now += 100;
}

/// As they would be read from a file.
fn transactions(mut done: Vec<Done>, timed: bool) -> Transactions {
    done.sort_by_key(|txn| if timed { (txn.begin, 0) } else { (txn.session, txn.begin) });
    let mut builder = Builder::new(timed);
    for Done { session, begin, end, steps } in done {
        if timed {
            builder.begin(NewTxn {
                index: begin.into(),
                called: u64::from(begin) * 1_000,
                returned: u64::from(end) * 1_000,
                process: session,
                begin,
                end,
                status: Status::Committed,
            });
        } else {
            builder.begin_in_session(session, Status::Committed);
        }
        for (write, key, value) in steps {
            let action = if write { Action::Write } else { Action::Read };
            builder.micro(action, Atom(key), if value == NIL { Atom::NIL } else { Atom(value) });
        }
    }
    builder.finish()
}
