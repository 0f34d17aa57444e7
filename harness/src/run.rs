//! A run: cluster up, database up, load under faults, heal, final reads, teardown.
//!
//! Every phase has a time limit and an error that names it. Whatever fails, what came before is
//! kept, the faults are healed, the logs are fetched and the cluster is taken down.

pub mod clocks;
mod conductor;
mod fail_fast;
pub mod hosts;
pub mod nodes;
pub mod record;
mod settle;
mod trial;
mod witness;

use crate::exit::{HarnessFailure, Stop as Ended, Usage};
use crate::local::{LocalCluster, LocalSpec};
use crate::plan::Plan;
use crate::scheduler::{Progress, Stop};
use crate::store::RunDir;
use crate::{Cluster, Registry};
use nodes::Member;
use record::RunRecord;
use std::path::PathBuf;
use std::sync::Arc;

/// What a run needs besides its plan.
pub struct Setting<'a> {
    pub registry: &'a Registry,
    pub run: &'a RunDir,
    /// Packages unpacked beneath the local nodes' root.
    pub layers: Vec<PathBuf>,
    /// This program, to be uploaded as the agent.
    pub perjury: PathBuf,
    /// Ctrl-C.
    pub stop: Stop,
    pub progress: Arc<Progress>,
    /// Told of every step, for the terminal and the log.
    pub say: &'a (dyn Fn(&str) + Sync),
}

/// Runs the plan. The record says how far it came; `Err` only for what is wrong with the plan.
pub async fn run(plan: &Plan, setting: &Setting<'_>) -> Result<RunRecord, Ended> {
    let mut record = RunRecord::begin(jiff::Timestamp::now());
    record.write(setting.run).map_err(|error| HarnessFailure::new("the store", error))?;
    let outcome = on_cluster(plan, setting, &mut record).await;
    let refused = match outcome {
        Ok(()) => None,
        Err(Ended::Harness(failure)) => {
            tracing::error!("{failure}");
            record.fail(&failure);
            None
        }
        Err(Ended::Usage(usage)) => Some(usage),
    };
    record.ended = true;
    record.write(setting.run).map_err(|error| HarnessFailure::new("the store", error))?;
    refused.map_or(Ok(record), |usage: Usage| Err(usage.into()))
}

async fn on_cluster(
    plan: &Plan,
    setting: &Setting<'_>,
    record: &mut RunRecord,
) -> Result<(), Ended> {
    let size = plan.cluster.size();
    if !plan.cluster.is_local() {
        let machines = hosts::machines(&plan.cluster, setting.registry, setting.say).await?;
        let reach = machines.as_deref().map_or(&plan.cluster, |machines| machines.reach());
        (setting.say)(&format!("connecting to {size} hosts"));
        let outcome = match hosts::up(reach, &setting.perjury).await {
            Ok(cluster) => trial::hold(plan, setting, record, &cluster).await,
            Err(failure) => Err(failure.into()),
        };
        if let Some(machines) = machines
            && let Err(error) = machines.close(setting.say).await
        {
            tracing::warn!("the virtual machines are not left as found: {error}");
        }
        return outcome;
    }
    (setting.say)(&format!("starting {size} local nodes"));
    let local = local_up(plan, setting).await?;
    let outcome = match local_cluster(&local, setting).await {
        Ok(cluster) => trial::hold(plan, setting, record, &cluster).await,
        Err(failure) => Err(failure.into()),
    };
    local.down().await;
    outcome
}

async fn local_up(plan: &Plan, setting: &Setting<'_>) -> Result<LocalCluster, HarnessFailure> {
    let writable = trial::data_folders(plan, setting.registry);
    let spec = LocalSpec { names: plan.cluster.names(), layers: setting.layers.clone(), writable };
    LocalCluster::up(spec).await.map_err(|error| HarnessFailure::new("starting the nodes", error))
}

async fn local_cluster(
    local: &LocalCluster,
    setting: &Setting<'_>,
) -> Result<Cluster, HarnessFailure> {
    let members = local.nodes().iter().map(|node| Member {
        name: node.name.clone(),
        address: node.address,
        target: node.ssh.clone(),
    });
    let nodes = nodes::connect_all(members.collect(), &setting.perjury).await?;
    Ok(Cluster { nodes, fabric: Some(local.fabric()) })
}
