//! A lock: each worker acquires it, holds it for a while and releases it, again and again.
//!
//! Who holds a lock is a process. A process whose outcome is unknown ends, so its successor neither
//! holds what it held nor releases it; the database takes the lock back when the connection is gone.
//! What follows for judging is in `docs/checkers.md`, "Locks".

use crate::settings;
use perjury_checkers::Checker;
use perjury_checkers::linear::{FencedMutex, Linearizable, SessionMutex};
use perjury_harness::generator::{below, concat, each_thread_fn, op, sleep, unfold};
use perjury_harness::{BoxGenerator, GeneratorExt, Op, Options, Seed, Workload};
use serde_json::Value;
use std::time::Duration;

/// The longest hold, and the longest pause between a release and the next acquisition.
const MAX_HOLD: u64 = 200;
const MAX_PAUSE: u64 = 100;

/// Whether a holder may lose the lock before it asks to release it.
fn may_be_lost(options: &Options) -> Result<bool, String> {
    Ok(settings::flag(options, "holds-may-end")?.unwrap_or(true))
}

/// Acquisitions and releases in turn.
pub struct Lock;

impl Workload for Lock {
    fn name(&self) -> &'static str {
        "lock"
    }

    fn about(&self) -> &'static str {
        "acquires a lock, holds it and releases it; nobody is granted it before a holder whose \
         release succeeds asked for that, and fencing tokens grow (--set holds-may-end=false: nor \
         before one whose release fails because the lock was lost)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &["double-grant", "unheld-release", "token-inversion", "nonlinearizable"]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("acquire", "null, answered with null or a fencing token; fails when it is held"),
            ("release", "null; fails when this client does not hold it"),
        ]
    }

    /// A release is asked for whether or not the acquisition succeeded: a lock must refuse it then,
    /// and a release that failed for another reason is made up for by the next.
    fn generator(&self, _: &Options, seed: Seed) -> BoxGenerator {
        let seed = seed.derive("lock");
        let turns = move |worker: usize| {
            unfold(seed.derive(&worker.to_string()), |rng| {
                let wait = |milliseconds| sleep(Duration::from_millis(milliseconds));
                let (hold, pause) = (1 + below(rng, MAX_HOLD), below(rng, MAX_PAUSE));
                let (acquire, release) =
                    (Op::new("acquire", Value::Null), Op::new("release", Value::Null));
                Some(concat(vec![op(acquire), wait(hold), op(release), wait(pause)]))
            })
        };
        each_thread_fn(turns).on_clients()
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        may_be_lost(options).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        if may_be_lost(options).unwrap_or(true) {
            vec![Box::new(Linearizable::new(SessionMutex))]
        } else {
            vec![Box::new(Linearizable::new(FencedMutex::default()))]
        }
    }
}

#[cfg(test)]
mod tests;
