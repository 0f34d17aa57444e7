//! Registers: reads, writes and compare-and-set on many keys; each key is linearizable.

use crate::keys::Keys;
use crate::sweep::sweep;
use perjury_checkers::Checker;
use perjury_checkers::linear::{CasRegister, Linearizable, Stream, neighbours};
use perjury_checkers::streaming::Streams;
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

/// What has to hold unless told otherwise.
const LINEARIZABLE: &str = "linearizable";

/// What has to hold of every key.
fn model(options: &Options) -> &str {
    options.get("consistency-model").unwrap_or(LINEARIZABLE)
}

/// How a model weaker than linearizability judges these registers.
fn weaker(options: &Options) -> Result<neighbours::Options, String> {
    let number = |name: &str| match options.get(name) {
        None => Ok(None),
        Some(text) => text
            .parse::<u32>()
            .map(Some)
            .map_err(|_| format!("--set {name}={text}: write a number, such as --set {name}=2")),
    };
    let milliseconds = number("milliseconds-behind")?;
    Ok(neighbours::Options {
        keyed: true,
        allowed_versions: number("versions-behind")?,
        allowed_nanoseconds: milliseconds.map(|ms| u64::from(ms) * 1_000_000),
        ..neighbours::Options::default()
    })
}

/// Reads, writes and compare-and-set, two to two to one.
pub struct Register;

impl Workload for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn about(&self) -> &'static str {
        "read, write and compare-and-set registers; every key has to be linearizable, or what \
         --set consistency-model=MODEL says (staleness measures how old reads are; with \
         versions-behind=N or milliseconds-behind=N it has a limit)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "stale-read",
            "lost-write",
            "lost-update",
            "dirty-read",
            "phantom-read",
            "future-read",
            "nonlinearizable",
            "nonsequential",
            "missing-your-writes",
            "non-monotonic-reads",
            "non-monotonic-writes",
            "missing-read-write-dependency",
            "causality-violation",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("read", "[key, null], answered with [key, value]; null for a key never written"),
            ("write", "[key, value]"),
            ("cas", "[key, [old, new]]; fails when the value is not old"),
        ]
    }

    fn chooses_keys(&self) -> bool {
        true
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut load = Load { keys: Keys::new(options) };
        from_fn(seed.derive("register"), move |rng| load.next(rng))
    }

    /// Two workers of each node read every key, so that what a node forgot shows.
    fn final_generator(&self, options: &Options, _: Seed) -> Option<BoxGenerator> {
        let window = options.keys.max(1);
        Some(sweep(
            1,
            window,
            |keys| Op::new("read", json!([keys.start, null])),
            |value| value[1].is_null(),
        ))
    }

    /// Of a linearizable history every beginning is linearizable, with its open calls.
    fn shows_anomalies_early(&self, options: &Options) -> bool {
        model(options) == LINEARIZABLE
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        let (model, limits) = (model(options), weaker(options)?);
        if model == LINEARIZABLE || neighbours::checker(model, &limits).is_some() {
            return Ok(());
        }
        let known = neighbours::MODELS.join(", ");
        Err(format!("--consistency-model {model}: registers are {LINEARIZABLE}, {known}"))
    }

    fn streams(&self, options: &Options) -> Option<Streams> {
        (model(options) == LINEARIZABLE).then(|| Stream::streams(CasRegister::default(), true))
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        let weaker = neighbours::checker(model(options), &weaker(options).unwrap_or_default());
        let linearizable =
            || Box::new(Linearizable::new(CasRegister::default()).keyed(true)) as Box<dyn Checker>;
        vec![weaker.unwrap_or_else(linearizable)]
    }
}

#[derive(Clone)]
struct Load {
    keys: Keys,
}

impl Load {
    fn next(&mut self, rng: &mut ChaCha8Rng) -> Op {
        let slot = self.keys.choose(rng);
        let number = self.keys.at(slot).number;
        let last = self.keys.at(slot).last;
        let op = match below(rng, 5) {
            0 | 1 => Op::new("read", json!([number, null])),
            // The value that was asked for last is likely there, an older one a lost update.
            2 if last > 0 => {
                let mut old = last;
                while old > 1 && chance(rng, 1, 3) {
                    old -= 1;
                }
                Op::new("cas", json!([number, [old, self.keys.value(slot)]]))
            }
            _ => Op::new("write", json!([number, self.keys.value(slot)])),
        };
        self.keys.spend(slot);
        op
    }
}

#[cfg(test)]
mod tests;
