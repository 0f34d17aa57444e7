//! The means to shape links: the fabric that the controller carries, or the kernels of the nodes.

use super::witness::arrow;
use crate::ground::{Ground, ask};
use crate::partition;
use crate::wire::{self, Direction, NET_SHAPE, NET_SHAPING, NET_UNSHAPE, Shape, Shaping, Towards};
use futures::future::{join_all, try_join_all};
use perjury_harness::Fabric;
use perjury_harness::cluster::{Link, LinkCount, LinkPolicy};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// How long an agent may take over its kernel.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Each link's policy.
pub(crate) type Plan = BTreeMap<Link, LinkPolicy>;

/// See the module's page.
pub(crate) enum Means<'a> {
    Fabric(&'a dyn Fabric),
    /// For each node the addresses by which others reach it.
    Kernels(Vec<BTreeSet<IpAddr>>),
}

impl<'a> Means<'a> {
    /// How the links of `ground` are shaped.
    ///
    /// # Errors
    /// Why they cannot be: a node without nft, or the controller on a node.
    pub(crate) async fn of(ground: &'a dyn Ground) -> Result<Self, String> {
        match ground.fabric() {
            Some(fabric) => Ok(Self::Fabric(fabric)),
            None => Ok(Self::Kernels(partition::addresses(ground).await?)),
        }
    }

    /// Says why these nodes cannot have such policies.
    pub(crate) async fn check(
        &self,
        ground: &dyn Ground,
        layer: &str,
        policies: &[LinkPolicy],
    ) -> Result<(), String> {
        let Self::Kernels(addresses) = self else { return Ok(()) };
        let mut needed = BTreeSet::new();
        for policy in policies {
            needed.extend(wire::Means::of(policy)?);
        }
        for (node, status) in statuses(ground, addresses).await?.into_iter().enumerate() {
            if let Some(problem) = needed.iter().find_map(|means| status.lacks.get(means)) {
                return Err(format!("{}: {problem}", ground.name(node)));
            }
            if let Some(line) = status.present.first() {
                return Err(format!(
                    "{} shapes packets already ({line}), and a kernel does one such fault at a \
                     time: `{layer}` waits until that is over",
                    ground.name(node)
                ));
            }
        }
        Ok(())
    }

    /// Shapes these links, in place of what the layer asked for before.
    pub(crate) async fn shape(
        &self,
        ground: &dyn Ground,
        layer: &'static str,
        plan: &Plan,
    ) -> Result<(), String> {
        let addresses = match self {
            Self::Fabric(fabric) => {
                plan.iter().for_each(|(&link, policy)| fabric.shape(layer, &[link], policy));
                return Ok(());
            }
            Self::Kernels(addresses) => addresses,
        };
        let requests = plan.iter().flat_map(|(link, policy)| {
            let needs = wire::Means::of(policy).unwrap_or_default();
            let lossy = needs.contains(&wire::Means::Nft);
            let slow = needs.contains(&wire::Means::Htb);
            let at_receiver = lossy.then_some((link.to, Direction::In, link.from));
            let at_sender = slow.then_some((link.from, Direction::Out, link.to));
            at_receiver.into_iter().chain(at_sender).map(move |(node, direction, other)| {
                let peers = addresses[other].iter().copied().collect();
                (node, Shape { direction, peers, policy: policy.clone() })
            })
        });
        let asked = requests.map(|(node, shape)| async move {
            ask::<Shaping>(ground, node, NET_SHAPE, json!(shape), TIMEOUT).await
        });
        all_well(join_all(asked).await)
    }

    /// Takes the layer away from every link.
    pub(crate) async fn unshape(
        &self,
        ground: &dyn Ground,
        layer: &'static str,
    ) -> Result<(), String> {
        if let Self::Fabric(fabric) = self {
            let links: Vec<Link> = self.links(layer).into_iter().collect();
            fabric.shape(layer, &links, &LinkPolicy::default());
            return Ok(());
        }
        let asked = (0..ground.size())
            .map(|node| ask::<Shaping>(ground, node, NET_UNSHAPE, Value::Null, TIMEOUT));
        all_well(join_all(asked).await)
    }

    /// The links that the layer shapes, where that is known without asking.
    pub(crate) fn links(&self, layer: &str) -> BTreeSet<Link> {
        match self {
            Self::Fabric(fabric) => {
                fabric.shaped(Some(layer)).into_iter().map(|(link, _)| link).collect()
            }
            Self::Kernels(_) => BTreeSet::new(),
        }
    }

    /// What the layer does at this moment, in words.
    pub(crate) async fn left(
        &self,
        ground: &dyn Ground,
        layer: &str,
    ) -> Result<Vec<String>, String> {
        if let Self::Fabric(fabric) = self {
            let shaped = fabric.shaped(Some(layer)).into_iter();
            return Ok(shaped
                .map(|(link, policy)| format!("{policy} on {}", arrow(ground, link)))
                .collect());
        }
        let statuses = statuses(ground, &[]).await?.into_iter().enumerate();
        let lines = statuses.flat_map(|(node, status)| {
            let name = ground.name(node).to_owned();
            status.present.into_iter().map(move |line| format!("{line} on {name}"))
        });
        Ok(lines.collect())
    }

    /// Links that others shape or cut: what is measured on them is not ours alone.
    pub(crate) async fn troubled(&self, ground: &dyn Ground) -> Result<BTreeSet<Link>, String> {
        let mut links = self.cuts(ground).await?;
        if let Self::Fabric(fabric) = self {
            links.extend(fabric.shaped(None).into_iter().map(|(link, _)| link));
        }
        Ok(links)
    }

    /// Links that carry nothing at this moment.
    pub(crate) async fn cuts(&self, ground: &dyn Ground) -> Result<BTreeSet<Link>, String> {
        partition::cuts(ground).await
    }

    /// What was counted on a link so far, where it is counted by link.
    pub(crate) fn count(&self, link: Link) -> Option<LinkCount> {
        match self {
            Self::Fabric(fabric) => Some(fabric.count(link)),
            Self::Kernels(_) => None,
        }
    }
}

async fn statuses(
    ground: &dyn Ground,
    addresses: &[BTreeSet<IpAddr>],
) -> Result<Vec<Shaping>, String> {
    let asked = (0..ground.size()).map(|node| {
        let others = addresses.iter().enumerate().filter(move |(other, _)| *other != node);
        let peers = others.flat_map(|(_, addresses)| addresses).copied().collect();
        ask(ground, node, NET_SHAPING, json!(Towards { peers }), TIMEOUT)
    });
    try_join_all(asked).await
}

/// Every problem, not just the first.
fn all_well(answers: Vec<Result<Shaping, String>>) -> Result<(), String> {
    let problems: BTreeSet<String> = answers.into_iter().filter_map(Result::err).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(problems.into_iter().collect::<Vec<_>>().join("; "))
}
