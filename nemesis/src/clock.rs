//! The fault on wall clocks: they jump, strobe, drift, stand still, or are smeared.

mod judge;
mod kinds;

use crate::ground::{Ground, Tally, ask};
use crate::schedule;
use crate::targets::{self, Bag, Spec, Targets};
use crate::wire::clock::{
    CLOCK_INSPECT, CLOCK_RESET, CLOCK_SET, CLOCK_STATUS, ClockStatus, Program, Reach, SetClock,
    WatchClock, WhichClock,
};
use futures::future::join_all;
use kinds::Kind;
use perjury_harness::fault::{Providers, Support};
use perjury_harness::{Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Seed};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// For verbs that only write.
const QUICK: Duration = Duration::from_secs(10);
/// For looking, which takes its time.
const LOOK: Duration = Duration::from_secs(30);
const FUNCTIONS: [&str; 2] = ["skew", "unskew"];

/// See the module's page.
pub(crate) struct ClockFault;

/// Local nodes share the machine's clock, so there only the database's programs are told another.
fn which(ground: &dyn Ground) -> WhichClock {
    if ground.fabric().is_some() { WhichClock::Program } else { WhichClock::Kernel }
}

impl ClockFault {
    fn specs(options: &Options) -> Result<Vec<Spec>, String> {
        targets::specs("clock-targets", options)
    }

    fn op(kind: Kind, spec: &Spec, options: &Options, rng: &mut ChaCha8Rng) -> Op {
        let mut value = spec.choose(&options.nodes, rng);
        let skew = kind.draw(kinds::limit_ms(options).unwrap_or(kinds::MAX_MS), rng);
        if let (Value::Object(into), Ok(Value::Object(skew))) =
            (&mut value, serde_json::to_value(skew))
        {
            into.extend(skew);
        }
        Op::new(FUNCTIONS[0], value)
    }

    async fn act(ground: &dyn Ground, op: &Op) -> Applied {
        if *op.f == *FUNCTIONS[0] {
            return skew(ground, &op.value).await;
        }
        unskew(ground).await.mended()
    }
}

async fn look(
    ground: &dyn Ground,
    nodes: &[usize],
    samples: u32,
    gap_ms: u64,
) -> BTreeMap<usize, Result<ClockStatus, String>> {
    let watch = json!(WatchClock { clock: which(ground), samples, gap_ms });
    let answers = nodes.iter().map(|&node| {
        let watch = watch.clone();
        async move { (node, ask(ground, node, CLOCK_STATUS, watch, LOOK).await) }
    });
    join_all(answers).await.into_iter().collect()
}

async fn on_each(
    ground: &dyn Ground,
    nodes: &[usize],
    verb: &str,
    with: &Value,
) -> BTreeMap<usize, Result<Value, String>> {
    let answers = nodes
        .iter()
        .map(|&node| async move { (node, ground.ask(node, verb, with.clone(), QUICK).await) });
    join_all(answers).await.into_iter().collect()
}

/// Puts the targets' clocks wrong, and sees by how much they are.
async fn skew(ground: &dyn Ground, value: &Value) -> Applied {
    let skew = match kinds::read(value) {
        Ok(skew) => skew,
        Err(problem) => return Applied::Skipped(problem),
    };
    let Targets { nodes, evidence } = match targets::resolve(ground, value).await {
        Ok(targets) => targets,
        Err(reason) => return Applied::Skipped(reason),
    };
    let before = look(ground, &nodes, 1, 0).await;
    let set = json!(SetClock { clock: which(ground), skew });
    let acted = on_each(ground, &nodes, CLOCK_SET, &set).await;
    let (samples, gap_ms) = judge::watch(skew);
    let mut tally = Tally::default();
    for (node, after) in look(ground, &nodes, samples, gap_ms).await {
        let name = ground.name(node).to_owned();
        let (before, acted) = (before[&node].clone(), acted[&node].clone());
        let seen = acted.and(before).and_then(|before| after.map(|after| (before, after)));
        match seen.and_then(|(before, after)| judge::skewed(skew, &before, &after)) {
            Ok(evidence) => {
                tally.done.insert(name, evidence);
            }
            Err(problem) => {
                tally.unseen.insert(name, problem);
            }
        }
    }
    tally.broken(evidence)
}

/// Puts all clocks right, and sees that they are.
async fn unskew(ground: &dyn Ground) -> Tally {
    let all: Vec<usize> = (0..ground.size()).collect();
    let before = look(ground, &all, 1, 0).await;
    let acted = on_each(ground, &all, CLOCK_RESET, &json!(which(ground))).await;
    let mut tally = Tally::default();
    let (samples, gap_ms) = judge::WATCH_TRUE;
    for (node, after) in look(ground, &all, samples, gap_ms).await {
        let name = ground.name(node).to_owned();
        let before = before[&node].as_ref().ok();
        let seen = acted[&node].clone().and(after);
        match seen.and_then(|after| judge::is_true(before, &after)) {
            Ok(evidence) if before.is_some_and(was_wrong) => {
                tally.done.insert(name, evidence);
            }
            Ok(_) => {
                tally.skipped.insert(name, "its clock was right".to_owned());
            }
            Err(problem) => {
                tally.unseen.insert(name, problem);
            }
        }
    }
    tally
}

fn was_wrong(before: &ClockStatus) -> bool {
    before.skewed || judge::is_true(None, before).is_err()
}

impl Fault for ClockFault {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn about(&self) -> &'static str {
        "puts wall clocks wrong: they jump, strobe, drift, stand still or are smeared"
    }

    fn functions(&self) -> &'static [&'static str] {
        &FUNCTIONS
    }

    fn by_default(&self) -> bool {
        false
    }

    fn providers(&self) -> Providers {
        let programs = Support::Needs("a database that loads libraries: not static, not Go");
        Providers { local_root: programs, local_user: programs, hosts: Support::Needs("root") }
    }

    fn environment(&self, local: bool) -> BTreeMap<String, String> {
        // The agent puts the file's path there.
        let variable = (perjury_clock::VARIABLE.to_owned(), String::new());
        if local { BTreeMap::from([variable]) } else { BTreeMap::new() }
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        let options = &context.options;
        let wrong = kinds::kinds(options).err().or_else(|| kinds::limit_ms(options).err());
        wrong.or_else(|| Self::specs(options).err())
    }

    fn refuse_on_nodes<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            if let Some(problem) = self.refuse(context) {
                return Some(problem);
            }
            refusal(context).await
        })
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut bag = Bag::new(Self::specs(options).unwrap_or_else(|_| Spec::ALL.to_vec()));
        let mut kinds = Bag::new(kinds::kinds(options).unwrap_or_else(|_| Kind::ALL.to_vec()));
        let own = options.clone();
        schedule::mostly_broken(
            options.nemesis_interval,
            seed,
            move |rng| Self::op(kinds.draw(rng), &bag.draw(rng), &own, rng),
            Op::new(FUNCTIONS[1], Value::Null),
        )
    }

    /// `jump n1`, or `jump -5000 n1` with the milliseconds; `drift 200 all`, in millionths.
    fn script(&self, words: &str, options: &Options, seed: Seed) -> Result<Op, String> {
        let words: Vec<&str> = words.split_ascii_whitespace().collect();
        let (kind, number, whom) = match words[..] {
            [kind, whom] => (kind, None, whom),
            [kind, number, whom] => (kind, Some(number), whom),
            _ => return Err("write a kind, perhaps a number, and whom: `jump -5000 n1`".to_owned()),
        };
        let mut rng = seed.rng();
        let kind = Kind::parse(kind)?;
        let spec = Spec::parse(whom, options)?;
        let mut op = Self::op(kind, &spec, options, &mut rng);
        if let Some(number) = number {
            let number: i64 = number.parse().map_err(|_| format!("`{number}` is no number"))?;
            let Some(key) = kind.number() else {
                return Err(format!("`{}` takes no number", kind.name()));
            };
            op.value[key] = json!(number);
        }
        kinds::read(&op.value)?;
        Ok(op)
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(Self::act(context, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move { unskew(context).await.healed() })
    }
}

/// Asks each node whether the database's clock there can be set.
async fn refusal(context: &FaultContext) -> Option<String> {
    let local = context.cluster.fabric.is_some();
    for (at, node) in context.cluster.nodes.iter().enumerate() {
        let answer: Result<Reach, String> = if local {
            match context.lifecycle.start_program(&context.cluster, node) {
                Ok((argv, user)) => {
                    ask(context, at, CLOCK_INSPECT, json!(Program { argv, user }), QUICK).await
                }
                Err(problem) => Err(problem),
            }
        } else {
            let watch = WatchClock { clock: WhichClock::Kernel, samples: 1, gap_ms: 0 };
            let status = ask::<ClockStatus>(context, at, CLOCK_STATUS, json!(watch), LOOK).await;
            status.map(|status| status.reach)
        };
        if let Err(problem) = answer {
            return Some(format!("{}: {problem}", node.name));
        }
    }
    None
}

#[cfg(test)]
mod tests;
