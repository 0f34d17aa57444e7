//! Perjury: registers the built-in databases, workloads and faults, and runs the command line.
//! A third party with a database, workload or fault of its own writes this same file.

use perjury_harness::{Registry, cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(&Registry::default())
}
