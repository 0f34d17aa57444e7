//! Hosts: nodes that exist already, reached by SSH as `ssh -G` says.

use super::nodes::{Member, connect_all};
use crate::control::{HostKeys, Overrides, SshTarget, resolve};
use crate::exit::HarnessFailure;
use crate::machines::Machines;
use crate::plan::ClusterPlan;
use crate::{Cluster, Registry};
use std::net::IpAddr;
use std::path::PathBuf;

/// Connects to every host of the plan and starts the agent there.
pub async fn up(plan: &ClusterPlan, perjury: &std::path::Path) -> Result<Cluster, HarnessFailure> {
    let mut members = Vec::new();
    for (position, host) in plan.hosts.iter().enumerate() {
        let target = target(plan, host).await?;
        let address = match plan.addresses.get(position) {
            Some(address) => *address,
            None => address(&target, plan.hosts.len()).await?,
        };
        members.push(Member { name: target.name.clone(), address, target });
    }
    let nodes = connect_all(members, perjury).await?;
    Ok(Cluster { nodes, fabric: None })
}

/// The virtual machines of a plan, made ready; none when its hosts are others.
pub async fn machines(
    plan: &ClusterPlan,
    registry: &Registry,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Option<Box<dyn Machines>>, HarnessFailure> {
    if plan.vagrant.is_none() {
        return Ok(None);
    }
    let failed = |error| HarnessFailure::new("making the virtual machines ready", error);
    let keeper = registry.find_machines().map_err(|usage| failed(usage.0))?;
    keeper.open(plan, say).await.map(Some).map_err(failed)
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

/// The address at which other nodes and clients find it: that of its host name. Several nodes
/// behind forwarded ports of this machine (virtual machines, say) share that; then their own names
/// have to be known here.
async fn address(target: &SshTarget, nodes: usize) -> Result<IpAddr, HarnessFailure> {
    let found = lookup(&target.host).await;
    if let Some(address) = found.filter(|address| nodes == 1 || !address.is_loopback()) {
        return Ok(address);
    }
    if let Some(address) = lookup(&target.name).await.filter(|address| !address.is_loopback()) {
        return Ok(address);
    }
    let message = format!(
        "{}: where do other nodes find it? {} is no address for that: put {} into /etc/hosts, or give \
         the addresses of all nodes with --addresses",
        target.name, target.host, target.name
    );
    Err(HarnessFailure::new("finding the hosts", message))
}

async fn lookup(name: &str) -> Option<IpAddr> {
    if let Ok(address) = name.parse() {
        return Some(address);
    }
    let found = tokio::net::lookup_host((name, 22)).await.ok()?.map(|address| address.ip());
    // IPv4 first: more databases listen there by default.
    let found: Vec<IpAddr> = found.collect();
    found.iter().find(|address| address.is_ipv4()).or(found.first()).copied()
}
