//! What is in a store: every run with how it stands, and how large it is.

use super::{Keep, LEFTOVER};
use crate::campaign::record::{self, Campaign, Cell, Outcome};
use crate::store::{CAMPAIGNS, LATEST, Store, StoreError, layout};
use perjury_checkers::Verdict;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A run that has not ended may still be going on, if it was written to within this time.
const QUIET: Duration = Duration::from_secs(86_400);

/// A run in the store, or of a cell of a campaign in it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Runs of which a number of passing ones stays: of a test, of a cell over the nights.
    pub(super) group: String,
    /// Larger is newer, within a group.
    pub(super) order: String,
    pub(super) started: jiff::Timestamp,
    pub(super) bytes: u64,
    pub(super) standing: Standing,
    pub(super) is_latest: bool,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Passed,
    KnownAnomaly,
    NotPassing,
    GoingOn,
    NotRecognised,
}

impl Standing {
    /// Why a run stays that stands so, if not by a limit.
    pub(super) fn keep(self) -> Keep {
        match self {
            Self::Passed | Self::KnownAnomaly => Keep::WithinLimits,
            Self::NotPassing => Keep::NotPassing,
            Self::GoingOn => Keep::GoingOn,
            Self::NotRecognised => Keep::NotRecognised,
        }
    }
}

/// What of `run.json` is asked for.
#[derive(Deserialize)]
struct Record {
    started: jiff::Timestamp,
    #[serde(default)]
    ended: bool,
}

/// What of `results.json` is asked for.
#[derive(Deserialize)]
struct Judged {
    verdict: Verdict,
}

/// All runs, and the bytes of the whole store.
pub(super) fn survey(store: &Store, now: jiff::Timestamp) -> Result<(Vec<Found>, u64), StoreError> {
    let latest = latest(store)?;
    let mut found = Vec::new();
    for run in store.runs()? {
        found.push(look_at(run.path, run.name, run.time, None, now));
    }
    for (name, folder) in campaigns(store)? {
        for (time, path) in layout::directories(&folder)? {
            cells(&name, &time, &path, now, &mut found);
        }
    }
    for run in &mut found {
        let real = std::fs::canonicalize(&run.path).unwrap_or_else(|_| run.path.clone());
        run.is_latest = latest.iter().any(|target| real.starts_with(target));
    }
    Ok((found, size(store.root())))
}

/// Folders of campaigns by name.
fn campaigns(store: &Store) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let folder = store.root().join(CAMPAIGNS);
    if folder.is_dir() { layout::directories(&folder) } else { Ok(Vec::new()) }
}

/// Where all links called `latest` lead: those of the store, of each test, of each campaign.
fn latest(store: &Store) -> Result<Vec<PathBuf>, StoreError> {
    let root = store.root();
    let mut folders = vec![root.to_owned()];
    folders.extend(layout::directories(root)?.into_iter().map(|(_, path)| path));
    folders.extend(campaigns(store)?.into_iter().map(|(_, path)| path));
    let links = folders.into_iter().map(|folder| folder.join(LATEST));
    Ok(links.filter_map(|link| std::fs::canonicalize(link).ok()).collect())
}

/// The runs of a campaign's good cells; what its record does not name is not looked at.
fn cells(name: &str, time: &str, folder: &Path, now: jiff::Timestamp, found: &mut Vec<Found>) {
    let record = folder.join(crate::store::campaign::CAMPAIGN);
    let Some(campaign) = read::<Campaign>(&record).filter(|read| read.version == record::VERSION)
    else {
        return;
    };
    let going_on = campaign.ended.is_none() && is_recent(&record, now);
    for cell in &campaign.cells {
        for (number, attempt) in cell.attempts.iter().enumerate() {
            let Some(run) = attempt.run.as_deref().filter(|run| is_a_cells_run(run)) else {
                continue;
            };
            let path = folder.join(run);
            if !path.is_dir() {
                // An earlier sweep removed it.
                continue;
            }
            let is_last = number + 1 == cell.attempts.len();
            let expected = if is_last { expected_verdict(cell) } else { None };
            let group = format!("{CAMPAIGNS}/{name}/{}", cell.id);
            let mut run = look_at(path, group, format!("{time}/{run}"), Some(expected), now);
            if going_on {
                run.standing = Standing::GoingOn;
            }
            found.push(run);
        }
    }
}

/// The verdict that the run of a good cell has; an earlier attempt failed, and is no good.
fn expected_verdict(cell: &Cell) -> Option<Verdict> {
    match cell.outcome {
        Outcome::Passed => Some(Verdict::Valid),
        Outcome::KnownAnomaly => Some(Verdict::Invalid),
        _ => None,
    }
}

/// `cells/ID/TIME` and nothing else, so that nothing outside of the campaign can be meant.
fn is_a_cells_run(run: &str) -> bool {
    let parts: Vec<Component<'_>> = Path::new(run).components().collect();
    let [Component::Normal(cells), Component::Normal(_), Component::Normal(time)] = &*parts else {
        return false;
    };
    *cells == "cells" && time.to_str().is_some_and(layout::is_time_name)
}

/// `of_cell`: the verdict with which it is good as a campaign says, none if it is not good.
fn look_at(
    path: PathBuf,
    group: String,
    order: String,
    of_cell: Option<Option<Verdict>>,
    now: jiff::Timestamp,
) -> Found {
    let record = read::<Record>(&path.join("run.json"));
    let judged = read::<Judged>(&path.join("results.json"));
    let verdict = judged.map(|judged| judged.verdict);
    let started = record.as_ref().map_or(jiff::Timestamp::UNIX_EPOCH, |record| record.started);
    let may_go_on = |record: &Record| !record.ended && is_recent(&path, now);
    let good = of_cell.unwrap_or(Some(Verdict::Valid));
    let standing = match (&record, verdict) {
        _ if path.is_symlink() => Standing::NotRecognised,
        (None, _) => Standing::NotRecognised,
        (Some(record), _) if may_go_on(record) => Standing::GoingOn,
        (Some(_), None) => Standing::NotPassing,
        (Some(_), verdict) if good != verdict => Standing::NotPassing,
        (Some(_), Some(Verdict::Invalid)) => Standing::KnownAnomaly,
        (Some(_), Some(_)) => Standing::Passed,
    };
    let bytes = size(&path);
    Found { path, group, order, started, bytes, standing, is_latest: false }
}

/// None if it is not there or is something else.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Whether a file, or anything right inside of a folder, was written within a day.
fn is_recent(path: &Path, now: jiff::Timestamp) -> bool {
    let inside = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let now = SystemTime::from(now);
    inside.chain([path.to_owned()]).any(|path| {
        let written = std::fs::symlink_metadata(path).and_then(|data| data.modified());
        // What was written in the future was written just now, by another clock.
        let age = written.map(|written| now.duration_since(written).unwrap_or_default());
        age.map_or(true, |age| age < QUIET)
    })
}

/// Bytes of all files in it; links are not followed.
fn size(path: &Path) -> u64 {
    let mut bytes = 0;
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => folders.push(entry.path()),
                Ok(data) => bytes += data.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

/// What earlier sweeps began to remove: in the folders of tests, and in those of cells.
pub(super) fn leftovers(store: &Store) -> Vec<PathBuf> {
    let inside = |folders: Vec<PathBuf>| -> Vec<PathBuf> {
        let all = folders.iter().flat_map(|folder| layout::directories(folder).unwrap_or_default());
        all.map(|(_, path)| path).collect()
    };
    let tests = inside(vec![store.root().to_owned()]);
    let nights = inside(inside(vec![store.root().join(CAMPAIGNS)]));
    let cells = inside(nights.into_iter().map(|night| night.join("cells")).collect());
    let is_leftover = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(LEFTOVER))
    };
    inside(tests).into_iter().chain(inside(cells)).filter(is_leftover).collect()
}
