//! What must hold of any input to the readers of transactions; see [`crate::fuzzing`].

use super::{Format, PART, TransactionsRead, careful, fast, read_cobra};
use super::{awdit, dbcop, plume};
use crate::history::{self, ReadError};
use crate::txn::transactions::{Action, NEVER, Status, Transactions};

/// EDN: the fast way and the careful way give the same.
pub fn edn(bytes: &[u8]) {
    both_ways(bytes, history::Format::Edn);
}

/// Our JSON lines and elle-cli's arrays: the fast way and the careful way give the same.
pub fn json(bytes: &[u8]) {
    both_ways(bytes, history::Format::JsonLines);
    both_ways(bytes, history::Format::JsonArray);
}

/// AWDIT's test format, and dbcop's text format.
pub fn texts(bytes: &[u8]) {
    of_sessions(awdit::read(bytes));
    of_sessions(dbcop::read_text(bytes));
}

/// Plume's text format.
pub fn plume(bytes: &[u8]) {
    of_sessions(plume::read(bytes));
}

/// dbcop's JSON, and its binary format.
pub fn dbcop(bytes: &[u8]) {
    of_sessions(dbcop::read_json(bytes));
    of_sessions(dbcop::read_binary(bytes));
}

/// Cobra's logs: the bytes as one, and their halves as two.
pub fn cobra(bytes: &[u8]) {
    of_sessions(read_cobra(&[bytes]));
    let (first, second) = bytes.split_at(bytes.len() / 2);
    of_sessions(read_cobra(&[first, second]));
}

/// A history of events in a format, whatever a look at it would say.
fn both_ways(bytes: &[u8], format: history::Format) {
    for write in ["append", "w"] {
        let slow = match format {
            history::Format::Edn => history::edn::read(bytes),
            history::Format::JsonArray => history::elle_json::read(bytes),
            _ => history::jsonl::read(bytes),
        };
        let slow = slow.ok().and_then(|(history, recovery)| {
            let transactions = Transactions::from_history(&history, write).ok()?;
            let (format, events) = (Format::History(format), history.events().len() as u64);
            Some(TransactionsRead { transactions, format, recovery, events })
        });
        for part in [PART, 1, 60] {
            in_parts(bytes, format, write, part, slow.as_ref());
        }
    }
    // What detection makes of it: nothing is asked but an answer.
    drop(careful(bytes, "history", "append"));
    drop(super::read_transactions(bytes, "history", "append"));
}

/// If the fast way copes, it gives what the careful way does.
pub(super) fn in_parts(
    bytes: &[u8],
    format: history::Format,
    write: &str,
    part: usize,
    slow: Option<&TransactionsRead>,
) {
    let Some((transactions, recovery, events)) = fast(bytes, format, write, part) else { return };
    let Some(slow) = slow else {
        panic!("only the fast way reads {:?}", String::from_utf8_lossy(bytes));
    };
    let format = Format::History(format);
    same(&TransactionsRead { transactions, format, recovery, events }, slow, write);
}

/// The same transactions, with the same atoms.
pub(super) fn same(fast: &TransactionsRead, slow: &TransactionsRead, write: &str) {
    assert_eq!(fast.recovery, slow.recovery);
    assert_eq!((fast.format, fast.events), (slow.format, slow.events));
    let (fast, slow) = (&fast.transactions, &slow.transactions);
    assert_eq!(fast.all(), slow.all());
    assert_eq!(fast.all_micros(), slow.all_micros(), "atoms differ");
    assert_eq!(fast.is_timed(), slow.is_timed());
    for number in 0..slow.len() as u32 {
        assert_eq!(fast.text(number, write), slow.text(number, write));
    }
}

/// What holds of every history without time.
fn of_sessions(read: Result<Transactions, ReadError>) {
    let txns = match read {
        Ok(txns) => txns,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(!txns.is_timed());
    for (number, txn) in txns.all().iter().enumerate() {
        assert_eq!((txn.index, txn.end), (number as u64, NEVER));
        for micro in txns.micros(number as u32) {
            assert!((micro.key as usize) < txns.key_count());
            assert_ne!(micro.action, Action::ReadList, "a register holds no list");
            let known = micro.action == Action::Read;
            assert!(!known || txn.status == Status::Committed, "nobody knows what it saw");
        }
        let text = txns.text(number as u32, "w");
        assert_eq!(text.as_array().map(Vec::len), Some(txns.micros(number as u32).len()));
    }
}
