//! Control of nodes over SSH: commands, files and long-lived processes.
//!
//! ```text
//! config   what `ssh -G` says of a host            -> SshTarget
//! dial     a byte stream to the server, host key   -> Connection (bounded channels, keepalive)
//! auth     keys from memory, files and the agent
//! session  one Connection per node, mended when it breaks
//! exec     one command: quoting, drain task, time limit, verified end
//! pipe     one long-lived process on a connection of its own
//! files    SFTP up and down
//! ```
//! Invariants: no caller ever holds a raw channel (one that nobody reads would stall every other
//! command of its node); a connection that breaks under a command is [`Exit::Lost`], never a
//! result and never a silent second try; what a time limit ends is looked for on the node
//! afterwards.

mod auth;
mod command;
pub mod config;
mod dial;
mod error;
mod exec;
mod files;
mod hostkey;
mod pipe;
mod quote;
mod session;
mod target;
#[cfg(test)]
pub(crate) mod tests;

pub use command::{Command, Exit, Output};
pub use config::{ConfigError, Overrides, resolve};
pub use error::ControlError;
pub use pipe::RemoteProcess;
pub use session::Session;
pub use target::{HostKeys, SshTarget};
