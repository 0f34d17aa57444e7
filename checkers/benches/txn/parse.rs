//! Rows that read histories, or make them.

use perjury_checkers::txn::read::read_transactions;
use perjury_checkers::txn::synthetic::atomic::{Kind, Load};

use super::Row;
use super::measure::{Measured, timed};

const THOUSAND: u32 = 1_000;
const MILLION: u32 = 1_000_000;

pub const ROWS: &[Row] = &[
    Row {
        name: "parse EDN list-append 100k",
        large: false,
        run: || parse(Kind::ListAppend, 100 * THOUSAND),
    },
    Row {
        name: "parse EDN list-append 1M",
        large: false,
        run: || parse(Kind::ListAppend, MILLION),
    },
    Row {
        name: "parse EDN rw-register 1M",
        large: false,
        run: || parse(Kind::RwRegister, MILLION),
    },
    Row { name: "make list-append 1M", large: false, run: || make(Kind::ListAppend, MILLION) },
    Row {
        name: "parse EDN list-append 10M",
        large: true,
        run: || parse(Kind::ListAppend, 10 * MILLION),
    },
    Row { name: "make list-append 10M", large: true, run: || make(Kind::ListAppend, 10 * MILLION) },
];

fn parse(kind: Kind, transactions: u32) -> Measured {
    let mut bytes = Vec::new();
    Load::new(kind, transactions, 1).write_edn(&mut bytes).expect("a vector takes everything");
    bytes.shrink_to_fit();
    let write = if kind == Kind::ListAppend { "append" } else { "w" };
    let (read, took) = timed(|| read_transactions(&bytes, "history.edn", write));
    let read = read.expect("transactions");
    let transactions = read.transactions.len();
    let bytes = bytes.len() as u64;
    Measured { transactions, took, bytes, result: format!("{} events", read.events) }
}

fn make(kind: Kind, transactions: u32) -> Measured {
    let (made, took) = timed(|| Load::new(kind, transactions, 1).transactions());
    let result = format!("{} steps", made.all_micros().len());
    Measured { transactions: made.len(), took, bytes: 0, result }
}
