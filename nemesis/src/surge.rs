//! `surge`: for a while clients ask many times as much, or try again at once whatever failed.
//!
//! A system that was overloaded may stay so by itself when the surge is over: it is busy with what
//! nobody waits for any more (metastable failure: Bronson and others, HotOS 2021). Whether service
//! came back is measured by the report, as after every fault.

use crate::ground::Ground;
use crate::schedule;
use crate::targets::{self, Bag};
use perjury_checkers::{Event, Process};
use perjury_harness::generator::{Load, below};
use perjury_harness::{Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Seed};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const OPTION: &str = "surge-kinds";
/// How long the load is watched to see that it has changed.
const WATCH: Duration = Duration::from_millis(1000);
/// The least that the load has to grow by to be called a surge.
const GROWTH: f64 = 1.5;
/// The usual load, when it is back: at most so many times what the plan asks for.
const USUAL: f64 = 1.3;
/// How often the load is looked at until it is usual again.
const LOOKS: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Many times as many operations.
    Rush,
    /// Each failure leads to several operations at once.
    RetryStorm,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Rush, Self::RetryStorm];

    fn name(self) -> &'static str {
        match self {
            Self::Rush => "rush",
            Self::RetryStorm => "retry-storm",
        }
    }

    fn op(self, rng: &mut ChaCha8Rng) -> Op {
        let factor = 3 + below(rng, 8);
        let value = match self {
            Self::Rush => json!({ "kind": self.name(), "factor": factor }),
            Self::RetryStorm => {
                let retries = 2 + below(rng, 3);
                json!({ "kind": self.name(), "factor": factor, "retries": retries })
            }
        };
        Op::new("surge", value)
    }
}

/// See the module's page.
pub(crate) struct Surge;

fn kinds(options: &Options) -> Result<Vec<Kind>, String> {
    targets::parse_list(OPTION, options.get(OPTION), &Kind::ALL, Kind::name)
}

impl Fault for Surge {
    fn name(&self) -> &'static str {
        "surge"
    }

    fn about(&self) -> &'static str {
        "many times the usual load for a while, or clients that try again at once what failed"
    }

    fn functions(&self) -> &'static [&'static str] {
        &["surge", "calm"]
    }

    fn by_default(&self) -> bool {
        false
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        if context.rate == 0.0 {
            let text = "with --rate 0 clients ask as much as they can already: give a rate";
            return Some(text.to_owned());
        }
        kinds(&context.options).err()
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut bag = Bag::new(kinds(options).unwrap_or_else(|_| Kind::ALL.to_vec()));
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| bag.draw(rng).op(rng),
            Op::new("calm", Value::Null),
        )
    }

    /// `10` for ten times the load, or a kind's name.
    fn script(&self, words: &str, _: &Options, seed: Seed) -> Result<Op, String> {
        if let Ok(factor) = words.trim_end_matches('x').parse::<f64>() {
            return Ok(Op::new("surge", json!({ "kind": "rush", "factor": factor })));
        }
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == words);
        kind.map(|kind| kind.op(&mut seed.rng())).ok_or_else(|| {
            let names = Kind::ALL.map(Kind::name).join(", ");
            format!("`{words}` is neither a factor, such as 10, nor one of {names}")
        })
    }

    /// As soon as it is asked for, since the load is what the harness itself does.
    fn load(&self, event: &Event) -> Option<Load> {
        if event.process != Process::Nemesis {
            return None;
        }
        match &*event.f {
            "calm" => Some(Load::USUAL),
            "surge" if event.value.get("outcome").is_none() => Some(Load {
                factor: event.value["factor"].as_f64().unwrap_or(1.0),
                retries: event.value["retries"].as_u64().unwrap_or(0) as u32,
            }),
            _ => None,
        }
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(apply(context, op))
    }

    fn heal<'a>(&'a self, _: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        // By now clients have stopped.
        Box::pin(async { Ok(json!({ "load": "ended" })) })
    }
}

async fn apply(ground: &dyn Ground, op: &Op) -> Applied {
    let usual = ground.rate();
    if *op.f == *"calm" {
        for look in 1..=LOOKS {
            let measured = measure(ground).await;
            if measured <= usual * USUAL {
                return Applied::Healed(json!({ "per_second": measured, "usual": usual }));
            }
            tracing::debug!(look, measured, "the load is not yet usual");
        }
        return Applied::Indeterminate("the load did not become usual again".to_owned());
    }
    let measured = measure(ground).await;
    let storm = op.value["kind"] == Kind::RetryStorm.name();
    let mut evidence = json!({ "per_second": measured, "usual": usual, "asked": op.value });
    if storm {
        evidence["kind"] = op.value["kind"].clone();
    }
    if measured < usual * GROWTH {
        return Applied::Indeterminate(format!(
            "clients began {measured:.0} operations a second, and {usual:.0} are usual: there may \
             be too few of them (--concurrency), or the database does not answer"
        ));
    }
    Applied::Installed(evidence)
}

/// Operations a second that are begun now.
async fn measure(ground: &dyn Ground) -> f64 {
    let (before, began) = (ground.operations_begun(), Instant::now());
    tokio::time::sleep(WATCH).await;
    let begun = ground.operations_begun().saturating_sub(before);
    (begun as f64 / began.elapsed().as_secs_f64()).round()
}

#[cfg(test)]
mod tests;
