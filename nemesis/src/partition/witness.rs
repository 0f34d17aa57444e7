//! Witnesses of a partition: connections tried across the network, and packets counted at its cuts.
//!
//! A cut link is seen to be cut when a connection over it got no answer *and* the packets of that
//! attempt were counted where they were dropped. Either alone could be another's fault.

use super::grudge::Grudge;
use super::network::{Network, describe};
use crate::ground::{Ground, ask};
use crate::wire::{NET_PROBE, Probe, Probed};
use futures::future::try_join_all;
use perjury_harness::cluster::Link;
use perjury_harness::local::CONTROLLER;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a connection may take. Between nodes of one cluster a millisecond is usual.
const PROBE_TIMEOUT: Duration = Duration::from_millis(400);
/// How long the wanted picture is waited for: a busy machine may be late, a neighbour's address
/// is asked for again after a second.
const PATIENCE: Duration = Duration::from_secs(4);
/// The SSH server's port, which firewalls leave open, and one where nobody listens: an answer
/// from either kernel, even a refusal, shows that packets go both ways.
const PORTS: [u16; 2] = [22, 9];
/// Links probed from each node, at most.
const LINKS_PER_NODE: usize = 8;
/// Addresses tried at each node, at most.
const WAYS: usize = 4;

/// What one look saw: for each link whether anything got through, and in words.
type Picture = BTreeMap<Link, (bool, String)>;

/// What was seen before a cut.
pub(super) struct Before {
    dropped: BTreeMap<Link, u64>,
    /// Links that should go on working.
    whole: Grudge,
    /// Links of the cut that are probed.
    sample: Grudge,
}

/// The names of a link's ends.
pub(super) fn names(ground: &dyn Ground, link: Link) -> [String; 2] {
    let name = |node| if node == CONTROLLER { super::CLIENT } else { ground.name(node) };
    [name(link.from).to_owned(), name(link.to).to_owned()]
}

/// `n1->n3`
pub(super) fn arrow(ground: &dyn Ground, link: Link) -> String {
    names(ground, link).join("->")
}

/// Looks at the network before `grudge` is cut.
///
/// # Errors
/// When a link that is to be cut does not work now: then its cut could not be seen.
pub(super) async fn before(
    ground: &dyn Ground,
    network: &Network<'_>,
    grudge: &Grudge,
) -> Result<Before, String> {
    let cuts = network.cuts(ground).await?;
    let n = ground.size();
    let all = || {
        (0..n)
            .flat_map(move |from| (0..n).map(move |to| Link { from, to }))
            .filter(|link| link.from != link.to)
    };
    let broken = |link: &Link| {
        // An answer takes both directions.
        let back = Link { from: link.to, to: link.from };
        [*link, back].iter().any(|way| cuts.contains(way))
    };
    // Clients are asked whether they reach a node; that takes both ways.
    let sample = sample(grudge.iter().copied().filter(|link| link.to != CONTROLLER));
    let unbroken: Grudge = sample.iter().copied().filter(|link| !broken(link)).collect();
    let picture = look(ground, network, &unbroken, true, |picture| {
        picture.values().all(|(through, _)| *through)
    });
    if let Some((link, (_, detail))) = picture.await?.iter().find(|(_, (through, _))| !through) {
        return Err(format!(
            "the network does not work from {} before it is cut ({detail}), so its cut could not \
             be seen: let the nodes reach each other's port {} or refuse port {}",
            arrow(ground, *link),
            PORTS[0],
            PORTS[1]
        ));
    }
    let cut_soon = |link: &Link| {
        let back = Link { from: link.to, to: link.from };
        grudge.contains(link) || grudge.contains(&back)
    };
    let whole = self::sample(all().filter(|link| !broken(link) && !cut_soon(link)));
    Ok(Before { dropped: network.dropped(ground, grudge).await?, whole, sample })
}

/// Whether the links that are about to be cut again work at this moment.
pub(super) async fn works(
    ground: &dyn Ground,
    network: &Network<'_>,
    before: &Before,
) -> Result<bool, String> {
    let picture = look_once(ground, network, &before.sample, true, &PORTS).await?;
    Ok(picture.values().all(|(through, _)| *through))
}

/// At most [`LINKS_PER_NODE`] from each node.
fn sample(links: impl Iterator<Item = Link>) -> Grudge {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    links
        .filter(|link| {
            let count = counts.entry(link.from).or_default();
            *count += 1;
            *count <= LINKS_PER_NODE
        })
        .collect()
}

/// Sees that `grudge` is cut and that the rest is not.
pub(super) async fn of_cut(
    ground: &dyn Ground,
    network: &Network<'_>,
    grudge: &Grudge,
    before: &Before,
) -> Result<Value, String> {
    let blocked = look(ground, network, &before.sample, false, |picture| {
        picture.values().all(|(through, _)| !through)
    })
    .await?;
    let problem = |link: Link, text: &str| Err(format!("{}: {text}", arrow(ground, link)));
    if let Some((link, (_, detail))) = blocked.iter().find(|(_, (through, _))| *through) {
        return problem(*link, &format!("is cut, and yet {detail}"));
    }
    let mut dropped = network.dropped(ground, grudge).await?;
    for (link, count) in &mut dropped {
        *count = count.saturating_sub(before.dropped.get(link).copied().unwrap_or(0));
    }
    if let Some(link) = before.sample.iter().find(|link| dropped.get(link) == Some(&0)) {
        return problem(*link, "a connection got no answer, but no packet of it was dropped here");
    }
    let whole = look(ground, network, &before.whole, true, |picture| {
        picture.values().all(|(through, _)| *through)
    })
    .await?;
    if let Some((link, (_, detail))) = whole.iter().find(|(_, (through, _))| !through) {
        return problem(*link, &format!("should still work, but {detail}"));
    }
    Ok(json!({
        "dropped": describe(ground, &dropped),
        "probes": report(ground, &blocked),
        "whole": report(ground, &whole),
    }))
}

/// Sees that every link works.
pub(super) async fn of_whole(ground: &dyn Ground) -> Result<Value, String> {
    let n = ground.size();
    let all = (0..n).flat_map(|from| (0..n).map(move |to| Link { from, to }));
    let network = Network::of(ground).await?;
    let clients = (0..n).map(|to| Link { from: CONTROLLER, to });
    let local = matches!(network, Network::Fabric(_));
    let mut links = sample(all.filter(|link| link.from != link.to));
    links.extend(clients.filter(|_| local));
    let left = network.cuts(ground).await?;
    if let Some(link) = left.first() {
        return Err(format!("{} is still cut", arrow(ground, *link)));
    }
    let picture = look(ground, &network, &links, true, |picture| {
        picture.values().all(|(through, _)| *through)
    })
    .await?;
    match picture.iter().find(|(_, (through, _))| !through) {
        Some((link, (_, detail))) => {
            Err(format!("{} is mended, but {detail}", arrow(ground, *link)))
        }
        None => Ok(json!({ "probes": report(ground, &picture) })),
    }
}

fn report(ground: &dyn Ground, picture: &Picture) -> Value {
    let lines = picture.iter().map(|(&link, (_, detail))| {
        let [from, to] = names(ground, link);
        json!({ "from": from, "to": to, "result": detail })
    });
    lines.collect()
}

/// Whether connections to `port` get over each of `links`, and in words.
pub(super) async fn of_port(
    ground: &dyn Ground,
    network: &Network<'_>,
    links: &Grudge,
    port: u16,
) -> Result<Vec<(Link, bool, String)>, String> {
    let links = sample(links.iter().copied());
    let picture = look_once(ground, network, &links, true, &[port]).await?;
    Ok(picture.into_iter().map(|(link, (through, detail))| (link, through, detail)).collect())
}

/// Tries connections over `links` until the picture is as `wanted`, or patience ends. Where a
/// link should work, its main address is tried; where it should not, every address of the node.
async fn look(
    ground: &dyn Ground,
    network: &Network<'_>,
    links: &Grudge,
    working: bool,
    wanted: impl Fn(&Picture) -> bool,
) -> Result<Picture, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let picture = look_once(ground, network, links, working, &PORTS).await?;
        if wanted(&picture) || Instant::now() > deadline {
            return Ok(picture);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn look_once(
    ground: &dyn Ground,
    network: &Network<'_>,
    links: &Grudge,
    working: bool,
    ports: &[u16],
) -> Result<Picture, String> {
    let mut by_sender: BTreeMap<usize, Vec<Link>> = BTreeMap::new();
    for link in links {
        by_sender.entry(link.from).or_default().push(*link);
    }
    let requests = by_sender.into_iter().map(|(from, links)| async move {
        let targets_of = |link: &Link| -> Vec<SocketAddr> {
            let ways = network.ways(ground, link.to);
            let ways = ways.into_iter().take(if working { 1 } else { WAYS });
            ways.flat_map(|way| ports.iter().map(move |&port| SocketAddr::new(way, port))).collect()
        };
        let targets: Vec<Vec<SocketAddr>> = links.iter().map(targets_of).collect();
        let timeout_ms = PROBE_TIMEOUT.as_millis() as u64;
        let probe = Probe { targets: targets.concat(), timeout_ms };
        let patience = PROBE_TIMEOUT + Duration::from_secs(5);
        let mut answers: Vec<Probed> = if from == CONTROLLER {
            ground.knock(probe).await
        } else {
            ask(ground, from, NET_PROBE, json!(probe), patience).await?
        };
        if answers.len() != targets.iter().map(Vec::len).sum::<usize>() {
            return Err(format!("the agent on node {from} did not try all targets"));
        }
        let judged = links.into_iter().zip(&targets).map(|(link, targets)| {
            let rest = answers.split_off(targets.len());
            let own = std::mem::replace(&mut answers, rest);
            (link, judge(&own))
        });
        Ok(judged.collect::<Picture>())
    });
    Ok(try_join_all(requests).await?.into_iter().flatten().collect())
}

/// Whether anything got through, in the words of the answer that says most.
fn judge(answers: &[Probed]) -> (bool, String) {
    let best = answers.iter().find(|probed| probed.reach.got_through()).or(answers.first());
    match best {
        Some(probed) => {
            (probed.reach.got_through(), format!("{} {}", probed.target, probed.detail))
        }
        None => (false, "nothing was tried".to_owned()),
    }
}
