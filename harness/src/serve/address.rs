//! Addresses: which folder of the store a path means, and that it is one of the store's.

use super::reply::Refusal;
use crate::store::campaign::CELLS;
use crate::store::{CAMPAIGNS, LATEST, is_time_name};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::path::{Component, Path, PathBuf};

/// What stands in a path as it is; everything else is encoded.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'+').remove(b'=');

/// A run or a campaign: the names of the folders that lead to it, from the store's own folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address {
    parts: Vec<String>,
}

impl Address {
    /// The run at the beginning of a path, and the rest of it: `NAME/TIME`, or
    /// `campaigns/NAME/TIME/cells/CELL/TIME`.
    pub(super) fn of_run(parts: &[String]) -> Option<(Self, &[String])> {
        let is_cell = parts.first()? == CAMPAIGNS;
        let (of, rest) = parts.split_at_checked(if is_cell { 6 } else { 2 })?;
        let fits = !is_cell || (of[3] == CELLS && is_time_name(&of[2]));
        (fits && leads_to_a_time(of)).then(|| (Self { parts: of.to_vec() }, rest))
    }

    /// The campaign at the beginning of a path, and the rest of it: `NAME/TIME`.
    pub(super) fn of_campaign(parts: &[String]) -> Option<(Self, &[String])> {
        let (of, rest) = parts.split_at_checked(2)?;
        let with_folder = || [&[CAMPAIGNS.to_owned()], of].concat();
        leads_to_a_time(of).then(|| (Self { parts: with_folder() }, rest))
    }

    /// A run as it is written in a query: `NAME/TIME`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let parts: Vec<String> =
            text.trim().trim_matches('/').split('/').map(str::to_owned).collect();
        Self::of_run(&parts).filter(|(_, rest)| rest.is_empty()).map(|(address, _)| address)
    }

    /// Of a run in the store: the folder's names as a listing gives them.
    pub(super) fn listed(name: &str, time: &str) -> Self {
        Self { parts: vec![name.to_owned(), time.to_owned()] }
    }

    /// The run at `path`, such as `cells/ID/TIME`, inside of this campaign.
    pub(super) fn inside(&self, path: &str) -> Option<Self> {
        Self::read(&format!("{}/{path}", self.text()))
    }

    /// `NAME/TIME`, as in a query.
    pub(super) fn text(&self) -> String {
        self.parts.join("/")
    }

    /// When it began, as its folder says.
    pub(super) fn time(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }

    /// The test's, the cell's or the campaign's folder.
    pub(super) fn name(&self) -> &str {
        self.parts.iter().rev().nth(1).map_or("", String::as_str)
    }

    /// The campaign of a cell's run.
    pub(super) fn campaign(&self) -> Option<Self> {
        let is_cell = self.parts.len() == 6;
        is_cell.then(|| Self { parts: self.parts[..3].to_vec() })
    }

    /// The same name at another time.
    pub(super) fn at_time(&self, time: &str) -> Self {
        let mut parts = self.parts.clone();
        if let Some(last) = parts.last_mut() {
            time.clone_into(last);
        }
        Self { parts }
    }

    /// A page of a run: `/run/NAME/TIME/`.
    pub(super) fn run_page(&self) -> String {
        page("run", &self.parts)
    }

    /// The page of a run that goes on.
    pub(super) fn live_page(&self) -> String {
        page("live", &self.parts)
    }

    /// The page of a campaign.
    pub(super) fn campaign_page(&self) -> String {
        page("campaign", self.parts.get(1..).unwrap_or_default())
    }

    /// The folder, as it would be without links.
    pub(super) fn path(&self, root: &Path) -> PathBuf {
        root.join(self.parts.iter().collect::<PathBuf>())
    }

    /// Looks for it in the store whose folder is `root`: its folder, and its address without links
    /// such as `latest`.
    ///
    /// # Errors
    /// When there is no such folder, or a link leads out of the store.
    pub(super) fn find(&self, root: &Path) -> Result<(Self, PathBuf), Refusal> {
        let missing = || Refusal::missing(format!("There is no {} in this store.", self.text()));
        let path = std::fs::canonicalize(self.path(root)).map_err(|_| missing())?;
        let parts = inside(root, &path).filter(|_| path.is_dir()).ok_or_else(missing)?;
        // A run stays a run, and a campaign a campaign.
        let is_alike = parts.len() == self.parts.len() && leads_to_a_time(&parts);
        if is_alike { Ok((Self { parts }, path)) } else { Err(missing()) }
    }
}

/// Whether all names are those of visible folders, and the last one is a moment or `latest`.
fn leads_to_a_time(parts: &[String]) -> bool {
    let is_time = parts.last().is_some_and(|last| is_time_name(last) || last == LATEST);
    is_time && parts.iter().all(|part| is_open(part))
}

/// Whether a part of a path is one name, and not hidden.
pub(super) fn is_open(part: &str) -> bool {
    let is_bad = |c: char| c == '/' || c == '\\' || c.is_control();
    !part.is_empty() && !part.starts_with('.') && !part.contains(is_bad)
}

/// The names that lead from `root` to `path`, which has no links in it; none if it is not inside
/// or hidden.
pub(super) fn inside(root: &Path, path: &Path) -> Option<Vec<String>> {
    let parts = path.strip_prefix(root).ok()?.components().map(|part| match part {
        Component::Normal(name) => name.to_str().map(str::to_owned),
        _ => None,
    });
    let parts = parts.collect::<Option<Vec<String>>>()?;
    parts.iter().all(|part| is_open(part)).then_some(parts)
}

/// `/WHAT/PART/.../`
fn page(what: &str, parts: &[String]) -> String {
    format!("/{what}/{}/", encoded(parts))
}

/// A path whose parts can hold anything.
pub(super) fn encoded(parts: &[String]) -> String {
    let parts = parts.iter().map(|part| utf8_percent_encode(part, ENCODED).to_string());
    parts.collect::<Vec<_>>().join("/")
}
