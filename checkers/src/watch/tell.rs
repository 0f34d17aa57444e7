//! Telling: what is wrong with watches, in words, with the operations that show it.

use super::journal::{Change, Journal};
use super::read::{NOBODY, Reading};
use super::sessions::{Back, Ended, Lost};
use crate::tally::{anomaly, step};
use crate::words::shortened;
use crate::{Anomaly, Step};

/// What watchers that do not see one log cannot have watched.
const RULED_OUT: &[&str] = &["linearizable", "sequential"];

/// What is needed to tell of a history.
#[derive(Clone, Copy)]
pub(super) struct Told<'r, 'h> {
    pub(super) reading: &'r Reading<'h>,
    pub(super) journal: &'r Journal<'h>,
}

impl Told<'_, '_> {
    fn key(&self, key: u32) -> String {
        shortened(self.reading.keys.all[key as usize])
    }

    /// "key 3 to 7 at revision 12"
    fn change(&self, change: &Change<'_>) -> String {
        let (key, value) = (self.key(change.key), shortened(change.value));
        format!("key {key} to {value} at revision {}", change.revision)
    }

    fn write(&self, write: u32) -> Step {
        let write = &self.reading.writes[write as usize];
        let did = match write.revision {
            Some(revision) => format!("wrote, and was told revision {revision},"),
            None => "wrote".to_owned(),
        };
        step(self.reading.operation(write.operation), &did)
    }

    /// Who shows that a change happened.
    fn shows(&self, change: &Change<'_>) -> Step {
        if change.event != NOBODY {
            let event = &self.reading.events[change.event as usize];
            let did = format!("was told that somebody set {},", self.change(change));
            return step(self.reading.operation(event.operation), &did);
        }
        self.write(change.write)
    }

    pub(super) fn lost(&self, lost: &Lost) -> Anomaly {
        let change = &self.journal.changes[lost.change as usize];
        let what = self.change(change);
        let explanation = format!(
            "Somebody set {what}. A watcher was answered with everything from revision {} to {}, and \
             this is not part of it. It will not be told later, either.",
            lost.from, lost.to
        );
        let did = format!("watched from revision {} to {}, without it,", lost.from, lost.to);
        let steps = vec![self.shows(change), step(self.reading.operation(lost.operation), &did)];
        let title = format!("A watcher missed revision {}", change.revision);
        anomaly("lost-event", title, explanation, steps, RULED_OUT)
    }

    pub(super) fn ended(&self, ended: &Ended) -> Anomaly {
        let write = &self.reading.writes[ended.write as usize];
        let revision = write.revision.unwrap_or_default();
        let explanation = format!(
            "A write was acknowledged with revision {revision}. A watcher that asked later for \
             everything up to date was told that revision {} is the last. The write is gone.",
            ended.to
        );
        let did = format!("watched up to date, which was revision {},", ended.to);
        let steps =
            vec![self.write(ended.write), step(self.reading.operation(ended.operation), &did)];
        let title = format!("Revision {revision} is not there for a watcher that is up to date");
        anomaly("lost-event", title, explanation, steps, RULED_OUT)
    }

    pub(super) fn torn(&self, lost: &Lost) -> Anomaly {
        let change = &self.journal.changes[lost.change as usize];
        let (what, revision) = (self.change(change), change.revision);
        let explanation = format!(
            "One write changed several keys at revision {revision}. A watcher was answered with a \
             part of them, and not with {what}, in an answer that goes up to revision {}.",
            lost.to
        );
        let did = format!("was told of a part of revision {revision}");
        let steps = vec![self.shows(change), step(self.reading.operation(lost.operation), &did)];
        let title = format!("A watcher saw a part of revision {revision}");
        anomaly("torn-event", title, explanation, steps, RULED_OUT)
    }

    fn back(&self, back: &Back, how: &str) -> Vec<Step> {
        let event = &self.reading.events[back.event as usize];
        let mut steps = Vec::new();
        if back.before != NOBODY && back.before != event.operation {
            let did = format!("was told of everything up to revision {}", back.revision);
            steps.push(step(self.reading.operation(back.before), &did));
        }
        let did = format!(
            "was told that key {} was set to {} at revision {}, {how},",
            self.key(event.key),
            shortened(self.reading.value(event)),
            event.revision
        );
        steps.push(step(self.reading.operation(event.operation), &did));
        steps
    }

    pub(super) fn reordered(&self, back: &Back) -> Anomaly {
        let event = &self.reading.events[back.event as usize];
        let explanation = format!(
            "A watcher was told of revision {} after it had been told of everything up to revision \
             {}. Who acts on events in turn acts in the wrong order.",
            event.revision, back.revision
        );
        let steps = self.back(back, "too late");
        let title = format!("A watcher was told of revision {} too late", event.revision);
        anomaly("event-inversion", title, explanation, steps, RULED_OUT)
    }

    pub(super) fn repeated(&self, back: &Back) -> Anomaly {
        let event = &self.reading.events[back.event as usize];
        let explanation = format!(
            "A watcher was told of revision {} of key {} twice, though it had not asked to begin \
             again.",
            event.revision,
            self.key(event.key)
        );
        let steps = self.back(back, "again");
        let title = format!("A watcher was told of revision {} twice", event.revision);
        anomaly("duplicate-event", title, explanation, steps, RULED_OUT)
    }

    pub(super) fn disputed(&self, pair: (Change<'_>, Change<'_>)) -> Anomaly {
        let (one, other) = pair;
        let (key, revision) = (self.key(one.key), one.revision);
        let explanation = format!(
            "Revision {revision} of key {key} is {} for one and {} for another. They do not watch \
             the same log.",
            shortened(one.value),
            shortened(other.value)
        );
        let title = format!("Two changes of key {key} at revision {revision}");
        let steps = vec![self.shows(&one), self.shows(&other)];
        anomaly("inconsistent-event", title, explanation, steps, RULED_OUT)
    }

    pub(super) fn moved(&self, pair: (u32, u32)) -> Anomaly {
        let (write, event) = (&self.reading.writes[pair.0 as usize], pair.1);
        let event = &self.reading.events[event as usize];
        let (key, value) = (self.key(event.key), shortened(self.reading.value(event)));
        let told = |change: &&Change<'_>| {
            let there = (change.key, change.value) == (event.key, self.reading.value(event));
            there && change.revision != event.revision
        };
        let other = self.journal.changes.iter().find(told);
        let explanation = format!(
            "Key {key} was set to {value} by one write, which is at revision {} and at another one. \
             It happened twice, or watchers do not watch the same log.",
            event.revision
        );
        let mut steps = vec![step(
            self.reading.operation(write.operation),
            &match write.revision {
                Some(revision) => {
                    format!("set key {key} to {value}, and was told revision {revision},")
                }
                None => format!("asked to set key {key} to {value}"),
            },
        )];
        if write.revision.is_none() {
            steps.extend(other.map(|other| self.shows(other)));
        }
        let did = format!("was told of it with revision {},", event.revision);
        steps.push(step(self.reading.operation(event.operation), &did));
        let title = format!("One change of key {key} is at two revisions");
        anomaly("inconsistent-event", title, explanation, steps, RULED_OUT)
    }

    pub(super) fn phantom(&self, number: u32) -> Anomaly {
        let event = &self.reading.events[number as usize];
        let (key, value) = (self.key(event.key), shortened(self.reading.value(event)));
        let wrote =
            |write: &&super::read::Write| self.reading.asked_by(write).contains(&event.setting);
        let tried = self.reading.writes.iter().find(wrote);
        let mut steps: Vec<Step> = Vec::new();
        let why = match tried {
            Some(write) if write.failed => {
                let did = format!("tried to set key {key} to {value}, which failed,");
                steps.push(step(self.reading.operation(write.operation), &did));
                "the only write of that certainly did not happen"
            }
            Some(write) => {
                let did = format!("set key {key} to {value}, later,");
                steps.push(step(self.reading.operation(write.operation), &did));
                "nobody had asked for that by then"
            }
            None => "nobody ever asked for that",
        };
        let explanation =
            format!("A watcher was told that key {key} was set to {value}, but {why}.");
        let did = format!("was told of it, with revision {},", event.revision);
        steps.push(step(self.reading.operation(event.operation), &did));
        let title = format!("Phantom event: key {key} set to {value}");
        anomaly("phantom-event", title, explanation, steps, RULED_OUT)
    }

    pub(super) fn inverted(&self, pair: (u32, u32)) -> Anomaly {
        let revision =
            |write: u32| self.reading.writes[write as usize].revision.unwrap_or_default();
        let (before, after) = (revision(pair.0), revision(pair.1));
        let explanation = format!(
            "A write was acknowledged with revision {before}, and one that began after that was \
             given revision {after}, which is not greater."
        );
        let steps = vec![self.write(pair.0), self.write(pair.1)];
        let title = format!("Revision {after} was given after revision {before}");
        anomaly("revision-inversion", title, explanation, steps, RULED_OUT)
    }
}
