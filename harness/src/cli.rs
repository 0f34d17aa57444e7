//! The command line: reads the arguments, runs the command, returns the exit code.

mod anomalies;
pub mod args;
mod bench;
mod campaign;
mod client_check;
mod definitions;
mod display;
mod doctor;
mod explain;
mod export;
mod gc;
mod heal;
mod list;
mod log;
mod merge;
mod new;
mod opened;
pub mod output;
mod plan;
mod repro;
mod schedule;
mod schema;
mod serve;
mod stored;
mod stream;
mod test;
mod transactions;

use crate::exit::{self, HarnessFailure, Stop};
use crate::registry::InternalCommand;
use crate::{Registry, local};
use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// Runs `perjury` with what is registered. A panic ends with the code that means "our bug".
pub fn main(registry: &Registry) -> ExitCode {
    catch_unwind(AssertUnwindSafe(|| dispatch(registry))).unwrap_or_else(|_| {
        output::complain("This is a bug in Perjury: please report it with the message above.");
        ExitCode::from(exit::BUG)
    })
}

fn dispatch(registry: &Registry) -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_default();
    if let Some(command) = internal(registry, &first) {
        return command(arguments.collect());
    }
    match Cli::try_parse() {
        Ok(cli) => run(registry, &cli).unwrap_or_else(|stop| {
            output::complain(&format!("perjury: {stop}"));
            stop.code()
        }),
        Err(error) => {
            let _ = error.print();
            ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::VALID })
        }
    }
}

/// Moves to where the virtual machines of this folder are.
fn enter(directory: &std::path::Path, registry: &Registry) -> Result<(), Stop> {
    let entered = registry.find_machines()?.enter(directory);
    let failed = |error| HarnessFailure::new("finding the virtual machines", error).into();
    entered.map_err(failed)
}

/// Commands that have arguments of their own: for nodes, for the lab.
fn internal(registry: &Registry, name: &str) -> Option<InternalCommand> {
    match name {
        local::COMMAND => Some(local::command_main),
        local::NODE => Some(local::node_main),
        local::PROBE => Some(local::probe_main),
        _ => registry.internal.iter().find(|(known, _)| *known == name).map(|(_, run)| *run),
    }
}

fn run(registry: &Registry, cli: &Cli) -> Result<ExitCode, Stop> {
    match &cli.command {
        Command::Test(args) => return test::test(args, registry, cli.verbose),
        Command::Campaign(args) => return campaign::campaign(args, registry),
        Command::Merge(args) => return merge::merge(args),
        Command::Analyze(args) => return stored::analyze(args, registry),
        Command::Check(args) => return stored::check(args),
        Command::Explain(args) => explain::explain(args, registry)?,
        Command::Export(args) => export::export(args, registry)?,
        Command::Anomalies(args) => anomalies::anomalies(args)?,
        Command::History { run } => stored::history(run)?,
        Command::Doctor(args) => return doctor::doctor(args, registry),
        Command::ClientCheck(args) => return client_check::client_check(args, registry),
        Command::New(args) => new::new(args, registry)?,
        Command::Heal(args) => return heal::heal(args, registry),
        Command::Gc(args) => return gc::gc(args),
        Command::Bench(args) => bench::bench(args, registry)?,
        Command::Schema(args) => return Ok(schema::schema(args)),
        Command::Repro(args) => return repro::repro(args, registry),
        Command::Serve(args) => return serve::serve(args, registry),
        Command::Databases(args) => list::databases(registry, args)?,
        Command::Drivers(args) => list::drivers(registry, args)?,
        Command::Workloads(args) => list::workloads(registry, args)?,
        Command::Faults(args) => list::faults(registry, args)?,
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "perjury", &mut std::io::stdout());
        }
    }
    Ok(ExitCode::SUCCESS)
}
