//! Leader election: candidates campaign, lead for a while and resign, and others look on.

use crate::settings;
use perjury_checkers::Checker;
use perjury_checkers::election;
use perjury_harness::generator::{below, chance, concat, each_thread_fn, op, sleep, unfold};
use perjury_harness::{BoxGenerator, GeneratorExt, Op, Options, Seed, Workload};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest that anybody leads, and the longest pause until the next campaign.
const MAX_LEAD: u64 = 150;
const MAX_PAUSE: u64 = 100;
/// Candidates of one worker at most; those of the next have numbers from there on.
const CANDIDATES: u64 = 1_000_000;

const GLOBALLY: &str = "globally";

/// Whether terms are compared between processes.
fn globally(options: &Options) -> Result<bool, String> {
    Ok(settings::flag(options, GLOBALLY)?.unwrap_or(false))
}

/// Campaigns, observations and resignations in turn.
pub struct LeaderElection;

impl Workload for LeaderElection {
    fn name(&self) -> &'static str {
        "leader-election"
    }

    fn about(&self) -> &'static str {
        "campaigns, observes who leads and resigns; no term has two leaders, and no client is told of \
         an earlier term than before (--set globally=true: nor than another client was)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &["two-leaders", "term-regression"]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "campaign",
                "a candidate, a new number each time; answered with [term, candidate] when it is \
                 elected, in a term later than any before; fails when somebody leads",
            ),
            ("resign", "the same candidate; fails when it does not lead"),
            (
                "observe",
                "null, answered with [term, candidate], the latest term and who was elected in it; \
                 null for the candidate if it leads no more, and term 0 if nobody ever did",
            ),
        ]
    }

    /// A candidate resigns whether or not it was elected: it must be refused then, and an election of
    /// which nobody heard is made up for.
    fn generator(&self, _: &Options, seed: Seed) -> BoxGenerator {
        let seed = seed.derive("leader-election");
        let turns = move |worker: usize| {
            let mut candidate = CANDIDATES * worker as u64;
            unfold(seed.derive(&worker.to_string()), move |rng| {
                candidate += 1;
                let wait = |milliseconds| sleep(Duration::from_millis(milliseconds));
                let observe = || op(Op::new("observe", Value::Null));
                if chance(rng, 1, 2) {
                    return Some(concat(vec![observe(), wait(below(rng, MAX_PAUSE))]));
                }
                let (lead, pause) = (1 + below(rng, MAX_LEAD), below(rng, MAX_PAUSE));
                let campaign = op(Op::new("campaign", json!(candidate)));
                let resign = op(Op::new("resign", json!(candidate)));
                Some(concat(vec![campaign, observe(), wait(lead), resign, wait(pause)]))
            })
        };
        each_thread_fn(turns).on_clients()
    }

    /// Two leaders are two leaders.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        globally(options).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        let globally = globally(options).unwrap_or(false);
        vec![Box::new(election::LeaderElection { globally })]
    }
}

#[cfg(test)]
mod tests;
