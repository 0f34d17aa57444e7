//! The beginning of a campaign: chosen from the matrix, or found where it was left.

use super::super::args::CampaignArgs;
use super::stored;
use crate::campaign::file::File;
use crate::campaign::flags::Flags;
use crate::campaign::matrix::{self, Planned, Resolve, Whole};
use crate::campaign::progress::{self, Reached};
use crate::campaign::record::{Campaign, VERSION};
use crate::exit::{HarnessFailure, Stop, Usage};
use crate::run::record::host;
use crate::store::CampaignDir;
use crate::store::campaign::Journal;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A campaign that has not begun.
pub struct Fresh {
    campaign: Campaign,
    pub planned: Vec<Planned>,
}

/// A campaign with its folder, which is ours alone.
pub struct Started {
    pub dir: CampaignDir,
    pub campaign: Campaign,
    pub planned: Vec<Planned>,
    pub reached: BTreeMap<String, Reached>,
    pub journal: Journal,
}

/// The cells that are asked for, with their seeds.
pub fn plan(
    args: &CampaignArgs,
    file: &File,
    flags: &Flags,
    resolve: Resolve<'_>,
) -> Result<Fresh, Usage> {
    let seed = match (args.seed.or(file.seed), args.shard) {
        (Some(seed), _) => seed,
        (None, None) => u64::from(rand::random::<u32>()),
        (None, Some(_)) => {
            return Err(Usage(
                "--shard: the shards have to agree on a seed: give each the same --seed NUMBER, \
                 or write one into the file"
                    .to_owned(),
            ));
        }
    };
    let Whole { mut cells, digest } = matrix::expand(file, seed, flags, resolve)?;
    let all = cells.len();
    if let Some(shard) = args.shard {
        cells.retain(|planned| shard.holds(planned.cell.position));
        if cells.is_empty() {
            let text = format!("--shard: the matrix has only {all} cells, and none for {shard}");
            return Err(Usage(text));
        }
    }
    if let Some(pattern) = &args.only {
        let known: Vec<String> = cells.iter().map(|planned| planned.cell.id.clone()).collect();
        cells.retain(|planned| is_like(&planned.cell.id, pattern));
        if cells.is_empty() {
            let known = known.join("\n  ");
            return Err(Usage(format!("--only: no cell is like {pattern}; there are\n  {known}")));
        }
    }
    let campaign = Campaign {
        version: VERSION,
        tool: concat!("perjury ", env!("CARGO_PKG_VERSION")).to_owned(),
        host: host(),
        name: file.name.clone(),
        seed,
        matrix: digest,
        started: jiff::Timestamp::now(),
        ended: None,
        shard: args.shard,
        cells: cells.iter().map(|planned| planned.cell.clone()).collect(),
    };
    Ok(Fresh { campaign, planned: cells })
}

impl Fresh {
    /// Makes its folder in `store`.
    pub fn begin(self, store: &Path) -> Result<Started, Stop> {
        let dir = CampaignDir::create(store, &self.campaign.name, &jiff::Zoned::now());
        let dir = dir.map_err(stored)?;
        let journal = locked(&dir)?;
        let (campaign, planned) = (self.campaign, self.planned);
        Ok(Started { dir, campaign, planned, reached: BTreeMap::new(), journal })
    }
}

fn locked(dir: &CampaignDir) -> Result<Journal, Stop> {
    let journal = dir.journal().map_err(stored)?;
    let busy = || {
        let path = dir.path().display();
        HarnessFailure::new("store", format!("another process runs the campaign in {path}"))
    };
    Ok(journal.ok_or_else(busy)?)
}

/// A campaign as it was left.
pub fn resume(
    args: &CampaignArgs,
    file: &File,
    flags: &Flags,
    resolve: Resolve<'_>,
    folder: Option<&Path>,
) -> Result<Started, Stop> {
    let folder = match folder {
        Some(folder) if folder.is_dir() => folder.to_owned(),
        Some(folder) => {
            return Err(Usage(format!("--resume: there is no folder {}", folder.display())).into());
        }
        None => newest(args, file)?,
    };
    let dir = CampaignDir::at(&folder);
    // Before anything is read, so that nobody else changes it.
    let unreadable = |error| Usage(format!("--resume: {error}"));
    progress::read(&folder).map_err(unreadable)?;
    let journal = locked(&dir)?;
    let loaded = progress::load(&folder).map_err(unreadable)?;
    let campaign = loaded.campaign;
    let place = folder.display();
    let refuse = |why: String| Usage(format!("--resume: {place}: {why}"));
    let seed = args.seed.or(file.seed).unwrap_or(campaign.seed);
    if campaign.name != file.name {
        let why = format!("this is a campaign called {}, not {}", campaign.name, file.name);
        return Err(refuse(why).into());
    }
    if seed != campaign.seed {
        let why = format!("it began with seed {}, not {seed}", campaign.seed);
        return Err(refuse(why).into());
    }
    if args.shard.is_some() && args.shard != campaign.shard {
        let which = campaign.shard.map_or("the whole".to_owned(), |shard| format!("shard {shard}"));
        return Err(refuse(format!("it is {which}")).into());
    }
    let whole = matrix::expand(file, seed, flags, resolve)?;
    if whole.digest != campaign.matrix {
        let why = "the matrix is another one than when it began: cells, their arguments or what is \
                   expected of them have changed, so its results would not belong together. Put \
                   the file back as it was, or begin anew without --resume";
        return Err(refuse(why.to_owned()).into());
    }
    let own = |planned: &Planned| campaign.cells.iter().any(|cell| cell.id == planned.cell.id);
    let planned: Vec<Planned> = whole.cells.into_iter().filter(own).collect();
    if planned.len() != campaign.cells.len() {
        return Err(refuse("it has cells that are not in the matrix".to_owned()).into());
    }
    Ok(Started { dir, campaign, planned, reached: loaded.reached, journal })
}

/// The newest campaign that has not ended; if all have, the newest.
fn newest(args: &CampaignArgs, file: &File) -> Result<PathBuf, Stop> {
    let folders = CampaignDir::of_name(&args.output.store, &file.name).map_err(stored)?;
    let readable = folders.iter().rev().filter_map(|folder| {
        let campaign = progress::read(folder).ok()?;
        let same = args.shard.is_none() || args.shard == campaign.shard;
        same.then_some((folder, campaign.ended.is_some()))
    });
    let found: Vec<(&PathBuf, bool)> = readable.collect();
    let open = found.iter().find(|(_, ended)| !ended).or(found.first());
    Ok(open.map(|(folder, _)| (*folder).clone()).ok_or_else(|| {
        let (name, store) = (&file.name, args.output.store.display());
        Usage(format!("--resume: there is no campaign called {name} in {store}"))
    })?)
}

/// Whether `pattern` is a part of `name`, or with `*` and `?` like all of it.
fn is_like(name: &str, pattern: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return name.contains(pattern);
    }
    let (name, pattern) = (name.as_bytes(), pattern.as_bytes());
    let (mut at, mut wanted) = (0, 0);
    // Where the last star was, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match pattern.get(wanted) {
            Some(b'*') => {
                star = Some((wanted, at));
                wanted += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[at] => {
                at += 1;
                wanted += 1;
            }
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                wanted = place + 1;
                at = taken + 1;
            }
        }
    }
    pattern[wanted..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn patterns_are_parts_or_have_stars() {
        assert!(is_like("etcd-register-kill-1", "register"));
        assert!(!is_like("etcd-register-kill-1", "registre"));
        assert!(is_like("etcd-register-kill-1", "etcd-*-kill-?"));
        assert!(is_like("etcd-register-kill-1", "*"));
        assert!(!is_like("etcd-register-kill-1", "etcd-*-kill"));
        assert!(!is_like("etcd-register-kill-1", "*pause*"));
        assert!(is_like("aab", "*ab"));
    }
}
