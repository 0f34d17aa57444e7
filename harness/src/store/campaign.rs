//! Campaigns in the store, and what grows in their folders.
//!
//! ```text
//! store/campaigns/<name>/<YYYYMMDDTHHMMSS.mmm>/
//!     campaign.json    how far it is: whole at any time
//!     campaign.jsonl   a line for each attempt that ended, on the disk before the next begins
//!     cells/           a store of its own, with the runs
//!     logs/            what each attempt printed
//! ```

use super::{CAMPAIGNS, LATEST, RunDir, Store, StoreError, layout};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The campaign as far as it is.
pub const CAMPAIGN: &str = "campaign.json";
/// Its attempts.
pub const JOURNAL: &str = "campaign.jsonl";
/// The store of its runs.
pub const CELLS: &str = "cells";
/// Where the output of its attempts is.
pub const LOGS: &str = "logs";

/// The folder of one campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignDir(RunDir);

/// The open journal: nobody else may write it meanwhile.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl CampaignDir {
    /// A new folder for a campaign that begins at `when`.
    pub fn create(store: &Path, name: &str, when: &jiff::Zoned) -> Result<Self, StoreError> {
        let all = Store::open(store.join(CAMPAIGNS))?;
        all.create_run(name, when).map(Self)
    }

    /// A folder that is there already.
    pub fn at(path: &Path) -> Self {
        Self(RunDir::at(path.to_owned()))
    }

    /// Makes the folder `path`, unless there is something in it.
    pub fn make(path: &Path) -> Result<Option<Self>, StoreError> {
        std::fs::create_dir_all(path)
            .map_err(|source| StoreError::io("create the directory", path, source))?;
        let mut entries = std::fs::read_dir(path)
            .map_err(|source| StoreError::io("list the directory", path, source))?;
        Ok(entries.next().is_none().then(|| Self::at(path)))
    }

    /// Folders of the campaigns called `name`, oldest first.
    pub fn of_name(store: &Path, name: &str) -> Result<Vec<PathBuf>, StoreError> {
        Self::beside(&store.join(CAMPAIGNS).join(layout::folder_name(name)))
    }

    /// Folders inside `parent` that hold a campaign, in order of their names.
    pub fn beside(parent: &Path) -> Result<Vec<PathBuf>, StoreError> {
        if !parent.is_dir() {
            return Ok(Vec::new());
        }
        let folders = layout::directories(parent)?.into_iter().map(|(_, path)| path);
        Ok(folders.filter(|path| path.join(CAMPAIGN).is_file()).collect())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes the file `name`, whole or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        self.0.write(name, bytes)
    }

    /// Reads the file `name` whole.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        self.0.read(name)
    }

    /// An empty file for what an attempt prints: `logs/NAME`.
    pub fn log(&self, name: &str) -> Result<File, StoreError> {
        let name = format!("{LOGS}/{name}");
        self.0.write(&name, b"")?;
        self.0.append(&name)
    }

    /// Times of the runs of the cell `id`, oldest first.
    pub fn runs(&self, id: &str) -> Vec<String> {
        let folder = self.path().join(CELLS).join(layout::folder_name(id));
        let folders = layout::directories(&folder).unwrap_or_default();
        folders
            .into_iter()
            .map(|(time, _)| time)
            .filter(|time| layout::is_time_name(time))
            .collect()
    }

    /// Opens the journal to append to it, and keeps others from doing so; `None` while another
    /// process does. A line that was torn by a crash is cut off.
    pub fn journal(&self) -> Result<Option<Journal>, StoreError> {
        let path = self.path().join(JOURNAL);
        let failed = |source| StoreError::io("open", &path, source);
        let options = OpenOptions::new().create(true).read(true).append(true).clone();
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(failed)?;
        }
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Some(Journal { file, path }))
    }

    /// The journal's whole lines; a torn last one is left out.
    pub fn journal_lines(&self) -> Result<Vec<String>, StoreError> {
        let path = self.path().join(JOURNAL);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(StoreError::io("read", &path, source)),
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let text = String::from_utf8_lossy(&bytes[..whole]);
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Puts another campaign's runs and logs into this one: as links to the same files where
    /// the file system can, else as copies.
    pub fn take_over(&self, other: &Path) -> Result<(), StoreError> {
        for name in [CELLS, LOGS] {
            if other.join(name).is_dir() {
                copy_folder(&other.join(name), &self.path().join(name))?;
            }
        }
        Ok(())
    }
}

impl Journal {
    /// Adds a line, which is on the disk when this returns.
    pub fn add(&mut self, line: &str) -> Result<(), StoreError> {
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        written
            .and_then(|()| self.file.sync_data())
            .map_err(|source| StoreError::io("write", &self.path, source))
    }
}

/// Without recursion, as deep as it may be. Links are kept as they are, but for `latest` at the
/// top, of which each part has one.
fn copy_folder(from: &Path, to: &Path) -> Result<(), StoreError> {
    let mut left = vec![PathBuf::new()];
    while let Some(inside) = left.pop() {
        let (source, target) = (from.join(&inside), to.join(&inside));
        std::fs::create_dir_all(&target)
            .map_err(|error| StoreError::io("create the directory", &target, error))?;
        let failed = |error| StoreError::io("list the directory", &source, error);
        for entry in std::fs::read_dir(&source).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let name = inside.join(entry.file_name());
            if kind.is_dir() {
                left.push(name);
            } else if name != Path::new(LATEST) {
                copy_file(&from.join(&name), &to.join(&name), kind.is_symlink())?;
            }
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, link: bool) -> Result<(), StoreError> {
    let done = if link {
        std::fs::read_link(from).and_then(|target| std::os::unix::fs::symlink(target, to))
    } else {
        std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(drop))
    };
    done.map_err(|source| StoreError::io("write", to, source))
}
