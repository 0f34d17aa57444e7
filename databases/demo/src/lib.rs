//! The embedded demo database: a replicated transactional key-value store with switchable bugs.
//!
//! Correct by default: every command is strictly serializable, under crashes, pauses and
//! partitions. The correct server is in [`server`], `node`, `state`, `log` and `machine`; the
//! mistakes that it can be told to make are in [`bugs`], and nowhere else.

pub mod alone;
pub mod bugs;
pub mod client;
mod clock;
pub mod command;
mod database;
pub mod gossip;
mod log;
mod machine;
mod node;
mod peers;
mod raft;
mod reads;
pub mod server;
pub mod state;
pub mod wire;

pub use database::{PORT, database};

/// The internal command that runs a server: `perjury demo-server ...`.
pub const SERVER_COMMAND: &str = "demo-server";
