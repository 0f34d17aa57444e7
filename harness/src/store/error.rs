//! What can go wrong in the store, and what the user can do about it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why the store could not do its work. Every message names the path and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system said no.
    #[error("cannot {action} {}: {source}{}", .path.display(), advice(.source))]
    Io {
        /// "write", "create the directory": completes "cannot ... PATH".
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },

    /// `resolve` was given something that is no run.
    #[error("there is no run called {argument:?}: {}", where_to_look(.root, .known))]
    NoSuchRun { argument: String, root: PathBuf, known: Vec<PathBuf> },

    /// The run has neither a sealed nor a live history.
    #[error(
        "{} holds no history.jsonl.zst and no history.jsonl: give the directory of a run that \
         got as far as its first operation", .path.display()
    )]
    NoHistory { path: PathBuf },

    /// A file name that would leave the run's directory.
    #[error("{name:?} is not a file name inside a run: use names such as \"n1/db.log\"")]
    BadName { name: String },

    /// So many runs of one name began in one moment that something must be wrong.
    #[error(
        "{limit} runs in {} began within one second: give the test another name with --name, or \
         look for a loop that starts runs", .path.display()
    )]
    TooMany { path: PathBuf, limit: usize },

    /// Something could not be put into its file's format.
    #[error("cannot render {name}: {reason}; this is a bug in Perjury, please report it")]
    Render { name: &'static str, reason: String },

    /// A stored file was written by something else.
    #[error("{} cannot be read: {reason}", .path.display())]
    Malformed { path: PathBuf, reason: String },
}

impl StoreError {
    /// "cannot `action` `path`: ..."
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    /// Whether no space was left, so that nothing more can be kept of this run.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
    }
}

/// What to do about it, as the end of the sentence.
pub(super) fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull => {
            "; the disk is full: free some space, or keep runs elsewhere with --store DIR"
        }
        ErrorKind::QuotaExceeded => {
            "; your disk quota is used up: delete old runs, or keep runs elsewhere with --store DIR"
        }
        ErrorKind::PermissionDenied => {
            "; this user may not write there: change the owner of the directory (a run as root may \
             have made it), or keep runs elsewhere with --store DIR"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "; that file system is read-only: keep runs elsewhere with --store DIR"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::IsADirectory => {
            "; something else is in the way: move it, or keep runs elsewhere with --store DIR"
        }
        ErrorKind::NotFound => {
            "; the run's directory was removed, or its path is wrong: check it with ls"
        }
        _ => "; check the disk, or keep runs elsewhere with --store DIR",
    }
}

fn where_to_look(root: &Path, known: &[PathBuf]) -> String {
    if known.is_empty() {
        return format!(
            "the store {} is empty; run `perjury test` first, or name another store with --store DIR",
            root.display()
        );
    }
    let known: Vec<_> = known.iter().map(|path| path.display().to_string()).collect();
    format!(
        "give a run's directory, or a name in {}; the newest are {}",
        root.display(),
        known.join(", ")
    )
}
