//! Stopping the database on some nodes with SIGSTOP, and letting it go on.

use crate::ground::{Ground, Tally, ask_about_process, witness};
use crate::targets::{self, Targets};
use perjury_harness::Applied;
use perjury_harness::agent::protocol::{PROCESS_PAUSE, PROCESS_RESUME, PROCESS_STATUS, RunState};
use serde_json::Value;

/// Stops the targets, and sees that they are stopped.
pub(super) async fn pause(ground: &dyn Ground, value: &Value) -> Applied {
    let Targets { nodes, evidence } = match targets::resolve(ground, value).await {
        Ok(targets) => targets,
        Err(reason) => return Applied::Skipped(reason),
    };
    let acted = ask_about_process(ground, &nodes, PROCESS_PAUSE).await;
    let mut tally = Tally::default();
    for (node, seen) in ask_about_process(ground, &nodes, PROCESS_STATUS).await {
        let name = ground.name(node).to_owned();
        match acted[&node].clone().and(seen) {
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
    tally.broken(evidence)
}

/// Lets every paused database go on, and sees that it does.
pub(super) async fn resume(ground: &dyn Ground) -> Tally {
    let all: Vec<usize> = (0..ground.size()).collect();
    let before = ask_about_process(ground, &all, PROCESS_STATUS).await;
    // All are asked: one whose threads are only partly stopped counts as running.
    let acted = ask_about_process(ground, &all, PROCESS_RESUME).await;
    let mut tally = Tally::default();
    for (node, after) in ask_about_process(ground, &all, PROCESS_STATUS).await {
        let after = acted[&node].clone().and(after);
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
