//! Sets: unique elements added, the whole set read now and then; nothing added may be missing.

use crate::last;
use crate::replicas::{last_reads, promise};
use perjury_checkers::Checker;
use perjury_harness::generator::{chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Additions of unique numbers, and reads of everything.
pub struct Set;

impl Workload for Set {
    fn name(&self) -> &'static str {
        "set"
    }

    fn about(&self) -> &'static str {
        "adds unique elements and reads them all; what was added stays, and is there at once, or after \
         healing on all nodes with --consistency-model eventual (and --set converge-within=10)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "lost-element",
            "stale-read",
            "phantom-element",
            "dirty-read",
            "duplicate-element",
            "resurrected-element",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[("add", "an integer"), ("read", "null, answered with the list of all elements")]
    }

    fn generator(&self, _: &Options, seed: Seed) -> BoxGenerator {
        let mut load = Load { added: 0 };
        from_fn(seed.derive("set"), move |rng| load.next(rng))
    }

    /// Every worker reads until it has an answer, or all nodes are asked until they agree.
    fn final_generator(&self, options: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(match is_linearizable(options) {
            Ok(false) => last_reads(options, false, false),
            _ => last::until_ok(read()),
        })
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        promise(options, true)?;
        is_linearizable(options).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        let linearizable = is_linearizable(options).unwrap_or(true);
        vec![Box::new(perjury_checkers::set::SetFull { linearizable })]
    }
}

/// Whether stale reads are wrong; the error says what a set can be.
fn is_linearizable(options: &Options) -> Result<bool, String> {
    match options.get("consistency-model") {
        None | Some("linearizable") => Ok(true),
        Some("eventual") => Ok(false),
        Some(other) => {
            Err(format!("--consistency-model {other}: a set is linearizable or eventual"))
        }
    }
}

fn read() -> Op {
    Op::new("read", Value::Null)
}

#[derive(Clone)]
struct Load {
    added: u64,
}

impl Load {
    /// A read lists every element, so reads become rarer as the set grows: over n additions
    /// there are about 50 ln(1 + n / 500) of them, and the history stays of a size to keep.
    fn next(&mut self, rng: &mut ChaCha8Rng) -> Op {
        if chance(rng, 1, 10 + self.added / 50) {
            return read();
        }
        self.added += 1;
        Op::new("add", json!(self.added))
    }
}

#[cfg(test)]
mod tests;
