//! Tiny histories made of any bytes, on which no checker may refute what the definitions allow.

use super::oracle::{Datatype, refuted};
use super::transactions::{Action, Atom, Builder, NEVER, NewTxn, Status};
use super::{ConsistencyModel, ListAppend, RwRegister, TransactionChecker, Transactions};
use crate::{Budget, Verdict};

/// The most transactions of a history.
const MOST: usize = 5;
/// The most steps of a transaction.
const STEPS: u8 = 3;
/// The most steps of a history: with more, some take brute force so long that a fuzzer, whose
/// build is fifty times slower, takes them for endless.
const ALL_STEPS: u8 = 10;
/// Keys.
const KEYS: u8 = 2;

/// The first byte says what keys hold; the others are transactions: see [`history`]. What the
/// checker of lists or registers rules out, the definitions rule out, too.
pub(crate) fn checkers(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let lists = first % 2 == 0;
    let txns = history(rest, lists);
    let (finding, datatype) = if lists {
        let finding = ListAppend::default().check_transactions(&txns, &Budget::default());
        (finding, Datatype::ListAppend)
    } else {
        // Nothing is assumed of the order of versions.
        let checker = RwRegister::new(ConsistencyModel::ReadCommitted);
        (checker.check_transactions(&txns, &Budget::default()), Datatype::RwRegister)
    };
    if finding.verdict == Verdict::Unknown && finding.stats.is_null() {
        // A value is written twice.
        return;
    }
    let Some(claimed) = finding.stats["models"]["ruled-out-by"].as_object() else { return };
    let judged: Vec<_> = claimed.iter().filter(|c| ORACLES.contains(&c.0.as_str())).collect();
    if judged.is_empty() {
        // Trying all choices takes long.
        return;
    }
    let expected = refuted(&txns, datatype);
    for (model, kind) in judged {
        assert!(expected.contains(model.as_str()), "{model} by {kind}: {txns:?}");
    }
}

/// Levels that the oracle knows.
const ORACLES: [&str; 18] = [
    "strong-session-read-committed",
    "strong-read-committed",
    "read-committed",
    "cursor-stability",
    "monotonic-view",
    "monotonic-atomic-view",
    "read-atomic",
    "causal-cerone",
    "prefix",
    "parallel-snapshot-isolation",
    "consistent-view",
    "update-serializable",
    "snapshot-isolation",
    "repeatable-read",
    "serializable",
    "strong-session-serializable",
    "strong-snapshot-isolation",
    "strict-serializable",
];

/// A transaction is a byte for its outcome and how long it takes, a byte for the number of its
/// steps, and a byte or two for each step.
fn history(bytes: &[u8], lists: bool) -> Transactions {
    let mut bytes = bytes.iter().copied();
    let mut builder = Builder::new(true);
    let mut written = [0u32; KEYS as usize];
    let mut left = ALL_STEPS;
    for number in 0..MOST as u32 {
        let (Some(head), Some(steps)) = (bytes.next(), bytes.next()) else { break };
        let status = match head % 8 {
            0 => Status::Aborted,
            1 => Status::Unknown,
            _ => Status::Committed,
        };
        let begin = 10 * number;
        let end = 10 * (number + u32::from(head >> 3) % 4) + 1 + number;
        let known = status != Status::Unknown;
        builder.begin(NewTxn {
            index: u64::from(begin),
            called: u64::from(begin),
            returned: if known { u64::from(end) } else { u64::MAX },
            // Nobody calls again while a call is open, as each has a process of its own.
            process: number,
            begin,
            end: if known { end } else { NEVER },
            status,
        });
        let steps = (steps % STEPS + 1).min(left);
        left -= steps;
        for _ in 0..steps {
            let Some(step) = bytes.next() else { break };
            let key = step % KEYS;
            if step & 2 == 0 {
                written[usize::from(key)] += 1;
                let value = written[usize::from(key)];
                builder.micro(Action::Write, Atom(u32::from(key)), Atom(value));
            } else if status == Status::Committed {
                read(&mut builder, key, step >> 2, bytes.next().unwrap_or(0), lists);
            } else {
                builder.micro(Action::ReadUnknown, Atom(u32::from(key)), Atom::NIL);
            }
        }
    }
    builder.finish()
}

/// A read of the first elements, or of some value; with two of them exchanged, or one left out.
fn read(builder: &mut Builder, key: u8, how: u8, many: u8, lists: bool) {
    let key = Atom(u32::from(key));
    if !lists {
        let value = u32::from(many % 6);
        let value = if value == 0 { Atom::NIL } else { Atom(value) };
        builder.micro(Action::Read, key, value);
        return;
    }
    let mut list: Vec<Atom> = (1..=u32::from(many % 6)).map(Atom).collect();
    if let (true, [.., before, last]) = (how % 4 == 1, list.as_mut_slice()) {
        std::mem::swap(before, last);
    }
    if how % 4 == 2 && !list.is_empty() {
        list.remove(0);
    }
    builder.read_list(key, list.into_iter());
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use crate::linear::synthetic::Random;

    #[test]
    fn what_checkers_rule_out_the_definitions_rule_out_too() {
        (0..100_000u64).into_par_iter().for_each(|seed| {
            let mut random = Random(seed);
            let length = 4 + random.below(30);
            let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            super::checkers(&bytes);
        });
    }
}
