//! The fault `disk`: the database's disk fails, is full, or is slow.
//!
//! It acts in the disk layer, which lies over the database's data directories. What is believed is
//! what a file of our own meets there, written, synced and read like the database's.

use crate::ground::{Ground, Tally, ask};
use crate::process::kill;
use crate::schedule;
use crate::targets::{self, Bag, Spec, Targets, parse_list};
use crate::wire::disk::{
    DISK_FAIL, DISK_MEND, DISK_MOUNT, DISK_PROBE, DISK_STATUS, Directories, DiskProbed, DiskStatus,
    Failure,
};
use futures::future::join_all;
use perjury_harness::fault::{Providers, Support};
use perjury_harness::generator::below;
use perjury_harness::{Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Seed};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// For one request. A layer answers at once; a slow disk makes the probe wait.
const LIMIT: Duration = Duration::from_secs(25);
/// The option that pins whom it hits.
const TARGETS: &str = "disk-targets";
/// The option that pins what goes wrong.
const KINDS: &str = "disk-kinds";
/// Added to each operation by `slow`, at the least and at the most.
const DELAY_MS: [u64; 2] = [20, 300];

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Writes and syncs fail.
    Eio,
    /// Only syncs fail: what was written is there to be read, and not on the disk.
    EioSync,
    /// Reads fail.
    EioRead,
    Enospc,
    Slow,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Eio, Self::EioSync, Self::EioRead, Self::Enospc, Self::Slow];

    fn name(self) -> &'static str {
        match self {
            Self::Eio => "eio",
            Self::EioSync => "eio-fsync",
            Self::EioRead => "eio-read",
            Self::Enospc => "enospc",
            Self::Slow => "slow",
        }
    }

    fn failure(self, rng: &mut ChaCha8Rng) -> Failure {
        match self {
            Self::Eio => Failure::Eio { read: false, write: true, sync: true },
            Self::EioSync => Failure::Eio { read: false, write: false, sync: true },
            Self::EioRead => Failure::Eio { read: true, write: false, sync: false },
            Self::Enospc => Failure::Enospc {},
            Self::Slow => {
                let [least, most] = DELAY_MS;
                Failure::Slow { delay_ms: least + below(rng, most - least + 1) }
            }
        }
    }
}

/// Puts the layer over the database's directories on all nodes; nothing else may run there yet.
pub(crate) async fn mount(context: &FaultContext) -> Result<(), String> {
    let directories = context.lifecycle.definition().data.clone();
    let with = json!(Directories { directories: directories.clone() });
    let mounted = (0..context.size()).map(|node| {
        let (with, wanted) = (with.clone(), directories.clone());
        async move {
            let failed = |problem| format!("{}: {problem}", context.name(node));
            ask::<Value>(context, node, DISK_MOUNT, with, LIMIT).await.map_err(failed)?;
            let status = status(context, node).await.map_err(failed)?;
            let over = |directory: &String| {
                status.layers.iter().any(|layer| layer.directory == *directory && layer.mounted)
            };
            match wanted.iter().find(|directory| !over(directory)) {
                Some(directory) => Err(failed(format!("no disk layer over {directory}"))),
                None => Ok(()),
            }
        }
    });
    join_all(mounted).await.into_iter().collect()
}

/// Why the layer cannot be had.
pub(crate) async fn refuse(context: &FaultContext) -> Option<String> {
    if context.lifecycle.definition().data.is_empty() {
        return Some("the database's definition names no `data` directory".to_owned());
    }
    let asked = (0..context.size()).map(|node| async move {
        let problem = match status(context, node).await {
            Ok(status) => status.problem?,
            Err(problem) => problem,
        };
        Some(format!("{}: {problem}", context.name(node)))
    });
    join_all(asked).await.into_iter().flatten().next()
}

pub(crate) async fn status(ground: &dyn Ground, node: usize) -> Result<DiskStatus, String> {
    let status: DiskStatus = ask(ground, node, DISK_STATUS, Value::Null, LIMIT).await?;
    match status.layers.iter().find_map(|layer| layer.problem.clone()) {
        Some(problem) => Err(problem),
        None => Ok(status),
    }
}

async fn probe(ground: &dyn Ground, node: usize) -> Result<Vec<DiskProbed>, String> {
    let layers = status(ground, node).await?.layers;
    if layers.is_empty() {
        return Err("there is no disk layer".to_owned());
    }
    let directories = layers.into_iter().map(|layer| layer.directory).collect();
    ask(ground, node, DISK_PROBE, json!(Directories { directories }), LIMIT).await
}

/// Whether a probe met this failure.
fn met(probed: &DiskProbed, failure: Failure) -> bool {
    match failure {
        Failure::Eio { .. } => probed.error.as_deref() == Some("EIO"),
        Failure::Enospc {} => probed.error.as_deref() == Some("ENOSPC"),
        Failure::Slow { delay_ms } => probed.error.is_none() && probed.took_ms >= delay_ms,
    }
}

/// Operations that a layer has failed or held up.
fn hits(status: &DiskStatus) -> u64 {
    let of = |layer: &crate::wire::disk::LayerStatus| {
        layer.counts.eio + layer.counts.enospc + layer.counts.slowed
    };
    status.layers.iter().map(of).sum()
}

async fn fail(ground: &dyn Ground, value: &Value) -> Applied {
    let failure: Failure = match serde_json::from_value(value["failure"].clone()) {
        Ok(failure) => failure,
        Err(error) => return Applied::Skipped(format!("`failure` is none: {error}")),
    };
    let Targets { nodes, mut evidence } = match targets::resolve(ground, value).await {
        Ok(targets) => targets,
        Err(reason) => return Applied::Skipped(reason),
    };
    evidence["failure"] = json!(failure);
    let hit =
        nodes.iter().map(|&node| async move { (node, fail_one(ground, node, failure).await) });
    let mut tally = Tally::default();
    for (node, outcome) in join_all(hit).await {
        let name = ground.name(node).to_owned();
        match outcome {
            Ok(seen) => drop(tally.done.insert(name, seen)),
            Err(problem) => drop(tally.unseen.insert(name, problem)),
        }
    }
    tally.broken(evidence)
}

async fn fail_one(ground: &dyn Ground, node: usize, failure: Failure) -> Result<Value, String> {
    let before = hits(&status(ground, node).await?);
    ask::<Value>(ground, node, DISK_FAIL, json!(failure), LIMIT).await?;
    let probes = probe(ground, node).await?;
    if let Some(unmet) = probes.iter().find(|probed| !met(probed, failure)) {
        return Err(format!("a probe did not meet it: {unmet:?}"));
    }
    let after = status(ground, node).await?;
    if after.layers.iter().any(|layer| layer.failure != Some(failure)) {
        return Err("a layer does not have it".to_owned());
    }
    Ok(json!({ "probes": probes, "operations_hit": hits(&after).saturating_sub(before) }))
}

async fn mend(ground: &dyn Ground) -> Tally {
    let mends = (0..ground.size()).map(|node| async move { (node, mend_one(ground, node).await) });
    let mut tally = Tally::default();
    for (node, outcome) in join_all(mends).await {
        let name = ground.name(node).to_owned();
        match outcome {
            Ok(Some(seen)) => drop(tally.done.insert(name, seen)),
            Ok(None) => drop(tally.skipped.insert(name, "the disk was well".to_owned())),
            Err(problem) => drop(tally.unseen.insert(name, problem)),
        }
    }
    revive(ground, tally).await
}

/// Starts the database where it has ended: many do when their disk fails, and rightly so.
async fn revive(ground: &dyn Ground, mut tally: Tally) -> Tally {
    let revived = kill::start(ground).await;
    for (name, witness) in revived.done {
        tally.skipped.remove(&name);
        if !tally.unseen.contains_key(&name) {
            let seen = tally.done.entry(name).or_insert_with(|| json!({}));
            seen["database"] = witness;
        }
    }
    for (name, problem) in revived.unseen {
        tally.done.remove(&name);
        tally.skipped.remove(&name);
        tally.unseen.entry(name).or_insert(problem);
    }
    tally
}

async fn mend_one(ground: &dyn Ground, node: usize) -> Result<Option<Value>, String> {
    let before = status(ground, node).await?;
    let was_well = before.layers.iter().all(|layer| layer.failure.is_none());
    if !before.layers.is_empty() {
        ask::<Value>(ground, node, DISK_MEND, Value::Null, LIMIT).await?;
    }
    if was_well {
        return Ok(None);
    }
    let probes = probe(ground, node).await?;
    if let Some(unwell) = probes.iter().find(|probed| probed.error.is_some()) {
        return Err(format!("a probe still fails: {unwell:?}"));
    }
    let after = status(ground, node).await?;
    if after.layers.iter().any(|layer| layer.failure.is_some()) {
        return Err("a layer still has it".to_owned());
    }
    Ok(Some(json!({ "probes": probes, "operations_hit": hits(&after) })))
}

/// Where the layer works.
pub(crate) fn providers() -> Providers {
    Providers {
        local_root: Support::Needs("/dev/fuse"),
        local_user: Support::Needs("/dev/fuse"),
        hosts: Support::Needs("/dev/fuse"),
    }
}

/// See the file's page.
pub(crate) struct Disk;

impl Disk {
    fn kinds(options: &Options) -> Result<Vec<Kind>, String> {
        parse_list(KINDS, options.get(KINDS), &Kind::ALL, Kind::name)
    }

    fn op(spec: &Spec, kind: Kind, options: &Options, rng: &mut ChaCha8Rng) -> Op {
        let mut value = spec.choose(&options.nodes, rng);
        value["failure"] = json!(kind.failure(rng));
        Op::new("disk-fail", value)
    }

    pub(crate) async fn act(ground: &dyn Ground, op: &Op) -> Applied {
        match &*op.f {
            "disk-fail" => fail(ground, &op.value).await,
            _ => mend(ground).await.mended(),
        }
    }
}

impl Fault for Disk {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn about(&self) -> &'static str {
        "makes the database's disk fail (EIO), full (ENOSPC) or slow"
    }

    fn functions(&self) -> &'static [&'static str] {
        &["disk-fail", "disk-mend"]
    }

    fn by_default(&self) -> bool {
        false
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        let options = &context.options;
        Self::kinds(options).err().or_else(|| targets::specs(TARGETS, options).err())
    }

    fn refuse_on_nodes<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            match self.refuse(context) {
                Some(problem) => Some(problem),
                None => refuse(context).await,
            }
        })
    }

    fn prepare<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(mount(context))
    }

    fn providers(&self) -> Providers {
        providers()
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let specs = targets::specs(TARGETS, options).unwrap_or_else(|_| Spec::ALL.to_vec());
        let mut specs = Bag::new(specs);
        let mut kinds = Bag::new(Self::kinds(options).unwrap_or_else(|_| Kind::ALL.to_vec()));
        let own = options.clone();
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| Self::op(&specs.draw(rng), kinds.draw(rng), &own, rng),
            Op::new("disk-mend", Value::Null),
        )
    }

    /// `disk enospc n1+n2`; the targets may be left out.
    fn script(&self, words: &str, options: &Options, seed: Seed) -> Result<Op, String> {
        let mut rng = seed.rng();
        let (kind, spec) = words.trim().split_once(' ').unwrap_or((words.trim(), "one"));
        let kinds = parse_list("disk", Some(kind), &Kind::ALL, Kind::name)?;
        Ok(Self::op(&Spec::parse(spec.trim(), options)?, kinds[0], options, &mut rng))
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(Self::act(context, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move { mend(context).await.healed() })
    }
}

/// What the layers of a node count, added up.
pub(crate) fn sums(status: &DiskStatus) -> BTreeMap<&'static str, u64> {
    let mut sums = BTreeMap::new();
    for counts in status.layers.iter().map(|layer| &layer.counts) {
        for (name, count) in [
            ("power_losses", counts.power_losses),
            ("lost_writes", counts.lost_writes),
            ("lost_bytes", counts.lost_bytes),
            ("lost_names", counts.lost_names),
            ("kept_writes", counts.kept_writes),
            ("torn_writes", counts.torn_writes),
            ("errors", counts.errors),
        ] {
            *sums.entry(name).or_default() += count;
        }
    }
    sums
}

#[cfg(test)]
mod tests;
