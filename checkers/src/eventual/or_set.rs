//! Sets that replicas keep apart and merge: an add wins over a remove that had not seen it.

mod members;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::json;

use self::members::{Members, Unreadable};
use super::findings::{convergence, differ, merges, read_step, update_step};
use super::ledger::{Call, Ledger, healed};
use super::poll::{Agreement, Outcomes, Poll};
use super::{OF_SESSIONS, Promise, RULED_OUT};
use crate::tally::{PartTally, Tally, anomaly};
use crate::words::{seconds, shortened};
use crate::{Anomaly, Budget, Checker, Finding, History, Step};

/// Judges `add [k, e]` with unique elements, `remove [k, e]` and `read [k, null]` of all elements, each
/// answered by one replica alone.
///
/// - An element that is shown was added, by a call that did not fail.
/// - An element that its session knows, or that was known long before and all faults were gone, is
///   there unless somebody tried to remove it.
/// - An element that was removed by a replica that had it is gone, for the session that did it at once,
///   for others after the same time.
/// - Replicas come together, and those that have seen the same answer the same.
///
/// Linear in the total length of reads; keys are judged in parallel.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrSet {
    pub promise: Promise,
}

impl Checker for OrSet {
    fn name(&self) -> &str {
        "or-set"
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        let operations = history.operations();
        let ledger = match Ledger::new(&operations, &["add", "remove"]) {
            Ok(ledger) => ledger,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let healed = healed(history);
        let by_key = ledger.by_key();
        let judged: Vec<Result<Judged<'_>, Unreadable>> =
            by_key.par_iter().map(|calls| self.judge(&ledger, calls, healed, budget)).collect();
        let mut sets: Vec<Judged<'_>> = Vec::with_capacity(judged.len());
        let mut unreadable: Option<Unreadable> = None;
        for judged in judged {
            match judged {
                Ok(judged) => sets.push(judged),
                Err(other) if unreadable.as_ref().is_some_and(|one| one.index < other.index) => {}
                Err(other) => unreadable = Some(other),
            }
        }
        match unreadable {
            Some(unreadable) => Finding::unknown(self.name(), unreadable.why),
            None => self.conclude(&ledger, sets),
        }
    }
}

/// What became of one set.
struct Judged<'h> {
    wrong: PartTally,
    sessions: PartTally,
    /// Whether there was time for all.
    finished: bool,
    elements: usize,
    /// What its replicas come to; `None` if no update happened.
    agreement: Option<Agreement<'h>>,
}

impl OrSet {
    /// Judges the calls on one key.
    fn judge<'h>(
        &self,
        ledger: &Ledger<'h>,
        calls: &[&Call<'h>],
        healed: u64,
        budget: &Budget,
    ) -> Result<Judged<'h>, Unreadable> {
        let members = Members::new(calls)?;
        let mut judge = Judge {
            ledger,
            members: &members,
            promise: self.promise,
            healed,
            wrong: PartTally::default(),
            sessions: PartTally::default(),
            known: FxHashMap::default(),
            reported: FxHashSet::default(),
        };
        let finished = judge.run(calls, budget);
        Ok(Judged {
            wrong: judge.wrong,
            sessions: judge.sessions,
            finished,
            elements: members.elements.len(),
            agreement: self.agreement(ledger, calls, &members, healed),
        })
    }

    /// What the last answers of all replicas come to.
    fn agreement<'h>(
        &self,
        ledger: &Ledger<'h>,
        calls: &[&Call<'h>],
        members: &Members<'h>,
        healed: u64,
    ) -> Option<Agreement<'h>> {
        let base = members.last_known?.max(healed);
        let poll = || Poll::new(base, self.promise.converge_within);
        // The second is without elements that may go and come back.
        let (mut whole, mut part) = (poll(), poll());
        let mut contents: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        let mut number = |content: Vec<u32>| {
            let next = contents.len() as u32;
            *contents.entry(content).or_insert(next)
        };
        let reads = calls.iter().filter(|call| call.is_answered_read());
        for (call, content) in reads.zip(members.contents()) {
            // A poll has no use for it.
            if call.operation.called < base {
                continue;
            }
            whole.take(**call, number(content.to_vec()));
            if members.ambiguous {
                let certain = |of: &&u32| !members.elements[**of as usize].is_ambiguous();
                part.take(**call, number(content.iter().filter(certain).copied().collect()));
            }
        }
        let nodes = ledger.nodes.len();
        let agreement = whole.agreement(nodes);
        if !members.ambiguous || matches!(agreement, Agreement::Agreed { .. }) {
            return Some(agreement);
        }
        Some(match part.agreement(nodes) {
            Agreement::Agreed { .. } => Agreement::Unsettled,
            differ => differ,
        })
    }

    fn conclude(&self, ledger: &Ledger<'_>, sets: Vec<Judged<'_>>) -> Finding {
        let limit = self.promise.converge_within;
        let (mut wrong, mut sessions) = (Vec::new(), Vec::new());
        let (mut apart, mut outcomes) = (Tally::default(), Outcomes::default());
        let (mut finished, mut elements) = (true, 0);
        for set in sets {
            wrong.push(set.wrong);
            sessions.push(set.sessions);
            finished &= set.finished;
            elements += set.elements;
            if let Some(pair) = set.agreement.and_then(|agreement| outcomes.count(agreement)) {
                apart.add(|| differ(ledger, pair, limit));
            }
        }
        let sessions = Tally::of_parts(sessions);
        let count = |f: &str| ledger.calls.par_iter().filter(|call| call.f() == f).count();
        let stats = json!({
            "adds": count("add"),
            "removes": count("remove"),
            "reads": ledger.reads().count(),
            "elements": elements,
            "keys": ledger.keys.len(),
            "nodes": ledger.nodes.len(),
            "sessions_going_back": sessions.count(),
            "convergence": convergence(&outcomes),
        });
        let mut tally = Tally::of_parts(wrong).and(apart).and(merges(ledger));
        if self.promise.sessions {
            tally = tally.and(sessions);
        }
        let late = "time was up before all reads were judged; give the analysis more".to_owned();
        let doubt = if finished { outcomes.doubt(limit) } else { Some(late) };
        tally.conclude(self.name(), doubt, stats)
    }
}

/// What a process knows of the set.
#[derive(Debug, Default)]
struct Session<'a, 'h> {
    /// What it read last, ascending, and by which call.
    read: Option<(&'a [u32], Call<'h>)>,
    /// What it has added and removed since.
    added: Vec<(u32, Call<'h>)>,
    removed: Vec<u32>,
    /// What it removed, or saw disappear.
    gone: FxHashMap<u32, Call<'h>>,
}

impl<'h> Session<'_, 'h> {
    fn add(&mut self, number: u32, call: &Call<'h>) {
        let read = self.read.is_some_and(|(list, _)| list.binary_search(&number).is_ok());
        let there = read && !self.removed.contains(&number);
        if !there && !self.added.iter().any(|(other, _)| *other == number) {
            self.added.push((number, *call));
        }
    }

    fn remove(&mut self, number: u32, call: &Call<'h>) {
        self.added.retain(|(other, _)| *other != number);
        self.removed.push(number);
        self.gone.insert(number, *call);
    }

    /// What it knew to be there and this answer does not have, with the call that it knew it by.
    fn missing(&self, content: &[u32]) -> Vec<(u32, Call<'h>)> {
        let mut missing = Vec::new();
        if let Some((list, call)) = self.read.filter(|(list, _)| !content.starts_with(list)) {
            let absent = |number: &u32| {
                content.binary_search(number).is_err() && !self.removed.contains(number)
            };
            missing.extend(list.iter().copied().filter(absent).map(|number| (number, call)));
        }
        let absent = |(number, _): &&(u32, Call<'h>)| content.binary_search(number).is_err();
        missing.extend(self.added.iter().filter(absent));
        missing.sort_unstable_by_key(|(number, _)| *number);
        missing
    }
}

struct Judge<'a, 'h> {
    ledger: &'a Ledger<'h>,
    members: &'a Members<'h>,
    promise: Promise,
    healed: u64,
    wrong: PartTally,
    sessions: PartTally,
    /// By process.
    known: FxHashMap<u32, Session<'a, 'h>>,
    /// Elements that were reported as lost, as back, or as invented: once is enough.
    reported: FxHashSet<(u32, &'static str)>,
}

impl<'a, 'h> Judge<'a, 'h> {
    /// Whether there was time for all.
    fn run(&mut self, calls: &[&Call<'h>], budget: &Budget) -> bool {
        let mut contents = self.members.contents();
        for (number, call) in calls.iter().enumerate() {
            if number % 1024 == 0 && budget.is_cancelled() {
                return false;
            }
            if !call.operation.is_ok() {
                continue;
            }
            if call.is_read() {
                let Some(content) = contents.next() else { continue };
                self.shown(call, content);
                self.settled(call, content);
                self.session(call, content);
            } else {
                self.update(call);
            }
        }
        true
    }

    /// What a read shows that it could not.
    fn shown(&mut self, call: &Call<'h>, content: &[u32]) {
        for number in content {
            let element = &self.members.elements[*number as usize];
            let end = call.operation.end();
            let added = element.add.as_ref().is_some_and(|add| add.operation.index < end);
            if !added && self.reported.insert((*number, "phantom")) {
                let at = call.operation.index;
                self.wrong.add(at, || phantom(self.ledger, call, element));
            }
        }
        for number in self.members.duplicates(call) {
            self.wrong.add(call.operation.index, || {
                let value = shortened(self.members.elements[*number as usize].value);
                let title = format!("Duplicate element {value}");
                let text = format!("A read shows {value} more than once. A set holds it once.");
                let steps = vec![read_step(self.ledger, call)];
                anomaly("duplicate-element", title, text, steps, RULED_OUT)
            });
        }
    }

    /// What all replicas should have heard of by now.
    fn settled(&mut self, call: &Call<'h>, content: &[u32]) {
        let limit = self.promise.converge_within;
        let due = call.operation.called.checked_sub(limit).filter(|due| *due >= self.healed);
        let Some(due) = due else { return };
        let at = call.operation.index;
        for (number, element) in (0u32..).zip(&self.members.elements) {
            let there = content.binary_search(&number).is_ok();
            if !there && element.known <= due && element.removing > call.operation.end() {
                if self.reported.insert((number, "lost")) {
                    self.wrong.add(at, || lost(self.ledger, call, element, limit));
                }
            } else if there
                && let Some(removed) = element.removed.filter(|r| r.returned() <= due)
                && self.reported.insert((number, "back"))
            {
                let steps = vec![update_step(self.ledger, &removed, "removed")];
                self.wrong.add(at, || back(self.ledger, call, element, steps));
            }
        }
    }

    fn update(&mut self, call: &Call<'h>) {
        let Some(number) = self.members.number(call) else { return };
        let element = &self.members.elements[number as usize];
        if element.twice {
            return;
        }
        let session = self.known.entry(call.operation.process).or_default();
        match call.f() {
            "add" => session.add(number, call),
            // Only what the replica had is certainly removed.
            "remove" if element.is_removed_by(call) => session.remove(number, call),
            _ => {}
        }
    }

    /// What its session knew, and what it knew to be gone.
    fn session(&mut self, call: &Call<'h>, content: &'a [u32]) {
        let at = call.operation.index;
        let session = self.known.entry(call.operation.process).or_default();
        for (number, before) in session.missing(content) {
            let element = &self.members.elements[number as usize];
            if element.twice {
                continue;
            }
            if element.removing > call.operation.end() {
                self.sessions.add(at, || missed(self.ledger, call, element, &before));
            } else {
                // The session had it, so that what is without it has seen it removed.
                session.gone.insert(number, *call);
            }
        }
        // Nearly always nothing is gone.
        for number in content.iter().filter(|_| !session.gone.is_empty()) {
            let Some(before) = session.gone.get(number) else { continue };
            let element = &self.members.elements[*number as usize];
            let step = match before.is_read() {
                true => read_step(self.ledger, before),
                false => update_step(self.ledger, before, "removed"),
            };
            if self.reported.insert((*number, "back in a session")) {
                self.sessions.add(at, || back(self.ledger, call, element, vec![step]));
            }
        }
        session.read = Some((content, *call));
        session.added.clear();
        session.removed.clear();
    }
}

fn keyed(ledger: &Ledger<'_>, call: &Call<'_>, mut found: Anomaly) -> Anomaly {
    found.key = Some(ledger.keys[call.key as usize].clone());
    found
}

fn phantom(ledger: &Ledger<'_>, call: &Call<'_>, element: &members::Element<'_>) -> Anomaly {
    let value = shortened(element.value);
    let read = read_step(ledger, call);
    let found = match element.failed {
        Some(failed) if element.add.is_none() => {
            let text = format!(
                "The add of {value} was reported as failed, which means that it certainly did not \
                 happen, but a read shows the element."
            );
            let steps = vec![update_step(ledger, &failed, "tried to add"), read];
            let title = format!("Failed add of {value} came true");
            anomaly("dirty-read", title, text, steps, RULED_OUT)
        }
        _ => {
            let text = format!(
                "A read shows {value}, which nobody had tried to add by the time that read ended."
            );
            let title = format!("Phantom element {value}");
            anomaly("phantom-element", title, text, vec![read], RULED_OUT)
        }
    };
    keyed(ledger, call, found)
}

fn added(ledger: &Ledger<'_>, element: &members::Element<'_>) -> Vec<Step> {
    element.add.iter().map(|add| update_step(ledger, add, "added")).collect()
}

fn lost(
    ledger: &Ledger<'_>,
    call: &Call<'_>,
    element: &members::Element<'_>,
    limit: u64,
) -> Anomaly {
    let value = shortened(element.value);
    let mut steps = added(ledger, element);
    steps.push(read_step(ledger, call));
    let text = format!(
        "{value} was known to be in the set, nobody had tried to remove it, and more than {} after \
         that and after the last fault a read does not have it.",
        seconds(limit)
    );
    keyed(
        ledger,
        call,
        anomaly("lost-element", format!("Lost element {value}"), text, steps, RULED_OUT),
    )
}

fn back(
    ledger: &Ledger<'_>,
    call: &Call<'_>,
    element: &members::Element<'_>,
    gone: Vec<Step>,
) -> Anomaly {
    let value = shortened(element.value);
    let mut steps = added(ledger, element);
    steps.extend(gone);
    steps.push(read_step(ledger, call));
    let text = format!(
        "{value} was added once and removed by a replica that had it, and whoever answered this read \
         must have known that; but it is there again."
    );
    let title = format!("Element {value} is back after its removal");
    keyed(ledger, call, anomaly("resurrected-element", title, text, steps, RULED_OUT))
}

fn missed(
    ledger: &Ledger<'_>,
    call: &Call<'_>,
    element: &members::Element<'_>,
    before: &Call<'_>,
) -> Anomaly {
    let (value, process) = (shortened(element.value), call.operation.process);
    let read = read_step(ledger, call);
    let found = if before.is_read() {
        let text = format!(
            "Process {process} had read the set with {value} in it, and nobody had tried to remove \
             it, but the process's next read is without it."
        );
        let title = format!("Process {process} no longer sees {value}");
        let steps = vec![read_step(ledger, before), read];
        anomaly("non-monotonic-reads", title, text, steps, OF_SESSIONS)
    } else {
        let text = format!(
            "Process {process} had its add of {value} acknowledged, and nobody had tried to remove \
             it, but the process then reads the set without it."
        );
        let title = format!("Process {process} misses its own element {value}");
        let steps = vec![update_step(ledger, before, "added"), read];
        anomaly("missing-your-writes", title, text, steps, OF_SESSIONS)
    };
    keyed(ledger, call, found)
}

#[cfg(test)]
mod tests;
