//! `latency`: the nodes are in zones far apart, and packets between zones take their time.

use crate::ground::Ground;
use crate::packet::{self, Memory, Plan};
use crate::schedule;
use perjury_harness::cluster::{Distribution, Link, LinkPolicy};
use perjury_harness::generator::{below, shuffle};
use perjury_harness::{
    Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Providers, Seed, Support,
};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Pins the zones: nodes with commas, zones with bars, as in `n1,n2|n3|n4,n5`.
const ZONES: &str = "latency-zones";
/// Pins the range that round trips between zones are drawn from, in milliseconds: `80-200`.
const RANGE: &str = "latency-ms";
/// Between three continents.
const USUAL_MS: (u64, u64) = (80, 200);
/// Zones when none are given.
const ZONES_USUAL: usize = 3;
/// Longest round trip, in milliseconds.
const MOST_MS: u64 = 20_000;

/// The layer of the network that belongs to this fault.
const LAYER: &str = "latency";

/// See the module's page.
#[derive(Default)]
pub(crate) struct Latency {
    memory: Memory,
}

impl Fault for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn about(&self) -> &'static str {
        "puts the nodes into zones that are far apart: packets between them take their time"
    }

    fn functions(&self) -> &'static [&'static str] {
        &["spread", "gather"]
    }

    fn by_default(&self) -> bool {
        false
    }

    fn providers(&self) -> Providers {
        let hosts = Support::Needs("root and tc on the nodes, and netem in their kernel");
        Providers { hosts, ..Providers::default() }
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        if context.options.nodes.len() < 2 {
            return Some("fewer than 2 nodes cannot be far apart".to_owned());
        }
        Choices::of(&context.options).err()
    }

    fn refuse_on_nodes<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            if let Some(reason) = self.refuse(context) {
                return Some(reason);
            }
            let example = LinkPolicy { delay_ms: 50.0, ..LinkPolicy::default() };
            packet::refuse(context, LAYER, &[example]).await.err()
        })
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let choices = Choices::of(options).unwrap_or_default();
        let nodes = options.nodes.clone();
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| Op::new("spread", json!(choices.draw(&nodes, rng))),
            Op::new("gather", Value::Null),
        )
    }

    /// No words: zones and distances are drawn, or pinned by options.
    fn script(&self, words: &str, options: &Options, seed: Seed) -> Result<Op, String> {
        if !words.is_empty() {
            return Err(format!("`{words}` is too much: give zones with --set {ZONES}="));
        }
        let choices = Choices::of(options)?;
        Ok(Op::new("spread", json!(choices.draw(&options.nodes, &mut seed.rng()))))
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(apply(context, &self.memory, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(packet::unshape(context, &self.memory, LAYER))
    }
}

/// What the options leave to chance.
#[derive(Clone, Debug, PartialEq)]
struct Choices {
    zones: Option<Vec<Vec<String>>>,
    range_ms: (u64, u64),
}

impl Default for Choices {
    fn default() -> Self {
        Self { zones: None, range_ms: USUAL_MS }
    }
}

/// An operation's value: `{"zones":[["n1","n4"],["n2"]],"round_trip_ms":[[0,120],[120,0]],
/// "jitter_percent":5,"seed":7}`. The matrix has a row for each zone; half of a round trip is on
/// each way. Within a zone nothing is added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spread {
    zones: Vec<Vec<String>>,
    round_trip_ms: Vec<Vec<u64>>,
    jitter_percent: u64,
    seed: u64,
}

impl Choices {
    fn of(options: &Options) -> Result<Self, String> {
        let range_ms = match options.get(RANGE) {
            None => USUAL_MS,
            Some(text) => range(text).ok_or_else(|| {
                format!("`{RANGE}={text}`: give two numbers up to {MOST_MS}, as in 80-200")
            })?,
        };
        let named = crate::zones::of(options)?;
        let zones = match options.get(ZONES) {
            Some(text) => Some(zones(text, &options.nodes)?),
            None if named.is_empty() => None,
            None => Some(named.into_iter().map(|zone| zone.nodes).collect()),
        };
        Ok(Self { zones, range_ms })
    }

    fn draw(&self, nodes: &[String], rng: &mut ChaCha8Rng) -> Spread {
        let drawn = {
            let mut nodes = nodes.to_vec();
            shuffle(rng, &mut nodes);
            let count = ZONES_USUAL.min(nodes.len());
            let mut zones = vec![Vec::new(); count];
            nodes.into_iter().enumerate().for_each(|(at, node)| zones[at % count].push(node));
            zones.iter_mut().for_each(|zone| zone.sort());
            zones
        };
        let zones = self.zones.clone().unwrap_or(drawn);
        let mut matrix = vec![vec![0; zones.len()]; zones.len()];
        let (least, most) = self.range_ms;
        let pairs = (0..zones.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
        for (one, other) in pairs {
            let trip = least + below(rng, most - least + 1);
            matrix[one][other] = trip;
            matrix[other][one] = trip;
        }
        Spread { zones, round_trip_ms: matrix, jitter_percent: 5, seed: below(rng, 1 << 53) }
    }
}

fn range(text: &str) -> Option<(u64, u64)> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let (least, most) = (least.trim().parse().ok()?, most.trim().parse().ok()?);
    (1 <= least && least <= most && most <= MOST_MS).then_some((least, most))
}

fn zones(text: &str, nodes: &[String]) -> Result<Vec<Vec<String>>, String> {
    let wrong = |problem: String| format!("`{ZONES}={text}`: {problem}");
    let zones: Vec<Vec<String>> = text
        .split('|')
        .map(|zone| zone.split(',').map(|name| name.trim().to_owned()).collect())
        .collect();
    let mut named: Vec<&String> = zones.iter().flatten().collect();
    if let Some(name) = named.iter().find(|name| !nodes.contains(name)) {
        return Err(wrong(format!("there is no node `{name}`; there are {}", nodes.join(", "))));
    }
    named.sort();
    if let Some(pair) = named.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(wrong(format!("`{}` is in it twice", pair[0])));
    }
    if zones.len() < 2 {
        return Err(wrong("give at least two zones, as in n1,n2|n3,n4,n5".to_owned()));
    }
    Ok(zones)
}

async fn apply(ground: &dyn Ground, memory: &Memory, op: &Op) -> Applied {
    match &*op.f {
        "spread" => match plan(ground, &op.value) {
            Ok(plan) => packet::shape(ground, memory, LAYER, &plan, op.value.clone()).await,
            Err(reason) => Applied::Skipped(reason),
        },
        "gather" => match packet::unshape(ground, memory, LAYER).await {
            Ok(evidence) => Applied::Healed(evidence),
            Err(cause) => Applied::Indeterminate(cause),
        },
        other => Applied::Skipped(format!("`latency` does not know `{other}`")),
    }
}

/// A policy for every link between two zones.
fn plan(ground: &dyn Ground, value: &Value) -> Result<Plan, String> {
    let spread: Spread = serde_json::from_value(value.clone())
        .map_err(|error| format!("this is no matrix of zones: {error}"))?;
    let size = spread.zones.len();
    let square = spread.round_trip_ms.len() == size
        && spread.round_trip_ms.iter().all(|row| row.len() == size);
    if !square {
        return Err(format!("`round_trip_ms` needs {size} rows of {size} numbers"));
    }
    let mut zone_of = Vec::new();
    for (zone, names) in spread.zones.iter().enumerate() {
        for name in names {
            let node = ground.position(name).ok_or_else(|| format!("there is no node `{name}`"))?;
            zone_of.push((node, zone));
        }
    }
    let mut plan = Plan::new();
    for &(from, here) in &zone_of {
        for &(to, there) in zone_of.iter().filter(|(_, there)| *there != here) {
            let delay_ms = spread.round_trip_ms[here][there] as f64 / 2.0;
            let jitter_ms = delay_ms * spread.jitter_percent as f64 / 100.0;
            let policy = LinkPolicy {
                delay_ms,
                jitter_ms,
                distribution: Distribution::Normal,
                seed: spread.seed,
                ..LinkPolicy::default()
            };
            policy.check()?;
            if !policy.is_plain() {
                plan.insert(Link { from, to }, policy);
            }
        }
    }
    if plan.is_empty() { Err("no two nodes are far apart in it".to_owned()) } else { Ok(plan) }
}

#[cfg(test)]
mod tests;
