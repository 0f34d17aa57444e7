//! A lock: each worker acquires it, holds it for a while and releases it, again and again.
//!
//! Who holds a lock is a process. A process whose outcome is unknown ends, so its successor neither
//! holds what it held nor releases it; the database takes the lock back when the connection is gone.
//! Now and then a client ends while it has the lock, and at the end everybody else must get it. What
//! follows for judging is in `docs/checkers.md`, "Locks".

mod reclaim;

use crate::settings;
use perjury_checkers::Checker;
use perjury_checkers::dead_holders::DeadHolders;
use perjury_checkers::linear::{FencedMutex, Linearizable, SessionMutex};
use perjury_harness::generator::{below, chance, concat, each_thread_fn, op, sleep, unfold};
use perjury_harness::{BoxGenerator, GeneratorExt, Op, Options, Seed, Workload};
use serde_json::Value;
use std::time::Duration;

/// The longest hold, and the longest pause between a release and the next acquisition.
const MAX_HOLD: u64 = 200;
const MAX_PAUSE: u64 = 100;
/// One in so many turns ends with the client.
const CRASHES: u64 = 40;

/// Whether a holder may lose the lock before it asks to release it.
fn may_be_lost(options: &Options) -> Result<bool, String> {
    Ok(settings::flag(options, "holds-may-end")?.unwrap_or(true))
}

const TAKEN_BACK: &str = "taken-back-within";

/// How soon a lock is taken back from a client that is gone.
fn taken_back_within(options: &Options) -> Result<Duration, String> {
    let usual = DeadHolders::default().within / 1_000_000_000;
    match settings::number(options, TAKEN_BACK, usual)? {
        seconds @ 0..=3600 => Ok(Duration::from_secs(seconds)),
        seconds => Err(format!("--set {TAKEN_BACK}={seconds}: it is seconds, 3600 at the most")),
    }
}

/// Acquisitions and releases in turn.
pub struct Lock;

impl Workload for Lock {
    fn name(&self) -> &'static str {
        "lock"
    }

    fn about(&self) -> &'static str {
        "acquires a lock, holds it and releases it; nobody is granted it before a holder whose \
         release succeeds asked for that, fencing tokens grow, and it is taken back from clients that \
         are gone (--set holds-may-end=false: nor before one whose release fails because the lock was \
         lost; taken-back-within=15, in seconds)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "double-grant",
            "unheld-release",
            "token-inversion",
            "nonlinearizable",
            "held-by-the-dead",
            "lost-release",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "acquire",
                "null, answered with null or a fencing token; fails when it is held, with an error \
                 that ends in `held`",
            ),
            ("release", "null; fails when this client does not hold it: `not held`"),
            ("crash", "null: the client ends, without a word to the database"),
        ]
    }

    /// A release is asked for whether or not the acquisition succeeded: a lock must refuse it then,
    /// and a release that failed for another reason is made up for by the next. One client in so many
    /// ends instead.
    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        // Where a lock is never taken back, nobody would get it after that.
        let crashes = may_be_lost(options).unwrap_or(true);
        let seed = seed.derive("lock");
        let turns = move |worker: usize| {
            unfold(seed.derive(&worker.to_string()), move |rng| {
                let wait = |milliseconds| sleep(Duration::from_millis(milliseconds));
                let (hold, pause) = (1 + below(rng, MAX_HOLD), below(rng, MAX_PAUSE));
                let end = match chance(rng, 1, CRASHES) && crashes {
                    true => Op::crash(),
                    false => Op::new("release", Value::Null),
                };
                let acquire = Op::new("acquire", Value::Null);
                Some(concat(vec![op(acquire), wait(hold), op(end), wait(pause)]))
            })
        };
        each_thread_fn(turns).on_clients()
    }

    fn final_generator(&self, options: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(reclaim::by_all(taken_back_within(options).ok()?))
    }

    /// A lock that was granted twice was, whatever follows.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        taken_back_within(options)?;
        may_be_lost(options).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        if !may_be_lost(options).unwrap_or(true) {
            return vec![Box::new(Linearizable::new(FencedMutex::default()))];
        }
        let within = taken_back_within(options).unwrap_or_default().as_nanos();
        let within = u64::try_from(within).unwrap_or(u64::MAX);
        vec![Box::new(Linearizable::new(SessionMutex)), Box::new(DeadHolders { within })]
    }
}

#[cfg(test)]
mod tests;
