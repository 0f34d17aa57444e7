//! Counters that replicas keep apart and merge: every read a sum of updates that it can have seen.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::findings::{convergence, differ, merges, read_step, update_step};
use super::ledger::{Call, Ledger, healed};
use super::poll::{Outcomes, Poll};
use super::{OF_SESSIONS, Promise, RULED_OUT};
use crate::tally::{Tally, anomaly};
use crate::words::seconds;
use crate::{Anomaly, Budget, Checker, Finding, History};

/// Judges `add [k, n]` (n may be negative) and `read [k, null]`, each answered by one replica alone.
///
/// A read is the sum of some of the updates that had begun by its end, which include what its session
/// must have seen and, long enough after the last fault, all that was acknowledged. Which subset has
/// a given sum is hard to say in general, so the least and the greatest are compared: exact if all
/// updates are by the same amount, and never wrong. Costs a sort.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrdtCounter {
    pub promise: Promise,
}

/// Sums of positive and of negative amounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    up: i128,
    down: i128,
}

impl Sums {
    fn add(&mut self, amount: i64) {
        if amount > 0 {
            self.up += i128::from(amount);
        } else {
            self.down += i128::from(amount);
        }
    }

    /// What is not in a part of it.
    fn without(self, part: Self) -> Self {
        Self { up: self.up - part.up, down: self.down - part.down }
    }

    fn total(self) -> i128 {
        self.up + self.down
    }
}

/// The updates of one counter.
#[derive(Debug, Default)]
struct Counter {
    /// Those begun so far that do not fail.
    begun: Sums,
    /// By when they were acknowledged, the sums up to each.
    acknowledged: Vec<(u64, Sums)>,
    unknown: Sums,
}

impl Counter {
    /// The sums of what was acknowledged by a time.
    fn by(&self, time: u64) -> Sums {
        let at = self.acknowledged.partition_point(|(returned, _)| *returned <= time);
        at.checked_sub(1).map_or(Sums::default(), |at| self.acknowledged[at].1)
    }
}

/// What a process knows of a counter.
#[derive(Clone, Debug, Default)]
struct Session<'h> {
    own: Sums,
    last_own: Option<Call<'h>>,
    /// Its last read, with what it showed and its own updates until then.
    read: Option<(Call<'h>, i128, Sums)>,
}

/// Why a read cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// No subset of all updates has that sum.
    Phantom,
    /// None has that contains what was acknowledged long before.
    Lost,
    /// None has that contains the session's own updates.
    Own,
    /// None has that contains what the session's last read showed.
    Back,
}

impl Checker for CrdtCounter {
    fn name(&self) -> &str {
        "crdt-counter"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let ledger = match Ledger::new(&operations, &["add"]) {
            Ok(ledger) => ledger,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let healed = healed(history);
        let mut judge = match Judge::new(&ledger, self.promise, healed) {
            Ok(judge) => judge,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        judge.run();
        let merged = merges(&ledger);
        let mut outcomes = Outcomes::default();
        let mut apart = Tally::default();
        for poll in judge.polls.iter().flatten() {
            if let Some(pair) = outcomes.count(poll.agreement(ledger.nodes.len())) {
                apart.add(|| differ(&ledger, pair, self.promise.converge_within));
            }
        }
        let updates = ledger.calls.iter().filter(|call| !call.is_read());
        let stats = json!({
            "updates": updates.clone().count(),
            "acknowledged": updates.filter(|call| call.operation.is_ok()).count(),
            "reads": ledger.reads().count(),
            "keys": ledger.keys.len(),
            "nodes": ledger.nodes.len(),
            "sessions_going_back": judge.sessions.count(),
            "convergence": convergence(&outcomes),
        });
        let mut tally = judge.wrong.and(apart).and(merged);
        if self.promise.sessions {
            tally = tally.and(judge.sessions);
        }
        tally.conclude(self.name(), outcomes.doubt(self.promise.converge_within), stats)
    }
}

struct Judge<'a, 'h> {
    ledger: &'a Ledger<'h>,
    promise: Promise,
    healed: u64,
    counters: Vec<Counter>,
    sessions_of: FxHashMap<(u32, u32), Session<'h>>,
    polls: Vec<Option<Poll<'h>>>,
    answers: FxHashMap<i64, u32>,
    wrong: Tally,
    sessions: Tally,
}

impl<'a, 'h> Judge<'a, 'h> {
    fn new(ledger: &'a Ledger<'h>, promise: Promise, healed: u64) -> Result<Self, String> {
        let mut counters: Vec<Counter> = Vec::new();
        counters.resize_with(ledger.keys.len(), Counter::default);
        for call in ledger.calls.iter().filter(|call| !call.is_read()) {
            let amount = amount(call, call.argument)?;
            let counter = &mut counters[call.key as usize];
            if call.operation.is_ok() {
                let mut sums = Sums::default();
                sums.add(amount);
                counter.acknowledged.push((call.returned(), sums));
            } else if call.operation.is_unknown() {
                counter.unknown.add(amount);
            }
        }
        for (call, answer) in ledger.reads() {
            amount(call, answer)?;
        }
        for counter in &mut counters {
            counter.acknowledged.sort_unstable_by_key(|(returned, _)| *returned);
            let mut all = Sums::default();
            for (_, sums) in &mut counter.acknowledged {
                all.up += sums.up;
                all.down += sums.down;
                *sums = all;
            }
        }
        let poll = |counter: &Counter| {
            let (known, all) = counter.acknowledged.last().copied()?;
            let (unknown, base) = (counter.unknown, known.max(healed));
            // Unknown updates both ways may lead back to an answer that was given before; one way, to
            // one that was given before acknowledged ones of the other way had arrived.
            let up = unknown.down == 0 && (unknown.up == 0 || all.down == 0);
            let down = unknown.up == 0 && (unknown.down == 0 || all.up == 0);
            match unknown.up == 0 || unknown.down == 0 {
                true if up || down => Some(Poll::new(base, promise.converge_within)),
                true => Some(Poll::that_may_go_back(base, promise.converge_within)),
                false => None,
            }
        };
        Ok(Self {
            ledger,
            promise,
            healed,
            polls: counters.iter().map(poll).collect(),
            counters,
            sessions_of: FxHashMap::default(),
            answers: FxHashMap::default(),
            wrong: Tally::default(),
            sessions: Tally::default(),
        })
    }

    /// All calls, each at its begin and at its end.
    fn run(&mut self) {
        let calls = &self.ledger.calls;
        let mut moments: Vec<(u64, u32, bool)> = Vec::with_capacity(calls.len() * 2);
        for (number, call) in (0u32..).zip(calls) {
            moments.push((call.operation.index, number, true));
            if call.operation.is_ok() {
                moments.push((call.operation.end(), number, false));
            }
        }
        moments.sort_unstable();
        for (_, number, begins) in moments {
            let call = calls[number as usize];
            if begins {
                self.begin(&call);
            } else {
                self.end(&call);
            }
        }
    }

    fn begin(&mut self, call: &Call<'h>) {
        if call.is_read() || call.operation.is_failed() {
            return;
        }
        // It was looked at before.
        self.counters[call.key as usize].begun.add(call.argument.as_i64().unwrap_or(0));
    }

    fn end(&mut self, call: &Call<'h>) {
        let session = self.sessions_of.entry((call.operation.process, call.key)).or_default();
        if !call.is_read() {
            session.own.add(call.argument.as_i64().unwrap_or(0));
            session.last_own = Some(*call);
            return;
        }
        let seen = call.answer.and_then(Value::as_i64).unwrap_or(0);
        let before = session.clone();
        session.read = Some((*call, i128::from(seen), session.own));
        match self.flaw(call, i128::from(seen), &before) {
            None => {}
            Some(flaw @ (Flaw::Own | Flaw::Back)) => {
                let ledger = self.ledger;
                self.sessions.add(|| told(ledger, call, flaw, &before, self.promise));
            }
            Some(flaw) => {
                let ledger = self.ledger;
                self.wrong.add(|| told(ledger, call, flaw, &before, self.promise));
            }
        }
        let next = self.answers.len() as u32;
        let answer = *self.answers.entry(seen).or_insert(next);
        if let Some(poll) = &mut self.polls[call.key as usize] {
            poll.take(*call, answer);
        }
    }

    fn flaw(&self, call: &Call<'h>, seen: i128, session: &Session<'h>) -> Option<Flaw> {
        let counter = &self.counters[call.key as usize];
        let all = counter.begun;
        // What must be in it, and any of the others.
        let within = |base: i128, must: Sums, may: Sums| {
            let others = may.without(must);
            let least = base + must.total() + others.down;
            let greatest = base + must.total() + others.up;
            (least..=greatest).contains(&seen)
        };
        if !within(0, Sums::default(), all) {
            return Some(Flaw::Phantom);
        }
        let limit = self.promise.converge_within;
        if let Some(due) =
            call.operation.called.checked_sub(limit).filter(|due| *due >= self.healed)
            && !within(0, counter.by(due), all)
        {
            return Some(Flaw::Lost);
        }
        if !within(0, session.own, all) {
            return Some(Flaw::Own);
        }
        let (_, shown, own) = session.read.as_ref()?;
        // What the last read did not show is any of the updates but those it had to.
        let new = session.own.without(*own);
        (!within(*shown, new, all.without(*own))).then_some(Flaw::Back)
    }
}

fn amount(call: &Call<'_>, value: &Value) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| {
        format!("operation {} has {value}, where a whole number should be", call.operation.index)
    })
}

fn told(
    ledger: &Ledger<'_>,
    call: &Call<'_>,
    flaw: Flaw,
    session: &Session<'_>,
    promise: Promise,
) -> Anomaly {
    let (key, process) = (ledger.key(call.key), call.operation.process);
    let read = read_step(ledger, call);
    let value = call.answer.map(Value::to_string).unwrap_or_default();
    let (kind, title, explanation, mut steps, ruled_out) = match flaw {
        Flaw::Phantom => {
            let text = format!(
                "All updates of {key} that had begun by then and did not fail cannot make up {value}, \
                 whichever of them are counted. One was counted twice, or invented."
            );
            ("phantom-update", format!("Counter {key} shows too much"), text, vec![], RULED_OUT)
        }
        Flaw::Lost => {
            let text = format!(
                "Whatever was acknowledged more than {} before this read, with no fault since, should \
                 be in {value}, but no choice of the other updates makes up the difference.",
                seconds(promise.converge_within)
            );
            ("lost-update", format!("Counter {key} misses an update"), text, vec![], RULED_OUT)
        }
        Flaw::Own => {
            let text = format!(
                "Process {process} had its own updates of {key} acknowledged, and then reads {value}, \
                 which no choice of others' updates makes up together with them."
            );
            let own = session.last_own.as_ref().map(|own| update_step(ledger, own, "added"));
            let steps = own.into_iter().collect();
            let title = format!("Process {process} misses its own update of {key}");
            ("missing-your-writes", title, text, steps, OF_SESSIONS)
        }
        Flaw::Back => {
            let text = format!(
                "Process {process} reads {value} after what it had read before, and no updates of \
                 {key} can have led from the one to the other."
            );
            let before = session.read.as_ref().map(|(before, ..)| read_step(ledger, before));
            let title = format!("Process {process} went back at {key}");
            ("non-monotonic-reads", title, text, before.into_iter().collect(), OF_SESSIONS)
        }
    };
    steps.push(read);
    let mut found = anomaly(kind, title, explanation, steps, ruled_out);
    found.key = Some(ledger.keys[call.key as usize].clone());
    found
}

#[cfg(test)]
mod tests;
