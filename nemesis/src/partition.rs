//! `partition`: the network between the nodes is cut along a grudge, and mended.

mod grudge;
mod network;
mod port;
mod witness;

use crate::ground::Ground;
use crate::schedule;
use crate::targets::{self, Bag};
use grudge::{Grudge, Shape};
use network::Network;
use perjury_harness::cluster::Link;
use perjury_harness::generator::below;
use perjury_harness::local::CONTROLLER;
use perjury_harness::{
    Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Providers, Seed, Support,
};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::time::Duration;
use witness::names;

/// The port that `one-port` is about.
const PORT: &str = "partition-port";

/// What clients are called in links: they are on the controller.
const CLIENT: &str = "client";

/// Pins the shapes: a comma-separated list of [`Shape`] names.
const OPTION: &str = "partition-shapes";

/// See the module's page.
#[derive(Default)]
pub(crate) struct Partition {
    /// Packets to one port are dropped by the means that shape packets, and were by this fault.
    port: port::Dropping,
}

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

    fn providers(&self) -> Providers {
        Providers { hosts: Support::Needs("nft and root on the nodes"), ..Providers::default() }
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        shapes(&context.options).err()
    }

    fn refuse_on_nodes<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            match self.refuse(context) {
                Some(reason) => Some(reason),
                None => match Network::of(context).await {
                    Ok(Network::Firewall(_)) if wants(&context.options, Shape::Client) => Some(
                        "clients can be cut off on local clusters only: elsewhere the \
                              control connection comes from the same machine"
                            .to_owned(),
                    ),
                    Ok(_) => None,
                    Err(reason) => Some(reason),
                },
            }
        })
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let fitting = shapes(options).unwrap_or_else(|_| Shape::USUAL.to_vec());
        let port = port(options).unwrap_or_default();
        let nodes = options.nodes.clone();
        let mut bag = Bag::new(fitting);
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| Op::new("cut", value(bag.draw(rng), port, &nodes, rng)),
            Op::new("mend", Value::Null),
        )
    }

    /// A shape's name, or groups that are to be cut from each other: `n1|n2,n3`.
    fn script(&self, words: &str, options: &Options, seed: Seed) -> Result<Op, String> {
        let nodes = &options.nodes;
        if let Some(shape) = Shape::ALL.into_iter().find(|shape| shape.name() == words) {
            return Ok(Op::new("cut", value(shape, port(options)?, nodes, &mut seed.rng())));
        }
        let groups = groups(words, nodes)?;
        let cut: Vec<[&str; 2]> = groups
            .iter()
            .flat_map(|group| group.iter().map(move |from| (group, from)))
            .flat_map(|(group, from)| {
                let others = groups.iter().filter(move |other| *other != group).flatten();
                others.map(move |to| [*from, *to])
            })
            .collect();
        Ok(Op::new("cut", json!({ "shape": "script", "cut": cut })))
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(apply(context, &self.port, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(mend(context, &self.port))
    }
}

/// Groups of nodes in a script's words: `n1|n2,n3`.
fn groups<'w>(words: &'w str, nodes: &[String]) -> Result<Vec<Vec<&'w str>>, String> {
    let groups: Vec<Vec<&str>> =
        words.split('|').map(|group| group.split(',').map(str::trim).collect()).collect();
    let mut seen = std::collections::BTreeSet::new();
    for node in groups.iter().flatten() {
        if !nodes.iter().any(|known| known == node) {
            let shapes = Shape::ALL.map(Shape::name).join(", ");
            return Err(format!(
                "`{node}` is neither a node nor a shape; write groups such as {} or one of {shapes}",
                nodes.join("|")
            ));
        }
        if !seen.insert(node) {
            return Err(format!("{node} is named twice"));
        }
    }
    if groups.len() < 2 {
        return Err("one group is cut from nobody: part groups by |".to_owned());
    }
    Ok(groups)
}

/// The shapes that are asked for and that so many nodes can take.
fn shapes(options: &Options) -> Result<Vec<Shape>, String> {
    let asked = match options.get(OPTION) {
        None => Shape::USUAL.to_vec(),
        given => targets::parse_list(OPTION, given, &Shape::ALL, Shape::name)?,
    };
    if asked.contains(&Shape::OnePort) && port(options)?.is_none() {
        return Err(format!("`{}` needs a port: --set {PORT}=2380", Shape::OnePort.name()));
    }
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

fn port(options: &Options) -> Result<Option<u16>, String> {
    let Some(text) = options.get(PORT) else { return Ok(None) };
    match text.parse() {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(format!("`{PORT}={text}` is no port")),
    }
}

fn wants(options: &Options, shape: Shape) -> bool {
    shapes(options).is_ok_and(|shapes| shapes.contains(&shape))
}

/// An operation's value: `{"shape":"halves","cut":[["n1","n3"],…]}`, where each pair is a link from
/// the first to the second. Who leads is only known when it is done, so for primaries it says
/// whom to cut off when nobody is known to lead: `{"shape":"primaries","fallback":[…]}`. A `port`
/// cuts only what goes to it; `flaps` say how often the links come and go first.
fn value(shape: Shape, port: Option<u16>, nodes: &[String], rng: &mut ChaCha8Rng) -> Value {
    let grudge = shape.draw(nodes.len(), rng);
    let name = |node: usize| if node == CONTROLLER { CLIENT } else { &*nodes[node] };
    let pairs: Vec<[&str; 2]> =
        grudge.iter().map(|link| [name(link.from), name(link.to)]).collect();
    let key = if shape == Shape::Primaries { "fallback" } else { "cut" };
    let mut value = json!({ "shape": shape.name(), key: pairs });
    if let (Shape::OnePort, Some(port)) = (shape, port) {
        value["port"] = json!(port);
    }
    if shape == Shape::Flapping {
        value["flaps"] = json!(2 + below(rng, 5));
        value["period_ms"] = json!(200 + 100 * below(rng, 9));
    }
    value
}

async fn apply(ground: &dyn Ground, dropping: &port::Dropping, op: &Op) -> Applied {
    match &*op.f {
        "cut" if !op.value["port"].is_null() => match links(ground, &op.value["cut"]) {
            Ok(grudge) => port::cut(ground, dropping, &grudge, &op.value).await,
            Err(reason) => Applied::Skipped(reason),
        },
        "cut" => cut(ground, &op.value).await,
        "mend" => match mend(ground, dropping).await {
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
    let flapped = match flap(ground, &network, &grudge, &before, value).await {
        Ok(flapped) => flapped,
        Err(cause) => return Applied::Indeterminate(cause),
    };
    match witness::of_cut(ground, &network, &grudge, &before).await {
        Ok(mut evidence) => {
            if let Some(flapped) = flapped {
                evidence["flapped"] = flapped;
            }
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

/// Mends and cuts again, as often as the value says, and looks each time whether the links work
/// in between.
async fn flap(
    ground: &dyn Ground,
    network: &Network<'_>,
    grudge: &Grudge,
    before: &witness::Before,
    value: &Value,
) -> Result<Option<Value>, String> {
    let flaps = value["flaps"].as_u64().unwrap_or(0).min(20);
    if flaps == 0 {
        return Ok(None);
    }
    let period = Duration::from_millis(value["period_ms"].as_u64().unwrap_or(500).min(1500));
    let mut worked = 0;
    for _ in 0..flaps {
        tokio::time::sleep(period / 2).await;
        network.release(ground, grudge).await?;
        worked += u64::from(witness::works(ground, network, before).await?);
        tokio::time::sleep(period / 2).await;
        network.cut(ground, grudge).await?;
    }
    if worked == 0 {
        return Err(format!("the links were mended {flaps} times and never seen to work"));
    }
    Ok(Some(
        json!({ "times": flaps, "seen_working": worked, "period_ms": period.as_millis() as u64 }),
    ))
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
                let client = (name == CLIENT).then_some(CONTROLLER);
                let known = ground.position(name).or(client);
                known.ok_or_else(|| format!("there is no node `{name}`"))
            };
            Ok(Link { from: find(from)?, to: find(to)? })
        })
        .collect()
}

async fn mend(ground: &dyn Ground, dropping: &port::Dropping) -> Result<Value, String> {
    let network = Network::of(ground).await?;
    network.mend(ground).await?;
    port::mend(ground, dropping).await?;
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
