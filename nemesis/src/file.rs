//! The fault `file`: files of the database are damaged behind its back, and put back.

use crate::ground::{Ground, Tally, ask};
use crate::schedule;
use crate::targets::{self, Bag, Spec, Targets, parse_list};
use crate::wire::file::{
    Compared, Corrupt, Damage, FILE_COMPARE, FILE_CORRUPT, FILE_RESTORE, FILE_STATUS, Kind,
};
use futures::future::join_all;
use perjury_harness::generator::below;
use perjury_harness::{Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Seed};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::time::Duration;

/// For one request.
const LIMIT: Duration = Duration::from_secs(15);
/// The option that pins whom it hits.
const TARGETS: &str = "file-targets";
/// The option that pins the damage.
const KINDS: &str = "file-kinds";
/// Seeds that JSON numbers of every reader hold.
const SEEDS: u64 = 1 << 32;
/// Whom it hits by default: a replicated database may lose what a majority has lost.
const USUAL: [Spec; 2] = [Spec::One, Spec::MinorityThird];
const ALL: [Kind; 4] = [Kind::Truncate, Kind::BitFlips, Kind::ChunkCopy, Kind::Rollback];

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Truncate => "truncate",
        Kind::BitFlips => "bit-flips",
        Kind::ChunkCopy => "chunk-copy",
        Kind::Rollback => "rollback",
    }
}

/// See the file's page.
pub(crate) struct Files;

impl Files {
    fn kinds(options: &Options) -> Result<Vec<Kind>, String> {
        parse_list(KINDS, options.get(KINDS), &ALL, word)
    }

    fn specs(options: &Options) -> Result<Vec<Spec>, String> {
        match options.get(TARGETS) {
            Some(_) => targets::specs(TARGETS, options),
            None => Ok(USUAL.to_vec()),
        }
    }

    fn op(spec: &Spec, kind: Kind, options: &Options, rng: &mut ChaCha8Rng) -> Op {
        let mut value = spec.choose(&options.nodes, rng);
        value["damage"] = json!(kind);
        value["seed"] = json!(below(rng, SEEDS));
        Op::new("corrupt", value)
    }
}

async fn corrupt(ground: &dyn Ground, directories: &[String], value: &Value) -> Applied {
    let (Ok(kind), Some(seed)) =
        (serde_json::from_value::<Kind>(value["damage"].clone()), value["seed"].as_u64())
    else {
        return Applied::Skipped("`damage` and `seed` say what is to be damaged".to_owned());
    };
    let Targets { nodes, mut evidence } = match targets::resolve(ground, value).await {
        Ok(targets) => targets,
        Err(reason) => return Applied::Skipped(reason),
    };
    evidence["damage"] = json!(kind);
    let hit = nodes.iter().map(|&node| {
        let seed = seed.wrapping_add(node as u64);
        let what = Corrupt { directories: directories.to_vec(), kind, seed };
        async move { (node, corrupt_one(ground, node, what).await) }
    });
    let mut tally = Tally::default();
    for (node, outcome) in join_all(hit).await {
        let name = ground.name(node).to_owned();
        match outcome {
            Ok(Ok(seen)) => drop(tally.done.insert(name, seen)),
            Ok(Err(reason)) => drop(tally.skipped.insert(name, reason)),
            Err(problem) => drop(tally.unseen.insert(name, problem)),
        }
    }
    tally.broken(evidence)
}

/// The inner error is a reason why nothing was done.
async fn corrupt_one(
    ground: &dyn Ground,
    node: usize,
    what: Corrupt,
) -> Result<Result<Value, String>, String> {
    let status = || ask::<Vec<Damage>>(ground, node, FILE_STATUS, Value::Null, LIMIT);
    let before = status().await?;
    if let Err(problem) = ground.ask(node, FILE_CORRUPT, json!(what), LIMIT).await {
        // Nothing in the ledger: nothing was touched.
        return if status().await? == before { Ok(Err(problem)) } else { Err(problem) };
    }
    let fresh: Vec<Damage> =
        status().await?.into_iter().filter(|damage| !before.contains(damage)).collect();
    let seen: Vec<Compared> = ask(ground, node, FILE_COMPARE, json!(fresh), LIMIT).await?;
    let changed: u64 = seen.iter().map(|compared| compared.damaged).sum();
    if seen.is_empty() {
        return Err("no file is noted as damaged".to_owned());
    }
    if changed > 0 {
        return Ok(Ok(json!({ "files": seen, "changed_bytes": changed })));
    }
    // The copy of a chunk onto its like, or a file that the database wrote again at once.
    if seen.iter().all(|compared| compared.as_before == 0) {
        return Ok(Err(format!("no byte is another than before: {seen:?}")));
    }
    Err(format!("the files are as they were: {seen:?}"))
}

async fn mend(ground: &dyn Ground) -> Tally {
    let mends = (0..ground.size()).map(|node| async move { (node, mend_one(ground, node).await) });
    let mut tally = Tally::default();
    for (node, outcome) in join_all(mends).await {
        let name = ground.name(node).to_owned();
        match outcome {
            Ok(Some(seen)) => drop(tally.done.insert(name, seen)),
            Ok(None) => drop(tally.skipped.insert(name, "no file was damaged".to_owned())),
            Err(problem) => drop(tally.unseen.insert(name, problem)),
        }
    }
    tally
}

async fn mend_one(ground: &dyn Ground, node: usize) -> Result<Option<Value>, String> {
    let damages: Vec<Damage> = ask(ground, node, FILE_STATUS, Value::Null, LIMIT).await?;
    if damages.is_empty() {
        return Ok(None);
    }
    ask::<Value>(ground, node, FILE_RESTORE, Value::Null, LIMIT).await?;
    let seen: Vec<Compared> = ask(ground, node, FILE_COMPARE, json!(damages), LIMIT).await?;
    // A file that the database has made longer or shorter since it was cut off is its own.
    let left = damages.iter().zip(&seen).find(|(damage, compared)| {
        let cut = damage.patches.last().filter(|patch| patch.new.is_empty());
        let its_own = cut.is_some_and(|patch| compared.length != Some(patch.offset));
        compared.damaged > 0 && !its_own
    });
    match left {
        Some((_, compared)) => Err(format!("still damaged: {compared:?}")),
        None => Ok(Some(json!({ "files": seen }))),
    }
}

impl Files {
    pub(crate) async fn act(ground: &dyn Ground, directories: &[String], op: &Op) -> Applied {
        match &*op.f {
            "corrupt" => corrupt(ground, directories, &op.value).await,
            _ => mend(ground).await.mended(),
        }
    }
}

impl Fault for Files {
    fn name(&self) -> &'static str {
        "file"
    }

    fn about(&self) -> &'static str {
        "damages files of the database (cut off, flipped bits, copied pieces, rolled back) and puts them back"
    }

    fn functions(&self) -> &'static [&'static str] {
        &["corrupt", "restore"]
    }

    fn by_default(&self) -> bool {
        false
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        if context.lifecycle.definition().data.is_empty() {
            return Some("the database's definition names no `data` directory".to_owned());
        }
        let options = &context.options;
        Self::kinds(options).err().or_else(|| Self::specs(options).err())
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut specs = Bag::new(Self::specs(options).unwrap_or_else(|_| USUAL.to_vec()));
        let mut kinds = Bag::new(Self::kinds(options).unwrap_or_else(|_| ALL.to_vec()));
        let own = options.clone();
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| Self::op(&specs.draw(rng), kinds.draw(rng), &own, rng),
            Op::new("restore", Value::Null),
        )
    }

    /// `file bit-flips n1`; the targets may be left out.
    fn script(&self, words: &str, options: &Options, seed: Seed) -> Result<Op, String> {
        let (kind, spec) = words.trim().split_once(' ').unwrap_or((words.trim(), "one"));
        let kinds = parse_list("file", Some(kind), &ALL, word)?;
        Ok(Self::op(&Spec::parse(spec.trim(), options)?, kinds[0], options, &mut seed.rng()))
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(Self::act(context, &context.lifecycle.definition().data, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move { mend(context).await.healed() })
    }
}

#[cfg(test)]
mod tests;
