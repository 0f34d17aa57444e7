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
pub mod rw_register;
pub mod transactions;
pub mod weak;

pub use isolation::ConsistencyModel;
pub use list_append::ListAppend;
pub use rw_register::RwRegister;
pub use transactions::Transactions;
pub use weak::{WeakIsolation, WeakLevel};
