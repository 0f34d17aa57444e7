//! A queue: unique messages sent and taken, and drained at the end; none may be lost.
//!
//! After Jepsen's `total-queue`: every message that was acknowledged comes out once.

use crate::{last, settings};
use perjury_checkers::Checker;
use perjury_checkers::queue::TotalQueue;
use perjury_harness::generator::{chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

const DUPLICATES: &str = "duplicates-allowed";
const DELIVERY: &str = "delivery";
const ORDERED: &str = "ordered";

/// How often a message comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    Exactly,
    AtLeast,
    AtMost,
}

/// Exactly once, unless told otherwise.
fn delivery(options: &Options) -> Result<Delivery, String> {
    let duplicates = settings::flag(options, DUPLICATES)?;
    let said = match options.get(DELIVERY) {
        None => None,
        Some("exactly-once") => Some(Delivery::Exactly),
        Some("at-least-once") => Some(Delivery::AtLeast),
        Some("at-most-once") => Some(Delivery::AtMost),
        Some(other) => {
            return Err(format!(
                "--set {DELIVERY}={other}: write exactly-once, at-least-once or at-most-once"
            ));
        }
    };
    match (said, duplicates) {
        (Some(delivery), Some(allowed)) if allowed != (delivery == Delivery::AtLeast) => Err(
            format!("--set {DUPLICATES}={allowed} contradicts {DELIVERY}: leave one of them out"),
        ),
        (Some(delivery), _) => Ok(delivery),
        (None, Some(true)) => Ok(Delivery::AtLeast),
        (None, _) => Ok(Delivery::Exactly),
    }
}

fn judge(options: &Options) -> Result<TotalQueue, String> {
    let delivery = delivery(options)?;
    Ok(TotalQueue {
        duplicates_allowed: delivery == Delivery::AtLeast,
        losses_allowed: delivery == Delivery::AtMost,
        ordered: settings::flag(options, ORDERED)?.unwrap_or(false),
    })
}

/// Two messages are sent for each that is asked for: then there are many to lose, and few dequeues of
/// unknown outcome that can have taken what is missing.
pub struct Queue;

impl Workload for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn about(&self) -> &'static str {
        "sends unique messages and takes them, and drains the queue at the end; each acknowledged \
         message comes out, and once (--set delivery=at-least-once or at-most-once: or more often, or \
         not at all; --set ordered=true: those of one client in the order in which it sent them)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &["lost-message", "duplicated-message", "phantom-message", "reordered-message"]
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
        judge(options).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        vec![Box::new(judge(options).unwrap_or_default())]
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
