//! How far a campaign is, from its folder: `campaign.json`, and its journal, which is never behind.

use super::record::{Attempt, Campaign, Outcome, Shard, VERSION};
use crate::store::campaign::{CAMPAIGN, JOURNAL};
use crate::store::{CampaignDir, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The cell's id.
    pub cell: String,
    pub outcome: Outcome,
    /// Whether the cell is done with; otherwise it will be run once more.
    pub finished: bool,
    pub attempt: Attempt,
}

/// How far one cell is, beside what its record says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    pub finished: bool,
    /// Attempts whose infrastructure failed.
    pub failures: u32,
}

/// A campaign from its folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub campaign: Campaign,
    pub reached: BTreeMap<String, Reached>,
}

/// Reads a campaign, with everything that its journal knows.
pub fn load(folder: &Path) -> Result<Loaded, StoreError> {
    let dir = CampaignDir::at(folder);
    let mut campaign = read(folder)?;
    let mut reached: BTreeMap<String, Reached> = BTreeMap::new();
    let path = folder.join(JOURNAL);
    let mut attempts: BTreeMap<String, Vec<Attempt>> = BTreeMap::new();
    for (number, text) in dir.journal_lines()?.iter().enumerate() {
        let line: Line = serde_json::from_str(text).map_err(|error| StoreError::Malformed {
            path: path.clone(),
            reason: format!("line {}: {error}", number + 1),
        })?;
        let Some(cell) = campaign.cells.iter_mut().find(|cell| cell.id == line.cell) else {
            continue;
        };
        cell.outcome = line.outcome;
        let reached = reached.entry(line.cell.clone()).or_default();
        reached.finished = line.finished;
        reached.failures += u32::from(line.outcome == Outcome::Infrastructure);
        attempts.entry(line.cell).or_default().push(line.attempt);
    }
    for cell in &mut campaign.cells {
        cell.attempts = attempts.remove(&cell.id).unwrap_or_default();
    }
    Ok(Loaded { campaign, reached })
}

/// Reads `campaign.json` alone.
pub fn read(folder: &Path) -> Result<Campaign, StoreError> {
    let bytes = CampaignDir::at(folder).read(CAMPAIGN)?;
    let path = folder.join(CAMPAIGN);
    let malformed = |reason: String| StoreError::Malformed { path: path.clone(), reason };
    let value: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    if value.get("version").and_then(serde_json::Value::as_u64) != Some(u64::from(VERSION)) {
        return Err(malformed(format!("this Perjury reads campaigns of version {VERSION}")));
    }
    serde_json::from_value(value).map_err(|error| malformed(error.to_string()))
}

/// Writes `campaign.json` alone.
pub fn save(folder: &Path, campaign: &Campaign) -> Result<(), StoreError> {
    let failed =
        |error: serde_json::Error| StoreError::Render { name: CAMPAIGN, reason: error.to_string() };
    let mut bytes = serde_json::to_vec_pretty(campaign).map_err(failed)?;
    bytes.push(b'\n');
    CampaignDir::at(folder).write(CAMPAIGN, &bytes).map(drop)
}

/// Campaigns of the same name and part among `folders` that ended before `campaign` began, oldest
/// first, the newest `max` of them; and a word on each that cannot be read.
pub fn earlier(
    folders: &[std::path::PathBuf],
    campaign: &Campaign,
    max: usize,
) -> (Vec<Campaign>, Vec<String>) {
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for folder in folders {
        match read(folder) {
            Ok(other) => found.push(other),
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    let part = |campaign: &Campaign| campaign.shard.map(|Shard { number, of }| (number, of));
    found.retain(|other| {
        other.name == campaign.name
            && part(other) == part(campaign)
            && other.ended.is_some()
            && other.started < campaign.started
    });
    found.sort_by_key(|other| other.started);
    let surplus = found.len().saturating_sub(max);
    found.drain(..surplus);
    (found, unreadable)
}
