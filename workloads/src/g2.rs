//! G2: pairs of transactions that each insert a row if they find none; one of a pair may succeed.
//!
//! After Jepsen's `adya`: what each looks for is a predicate, and what each inserts goes into another
//! table, so that nothing but the predicates connects them.

use perjury_checkers::Checker;
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

/// Keys so far back are read.
const RECENT: u64 = 8;

/// Inserts in pairs, and a read now and then.
pub struct G2;

impl Workload for G2 {
    fn name(&self) -> &'static str {
        "g2"
    }

    fn about(&self) -> &'static str {
        "two transactions at a time insert a row of the same key, in two tables, if they find none in \
         either; at most one succeeds"
    }

    fn finds(&self) -> &'static [&'static str] {
        &["G2"]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "insert",
                "[key, id]: if neither of two tables has rows of the key, inserts one, of an even id \
                 into the first and of an odd one into the second; fails if there is one",
            ),
            ("read", "[key, null], answered with [key, [id, …]], the rows of both tables"),
        ]
    }

    fn generator(&self, _: &Options, seed: Seed) -> BoxGenerator {
        let mut load = Load { inserts: 0 };
        from_fn(seed.derive("g2"), move |rng| load.next(rng))
    }

    /// Two rows are two rows.
    fn shows_anomalies_early(&self, _: &Options) -> bool {
        true
    }

    fn checkers(&self, _: &Options) -> Vec<Box<dyn Checker>> {
        vec![Box::new(perjury_checkers::one_insert::OneInsert)]
    }
}

#[derive(Clone)]
struct Load {
    inserts: u64,
}

impl Load {
    /// Two inserts of one key follow one another, so that two clients have them at the same time.
    fn next(&mut self, rng: &mut ChaCha8Rng) -> Op {
        let key = self.inserts / 2;
        if self.inserts.is_multiple_of(2) && chance(rng, 1, 5) {
            let back = below(rng, RECENT.min(key + 1));
            return Op::new("read", json!([key - back, null]));
        }
        self.inserts += 1;
        Op::new("insert", json!([key, self.inserts - 1]))
    }
}

#[cfg(test)]
mod tests;
