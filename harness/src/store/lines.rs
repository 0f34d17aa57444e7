//! Lines of JSON that are added to a file of a run one by one, for what grows besides the history.

use super::StoreError;
use crate::secret;
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// A file of JSON lines. A line is handed to the kernel whole, so that what was pushed survives
/// the end of this process.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: Mutex<File>,
}

impl Lines {
    pub(super) fn new(path: PathBuf, file: File) -> Self {
        Self { path, file: Mutex::new(file) }
    }

    /// Adds a line.
    pub fn push(&self, item: &impl Serialize) -> Result<(), StoreError> {
        let failed = |source| StoreError::io("write", &self.path, source);
        let mut line = serde_json::to_vec(item).map_err(|error| failed(error.into()))?;
        secret::mask_from(&mut line, 0);
        line.push(b'\n');
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line).map_err(failed)
    }
}
