//! The conductor: carries out what the nemesis is asked, and writes down what was observed.

use crate::fault::{Applied, Fault, FaultContext};
use crate::generator::{self, BoxGenerator, GeneratorExt};
use crate::op::Op;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A fault operation that takes longer has an unknown outcome.
const FAULT_LIMIT: Duration = Duration::from_secs(60);
/// The same where machines have to boot.
const BOOT_LIMIT: Duration = Duration::from_secs(240);

fn limit(fault: &dyn Fault) -> Duration {
    if fault.takes_nodes_away() { BOOT_LIMIT } else { FAULT_LIMIT }
}

/// The faults of a run, and what they act on.
pub struct Conductor {
    faults: Vec<Arc<dyn Fault>>,
    context: FaultContext,
}

impl Conductor {
    pub fn new(mut faults: Vec<Arc<dyn Fault>>, context: FaultContext) -> Self {
        // What brings nodes back is healed first.
        faults.sort_by_key(|fault| !fault.takes_nodes_away());
        Self { faults, context }
    }

    /// What the faults act on.
    pub fn context(&self) -> &FaultContext {
        &self.context
    }

    /// Why a fault cannot be had here: asked of each before the run starts.
    pub async fn refusals(&self) -> Vec<String> {
        let mut refusals = Vec::new();
        for fault in &self.faults {
            if let Some(reason) = fault.refuse_on_nodes(&self.context).await {
                refusals.push(format!("--nemesis {}: {reason}", fault.name()));
            }
        }
        refusals
    }

    /// Makes the nodes ready for each fault; the first that cannot be ends it.
    pub async fn prepare(&self) -> Result<(), String> {
        for fault in &self.faults {
            let prepared = tokio::time::timeout(FAULT_LIMIT, fault.prepare(&self.context)).await;
            prepared
                .unwrap_or_else(|_| Err(format!("not done after {} s", FAULT_LIMIT.as_secs())))
                .map_err(|error| format!("preparing `{}`: {error}", fault.name()))?;
        }
        Ok(())
    }

    /// The name of the fault that an operation belongs to.
    pub fn fault_of(&self, op: &Op) -> Option<&'static str> {
        let mut faults = self.faults.iter();
        faults.find(|fault| fault.functions().contains(&&*op.f)).map(|fault| fault.name())
    }

    /// Does one operation. The answer is an object: `outcome`, and `evidence` or `reason`.
    pub async fn apply(&self, op: &Op) -> Value {
        let Some(fault) = self.faults.iter().find(|fault| fault.functions().contains(&&*op.f))
        else {
            return json!({ "outcome": "skipped", "reason": format!("no fault here does `{}`", op.f) });
        };
        let limit = limit(&**fault);
        let applied = tokio::time::timeout(limit, fault.apply(&self.context, op)).await;
        let applied = applied.unwrap_or_else(|_| {
            Applied::Indeterminate(format!("not done after {} s", limit.as_secs()))
        });
        answer(applied)
    }

    /// Every fault's own way to undo itself, once, in the history: what was broken when the load
    /// ended is seen to be mended, like what was mended during it.
    pub fn mends(&self) -> BoxGenerator {
        let (returns, others): (Vec<_>, Vec<_>) =
            self.faults.iter().partition(|fault| fault.takes_nodes_away());
        let mends = returns.into_iter().chain(others.into_iter().rev());
        let mends = mends.filter_map(|fault| fault.functions().get(1));
        generator::from_ops(mends.map(|f| Op::new(*f, Value::Null))).on_nemesis()
    }

    /// Undoes every fault; the errors say which could not be.
    pub async fn heal(&self) -> Result<Value, String> {
        let mut healed = serde_json::Map::new();
        let mut broken = Vec::new();
        for fault in &self.faults {
            let limit = limit(&**fault);
            match tokio::time::timeout(limit, fault.heal(&self.context)).await {
                Ok(Ok(evidence)) => {
                    healed.insert(fault.name().to_owned(), evidence);
                }
                Ok(Err(error)) => broken.push(format!("{}: {error}", fault.name())),
                Err(_) => {
                    broken.push(format!("{}: not done after {} s", fault.name(), limit.as_secs()))
                }
            }
        }
        if broken.is_empty() { Ok(Value::Object(healed)) } else { Err(broken.join("; ")) }
    }
}

fn answer(applied: Applied) -> Value {
    match applied {
        Applied::Installed(evidence) => json!({ "outcome": "installed", "evidence": evidence }),
        Applied::Healed(evidence) => json!({ "outcome": "healed", "evidence": evidence }),
        Applied::Skipped(reason) => json!({ "outcome": "skipped", "reason": reason }),
        Applied::Indeterminate(reason) => json!({ "outcome": "indeterminate", "reason": reason }),
    }
}
