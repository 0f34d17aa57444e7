//! Unique identifiers: whether any was handed out twice.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::tally::{Tally, anomaly, step};
use crate::words::shortened;
use crate::{Budget, Checker, Finding, History, Operation};

/// Judges `generate`, answered with an identifier of any form: none may come twice. Linear.
#[derive(Clone, Copy, Debug, Default)]
pub struct UniqueIds;

impl Checker for UniqueIds {
    fn name(&self) -> &str {
        "unique-ids"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let mut first: FxHashMap<&Value, &Operation> = FxHashMap::default();
        let mut tally = Tally::default();
        let mut generated = 0u64;
        for operation in operations.iter().filter(|operation| &*operation.f == "generate") {
            let Some(id) = operation.output() else { continue };
            generated += 1;
            let earlier = first.entry(id).or_insert(operation);
            if earlier.index != operation.index {
                let earlier = *earlier;
                tally.add(|| twice(id, earlier, operation));
            }
        }
        let stats = json!({"generated": generated, "distinct": first.len()});
        let unknown = (generated == 0)
            .then(|| "no identifier was generated, so nothing can be judged".to_owned());
        tally.conclude(self.name(), unknown, stats)
    }
}

fn twice(id: &Value, first: &Operation, second: &Operation) -> crate::Anomaly {
    let id = shortened(id);
    let got = format!("was given {id}");
    let steps = vec![step(first, &got), step(second, &got)];
    let explanation =
        format!("Identifier {id} was given to two calls, each of which took it as its own.");
    anomaly(
        "duplicate-id",
        format!("Identifier {id} given twice"),
        explanation,
        steps,
        &["unique-ids"],
    )
}

#[cfg(test)]
mod tests;
