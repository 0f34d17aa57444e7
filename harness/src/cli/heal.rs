//! `perjury heal`: undoes on hosts what a run left, should its controller have died.
//!
//! Agents do this by themselves when their lease lapses; this is for those who do not want to wait,
//! or whose nodes were rebooted with an agent's ledger on disk.

use super::args::HostArgs;
use super::{output, plan};
use crate::Registry;
use crate::exit::{self, HarnessFailure, Stop, Usage};
use crate::plan::ClusterPlan;
use crate::run::{hosts, nodes};
use std::process::ExitCode;

/// How an agent marks what it could not undo.
const NOT_UNDONE: &str = "not undone";

/// Starts an agent on every host, which undoes what earlier ones left, and ends it again.
pub fn heal(args: &HostArgs, registry: &Registry) -> Result<ExitCode, Stop> {
    let names = plan::hosts(args, registry)?;
    if names.is_empty() {
        let text = "--nodes: name the hosts to heal; local nodes vanish with their controller";
        return Err(Usage(text.to_owned()).into());
    }
    let cluster = ClusterPlan { hosts: names, ..ClusterPlan::from(args) };
    let failed = |error| HarnessFailure::new("healing", error);
    let perjury = std::env::current_exe().map_err(failed)?;
    if let Some(directory) = &args.vagrant {
        super::enter(directory, registry)?;
    }
    let runtime = tokio::runtime::Runtime::new().map_err(failed)?;
    runtime.block_on(async {
        let machines = hosts::machines(&cluster, registry, &|_| {}).await?;
        let cluster = machines.as_deref().map_or(&cluster, |machines| machines.reach());
        let mut left = false;
        for host in &cluster.hosts {
            let target = hosts::target(cluster, host).await?;
            for line in nodes::heal(target, &perjury).await? {
                left |= line.starts_with(NOT_UNDONE);
                output::print(&format!("{host}: {line}"));
            }
        }
        Ok(ExitCode::from(if left { exit::HARNESS } else { exit::VALID }))
    })
}
