//! A counter: amounts added, also negative ones, and reads of the sum.

use crate::last;
use perjury_checkers::Checker;
use perjury_checkers::linear::{CounterObject, Linearizable};
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// What is judged unless told otherwise: each read by itself.
const BOUNDS: &str = "bounds";
/// All reads together, by an order of all calls.
const LINEARIZABLE: &str = "linearizable";

/// Additions and reads, one to one.
pub struct Counter;

impl Workload for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn about(&self) -> &'static str {
        "adds amounts to a counter and reads it; each read is within what must and what may have \
         been added by then (--set consistency-model=linearizable: all reads together, exactly)"
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[("add", "an integer, also a negative one"), ("read", "null, answered with the sum")]
    }

    fn generator(&self, _: &Options, seed: Seed) -> BoxGenerator {
        from_fn(seed.derive("counter"), next)
    }

    /// Every worker reads until it has an answer.
    fn final_generator(&self, _: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(last::until_ok(read()))
    }

    /// A read that is out of bounds stays so: an addition that is open may have happened.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        match options.get("consistency-model") {
            None | Some(BOUNDS | LINEARIZABLE) => Ok(()),
            Some(other) => Err(format!(
                "--consistency-model {other}: a counter is judged by {BOUNDS}, or as {LINEARIZABLE}"
            )),
        }
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        match options.get("consistency-model") {
            Some(LINEARIZABLE) => vec![Box::new(Linearizable::new(CounterObject))],
            _ => vec![Box::new(perjury_checkers::counter::Counter)],
        }
    }
}

fn read() -> Op {
    Op::new("read", Value::Null)
}

/// Amounts from -3 to 5, never 0: the sum grows, so that a lost addition is not made good by chance.
fn next(rng: &mut ChaCha8Rng) -> Op {
    if chance(rng, 1, 2) {
        return read();
    }
    let amount =
        if chance(rng, 1, 3) { -1 - below(rng, 3) as i64 } else { 1 + below(rng, 5) as i64 };
    Op::new("add", json!(amount))
}

#[cfg(test)]
mod tests;
