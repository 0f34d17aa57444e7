//! Unique identifiers: every client asks for one after the other, and none may come twice.

use crate::settings;
use perjury_checkers::Checker;
use perjury_checkers::streaming::Streams;
use perjury_checkers::unique_ids::{self, Order};
use perjury_harness::generator::from_fn;
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use serde_json::Value;

const MONOTONIC: &str = "monotonic";
const INVERSIONS: &str = "inversions-allowed";
const MILLISECONDS: &str = "milliseconds-allowed";

/// How identifiers have to grow; to say how loosely is to say that they do.
fn order(options: &Options) -> Result<Option<Order>, String> {
    let monotonic = settings::flag(options, MONOTONIC)?;
    let order = Order {
        inversions: settings::number(options, INVERSIONS, 0)?,
        milliseconds: settings::number(options, MILLISECONDS, 0)?,
    };
    let loosely = options.get(INVERSIONS).or(options.get(MILLISECONDS)).is_some();
    if loosely && monotonic == Some(false) {
        return Err(format!(
            "--set {MONOTONIC}=false: identifiers that may be out of order by so much have to grow; \
             leave out {INVERSIONS} and {MILLISECONDS}, or this"
        ));
    }
    Ok((loosely || monotonic == Some(true)).then_some(order))
}

/// Nothing but requests for identifiers.
pub struct UniqueIds;

impl Workload for UniqueIds {
    fn name(&self) -> &'static str {
        "unique-ids"
    }

    fn about(&self) -> &'static str {
        "asks for identifiers; none comes twice (--set monotonic=true: and each is greater than those \
         that were there before it was asked for, except for as many as inversions-allowed=N, or \
         those of the last milliseconds-allowed=N)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &["duplicate-id", "id-inversion"]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[("generate", "null, answered with an identifier: an integer, or a text")]
    }

    /// There is nothing to choose.
    fn generator(&self, _: &Options, seed: Seed) -> BoxGenerator {
        from_fn(seed.derive("unique-ids"), |_| Op::new("generate", Value::Null))
    }

    /// What was given twice stays so, and so does what was given out of order.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        order(options).map(|_| ())
    }

    fn streams(&self, options: &Options) -> Option<Streams> {
        let stream = unique_ids::UniqueIdsStream::new(order(options).ok().flatten())?;
        Some(Streams::whole("unique-ids", Box::new(stream)))
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        vec![Box::new(unique_ids::UniqueIds { order: order(options).ok().flatten() })]
    }
}

#[cfg(test)]
mod tests;
