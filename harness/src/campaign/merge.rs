//! Puts the parts of a campaign together that ran apart.

use super::progress::Loaded;
use super::record::{Campaign, Cell, Shard};
use crate::exit::Usage;
use crate::store::campaign::JOURNAL;
use crate::store::{CampaignDir, StoreError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A part and its folder.
pub type Part = (PathBuf, Loaded);

/// The whole campaign, as if it had run in one piece. The error says what is missing or too much.
pub fn merge(parts: &[Part]) -> Result<Campaign, Usage> {
    let Some((first, loaded)) = parts.first() else {
        return Err(Usage("there is nothing to merge".to_owned()));
    };
    let model = &loaded.campaign;
    let mut by_number: BTreeMap<usize, &Path> = BTreeMap::new();
    let mut of = 0;
    for (folder, part) in parts {
        let shard = same(first, model, folder, &part.campaign)?;
        of = shard.of;
        if let Some(other) = by_number.insert(shard.number, folder) {
            return Err(Usage(format!(
                "{} and {} are both shard {shard}",
                other.display(),
                folder.display()
            )));
        }
    }
    let missing: Vec<String> = (1..=of)
        .filter(|number| !by_number.contains_key(number))
        .map(|number| Shard { number, of }.to_string())
        .collect();
    if !missing.is_empty() {
        return Err(Usage(format!("these shards are missing: {}", missing.join(", "))));
    }
    let campaigns: Vec<&Campaign> = parts.iter().map(|(_, part)| &part.campaign).collect();
    Ok(Campaign {
        host: distinct(campaigns.iter().map(|part| &*part.host)),
        tool: distinct(campaigns.iter().map(|part| &*part.tool)),
        started: campaigns.iter().map(|part| part.started).min().unwrap_or(model.started),
        ended: campaigns.iter().filter_map(|part| part.ended).max(),
        shard: None,
        cells: cells(&campaigns)?,
        ..model.clone()
    })
}

/// Puts the parts' runs, logs and journals into `dir`.
pub fn take_over(dir: &CampaignDir, parts: &[Part]) -> Result<(), StoreError> {
    let mut journal = String::new();
    for (folder, _) in parts {
        dir.take_over(folder)?;
        for line in CampaignDir::at(folder).journal_lines()? {
            journal.push_str(&line);
            journal.push('\n');
        }
    }
    dir.write(JOURNAL, journal.as_bytes()).map(drop)
}

/// Which shard of the same campaign `other` is.
fn same(first: &Path, model: &Campaign, folder: &Path, other: &Campaign) -> Result<Shard, Usage> {
    let Some(shard) = other.shard else {
        let text = "is a whole campaign, no shard: there is nothing to put together";
        return Err(Usage(format!("{} {text}", folder.display())));
    };
    let differs = |what: &str, one: &dyn std::fmt::Display, two: &dyn std::fmt::Display| {
        Usage(format!(
            "{what} differs: {one} in {}, and {two} in {}",
            first.display(),
            folder.display()
        ))
    };
    let of = model.shard.map_or(0, |shard| shard.of);
    if model.name != other.name {
        return Err(differs("the campaign's name", &model.name, &other.name));
    }
    if model.seed != other.seed {
        return Err(differs("the seed", &model.seed, &other.seed));
    }
    if of != shard.of {
        return Err(differs("the number of shards", &of, &shard.of));
    }
    if model.matrix != other.matrix {
        return Err(differs("the matrix", &model.matrix, &other.matrix));
    }
    Ok(shard)
}

fn cells(parts: &[&Campaign]) -> Result<Vec<Cell>, Usage> {
    let mut cells: Vec<Cell> = parts.iter().flat_map(|part| part.cells.clone()).collect();
    cells.sort_by_key(|cell| cell.position);
    for (position, cell) in cells.iter().enumerate() {
        if cell.position > position {
            return Err(Usage(format!("no shard has the cell at position {position}")));
        }
        if cell.position < position {
            return Err(Usage(format!("two shards have the cell {}", cell.id)));
        }
    }
    Ok(cells)
}

fn distinct<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut different: Vec<&str> = Vec::new();
    for word in words {
        if !different.contains(&word) {
            different.push(word);
        }
    }
    different.join("; ")
}
