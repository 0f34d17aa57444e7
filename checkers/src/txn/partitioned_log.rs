//! Logs in the style of Kafka: sends to keys, polls by consumers, and transactions of both.

mod arcs;
mod consumers;
mod entries;
mod flaws;
mod lag;
mod losses;
mod members;
mod read;
mod tell;

use serde_json::{Map, Value, json};

use self::consumers::Walks;
use self::entries::Log;
use self::losses::Losses;
use self::read::{Logs, Mode};
use self::tell::Told;
use super::cycles;
use super::explain;
use super::isolation::ConsistencyModel;
use crate::tally::Tally;
use crate::{Budget, Checker, Finding, History};

const NAME: &str = "partitioned-log";

/// Judges logs, one per key, after Jepsen's `kafka`: `send`, `poll` and `txn` are lists of
/// `["send", key, value]`, answered with `["send", key, [offset, value]]` (or as they were, if
/// nobody knows the offset), and `["poll"]`, answered with
/// `["poll", {key: [[offset, value], …], …}]`. `assign [key, …]` and `subscribe [key, …]` say
/// what a process polls from then on; `assign {"keys": …, "from": "beginning"}` also from where.
/// Values are sent once per key. A poll of a member of a group may also be answered with
/// `["poll", {…}, {"generation": g, "keys": [key, …]}]`: how often the members have changed, and which
/// keys are its own until they do again.
///
/// An empty list for a key says that its log ended at the consumer's position at some moment of
/// the poll; a key that is missing says nothing. A consumer that was assigned keys is the only one
/// that moves its position, so it skips nothing and is given nothing again; one that subscribed
/// shares the position of its group, which has to have been given everything; in one generation it is as
/// if its keys had been assigned to it.
///
/// Linear in all that was polled, and sorts of what was sent; besides, what cycles cost.
#[derive(Clone, Copy, Debug)]
pub struct PartitionedLog {
    /// What transactions promise. Read committed here as Kafka means it: nobody depends on what
    /// depends on himself, but sends of several transactions may be in any order (no `ww`).
    pub model: ConsistencyModel,
    /// Whether offsets may be left out, as Kafka does for the ends of transactions.
    pub gaps_allowed: bool,
    /// Whether a value may be in the log several times, as producers do that retry.
    pub duplicates_allowed: bool,
    /// Whether the sends of one transaction to one key have to be next to each other.
    pub contiguous: bool,
    /// Whether a transaction may poll what it has sent itself.
    pub own_sends_visible: bool,
    /// Whether a group may miss records, as groups do that deliver at most once.
    pub groups_may_miss: bool,
    /// Whether a member of a group is given nothing more in a generation that is over. Kafka does not
    /// promise it: a consumer that was replaced polls until it hears of that.
    pub members_fenced: bool,
}

impl Default for PartitionedLog {
    fn default() -> Self {
        Self {
            model: ConsistencyModel::ReadCommitted,
            gaps_allowed: true,
            duplicates_allowed: false,
            contiguous: false,
            own_sends_visible: false,
            groups_may_miss: false,
            members_fenced: false,
        }
    }
}

impl Checker for PartitionedLog {
    fn name(&self) -> &str {
        NAME
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        let operations = history.operations();
        let logs = match Logs::new(&operations) {
            Ok(logs) => logs,
            Err(why) => return Finding::unknown(NAME, why),
        };
        let by_key = entries::of_keys(&logs);
        let walks = Walks::new(&logs, &by_key);
        let told = Told { logs: &logs, by_key: &by_key };
        // These two have nothing to do with each other, and take about as long.
        let ((cyclic, cancelled), (losses, mut found, lag)) = rayon::join(
            || self.cycles(&told, &walks, budget),
            || {
                let losses = Losses::new(&logs, &by_key, &walks);
                let mut found = Found::default();
                found.join("lost-record", all(&losses.lost, |loss| told.lost(loss)));
                found.join("unseen-record", all(&losses.unseen, |loss| told.unseen(loss)));
                self.records(&told, &mut found);
                self.consumers(&told, &walks, &mut found);
                (losses, found, lag::measure(&logs, &by_key))
            },
        );
        for (kind, cycles) in cyclic {
            found.join(kind, cycles);
        }
        let stats = stats(&logs, &by_key, &losses, found.counts, lag);
        let doubt = doubt(&stats, &losses, cancelled);
        found.tally.conclude(NAME, doubt, stats)
    }
}

/// What is wrong, and how often, by kind.
#[derive(Default)]
struct Found {
    tally: Tally,
    counts: Map<String, Value>,
}

impl Found {
    fn join(&mut self, kind: &str, more: Tally) {
        if more.count() > 0 {
            self.counts.insert(kind.to_owned(), more.count().into());
        }
        self.tally = std::mem::take(&mut self.tally).and(more);
    }
}

impl PartitionedLog {
    /// What is wrong with single records.
    fn records(&self, told: &Told<'_, '_>, found: &mut Found) {
        let (logs, by_key) = (told.logs, told.by_key);
        found
            .join("inconsistent-offset", all(&flaws::disputed(by_key), |pair| told.disputed(pair)));
        if !self.duplicates_allowed {
            let copies = flaws::copies(by_key);
            found.join("duplicate-record", all(&copies, |pair| told.copied(pair)));
        }
        for (entry, origin) in flaws::origins(logs, by_key) {
            let anomaly = told.origin(&entry, origin);
            let kind = anomaly.kind.clone();
            let mut tally = Tally::default();
            tally.add(|| anomaly);
            found.join(&kind, tally);
        }
        if !self.own_sends_visible {
            let own = flaws::own(logs, by_key);
            found.join("precommitted-read", all(&own, |(entry, by)| told.own(entry, *by)));
        }
        found.join("nonmonotonic-send", all(&flaws::reversed(logs), |pair| told.reversed(pair)));
        if self.contiguous {
            let torn = flaws::interleaved(logs, by_key);
            found.join("send-skip", all(&torn, |pair| told.interleaved(pair)));
        }
    }

    /// What is wrong with how consumers went through logs.
    fn consumers(&self, told: &Told<'_, '_>, walks: &Walks, found: &mut Found) {
        found.join("poll-skip", all(&walks.skips, |jump| told.skipped(jump)));
        found.join("nonmonotonic-poll", all(&walks.backward, |jump| told.backward(jump)));
        if !self.gaps_allowed {
            found.join("offset-gap", all(&walks.gaps, |jump| told.gap(jump)));
        }
        if !self.groups_may_miss {
            found.join("group-skip", all(&walks.missed, |missed| told.missed(missed)));
        }
        let doubled = members::doubled(told.logs);
        found.join("double-assignment", all(&doubled, |double| told.doubled(double)));
        let inverted = members::inverted(told.logs, self.members_fenced);
        found.join("generation-inversion", all(&inverted, |fall| told.inverted(fall)));
    }

    /// Circles of dependencies that the level forbids, by kind; whether time was up.
    fn cycles(
        &self,
        told: &Told<'_, '_>,
        walks: &Walks,
        budget: &Budget,
    ) -> (Vec<(&'static str, Tally)>, bool) {
        let (logs, by_key) = (told.logs, told.by_key);
        let mut txns = arcs::transactions(logs);
        let order = self.model.forbids("G1c") && self.model != ConsistencyModel::ReadCommitted;
        let known = arcs::dependencies(logs, by_key, walks, order);
        let cycles = cycles::of(&txns, known, budget).only(|kind| self.model.forbids(kind));
        let mut found = Vec::new();
        for (kind, count) in &cycles.counts {
            let base = kind.trim_end_matches("-process").trim_end_matches("-realtime");
            if base != *kind && cycles.counts.contains_key(base) {
                continue;
            }
            let Some(example) = cycles.examples.get(kind).and_then(|examples| examples.first())
            else {
                continue;
            };
            for link in &example.links {
                let operation = &logs.operations[link.from as usize];
                let text = operation.output().unwrap_or(operation.input);
                txns.set_text(link.from, text.clone());
            }
            let why =
                |link: &cycles::Link, from: &str, to: &str| arcs::why(logs, by_key, link, from, to);
            let mut tally = Tally::default();
            tally.add_many(*count, || explain::cycle(&txns, "send", example, why));
            found.push((*kind, tally));
        }
        (found, cycles.cancelled)
    }
}

/// A tally of all of them.
fn all<T>(found: &[T], tell: impl Fn(&T) -> crate::Anomaly) -> Tally {
    let mut tally = Tally::default();
    for one in found {
        tally.add(|| tell(one));
    }
    tally
}

fn stats(
    logs: &Logs<'_>,
    by_key: &[Log<'_>],
    losses: &Losses,
    anomalies: Map<String, Value>,
    lag: Value,
) -> Value {
    let polled: usize = logs.batches.iter().map(|batch| batch.count as usize).sum();
    let entries = by_key.iter().flat_map(|log| &log.entries);
    let distinct = entries.filter(|entry| entry.polled != read::NOBODY).count();
    let assigned = |mode: &&Mode| matches!(mode, Mode::Assigned { .. });
    let subscribed = |mode: &&Mode| matches!(mode, Mode::Subscribed { .. });
    json!({
        "keys": logs.keys.len(),
        "attempted": logs.attempts,
        "acknowledged": logs.sent.len(),
        "polls": logs.polls,
        "polled": polled,
        "records_polled": distinct,
        "assigned": logs.consumers.iter().filter(assigned).count(),
        "subscribed": logs.consumers.iter().filter(subscribed).count(),
        "generations": members::generations(logs),
        "unchecked": losses.unchecked,
        "anomalies": anomalies,
        "lag": lag,
    })
}

/// Why a history without anomalies is not valid for all that.
fn doubt(stats: &Value, losses: &Losses, cancelled: bool) -> Option<String> {
    if stats["polled"] == 0 {
        let why = "nothing was polled, so nothing can be judged; final polls after healing are part \
                   of this workload";
        return Some(why.to_owned());
    }
    if losses.unchecked > 0 {
        return Some(format!(
            "{} records were acknowledged and never polled, but no consumer read past them or to \
             the end of their logs after that; let one poll from the beginning when all is sent",
            losses.unchecked
        ));
    }
    cancelled.then(|| {
        "time or memory was up before all cycles were searched; give the analysis more of both"
            .to_owned()
    })
}

#[cfg(test)]
mod tests;
