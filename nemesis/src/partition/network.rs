//! The two ways to cut a network: in the fabric that the controller carries, or by the agents'
//! firewalls on hosts with a network of their own.

use super::grudge::Grudge;
use super::witness::arrow;
use crate::ground::{Ground, ask};
use crate::wire::{CutPeers, Direction, MendPeers, NET_CUT, NET_MEND, NET_STATUS, NetStatus};
use futures::future::{join_all, try_join_all};
use perjury_harness::Fabric;
use perjury_harness::cluster::Link;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// How long an agent may take over its firewall.
const TIMEOUT: Duration = Duration::from_secs(15);

/// See the module's page.
pub(super) enum Network<'a> {
    Fabric(&'a dyn Fabric),
    Firewall(Addresses),
}

/// For each node the addresses under which others may see it.
pub(super) struct Addresses(Vec<BTreeSet<IpAddr>>);

impl<'a> Network<'a> {
    /// How the nodes of `ground` are cut.
    ///
    /// # Errors
    /// Why they cannot be: a node without nft, or the controller on a node.
    pub(super) async fn of(ground: &'a dyn Ground) -> Result<Self, String> {
        match ground.fabric() {
            Some(fabric) => Ok(Self::Fabric(fabric)),
            None => Ok(Self::Firewall(Addresses::of(ground, &statuses(ground).await?)?)),
        }
    }

    /// Cuts these links, in addition to what is cut.
    pub(super) async fn cut(&self, ground: &dyn Ground, grudge: &Grudge) -> Result<(), String> {
        let addresses = match self {
            Self::Fabric(fabric) => {
                fabric.cut(&grudge.iter().copied().collect::<Vec<_>>());
                return Ok(());
            }
            Self::Firewall(addresses) => addresses,
        };
        let requests = addresses.unheard(grudge).map(|(to, peers)| {
            let with = json!(CutPeers { peers, direction: Direction::In });
            ask::<NetStatus>(ground, to, NET_CUT, with, TIMEOUT)
        });
        all_well(join_all(requests).await)
    }

    /// Lets these links carry everything again.
    pub(super) async fn release(&self, ground: &dyn Ground, grudge: &Grudge) -> Result<(), String> {
        let addresses = match self {
            Self::Fabric(fabric) => {
                fabric.mend(&grudge.iter().copied().collect::<Vec<_>>());
                return Ok(());
            }
            Self::Firewall(addresses) => addresses,
        };
        let requests = addresses.unheard(grudge).map(|(to, peers)| {
            ask::<NetStatus>(ground, to, NET_MEND, json!(MendPeers { peers }), TIMEOUT)
        });
        all_well(join_all(requests).await)
    }

    /// Lets every link carry everything again.
    pub(super) async fn mend(&self, ground: &dyn Ground) -> Result<(), String> {
        if let Self::Fabric(fabric) = self {
            fabric.mend(&fabric.cuts());
            return Ok(());
        }
        let requests = (0..ground.size()).map(|node| {
            ask::<NetStatus>(ground, node, NET_MEND, json!(MendPeers::default()), TIMEOUT)
        });
        all_well(join_all(requests).await)
    }

    /// Links cut at this moment.
    pub(super) async fn cuts(&self, ground: &dyn Ground) -> Result<Grudge, String> {
        match self {
            Self::Fabric(fabric) => Ok(fabric.cuts().into_iter().collect()),
            Self::Firewall(addresses) => {
                let statuses = statuses(ground).await?;
                Ok(addresses.dropped(&statuses).into_keys().collect())
            }
        }
    }

    /// What each of these links has dropped so far: frames of the fabric, packets of a firewall.
    pub(super) async fn dropped(
        &self,
        ground: &dyn Ground,
        links: &Grudge,
    ) -> Result<BTreeMap<Link, u64>, String> {
        let mut counts: BTreeMap<Link, u64> = links.iter().map(|&link| (link, 0)).collect();
        match self {
            Self::Fabric(fabric) => {
                counts.iter_mut().for_each(|(link, count)| *count = fabric.count(*link).dropped);
            }
            Self::Firewall(addresses) => {
                for (link, packets) in addresses.dropped(&statuses(ground).await?) {
                    counts.entry(link).and_modify(|count| *count = packets);
                }
            }
        }
        Ok(counts)
    }

    /// Further addresses of a node that a packet could reach it by: those of its interfaces that
    /// only it has.
    pub(super) fn ways(&self, ground: &dyn Ground, node: usize) -> Vec<IpAddr> {
        let main = ground.address(node);
        let mut ways = vec![main];
        if let Self::Firewall(addresses) = self {
            let routable = |address: &IpAddr| match address {
                IpAddr::V4(v4) => !v4.is_link_local(),
                IpAddr::V6(v6) => !v6.is_unicast_link_local(),
            };
            let others = addresses.0[node].iter().filter(|&address| *address != main);
            ways.extend(others.filter(|address| routable(address)));
        }
        ways
    }
}

/// For each node the addresses that only it has.
pub(super) async fn addresses(ground: &dyn Ground) -> Result<Vec<BTreeSet<IpAddr>>, String> {
    Ok(Addresses::of(ground, &statuses(ground).await?)?.0)
}

async fn statuses(ground: &dyn Ground) -> Result<Vec<NetStatus>, String> {
    let requests = (0..ground.size())
        .map(|node| ask::<NetStatus>(ground, node, NET_STATUS, Value::Null, TIMEOUT));
    let statuses = try_join_all(requests).await?;
    let problems: Vec<String> = statuses
        .iter()
        .enumerate()
        .filter_map(|(node, status)| {
            let problem = status.problem.as_ref()?;
            Some(format!("{}: {problem}", ground.name(node)))
        })
        .collect();
    if problems.is_empty() { Ok(statuses) } else { Err(problems.join("; ")) }
}

/// Every problem, not just the first.
fn all_well(answers: Vec<Result<NetStatus, String>>) -> Result<(), String> {
    let problems: Vec<String> = answers.into_iter().filter_map(Result::err).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

impl Addresses {
    /// For every node that hears too little: whom it should not hear. Packets are dropped there,
    /// so that the sender notices nothing.
    fn unheard(&self, grudge: &Grudge) -> impl Iterator<Item = (usize, Vec<IpAddr>)> {
        let mut unheard: BTreeMap<usize, Vec<IpAddr>> = BTreeMap::new();
        for link in grudge {
            unheard.entry(link.to).or_default().extend(&self.0[link.from]);
        }
        unheard.into_iter()
    }

    fn of(ground: &dyn Ground, statuses: &[NetStatus]) -> Result<Self, String> {
        let mut owners: BTreeMap<IpAddr, BTreeSet<usize>> = BTreeMap::new();
        for (node, status) in statuses.iter().enumerate() {
            for &address in status.addresses.iter().chain([&ground.address(node)]) {
                owners.entry(address).or_default().insert(node);
            }
        }
        let mut addresses = vec![BTreeSet::new(); ground.size()];
        for (address, owners) in owners {
            // Virtual machines behind separate NATs share an address, and so do container bridges:
            // nobody is reached by it from another node.
            if let Some(&owner) = owners.first()
                && owners.len() == 1
            {
                addresses[owner].insert(address);
            }
        }
        for (node, status) in statuses.iter().enumerate() {
            for (other, others) in addresses.iter().enumerate() {
                if let Some(control) = status.control.iter().find(|one| others.contains(one)) {
                    return Err(format!(
                        "{} is controlled from {control}, which is {}: its control connection \
                         would be cut too. Run the controller on a machine that is not a node",
                        ground.name(node),
                        ground.name(other)
                    ));
                }
            }
            if addresses[node].is_empty() {
                return Err(format!("{} has no address of its own to cut", ground.name(node)));
            }
        }
        Ok(Self(addresses))
    }

    /// Packets dropped, by link; a link without a rule is not in it.
    fn dropped(&self, statuses: &[NetStatus]) -> BTreeMap<Link, u64> {
        let mut counts = BTreeMap::new();
        for (to, status) in statuses.iter().enumerate() {
            for rule in status.rules.iter().filter(|rule| rule.direction == Direction::In) {
                let owner = self.0.iter().position(|owned| owned.contains(&rule.peer));
                if let Some(from) = owner {
                    *counts.entry(Link { from, to }).or_default() += rule.packets;
                }
            }
        }
        counts
    }
}

/// `n1->n3: 12`
pub(super) fn describe(ground: &dyn Ground, counts: &BTreeMap<Link, u64>) -> Value {
    counts.iter().map(|(&link, count)| (arrow(ground, link), json!(count))).collect()
}
