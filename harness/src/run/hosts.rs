//! Hosts: nodes that exist already, reached by SSH as `ssh -G` says.

use super::nodes::{Member, connect_all};
use crate::Cluster;
use crate::control::{HostKeys, Overrides, SshTarget, resolve};
use crate::exit::HarnessFailure;
use crate::plan::ClusterPlan;
use std::net::IpAddr;
use std::path::PathBuf;

/// Connects to every host of the plan and starts the agent there.
pub async fn up(plan: &ClusterPlan, perjury: &std::path::Path) -> Result<Cluster, HarnessFailure> {
    let mut members = Vec::new();
    for host in &plan.hosts {
        let target = target(plan, host).await?;
        let address = address(&target).await?;
        members.push(Member { name: target.name.clone(), address, target });
    }
    let nodes = connect_all(members, perjury).await?;
    Ok(Cluster { nodes, fabric: None })
}

/// How to reach one host.
pub async fn target(plan: &ClusterPlan, host: &str) -> Result<SshTarget, HarnessFailure> {
    let overrides = Overrides {
        user: plan.username.clone(),
        port: None,
        identity_files: plan.private_key.clone().into_iter().collect(),
        host_keys: host_keys(plan),
    };
    let resolved = resolve(host, plan.ssh_config.as_deref(), &overrides).await;
    resolved.map_err(|error| HarnessFailure::new("finding the hosts", error))
}

fn host_keys(plan: &ClusterPlan) -> Option<HostKeys> {
    let known = || {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        home.join(".ssh").join("known_hosts")
    };
    match plan.host_keys.as_deref()? {
        "strict" => Some(HostKeys::KnownHosts(known())),
        "accept-new" => Some(HostKeys::AcceptNew(known())),
        _ => Some(HostKeys::Insecure),
    }
}

/// The address at which other nodes and clients find it: that of its host name.
async fn address(target: &SshTarget) -> Result<IpAddr, HarnessFailure> {
    if let Ok(address) = target.host.parse() {
        return Ok(address);
    }
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    let failed = |why: String| {
        let message = format!(
            "{}: its host name {} has no address that this machine knows ({why}): put it into /etc/hosts",
            target.name, target.host
        );
        HarnessFailure::new("finding the hosts", message)
    };
    let mut addresses = found.map_err(|error| failed(error.to_string()))?;
    addresses.next().map(|address| address.ip()).ok_or_else(|| failed("no answer".to_owned()))
}
