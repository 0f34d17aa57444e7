//! Sets: whether what was added is there, from `add v` and `read` of the whole set.

mod elements;

use serde_json::json;

use self::elements::{Fate, Ledger};
use crate::tally::{Tally, anomaly, step};
use crate::words::{seconds, shortened};
use crate::{Anomaly, Budget, Checker, Finding, History, Step};

/// What a system that forgets, or invents, elements cannot be.
const RULED_OUT: &[&str] = &["linearizable", "sequential", "eventual"];

/// Judges the last read alone: every element whose add was acknowledged before it began must
/// be there, and nothing that was never added. Linear.
#[derive(Clone, Copy, Debug, Default)]
pub struct Set;

impl Checker for Set {
    fn name(&self) -> &str {
        "set"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let ledger = match Ledger::new(&operations) {
            Ok(ledger) => ledger,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let last = ledger.reads.iter().max_by_key(|read| read.operation.index);
        let Some(last) = last else { return no_read(self.name(), &ledger) };
        let mut tally = Tally::default();
        for (number, element) in (0u32..).zip(&ledger.elements) {
            let there = last.shows(number);
            let acknowledged = element.acknowledged().is_some_and(|end| end < last.operation.index);
            if acknowledged && !there {
                tally.add(|| lost(&ledger, number, last.operation.index));
            }
        }
        let tally = tally.and(never_added(&ledger, |read| read == last.operation.index));
        let unchecked = ledger.acknowledged_after(last.operation.index);
        let stats = json!({
            "added": ledger.elements.iter().filter(|e| e.acknowledged().is_some()).count(),
            "attempted": ledger.elements.iter().filter(|e| e.add.is_some()).count(),
            "read": last.elements.len(),
        });
        tally.conclude(self.name(), no_final_read(unchecked), stats)
    }
}

/// Judges every element by every read (Jepsen's `set-full`): an element that was known to be
/// there, because its add was acknowledged or a read had shown it, must be in all later reads.
/// One that is missing and never seen again is lost; one that comes back made the reads
/// without it stale. Linear in the total length of reads, times a logarithm.
#[derive(Clone, Copy, Debug)]
pub struct SetFull {
    /// Whether stale reads are wrong, too. Eventually consistent sets may have them.
    pub linearizable: bool,
}

impl Default for SetFull {
    fn default() -> Self {
        Self { linearizable: true }
    }
}

impl Checker for SetFull {
    fn name(&self) -> &str {
        "set-full"
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        let operations = history.operations();
        let ledger = match Ledger::new(&operations) {
            Ok(ledger) => ledger,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let Some(last) = ledger.reads.iter().map(|read| read.operation.index).max() else {
            return no_read(self.name(), &ledger);
        };
        let (mut losses, mut stale) = (Tally::default(), Tally::default());
        let (mut stable, mut never_read, mut cancelled) = (0u64, 0u64, false);
        let mut worst_lag = 0u64;
        for number in 0..ledger.elements.len() as u32 {
            if budget.is_cancelled() {
                cancelled = true;
                break;
            }
            match ledger.fate(number) {
                Fate::Stable => stable += 1,
                Fate::NeverRead => never_read += 1,
                Fate::Lost { missing } => losses.add(|| lost(&ledger, number, missing)),
                Fate::Stale { missing, seen, lag } => {
                    worst_lag = worst_lag.max(lag);
                    stale.add(|| stale_read(&ledger, number, missing, seen));
                }
            }
        }
        let wrong = never_added(&ledger, |_| true);
        let stats = json!({
            "added": ledger.elements.iter().filter(|e| e.acknowledged().is_some()).count(),
            "attempted": ledger.elements.iter().filter(|e| e.add.is_some()).count(),
            "reads": ledger.reads.len(),
            "stable": stable,
            "lost": losses.count(),
            "stale": stale.count(),
            "never_read": never_read,
            "worst_stale_seconds": worst_lag as f64 / 1e9,
        });
        let mut tally = losses.and(wrong);
        if self.linearizable {
            tally = tally.and(stale);
        }
        let reason = if cancelled {
            Some("time was up before all elements were judged; give the analysis more".to_owned())
        } else {
            no_final_read(ledger.acknowledged_after(last))
        };
        tally.conclude(self.name(), reason, stats)
    }
}

fn no_read(checker: &str, ledger: &Ledger<'_>) -> Finding {
    let reason = "the set was never read, so nothing can be judged; a final read after healing \
                  is part of this workload";
    let stats = json!({"attempted": ledger.elements.len(), "reads": 0});
    Finding { stats, ..Finding::unknown(checker, reason) }
}

fn no_final_read(unchecked: usize) -> Option<String> {
    (unchecked > 0).then(|| {
        format!(
            "{unchecked} elements were acknowledged after the last read began, so nobody looked \
             for them; read the set once more when all adds are done"
        )
    })
}

fn lost(ledger: &Ledger<'_>, number: u32, missing: u64) -> Anomaly {
    let element = &ledger.elements[number as usize];
    let value = shortened(element.value);
    let mut steps: Vec<Step> =
        element.add.map(|add| step(add, &format!("added {value}"))).into_iter().collect();
    if let Some(seen) = ledger.last_seen(number) {
        steps.push(step(seen, &format!("read the set with {value} in it")));
    }
    let without = ledger.read(missing);
    steps.push(step(without, &format!("read the set without {value}")));
    let known = if element.acknowledged().is_some() { "acknowledged" } else { "seen by a read" };
    let explanation = format!(
        "The add of {value} was {known}; a read that began after that did not have it, and no \
         read at that time or later did. The element is gone."
    );
    anomaly("lost-element", format!("Lost element {value}"), explanation, steps, RULED_OUT)
}

fn stale_read(ledger: &Ledger<'_>, number: u32, missing: u64, seen: u64) -> Anomaly {
    let element = &ledger.elements[number as usize];
    let value = shortened(element.value);
    let mut steps: Vec<Step> =
        element.add.map(|add| step(add, &format!("added {value}"))).into_iter().collect();
    let (without, with) = (ledger.read(missing), ledger.read(seen));
    steps.push(step(without, &format!("read the set without {value}")));
    steps.push(step(with, &format!("read the set with {value} in it")));
    let explanation = format!(
        "{value} was known to be in the set before {}, but a read that began then did not have \
         it, although others did. That read was answered from an old state.",
        seconds(without.called)
    );
    anomaly(
        "stale-read",
        format!("Stale read without {value}"),
        explanation,
        steps,
        &["linearizable"],
    )
}

/// Elements that reads show but should not, or show twice; `judged` picks reads by index.
fn never_added(ledger: &Ledger<'_>, judged: impl Fn(u64) -> bool) -> Tally {
    let mut tally = Tally::default();
    let mut reported = vec![false; ledger.elements.len()];
    for read in ledger.reads.iter().filter(|read| judged(read.operation.index)) {
        for number in &read.elements {
            let element = &ledger.elements[*number as usize];
            if reported[*number as usize] || element.may_be_in(read.operation) {
                continue;
            }
            reported[*number as usize] = true;
            let value = shortened(element.value);
            let shows = step(read.operation, &format!("read the set with {value} in it"));
            match element.add {
                Some(add) if add.is_failed() => tally.add(|| {
                    let tried = step(add, &format!("tried to add {value}, which failed,"));
                    let explanation = format!(
                        "The add of {value} was reported as failed, which means that it certainly \
                         did not happen, but a read shows the element."
                    );
                    let title = format!("Failed add of {value} came true");
                    anomaly("dirty-read", title, explanation, vec![tried, shows], RULED_OUT)
                }),
                _ => tally.add(|| {
                    let explanation = format!(
                        "A read shows {value}, which nobody had tried to add by the time that \
                         read ended."
                    );
                    let title = format!("Phantom element {value}");
                    anomaly("phantom-element", title, explanation, vec![shows], RULED_OUT)
                }),
            }
        }
        for number in &read.duplicates {
            let value = shortened(ledger.elements[*number as usize].value);
            tally.add(|| {
                let shows = step(read.operation, &format!("read the set with {value} in it twice"));
                let explanation = format!(
                    "A read shows {value} more than once. A set holds an element once; an add \
                     was applied again, as by a retry."
                );
                let title = format!("Duplicate element {value}");
                anomaly("duplicate-element", title, explanation, vec![shows], RULED_OUT)
            });
        }
    }
    tally
}

#[cfg(test)]
mod tests;
