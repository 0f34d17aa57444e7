//! The command line: reads the arguments, runs the command, returns the exit code.

pub mod args;
mod plan;

use crate::Registry;
use std::process::ExitCode;

/// Runs `perjury` with what is registered.
pub fn main(registry: &Registry) -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if let Some(first) = arguments.next()
        && let Some((_, command)) = registry.internal.iter().find(|(name, _)| *name == first)
    {
        return command(arguments.collect());
    }
    ExitCode::from(254)
}
