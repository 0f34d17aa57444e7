//! The server: one process, one node, one TCP port for clients and peers alike.

mod arguments;
mod start;

#[cfg(test)]
pub(crate) use arguments::config_of;
pub use arguments::main;
pub use start::{Config, Server, StartError, Tuning};
