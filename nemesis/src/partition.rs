//! `partition`: the network between the nodes is cut along a grudge, and mended.

mod grudge;
mod network;
mod witness;

use crate::ground::Ground;
use crate::schedule;
use crate::targets::{self, Bag};
use grudge::{Grudge, Shape};
use network::Network;
use perjury_harness::cluster::Link;
use perjury_harness::{Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Seed};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use witness::names;

/// Pins the shapes: a comma-separated list of [`Shape`] names.
const OPTION: &str = "partition-shapes";

/// See the module's page.
pub(crate) struct Partition;

impl Fault for Partition {
    fn name(&self) -> &'static str {
        "partition"
    }

    fn about(&self) -> &'static str {
        "cuts the network between the nodes: halves, rings, bridges, one node, primaries, one way"
    }

    fn functions(&self) -> &'static [&'static str] {
        &["cut", "mend"]
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        shapes(&context.options).err()
    }

    fn refuse_on_nodes<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            match self.refuse(context) {
                Some(reason) => Some(reason),
                None => Network::of(context).await.err(),
            }
        })
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let fitting = shapes(options).unwrap_or_else(|_| Shape::ALL.to_vec());
        let nodes = options.nodes.clone();
        let mut bag = Bag::new(fitting);
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| Op::new("cut", value(bag.draw(rng), &nodes, rng)),
            Op::new("mend", Value::Null),
        )
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(apply(context, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(mend(context))
    }
}

/// The shapes that are asked for and that so many nodes can take.
fn shapes(options: &Options) -> Result<Vec<Shape>, String> {
    let asked = targets::parse_list(OPTION, options.get(OPTION), &Shape::ALL, Shape::name)?;
    let n = options.nodes.len();
    let fitting: Vec<Shape> = asked.iter().copied().filter(|shape| shape.needs() <= n).collect();
    match asked.iter().map(|shape| shape.needs()).min() {
        Some(least) if fitting.is_empty() => Err(format!(
            "a partition of these shapes needs {least} nodes, and there are {n}: \
             give more nodes or leave `partition` out of --nemesis"
        )),
        _ => Ok(fitting),
    }
}

/// An operation's value: `{"shape":"halves","cut":[["n1","n3"],…]}`, where each pair is a link from
/// the first to the second. Who leads is only known when it is done, so for primaries it says
/// whom to cut off when nobody is known to lead: `{"shape":"primaries","fallback":[…]}`.
fn value(shape: Shape, nodes: &[String], rng: &mut ChaCha8Rng) -> Value {
    let grudge = shape.draw(nodes.len(), rng);
    let pairs: Vec<[&str; 2]> =
        grudge.iter().map(|link| [&*nodes[link.from], &*nodes[link.to]]).collect();
    let key = if shape == Shape::Primaries { "fallback" } else { "cut" };
    json!({ "shape": shape.name(), key: pairs })
}

async fn apply(ground: &dyn Ground, op: &Op) -> Applied {
    match &*op.f {
        "cut" => cut(ground, &op.value).await,
        "mend" => match mend(ground).await {
            Ok(evidence) => Applied::Healed(evidence),
            Err(cause) => Applied::Indeterminate(cause),
        },
        other => Applied::Skipped(format!("`partition` does not know `{other}`")),
    }
}

async fn cut(ground: &dyn Ground, value: &Value) -> Applied {
    let (grudge, primaries) = match resolve(ground, value).await {
        Ok(resolved) => resolved,
        Err(reason) => return Applied::Skipped(reason),
    };
    // Until here, and in these two steps, nothing is touched.
    let network = match Network::of(ground).await {
        Ok(network) => network,
        Err(reason) => return Applied::Skipped(reason),
    };
    let before = match witness::before(ground, &network, &grudge).await {
        Ok(before) => before,
        Err(reason) => return Applied::Skipped(reason),
    };
    if let Err(cause) = network.cut(ground, &grudge).await {
        return Applied::Indeterminate(cause);
    }
    match witness::of_cut(ground, &network, &grudge, &before).await {
        Ok(mut evidence) => {
            evidence["shape"] = value["shape"].clone();
            evidence["cut"] = grudge.iter().map(|&link| json!(names(ground, link))).collect();
            if let Some(primaries) = primaries {
                evidence["primaries"] = json!(primaries);
            }
            Applied::Installed(evidence)
        }
        Err(cause) => Applied::Indeterminate(cause),
    }
}

/// The links that an operation's value means, and the names of the primaries if it is about them.
async fn resolve(
    ground: &dyn Ground,
    value: &Value,
) -> Result<(Grudge, Option<Vec<String>>), String> {
    if value["shape"] != Shape::Primaries.name() {
        return Ok((links(ground, &value["cut"])?, None));
    }
    let primaries = targets::primaries(ground).await;
    if primaries.is_empty() {
        return Ok((links(ground, &value["fallback"])?, Some(Vec::new())));
    }
    let named = primaries.iter().map(|&node| ground.name(node).to_owned()).collect();
    Ok((grudge::isolate(&primaries, ground.size()), Some(named)))
}

fn links(ground: &dyn Ground, pairs: &Value) -> Result<Grudge, String> {
    let pairs: Vec<[String; 2]> = serde_json::from_value(pairs.clone())
        .map_err(|_| format!("{pairs} is no list of pairs of node names"))?;
    pairs
        .iter()
        .map(|[from, to]| {
            let find = |name: &String| {
                ground.position(name).ok_or_else(|| format!("there is no node `{name}`"))
            };
            Ok(Link { from: find(from)?, to: find(to)? })
        })
        .collect()
}

async fn mend(ground: &dyn Ground) -> Result<Value, String> {
    let network = Network::of(ground).await?;
    network.mend(ground).await?;
    witness::of_whole(ground).await
}

/// Links that are cut at this moment, by the fabric or by firewalls.
pub(crate) async fn cuts(ground: &dyn Ground) -> Result<Grudge, String> {
    Network::of(ground).await?.cuts(ground).await
}

/// For each node the addresses that only it has, by which others reach it.
pub(crate) async fn addresses(
    ground: &dyn Ground,
) -> Result<Vec<std::collections::BTreeSet<std::net::IpAddr>>, String> {
    network::addresses(ground).await
}

#[cfg(test)]
mod tests;
