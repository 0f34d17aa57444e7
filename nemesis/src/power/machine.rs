//! Power of real machines: each is reset by its own kernel, and boots again.
//!
//! What is believed is that nothing answers any more, and then that another boot does: the kernel draws a
//! random name for each.

use crate::disk;
use crate::ground::{Ground, Tally, ask};
use crate::process::kill;
use crate::targets::{self, Targets};
use crate::wire::disk::{DISK_MOUNT, Directories};
use crate::wire::power::{Boot, CutPower, POWER_BOOT, POWER_CUT};
use futures::future::join_all;
use perjury_harness::Applied;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For one question to an agent that is there.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a machine may go on answering after its power was cut.
const DYING: Duration = Duration::from_secs(20);
/// How long a machine may take to boot, an emulated one with its neighbours booting, too.
const BOOTING: Duration = Duration::from_secs(170);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// An agent is looked for this long at a time; a machine that is off answers nothing.
const LOOK: Duration = Duration::from_secs(20);

/// Machines without power, by position.
#[derive(Default)]
pub(super) struct Dark(Mutex<BTreeMap<usize, Lost>>);

/// What a machine was before its power was cut.
#[derive(Clone, Debug)]
struct Lost {
    boot: String,
    /// Directories over which there was a disk layer.
    layers: Vec<String>,
    since: Instant,
}

/// Why the power of these machines cannot be cut.
pub(super) async fn refuse(ground: &dyn Ground) -> Option<String> {
    let asked = (0..ground.size()).map(|node| async move {
        let problem = match boot(ground, node).await {
            Ok(boot) if boot.id == this_boot() => {
                Some("it is the controller's own machine".to_owned())
            }
            Ok(boot) => boot.problem,
            Err(problem) => Some(problem),
        };
        problem.map(|problem| format!("{}: {problem}", ground.name(node)))
    });
    join_all(asked).await.into_iter().flatten().next()
}

/// The boot of the machine that the controller runs on.
fn this_boot() -> String {
    crate::agent::boot_id()
}

async fn boot(ground: &dyn Ground, node: usize) -> Result<Boot, String> {
    ask(ground, node, POWER_BOOT, Value::Null, LIMIT).await
}

/// Cuts the power of the targets, and sees that they are gone.
pub(super) async fn cut(ground: &dyn Ground, dark: &Dark, value: &Value) -> Applied {
    let Targets { nodes, evidence } = match targets::resolve(ground, value).await {
        Ok(targets) => targets,
        Err(reason) => return Applied::Skipped(reason),
    };
    let cuts = nodes.iter().map(|&node| async move { (node, cut_one(ground, dark, node).await) });
    let mut tally = Tally::default();
    for (node, outcome) in join_all(cuts).await {
        let name = ground.name(node).to_owned();
        match outcome {
            Ok(seen) => drop(tally.done.insert(name, seen)),
            Err(problem) => drop(tally.unseen.insert(name, problem)),
        }
    }
    tally.broken(evidence)
}

async fn cut_one(ground: &dyn Ground, dark: &Dark, node: usize) -> Result<Value, String> {
    let before = boot(ground, node).await?;
    let layers = disk::status(ground, node).await.map(|status| status.layers).unwrap_or_default();
    let lost = Lost {
        boot: before.id.clone(),
        layers: layers.into_iter().map(|layer| layer.directory).collect(),
        since: Instant::now(),
    };
    // Noted first: should the answer be lost, the machine has to be waited for all the same.
    dark.lock().insert(node, lost);
    let with = json!(CutPower { boot: before.id.clone(), controller: this_boot() });
    let told = ask::<Boot>(ground, node, POWER_CUT, with, LIMIT).await;
    let observed = vanished(ground, node, &before.id).await.map_err(|problem| match told {
        Err(refusal) => format!("{problem}; the agent said: {refusal}"),
        Ok(_) => problem,
    })?;
    Ok(json!({ "observed": observed, "boot": before.id, "uptime_ms": before.uptime_ms }))
}

/// What shows that a boot has ended.
async fn vanished(ground: &dyn Ground, node: usize, boot_id: &str) -> Result<String, String> {
    let deadline = Instant::now() + DYING;
    while Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
        match tokio::time::timeout(LIMIT, boot(ground, node)).await {
            Ok(Ok(boot)) if boot.id == boot_id => {}
            Ok(Ok(boot)) => return Ok(format!("it runs again, since boot {}", boot.id)),
            Ok(Err(silence)) => return Ok(format!("it is gone: {silence}")),
            Err(_) => return Ok("it is gone: nothing answers".to_owned()),
        }
    }
    Err(format!("it still runs {} s after its power was cut", DYING.as_secs()))
}

/// Waits until all machines without power have booted, and starts the database where it does not run.
pub(super) async fn restore(ground: &dyn Ground, dark: &Dark) -> Tally {
    let off: Vec<(usize, Lost)> =
        dark.lock().iter().map(|(node, lost)| (*node, lost.clone())).collect();
    let returns =
        off.iter().map(|(node, lost)| async move { (*node, come_back(ground, *node, lost).await) });
    let mut booted = BTreeMap::new();
    let mut absent = BTreeMap::new();
    for (node, outcome) in join_all(returns).await {
        let name = ground.name(node).to_owned();
        match outcome {
            Ok(seen) => {
                dark.lock().remove(&node);
                booted.insert(name, seen);
            }
            Err(problem) => drop(absent.insert(name, problem)),
        }
    }
    let mut tally = kill::start(ground).await;
    for (name, seen) in booted {
        if let Some(Value::Object(witness)) = tally.done.get_mut(&name) {
            witness.insert("booted".to_owned(), seen);
        }
    }
    for (name, problem) in absent {
        tally.done.remove(&name);
        tally.skipped.remove(&name);
        tally.unseen.insert(name, problem);
    }
    tally
}

async fn come_back(ground: &dyn Ground, node: usize, lost: &Lost) -> Result<Value, String> {
    let deadline = Instant::now() + BOOTING;
    let mut last = "nothing was asked".to_owned();
    while Instant::now() < deadline {
        match tokio::time::timeout(LOOK, boot(ground, node)).await {
            Ok(Ok(boot)) if boot.id != lost.boot => {
                mount(ground, node, &lost.layers).await?;
                let away = lost.since.elapsed().as_secs_f64();
                return Ok(json!({ "boot": boot.id, "before": lost.boot, "away_s": away }));
            }
            Ok(Ok(_)) => {
                return Err(format!("its power was never cut: it runs since boot {}", lost.boot));
            }
            Ok(Err(problem)) => last = problem,
            Err(_) => "nothing answers".clone_into(&mut last),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(format!("it has not booted in {} s: {last}", BOOTING.as_secs()))
}

/// Puts disk layers back, which are processes, and ended like all others.
async fn mount(ground: &dyn Ground, node: usize, layers: &[String]) -> Result<(), String> {
    if layers.is_empty() {
        return Ok(());
    }
    let with = json!(Directories { directories: layers.to_vec() });
    ask::<Value>(ground, node, DISK_MOUNT, with, LIMIT).await.map(drop)
}

impl Dark {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, Lost>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
