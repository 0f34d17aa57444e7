//! Archives: a database's own program, from a file beside its definition or from a URL, checked
//! by its SHA-256 before any node sees it. Downloads happen in the outer process, which has a
//! network, and are kept in a cache.

use super::packages::{PackageError, cache_dir};
use crate::database::Archive;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An archive that is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub path: PathBuf,
    /// The file's own name.
    pub name: String,
    /// In small hexadecimal letters.
    pub sha256: String,
}

impl Fetched {
    /// Whether it has to be unpacked; otherwise it is the program itself.
    pub fn is_tar(&self) -> bool {
        [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst"]
            .iter()
            .any(|end| self.name.ends_with(end))
    }
}

/// Why an archive cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(
        "the archive {path} cannot be read: {source}; its path is relative to the database.toml"
    )]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "the archive {name} has SHA-256 {found}, and the database.toml says {wanted}: \
         it is another file, or it came damaged"
    )]
    Other { name: String, found: String, wanted: String },
    #[error("{url} could not be downloaded: {said}\nDownload it by hand and give its path")]
    Download { url: String, said: String },
    #[error(transparent)]
    Cache(#[from] PackageError),
    #[error("the archive cache {path} cannot be used: {source}")]
    Unwritable { path: PathBuf, source: io::Error },
}

/// The archive, downloaded if it has to be. Paths are relative to `folder`.
pub fn fetch(archive: &Archive, folder: Option<&Path>) -> Result<Fetched, ArchiveError> {
    let name = archive.source.rsplit('/').next().unwrap_or("archive").to_owned();
    let path = match archive.source.split_once("://") {
        None => folder.unwrap_or(Path::new(".")).join(&archive.source),
        Some(_) => {
            let wanted = archive.sha256.clone().unwrap_or_default();
            let cached = cache_dir()?.with_file_name("archives").join(&wanted);
            if !cached.exists() {
                download(&archive.source, &cached, &wanted, &name)?;
            }
            cached
        }
    };
    let sha256 =
        hash(&path).map_err(|source| ArchiveError::Unreadable { path: path.clone(), source })?;
    compare(&name, &sha256, archive.sha256.as_deref())?;
    Ok(Fetched { path, name, sha256 })
}

fn compare(name: &str, found: &str, wanted: Option<&str>) -> Result<(), ArchiveError> {
    match wanted {
        Some(wanted) if wanted != found => Err(ArchiveError::Other {
            name: name.to_owned(),
            found: found.to_owned(),
            wanted: wanted.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn hash(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Downloads into the cache; what is not what was wanted never gets there.
fn download(url: &str, cached: &Path, wanted: &str, name: &str) -> Result<(), ArchiveError> {
    let unwritable = |source| ArchiveError::Unwritable { path: cached.to_owned(), source };
    let folder = cached.parent().unwrap_or(cached);
    fs::create_dir_all(folder).map_err(unwritable)?;
    // A name of its own, so that two runs at once do not write one file; in namespaces of their own
    // both may have the same process id.
    let partial = folder.join(format!("{wanted}.{:016x}", rand::random::<u64>()));
    let outcome = run_download(url, &partial).and_then(|()| {
        let found = hash(&partial).map_err(unwritable)?;
        compare(name, &found, Some(wanted))?;
        fs::rename(&partial, cached).map_err(unwritable)
    });
    let _ = fs::remove_file(&partial);
    outcome
}

/// With what the machine has: curl, wget, or Debian's own helper.
fn run_download(url: &str, into: &Path) -> Result<(), ArchiveError> {
    let failed = |said: String| ArchiveError::Download { url: url.to_owned(), said };
    let into = into.to_string_lossy();
    let ways: [&[&str]; 3] = [
        &[
            "curl",
            "--fail",
            "--silent",
            "--show-error",
            "--location",
            "--max-time",
            "900",
            "-o",
            &into,
            "--",
            url,
        ],
        &["wget", "--quiet", "--timeout", "60", "-O", &into, "--", url],
        &["/usr/lib/apt/apt-helper", "download-file", url, &into],
    ];
    for way in ways {
        match Command::new(way[0]).args(&way[1..]).stdin(Stdio::null()).output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(format!("{}: {error}", way[0]))),
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(failed(format!("{} ended with {}: {said}", way[0], output.status)));
            }
        }
    }
    Err(failed("there is neither curl nor wget on this machine".to_owned()))
}

#[cfg(test)]
mod tests;
