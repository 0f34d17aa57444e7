//! Transactions: isolation judged by dependencies between them.

mod cycles;
mod explain;
mod graph;
mod isolation;
pub mod key_value;
pub mod list_append;
pub mod predicate;
mod ranks;
pub mod rw_register;
pub mod set_add;
mod spread;
pub mod transactions;
pub mod txn_bank;
pub mod txn_counter;
mod windows;

pub use isolation::ConsistencyModel;
pub use list_append::ListAppend;
pub use predicate::PredicateRegister;
pub use rw_register::RwRegister;
pub use set_add::SetAdd;
pub use transactions::Transactions;
pub use txn_bank::TxnBank;
pub use txn_counter::TxnCounter;

#[cfg(test)]
mod orders_tests;
