//! One port: packets to it are dropped on some links, and all others pass.

use super::grudge::Grudge;
use super::network::Network;
use super::witness::{self, arrow, names};
use crate::ground::Ground;
use crate::packet::{Means, Plan};
use perjury_harness::Applied;
use perjury_harness::cluster::LinkPolicy;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// The layer of the network that belongs to it.
const LAYER: &str = "port";

/// The port that this fault drops packets to, and where. Kernels do one such thing at a time, and
/// what another fault does there is not ours to undo.
#[derive(Default)]
pub(super) struct Dropping(Mutex<Option<(u16, Grudge)>>);

impl Dropping {
    fn swap(&self, what: Option<(u16, Grudge)>) -> Option<(u16, Grudge)> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), what)
    }
}

/// Drops what goes to the port of `value` over the links of `grudge`.
pub(super) async fn cut(
    ground: &dyn Ground,
    dropping: &Dropping,
    grudge: &Grudge,
    value: &Value,
) -> Applied {
    let port = match value["port"].as_u64().map(u16::try_from) {
        Some(Ok(port)) if port > 0 => port,
        _ => return Applied::Skipped(format!("{} is no port", value["port"])),
    };
    let policy = LinkPolicy { loss_percent: 100.0, port, ..LinkPolicy::default() };
    let plan: Plan = grudge.iter().map(|&link| (link, policy.clone())).collect();
    let prepared = async {
        let network = Network::of(ground).await?;
        let means = Means::of(ground).await?;
        means.check(ground, LAYER, &[policy]).await?;
        let before = witness::of_port(ground, &network, grudge, port).await?;
        match before.iter().find(|(_, through, _)| !through) {
            Some((link, _, detail)) => Err(format!(
                "port {port} does not answer over {} before it is cut ({detail})",
                arrow(ground, *link)
            )),
            None => Ok((network, means)),
        }
    };
    let (network, means) = match prepared.await {
        Ok(prepared) => prepared,
        Err(reason) => return Applied::Skipped(reason),
    };
    dropping.swap(Some((port, grudge.clone())));
    if let Err(cause) = means.shape(ground, LAYER, &plan).await {
        return Applied::Indeterminate(cause);
    }
    match seen(ground, &network, &means, grudge, port).await {
        Ok(mut evidence) => {
            evidence["shape"] = value["shape"].clone();
            evidence["port"] = json!(port);
            evidence["cut"] = grudge.iter().map(|&link| json!(names(ground, link))).collect();
            Applied::Installed(evidence)
        }
        Err(cause) => Applied::Indeterminate(cause),
    }
}

/// Sees that nothing gets to the port, and that other ports answer.
async fn seen(
    ground: &dyn Ground,
    network: &Network<'_>,
    means: &Means<'_>,
    grudge: &Grudge,
    port: u16,
) -> Result<Value, String> {
    let mut probes = Vec::new();
    for (link, through, detail) in witness::of_port(ground, network, grudge, port).await? {
        if through {
            return Err(format!("{}: port {port} is cut, and yet {detail}", arrow(ground, link)));
        }
        if means.count(link).is_some_and(|count| count.lost == 0) {
            return Err(format!("{}: no packet was dropped", arrow(ground, link)));
        }
        probes.push(json!({ "link": arrow(ground, link), "result": detail }));
    }
    let other = if port == 9 { 10 } else { 9 };
    let others = witness::of_port(ground, network, grudge, other).await?;
    if let Some((link, _, detail)) = others.iter().find(|(_, through, _)| !through) {
        return Err(format!(
            "{}: port {other} should still answer: {detail}",
            arrow(ground, *link)
        ));
    }
    Ok(json!({ "probes": probes, "other_port": other }))
}

/// Lets packets to the port pass again, if this fault drops any, and sees that it answers.
pub(super) async fn mend(ground: &dyn Ground, dropping: &Dropping) -> Result<(), String> {
    let Some((port, grudge)) = dropping.swap(None) else { return Ok(()) };
    let mended = look(ground, port, &grudge).await;
    if mended.is_err() {
        // To be tried again when all faults are healed.
        dropping.swap(Some((port, grudge)));
    }
    mended
}

async fn look(ground: &dyn Ground, port: u16, grudge: &Grudge) -> Result<(), String> {
    let means = Means::of(ground).await?;
    means.unshape(ground, LAYER).await?;
    if let Some(left) = means.left(ground, LAYER).await?.first() {
        return Err(format!("there is still {left}"));
    }
    let network = Network::of(ground).await?;
    let cuts = network.cuts(ground).await?;
    let whole: Grudge = grudge.difference(&cuts).copied().collect();
    let answers = witness::of_port(ground, &network, &whole, port).await?;
    match answers.iter().find(|(_, through, _)| !through) {
        Some((link, _, detail)) => {
            Err(format!("{}: port {port} is mended, but {detail}", arrow(ground, *link)))
        }
        None => Ok(()),
    }
}
