//! A fault of a user's own: commands that inject, heal and observe, run on the nodes that are hit.
//!
//! The observing command is what is believed: it has to deny the fault before, to confirm it
//! after injection, and to deny it again once it is healed.

use crate::ground::{Ground, Tally, ask};
use crate::schedule;
use crate::targets::{self, Bag, Spec, Targets};
use crate::wire::custom::{
    CUSTOM_HEAL, CUSTOM_INJECT, CUSTOM_OBSERVE, CommandOutcome, Heal, Inject, Observe,
};
use futures::future::join_all;
use perjury_harness::fault::CustomFault;
use perjury_harness::{Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Seed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the agent may take longer than the command.
const GRACE: Duration = Duration::from_secs(5);

/// See the module's page.
pub(crate) struct Custom {
    fault: CustomFault,
    functions: &'static [&'static str; 2],
    about: &'static str,
    option: String,
}

impl Custom {
    pub(crate) fn new(fault: CustomFault) -> Self {
        // Leaked on purpose: a handful of names, which live as long as the program.
        let kept = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let functions = [kept(fault.name.clone()), kept(format!("heal-{}", fault.name))];
        let functions = Box::leak(Box::new(functions));
        let about = if fault.about.is_empty() { "commands of your own" } else { &fault.about };
        Self {
            functions,
            about: kept(about.to_owned()),
            option: format!("{}-targets", fault.name),
            fault,
        }
    }

    fn specs(&self, options: &Options) -> Result<Vec<Spec>, String> {
        targets::specs(&self.option, options)
    }

    fn limit_ms(&self) -> u64 {
        u64::try_from(self.fault.limit.0.as_millis()).unwrap_or(u64::MAX)
    }

    async fn on_each(
        &self,
        ground: &dyn Ground,
        nodes: &[usize],
        verb: &str,
    ) -> BTreeMap<usize, Result<CommandOutcome, String>> {
        let fault = &self.fault;
        let (name, limit_ms) = (fault.name.clone(), self.limit_ms());
        let with = match verb {
            CUSTOM_INJECT => json!(Inject {
                name,
                inject: fault.inject.clone(),
                heal: fault.heal.clone(),
                limit_ms
            }),
            CUSTOM_HEAL => json!(Heal { name, heal: fault.heal.clone(), limit_ms }),
            _ => json!(Observe { observe: fault.observe.clone(), limit_ms }),
        };
        let limit = fault.limit.0 + GRACE;
        let answers = nodes.iter().map(|&node| {
            let with = with.clone();
            async move { (node, ask(ground, node, verb, with, limit).await) }
        });
        join_all(answers).await.into_iter().collect()
    }

    async fn inject(&self, ground: &dyn Ground, value: &Value) -> Applied {
        let Targets { nodes, evidence } = match targets::resolve(ground, value).await {
            Ok(targets) => targets,
            Err(reason) => return Applied::Skipped(reason),
        };
        let mut tally = Tally::default();
        let mut clean = Vec::new();
        for (node, before) in self.on_each(ground, &nodes, CUSTOM_OBSERVE).await {
            let name = ground.name(node).to_owned();
            match before {
                Ok(CommandOutcome { code: Some(0), output }) => {
                    tally.skipped.insert(name, format!("in force already: {output}"));
                }
                Ok(_) => clean.push(node),
                Err(problem) => {
                    tally.skipped.insert(name, format!("cannot be observed: {problem}"));
                }
            }
        }
        let injected = self.on_each(ground, &clean, CUSTOM_INJECT).await;
        for (node, seen) in self.on_each(ground, &clean, CUSTOM_OBSERVE).await {
            let name = ground.name(node).to_owned();
            match (seen, &injected[&node]) {
                (
                    Ok(CommandOutcome { code: Some(0), output }),
                    Ok(CommandOutcome { code: Some(0), .. }),
                ) => {
                    tally.done.insert(name, json!({ "observed": output }));
                }
                (seen, injected) => {
                    let text = format!("injection: {injected:?}, then observed: {seen:?}");
                    tally.unseen.insert(name, text);
                }
            }
        }
        tally.broken(evidence)
    }

    /// Heals every node: harmless where nothing is broken.
    async fn mend(&self, ground: &dyn Ground) -> Tally {
        let all: Vec<usize> = (0..ground.size()).collect();
        let before = self.on_each(ground, &all, CUSTOM_OBSERVE).await;
        let healed = self.on_each(ground, &all, CUSTOM_HEAL).await;
        let mut tally = Tally::default();
        for (node, seen) in self.on_each(ground, &all, CUSTOM_OBSERVE).await {
            let name = ground.name(node).to_owned();
            let was_in_force = matches!(&before[&node], Ok(CommandOutcome { code: Some(0), .. }));
            match (seen, &healed[&node]) {
                (
                    Ok(CommandOutcome { code: Some(1..), output }),
                    Ok(CommandOutcome { code: Some(0), .. }),
                ) => {
                    if was_in_force {
                        tally.done.insert(name, json!({ "observed": output }));
                    } else {
                        tally.skipped.insert(name, "was not in force".to_owned());
                    }
                }
                (seen, healed) => {
                    let text = format!("healing: {healed:?}, then observed: {seen:?}");
                    tally.unseen.insert(name, text);
                }
            }
        }
        tally
    }

    pub(crate) async fn act(&self, ground: &dyn Ground, op: &Op) -> Applied {
        if *op.f == *self.functions[0] {
            return self.inject(ground, &op.value).await;
        }
        self.mend(ground).await.mended()
    }
}

impl Fault for Custom {
    fn name(&self) -> &'static str {
        self.functions[0]
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn functions(&self) -> &'static [&'static str] {
        self.functions
    }

    fn by_default(&self) -> bool {
        false
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        self.specs(&context.options).err()
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut bag = Bag::new(self.specs(options).unwrap_or_else(|_| Spec::ALL.to_vec()));
        let nodes = options.nodes.clone();
        let [inject, heal] = *self.functions;
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| Op::new(inject, bag.draw(rng).choose(&nodes, rng)),
            Op::new(heal, Value::Null),
        )
    }

    fn script(&self, words: &str, options: &Options, seed: Seed) -> Result<Op, String> {
        let spec = Spec::parse(words, options)?;
        Ok(Op::new(self.functions[0], spec.choose(&options.nodes, &mut seed.rng())))
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(self.act(context, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move { self.mend(context).await.healed() })
    }
}

#[cfg(test)]
mod tests;
