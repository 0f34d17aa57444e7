//! `packet`: packets between nodes are late, lost, doubled, overtaken, damaged or slowed down, and
//! connections are reset.

mod kinds;
mod means;
mod witness;

use crate::ground::Ground;
use crate::schedule;
use crate::targets::{self, Bag, Spec, Targets};
use kinds::{Kind, Pins, Side};
pub(crate) use means::{Means, Plan};
use perjury_harness::cluster::{Link, LinkPolicy};
use perjury_harness::{
    Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Providers, Seed, Support,
};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
pub(crate) use witness::Memory;
use witness::names;

/// Pins what is done to packets: a comma-separated list of [`Kind`] names.
const KINDS: &str = "packet-kinds";
/// Pins whose packets: a comma-separated list of [`Spec`] names.
const TARGETS: &str = "packet-targets";
/// Pins which of their packets: `both`, `in`, `out`.
const SIDES: &str = "packet-directions";

/// The layer of the network that belongs to this fault.
const LAYER: &str = "packet";

/// See the module's page.
#[derive(Default)]
pub(crate) struct Packet {
    memory: Memory,
}

impl Fault for Packet {
    fn name(&self) -> &'static str {
        "packet"
    }

    fn about(&self) -> &'static str {
        "packets are late, lost, doubled, overtaken, damaged, slowed down; connections are reset"
    }

    fn functions(&self) -> &'static [&'static str] {
        &["shape", "unshape"]
    }

    fn by_default(&self) -> bool {
        false
    }

    fn providers(&self) -> Providers {
        let hosts = Support::Needs("root, tc and nft on the nodes, and netem in their kernel");
        Providers { hosts, ..Providers::default() }
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        if context.options.nodes.len() < 2 {
            return Some("there is no network between fewer than 2 nodes".to_owned());
        }
        Choices::of(&context.options).err()
    }

    fn refuse_on_nodes<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let choices = match (self.refuse(context), Choices::of(&context.options)) {
                (Some(reason), _) | (None, Err(reason)) => return Some(reason),
                (None, Ok(choices)) => choices,
            };
            let means = match Means::of(context).await {
                Ok(means) => means,
                Err(reason) => return Some(reason),
            };
            for kind in choices.kinds {
                let policy = LinkPolicy { loss_burst: 0.0, ..kind.example(&choices.pins) };
                if let Err(reason) = means.check(context, LAYER, &[policy]).await {
                    return Some(format!(
                        "`{}`: {reason}. Or leave it out with --set {KINDS}=...",
                        kind.name()
                    ));
                }
            }
            None
        })
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let choices = Choices::of(options).unwrap_or_default();
        let mut kinds = Bag::new(choices.kinds);
        let mut specs = Bag::new(choices.specs);
        let mut sides = Bag::new(choices.sides);
        let (nodes, pins) = (options.nodes.clone(), choices.pins);
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| {
                let kind = kinds.draw(rng);
                let (spec, side) = (specs.draw(rng), sides.draw(rng));
                Op::new("shape", value(kind, &spec, side, &pins, &nodes, rng))
            },
            Op::new("unshape", Value::Null),
        )
    }

    /// An operation's value as JSON, or a kind and targets: `delay n1+n2`. What they leave open is
    /// drawn, or pinned by options.
    fn script(&self, words: &str, options: &Options, seed: Seed) -> Result<Op, String> {
        if words.starts_with('{') {
            let value: Value = serde_json::from_str(words).map_err(|error| error.to_string())?;
            return Ok(Op::new("shape", value));
        }
        let (kind, spec) = words.split_once(char::is_whitespace).unwrap_or((words, "one"));
        let kind = targets::parse_list("kind", Some(kind), &Kind::ALL, Kind::name)?;
        let spec = Spec::parse(spec.trim(), options)?;
        let (rng, pins) = (&mut seed.rng(), Pins::of(options)?);
        Ok(Op::new("shape", value(kind[0], &spec, Side::Both, &pins, &options.nodes, rng)))
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(apply(context, &self.memory, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(unshape(context, &self.memory, LAYER))
    }
}

/// What the options leave to chance.
#[derive(Debug)]
struct Choices {
    kinds: Vec<Kind>,
    specs: Vec<Spec>,
    sides: Vec<Side>,
    pins: Pins,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            kinds: Kind::ALL.to_vec(),
            specs: Spec::ALL.to_vec(),
            sides: Side::ALL.to_vec(),
            pins: Pins::default(),
        }
    }
}

impl Choices {
    fn of(options: &Options) -> Result<Self, String> {
        let list = |key| options.get(key);
        Ok(Self {
            kinds: targets::parse_list(KINDS, list(KINDS), &Kind::ALL, Kind::name)?,
            specs: targets::specs(TARGETS, options)?,
            sides: targets::parse_list(SIDES, list(SIDES), &Side::ALL, Side::name)?,
            pins: Pins::of(options)?,
        })
    }
}

/// An operation's value: `{"kind":"delay","spec":"one","targets":["n2"],"direction":"both",
/// "policy":{"delay_ms":80.0,…}}`. With `"links":[["n1","n2"],…]` it needs no targets.
fn value(
    kind: Kind,
    spec: &Spec,
    side: Side,
    pins: &Pins,
    nodes: &[String],
    rng: &mut ChaCha8Rng,
) -> Value {
    let mut value = spec.choose(nodes, rng);
    value["kind"] = json!(kind.name());
    value["direction"] = json!(side.name());
    value["policy"] = json!(kind.draw(pins, rng));
    value
}

async fn apply(ground: &dyn Ground, memory: &Memory, op: &Op) -> Applied {
    match &*op.f {
        "shape" => match resolve(ground, &op.value).await {
            Ok((plan, mut evidence)) => {
                evidence["kind"] = op.value["kind"].clone();
                evidence["policy"] = op.value["policy"].clone();
                shape(ground, memory, LAYER, &plan, evidence).await
            }
            Err(reason) => Applied::Skipped(reason),
        },
        "unshape" => match unshape(ground, memory, LAYER).await {
            Ok(evidence) => Applied::Healed(evidence),
            Err(cause) => Applied::Indeterminate(cause),
        },
        other => Applied::Skipped(format!("`packet` does not know `{other}`")),
    }
}

/// The links that an operation's value means, each with its policy, and whom it hits in words.
async fn resolve(ground: &dyn Ground, value: &Value) -> Result<(Plan, Value), String> {
    let policy: LinkPolicy = serde_json::from_value(value["policy"].clone())
        .map_err(|error| format!("`policy` is not one: {error}"))?;
    policy.check()?;
    if policy.is_plain() {
        return Err("`policy` does nothing".to_owned());
    }
    let (links, evidence) = match &value["links"] {
        Value::Null => {
            let Targets { nodes, evidence } = targets::resolve(ground, value).await?;
            let side = targets::parse_list(
                "direction",
                Some(value["direction"].as_str().unwrap_or(Side::Both.name())),
                &Side::ALL,
                Side::name,
            )?;
            (around(&nodes, side[0], ground.size()), evidence)
        }
        pairs => (witness::links(ground, pairs)?, json!({})),
    };
    if links.is_empty() {
        return Err("there is no link between these nodes".to_owned());
    }
    Ok((links.into_iter().map(|link| (link, policy.clone())).collect(), evidence))
}

/// The links between `nodes` and all others, and among them.
fn around(nodes: &[usize], side: Side, size: usize) -> Vec<Link> {
    (0..size)
        .flat_map(|from| (0..size).map(move |to| Link { from, to }))
        .filter(|link| link.from != link.to)
        .filter(|link| match side {
            Side::Both => nodes.contains(&link.from) || nodes.contains(&link.to),
            Side::In => nodes.contains(&link.to),
            Side::Out => nodes.contains(&link.from),
        })
        .collect()
}

/// Says why these nodes cannot have such policies.
pub(crate) async fn refuse(
    ground: &dyn Ground,
    layer: &str,
    policies: &[LinkPolicy],
) -> Result<(), String> {
    Means::of(ground).await?.check(ground, layer, policies).await
}

/// Makes the links of `plan` behave so, and sees that packets notice.
pub(crate) async fn shape(
    ground: &dyn Ground,
    memory: &Memory,
    layer: &'static str,
    plan: &Plan,
    mut evidence: Value,
) -> Applied {
    // Until here, and in these two steps, nothing is touched.
    let means = match Means::of(ground).await {
        Ok(means) => means,
        Err(reason) => return Applied::Skipped(reason),
    };
    let policies: Vec<LinkPolicy> = plan.values().cloned().collect();
    if let Err(reason) = means.check(ground, layer, &policies).await {
        return Applied::Skipped(reason);
    }
    let before = match witness::before(ground, &means, plan).await {
        Ok(before) => before,
        Err(reason) => return Applied::Skipped(reason),
    };
    memory.keep(&before);
    if let Err(cause) = means.shape(ground, layer, plan).await {
        return Applied::Indeterminate(cause);
    }
    match witness::of_shape(ground, &means, plan, &before).await {
        Ok(seen) => {
            evidence["links"] = plan.keys().map(|&link| json!(names(ground, link))).collect();
            evidence["measured"] = seen["measured"].clone();
            evidence["counted"] = seen["counted"].clone();
            Applied::Installed(evidence)
        }
        Err(cause) => Applied::Indeterminate(cause),
    }
}

/// Takes a layer away from every link, and sees that packets travel as before.
pub(crate) async fn unshape(
    ground: &dyn Ground,
    memory: &Memory,
    layer: &'static str,
) -> Result<Value, String> {
    let means = Means::of(ground).await?;
    let were = means.links(layer);
    means.unshape(ground, layer).await?;
    if let Some(left) = means.left(ground, layer).await?.first() {
        return Err(format!("there is still {left}"));
    }
    witness::of_plain(ground, &means, memory, &were).await
}

#[cfg(test)]
mod tests;
