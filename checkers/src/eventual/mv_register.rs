//! Registers that keep all values that were written without knowledge of each other.

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Value, json};

use super::findings::{convergence, differ, merges, read_step, update_step};
use super::ledger::{Call, Ledger, healed};
use super::poll::{Outcomes, Poll};
use super::register::{never_written, went_back};
use super::{Promise, RULED_OUT};
use crate::numbers::Numbers;
use crate::tally::{Tally, anomaly};
use crate::words::{seconds, shortened};
use crate::{Anomaly, Budget, Checker, Finding, History};

/// Judges `write [k, v]` with unique values and `read [k, null]` answered by the list of all values
/// that none of the others replaced; each answered by one replica alone. A write may tell
/// which values it replaced, as `replaced` in its evidence; one that does not may have replaced any.
///
/// - What is shown was written, and no value shown replaced another one.
/// - A value is there unless a write replaced it, or may have: for its session at once, for all when
///   it was known long before, with all faults gone.
/// - A value is gone once a write that replaced it has been known for so long.
/// - Replicas come together, and those that have seen the same answer the same.
///
/// Linear in the total length of reads and of what writes replaced.
#[derive(Clone, Copy, Debug, Default)]
pub struct MvRegister {
    pub promise: Promise,
}

#[derive(Debug)]
struct Write<'h> {
    call: Call<'h>,
    /// When it was acknowledged or first shown, in nanoseconds; never, if neither.
    known: u64,
    /// Of the writes that replaced it, the first begin, and the one that was known first.
    replacing: u64,
    replaced: Option<u32>,
    /// The writes that it replaced.
    replaces: Vec<u32>,
}

#[derive(Debug, Default)]
struct Register {
    writes: Vec<u32>,
    /// The first two writes that do not tell what they replaced, each after its begin: none of them
    /// replaced itself.
    blind: Vec<(u64, u32)>,
    /// When the last write was acknowledged; `None` if none happened.
    last_known: Option<u64>,
}

impl Checker for MvRegister {
    fn name(&self) -> &str {
        "mv-register"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let ledger = match Ledger::new(&operations, &["write"]) {
            Ok(ledger) => ledger,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let siblings = match Siblings::new(&ledger) {
            Ok(siblings) => siblings,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let healed = healed(history);
        let mut judge = Judge {
            ledger: &ledger,
            siblings: &siblings,
            promise: self.promise,
            healed,
            wrong: Tally::default(),
            sessions: Tally::default(),
            known: FxHashMap::default(),
            reported: FxHashSet::default(),
        };
        // The replicas' last answers have nothing to do with what is wrong with single ones.
        let ((), (merged, (apart, outcomes))) = rayon::join(
            || judge.run(),
            || (merges(&ledger), self.ends(&ledger, &siblings, healed)),
        );
        let (wrong, sessions) = (judge.wrong, judge.sessions);
        let stats = json!({
            "writes": siblings.writes.len(),
            "acknowledged": siblings.writes.iter().filter(|w| w.call.operation.is_ok()).count(),
            "reads": siblings.contents.len(),
            "concurrent": siblings.contents.iter().filter(|content| content.len() > 1).count(),
            "most_values": siblings.contents.iter().map(Vec::len).max(),
            "keys": ledger.keys.len(),
            "nodes": ledger.nodes.len(),
            "sessions_going_back": sessions.count(),
            "convergence": convergence(&outcomes),
        });
        let mut tally = wrong.and(apart).and(merged);
        if self.promise.sessions {
            tally = tally.and(sessions);
        }
        tally.conclude(self.name(), outcomes.doubt(self.promise.converge_within), stats)
    }
}

impl MvRegister {
    fn ends(&self, ledger: &Ledger<'_>, siblings: &Siblings<'_>, healed: u64) -> (Tally, Outcomes) {
        let limit = self.promise.converge_within;
        let poll = |of: &Register| Some(Poll::new(of.last_known?.max(healed), limit));
        let mut polls: Vec<Option<Poll<'_>>> = siblings.registers.iter().map(poll).collect();
        let mut contents: FxHashMap<&[u32], u32> = FxHashMap::default();
        for ((call, _), content) in ledger.reads().zip(&siblings.contents) {
            let Some(poll) = &mut polls[call.key as usize] else { continue };
            let next = contents.len() as u32;
            poll.take(*call, *contents.entry(content).or_insert(next));
        }
        let (mut tally, mut outcomes) = (Tally::default(), Outcomes::default());
        for poll in polls.iter().flatten() {
            if let Some(pair) = outcomes.count(poll.agreement(ledger.nodes.len())) {
                tally.add(|| differ(ledger, pair, limit));
            }
        }
        (tally, outcomes)
    }
}

/// All values, and what replaced what.
#[derive(Debug)]
struct Siblings<'h> {
    writes: Vec<Write<'h>>,
    registers: Vec<Register>,
    numbers: Numbers<'h>,
    failed: FxHashMap<(u32, &'h Value), Call<'h>>,
    /// What each answered read shows, ascending; by begin. [`PHANTOM`] for what nobody wrote.
    contents: Vec<Vec<u32>>,
}

const PHANTOM: u32 = u32::MAX;

impl<'h> Siblings<'h> {
    fn new(ledger: &Ledger<'h>) -> Result<Self, String> {
        let mut siblings = Self {
            writes: Vec::new(),
            registers: Vec::new(),
            numbers: Numbers::default(),
            failed: FxHashMap::default(),
            contents: Vec::new(),
        };
        siblings.registers.resize_with(ledger.keys.len(), Register::default);
        for call in ledger.calls.iter().filter(|call| !call.is_read()) {
            siblings.write(ledger, call)?;
        }
        for (call, answer) in ledger.reads() {
            siblings.read(call, answer)?;
        }
        for number in 0..siblings.writes.len() {
            siblings.replace(number as u32);
        }
        Ok(siblings)
    }

    fn write(&mut self, ledger: &Ledger<'h>, call: &Call<'h>) -> Result<(), String> {
        if call.operation.is_failed() {
            self.failed.insert((call.key, call.argument), *call);
            return Ok(());
        }
        let number = self.writes.len() as u32;
        if self.numbers.number(call.key, call.argument, number) != number {
            return Err(format!(
                "{} was written twice to key {}: which write a read shows can only be told if values \
                 are unique",
                shortened(call.argument),
                ledger.key(call.key)
            ));
        }
        let register = &mut self.registers[call.key as usize];
        register.writes.push(number);
        let known = if call.operation.is_ok() { call.returned() } else { u64::MAX };
        if known < u64::MAX {
            register.last_known = Some(register.last_known.unwrap_or(0).max(known));
        }
        self.writes.push(Write {
            call: *call,
            known,
            replacing: u64::MAX,
            replaced: None,
            replaces: Vec::new(),
        });
        Ok(())
    }

    fn read(&mut self, call: &Call<'h>, answer: &'h Value) -> Result<(), String> {
        let Value::Array(list) = answer else {
            return Err(format!(
                "operation {} read {}, where a list of all values should be",
                call.operation.index,
                shortened(answer)
            ));
        };
        let number = |value| self.numbers.get(call.key, value).unwrap_or(PHANTOM);
        let mut content: Vec<u32> = list.iter().map(number).collect();
        content.sort_unstable();
        content.dedup();
        for number in content.iter().filter(|number| **number != PHANTOM) {
            let write = &mut self.writes[*number as usize];
            write.known = write.known.min(call.returned());
            self.registers[call.key as usize].last_known.get_or_insert(0);
        }
        self.contents.push(content);
        Ok(())
    }

    /// Notes which writes this one replaced.
    fn replace(&mut self, number: u32) {
        let write = &self.writes[number as usize];
        let (key, begun, known) = (write.call.key, write.call.operation.index, write.known);
        let list = write.call.evidence.and_then(|evidence| evidence.get("replaced")?.as_array());
        let Some(list) = list else {
            let blind = &mut self.registers[key as usize].blind;
            // They come ordered by begin.
            if blind.len() < 2 {
                blind.push((begun, number));
            }
            return;
        };
        for value in list {
            let Some(old) = self.numbers.get(key, value).filter(|old| *old != number) else {
                continue;
            };
            self.writes[number as usize].replaces.push(old);
            let known_of = |other: u32| self.writes[other as usize].known;
            let first = self.writes[old as usize].replaced.is_none_or(|w| known_of(w) > known);
            let old = &mut self.writes[old as usize];
            old.replacing = old.replacing.min(begun);
            if first {
                old.replaced = Some(number);
            }
        }
    }

    /// Whether a value may have been replaced by the end of a call.
    fn may_be_replaced(&self, number: u32, by: &Call<'_>) -> bool {
        let write = &self.writes[number as usize];
        let end = by.operation.end();
        let blind = &self.registers[write.call.key as usize].blind;
        let blind = blind.iter().find(|(_, other)| *other != number);
        write.replacing < end || blind.is_some_and(|(begun, _)| *begun < end)
    }
}

struct Judge<'a, 'h> {
    ledger: &'a Ledger<'h>,
    siblings: &'a Siblings<'h>,
    promise: Promise,
    healed: u64,
    wrong: Tally,
    sessions: Tally,
    /// By process and key, the values that it wrote or read last.
    known: FxHashMap<(u32, u32), Vec<(u32, Call<'h>)>>,
    reported: FxHashSet<(u32, &'static str)>,
}

impl<'h> Judge<'_, 'h> {
    fn run(&mut self) {
        let siblings = self.siblings;
        let mut contents = siblings.contents.iter();
        for call in self.ledger.calls.iter().filter(|call| call.operation.is_ok()) {
            let session = (call.operation.process, call.key);
            if !call.is_read() {
                let number = siblings.numbers.get(call.key, call.argument);
                // What it replaced its session need not see any more.
                let known = self.known.entry(session).or_default();
                let replaced = |old: &u32| {
                    number.is_some_and(|n| siblings.writes[n as usize].replaces.contains(old))
                };
                known.retain(|(old, _)| !replaced(old));
                known.extend(number.map(|number| (number, *call)));
                continue;
            }
            let Some(content) = contents.next() else { continue };
            self.shown(call, content);
            self.settled(call, content);
            let known = self.known.entry(session).or_default();
            for (number, before) in known.iter() {
                let there = content.binary_search(number).is_ok();
                if !there && !siblings.may_be_replaced(*number, call) {
                    self.sessions.add(|| went_back(self.ledger, before, call));
                }
            }
            let written = content.iter().filter(|number| **number != PHANTOM);
            *known = written.map(|number| (*number, *call)).collect();
        }
    }

    fn shown(&mut self, call: &Call<'h>, content: &[u32]) {
        for number in content {
            let write = self.siblings.writes.get(*number as usize);
            let Some(write) = write.filter(|w| w.call.operation.index < call.operation.end())
            else {
                let list = call.answer.and_then(Value::as_array);
                let failed = list
                    .into_iter()
                    .flatten()
                    .find_map(|value| self.siblings.failed.get(&(call.key, value)));
                self.wrong.add(|| never_written(self.ledger, call, failed));
                continue;
            };
            let old = write.replaces.iter().find(|old| content.binary_search(old).is_ok());
            if let Some(old) = old.filter(|old| self.reported.insert((**old, "beside"))) {
                self.wrong
                    .add(|| superseded(self.ledger, self.siblings, call, *old, *number, None));
            }
        }
    }

    /// What all replicas should have heard of by now.
    fn settled(&mut self, call: &Call<'h>, content: &[u32]) {
        let limit = self.promise.converge_within;
        let due = call.operation.called.checked_sub(limit).filter(|due| *due >= self.healed);
        let Some(due) = due else { return };
        for number in &self.siblings.registers[call.key as usize].writes {
            let write = &self.siblings.writes[*number as usize];
            let there = content.binary_search(number).is_ok();
            let known = |write: &Write<'_>| write.known <= due;
            if !there && known(write) && !self.siblings.may_be_replaced(*number, call) {
                if self.reported.insert((*number, "lost")) {
                    self.wrong.add(|| lost(self.ledger, write, call, limit));
                }
            } else if there
                && let Some(by) = write.replaced
                && known(&self.siblings.writes[by as usize])
                && self.reported.insert((*number, "beside"))
            {
                self.wrong
                    .add(|| superseded(self.ledger, self.siblings, call, *number, by, Some(limit)));
            }
        }
    }
}

fn lost(ledger: &Ledger<'_>, write: &Write<'_>, call: &Call<'_>, limit: u64) -> Anomaly {
    let (value, key) = (shortened(write.call.argument), ledger.key(call.key));
    let explanation = format!(
        "{value} was known to be in {key}, no write replaced it, and more than {} after that and after \
         the last fault a read does not have it. A value that was written at the same time \
         should stand beside it.",
        seconds(limit)
    );
    let steps = vec![update_step(ledger, &write.call, "wrote"), read_step(ledger, call)];
    let title = format!("Lost value {value} of key {key}");
    let mut found = anomaly("lost-write", title, explanation, steps, RULED_OUT);
    found.key = Some(ledger.keys[call.key as usize].clone());
    found
}

/// A value that another one had replaced; beside that one, or long after.
fn superseded(
    ledger: &Ledger<'_>,
    siblings: &Siblings<'_>,
    call: &Call<'_>,
    old: u32,
    new: u32,
    limit: Option<u64>,
) -> Anomaly {
    let (old, new) = (&siblings.writes[old as usize], &siblings.writes[new as usize]);
    let (value, by) = (shortened(old.call.argument), shortened(new.call.argument));
    let when = match limit {
        None => "a read shows both".to_owned(),
        Some(limit) => {
            format!(
                "more than {} after that and after the last fault a read shows it",
                seconds(limit)
            )
        }
    };
    let explanation = format!(
        "Whoever wrote {by} replaced {value}, and {when}. What was settled is a conflict again."
    );
    let steps = vec![
        update_step(ledger, &old.call, "wrote"),
        update_step(ledger, &new.call, &format!("replaced {value} by")),
        read_step(ledger, call),
    ];
    let title = format!("Replaced value {value} is back");
    let mut found = anomaly("superseded-value", title, explanation, steps, RULED_OUT);
    found.key = Some(ledger.keys[call.key as usize].clone());
    found
}

#[cfg(test)]
mod tests;
