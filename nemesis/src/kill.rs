//! `kill`: SIGKILL to the database on some nodes, and starting it again.

use crate::ground::{Ground, Tally, ask_about_process, witness};
use crate::schedule;
use crate::targets::{self, Bag, Spec, Targets};
use futures::future::join_all;
use perjury_harness::agent::protocol::{PROCESS_KILL, PROCESS_STATUS, RunState};
use perjury_harness::{Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Seed};
use serde_json::Value;

/// Pins which nodes are killed: a comma-separated list of [`Spec`] names.
const OPTION: &str = "kill-targets";

/// See the module's page.
pub(crate) struct Kill;

impl Fault for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }

    fn about(&self) -> &'static str {
        "kills the database's processes with SIGKILL and starts them again"
    }

    fn functions(&self) -> &'static [&'static str] {
        &["kill", "start"]
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        specs(&context.options).err()
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut bag = Bag::new(specs(options).unwrap_or_else(|_| Spec::ALL.to_vec()));
        let nodes = options.nodes.clone();
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| Op::new("kill", bag.draw(rng).choose(&nodes, rng)),
            Op::new("start", Value::Null),
        )
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(apply(context, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(heal(context))
    }
}

fn specs(options: &Options) -> Result<Vec<Spec>, String> {
    targets::parse_list(OPTION, options.get(OPTION), &Spec::ALL, Spec::name)
}

async fn apply(ground: &dyn Ground, op: &Op) -> Applied {
    match &*op.f {
        "kill" => kill(ground, &op.value).await,
        "start" => {
            let tally = start(ground).await;
            if !tally.unseen.is_empty() {
                return Applied::Indeterminate(tally.problems());
            }
            if tally.done.is_empty() {
                return Applied::Skipped(tally.reasons());
            }
            Applied::Healed(tally.evidence(Value::Null))
        }
        other => Applied::Skipped(format!("`kill` does not know `{other}`")),
    }
}

async fn kill(ground: &dyn Ground, value: &Value) -> Applied {
    let Targets { nodes, evidence } = match targets::resolve(ground, value).await {
        Ok(targets) => targets,
        Err(reason) => return Applied::Skipped(reason),
    };
    // Asked first: what was down before was not killed now.
    let before = ask_about_process(ground, &nodes, PROCESS_STATUS).await;
    let after = ask_about_process(ground, &nodes, PROCESS_KILL).await;
    let mut tally = Tally::default();
    for (node, after) in after {
        let name = ground.name(node).to_owned();
        match after {
            Err(problem) => {
                tally.unseen.insert(name, problem);
            }
            Ok(after) if after.state != RunState::Gone => {
                tally.unseen.insert(name, format!("still there: {}", after.observed));
            }
            Ok(after) => match &before[&node] {
                Err(problem) => {
                    tally.unseen.insert(name, problem.clone());
                }
                Ok(before) if before.state == RunState::Gone => {
                    tally.skipped.insert(name, format!("was not running: {}", before.observed));
                }
                Ok(before) => {
                    tally.done.insert(name, witness(&after, &before.pids));
                }
            },
        }
    }
    conclude(tally, evidence)
}

/// Installed where it was seen everywhere that it was meant to be.
pub(crate) fn conclude(tally: Tally, more: Value) -> Applied {
    if !tally.unseen.is_empty() {
        let seen: Vec<&String> = tally.done.keys().collect();
        return Applied::Indeterminate(format!("{} (seen on {seen:?})", tally.problems()));
    }
    if tally.done.is_empty() {
        return Applied::Skipped(tally.reasons());
    }
    Applied::Installed(tally.evidence(more))
}

/// Starts the database on every node where it does not run.
async fn start(ground: &dyn Ground) -> Tally {
    let all: Vec<usize> = (0..ground.size()).collect();
    let before = ask_about_process(ground, &all, PROCESS_STATUS).await;
    let mut tally = Tally::default();
    let mut down = Vec::new();
    for (node, before) in before {
        let name = ground.name(node).to_owned();
        match before {
            Ok(state) if state.state == RunState::Gone => down.push(node),
            // One that is paused is up; to let it go on is the pause's own undo.
            Ok(state) => {
                tally.skipped.insert(name, format!("up already: {}", state.observed));
            }
            Err(problem) => {
                tally.unseen.insert(name, problem);
            }
        }
    }
    let started = down.iter().map(|&node| async move { (node, ground.start(node).await) });
    for (node, state) in join_all(started).await {
        let name = ground.name(node).to_owned();
        match state {
            Ok(state) if state.state == RunState::Running => {
                tally.done.insert(name, witness(&state, &[]));
            }
            Ok(state) => {
                tally.unseen.insert(name, format!("does not run: {}", state.observed));
            }
            Err(problem) => {
                tally.unseen.insert(name, problem);
            }
        }
    }
    tally
}

async fn heal(ground: &dyn Ground) -> Result<Value, String> {
    let tally = start(ground).await;
    if tally.unseen.is_empty() { Ok(tally.evidence(Value::Null)) } else { Err(tally.problems()) }
}

#[cfg(test)]
mod tests;
