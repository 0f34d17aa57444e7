//! Excerpts of node logs: their last lines, and what was written around an anomaly.

use super::results::Results;
use super::{LogExcerpt, headline};
use crate::store::{RunDir, StoreError};
use perjury_checkers::{History, Operation};
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Lines at a log's end.
const TAIL_LINES: usize = 60;
/// Bytes at a log's end among which those lines are looked for.
const TAIL_BYTES: u64 = 256 << 10;
/// Lines around an anomaly, in one file.
const AROUND_LINES: usize = 120;
/// How much before and after an anomaly counts as around it.
const AROUND: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);
/// Bytes of a file that are searched for lines around an anomaly.
const SEARCH_BYTES: u64 = 64 << 20;
/// Files of one node.
const FILES_MAX: usize = 8;
/// Bytes of a line that are kept.
const LINE_BYTES: usize = 2000;

/// A span of wall-clock time.
type Span = (jiff::Timestamp, jiff::Timestamp);

/// Excerpts of all files in the nodes' directories, in order of nodes and names. Files that
/// cannot be read as text lose what is not; directories that are missing give nothing.
pub fn excerpts(
    run: &RunDir,
    results: &Results,
    history: &History,
) -> Result<Vec<LogExcerpt>, StoreError> {
    let spans = spans(results, history);
    let mut excerpts = Vec::new();
    for node in &results.subject.nodes {
        for (name, path) in files(&run.path().join(node))? {
            let failed = |source| StoreError::io("read", &path, source);
            let around = around(&path, &spans).map_err(failed)?;
            let tail = tail(&path).map_err(failed)?;
            let named = [("around the anomalies", around), ("last lines", tail)];
            for (part, text) in named.into_iter().filter(|(_, text)| !text.is_empty()) {
                let file = format!("{name} ({part})");
                excerpts.push(LogExcerpt { node: node.clone(), file, text });
            }
        }
    }
    Ok(excerpts)
}

/// The wall-clock times of anomalies, by the controller's clock.
fn spans(results: &Results, history: &History) -> Vec<Span> {
    let anomalies = headline::anomalies(results);
    if anomalies.is_empty() {
        return Vec::new();
    }
    let operations = history.operations();
    let by_index: BTreeMap<u64, &Operation> =
        operations.iter().map(|operation| (operation.index, operation)).collect();
    let wall = |time: u64| {
        let time = jiff::SignedDuration::from_nanos(i64::try_from(time).unwrap_or(i64::MAX));
        results.subject.started.checked_add(time).ok()
    };
    let mut spans = Vec::new();
    // The moment that matters is the last: an anomaly's first write may be minutes older.
    for operation in anomalies.iter().filter_map(|(_, anomaly)| {
        let involved = anomaly.operations.iter().filter_map(|index| by_index.get(index));
        involved.max_by_key(|operation| operation.called)
    }) {
        let ended = operation.returned.unwrap_or(operation.called);
        if let (Some(from), Some(to)) = (wall(operation.called), wall(ended)) {
            spans.push((from.saturating_sub(AROUND), to.saturating_add(AROUND)));
        }
    }
    spans.into_iter().filter_map(|(from, to)| Some((from.ok()?, to.ok()?))).collect()
}

/// Regular files in a directory by name, the first few.
fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
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

/// Lines whose time lies in one of the spans, and lines without a time that follow them.
fn around(path: &Path, spans: &[Span]) -> std::io::Result<String> {
    if spans.is_empty() {
        return Ok(String::new());
    }
    let mut reader = BufReader::new(File::open(path)?.take(SEARCH_BYTES));
    let mut found: VecDeque<String> = VecDeque::new();
    let mut line = Vec::new();
    let mut inside = false;
    while read_line(&mut reader, &mut line)? {
        let text = String::from_utf8_lossy(&line);
        if let Some(time) = time_of(&text) {
            inside = spans.iter().any(|(from, to)| (*from..=*to).contains(&time));
        }
        if inside {
            found.push_back(text.trim_end().to_owned());
            if found.len() > AROUND_LINES {
                found.pop_front();
            }
        }
    }
    Ok(joined(found.iter().map(String::as_str)))
}

/// Reads a line of any length and keeps its beginning; false at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let mut started = false;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(started);
        }
        started = true;
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let taken = newline.map_or(buffer.len(), |at| at + 1);
        let room = LINE_BYTES.saturating_sub(line.len());
        line.extend_from_slice(&buffer[..taken.min(room)]);
        reader.consume(taken);
        if newline.is_some() {
            return Ok(true);
        }
    }
}

/// The first RFC 3339 time in the first hundred bytes of a line, such as
/// `2026-01-02T03:04:05.678Z` or `2026-01-02 03:04:05.678+01:00`; without an offset it is UTC.
fn time_of(line: &str) -> Option<jiff::Timestamp> {
    let bytes = line.as_bytes();
    let last = bytes.len().min(100).checked_sub(19)?;
    let start = (0..=last).find(|at| looks_like_a_time(&bytes[*at..]))?;
    let belongs = |c: &char| c.is_ascii_digit() || "-:.TZ +".contains(*c);
    let word: String = line.get(start..)?.chars().take_while(belongs).take(35).collect();
    let word = word.trim_end_matches([' ', '-', ':', '.', '+']);
    let word = word.split_at_checked(19).map(|(time, rest)| {
        // What follows a space after the seconds is not part of the time.
        format!("{time}{}", rest.split(' ').next().unwrap_or_default())
    })?;
    word.parse().ok().or_else(|| format!("{word}Z").parse().ok())
}

/// Digits and signs as in `2026-01-02T03:04:05`.
fn looks_like_a_time(bytes: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    bytes.len() >= SHAPE.len()
        && bytes.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b' '),
            _ => byte == shape,
        })
}

fn joined<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(super::text::elide(line, LINE_BYTES).as_ref());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_in_the_shapes_that_logs_have() {
        let wanted: jiff::Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        for line in [
            "2026-01-02T03:04:05.678Z INFO ready",
            "2026-01-02 03:04:05.678 INFO without an offset",
            "[2026-01-02T04:04:05.678+01:00] INFO",
            "{\"level\":\"info\",\"ts\":\"2026-01-02T03:04:05.678Z\",\"msg\":\"x\"}",
        ] {
            assert_eq!(time_of(line), Some(wanted), "{line}");
        }
        for line in ["", "no time", "12:00:00", "2026-99-99T99:99:99Z", "é2026-01-02T"] {
            assert_eq!(time_of(line), None, "{line}");
        }
    }
}
