//! Excerpts of node logs: their last lines, and what was written around an anomaly.

mod around;
mod time;

pub use around::{LogLine, around, around_anomalies};

use super::LogExcerpt;
use super::results::Results;
use crate::store::{RunDir, StoreError};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Lines at a log's end.
const TAIL_LINES: usize = 60;
/// Bytes at a log's end among which those lines are looked for.
const TAIL_BYTES: u64 = 256 << 10;
/// Files of one node.
const FILES_MAX: usize = 8;
/// Bytes of a line that are kept.
const LINE_BYTES: usize = 2000;

/// The last lines of all files in the nodes' directories, in order of nodes and names. What is no
/// text is left out of them; directories that are missing give nothing.
pub fn excerpts(run: &RunDir, results: &Results) -> Result<Vec<LogExcerpt>, StoreError> {
    let mut excerpts = Vec::new();
    for node in &results.subject.nodes {
        for (name, path) in files(&run.path().join(node))? {
            let text = tail(&path).map_err(|source| StoreError::io("read", &path, source))?;
            if !text.is_empty() {
                let file = format!("{name} (last lines)");
                excerpts.push(LogExcerpt { node: node.clone(), file, text });
            }
        }
    }
    Ok(excerpts)
}

/// Regular files in a directory by name, the first few.
pub(crate) fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(StoreError::io("list the directory", folder, source)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| StoreError::io("list the directory", folder, source))?;
        // No links: a log fetched from a node must not lead anywhere else.
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            files.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    files.sort_unstable();
    files.truncate(FILES_MAX);
    Ok(files)
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line may be the end of one.
    let mut lines: Vec<&str> = text.lines().skip(usize::from(start > 0)).collect();
    let extra = lines.len().saturating_sub(TAIL_LINES);
    lines.drain(..extra);
    Ok(joined(lines.into_iter()))
}

fn joined<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(super::text::elide(line, LINE_BYTES).as_ref());
        text.push('\n');
    }
    text
}
