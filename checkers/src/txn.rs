//! Transactions: isolation judged by dependencies between them.

mod cycles;
mod explain;
mod graph;
mod isolation;
pub mod key_value;
pub mod list_append;
mod ranks;
pub mod rw_register;
pub mod transactions;
pub mod weak;
mod windows;

pub use isolation::ConsistencyModel;
pub use list_append::ListAppend;
pub use rw_register::RwRegister;
pub use transactions::Transactions;
pub use weak::{WeakIsolation, WeakLevel};
