//! Watches: writes of one or several keys, and watchers that are told of all changes; all see one
//! log.
//!
//! After etcd's robustness tests: what watchers are told is ordered, unique, reliable, atomic,
//! resumable and bookmarkable.

use crate::{last, settings};
use perjury_checkers::Checker;
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Keys that one write changes at the most.
const MAX_CHANGES: u64 = 3;
/// Keys, without `--set watched-keys`.
const KEYS: u64 = 8;

fn keys(options: &Options) -> Result<u64, String> {
    match settings::number(options, "watched-keys", KEYS)? {
        number @ 1..=10_000 => Ok(number),
        number => Err(format!("--set watched-keys={number}: there can be 1 to 10000 of them")),
    }
}

/// Writes and watches, one to one. Each client is a watcher.
pub struct Watch;

impl Workload for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn about(&self) -> &'static str {
        "changes keys while every client watches; all watchers are told of the same changes in the \
         same order, of each once, and of none too few, also after failures (--set watched-keys=8)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "lost-event",
            "torn-event",
            "duplicate-event",
            "event-inversion",
            "inconsistent-event",
            "phantom-event",
            "revision-inversion",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "write",
                "[[key, value], …], all at once, answered with [revision, [[key, value], …]]",
            ),
            (
                "watch",
                "null, or \"latest\" to be up to date; answered with {\"from\": revision, \
                 \"events\": [[revision, key, value], …], \"revision\": revision}, all changes from \
                 where this client was up to a revision",
            ),
        ]
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let keys = keys(options).unwrap_or(KEYS);
        let mut load = Load { keys, written: 0 };
        from_fn(seed.derive("watch"), move |rng| load.next(rng))
    }

    /// Every watcher goes on to the end.
    fn final_generator(&self, _: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(last::until_ok(Op::new("watch", "latest")))
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        keys(options).map(|_| ())
    }

    fn checkers(&self, _: &Options) -> Vec<Box<dyn Checker>> {
        vec![Box::new(perjury_checkers::watch::Watch)]
    }
}

#[derive(Clone)]
struct Load {
    keys: u64,
    written: u64,
}

impl Load {
    fn next(&mut self, rng: &mut ChaCha8Rng) -> Op {
        if chance(rng, 1, 2) {
            let latest = chance(rng, 1, 8);
            return Op::new("watch", if latest { json!("latest") } else { Value::Null });
        }
        self.written += 1;
        let first = below(rng, self.keys);
        let count = (1 + below(rng, MAX_CHANGES)).min(self.keys);
        let change = |more| json!([(first + more) % self.keys, self.written]);
        Op::new("write", (0..count).map(change).collect::<Vec<Value>>())
    }
}

#[cfg(test)]
mod tests;
