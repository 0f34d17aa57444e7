//! Transactions: isolation judged by dependencies between them.

mod cycles;
mod explain;
mod graph;
mod isolation;
pub mod key_value;
pub mod list_append;
mod ranks;
pub mod read;
pub mod rw_register;
pub mod strong;
pub mod synthetic;
pub mod transactions;
mod windows;

pub use isolation::ConsistencyModel;
pub use list_append::ListAppend;
pub use rw_register::RwRegister;
pub use transactions::Transactions;

use crate::{Budget, Finding};

/// A checker of transactions in compact form; what [`Checker`](crate::Checker) is for events.
pub trait TransactionChecker: Send + Sync {
    /// A short stable name, as it appears in `results.json`.
    fn name(&self) -> &str;

    /// The history's word for a write: `append`, `w`.
    fn write_word(&self) -> &'static str;

    /// Decides. Never panics; out of budget is [`Verdict::Unknown`](crate::Verdict::Unknown).
    fn check_transactions(&self, txns: &Transactions, budget: &Budget) -> Finding;
}
