//! The outputs of a campaign: for machines, for continuous integration, and for people.
//!
//! All are made of `campaign.json` and those of earlier nights alone: the same input gives the
//! same bytes, so that they can be made again at any time, and of merged shards too.

mod history;
mod junit;
mod page;
mod summary;
#[cfg(test)]
mod tests;
mod trend;
mod words;

use super::record::Campaign;
use crate::store::{self, StoreError};
use history::History;
use std::path::Path;

/// The name of the record in the campaign's folder.
pub const RECORD: &str = "campaign.json";
/// Earlier nights that are looked at.
const EARLIER_MAX: usize = 60;

/// All that the outputs are made of.
struct Input<'a> {
    campaign: &'a Campaign,
    history: History<'a>,
}

impl<'a> Input<'a> {
    /// Of `earlier` campaigns only those of the same name count that began before.
    fn new(campaign: &'a Campaign, earlier: &'a [Campaign]) -> Self {
        let before =
            |other: &&Campaign| other.name == campaign.name && other.started < campaign.started;
        let mut nights: Vec<&Campaign> = earlier.iter().filter(before).collect();
        nights.sort_by_key(|night| night.started);
        nights.drain(..nights.len().saturating_sub(EARLIER_MAX));
        Self { campaign, history: History::new(campaign, nights) }
    }
}

/// Writes `campaign.json`, `junit.xml`, `summary.md` and `campaign.html` into the campaign's
/// folder, each whole or not at all. `earlier` are ended campaigns of the same name.
pub fn write(folder: &Path, campaign: &Campaign, earlier: &[Campaign]) -> Result<(), StoreError> {
    let mut record = serde_json::to_vec_pretty(campaign)
        .map_err(|error| StoreError::Render { name: RECORD, reason: error.to_string() })?;
    record.push(b'\n');
    let input = Input::new(campaign, earlier);
    // The record first: the others can be made of it.
    store::write_whole(folder, RECORD, &record)?;
    store::write_whole(folder, "junit.xml", junit::render(&input)?.as_bytes())?;
    store::write_whole(folder, "summary.md", summary::render(&input).as_bytes())?;
    store::write_whole(folder, "campaign.html", page::render(&input).as_bytes())
}
