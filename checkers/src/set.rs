//! Sets: whether what was added is there, from `add v`, `remove v` and `read` of the whole set.
//!
//! A read is answered by the list of all elements, or by `{"added": […], "removed": […]}`, which is
//! what changed since the last answered read of the same process.

mod bits;
mod elements;
mod lifetimes;

use serde_json::json;

use self::elements::{Afterlife, Ledger};
use self::lifetimes::Lifetimes;
use crate::tally::{Tally, anomaly, step};
use crate::words::{seconds, shortened};
use crate::{Anomaly, Budget, Checker, Finding, History, Operation, Step};

/// What a system that forgets, or invents, elements cannot be.
const RULED_OUT: &[&str] = &["linearizable", "sequential", "eventual"];

/// Judges the last read alone: every element whose add was acknowledged before it began must
/// be there, unless it was removed, and nothing that was never added. Linear.
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
        let Some(last) = ledger.reads.last() else { return no_read(self.name(), &ledger) };
        let (mut tally, mut back) = (Tally::default(), Tally::default());
        for (number, element) in (0u32..).zip(&ledger.elements) {
            let there = ledger.is_in_last(number);
            let acknowledged = element.acknowledged().is_some_and(|end| end < last.index);
            if acknowledged && !there && element.removing > last.end() {
                tally.add(|| lost(&ledger, number, last.index));
            }
            if let Some(removed) = element.removed.filter(|r| there && r.end() < last.index) {
                back.add(|| resurrected(&ledger, number, removed, None, last.index));
            }
        }
        let wrong = never_added(&ledger, |number| {
            ledger.wrongly_shown(number).filter(|_| ledger.wrong_in(number, last)).map(|_| *last)
        });
        let twice = duplicates(&ledger, |read| read.index == last.index);
        let tally = tally.and(back).and(wrong).and(twice);
        let unchecked = ledger.acknowledged_after(last.index);
        let stats = json!({
            "added": ledger.elements.iter().filter(|e| e.acknowledged().is_some()).count(),
            "attempted": ledger.elements.iter().filter(|e| e.add.is_some()).count(),
            "read": ledger.last_size,
        });
        tally.conclude(self.name(), no_final_read(unchecked), stats)
    }
}

/// Judges every element by every read (after Jepsen's `set-full`): an element that was known to
/// be there, because its add was acknowledged or a read had shown it, must be in all later reads.
/// One that is missing and never seen again is lost; one that comes back made the reads
/// without it stale. One that was removed must be in no later read: if it is, and stays, or comes
/// back after reads without it, it is resurrected.
///
/// Costs one step for each element in an answer, and for each read one for 64 elements.
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
        let Some(last) = ledger.reads.last().map(|read| read.index) else {
            return no_read(self.name(), &ledger);
        };
        let mut lives = Lifetimes::default();
        let (mut losses, mut stale, mut back) = <(Tally, Tally, Tally)>::default();
        let mut cancelled = false;
        for number in 0..ledger.elements.len() as u32 {
            if number % 1024 == 0 && budget.is_cancelled() {
                cancelled = true;
                break;
            }
            let fate = ledger.fate(number);
            lives.count(&ledger, number, &fate);
            match fate {
                elements::Fate::Stable | elements::Fate::NeverRead => {}
                elements::Fate::Lost { missing, .. } => {
                    losses.add(|| lost(&ledger, number, missing));
                }
                elements::Fate::Stale { missing, seen, .. } => {
                    stale.add(|| stale_read(&ledger, number, missing, seen));
                }
            }
            self.afterlife(&ledger, number, &mut stale, &mut back);
        }
        let wrong = never_added(&ledger, |number| ledger.wrongly_shown(number));
        let twice = duplicates(&ledger, |_| true);
        let stats = lives.stats(&ledger, &back, twice.count());
        let mut tally = losses.and(back).and(wrong).and(twice);
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

impl SetFull {
    /// A removed element that reads still show. That a replica lags behind is no resurrection.
    fn afterlife(&self, ledger: &Ledger<'_>, number: u32, stale: &mut Tally, back: &mut Tally) {
        let Some(removed) = ledger.elements[number as usize].removed else { return };
        match ledger.afterlife(number) {
            Afterlife::None => {}
            Afterlife::Back { seen } => {
                back.add(|| resurrected(ledger, number, removed, None, seen));
            }
            Afterlife::Again { without, seen } if self.linearizable => {
                back.add(|| resurrected(ledger, number, removed, Some(without), seen));
            }
            Afterlife::Again { seen, .. } | Afterlife::Late { seen } => {
                stale.add(|| still_there(ledger, number, removed, seen));
            }
        }
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

/// "P added 3" and, if it is known, "P removed 3".
fn life(element: &elements::Element<'_>, removed: Option<&Operation<'_>>) -> Vec<Step> {
    let value = shortened(element.value);
    let added = element.add.map(|add| step(add, &format!("added {value}")));
    added.into_iter().chain(removed.map(|r| step(r, &format!("removed {value}")))).collect()
}

fn resurrected(
    ledger: &Ledger<'_>,
    number: u32,
    removed: &Operation<'_>,
    without: Option<u64>,
    seen: u64,
) -> Anomaly {
    let element = &ledger.elements[number as usize];
    let value = shortened(element.value);
    let mut steps = life(element, Some(removed));
    let without = without.map(|without| ledger.read(without));
    steps.extend(without.map(|read| step(read, &format!("read the set without {value}"))));
    steps.push(step(ledger.read(seen), &format!("read the set with {value} in it")));
    let how = match without {
        Some(_) => "a read no longer had it, and a later one has it again",
        None => "a read that began later shows it, and none at that time or later is without it",
    };
    let explanation = format!(
        "All adds of {value} were over when it was removed, and the removal was \
         acknowledged; {how}. What was deleted is back."
    );
    let title = format!("Element {value} is back after its removal");
    anomaly("resurrected-element", title, explanation, steps, RULED_OUT)
}

fn still_there(ledger: &Ledger<'_>, number: u32, removed: &Operation<'_>, seen: u64) -> Anomaly {
    let element = &ledger.elements[number as usize];
    let value = shortened(element.value);
    let mut steps = life(element, Some(removed));
    steps.push(step(ledger.read(seen), &format!("read the set with {value} in it")));
    let explanation = format!(
        "The removal of {value} was acknowledged before {}, but a read that began then still has \
         it. That read was answered from an old state.",
        seconds(ledger.read(seen).called)
    );
    let title = format!("Stale read with {value}");
    anomaly("stale-read", title, explanation, steps, &["linearizable"])
}

/// Elements that reads show but should not; `shown` is the read that shows one.
fn never_added<'h>(ledger: &Ledger<'h>, shown: impl Fn(u32) -> Option<&'h Operation<'h>>) -> Tally {
    let mut tally = Tally::default();
    for (number, element) in (0u32..).zip(&ledger.elements) {
        let Some(read) = shown(number) else { continue };
        tally.add(|| {
            let value = shortened(element.value);
            let shows = step(read, &format!("read the set with {value} in it"));
            let Some(add) = element.add.filter(|add| add.is_failed()) else {
                let explanation = format!(
                    "A read shows {value}, which nobody had tried to add by the time that read \
                     ended."
                );
                let title = format!("Phantom element {value}");
                return anomaly("phantom-element", title, explanation, vec![shows], RULED_OUT);
            };
            let tried = step(add, &format!("tried to add {value}, which failed,"));
            let explanation = format!(
                "The add of {value} was reported as failed, which means that it certainly did not \
                 happen, but a read shows the element."
            );
            let title = format!("Failed add of {value} came true");
            anomaly("dirty-read", title, explanation, vec![tried, shows], RULED_OUT)
        });
    }
    tally
}

/// Elements that one read shows twice; `judged` picks reads.
fn duplicates(ledger: &Ledger<'_>, judged: impl Fn(&Operation<'_>) -> bool) -> Tally {
    let mut tally = Tally::default();
    for (read, number) in &ledger.duplicates {
        let read = ledger.reads[*read as usize];
        if !judged(read) {
            continue;
        }
        tally.add(|| {
            let value = shortened(ledger.elements[*number as usize].value);
            let shows = step(read, &format!("read the set with {value} in it twice"));
            let explanation = format!(
                "A read shows {value} more than once. A set holds an element once; an add was \
                 applied again, as by a retry."
            );
            let title = format!("Duplicate element {value}");
            anomaly("duplicate-element", title, explanation, vec![shows], RULED_OUT)
        });
    }
    tally
}

#[cfg(test)]
mod tests;
