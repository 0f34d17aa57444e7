//! `pause`: SIGSTOP to the database on some nodes, and letting it go on.

use crate::ground::{Ground, Tally, ask_about_process, witness};
use crate::kill::conclude;
use crate::schedule;
use crate::targets::{self, Bag, Spec, Targets};
use perjury_harness::agent::protocol::{PROCESS_PAUSE, PROCESS_RESUME, PROCESS_STATUS, RunState};
use perjury_harness::{Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Seed};
use serde_json::Value;

/// Pins which nodes are paused: a comma-separated list of [`Spec`] names.
const OPTION: &str = "pause-targets";

/// See the module's page.
pub(crate) struct Pause;

impl Fault for Pause {
    fn name(&self) -> &'static str {
        "pause"
    }

    fn about(&self) -> &'static str {
        "stops the database's processes with SIGSTOP for a while, as a long garbage collection does"
    }

    fn functions(&self) -> &'static [&'static str] {
        &["pause", "resume"]
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
            move |rng| Op::new("pause", bag.draw(rng).choose(&nodes, rng)),
            Op::new("resume", Value::Null),
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

pub(crate) async fn apply(ground: &dyn Ground, op: &Op) -> Applied {
    match &*op.f {
        "pause" => pause(ground, &op.value).await,
        "resume" => {
            let tally = resume(ground).await;
            if !tally.unseen.is_empty() {
                return Applied::Indeterminate(tally.problems());
            }
            if tally.done.is_empty() {
                return Applied::Skipped(tally.reasons());
            }
            Applied::Healed(tally.evidence(Value::Null))
        }
        other => Applied::Skipped(format!("`pause` does not know `{other}`")),
    }
}

async fn pause(ground: &dyn Ground, value: &Value) -> Applied {
    let Targets { nodes, evidence } = match targets::resolve(ground, value).await {
        Ok(targets) => targets,
        Err(reason) => return Applied::Skipped(reason),
    };
    let mut tally = Tally::default();
    for (node, after) in ask_about_process(ground, &nodes, PROCESS_PAUSE).await {
        let name = ground.name(node).to_owned();
        match after {
            Ok(state) if state.state == RunState::Paused => {
                tally.done.insert(name, witness(&state, &state.pids));
            }
            Ok(state) if state.state == RunState::Gone => {
                tally.skipped.insert(name, format!("not running: {}", state.observed));
            }
            Ok(state) => {
                tally.unseen.insert(name, format!("not stopped: {}", state.observed));
            }
            Err(problem) => {
                tally.unseen.insert(name, problem);
            }
        }
    }
    conclude(tally, evidence)
}

/// Lets every paused database go on.
async fn resume(ground: &dyn Ground) -> Tally {
    let all: Vec<usize> = (0..ground.size()).collect();
    let before = ask_about_process(ground, &all, PROCESS_STATUS).await;
    // All are asked: one whose threads are only partly stopped counts as running.
    let after = ask_about_process(ground, &all, PROCESS_RESUME).await;
    let mut tally = Tally::default();
    for (node, after) in after {
        let name = ground.name(node).to_owned();
        let was_paused = matches!(&before[&node], Ok(state) if state.state == RunState::Paused);
        match after {
            Ok(state) if state.state == RunState::Paused => {
                tally.unseen.insert(name, format!("still stopped: {}", state.observed));
            }
            Ok(state) if was_paused && state.state == RunState::Running => {
                tally.done.insert(name, witness(&state, &state.pids));
            }
            Ok(state) => {
                tally.skipped.insert(name, format!("not paused: {}", state.observed));
            }
            Err(problem) => {
                tally.unseen.insert(name, problem);
            }
        }
    }
    tally
}

async fn heal(ground: &dyn Ground) -> Result<Value, String> {
    let tally = resume(ground).await;
    if tally.unseen.is_empty() { Ok(tally.evidence(Value::Null)) } else { Err(tally.problems()) }
}

#[cfg(test)]
mod tests;
