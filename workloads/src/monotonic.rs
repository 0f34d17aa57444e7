//! Monotonic numbers: raised by one, read, and never seen to fall.
//!
//! After Jepsen's `monotonic` for CockroachDB.

use crate::settings;
use perjury_checkers::Checker;
use perjury_checkers::monotonic::MonotonicStream;
use perjury_checkers::streaming::Streams;
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use serde_json::json;

const GLOBALLY: &str = "globally";

fn globally(options: &Options) -> Result<bool, String> {
    Ok(settings::flag(options, GLOBALLY)?.unwrap_or(false))
}

/// Increments and reads, one to one.
pub struct Monotonic;

impl Workload for Monotonic {
    fn name(&self) -> &'static str {
        "monotonic"
    }

    fn about(&self) -> &'static str {
        "raises numbers and reads them; no client sees one fall (--set globally=true: nor one that \
         another client knew before, and no two increments lead to the same number)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &["non-monotonic", "lost-update"]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("increment", "[key, null], answered with [key, number], what it made of it"),
            ("read", "[key, null], answered with [key, number]; null if it was never raised"),
        ]
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let keys = options.keys.max(1) as u64;
        from_fn(seed.derive("monotonic"), move |rng| {
            let f = if chance(rng, 1, 2) { "increment" } else { "read" };
            Op::new(f, json!([below(rng, keys), null]))
        })
    }

    /// What has fallen has fallen.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        globally(options).map(|_| ())
    }

    fn streams(&self, options: &Options) -> Option<Streams> {
        let stream = MonotonicStream::new(globally(options).unwrap_or(false));
        Some(Streams::whole("monotonic", Box::new(stream)))
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        let globally = globally(options).unwrap_or(false);
        vec![Box::new(perjury_checkers::monotonic::Monotonic { globally })]
    }
}

#[cfg(test)]
mod tests;
