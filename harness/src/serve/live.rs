//! Running tests that somebody watches: how far each is, read as it grows.
//!
//! ```text
//! history.jsonl -> tail (by offset) -> tally (counts, rates, faults, errors) -> snapshot
//!                                   -> judge (in the background, now and then)
//! ```
//!
//! Nothing is read or judged unless somebody asks, and what nobody asked for lately is forgotten.

mod judge;
mod snapshot;
mod tally;

pub(super) use judge::Opinion;
pub(super) use snapshot::{Active, Phase, Snapshot};
pub(super) use tally::{Second, Seen};

use super::Site;
use super::address::Address;
use super::entry::{Entry, RESULTS, RESULTS_MAX, Stamp, State};
use super::files;
use crate::plan::Plan;
use crate::registry::Registry;
use crate::report::{Pair, Results};
use crate::store::{LIVE_HISTORY, Tail};
use judge::Judge;
use snapshot::Progress;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};
use tally::Tally;

/// Runs that are watched at a time.
const WATCHED_MAX: usize = 8;
/// A run that nobody asked for in so many seconds is forgotten.
const FORGET_AFTER_S: u64 = 60;

/// The runs that are watched.
#[derive(Default)]
pub(super) struct Book {
    watched: Mutex<HashMap<Address, (Instant, Shared)>>,
}

type Shared = Arc<Mutex<Watched>>;

/// A run that is watched.
struct Watched {
    tail: Tail,
    tally: Tally,
    judge: Judge,
    /// Read once: it does not change.
    plan: Option<Plan>,
    pairs: Vec<Pair>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counts of a panicked reader may be off; the next reading of the file is not.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    fn watched(&self, address: &Address, folder: &Path, registry: &Registry) -> Shared {
        let mut watched = locked(&self.watched);
        let now = Instant::now();
        watched.retain(|_, (asked, _)| now.duration_since(*asked).as_secs() < FORGET_AFTER_S);
        if let Some((asked, run)) = watched.get_mut(address) {
            *asked = now;
            return run.clone();
        }
        if watched.len() >= WATCHED_MAX {
            let oldest = watched.iter().min_by_key(|(_, (asked, _))| *asked);
            let oldest = oldest.map(|(address, _)| address.clone());
            oldest.and_then(|oldest| watched.remove(&oldest));
        }
        let run = Arc::new(Mutex::new(Watched::new(folder, registry)));
        watched.insert(address.clone(), (now, run.clone()));
        run
    }
}

impl Watched {
    fn new(folder: &Path, registry: &Registry) -> Self {
        let plan = files::read(&folder.join(crate::analysis::PLAN), 1 << 20).ok();
        let plan = plan.and_then(|bytes| {
            Plan::parse(&String::from_utf8_lossy(&bytes), crate::analysis::PLAN).ok()
        });
        let own = plan.as_ref().and_then(|plan| registry.for_plan(plan).ok());
        let registry = own.as_ref().unwrap_or(registry);
        let judge = Judge::new(plan.as_ref(), registry);
        Self {
            tail: Tail::new(folder.join(LIVE_HISTORY)),
            tally: Tally::new(judge.wants_events()),
            judge,
            pairs: crate::analysis::fault_pairs(registry),
            plan,
        }
    }

    /// Reads what was added since.
    fn read_on(&mut self) {
        let tally = &mut self.tally;
        let again = self.tail.read_on(|line| tally.line(line));
        if again {
            // Another file than before: everything anew, the file too.
            self.tally = Tally::new(self.judge.wants_events());
            let tally = &mut self.tally;
            self.tail.read_on(|line| tally.line(line));
        }
    }
}

/// How the run in `folder` is at the moment.
pub(super) fn look(site: &Site, address: &Address, folder: &Path) -> Snapshot {
    let stamp = Stamp::of(folder, SystemTime::now());
    let entry = Entry::read(address.clone(), folder, stamp);
    let has_results = folder.join(RESULTS).is_file();
    let watched = site.live.watched(address, folder, &site.registry);
    let mut watched = locked(&watched);
    watched.read_on();
    let progress =
        Progress::read(folder, watched.plan.as_ref(), has_results, entry.state == State::Running);
    if progress.phase != Phase::Ended {
        let Watched { judge, tally, .. } = &mut *watched;
        judge.look(tally);
    }
    let opinion = watched.judge.opinion(&watched.tally);
    let snapshot = Snapshot::new(entry, progress, &watched.tally, &watched.pairs, opinion);
    drop(watched);
    let results =
        has_results.then(|| files::read(&folder.join(RESULTS), RESULTS_MAX).ok()).flatten();
    // The last look may have been long before the end.
    match results.and_then(|bytes| Results::from_json(&bytes).ok()) {
        Some(results) => snapshot.ended(results),
        None => snapshot,
    }
}
