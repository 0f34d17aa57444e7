//! A cell over the nights: when it was last good, and since when it is bad.

use super::words;
use crate::campaign::record::{Campaign, Cell, Outcome};
use std::collections::HashMap;

/// This campaign after the earlier ones of its name.
pub(super) struct History<'a> {
    /// Oldest first; the last is this campaign.
    nights: Vec<Night<'a>>,
}

struct Night<'a> {
    campaign: &'a Campaign,
    cells: HashMap<&'a str, &'a Cell>,
}

/// What one night says about a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dated {
    pub(super) started: jiff::Timestamp,
    pub(super) outcome: Outcome,
}

/// Since when a cell is as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Since {
    /// The newest earlier night in which it was good.
    pub(super) last_good: Option<Dated>,
    /// The first night since then in which it was run and not good; this night may be it.
    pub(super) first_bad: Option<Dated>,
    /// How many nights it was run and not good since then, this one included.
    pub(super) bad_nights: usize,
    /// Whether any earlier night has it.
    pub(super) is_known: bool,
}

impl<'a> History<'a> {
    /// `earlier` oldest first.
    pub(super) fn new(campaign: &'a Campaign, earlier: Vec<&'a Campaign>) -> Self {
        let night = |campaign: &'a Campaign| Night {
            campaign,
            cells: campaign.cells.iter().map(|cell| (&*cell.id, cell)).collect(),
        };
        Self { nights: earlier.into_iter().chain([campaign]).map(night).collect() }
    }

    /// How many nights there are, this one included.
    pub(super) fn len(&self) -> usize {
        self.nights.len()
    }

    /// The campaigns, oldest first, this one last.
    pub(super) fn campaigns(&self) -> impl DoubleEndedIterator<Item = &'a Campaign> {
        self.nights.iter().map(|night| night.campaign)
    }

    /// The cell in every night, oldest first; none where that night did not have it.
    pub(super) fn of<'h>(
        &'h self,
        id: &'h str,
    ) -> impl DoubleEndedIterator<Item = Option<&'a Cell>> + 'h {
        self.nights.iter().map(move |night| night.cells.get(id).copied())
    }

    /// Since when the cell is as it is now.
    pub(super) fn since(&self, id: &str) -> Since {
        let mut since = Since::default();
        for (age, night) in self.nights.iter().rev().enumerate() {
            let Some(cell) = night.cells.get(id) else { continue };
            let dated = Dated { started: night.campaign.started, outcome: cell.outcome };
            since.is_known |= age > 0;
            if cell.outcome.is_good() {
                if age > 0 {
                    since.last_good = Some(dated);
                }
                break;
            }
            // A night in which it was not run says nothing for and nothing against it.
            if cell.outcome != Outcome::NotRun {
                since.first_bad = Some(dated);
                since.bad_nights += 1;
            }
        }
        since
    }

    /// The same in words, for a cell that is not good; empty when there are no earlier nights.
    pub(super) fn since_words(&self, id: &str) -> String {
        if self.len() == 1 {
            return String::new();
        }
        let since = self.since(id);
        if !since.is_known {
            return "new in this campaign".to_owned();
        }
        let mut words = match since.last_good {
            Some(good) => format!("last good {}", words::date(good.started)),
            None => "not good in any night on record".to_owned(),
        };
        if let Some(bad) = since.first_bad {
            let word = words::Look::of(bad.outcome).word;
            match since.bad_nights {
                1 => words.push_str(&format!(", first bad {} ({word})", words::date(bad.started))),
                nights => words.push_str(&format!(
                    ", bad since {} ({word}), {nights} nights",
                    words::date(bad.started)
                )),
            }
        }
        words
    }
}
