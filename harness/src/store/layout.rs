//! Layout: the names of folders and links, and how links are swapped without a gap.

use super::{CAMPAIGNS, LATEST, LIVE_HISTORY, SEALED_HISTORY, StoreError};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Longest folder name taken from a test's name, in bytes.
const NAME_MAX: usize = 100;

/// The test's name as a folder: every character that could surprise a shell or a file system
/// becomes `-`, and it is never hidden, empty, `latest` or `campaigns`.
pub(super) fn folder_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._+=-".contains(c) { c } else { '-' };
    let mut folder: String = name.chars().map(safe).take(NAME_MAX).collect();
    let is_taken = folder == LATEST || folder == CAMPAIGNS;
    if folder.is_empty() || folder.starts_with(['.', '-']) || is_taken {
        folder.insert_str(0, "test-");
    }
    folder
}

/// `20260102T030405.678`, `later` milliseconds after `when`, in the time zone of `when`.
pub(super) fn time_name(when: &jiff::Zoned, later: usize) -> String {
    let later = i64::try_from(later).unwrap_or(i64::MAX);
    let moment =
        when.checked_add(jiff::SignedDuration::from_millis(later)).unwrap_or_else(|_| when.clone());
    moment.strftime("%Y%m%dT%H%M%S.%3f").to_string()
}

/// Whether `name` has the shape of [`time_name`].
pub(crate) fn is_time_name(name: &str) -> bool {
    const SHAPE: &[u8] = b"00000000T000000.000";
    name.len() == SHAPE.len()
        && name.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *shape,
        })
}

/// Whether this directory was made by the store, or holds a history from elsewhere.
pub(super) fn looks_like_a_run(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(is_time_name)
        || [SEALED_HISTORY, LIVE_HISTORY].iter().any(|name| path.join(name).is_file())
}

/// Real directories inside `path` (no links), by name.
pub(super) fn directories(path: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let failed = |source| StoreError::io("list the directory", path, source);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_directory = entry.file_type().map_err(failed)?.is_dir();
        if let (true, Ok(name)) = (is_directory, entry.file_name().into_string()) {
            found.push((name, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// A name in `folder` that no other writer uses: hidden, so that listings skip a leftover. The
/// process's id would not do: runs in namespaces of their own all have the same.
pub(super) fn temporary(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.{:016x}.tmp", rand::random::<u64>()))
}

/// Points the link `folder/name` to `target`. A reader sees the old link or the new one and
/// never none, because `rename` replaces it in one step.
pub(super) fn relink(folder: &Path, name: &str, target: &Path) -> Result<(), StoreError> {
    let link = folder.join(name);
    let temporary = temporary(folder, name);
    symlink(target, &temporary)
        .map_err(|source| StoreError::io("create the link", &link, source))?;
    std::fs::rename(&temporary, &link).map_err(|source| {
        let _ = std::fs::remove_file(&temporary);
        StoreError::io("replace the link", &link, source)
    })
}
