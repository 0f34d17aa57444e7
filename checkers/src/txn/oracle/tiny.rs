//! A tiny history, spelt out: what each transaction did, and what it had to come after.

use super::{Assumed, Datatype};
use crate::txn::transactions::{Action, Atom, Status, Transactions};

/// A set of transactions, or of other small things.
pub(super) type Set = u32;

/// The most transactions; every set of them has to fit a [`Set`], and time is exponential.
pub(super) const MAX: usize = 8;

/// A step whose effect or answer is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Write {
        key: usize,
        value: u32,
    },
    /// A register shows one value or, before any write, none.
    Read {
        key: usize,
        seen: Vec<u32>,
    },
}

#[derive(Clone, Debug)]
pub(super) struct One {
    pub(super) steps: Vec<Step>,
    pub(super) status: Status,
    /// Keys that it writes.
    pub(super) writes: Set,
    /// Keys that nobody else may write meanwhile, where such conflicts are noticed. Additions
    /// commute, so they need not be.
    pub(super) conflicts: Set,
}

/// What was written to each key, in order.
pub(super) type State = Vec<Vec<u32>>;

#[derive(Clone, Debug)]
pub(super) struct Tiny {
    pub(super) datatype: Datatype,
    pub(super) keys: usize,
    pub(super) txns: Vec<One>,
    /// Those that committed.
    pub(super) committed: Set,
    /// Those of unknown outcome.
    pub(super) unknown: Set,
    /// Those that committed, and those of unknown outcome whose writes a committed one read.
    pub(super) happened: Set,
    /// Per transaction those that were before it in its session.
    pub(super) session: Vec<Set>,
    /// Per transaction those that were over before it began, or before it in its session.
    pub(super) real_time: Vec<Set>,
    /// Per transaction those whose writes must come before its own because of what is assumed.
    pub(super) versions: Vec<Set>,
}

pub(super) fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..MAX).filter(move |at| set & 1 << at != 0)
}

impl Tiny {
    pub(super) fn new(txns: &Transactions, datatype: Datatype, assumed: Assumed) -> Self {
        assert!(txns.len() <= MAX, "too many transactions for brute force");
        assert!(txns.key_count() <= Set::BITS as usize, "too many keys for brute force");
        let one = |number| One {
            steps: txns.micros(number).iter().filter_map(|micro| step(txns, micro)).collect(),
            status: txns.txn(number).status,
            writes: 0,
            conflicts: 0,
        };
        let mut all: Vec<One> = (0..txns.len() as u32).map(one).collect();
        for one in &mut all {
            let keys = one.steps.iter().filter_map(|step| match step {
                Step::Write { key, .. } => Some(key),
                Step::Read { .. } => None,
            });
            one.writes = keys.fold(0, |set, key| set | 1 << key);
            one.conflicts = if datatype.commutes() { 0 } else { one.writes };
        }
        let with = |status| {
            let has = |at: &usize| all[*at].status == status;
            (0..all.len()).filter(has).fold(0, |set, at| set | 1 << at)
        };
        let (committed, unknown) = (with(Status::Committed), with(Status::Unknown));
        let order = |before: &dyn Fn(u32, u32) -> bool| -> Vec<Set> {
            let count = txns.len() as u32;
            let set = |of| (0..count).filter(|at| before(*at, of)).fold(0, |set, at| set | 1 << at);
            (0..count).map(set).collect()
        };
        let in_session = |a: u32, b: u32| {
            let same = txns.txn(a).process == txns.txn(b).process;
            same && a < b && txns.in_session_order(a, b)
        };
        let is_over = |a: u32, b: u32| txns.is_timed() && txns.txn(a).end < txns.txn(b).begin;
        let mut tiny = Self {
            datatype,
            keys: txns.key_count(),
            txns: all,
            committed,
            unknown,
            happened: 0,
            session: order(&in_session),
            real_time: order(&|a, b| in_session(a, b) || is_over(a, b)),
            versions: Vec::new(),
        };
        tiny.happened = committed | tiny.read_from() & unknown;
        tiny.versions = tiny.assume(txns, assumed);
        tiny
    }

    /// Who wrote a value, if anybody tried.
    pub(super) fn writer(&self, of: usize, what: u32) -> Option<usize> {
        let wanted = Step::Write { key: of, value: what };
        self.txns.iter().position(|one| one.steps.contains(&wanted))
    }

    /// What was read of keys, and by whom, by transactions that committed.
    pub(super) fn reads(&self) -> impl Iterator<Item = (usize, usize, &[u32])> {
        members(self.committed).flat_map(|at| {
            self.txns[at].steps.iter().filter_map(move |step| match step {
                Step::Read { key, seen } => Some((at, *key, seen.as_slice())),
                Step::Write { .. } => None,
            })
        })
    }

    fn read_from(&self) -> Set {
        if self.datatype == Datatype::Counter {
            return 0;
        }
        let seen = self.reads().flat_map(|(_, key, seen)| seen.iter().map(move |v| (key, *v)));
        seen.filter_map(|(key, value)| self.writer(key, value)).fold(0, |set, at| set | 1 << at)
    }

    /// The empty database.
    pub(super) fn empty(&self) -> State {
        vec![Vec::new(); self.keys]
    }

    /// Lets a transaction happen, alone, on this state. Whether it saw what it had to see.
    pub(super) fn replay(&self, at: usize, state: &mut State) -> bool {
        let known = self.txns[at].status == Status::Committed;
        self.txns[at].steps.iter().all(|step| match step {
            Step::Write { key, value } => {
                state[*key].push(*value);
                true
            }
            Step::Read { key, seen } => !known || self.datatype.shows(&state[*key], seen),
        })
    }

    /// All sets that hold those that committed and some of unknown outcome.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = Set> {
        let (committed, unknown) = (self.committed, self.unknown);
        (0..1 << MAX).filter(move |set| set & !unknown == 0).map(move |set| set | committed)
    }
}

impl Datatype {
    /// Whether the order of writes does not matter.
    pub(super) fn commutes(self) -> bool {
        matches!(self, Self::Set | Self::Counter)
    }

    /// Whether what was written looks like this to a reader.
    fn shows(self, written: &[u32], seen: &[u32]) -> bool {
        match self {
            Self::ListAppend => written == seen,
            Self::RwRegister => written.last() == seen.last(),
            Self::Set => {
                let sorted = |list: &[u32]| {
                    let mut list = list.to_vec();
                    list.sort_unstable();
                    list
                };
                sorted(written) == sorted(seen)
            }
            Self::Counter => written.iter().sum::<u32>() == seen.iter().sum::<u32>(),
        }
    }
}

fn step(txns: &Transactions, micro: &crate::txn::transactions::Micro) -> Option<Step> {
    let (key, value) = (micro.key as usize, micro.value.0);
    match micro.action {
        Action::Write => Some(Step::Write { key, value }),
        Action::Read if micro.value == Atom::NIL => Some(Step::Read { key, seen: Vec::new() }),
        Action::Read => Some(Step::Read { key, seen: vec![value] }),
        Action::ReadList => Some(Step::Read { key, seen: txns.list(micro).to_vec() }),
        Action::ReadUnknown => None,
    }
}
