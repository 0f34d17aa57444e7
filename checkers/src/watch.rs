//! Watches: whether all watchers of a map see the same log of changes, whole and in order.

mod journal;
mod read;
mod sessions;
mod tell;

use serde_json::json;

use self::journal::Journal;
use self::read::Reading;
use self::sessions::Sessions;
use self::tell::Told;
use crate::tally::Tally;
use crate::{Budget, Checker, Finding, History};

/// Judges `write [[key, value], …]`, answered with `[revision, [[key, value], …]]`, and `watch`,
/// answered with `{"from": revision, "events": [[revision, key, value], …], "revision": R}`: all
/// that changed from revision `from` to revision `R`. Each process is one watcher, and goes on
/// where it was. A `watch "latest"` has to reach as far as everything that was acknowledged before
/// it began; others may be behind. A watch that cannot be answered whole has to fail.
///
/// These are the promises of etcd's watches (its documentation, "KV API guarantees"): ordered,
/// unique, reliable, atomic, resumable and bookmarkable.
///
/// Costs a sort of the events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch;

impl Checker for Watch {
    fn name(&self) -> &str {
        "watch"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let reading = match Reading::new(&operations) {
            Ok(reading) => reading,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let journal = Journal::new(&reading);
        let sessions = Sessions::new(&reading, &journal);
        let told = Told { reading: &reading, journal: &journal };
        let stats = json!({
            "writes": reading.writes.len(),
            "acknowledged": reading.writes.iter().filter(|write| write.revision.is_some()).count(),
            "watches": reading.watches.len(),
            "watchers": sessions.watchers,
            "events": reading.events.len(),
            "changes": journal.changes.len(),
            "unwatched": sessions.unwatched,
            "most_behind": sessions.most_behind,
            "lost": sessions.lost.len() + sessions.ended.len(),
            "duplicated": sessions.repeated.len(),
            "reordered": sessions.reordered.len(),
            "torn": sessions.torn.len(),
            "moved": journal.moved.len(),
            "phantom": journal.phantoms.len(),
        });
        let mut tally = Tally::default();
        sessions.lost.iter().for_each(|lost| tally.add(|| told.lost(lost)));
        let tally = tally
            .and(all(&sessions.ended, |ended| told.ended(ended)))
            .and(all(&sessions.reordered, |pair| told.reordered(pair)))
            .and(all(&sessions.repeated, |pair| told.repeated(pair)))
            .and(all(&sessions.torn, |torn| told.torn(torn)))
            .and(all(&journal.disputed, |pair| told.disputed(*pair)))
            .and(all(&journal.moved, |pair| told.moved(*pair)))
            .and(all(&journal.phantoms, |event| told.phantom(*event)))
            .and(all(&journal.inversions, |pair| told.inverted(*pair)));
        tally.conclude(self.name(), doubt(&reading, &sessions), stats)
    }
}

fn all<T>(found: &[T], tell: impl Fn(&T) -> crate::Anomaly) -> Tally {
    let mut tally = Tally::default();
    for one in found {
        tally.add(|| tell(one));
    }
    tally
}

/// Why a history without anomalies is not valid for all that.
fn doubt(reading: &Reading<'_>, sessions: &Sessions) -> Option<String> {
    if reading.events.is_empty() {
        let why = "no watcher was told of any change, so nothing can be judged; watching to the end \
                   after healing is part of this workload";
        return Some(why.to_owned());
    }
    (sessions.unwatched > 0).then(|| {
        format!(
            "{} acknowledged writes were watched by nobody; let watchers go on to the end when all \
             is written",
            sessions.unwatched
        )
    })
}

#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod tests;
