//! `perjury merge`: the shards of a campaign, put together.

use super::args::MergeArgs;
use super::campaign::{finish, show, stored};
use crate::campaign::merge::{self, Part};
use crate::campaign::progress;
use crate::exit::{Stop, Usage};
use crate::store::CampaignDir;
use std::path::Path;
use std::process::ExitCode;

/// Puts the shards together, and ends with the code of the whole.
pub fn merge(args: &MergeArgs) -> Result<ExitCode, Stop> {
    let read = |folder: &std::path::PathBuf| {
        let loaded = progress::load(folder).map_err(|error| Usage(error.to_string()))?;
        Ok((folder.clone(), loaded))
    };
    let parts: Vec<Part> = args.shards.iter().map(read).collect::<Result<_, Usage>>()?;
    let mut campaign = merge::merge(&parts)?;
    // Of a shard that was killed nobody wrote down the end.
    let last = campaign.cells.iter().flat_map(|cell| &cell.attempts).map(|attempt| {
        let seconds = std::time::Duration::try_from_secs_f64(attempt.seconds).unwrap_or_default();
        attempt.started.checked_add(seconds).unwrap_or(attempt.started)
    });
    campaign.ended = campaign.ended.or(last.max()).or(Some(campaign.started));
    let dir = empty(&args.output)?;
    merge::take_over(&dir, &parts).map_err(stored)?;
    finish(dir.path(), &campaign)?;
    show::closing(&campaign, dir.path(), args.json, args.colour, None);
    Ok(ExitCode::from(campaign.exit_code()))
}

fn empty(folder: &Path) -> Result<CampaignDir, Stop> {
    let dir = CampaignDir::make(folder).map_err(stored)?;
    let full = || Usage(format!("--output: there is something in {} already", folder.display()));
    Ok(dir.ok_or_else(full)?)
}
