//! Rows that judge histories, already read, by dependencies between transactions.

use perjury_checkers::linear::synthetic::Random;
use perjury_checkers::txn::rw_register::Inference;
use perjury_checkers::txn::synthetic::atomic::{Kind, Load};
use perjury_checkers::txn::transactions::{Action, Atom, Builder, NewTxn};
use perjury_checkers::txn::{
    ConsistencyModel, ListAppend, RwRegister, TransactionChecker, Transactions,
};
use perjury_checkers::{Budget, Finding};

use super::Row;
use super::measure::{Measured, timed};

const THOUSAND: u32 = 1_000;
const MILLION: u32 = 1_000_000;

const NONE: Inference =
    Inference { wfr_keys: false, sequential_keys: false, linearizable_keys: false };
const ALL: Inference = Inference { wfr_keys: true, sequential_keys: true, linearizable_keys: true };

pub const ROWS: &[Row] = &[
    Row { name: "judge list-append 100k", large: false, run: || lists(100 * THOUSAND, 10) },
    Row { name: "judge list-append 1M", large: false, run: || lists(MILLION, 10) },
    Row { name: "judge list-append 1M, 100 clients", large: false, run: || lists(MILLION, 100) },
    Row { name: "judge list-append 10M", large: true, run: || lists(10 * MILLION, 10) },
    Row { name: "judge broken list-append 10k", large: false, run: || broken(10 * THOUSAND) },
    Row { name: "judge broken list-append 100k", large: false, run: || broken(100 * THOUSAND) },
    Row { name: "judge rw-register 1M, nothing assumed", large: false, run: || registers(NONE) },
    Row {
        name: "judge rw-register 1M, wfr-keys",
        large: false,
        run: || registers(Inference { wfr_keys: true, ..NONE }),
    },
    Row {
        name: "judge rw-register 1M, sequential-keys",
        large: false,
        run: || registers(Inference { sequential_keys: true, ..NONE }),
    },
    Row {
        name: "judge rw-register 1M, linearizable-keys",
        large: false,
        run: || registers(Inference { linearizable_keys: true, ..NONE }),
    },
    Row { name: "judge rw-register 1M, all three", large: false, run: || registers(ALL) },
];

fn lists(transactions: u32, processes: u32) -> Measured {
    let load = Load { processes, ..Load::new(Kind::ListAppend, transactions, 1) };
    judged(&load.transactions(), &ListAppend { model: ConsistencyModel::StrictSerializable })
}

fn registers(inference: Inference) -> Measured {
    let checker = RwRegister { inference, ..RwRegister::default() };
    judged(&Load::new(Kind::RwRegister, MILLION, 1).transactions(), &checker)
}

/// A store in which a third of all reads show any version at all.
fn broken(transactions: u32) -> Measured {
    let sound = Load::new(Kind::ListAppend, transactions, 1).transactions();
    let mut random = Random(7);
    let mut builder = Builder::new(true);
    for (number, txn) in (0u32..).zip(sound.all()) {
        let (index, called, returned) = (txn.index, txn.called, txn.returned);
        let (process, begin, end, status) = (txn.process, txn.begin, txn.end, txn.status);
        builder.begin(NewTxn { index, called, returned, process, begin, end, status });
        for micro in sound.micros(number) {
            let key = Atom(micro.key);
            if micro.action == Action::ReadList {
                let seen = sound.list(micro);
                let any = random.below(3) == 0;
                let shown =
                    if any { random.below(seen.len() as u64 + 1) as usize } else { seen.len() };
                builder.read_list(key, seen[..shown].iter().map(|atom| Atom(*atom)));
            } else {
                builder.micro(micro.action, key, micro.value);
            }
        }
    }
    judged(&builder.finish(), &ListAppend::default())
}

fn judged(txns: &Transactions, checker: &dyn TransactionChecker) -> Measured {
    let (finding, took) = timed(|| checker.check_transactions(txns, &Budget::default()));
    Measured { transactions: txns.len(), took, bytes: 0, result: told(&finding) }
}

/// The verdict, and how many kinds of anomalies there are.
fn told(finding: &Finding) -> String {
    let kinds = finding.stats["anomalies"].as_object().map_or(0, serde_json::Map::len);
    let verdict = format!("{:?}", finding.verdict).to_lowercase();
    if kinds == 0 { verdict } else { format!("{verdict}, {kinds} kinds of anomalies") }
}
