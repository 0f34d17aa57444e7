//! One run's directory: files appear in it whole or not at all.

use super::layout;
use super::lines::Lines;
use super::source::HistorySource;
use super::{LIVE_HISTORY, SEALED_HISTORY, StoreError};
use crate::secret;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Component, Path, PathBuf};

/// The directory of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// A run that is already there.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file `name` (relative, may name a folder: `n1/db.log`).
    ///
    /// A reader sees the old content or the new one, never a part: the bytes go to a temporary
    /// file, reach the disk, and take the name by `rename`.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.locate(name)?;
        let folder = self.make_parent(&path)?;
        write_in_one_step(&folder, &path, &secret::masked(bytes))?;
        Ok(path)
    }

    /// Masks secrets in a file that came here by other ways, a node's log.
    pub fn mask(&self, path: &Path) -> Result<(), StoreError> {
        if !secret::is_masking() || !path.starts_with(&self.path) {
            return Ok(());
        }
        let bytes = std::fs::read(path).map_err(|source| StoreError::io("read", path, source))?;
        write_in_one_step(path.parent().unwrap_or(&self.path), path, &secret::masked(&bytes))
    }

    /// Opens the file `name` for appending, for what grows during the run (`perjury.log`).
    pub fn append(&self, name: &str) -> Result<File, StoreError> {
        let path = self.locate(name)?;
        self.make_parent(&path)?;
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|source| StoreError::io("open", &path, source))
    }

    /// Opens the file `name` for lines of JSON.
    pub fn lines(&self, name: &str) -> Result<Lines, StoreError> {
        Ok(Lines::new(self.locate(name)?, self.append(name)?))
    }

    /// Reads the file `name` whole.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.locate(name)?;
        std::fs::read(&path).map_err(|source| StoreError::io("read", &path, source))
    }

    /// The directory for the logs of `node`, made where it is missing.
    pub fn node_dir(&self, node: &str) -> Result<PathBuf, StoreError> {
        let path = self.locate(node)?;
        std::fs::create_dir_all(&path)
            .map_err(|source| StoreError::io("create the directory", &path, source))?;
        Ok(path)
    }

    /// Where the live history is written.
    pub fn live_history(&self) -> PathBuf {
        self.path.join(LIVE_HISTORY)
    }

    /// Where the sealed history belongs.
    pub fn sealed_history(&self) -> PathBuf {
        self.path.join(SEALED_HISTORY)
    }

    /// The run's history as JSON lines: the sealed one, or what the live one has after a crash.
    /// Costs one extra decompression, which proves that the sealed file is whole.
    pub fn read_history(&self) -> Result<HistorySource, StoreError> {
        HistorySource::open(&self.path)
    }

    /// The path of `name`, which must stay inside the run's directory.
    fn locate(&self, name: &str) -> Result<PathBuf, StoreError> {
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || name.contains('\0') || !inside {
            return Err(StoreError::BadName { name: name.to_owned() });
        }
        Ok(self.path.join(name))
    }

    fn make_parent(&self, path: &Path) -> Result<PathBuf, StoreError> {
        let folder = path.parent().unwrap_or(&self.path).to_owned();
        // A run's own directory is never made anew: if it is gone, someone removed the run.
        if folder != self.path {
            std::fs::create_dir_all(&folder)
                .map_err(|source| StoreError::io("create the directory", &folder, source))?;
        }
        Ok(folder)
    }
}

fn write_in_one_step(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = layout::temporary(folder, "write");
    let written = write_durably(&temporary, bytes)
        .and_then(|()| std::fs::rename(&temporary, path))
        .and_then(|()| File::open(folder)?.sync_all());
    written.map_err(|source| {
        let _ = std::fs::remove_file(&temporary);
        StoreError::io("write", path, source)
    })
}

fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
