//! Transactions: isolation judged by dependencies between them.

mod cycles;
mod explain;
mod graph;
mod isolation;
pub mod list_append;
mod order;
mod parse;

pub use isolation::ConsistencyModel;
pub use list_append::ListAppend;
