//! Telling: what is wrong with logs, in words, with the operations that show it.

use super::consumers::{Jump, Missed};
use super::entries::{Entry, Log, Record};
use super::flaws::{Origin, Pair, Reversed};
use super::losses::Loss;
use super::members::Double;
use super::read::{Logs, NOBODY};
use crate::monotonic::falls::Fall;
use crate::tally::{anomaly, step};
use crate::txn::explain::plain;
use crate::words::shortened;
use crate::{Anomaly, Operation, Step};

/// What a log that loses, moves or repeats records cannot be.
const RULED_OUT: &[&str] = &["linearizable", "sequential"];

/// What is needed to tell of a history.
#[derive(Clone, Copy)]
pub(super) struct Told<'l, 'h> {
    pub(super) logs: &'l Logs<'h>,
    pub(super) by_key: &'l [Log<'h>],
}

impl Told<'_, '_> {
    fn operation(&self, number: u32) -> &Operation<'_> {
        &self.logs.operations[number as usize]
    }

    fn record(&self, key: u32, record: u32) -> &Record<'_> {
        &self.by_key[key as usize].records[record as usize]
    }

    fn value(&self, key: u32, record: u32) -> String {
        shortened(&self.record(key, record).value.value())
    }

    fn value_of(&self, entry: &Entry) -> String {
        self.value(entry.key, entry.record)
    }

    fn key(&self, key: u32) -> &str {
        &self.logs.keys[key as usize].name
    }

    fn entry(&self, key: u32, number: u32) -> &Entry {
        &self.by_key[key as usize].entries[number as usize]
    }

    /// "Process 3 polled 7 at offset 2 of key 1 between …": whoever knows of an entry.
    fn knows(&self, entry: &Entry) -> Step {
        let by = if entry.polled == NOBODY { entry.known } else { entry.polled };
        self.knew(by, entry.key, entry.record, Some(entry.offset))
    }

    fn knew(&self, by: u32, key: u32, record: u32, offset: Option<u64>) -> Step {
        let sent = self.record(key, record).sender == by;
        let (value, key) = (self.value(key, record), self.key(key));
        let at = offset.map_or_else(String::new, |offset| format!(" at offset {offset}"));
        let did = match (sent, &offset) {
            (true, Some(_)) => format!("sent {value} to key {key}, and was told that it is{at},"),
            (true, None) => format!("sent {value} to key {key}, which was acknowledged,"),
            (false, _) => format!("polled {value}{at} of key {key}"),
        };
        step(self.operation(by), &did)
    }

    fn anomaly(
        &self,
        kind: &str,
        title: String,
        explanation: String,
        steps: Vec<Step>,
        key: u32,
    ) -> Anomaly {
        let mut anomaly = anomaly(kind, title, explanation, steps, RULED_OUT);
        anomaly.key = Some(self.key(key).into());
        anomaly
    }

    pub(super) fn lost(&self, loss: &Loss) -> Anomaly {
        let (key, value) = (loss.key, self.value(loss.key, loss.record));
        let offset = loss.offset.unwrap_or_default();
        let explanation = format!(
            "{value} was acknowledged with offset {offset} of key {}. Nobody ever polled it, \
             although consumers went past it, to greater offsets. The record is gone.",
            self.key(key)
        );
        let passed = format!("polled key {}, past offset {offset}, without it", self.key(key));
        let steps = vec![
            self.knew(loss.known, key, loss.record, loss.offset),
            step(self.operation(loss.operation), &passed),
        ];
        let title = format!("Lost record {value} of key {}", self.key(key));
        self.anomaly("lost-record", title, explanation, steps, key)
    }

    pub(super) fn unseen(&self, loss: &Loss) -> Anomaly {
        let (key, value) = (loss.key, self.value(loss.key, loss.record));
        let name = self.key(key);
        let place = match loss.offset {
            Some(offset) => format!("before offset {offset}"),
            None => "after everything that it was given, from the beginning on".to_owned(),
        };
        let explanation = format!(
            "{value} was known to be in the log of key {name}. A consumer that began to poll later \
             was told that the log ends {place}, and nobody polled {value} after that."
        );
        let steps = vec![
            self.knew(loss.known, key, loss.record, loss.offset),
            step(
                self.operation(loss.operation),
                &format!("was told that the log of key {name} ends {place},"),
            ),
        ];
        let title = format!("Record {value} of key {name} is not seen any more");
        self.anomaly("unseen-record", title, explanation, steps, key)
    }

    /// "Process 3 polled as a member, with key x, in generation 7 between …"
    fn had(&self, operation: u32, key: &str, generation: i64) -> Step {
        let did = format!("was said to have key {key} in generation {generation}");
        step(self.operation(operation), &did)
    }

    pub(super) fn doubled(&self, double: &Double) -> Anomaly {
        let (key, generation) = (self.key(double.key), double.generation);
        let [one, other] = [double.one, double.other].map(|by| self.operation(by).process);
        let explanation = format!(
            "In generation {generation} of their group, key {key} belonged both to process {one} and to \
             process {other}, and both were alive. Each of them is given the same records, and does \
             what they ask for."
        );
        let title = format!("Key {key} has two members in generation {generation}");
        let steps = [double.one, double.other].map(|by| self.had(by, key, generation));
        self.anomaly("double-assignment", title, explanation, steps.to_vec(), double.key)
    }

    pub(super) fn inverted(&self, fall: &Fall) -> Anomaly {
        let generation = |operation: u32| {
            let told = self.logs.memberships.iter().find(|told| told.operation == operation);
            told.map_or(0, |told| told.generation)
        };
        let (high, low) = (generation(fall.early), generation(fall.late));
        let [early, late] = [fall.early, fall.late].map(|by| self.operation(by));
        let whom = match early.process == late.process {
            true => "it had been told itself".to_owned(),
            false => format!("process {} had been told before it asked", early.process),
        };
        let explanation = format!(
            "Process {} polled in generation {low} of its group, although {whom} of generation {high}. \
             What belonged to whom in generation {low} was over.",
            late.process
        );
        let title = format!("Generation {low} after generation {high}");
        let told =
            |operation, number: i64| step(operation, &format!("polled in generation {number}"));
        let steps = vec![told(early, high), told(late, low)];
        anomaly("generation-inversion", title, explanation, steps, RULED_OUT)
    }

    pub(super) fn disputed(&self, (one, other): &Pair) -> Anomaly {
        let (key, offset) = (one.key, one.offset);
        let (first, second) = (self.value_of(one), self.value_of(other));
        let explanation = format!(
            "Offset {offset} of key {} is {first} for one and {second} for another. One of them was \
             replaced after somebody had relied on it.",
            self.key(key)
        );
        let title = format!("Two records at offset {offset} of key {}", self.key(key));
        let steps = vec![self.knows(one), self.knows(other)];
        self.anomaly("inconsistent-offset", title, explanation, steps, key)
    }

    pub(super) fn copied(&self, (one, other): &Pair) -> Anomaly {
        let (key, value) = (one.key, self.value_of(one));
        let explanation = format!(
            "{value} was sent to key {} once, and is in its log at offset {} and at offset {}. \
             Whoever reads the log does twice what it stands for.",
            self.key(key),
            one.offset,
            other.offset
        );
        let title = format!("Record {value} of key {} is in the log twice", self.key(key));
        let steps = vec![self.knows(one), self.knows(other)];
        self.anomaly("duplicate-record", title, explanation, steps, key)
    }

    pub(super) fn origin(&self, entry: &Entry, origin: Origin) -> Anomaly {
        let record = self.record(entry.key, entry.record);
        let (value, key) = (self.value_of(entry), self.key(entry.key));
        let mut steps = Vec::new();
        let (kind, title, explanation) = match origin {
            Origin::Failed => {
                let tried = format!("tried to send {value} to key {key}, which failed,");
                steps.push(step(self.operation(record.failed), &tried));
                (
                    "G1a",
                    format!("Record {value} of key {key} was polled although sending it failed"),
                    format!(
                        "Sending {value} was reported as failed, which means that it certainly did \
                         not happen, but the record is in the log."
                    ),
                )
            }
            Origin::Later => {
                let tried = format!("sent {value} to key {key}, later,");
                steps.push(step(self.operation(record.sender), &tried));
                (
                    "future-read",
                    format!("Record {value} of key {key} was polled before it was sent"),
                    format!("{value} was polled before anybody began to send it."),
                )
            }
            Origin::Nobody => (
                "phantom-read",
                format!("Phantom record {value} of key {key}"),
                format!("{value} was polled, and nobody ever tried to send it."),
            ),
        };
        let seen = format!("polled {value} at offset {} of key {key}", entry.offset);
        steps.push(step(self.operation(entry.polled), &seen));
        plain(kind, title, explanation, steps, Some(&key.into()))
    }

    pub(super) fn own(&self, entry: &Entry, by: u32) -> Anomaly {
        let (value, key) = (self.value_of(entry), self.key(entry.key));
        let explanation = format!(
            "A transaction sent {value} and polled it as well. It was not committed yet, so what \
             consumers are shown is not only what is committed."
        );
        let did = format!("sent {value} to key {key} and polled it in the same transaction");
        let steps = vec![step(self.operation(by), &did)];
        let title = format!("Record {value} of key {key} was polled before it was committed");
        self.anomaly("precommitted-read", title, explanation, steps, entry.key)
    }

    pub(super) fn reversed(&self, pair: &Reversed) -> Anomaly {
        let key = self.key(pair.key);
        let Reversed { before, earlier, after, later, .. } = *pair;
        let explanation = format!(
            "One process sent two records to key {key}, one after the other. The first is at offset \
             {earlier} and the second before it, at offset {later}."
        );
        let told = |offset: u64| format!("sent to key {key}, and was told offset {offset},");
        let mut steps = vec![step(self.operation(before), &told(earlier))];
        if before == after {
            steps[0].text = steps[0].text.replace("was told", "was told, for its first record,");
        }
        steps.push(step(self.operation(after), &told(later)));
        let title = format!("Records of one process are in the wrong order in key {key}");
        self.anomaly("nonmonotonic-send", title, explanation, steps, pair.key)
    }

    pub(super) fn interleaved(&self, pair: &Reversed) -> Anomaly {
        let key = self.key(pair.key);
        let between = self.entry(pair.key, pair.between);
        let explanation = format!(
            "A transaction sent two records to key {key}, at offsets {} and {}, and {} is between \
             them. Transactions are promised to be in one piece.",
            pair.earlier,
            pair.later,
            self.value_of(between)
        );
        let did = format!("sent to key {key}, at offsets {} and {},", pair.earlier, pair.later);
        let steps = vec![step(self.operation(pair.after), &did), self.knows(between)];
        let title = format!("Another record is within a transaction's in key {key}");
        self.anomaly("send-skip", title, explanation, steps, pair.key)
    }

    /// Where a consumer was before it jumped, if it was anywhere.
    fn before(&self, jump: &Jump) -> Option<Step> {
        let key = self.key(jump.key);
        if jump.before == NOBODY || jump.before == jump.operation {
            return None;
        }
        let text = format!("polled key {key} up to offset {}", jump.earlier?);
        Some(step(self.operation(jump.before), &text))
    }

    fn from(jump: &Jump) -> String {
        jump.earlier.map_or_else(|| "the beginning".to_owned(), |offset| format!("offset {offset}"))
    }

    pub(super) fn skipped(&self, jump: &Jump) -> Anomaly {
        let skipped = self.entry(jump.key, jump.skipped);
        let (key, value) = (self.key(jump.key), self.value_of(skipped));
        let from = Self::from(jump);
        let explanation = format!(
            "A consumer of key {key} went from {from} to offset {}, and was not given {value} at \
             offset {}, which somebody else was given.",
            jump.later, skipped.offset
        );
        let mut steps = vec![self.knows(skipped)];
        steps.extend(self.before(jump));
        let text = format!("polled key {key}, from {from} on, and was given offset {}", jump.later);
        steps.push(step(self.operation(jump.operation), &text));
        let title = format!("A consumer skipped record {value} of key {key}");
        self.anomaly("poll-skip", title, explanation, steps, jump.key)
    }

    pub(super) fn backward(&self, jump: &Jump) -> Anomaly {
        let key = self.key(jump.key);
        let from = Self::from(jump);
        let explanation = format!(
            "A consumer of key {key} that had been given {from} was given offset {} after that, \
             though nobody had moved it back.",
            jump.later
        );
        let mut steps: Vec<Step> = self.before(jump).into_iter().collect();
        let text = format!("polled key {key} and was given offset {} after {from}", jump.later);
        steps.push(step(self.operation(jump.operation), &text));
        let title = format!("A consumer of key {key} went back to offset {}", jump.later);
        self.anomaly("nonmonotonic-poll", title, explanation, steps, jump.key)
    }

    pub(super) fn gap(&self, jump: &Jump) -> Anomaly {
        let key = self.key(jump.key);
        let from = Self::from(jump);
        let explanation = format!(
            "In the log of key {key} offset {} follows on {from}. Offsets are promised to follow \
             one another.",
            jump.later
        );
        let mut steps: Vec<Step> = self.before(jump).into_iter().collect();
        let text = format!("polled key {key} and was given offset {} after {from}", jump.later);
        steps.push(step(self.operation(jump.operation), &text));
        let title = format!("A gap in the offsets of key {key}");
        self.anomaly("offset-gap", title, explanation, steps, jump.key)
    }

    pub(super) fn missed(&self, missed: &Missed) -> Anomaly {
        let [entry, next] =
            [missed.missed, missed.next].map(|number| self.entry(missed.key, number));
        let (key, value) = (self.key(entry.key), self.value_of(entry));
        let group = match self.logs.groups[missed.group as usize].as_str() {
            "" => "the group of all that subscribed".to_owned(),
            name => format!("group {name}"),
        };
        let explanation = format!(
            "No member of {group} was ever given {value} at offset {} of key {key}, although the \
             group was given what comes before and what comes after. Its position was moved past \
             records that nobody had received.",
            entry.offset
        );
        let text = format!("polled key {key} for its group, and was given offset {}", next.offset);
        let steps = vec![self.knows(entry), step(self.operation(missed.operation), &text)];
        let title = format!("The consumers of a group missed record {value} of key {key}");
        self.anomaly("group-skip", title, explanation, steps, entry.key)
    }
}
