//! Registers of which the last write wins: convergence, lost writes, sessions, staleness.

mod staleness;
mod values;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use self::staleness::Staleness;
use self::values::{Reading, Values};
use super::findings::{convergence, differ, merges, read_step, update_step};
use super::ledger::{Call, Ledger, changes, healed};
use super::poll::{Agreement, Outcomes, Poll};
use super::{OF_SESSIONS, Promise, RULED_OUT};
use crate::tally::{Tally, anomaly};
use crate::words::{seconds, shortened};
use crate::{Anomaly, Budget, Checker, Finding, History};

/// Which writes certainly overwrite which others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// None: clocks decide, and clocks are wrong.
    None,
    /// A write overwrites what the same replica had acknowledged or answered before it began, as with
    /// logical clocks.
    #[default]
    Causal,
    /// A write overwrites whatever was known, to anybody, before it began.
    RealTime,
}

impl std::str::FromStr for Order {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "none" => Ok(Self::None),
            "causal" => Ok(Self::Causal),
            "real-time" => Ok(Self::RealTime),
            _ => Err("write none, causal or real-time".to_owned()),
        }
    }
}

/// Judges `write [k, v]` with unique values, `read [k, null]` and `digest null`, each answered by one
/// replica alone.
///
/// - After the last fault and the last write, replicas come together within a limit, on a value
///   that was written and that no other write certainly overwrote; their digests do, too.
/// - Who has seen the same updates answers the same, at any time.
/// - With `sessions`, a process sees its own writes and never goes back.
///
/// How stale reads are, and how long replicas need after each fault, is measured and never wrong.
/// Costs a sort.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventualRegister {
    pub promise: Promise,
    pub order: Order,
}

impl Checker for EventualRegister {
    fn name(&self) -> &str {
        "eventual-register"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let ledger = match Ledger::new(&operations, &["write"]) {
            Ok(ledger) => ledger,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let values = match Values::new(&ledger, self.order == Order::RealTime) {
            Ok(values) => values,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let healed = healed(history);
        // These have nothing to do with each other, and take about as long.
        let ((wrong, (missed, regressions)), ((apart, lost, outcomes), merged, staleness)) =
            rayon::join(
                || (wrong_values(&ledger, &values), self.sessions(&ledger, &values)),
                || {
                    let staleness = Staleness::measure(&ledger, &values, &changes(history));
                    (self.ends(&ledger, &values, healed), merges(&ledger), staleness)
                },
            );
        let stats = json!({
            "writes": values.writes.len(),
            "acknowledged": values.writes.iter().filter(|w| w.call.operation.is_ok()).count(),
            "reads": ledger.reads().count(),
            "nodes": ledger.nodes.len(),
            "keys": ledger.keys.len(),
            "sessions_going_back": regressions,
            "convergence": convergence(&outcomes),
            "staleness": staleness.stats(&ledger),
        });
        let mut tally = lost.and(apart).and(merged).and(wrong);
        if self.promise.sessions {
            tally = tally.and(missed);
        }
        tally.conclude(self.name(), outcomes.doubt(self.promise.converge_within), stats)
    }
}

impl EventualRegister {
    /// What the last answers about each key, and the last digests, come to.
    fn ends(
        &self,
        ledger: &Ledger<'_>,
        values: &Values<'_>,
        healed: u64,
    ) -> (Tally, Tally, Outcomes) {
        let limit = self.promise.converge_within;
        let (mut apart, mut lost) = (Tally::default(), Tally::default());
        let mut outcomes = Outcomes::default();
        let mut polls: Vec<Option<Poll<'_>>> = (0..ledger.keys.len() as u32)
            .map(|key| values.last_known(key).map(|known| Poll::new(known.max(healed), limit)))
            .collect();
        let mut last: Vec<Option<(Call<'_>, Reading)>> = vec![None; ledger.keys.len()];
        for (call, reading) in values.readings(ledger) {
            if let Some(poll) = &mut polls[call.key as usize] {
                poll.take(*call, reading.number());
                last[call.key as usize] = Some((*call, reading));
            }
        }
        for (poll, last) in polls.iter().zip(last) {
            let Some(poll) = poll else { continue };
            let agreement = poll.agreement(ledger.nodes.len());
            let overwritten = match (&agreement, last) {
                (Agreement::Agreed { .. }, Some((call, reading))) => {
                    self.overwritten(values, &call, reading, healed).map(|write| (call, write))
                }
                _ => None,
            };
            if let Some((call, write)) = overwritten {
                lost.add(|| lost_write(ledger, values, &call, write, limit));
            }
            if let Some(pair) = outcomes.count(agreement) {
                apart.add(|| differ(ledger, pair, limit));
            }
        }
        let digests = digest_poll(ledger, values, healed, limit);
        let agreement = digests.map(|poll| poll.agreement(ledger.nodes.len()));
        if let Some(pair) = agreement.and_then(|agreement| outcomes.count(agreement)) {
            apart.add(|| differ(ledger, pair, limit));
        }
        (apart, lost, outcomes)
    }

    /// A write that certainly overwrote what a read shows, and that the replica must have had.
    fn overwritten(
        &self,
        values: &Values<'_>,
        call: &Call<'_>,
        reading: Reading,
        healed: u64,
    ) -> Option<u32> {
        let write = match (reading, self.order) {
            (Reading::Phantom, _) => None,
            (Reading::Nothing, _) => values.first_known(call.key),
            (Reading::Value(_), Order::None) => None,
            (Reading::Value(write), _) => values.overwriter(write),
        }?;
        let known = values.writes[write as usize].known.max(healed);
        (call.operation.called >= known.saturating_add(self.promise.converge_within))
            .then_some(write)
    }

    /// Processes that miss what they wrote or saw, and how many reads did.
    fn sessions(&self, ledger: &Ledger<'_>, values: &Values<'_>) -> (Tally, u64) {
        let mut tally = Tally::default();
        // By process and key, what was written or read last.
        let mut last: FxHashMap<(u32, u32), (Call<'_>, u32)> = FxHashMap::default();
        for (call, write) in values.known(ledger) {
            let session = (call.operation.process, call.key);
            let goes_back = match (last.get(&session), write) {
                (None, _) => None,
                (Some(before), Reading::Nothing) => Some(*before),
                (Some((_, before)), Reading::Value(now)) if *before == now => None,
                (Some(before), Reading::Value(now)) if self.order != Order::None => {
                    values.overwrites(before.1, now).then_some(*before)
                }
                (Some(_), _) => None,
            };
            if let Some((before, _)) = goes_back.filter(|_| call.is_read()) {
                tally.add(|| went_back(ledger, &before, call));
            }
            if let Reading::Value(write) = write {
                last.insert(session, (*call, write));
            }
        }
        let count = tally.count();
        (tally, count)
    }
}

/// The digests of all replicas after everything.
fn digest_poll<'h>(
    ledger: &Ledger<'h>,
    values: &Values<'h>,
    healed: u64,
    limit: u64,
) -> Option<Poll<'h>> {
    let known = (0..ledger.keys.len() as u32).filter_map(|key| values.last_known(key)).max()?;
    if ledger.digests.is_empty() {
        return None;
    }
    let mut poll = Poll::new(known.max(healed), limit);
    let mut numbers: FxHashMap<&Value, u32> = FxHashMap::default();
    for call in &ledger.digests {
        let next = numbers.len() as u32;
        let number = *numbers.entry(call.answer.unwrap_or(&Value::Null)).or_insert(next);
        poll.take(*call, number);
    }
    Some(poll)
}

/// Reads of what nobody wrote, or of what failed.
fn wrong_values(ledger: &Ledger<'_>, values: &Values<'_>) -> Tally {
    let mut tally = Tally::default();
    for (call, reading) in values.readings(ledger) {
        let wrong = match reading {
            Reading::Nothing => false,
            Reading::Phantom => true,
            Reading::Value(write) => {
                let write = values.writes[write as usize].call.operation;
                write.index > call.operation.end()
            }
        };
        if wrong {
            let failed = values.failed(call);
            tally.add(|| never_written(ledger, call, failed));
        }
    }
    tally
}

pub(super) fn never_written(
    ledger: &Ledger<'_>,
    call: &Call<'_>,
    failed: Option<&Call<'_>>,
) -> Anomaly {
    let (value, key) = (shortened(call.answer.unwrap_or(&Value::Null)), ledger.key(call.key));
    let read = read_step(ledger, call);
    let mut found = match failed {
        Some(failed) => {
            let explanation = format!(
                "A write to key {key} was reported as failed, which means that it certainly did not \
                 happen, but a read shows {value}."
            );
            let steps = vec![update_step(ledger, failed, "tried to write"), read];
            anomaly(
                "dirty-read",
                format!("Failed write to {key} read"),
                explanation,
                steps,
                RULED_OUT,
            )
        }
        None => {
            let explanation = format!(
                "A read of key {key} shows {value}, which nobody had tried to write by the time that \
                 read ended."
            );
            let title = format!("Phantom value of key {key}");
            anomaly("phantom-read", title, explanation, vec![read], RULED_OUT)
        }
    };
    found.key = Some(ledger.keys[call.key as usize].clone());
    found
}

fn lost_write(
    ledger: &Ledger<'_>,
    values: &Values<'_>,
    call: &Call<'_>,
    write: u32,
    limit: u64,
) -> Anomaly {
    let write = &values.writes[write as usize];
    let key = ledger.key(call.key);
    let (gone, there) =
        (shortened(write.call.argument), shortened(call.answer.unwrap_or(&Value::Null)));
    let mut steps = Vec::new();
    if let Reading::Value(old) = values.reading(call) {
        let old = &values.writes[old as usize];
        steps.push(update_step(ledger, &old.call, "wrote"));
        let seen = old
            .seen
            .iter()
            .find(|(node, at)| *node == write.call.node && *at < write.call.operation.index);
        let shown = seen.and_then(|(_, at)| values.shown_at(ledger, call.key, *at));
        steps.extend(shown.filter(|shown| shown.is_read()).map(|shown| read_step(ledger, shown)));
    }
    steps.push(update_step(ledger, &write.call, "wrote"));
    steps.push(read_step(ledger, call));
    let how = match call.answer {
        Some(Value::Null) | None => "nothing".to_owned(),
        _ => format!("{there}, which the replica that took the write already had"),
    };
    let explanation = format!(
        "The write of {gone} happened. More than {} after that and after the last fault, all replicas \
         answer {how}. What was written is gone.",
        seconds(limit)
    );
    let title = format!("Lost write {gone} of key {key}");
    let mut found = anomaly("lost-write", title, explanation, steps, RULED_OUT);
    found.key = Some(ledger.keys[call.key as usize].clone());
    found
}

/// A session that had `before` and then reads without it.
pub(super) fn went_back(ledger: &Ledger<'_>, before: &Call<'_>, call: &Call<'_>) -> Anomaly {
    let key = ledger.key(call.key);
    let process = call.operation.process;
    let read = read_step(ledger, call);
    let mut found = if before.is_read() {
        let explanation = format!(
            "Process {process} saw something of key {key}, and later a state from before that, \
             although nothing newer can have replaced it."
        );
        let title = format!("Process {process} went back at key {key}");
        let steps = vec![read_step(ledger, before), read];
        anomaly("non-monotonic-reads", title, explanation, steps, OF_SESSIONS)
    } else {
        let explanation = format!(
            "Process {process} had its change of key {key} acknowledged, and then reads a state \
             without it, although nothing newer can have replaced it."
        );
        let title = format!("Process {process} misses its own change of key {key}");
        let steps = vec![update_step(ledger, before, before.f()), read];
        anomaly("missing-your-writes", title, explanation, steps, OF_SESSIONS)
    };
    found.key = Some(ledger.keys[call.key as usize].clone());
    found
}

#[cfg(test)]
mod tests;
