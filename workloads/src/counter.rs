//! A counter: amounts added, also negative ones, and reads of the sum; and resets, if asked for.

use crate::{last, settings};
use perjury_checkers::Checker;
use perjury_checkers::counter::CounterStream;
use perjury_checkers::linear::{CounterObject, Linearizable, Stream};
use perjury_checkers::streaming::Streams;
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// What is judged unless told otherwise: each read by itself.
const BOUNDS: &str = "bounds";
/// All reads together, by an order of all calls.
const LINEARIZABLE: &str = "linearizable";

const DECREMENTS: &str = "decrements";
const RESETS: &str = "resets";

/// What is asked besides reads and additions of positive amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asks {
    decrements: bool,
    resets: bool,
}

impl Asks {
    fn of(options: &Options) -> Result<Self, String> {
        let decrements = settings::flag(options, DECREMENTS)?.unwrap_or(true);
        let resets = settings::flag(options, RESETS)?.unwrap_or(false);
        Ok(Self { decrements, resets })
    }
}

/// Additions and reads, one to one.
pub struct Counter;

impl Workload for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn about(&self) -> &'static str {
        "adds amounts to a counter and reads it; each read is within what must and what may have \
         been added by then (--set consistency-model=linearizable: all reads together, exactly; \
         decrements=false: only grows; resets=true: is set to a number now and then)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &["lost-update", "phantom-update", "nonlinearizable"]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("add", "an integer, also a negative one unless --set decrements=false"),
            ("reset", "an integer, what the counter is from then on; only with --set resets=true"),
            ("read", "null, answered with the sum"),
        ]
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let asks = Asks::of(options).unwrap_or(Asks { decrements: true, resets: false });
        from_fn(seed.derive("counter"), move |rng| next(rng, asks))
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
        let asks = Asks::of(options)?;
        match options.get("consistency-model") {
            Some(LINEARIZABLE) if asks.resets => Err(format!(
                "--set {RESETS}=true: a counter with resets is judged by {BOUNDS}; leave out the \
                 consistency model"
            )),
            None | Some(BOUNDS | LINEARIZABLE) => Ok(()),
            Some(other) => Err(format!(
                "--consistency-model {other}: a counter is judged by {BOUNDS}, or as {LINEARIZABLE}"
            )),
        }
    }

    fn streams(&self, options: &Options) -> Option<Streams> {
        let whole = || Streams::whole("counter", Box::new(CounterStream::default()));
        match options.get("consistency-model") {
            Some(LINEARIZABLE) => Some(Stream::streams(CounterObject, false)),
            _ => Some(whole()),
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
/// One of twenty calls is a reset, to a number of its own size, so that it is seen which was the last.
fn next(rng: &mut ChaCha8Rng, asks: Asks) -> Op {
    if asks.resets && chance(rng, 1, 20) {
        let value = if chance(rng, 1, 3) { 0 } else { 1_000 * (1 + below(rng, 99)) };
        return Op::new("reset", json!(value));
    }
    if chance(rng, 1, 2) {
        return read();
    }
    let down = asks.decrements && chance(rng, 1, 3);
    let amount = if down { -1 - below(rng, 3) as i64 } else { 1 + below(rng, 5) as i64 };
    Op::new("add", json!(amount))
}

#[cfg(test)]
mod tests;
