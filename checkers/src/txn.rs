//! Transactions: isolation judged by dependencies between them.

mod cycles;
mod explain;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod graph;
mod isolation;
#[cfg(test)]
mod judge;
pub mod key_value;
pub mod list_append;
#[cfg(any(test, feature = "fuzzing"))]
pub mod oracle;
pub mod partitioned_log;
pub mod predicate;
mod ranks;
pub mod read;
pub mod rw_register;
pub mod set_add;
mod spread;
pub mod strong;
pub mod synthetic;
pub mod transactions;
pub mod txn_bank;
pub mod txn_counter;
pub mod weak;
mod windows;

pub use isolation::{ConsistencyModel, weakest};
pub use list_append::ListAppend;
pub use partitioned_log::PartitionedLog;
pub use predicate::PredicateRegister;
pub use rw_register::RwRegister;
pub use set_add::SetAdd;
pub use strong::StrongIsolation;
pub use transactions::Transactions;
pub use txn_bank::TxnBank;
pub use txn_counter::TxnCounter;
pub use weak::{WeakIsolation, WeakLevel};

use crate::{Budget, Finding, History};

/// A checker of transactions in compact form; what [`Checker`](crate::Checker) is for events.
pub trait TransactionChecker: Send + Sync {
    /// A short stable name, as it appears in `results.json`.
    fn name(&self) -> &str;

    /// Decides. Never panics; out of budget is [`Verdict::Unknown`](crate::Verdict::Unknown).
    fn check_transactions(&self, txns: &Transactions, budget: &Budget) -> Finding;
}

/// Judges the transactions of a history of events, in which `write` is the word for a write.
pub fn check_events(
    checker: &dyn TransactionChecker,
    write: &str,
    history: &History,
    budget: &Budget,
) -> Finding {
    match Transactions::from_history(history, write) {
        Ok(txns) => checker.check_transactions(&txns, budget),
        Err(why) => Finding::unknown(checker.name(), why),
    }
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod orders_tests;
