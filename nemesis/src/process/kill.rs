//! Ending the database on some nodes, by force or politely, and starting it again.

use crate::ground::{Ground, Tally, ask_about_process, witness};
use crate::targets::{self, Targets};
use futures::future::join_all;
use perjury_harness::Applied;
use perjury_harness::agent::protocol::{
    PROCESS_KILL, PROCESS_STATUS, PROCESS_STOP, ProcessState, RunState,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// How a process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// SIGKILL.
    Kill,
    /// SIGTERM, and SIGKILL to what has not heeded it in five seconds.
    Stop,
}

/// Answers of several nodes, by position.
pub(super) type States = BTreeMap<usize, Result<ProcessState, String>>;

/// Ends the database on the targets, and sees that it has ended.
pub(super) async fn end(ground: &dyn Ground, value: &Value, way: Way) -> Applied {
    let Targets { nodes, evidence } = match targets::resolve(ground, value).await {
        Ok(targets) => targets,
        Err(reason) => return Applied::Skipped(reason),
    };
    end_on(ground, &nodes, way).await.broken(evidence)
}

/// As [`end`], on these nodes.
pub(crate) async fn end_on(ground: &dyn Ground, nodes: &[usize], way: Way) -> Tally {
    let verb = if way == Way::Kill { PROCESS_KILL } else { PROCESS_STOP };
    // Asked first: what was down before was not ended now.
    let before = ask_about_process(ground, nodes, PROCESS_STATUS).await;
    let acted = ask_about_process(ground, nodes, verb).await;
    let after = ask_about_process(ground, nodes, PROCESS_STATUS).await;
    let mut tally = Tally::default();
    for (node, after) in after {
        let name = ground.name(node).to_owned();
        match (&before[&node], &acted[&node], &after) {
            (Err(problem), ..) | (_, Err(problem), _) | (.., Err(problem)) => {
                tally.unseen.insert(name, problem.clone());
            }
            (.., Ok(after)) if after.state != RunState::Gone => {
                tally.unseen.insert(name, format!("still there: {}", after.observed));
            }
            (Ok(before), ..) if before.state == RunState::Gone => {
                tally.skipped.insert(name, format!("was not running: {}", before.observed));
            }
            (Ok(before), .., Ok(after)) => {
                tally.done.insert(name, witness(after, &before.pids));
            }
        }
    }
    tally
}

/// Starts the database on every node where it does not run, and sees that it runs.
pub(crate) async fn start(ground: &dyn Ground) -> Tally {
    let all: Vec<usize> = (0..ground.size()).collect();
    start_on(ground, &all).await
}

/// As [`start`], on these nodes.
pub(super) async fn start_on(ground: &dyn Ground, nodes: &[usize]) -> Tally {
    let before = ask_about_process(ground, nodes, PROCESS_STATUS).await;
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
    let started: States = join_all(started).await.into_iter().collect();
    for (node, after) in ask_about_process(ground, &down, PROCESS_STATUS).await {
        let name = ground.name(node).to_owned();
        match (&started[&node], after) {
            (Err(problem), _) => {
                tally.unseen.insert(name, problem.clone());
            }
            (_, Ok(state)) if state.state == RunState::Running => {
                tally.done.insert(name, witness(&state, &[]));
            }
            (_, Ok(state)) => {
                tally.unseen.insert(name, format!("does not run: {}", state.observed));
            }
            (_, Err(problem)) => {
                tally.unseen.insert(name, problem);
            }
        }
    }
    tally
}
