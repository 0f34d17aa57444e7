//! Rows that judge registers by weak isolation, without an order of versions.

use perjury_checkers::Budget;
use perjury_checkers::linear::synthetic::Random;
use perjury_checkers::txn::TransactionChecker;
use perjury_checkers::txn::transactions::{Action, Atom, Builder, Status};
use perjury_checkers::txn::{Transactions, WeakIsolation, WeakLevel};

use super::Row;
use super::measure::{Measured, timed};

const MILLION: usize = 1_000_000;

use WeakLevel::{Causal, Pram, ReadAtomic, ReadCommitted};

pub const ROWS: &[Row] = &[
    Row { name: "weak read-committed 1M", large: false, run: || judged(ReadCommitted, false) },
    Row { name: "weak read-atomic 1M", large: false, run: || judged(ReadAtomic, false) },
    Row { name: "weak causal 1M", large: false, run: || judged(Causal, false) },
    Row {
        name: "weak read-committed 1M, session after session",
        large: false,
        run: || judged(ReadCommitted, true),
    },
    Row {
        name: "weak read-atomic 1M, session after session",
        large: false,
        run: || judged(ReadAtomic, true),
    },
    Row {
        name: "weak causal 1M, session after session",
        large: false,
        run: || judged(Causal, true),
    },
    Row { name: "weak pram 1M, session after session", large: true, run: || judged(Pram, true) },
];

fn judged(level: WeakLevel, sorted: bool) -> Measured {
    let txns = serial(sorted);
    let checker = WeakIsolation { level };
    let (finding, took) = timed(|| checker.check_transactions(&txns, &Budget::default()));
    let result = format!("{:?}", finding.verdict).to_lowercase();
    Measured { transactions: txns.len(), took, bytes: 0, result }
}

/// A session and the steps of a transaction.
type Made = (u32, [(Action, Atom, Atom); 8]);

/// A million transactions of eight steps, in 50 sessions, on 100,000 keys of a serial store. What
/// `sorted` writes down session after session has lost the order in which they ran.
fn serial(sorted: bool) -> Transactions {
    const SESSIONS: u64 = 50;
    const KEYS: u64 = 100_000;
    let mut random = Random(3);
    let mut values = vec![Atom::NIL; KEYS as usize];
    let mut next = vec![0; KEYS as usize];
    let mut txns: Vec<Made> = (0..MILLION)
        .map(|_| {
            let session = random.below(SESSIONS) as u32;
            let steps = std::array::from_fn(|_| {
                let key = random.below(KEYS) as usize;
                let write = random.below(2) == 0;
                if write {
                    next[key] += 1;
                    values[key] = Atom(next[key]);
                }
                let action = if write { Action::Write } else { Action::Read };
                (action, Atom(key as u32), values[key])
            });
            (session, steps)
        })
        .collect();
    if sorted {
        txns.sort_by_key(|(session, _)| *session);
    }
    let mut builder = Builder::new(false);
    for (session, steps) in txns {
        builder.begin_in_session(session, Status::Committed);
        for (action, key, value) in steps {
            builder.micro(action, key, value);
        }
    }
    builder.finish()
}
