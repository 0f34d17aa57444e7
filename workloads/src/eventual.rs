//! Registers of replicas that answer alone: `eventual` asks that they come together, `lww-register` also
//! that the last write wins.

use crate::keys::Keys;
use crate::replicas::{last_reads, promise};
use perjury_checkers::Checker;
use perjury_checkers::eventual::{EventualRegister, Order};
use perjury_harness::generator::{chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Reads and writes of registers, and digests, each answered by the client's own node.
pub struct Eventual {
    name: &'static str,
    about: &'static str,
    order: Order,
    sessions: bool,
}

impl Eventual {
    /// All that is asked is that replicas come together.
    pub const PLAIN: Self = Self {
        name: "eventual",
        about: "reads and writes registers, each answered by one node alone; after healing all nodes \
                come to the same values and digests (--set converge-within=10, in seconds), which were \
                written and not overwritten (--set order=none|causal|real-time says by what); how \
                stale reads are, and for how long after each fault, is measured, and judged with \
                --set sessions=true",
        order: Order::None,
        sessions: false,
    };
    /// The last write wins, and sessions see their own.
    pub const LAST_WRITE_WINS: Self = Self {
        name: "lww-register",
        about: "the same, and a write wins over those that its node knew; a session sees what it \
                wrote, and never goes back (--set sessions=false: it may)",
        order: Order::Causal,
        sessions: true,
    };

    fn order(&self, options: &Options) -> Result<Order, String> {
        let Some(word) = options.get("order") else { return Ok(self.order) };
        word.parse().map_err(|why| format!("--set order={word}: {why}"))
    }
}

impl Workload for Eventual {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "divergence",
            "divergent-merge",
            "lost-write",
            "phantom-read",
            "dirty-read",
            "missing-your-writes",
            "non-monotonic-reads",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("write", "[key, an integer]"),
            (
                "read",
                "[key, null], answered with [key, value], or [key, value, {\"seen\": …}] by nodes that \
                 can tell which updates they had seen",
            ),
            ("digest", "null, answered with {\"digest\": …, \"seen\": …} of all that the node has"),
        ]
    }

    fn chooses_keys(&self) -> bool {
        true
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut keys = Keys::new(options);
        from_fn(seed.derive("eventual"), move |rng| next(&mut keys, rng))
    }

    /// Every node is asked for everything until all agree.
    fn final_generator(&self, options: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(last_reads(options, true, true))
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        promise(options, self.sessions)?;
        self.order(options).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        let promise = promise(options, self.sessions).unwrap_or_default();
        let order = self.order(options).unwrap_or(self.order);
        vec![Box::new(EventualRegister { promise, order })]
    }
}

fn next(keys: &mut Keys, rng: &mut ChaCha8Rng) -> Op {
    let slot = keys.choose(rng);
    let key = keys.at(slot).number;
    if chance(rng, 1, 2) {
        return Op::new("read", json!([key, Value::Null]));
    }
    let value = keys.value(slot);
    keys.spend(slot);
    Op::new("write", json!([key, value]))
}

#[cfg(test)]
mod tests;
