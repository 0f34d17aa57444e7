//! The store: where runs keep what they saw, and the only part that writes files.
//!
//! ```text
//! store/<name>/<YYYYMMDDTHHMMSS.mmm>/   one run: history, results, report, plan, node logs
//! store/<name>/latest                   link to the newest run of that name
//! store/latest                          link to the newest run of all
//! store/campaigns/<name>/<time>/        one campaign, with the runs of its cells in `cells`
//! ```

pub mod campaign;
mod error;
pub mod gc;
mod layout;
mod lines;
pub mod live;
mod outside;
mod run;
mod seal;
mod source;
mod tail;
#[cfg(test)]
mod tests;

pub use campaign::CampaignDir;
pub use error::StoreError;
pub(crate) use layout::is_time_name;
pub use lines::Lines;
pub use live::{LiveError, LiveHistory};
pub use outside::{OutsideError, write_outside};
pub use run::RunDir;
pub use seal::{Sealed, seal};
pub use source::{HistorySource, in_pieces};
pub(crate) use tail::Tail;

use std::path::{Path, PathBuf};

/// Name of the sealed history.
pub const SEALED_HISTORY: &str = "history.jsonl.zst";
/// Name of the history while the run goes on.
pub const LIVE_HISTORY: &str = "history.jsonl";
/// Name of the links to the newest run.
pub const LATEST: &str = "latest";
/// Name of the folder of campaigns, which is no test's.
pub const CAMPAIGNS: &str = "campaigns";

/// How many runs may begin in one millisecond under one name.
const CLASHES_MAX: usize = 1000;

/// A directory of runs.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// One run as the store lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunEntry {
    /// `20260102T030405.678`: orders runs by when they began.
    pub time: String,
    /// The test's name.
    pub name: String,
    pub path: PathBuf,
}

impl Store {
    /// Opens the store at `root` and makes that directory where it is missing.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        std::fs::create_dir_all(&root)
            .map_err(|source| StoreError::io("create the store's directory", &root, source))?;
        Ok(Self { root })
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the directory of a run that began at `when` and points both `latest` links to it.
    ///
    /// Two runs that begin in the same millisecond get different directories: the later one
    /// takes the next free millisecond.
    pub fn create_run(&self, name: &str, when: &jiff::Zoned) -> Result<RunDir, StoreError> {
        let folder = layout::folder_name(name);
        let parent = self.root.join(&folder);
        std::fs::create_dir_all(&parent)
            .map_err(|source| StoreError::io("create the directory", &parent, source))?;
        let (time, path) = self.first_free(&parent, when)?;
        layout::relink(&self.root, LATEST, &Path::new(&folder).join(&time))?;
        layout::relink(&parent, LATEST, Path::new(&time))?;
        Ok(RunDir::at(path))
    }

    /// `mkdir` decides who gets a name, so concurrent runs, even of several processes, never
    /// share one.
    fn first_free(
        &self,
        parent: &Path,
        when: &jiff::Zoned,
    ) -> Result<(String, PathBuf), StoreError> {
        for clash in 0..CLASHES_MAX {
            let time = layout::time_name(when, clash);
            let path = parent.join(&time);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok((time, path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(StoreError::io("create the directory", &path, source)),
            }
        }
        Err(StoreError::TooMany { path: parent.to_owned(), limit: CLASHES_MAX })
    }

    /// Finds a run. `argument` is one of: a path of a run's directory (links such as
    /// `store/latest` are followed), `latest`, `NAME` (its newest run), `NAME/TIME`.
    pub fn resolve(&self, argument: &str) -> Result<RunDir, StoreError> {
        let inside = self.root.join(argument);
        let candidates = [PathBuf::from(argument), inside.clone(), inside.join(LATEST)];
        for candidate in candidates {
            let Ok(path) = std::fs::canonicalize(&candidate) else { continue };
            if path.is_dir() && layout::looks_like_a_run(&path) {
                return Ok(RunDir::at(path));
            }
        }
        Err(StoreError::NoSuchRun {
            argument: argument.to_owned(),
            root: self.root.clone(),
            known: self.runs()?.into_iter().take(3).map(|run| run.path).collect(),
        })
    }

    /// All runs, newest first, without those of campaigns.
    pub fn runs(&self) -> Result<Vec<RunEntry>, StoreError> {
        let mut runs = Vec::new();
        for (name, folder) in layout::directories(&self.root)? {
            if name == CAMPAIGNS {
                continue;
            }
            for (time, path) in layout::directories(&folder)? {
                if layout::is_time_name(&time) {
                    runs.push(RunEntry { time, name: name.clone(), path });
                }
            }
        }
        runs.sort_unstable_by(|one, other| other.cmp(one));
        Ok(runs)
    }
}

/// Writes files into a folder, which is made if it is missing.
pub fn write_files(folder: &Path, files: &[(String, String)]) -> Result<(), StoreError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| StoreError::io("create the folder", folder, source))?;
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|source| StoreError::io("write", &path, source))?;
    }
    Ok(())
}
