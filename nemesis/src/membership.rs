//! `membership`: members are removed from the cluster, and added again.
//!
//! How that is done is known to the database's definition. What is believed is the cluster's own
//! view, which is polled until it is as it should be.

use crate::ground::Ground;
use crate::schedule;
use crate::targets::{self, Bag, Spec, Targets};
use perjury_harness::{
    Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Providers, Seed, Support,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const OPTION: &str = "membership-targets";
/// How long the cluster may take to see itself as it was asked to be.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 15 });
const POLL: Duration = Duration::from_millis(100);

/// See the module's page.
pub(crate) struct Membership;

/// Those that leave a cluster alive: who is removed no longer votes.
fn specs(options: &Options) -> Result<Vec<Spec>, String> {
    if options.get(OPTION).is_some() {
        return targets::specs(OPTION, options);
    }
    Ok(vec![Spec::One, Spec::Minority, Spec::Primaries])
}

impl Fault for Membership {
    fn name(&self) -> &'static str {
        "membership"
    }

    fn about(&self) -> &'static str {
        "removes members from the cluster and adds them again"
    }

    fn functions(&self) -> &'static [&'static str] {
        &["remove-members", "add-members"]
    }

    fn by_default(&self) -> bool {
        false
    }

    fn providers(&self) -> Providers {
        let needs = Support::Needs("a database whose definition can change members");
        Providers { local_root: needs, local_user: needs, hosts: needs }
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        if !context.can_change_members() {
            let name = context.database.name();
            return Some(format!("it is not known how to change the members of {name}"));
        }
        specs(&context.options).err()
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let mut bag = Bag::new(specs(options).unwrap_or_else(|_| vec![Spec::One]));
        let nodes = options.nodes.clone();
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| Op::new("remove-members", bag.draw(rng).choose(&nodes, rng)),
            Op::new("add-members", Value::Null),
        )
    }

    fn script(&self, words: &str, options: &Options, seed: Seed) -> Result<Op, String> {
        let spec = Spec::parse(words, options)?;
        Ok(Op::new("remove-members", spec.choose(&options.nodes, &mut seed.rng())))
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(apply(context, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            let all: Vec<usize> = (0..context.size()).collect();
            match change(context, &all).await {
                Ok(view) => Ok(json!({ "members": view })),
                Err(problem) => Err(problem),
            }
        })
    }
}

async fn apply(ground: &dyn Ground, op: &Op) -> Applied {
    let all: Vec<usize> = (0..ground.size()).collect();
    let Some(before) = ground.members().await else {
        return Applied::Skipped("the cluster does not say who its members are".to_owned());
    };
    if *op.f == *"add-members" {
        if before == all {
            return Applied::Skipped("all nodes are members".to_owned());
        }
        return match change(ground, &all).await {
            Ok(view) => {
                Applied::Healed(json!({ "before": names(ground, &before), "members": view }))
            }
            Err(problem) => Applied::Indeterminate(problem),
        };
    }
    let Targets { nodes, mut evidence } = match targets::resolve(ground, &op.value).await {
        Ok(targets) => targets,
        Err(reason) => return Applied::Skipped(reason),
    };
    let left: Vec<usize> = before.iter().copied().filter(|node| !nodes.contains(node)).collect();
    if left.is_empty() || left == before {
        let text = "nobody would be left, or nobody of them is a member".to_owned();
        return Applied::Skipped(text);
    }
    evidence["before"] = json!(names(ground, &before));
    let removed: Vec<usize> = before.into_iter().filter(|node| !left.contains(node)).collect();
    evidence["targets"] = json!(names(ground, &removed));
    match change(ground, &left).await {
        Ok(view) => {
            evidence["members"] = json!(view);
            Applied::Installed(evidence)
        }
        Err(problem) => Applied::Indeterminate(problem),
    }
}

/// Asks for these members and waits until the cluster has them; their names.
async fn change(ground: &dyn Ground, wanted: &[usize]) -> Result<Vec<String>, String> {
    let deadline = Instant::now() + PATIENCE;
    let mut problem = String::new();
    loop {
        let view = ground.members().await;
        if view.as_deref() == Some(wanted) {
            return Ok(names(ground, wanted));
        }
        if Instant::now() > deadline {
            let seen = view.map_or("nothing".to_owned(), |view| names(ground, &view).join(", "));
            let wanted = names(ground, wanted).join(", ");
            return Err(format!("members should be {wanted}; the cluster says {seen}. {problem}"));
        }
        // Again and again: the leader may have changed, or have been busy with the last change.
        if let Err(error) = ground.set_members(wanted).await {
            problem = error;
        }
        tokio::time::sleep(POLL).await;
    }
}

fn names(ground: &dyn Ground, nodes: &[usize]) -> Vec<String> {
    nodes.iter().map(|&node| ground.name(node).to_owned()).collect()
}

#[cfg(test)]
mod tests;
