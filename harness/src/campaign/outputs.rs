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

use super::progress;
use super::record::{Campaign, Cell};
use crate::store::{CampaignDir, StoreError};
use history::History;
use maud::Markup;
use std::path::Path;

pub(crate) use page::STYLE;
pub(crate) use words::{Look, counts_words, headline, story, support};

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
    let input = Input::new(campaign, earlier);
    // The record first: the others can be made of it.
    progress::save(folder, campaign)?;
    let dir = CampaignDir::at(folder);
    dir.write("junit.xml", junit::render(&input)?.as_bytes())?;
    dir.write("summary.md", summary::render(&input).as_bytes())?;
    dir.write("campaign.html", page::render(&input).as_bytes()).map(drop)
}

/// The matrix as a section of another page, whose cells lead where `link` says.
pub(crate) fn matrix(campaign: &Campaign, link: &dyn Fn(&Cell) -> Option<String>) -> Markup {
    page::matrix(&Input::new(campaign, &[]), link)
}
