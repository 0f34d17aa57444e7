//! Causal reverse: a read that sees an insert, and misses one that was over before it began.

use super::{Insert, Inserts, Micro};
use crate::tally::{Tally, anomaly, step};
use crate::{Anomaly, Budget, Checker, Finding, History, Operation};

/// A serializable database may put transactions that follow one another in another order; one that
/// respects real time may not.
const RULED_OUT: &[&str] = &["strict-serializable", "strong-snapshot-isolation"];

/// Judges transactions that insert keys, each once, and that read several at one moment: who sees a
/// key sees all whose inserts were acknowledged before its insert began (Jepsen's
/// `causal-reverse`). Linear: of what a read saw, the insert that began last decides, and of what it
/// missed, the one that ended first.
#[derive(Clone, Copy, Debug, Default)]
pub struct CausalReverse;

impl Checker for CausalReverse {
    fn name(&self) -> &str {
        "causal-reverse"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let inserts = match Inserts::read(&operations) {
            Ok(inserts) => inserts,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let mut tally = Tally::default();
        for number in (0u32..).take(operations.len()) {
            if let Some((missed, seen)) = reversed(&inserts, number) {
                tally.add(|| told(&inserts, &operations[number as usize], missed, seen));
            }
        }
        tally.conclude(self.name(), inserts.untested(), inserts.stats())
    }
}

/// A key that this transaction missed, and one that it saw although its insert came later.
fn reversed(inserts: &Inserts<'_>, number: u32) -> Option<(u32, u32)> {
    let insert = |key: u32| {
        let insert: Insert = inserts.inserted[key as usize]?;
        (insert.operation != number).then(|| inserts.operation(insert))
    };
    let mut last_begun: Option<(u64, u32)> = None;
    let mut first_ended: Option<(u64, u32)> = None;
    for micro in inserts.micros(number) {
        match *micro {
            Micro::Read(key, true) => {
                let begun = insert(key).map(|operation| (operation.index, key));
                last_begun = last_begun.max(begun);
            }
            Micro::Read(key, false) => {
                let Some(operation) = insert(key).filter(|operation| operation.is_ok()) else {
                    continue;
                };
                let ended = (operation.end(), key);
                first_ended = Some(first_ended.map_or(ended, |first| first.min(ended)));
            }
            Micro::Write(_) => {}
        }
    }
    let ((begun, seen), (ended, missed)) = (last_begun?, first_ended?);
    (ended < begun).then_some((missed, seen))
}

fn told(inserts: &Inserts<'_>, read: &Operation<'_>, missed: u32, seen: u32) -> Anomaly {
    let (early, late) = (inserts.key(missed), inserts.key(seen));
    let inserted = |key: u32, name: &str| {
        let insert = inserts.inserted[key as usize]?;
        Some(step(inserts.operation(insert), &format!("inserted key {name}")))
    };
    let did = format!("found key {late}, but not key {early},");
    let steps = [inserted(missed, &early), inserted(seen, &late)].into_iter().flatten();
    let steps = steps.chain([step(read, &did)]).collect();
    let explanation = format!(
        "Key {early} was inserted, and acknowledged, before anybody asked for key {late} to be. A \
         read found {late} and not {early}: it saw the effect without its possible cause."
    );
    let title = format!("Key {late} without key {early}, which came before it");
    anomaly("causal-reverse", title, explanation, steps, RULED_OUT)
}
