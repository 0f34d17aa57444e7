//! Which runs can go: passing ones that are too many, too old, or too large together.
//!
//! Whatever is not certainly a passing run that has ended stays, and so does what `latest` links
//! to. Of campaigns only the runs of good cells go: `campaign.json` and its reports are small, and
//! the trends of later nights are made of them.

mod survey;
#[cfg(test)]
mod tests;

use super::{Store, StoreError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use survey::{Found, Standing, survey};

/// Begins the names of folders that are being removed, so that a later sweep ends what was begun.
const LEFTOVER: &str = ".removed.";

/// What may stay; each limit counts by itself.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Passing runs of each test and of each cell.
    pub keep_passes: usize,
    pub max_age: Option<Duration>,
    /// Bytes of the whole store.
    pub max_size: Option<u64>,
}

/// Why a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drop {
    /// There are enough newer ones.
    TooMany,
    TooOld,
    /// The store is too large, and this was the oldest.
    TooLarge,
}

/// Why a run stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// It passed and is within all limits.
    WithinLimits,
    /// `latest` leads to it.
    Latest,
    /// The newest run that shows a known anomaly.
    NewestKnownAnomaly,
    /// An anomaly, no verdict, or a failure of the harness.
    NotPassing,
    /// It has not ended and was written to within a day.
    GoingOn,
    /// It is not what it should be.
    NotRecognised,
}

/// A run that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dropped {
    pub path: PathBuf,
    pub bytes: u64,
    pub reason: Drop,
}

/// A run that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    pub path: PathBuf,
    pub bytes: u64,
    pub reason: Keep,
}

/// What goes and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sweep {
    pub removed: Vec<Dropped>,
    pub kept: Vec<Kept>,
    /// Bytes of the whole store before.
    pub size: u64,
}

impl Sweep {
    /// Bytes of what goes.
    pub fn freed(&self) -> u64 {
        self.removed.iter().map(|run| run.bytes).sum()
    }
}

/// Decides what goes, and touches nothing.
pub fn plan(store: &Store, limits: Limits, now: jiff::Timestamp) -> Result<Sweep, StoreError> {
    let (mut found, size) = survey(store, now)?;
    // Newest first.
    found.sort_by(|one, other| other.order.cmp(&one.order));
    let mut sweep = Sweep { size, ..Sweep::default() };
    let mut ranks: BTreeMap<&str, usize> = BTreeMap::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    // Passing runs within the first two limits: what may go for the sake of the third.
    let mut spare: Vec<&Found> = Vec::new();
    for run in &found {
        let is_known = run.standing == Standing::KnownAnomaly;
        if !is_known && run.standing != Standing::Passed {
            sweep.keep(run, run.standing.keep());
            continue;
        }
        let rank = ranks.entry(&run.group).or_default();
        *rank += 1;
        let is_newest_known = is_known && known.insert(&run.group);
        match limits.against(run, *rank, now) {
            _ if run.is_latest => sweep.keep(run, Keep::Latest),
            _ if is_newest_known => sweep.keep(run, Keep::NewestKnownAnomaly),
            Some(reason) => sweep.remove(run, reason),
            None => spare.push(run),
        }
    }
    let mut left = size.saturating_sub(sweep.freed());
    spare.sort_by_key(|run| run.started);
    for run in spare {
        if limits.max_size.is_some_and(|most| left > most) {
            left = left.saturating_sub(run.bytes);
            sweep.remove(run, Drop::TooLarge);
        } else {
            sweep.keep(run, Keep::WithinLimits);
        }
    }
    sweep.removed.sort_by(|one, other| one.path.cmp(&other.path));
    sweep.kept.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sweep)
}

impl Limits {
    /// Why a passing run goes that is the newest but `rank - 1`, if it does.
    fn against(&self, run: &Found, rank: usize, now: jiff::Timestamp) -> Option<Drop> {
        let age = now.duration_since(run.started).unsigned_abs();
        let is_past = run.started < now;
        match self.max_age {
            _ if rank > self.keep_passes => Some(Drop::TooMany),
            Some(most) if is_past && age > most => Some(Drop::TooOld),
            _ => None,
        }
    }
}

impl Sweep {
    fn keep(&mut self, run: &Found, reason: Keep) {
        self.kept.push(Kept { path: run.path.clone(), bytes: run.bytes, reason });
    }

    fn remove(&mut self, run: &Found, reason: Drop) {
        self.removed.push(Dropped { path: run.path.clone(), bytes: run.bytes, reason });
    }
}

/// Removes what a plan says, and what earlier sweeps left half-way. Returns what could not be
/// removed; the rest is gone then.
pub fn carry_out(store: &Store, sweep: &Sweep) -> Vec<StoreError> {
    let mut failed = Vec::new();
    for run in &sweep.removed {
        failed.extend(remove(&run.path).err());
    }
    for leftover in survey::leftovers(store) {
        let removed = std::fs::remove_dir_all(&leftover);
        failed.extend(removed.err().map(|error| StoreError::io("remove", &leftover, error)));
    }
    failed
}

/// Takes the run's name away first: half of a run never stands where a whole one stood.
fn remove(path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("remove", path, error);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let hidden = parent.join(format!("{LEFTOVER}{}", name.to_string_lossy()));
    match std::fs::rename(path, &hidden) {
        // Another sweep was faster.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed.map_err(failed)?,
    }
    std::fs::remove_dir_all(&hidden).map_err(failed)?;
    // A cell's folder: a link to the run that is gone, and the folder when nothing else is in it.
    for folder in [Some(parent), parent.parent()].into_iter().flatten() {
        let link = folder.join(super::LATEST);
        if link.is_symlink() && !link.exists() {
            std::fs::remove_file(&link).map_err(failed)?;
        }
    }
    // Fails where something is in it, which is meant.
    let _ = std::fs::remove_dir(parent);
    Ok(())
}
