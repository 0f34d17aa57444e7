//! The fault `power`: a node loses its power, and with it all that was not synced.
//!
//! On a machine of its own that is done by its kernel, which resets it (`machine`). Local nodes share one
//! kernel: there every process of the database is killed at once; then the disk layer puts back what was
//! on the disk, but for those unsynced writes that happen to have reached it.

mod machine;

use crate::disk;
use crate::ground::{Ground, Tally, ask};
use crate::process::kill::{self, Way};
use crate::schedule;
use crate::targets::{self, Bag, Spec, Targets, parse_list};
use crate::wire::disk::{DISK_POWER_LOSS, DiskStatus, PowerLoss, Survivors};
use futures::future::join_all;
use perjury_harness::fault::{Providers, Support};
use perjury_harness::generator::below;
use perjury_harness::{Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Seed};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// For one power loss.
const LIMIT: Duration = Duration::from_secs(25);
/// The option that pins whom it hits.
const TARGETS: &str = "power-targets";
/// The option that pins which unsynced writes survive.
const SURVIVORS: &str = "power-survivors";
/// Seeds that JSON numbers of every reader hold.
const SEEDS: u64 = 1 << 32;

/// The option without which hosts keep their power, and its value.
const HOSTS: (&str, &str) = ("power-hosts", "cut");
const ON_HOSTS: &str = "virtual machines by --vagrant, or --set power-hosts=cut";

fn word(survivors: Survivors) -> &'static str {
    match survivors {
        Survivors::None => "none",
        Survivors::Prefix => "prefix",
        Survivors::Subset => "subset",
    }
}

const ALL: [Survivors; 3] = [Survivors::None, Survivors::Prefix, Survivors::Subset];
/// What ext4 does in its default mode: appended data reach the disk in order.
const USUAL: [Survivors; 2] = [Survivors::None, Survivors::Prefix];

fn survivors(options: &Options) -> Result<Vec<Survivors>, String> {
    match options.get(SURVIVORS) {
        Some(text) => parse_list(SURVIVORS, Some(text), &ALL, word),
        None => Ok(USUAL.to_vec()),
    }
}

fn op(spec: &Spec, survivors: Survivors, options: &Options, rng: &mut ChaCha8Rng) -> Op {
    let mut value = spec.choose(&options.nodes, rng);
    value["survivors"] = json!(survivors);
    value["torn"] = json!(below(rng, 2) == 0);
    value["seed"] = json!(below(rng, SEEDS));
    Op::new("power-off", value)
}

fn how(value: &Value) -> Result<PowerLoss, String> {
    let read = |value: &Value| {
        let text = json!({
            "survivors": value["survivors"], "torn": value["torn"], "seed": value["seed"],
        });
        serde_json::from_value(text)
    };
    read(value).map_err(|error| format!("`survivors`, `torn` and `seed` say how: {error}"))
}

async fn states(
    ground: &dyn Ground,
    nodes: &[usize],
) -> BTreeMap<usize, Result<DiskStatus, String>> {
    let asked = nodes.iter().map(|&node| async move { (node, disk::status(ground, node).await) });
    join_all(asked).await.into_iter().collect()
}

async fn cut(ground: &dyn Ground, value: &Value) -> Applied {
    let how = match how(value) {
        Ok(how) => how,
        Err(reason) => return Applied::Skipped(reason),
    };
    let Targets { nodes, mut evidence } = match targets::resolve(ground, value).await {
        Ok(targets) => targets,
        Err(reason) => return Applied::Skipped(reason),
    };
    evidence["survivors"] = json!(how.survivors);
    evidence["torn"] = json!(how.torn);
    let before = states(ground, &nodes).await;
    // First nothing runs any more: what is synced after this was synced by nobody.
    let mut tally = kill::end_on(ground, &nodes, Way::Kill).await;
    let dropped = nodes.iter().map(|&node| {
        let with = json!(PowerLoss { seed: how.seed.wrapping_add(node as u64), ..how.clone() });
        async move { (node, ask::<Value>(ground, node, DISK_POWER_LOSS, with, LIMIT).await) }
    });
    let dropped: BTreeMap<_, _> = join_all(dropped).await.into_iter().collect();
    for (node, after) in states(ground, &nodes).await {
        let name = ground.name(node).to_owned();
        let seen = match (&before[&node], &dropped[&node], &after) {
            (Err(problem), ..) | (_, Err(problem), _) | (.., Err(problem)) => Err(problem.clone()),
            (Ok(before), Ok(_), Ok(after)) => compare(before, after),
        };
        match seen {
            Ok(counts) => {
                if let Some(Value::Object(witness)) = tally.done.get_mut(&name) {
                    witness.insert("disk".to_owned(), counts);
                }
            }
            Err(problem) => {
                tally.done.remove(&name);
                tally.skipped.remove(&name);
                tally.unseen.insert(name, problem);
            }
        }
    }
    tally.broken(evidence)
}

/// What was lost between two looks; an error where no power was.
fn compare(before: &DiskStatus, after: &DiskStatus) -> Result<Value, String> {
    let earlier = |directory: &str| {
        let mut layers = before.layers.iter();
        layers.find(|layer| layer.directory == directory).map(|layer| layer.counts.power_losses)
    };
    if after.layers.is_empty() {
        return Err("there is no disk layer".to_owned());
    }
    for layer in &after.layers {
        if !layer.mounted {
            return Err(format!("the disk layer over {} is not mounted", layer.directory));
        }
        if Some(layer.counts.power_losses) <= earlier(&layer.directory) {
            return Err(format!("the disk layer over {} lost no power", layer.directory));
        }
    }
    let (old, mut new) = (disk::sums(before), disk::sums(after));
    for (name, count) in &mut new {
        *count -= old.get(name).copied().unwrap_or(0).min(*count);
    }
    match new.remove("errors") {
        Some(errors @ 1..) => Err(format!("{errors} changes could not be undone")),
        _ => Ok(json!(new)),
    }
}

/// See the file's page.
#[derive(Default)]
pub(crate) struct Power {
    dark: machine::Dark,
}

impl Power {
    pub(crate) async fn act(&self, ground: &dyn Ground, op: &Op) -> Applied {
        match (&*op.f, ground.fabric()) {
            ("power-off", Some(_)) => cut(ground, &op.value).await,
            ("power-off", None) => machine::cut(ground, &self.dark, &op.value).await,
            _ => self.restore(ground).await.mended(),
        }
    }

    async fn restore(&self, ground: &dyn Ground) -> Tally {
        match ground.fabric() {
            Some(_) => kill::start(ground).await,
            None => machine::restore(ground, &self.dark).await,
        }
    }
}

impl Fault for Power {
    fn name(&self) -> &'static str {
        "power"
    }

    fn about(&self) -> &'static str {
        "cuts the power: kills the database and drops what it has not synced"
    }

    fn functions(&self) -> &'static [&'static str] {
        &["power-off", "power-on"]
    }

    fn by_default(&self) -> bool {
        false
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        let options = &context.options;
        if context.fabric().is_none() {
            let may = context.virtual_machines || options.get(HOSTS.0) == Some(HOSTS.1);
            if !may {
                return Some(format!("the power of hosts is left alone but for {ON_HOSTS}"));
            }
            if options.get(SURVIVORS).is_some() {
                return Some(format!(
                    "{SURVIVORS}: on machines of their own, their kernels decide"
                ));
            }
        }
        survivors(options).err().or_else(|| targets::specs(TARGETS, options).err())
    }

    fn refuse_on_nodes<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            match self.refuse(context) {
                Some(problem) => Some(problem),
                None if context.fabric().is_none() => machine::refuse(context).await,
                None => disk::refuse(context).await,
            }
        })
    }

    fn prepare<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if context.fabric().is_none() {
                return Ok(());
            }
            disk::mount(context).await
        })
    }

    fn takes_nodes_away(&self) -> bool {
        true
    }

    fn providers(&self) -> Providers {
        Providers { hosts: Support::Needs(ON_HOSTS), ..disk::providers() }
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let specs = targets::specs(TARGETS, options).unwrap_or_else(|_| Spec::ALL.to_vec());
        let mut specs = Bag::new(specs);
        let mut ways = Bag::new(survivors(options).unwrap_or_else(|_| USUAL.to_vec()));
        let own = options.clone();
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| op(&specs.draw(rng), ways.draw(rng), &own, rng),
            Op::new("power-on", Value::Null),
        )
    }

    /// `power all`, `power n1+n2 subset`.
    fn script(&self, words: &str, options: &Options, seed: Seed) -> Result<Op, String> {
        let mut rng = seed.rng();
        let (spec, way) = words.trim().split_once(' ').unwrap_or((words.trim(), "none"));
        let ways = parse_list("power", Some(way), &ALL, word)?;
        Ok(op(&Spec::parse(spec, options)?, ways[0], options, &mut rng))
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(self.act(context, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move { self.restore(context).await.healed() })
    }
}

#[cfg(test)]
pub(crate) mod tests;
