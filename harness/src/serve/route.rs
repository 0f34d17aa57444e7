//! Routes: which path is answered by what.

use super::address::{self, Address};
use super::door::Ask;
use super::entry::{Entry, RESULTS, RESULTS_MAX, Stamp};
use super::files::{self, LISTED_MAX};
use super::live;
use super::pages::campaign::Night;
use super::pages::compare::Side;
use super::pages::layout::{SCRIPT_PATH, STYLE_PATH};
use super::pages::selection::Selection;
use super::pages::{self, run::View};
use super::reply::{self, Answer, Refusal};
use super::{Site, archive, data, index};
use crate::campaign::{outputs, progress};
use crate::report::{Results, page as report};
use crate::store::CAMPAIGNS;
use crate::store::campaign::{CAMPAIGN, CELLS, JOURNAL};
use axum::http::StatusCode;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How pages of the server look beyond reports.
const STYLE: &str = include_str!("style.css");
/// What pages of the server do.
const SCRIPT: &str = include_str!("script.js");
/// Campaigns that are read for the list.
const CAMPAIGNS_MAX: usize = 200;
/// Larger files of a campaign are not read.
const CAMPAIGN_MAX: u64 = 64 << 20;

/// Answers a request.
pub(super) fn answer(site: &Site, ask: &Ask) -> Answer {
    let parts: Vec<&str> = ask.parts.iter().map(String::as_str).collect();
    let after = |count: usize| ask.parts.get(count..).unwrap_or_default();
    match parts.as_slice() {
        [] => {
            let selection = Selection::read(&ask.query);
            let content = pages::runs::content(&site.index.runs(&site.root), &selection);
            Ok(reply::page("Runs", &content))
        }
        [name] if STYLE_PATH.strip_prefix('/') == Some(name) => {
            let style = [report::STYLE, outputs::STYLE, STYLE].join("\n");
            Ok(reply::response("text/css; charset=utf-8", style))
        }
        [name] if SCRIPT_PATH.strip_prefix('/') == Some(name) => {
            Ok(reply::response("text/javascript; charset=utf-8", SCRIPT))
        }
        ["compare"] => compare(site, ask),
        ["campaigns"] => campaigns(site),
        ["api", "runs.json"] => {
            data::runs(&site.index.runs(&site.root), &Selection::read(&ask.query))
        }
        ["api", "run", ..] => results(site, after(2)),
        ["run", ..] => run(site, ask, after(1)),
        ["live", ..] => watch(site, after(1)),
        ["campaign", ..] => campaign(site, ask, after(1)),
        _ => Err(no_page()),
    }
}

fn no_page() -> Refusal {
    Refusal::missing("There is no such page.")
}

/// The folder that an address leads to; if a link is in the way, where `page` of it is instead.
fn here(
    site: &Site,
    address: &Address,
    page: fn(&Address) -> String,
    rest: &[String],
) -> Result<PathBuf, Refusal> {
    let (found, folder) = address.find(&site.root)?;
    if found == *address {
        return Ok(folder);
    }
    Err(Refusal::moved(format!("{}{}", page(&found), address::encoded(rest))))
}

fn run(site: &Site, ask: &Ask, parts: &[String]) -> Answer {
    let (address, rest) = Address::of_run(parts).ok_or_else(no_page)?;
    let folder = here(site, &address, Address::run_page, rest)?;
    match rest {
        [] => run_page(address, &folder),
        [what, path @ ..] if what == "file" && !path.is_empty() => {
            files::reply(&site.root, &folder, path, &ask.query)
        }
        [what] if what == "archive.zip" => archive::reply(&address, folder),
        _ => Err(no_page()),
    }
}

fn run_page(address: Address, folder: &Path) -> Answer {
    let title = format!("{} {}", address.name(), address.time());
    let results = read_results(folder).ok();
    let entry = Entry::read(address, folder, Stamp::of(folder, SystemTime::now()));
    let view = View {
        entry: &entry,
        results: results.as_ref(),
        files: &files::list(folder, LISTED_MAX),
        times: &index::times(folder),
    };
    Ok(reply::page(&title, &pages::run::content(&view)))
}

fn read_results(folder: &Path) -> Result<Results, String> {
    Results::from_json(&files::read(&folder.join(RESULTS), RESULTS_MAX)?)
}

/// `NAME/TIME.json`
fn results(site: &Site, parts: &[String]) -> Answer {
    let mut parts = parts.to_vec();
    let last = parts.pop().ok_or_else(no_page)?;
    parts.push(last.strip_suffix(".json").ok_or_else(no_page)?.to_owned());
    let (address, rest) = Address::of_run(&parts).ok_or_else(no_page)?;
    if !rest.is_empty() {
        return Err(no_page());
    }
    let (address, folder) = address.find(&site.root)?;
    data::results(&address, &folder)
}

fn watch(site: &Site, parts: &[String]) -> Answer {
    let (address, rest) = Address::of_run(parts).ok_or_else(no_page)?;
    let folder = here(site, &address, Address::live_page, rest)?;
    match rest {
        [] => {
            let snapshot = live::look(site, &address, &folder);
            let title = format!("Live: {} {}", address.name(), address.time());
            Ok(reply::page(&title, &pages::live::content(&snapshot)))
        }
        [what] if what == "data.json" => reply::json(&live::look(site, &address, &folder)),
        _ => Err(no_page()),
    }
}

fn compare(site: &Site, ask: &Ask) -> Answer {
    let word = |name| ask.query.word(name).unwrap_or_default();
    let (a, b) = (word("a"), word("b"));
    if a.is_empty() || b.is_empty() {
        return Ok(reply::page("Compare", &pages::compare::question(a, b, None)));
    }
    let both = [a, b].map(|text| side(site, text));
    let content = match &both {
        [Ok((a, one)), Ok((b, two))] => pages::compare::content(
            &Side { address: a, results: one },
            &Side { address: b, results: two },
        ),
        [Err(trouble), _] | [_, Err(trouble)] => pages::compare::question(a, b, Some(trouble)),
    };
    let mut response = reply::page("Compare", &content);
    if both.iter().any(Result::is_err) {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

/// One run of a comparison; the error is a sentence.
fn side(site: &Site, text: &str) -> Result<(Address, Results), String> {
    let missing = || format!("There is no run {text} in this store: write NAME/TIME.");
    let address = Address::read(text).ok_or_else(missing)?;
    let (address, folder) = address.find(&site.root).map_err(|_| missing())?;
    let results = read_results(&folder);
    let results = results.map_err(|why| format!("{text} cannot be compared: {why}."))?;
    Ok((address, results))
}

fn campaigns(site: &Site) -> Answer {
    let mut found: Vec<(String, Address, PathBuf)> = Vec::new();
    for (name, folder) in index::directories(&site.root.join(CAMPAIGNS)) {
        for (time, path) in index::directories(&folder) {
            let parts = [name.clone(), time.clone()];
            if let Some((address, _)) = Address::of_campaign(&parts) {
                found.push((time, address, path));
            }
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    let all = found.len();
    let newest = found.into_iter().take(CAMPAIGNS_MAX);
    let nights: Vec<Night> = newest.map(|(_, address, path)| night(address, &path)).collect();
    Ok(reply::page("Campaigns", &pages::campaign::list(&nights, all)))
}

/// Reads a campaign, with what its journal knows; without it if that is damaged.
fn night(address: Address, folder: &Path) -> Night {
    let is_file = |name: &str| {
        let data = folder.join(name).symlink_metadata();
        data.is_ok_and(|data| data.is_file() && data.len() <= CAMPAIGN_MAX)
    };
    if !is_file(CAMPAIGN) {
        let campaign = Err(format!("It has no {CAMPAIGN} that can be read."));
        return Night { address, campaign };
    }
    let with_journal = is_file(JOURNAL).then(|| progress::load(folder));
    let campaign = match with_journal {
        Some(Ok(loaded)) => Ok(loaded.campaign),
        // Not the error's own words: they name the store's place on this machine.
        _ => progress::read(folder).map_err(|_| format!("Its {CAMPAIGN} is damaged.")),
    };
    Night { address, campaign }
}

fn campaign(site: &Site, ask: &Ask, parts: &[String]) -> Answer {
    let (address, rest) = Address::of_campaign(parts).ok_or_else(no_page)?;
    let folder = here(site, &address, Address::campaign_page, rest)?;
    match rest {
        [] => {
            let title = format!("Campaign {} {}", address.name(), address.time());
            let mut files = files::list(&folder, LISTED_MAX);
            // Each run has a page of its own.
            files.retain(|file| file.parts.first().is_none_or(|first| first != CELLS));
            let night = night(address, &folder);
            Ok(reply::page(&title, &pages::campaign::content(&night, &files)))
        }
        [what, path @ ..] if what == "file" && !path.is_empty() => {
            files::reply(&site.root, &folder, path, &ask.query)
        }
        _ => Err(no_page()),
    }
}
