//! Transactions: isolation judged by dependencies between them.

mod build;
mod cycles;
mod explain;
mod graph;
mod isolation;
pub mod key_value;
pub mod list_append;
mod order;
mod parse;
pub mod read;
pub mod rw_register;
pub mod synthetic;
pub mod transactions;

pub use isolation::ConsistencyModel;
pub use list_append::ListAppend;
pub use rw_register::RwRegister;
pub use transactions::Transactions;
