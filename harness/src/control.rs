//! Control of nodes over SSH: commands, files and long-lived processes.

mod command;
mod session;
mod target;

pub use command::{Command, Exit, Output};
pub use session::{ControlError, RemoteProcess, Session};
pub use target::{HostKeys, SshTarget};
