//! One insert a key: of two transactions that insert if they find nothing, one may succeed.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::tally::{Tally, anomaly, step};
use crate::words::shortened;
use crate::{Anomaly, Budget, Checker, Finding, History, Operation};

/// Inserts of one key that are told one by one.
const MAX_TOLD: usize = 5;

/// Judges `insert [key, id]`, which looks for rows of the key wherever there may be any, inserts one
/// if there is none, and fails otherwise; and `read [key, null]`, answered with the ids of all rows of the
/// key. If two succeed, each of them missed what the other inserted, which is an anti-dependency cycle
/// over predicates (Adya's G2; after Jepsen's `adya`). Exact, and linear.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneInsert;

/// What happened with a key.
#[derive(Debug, Default)]
struct Of<'h> {
    inserted: Vec<&'h Operation<'h>>,
    /// Inserts that began, whatever became of them.
    tried: u32,
    /// A read that found several rows.
    several: Option<&'h Operation<'h>>,
}

impl Checker for OneInsert {
    fn name(&self) -> &str {
        "one-insert"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let (keys, reads) = match read(&operations) {
            Ok(read) => read,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let mut tally = Tally::default();
        for (key, of) in &keys {
            if of.inserted.len() > 1 {
                tally.add(|| several(key, of));
            } else if let Some(read) = of.several {
                tally.add(|| several_found(key, of, read));
            }
        }
        let count = |of: fn(&Of<'_>) -> bool| keys.iter().filter(|(_, key)| of(key)).count();
        let contested = count(|of| of.tried > 1);
        let stats = json!({
            "keys": keys.len(),
            "contested": contested,
            "inserted_once": count(|of| of.inserted.len() == 1),
            "inserted_by_several": count(|of| of.inserted.len() > 1),
            "reads": reads,
        });
        let unknown = if count(|of| !of.inserted.is_empty()) == 0 {
            Some("no insert was acknowledged, so nothing can be judged".to_owned())
        } else {
            let alone = "no key was asked for twice, so none can have been inserted twice";
            (contested == 0).then(|| alone.to_owned())
        };
        tally.conclude(self.name(), unknown, stats)
    }
}

type Keys<'h> = Vec<(&'h Value, Of<'h>)>;

/// All keys in the order in which they were first asked for, and how many reads have an answer.
fn read<'h>(operations: &'h [Operation<'h>]) -> Result<(Keys<'h>, u64), String> {
    let mut numbers: FxHashMap<&Value, usize> = FxHashMap::default();
    let (mut keys, mut reads) = (Keys::new(), 0);
    for operation in operations {
        let strange = || {
            format!(
                "operation {} is `{} {}`, where insert [key, id] or read [key, null] should be",
                operation.index,
                operation.f,
                shortened(operation.input)
            )
        };
        let [key, _] = operation.input.as_array().map_or(&[][..], Vec::as_slice) else {
            return Err(strange());
        };
        let number = *numbers.entry(key).or_insert_with(|| {
            keys.push((key, Of::default()));
            keys.len() - 1
        });
        let of = &mut keys[number].1;
        match (operation.f, operation.output()) {
            ("insert", answer) => {
                of.tried += 1;
                of.inserted.extend(answer.map(|_| operation));
            }
            ("read", Some(answer)) => {
                let rows = answer[1].as_array().ok_or_else(strange)?;
                reads += 1;
                if rows.len() > 1 {
                    of.several.get_or_insert(operation);
                }
            }
            ("read", None) => {}
            _ => return Err(strange()),
        }
    }
    Ok((keys, reads))
}

const RULED_OUT: &[&str] = &["serializable", "strict-serializable"];

fn several(key: &Value, of: &Of<'_>) -> Anomaly {
    let key = shortened(key);
    let inserts = of.inserted.iter().take(MAX_TOLD);
    let steps = inserts.map(|insert| {
        let did =
            format!("found no row of key {key}, and inserted {}", shortened(&insert.input[1]));
        step(insert, &did)
    });
    let explanation = format!(
        "{} transactions each looked for rows of key {key}, found none, and inserted one. Whichever \
         was first, the others missed its row: in no order of them does each find nothing.",
        of.inserted.len()
    );
    let title = format!("Key {key} inserted {} times", of.inserted.len());
    anomaly("G2", title, explanation, steps.collect(), RULED_OUT)
}

fn several_found(key: &Value, of: &Of<'_>, read: &Operation<'_>) -> Anomaly {
    let key = shortened(key);
    let rows = read.output().map(|answer| shortened(&answer[1])).unwrap_or_default();
    let mut steps: Vec<crate::Step> = of
        .inserted
        .iter()
        .map(|insert| step(insert, &format!("inserted a row of key {key}")))
        .collect();
    steps.push(step(read, &format!("found the rows {rows} of key {key}")));
    let explanation = format!(
        "A row of key {key} is only inserted by who finds none, but there are several: {rows}. So \
         one of their inserts missed another."
    );
    anomaly("G2", format!("Several rows of key {key}"), explanation, steps, RULED_OUT)
}

#[cfg(test)]
mod tests;
