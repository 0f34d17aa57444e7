//! The command line.

use crate::registry::InternalCommand;
use crate::{Registry, local};
use std::process::ExitCode;

/// Runs `perjury` with what is registered.
pub fn main(registry: &Registry) -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    let internal = match first.as_deref() {
        Some(local::COMMAND) => Some(local::command_main as InternalCommand),
        Some(local::NODE) => Some(local::node_main as InternalCommand),
        Some(local::PROBE) => Some(local::probe_main as InternalCommand),
        Some(first) => {
            registry.internal.iter().find(|(name, _)| *name == first).map(|(_, run)| *run)
        }
        None => None,
    };
    if let Some(run) = internal {
        return run(arguments.collect());
    }
    ExitCode::from(254)
}
