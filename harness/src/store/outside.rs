//! Files that a user asked for, outside of any run: whole or not at all, and never in place of
//! another unless that was said.

use super::StoreError;
use std::fs::Permissions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError<E> {
    /// Something is there already.
    #[error("{0} is there already: choose another name, or overwrite it with --force")]
    Taken(String),
    /// The file system said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was to be written could not be made.
    #[error(transparent)]
    Content(E),
}

/// Writes a file by letting `write` write into it. It takes its name when it is whole.
///
/// # Errors
/// If something is there already and `force` is not set; if the file system says no; and
/// whatever `write` says.
pub fn write_outside<E>(
    path: &Path,
    force: bool,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), OutsideError<E>> {
    let taken = || OutsideError::Taken(path.display().to_string());
    if !force && path.symlink_metadata().is_ok() {
        return Err(taken());
    }
    let failed = |source| OutsideError::Store(StoreError::io("write", path, source));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    // As any new file: the user's umask takes away what it should.
    let made = tempfile::Builder::new()
        .prefix(".perjury-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 18, made);
    write(&mut out).map_err(OutsideError::Content)?;
    let made = out.into_inner().map_err(|error| failed(error.into_error()))?;
    if force {
        made.persist(path).map_err(|error| failed(error.error))?;
        return Ok(());
    }
    made.persist_noclobber(path).map(drop).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => taken(),
        _ => failed(error.error),
    })
}
