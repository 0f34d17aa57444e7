//! Unique identifiers: whether any was handed out twice, and whether they grow.

mod order;
pub(crate) mod seen;
mod stream;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

pub use self::order::Order;
pub use self::stream::UniqueIdsStream;
use crate::tally::{Site, Tally, anomaly, step};
use crate::words::shortened;
use crate::{Budget, Checker, Finding, History, Operation};

/// Judges `generate`, answered with an identifier of any form: none may come twice. Linear, and
/// n log n where they have to grow.
#[derive(Clone, Copy, Debug, Default)]
pub struct UniqueIds {
    /// How identifiers have to grow; `None` if they need not.
    pub order: Option<Order>,
}

impl Checker for UniqueIds {
    fn name(&self) -> &str {
        "unique-ids"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let mut first: FxHashMap<&Value, u32> = FxHashMap::default();
        first.reserve(operations.len());
        let mut tally = Tally::default();
        let mut generated = 0u64;
        for (number, operation) in (0u32..).zip(&operations) {
            let Some(id) = generated_id(operation) else { continue };
            generated += 1;
            let earlier = *first.entry(id).or_insert(number);
            if earlier != number {
                tally.add(|| twice(id, &operations[earlier as usize], operation));
            }
        }
        let mut stats = json!({
            "generated": generated,
            "distinct": first.len(),
            "duplicates": tally.count(),
        });
        let mut unknown = (generated == 0).then(|| GAVE_NONE.to_owned());
        if let (Some(order), None) = (self.order, &unknown) {
            let judged = order.judge(&operations);
            tally = tally.and(judged.tally);
            unknown = judged.reason;
            stats["order"] = judged.stats;
        }
        tally.conclude(self.name(), unknown, stats)
    }
}

const GAVE_NONE: &str = "no identifier was generated, so nothing can be judged";

/// An identifier that is smaller than one that was given out before its call began.
fn inverted(id: &Value, greater: &str, site: Site) -> crate::Anomaly {
    let id = shortened(id);
    let explanation = format!(
        "Identifier {greater}, which is greater, had been given out before the call began that was \
         given {id}. Sorted by identifier, what came later comes first."
    );
    let steps = vec![site.step(&format!("was given {id}"))];
    let title = format!("Identifier {id} is smaller than earlier ones");
    anomaly("id-inversion", title, explanation, steps, &["monotonic-ids"])
}

/// What a call was given, if it was given something.
fn generated_id<'h>(operation: &Operation<'h>) -> Option<&'h Value> {
    operation.output().filter(|_| operation.f == "generate")
}

fn twice(id: &Value, first: &Operation<'_>, second: &Operation<'_>) -> crate::Anomaly {
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
