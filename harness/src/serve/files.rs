//! Files of a run or a campaign: which there are, and one of them as a reply.

use super::address::{self, Address};
use super::query::Query;
use super::reply::{self, Answer, FILE_POLICY, REPORT_POLICY, Refusal};
use super::sink;
use crate::store::SEALED_HISTORY;
use axum::http::header;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Files that are listed of one folder; an archive has them all.
pub(super) const LISTED_MAX: usize = 2000;
/// Folders inside of each other.
const DEPTH_MAX: usize = 12;
/// What is looked at to tell text from other things, in bytes.
const LOOKED_AT: u64 = 4096;
/// Pages of our own making: only these are shown as pages, in a sandbox.
const PAGES: [&str; 2] = ["report.html", "campaign.html"];

/// A file inside of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// The names that lead to it.
    pub(super) parts: Vec<String>,
    pub(super) bytes: u64,
}

/// Files in `folder` and its folders, in order of their names, at most `max`; hidden and temporary
/// ones, links, and whatever is neither file nor folder are left out.
pub(super) fn list(folder: &Path, max: usize) -> Vec<Listed> {
    let mut found = Vec::new();
    // The last is the next: without recursion, in order.
    let mut left = vec![Vec::<String>::new()];
    while let Some(parts) = left.pop() {
        let path = folder.join(parts.iter().collect::<PathBuf>());
        let Ok(data) = path.symlink_metadata() else { continue };
        if data.is_file() && found.len() < max {
            found.push(Listed { parts, bytes: data.len() });
        } else if data.is_dir() && parts.len() < DEPTH_MAX && found.len() < max {
            let mut names = names(&path);
            names.sort_unstable_by(|one, other| other.cmp(one));
            let inside = names.into_iter().map(|name| [&parts[..], &[name]].concat());
            left.extend(inside);
        }
    }
    found
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| address::is_open(name) && !is_temporary(name)).collect()
}

/// Whether the store has not finished writing it.
fn is_temporary(name: &str) -> bool {
    name.ends_with(".tmp") || name.ends_with(".partial")
}

/// The path of a file inside of `folder`, which is inside of the store at `root`.
///
/// # Errors
/// When there is none, or a link leads out of the store.
pub(super) fn locate(root: &Path, folder: &Path, parts: &[String]) -> Result<PathBuf, Refusal> {
    let name = || parts.join("/");
    let missing = || Refusal::missing(format!("There is no file {} here.", name()));
    if !parts.iter().all(|part| address::is_open(part) && !is_temporary(part)) {
        return Err(missing());
    }
    let path = folder.join(parts.iter().collect::<PathBuf>());
    let path = std::fs::canonicalize(path).map_err(|_| missing())?;
    address::inside(root, &path).map(|_| path).ok_or_else(missing)
}

/// A regular file, opened. Others, such as a pipe, might never end.
fn open(path: &Path) -> Result<(File, Metadata), Refusal> {
    let failed = |error: io::Error| Refusal::missing(format!("It cannot be read: {error}."));
    let data = path.symlink_metadata().map_err(failed)?;
    if !data.is_file() {
        return Err(Refusal::missing("This is no file."));
    }
    let file = File::open(path).map_err(failed)?;
    let data = file.metadata().map_err(failed)?;
    Ok((file, data))
}

/// Reads a file of a run whole, without following links, if it has at most `max` bytes.
///
/// # Errors
/// A sentence.
pub(super) fn read(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    let data = path.symlink_metadata().map_err(|error| error.to_string())?;
    if !data.is_file() {
        return Err("it is no file".to_owned());
    }
    if data.len() > max {
        return Err(format!("it has {} bytes, which are too many", data.len()));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

/// A file as a reply. A folder that is a run leads to that run's page.
pub(super) fn reply(root: &Path, folder: &Path, parts: &[String], query: &Query) -> Answer {
    let path = locate(root, folder, parts)?;
    if path.is_dir() {
        let run = address::inside(root, &path).unwrap_or_default();
        return match Address::of_run(&run) {
            Some((run, [])) => Err(Refusal::moved(run.run_page())),
            _ => Err(Refusal::missing("This is a folder: the run's page lists its files.")),
        };
    }
    let (file, data) = open(&path)?;
    let name = parts.last().map_or("", String::as_str);
    if name == SEALED_HISTORY && query.get("plain").is_some() {
        return unpacked(file);
    }
    if PAGES.contains(&name) {
        let response = whole("text/html; charset=utf-8", file, data.len());
        return Ok(reply::with_policy(response, REPORT_POLICY));
    }
    if is_text(&path) {
        let response = whole("text/plain; charset=utf-8", file, data.len());
        return Ok(reply::with_policy(response, FILE_POLICY));
    }
    let mut response = whole("application/octet-stream", file, data.len());
    reply::as_download(&mut response, name);
    Ok(reply::with_policy(response, FILE_POLICY))
}

/// The first `length` bytes: a log may grow meanwhile.
fn whole(kind: &'static str, file: File, length: u64) -> axum::response::Response {
    let mut source = file.take(length);
    let body = sink::body(move |sink| match io::copy(&mut source, sink)? {
        copied if copied < length => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        _ => Ok(()),
    });
    let mut response = reply::response(kind, body);
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

fn unpacked(file: File) -> Answer {
    let body = sink::body(move |sink| {
        io::copy(&mut zstd::Decoder::new(file)?, sink)?;
        Ok(())
    });
    let response = reply::response("text/plain; charset=utf-8", body);
    Ok(reply::with_policy(response, FILE_POLICY))
}

/// Whether its beginning is text. A character that the look cuts in two does no harm.
fn is_text(path: &Path) -> bool {
    let mut start = Vec::new();
    let looked = File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut start));
    let is_utf8 = std::str::from_utf8(&start).map_or_else(|e| e.error_len().is_none(), |_| true);
    looked.is_ok() && is_utf8 && !start.contains(&0)
}

/// `4.2 MB`.
pub(super) fn size_words(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for larger in ["kB", "MB", "GB", "TB"] {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    if unit == "B" || value >= 99.95 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}
