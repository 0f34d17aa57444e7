//! A queue: unique messages sent and taken, and drained at the end; none may be lost.
//!
//! After Jepsen's `total-queue`: every message that was acknowledged comes out once.

use crate::{last, settings};
use perjury_checkers::Checker;
use perjury_harness::generator::{chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

const DUPLICATES: &str = "duplicates-allowed";

/// Two messages are sent for each that is asked for: then there are many to lose, and few dequeues of
/// unknown outcome that can have taken what is missing.
pub struct Queue;

impl Workload for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn about(&self) -> &'static str {
        "sends unique messages and takes them, and drains the queue at the end; each acknowledged \
         message comes out, and once (--set duplicates-allowed=true: at least once)"
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("enqueue", "an integer"),
            ("dequeue", "null, answered with a message; fails when there is none"),
            ("drain", "null, answered with the list of all that it took until there was no more"),
        ]
    }

    fn generator(&self, _: &Options, seed: Seed) -> BoxGenerator {
        let mut load = Load { sent: 0 };
        from_fn(seed.derive("queue"), move |rng| load.next(rng))
    }

    /// Every worker drains until it finds nothing.
    fn final_generator(&self, _: &Options, _: Seed) -> Option<BoxGenerator> {
        let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
        Some(last::until(Op::new("drain", Value::Null), empty))
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        settings::flag(options, DUPLICATES).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        let allowed = settings::flag(options, DUPLICATES).ok().flatten().unwrap_or(false);
        vec![Box::new(perjury_checkers::queue::TotalQueue { duplicates_allowed: allowed })]
    }
}

#[derive(Clone)]
struct Load {
    sent: u64,
}

impl Load {
    fn next(&mut self, rng: &mut ChaCha8Rng) -> Op {
        if chance(rng, 1, 3) {
            return Op::new("dequeue", Value::Null);
        }
        self.sent += 1;
        Op::new("enqueue", json!(self.sent))
    }
}

#[cfg(test)]
mod tests;
