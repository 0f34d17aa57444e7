//! Sequential inserts: a session's keys come one after the other, for everybody.

use rustc_hash::FxHashMap;

use super::{Insert, Inserts, Micro};
use crate::tally::{Tally, anomaly, step};
use crate::{Anomaly, Budget, Checker, Finding, History, Operation};

/// What a process has seen of a process, itself among them.
#[derive(Clone, Copy)]
struct Seen {
    /// The latest key.
    key: u32,
    insert: Insert,
    /// The operation in which it saw it, or wrote it.
    by: u32,
}

/// Judges transactions that insert keys, each once, and that read keys in the order in which they
/// are listed, be it at one moment or not: who has seen a key of a process finds, from then on, all
/// that the process had inserted before it and was told of (after Jepsen's `sequential`, which looks
/// at single reads only). Linear.
///
/// That is weaker than sequential consistency, and weaker than causal: nothing is concluded from what
/// the writer had seen. It is what the models call PRAM, or FIFO.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequential;

/// What a process was promised and did not find.
struct Missed {
    key: u32,
    insert: Insert,
    seen: Seen,
}

impl Checker for Sequential {
    fn name(&self) -> &str {
        "sequential-inserts"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let inserts = match Inserts::read(&operations) {
            Ok(inserts) => inserts,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let mut tally = Tally::default();
        // By reader and writer.
        let mut known: FxHashMap<(u32, u32), Seen> = FxHashMap::default();
        for (number, operation) in (0u32..).zip(&operations) {
            if !operation.is_ok() {
                continue;
            }
            if let Some(missed) = go_through(&inserts, &mut known, number) {
                tally.add(|| told(&inserts, operation, &missed));
            }
        }
        tally.conclude(self.name(), inserts.untested(), inserts.stats())
    }
}

/// Goes through the steps of a transaction, and answers the first key that it missed.
fn go_through(
    inserts: &Inserts<'_>,
    known: &mut FxHashMap<(u32, u32), Seen>,
    number: u32,
) -> Option<Missed> {
    let reader = inserts.operations[number as usize].process;
    let mut first = None;
    for micro in inserts.micros(number) {
        let (key, there) = match *micro {
            Micro::Write(key) => (key, true),
            Micro::Read(key, there) => (key, there),
        };
        let Some(insert) = inserts.inserted[key as usize] else { continue };
        let writer = inserts.operation(insert);
        let place = known.get(&(reader, writer.process)).copied();
        if there {
            let later = |seen: &Seen| precedes(inserts, insert, seen.insert);
            if !place.as_ref().is_some_and(later) {
                known.insert((reader, writer.process), Seen { key, insert, by: number });
            }
        } else if let Some(seen) = place
            && writer.is_ok()
            && (seen.key == key || precedes(inserts, insert, seen.insert))
        {
            first.get_or_insert(Missed { key, insert, seen });
        }
    }
    first
}

/// Whether a process asked for the second insert after it had made the first.
fn precedes(inserts: &Inserts<'_>, first: Insert, second: Insert) -> bool {
    if first.operation == second.operation {
        return first.step < second.step;
    }
    inserts.operation(first).end() < inserts.operation(second).index
}

fn told(inserts: &Inserts<'_>, read: &Operation<'_>, missed: &Missed) -> Anomaly {
    let Missed { key, insert, seen } = missed;
    let (early, late) = (inserts.key(*key), inserts.key(seen.key));
    let writer = inserts.operation(*insert);
    let at_once = inserts.operations[seen.by as usize].index == read.index;
    let mut steps = vec![step(writer, &format!("inserted key {early}"))];
    if seen.insert.operation != insert.operation {
        let later = inserts.operation(seen.insert);
        steps.push(step(later, &format!("inserted key {late}")));
    }
    if !at_once && seen.by != seen.insert.operation {
        let saw = &inserts.operations[seen.by as usize];
        steps.push(step(saw, &format!("found key {late}")));
    }
    let did = match at_once {
        true => format!("found key {late}, and then not key {early},"),
        false => format!("did not find key {early}"),
    };
    steps.push(step(read, &did));
    let reader = read.process;
    let explanation = if key == &seen.key && seen.by == seen.insert.operation {
        format!("Process {reader} inserted key {early}, was told so, and did not find it later.")
    } else if key == &seen.key {
        format!("Process {reader} found key {early}, and did not find it later.")
    } else {
        format!(
            "Process {} inserted key {early} before key {late}. Process {reader} had seen {late}, \
             and then did not find {early}: no single order of all calls, in which each process's \
             are in its own order, explains that.",
            writer.process
        )
    };
    let title = match key == &seen.key {
        true => format!("Key {early} was there, and then was not"),
        false => format!("Key {late} without key {early}, which its process inserted before"),
    };
    let rules = &["pram", "causal", "sequential", "strong-session-serializable"];
    anomaly("insert-inversion", title, explanation, steps, rules)
}
