//! What the nodes wrote around an anomaly, by the controller's clock.

use super::time::time_of;
use super::{LINE_BYTES, files};
use crate::report::clocks::{self, NodeClock};
use crate::report::headline;
use crate::report::results::Results;
use crate::store::{RunDir, StoreError};
use perjury_checkers::{History, Operation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Anomalies for which lines are looked for.
const ANOMALIES_MAX: usize = 20;
/// Lines around one anomaly, of all nodes together: those nearest to it.
const LINES_MAX: usize = 60;
/// Lines of one file around one anomaly that are looked at.
const CANDIDATES_MAX: usize = 2_000;
/// How much before and after an anomaly counts as around it, nanoseconds.
const AROUND_NS: i64 = 1_000_000_000;
/// Bytes of a file that are searched.
const SEARCH_BYTES: u64 = 64 << 20;
/// Characters of a line that are kept.
const TEXT_MAX: usize = 400;

/// A line of a node's log near an anomaly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// When it was written: nanoseconds since the run began by the controller's clock. The
    /// node's offset then is taken off; negative before the run began.
    pub at_ns: i64,
    /// How far the node's clock was ahead then, in nanoseconds.
    pub offset_ns: i64,
    pub node: String,
    /// The file's name inside the node's directory.
    pub file: String,
    pub text: String,
}

/// The moment of an anomaly: a span of the run, nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Moment {
    from: i64,
    to: i64,
}

/// For each anomaly, in the report's order, the lines of all nodes' logs around it in order of
/// time. Logs without times give none.
pub fn around_anomalies(
    run: &RunDir,
    results: &Results,
    history: &History,
) -> Result<Vec<Vec<LogLine>>, StoreError> {
    let anomalies = headline::anomalies(results);
    let groups: Vec<Vec<u64>> = anomalies
        .iter()
        .take(ANOMALIES_MAX)
        .map(|(_, anomaly)| anomaly.operations.clone())
        .collect();
    around(run, results, history, &groups)
}

/// The same for groups of operations, given by the indices of their calls.
pub fn around(
    run: &RunDir,
    results: &Results,
    history: &History,
    groups: &[Vec<u64>],
) -> Result<Vec<Vec<LogLine>>, StoreError> {
    let moments = moments(history, groups);
    let mut found: Vec<Vec<LogLine>> = moments.iter().map(|_| Vec::new()).collect();
    if moments.iter().all(Option::is_none) {
        return Ok(Vec::new());
    }
    let clocks = clocks::by_node(&results.clocks);
    for node in &results.subject.nodes {
        for (name, path) in files(&run.path().join(node))? {
            let search = Search {
                started: results.subject.started.as_nanosecond(),
                clock: clocks.get(node.as_str()).cloned(),
                node,
                file: &name,
                moments: &moments,
            };
            let searched = search.file(&path, &mut found);
            searched.map_err(|source| StoreError::io("read", &path, source))?;
        }
    }
    for (lines, moment) in found.iter_mut().zip(&moments) {
        let Some(moment) = moment else { continue };
        lines.sort_by_key(|line| moment.distance(line.at_ns));
        lines.truncate(LINES_MAX);
        // Stable: lines of one file that have the same time stay in their order.
        lines.sort_by(|one, other| {
            (one.at_ns, &one.node, &one.file).cmp(&(other.at_ns, &other.node, &other.file))
        });
    }
    Ok(found)
}

/// The moment that matters is the last: an anomaly's first write may be minutes older.
fn moments(history: &History, groups: &[Vec<u64>]) -> Vec<Option<Moment>> {
    let operations = history.operations();
    let by_index: BTreeMap<u64, &Operation<'_>> =
        operations.iter().map(|operation| (operation.index, operation)).collect();
    let signed = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    let moment = |group: &Vec<u64>| {
        let involved = group.iter().filter_map(|index| by_index.get(index));
        let last = involved.max_by_key(|operation| operation.called)?;
        let from = signed(last.called).saturating_sub(AROUND_NS);
        let ended = signed(last.returned.unwrap_or(last.called));
        Some(Moment { from, to: ended.saturating_add(AROUND_NS) })
    };
    groups.iter().map(moment).collect()
}

impl Moment {
    fn holds(self, at: i64) -> bool {
        (self.from..=self.to).contains(&at)
    }

    fn distance(self, at: i64) -> u64 {
        at.abs_diff(self.from / 2 + self.to / 2)
    }
}

/// The search of one file for all anomalies.
struct Search<'a> {
    /// When time 0 was, nanoseconds since 1970.
    started: i128,
    clock: Option<NodeClock>,
    node: &'a str,
    file: &'a str,
    moments: &'a [Option<Moment>],
}

impl Search<'_> {
    fn file(mut self, path: &Path, found: &mut [Vec<LogLine>]) -> std::io::Result<()> {
        let mut reader = BufReader::new(File::open(path)?.take(SEARCH_BYTES));
        let mut taken = vec![0; found.len()];
        let mut line = Vec::new();
        // A line without a time belongs to the one before it.
        let mut written: Option<(i64, i64)> = None;
        while read_line(&mut reader, &mut line)? {
            let text = String::from_utf8_lossy(&line);
            if let Some(time) = time_of(&text) {
                written = self.real(time);
            }
            let Some((at_ns, offset_ns)) = written else { continue };
            for (number, moment) in self.moments.iter().enumerate() {
                let is_near = moment.is_some_and(|moment| moment.holds(at_ns));
                if !is_near || taken[number] >= CANDIDATES_MAX {
                    continue;
                }
                taken[number] += 1;
                found[number].push(LogLine {
                    at_ns,
                    offset_ns,
                    node: self.node.to_owned(),
                    file: self.file.to_owned(),
                    text: shown(&text),
                });
            }
        }
        Ok(())
    }

    /// When that was in the run, and how far ahead the node's clock was.
    fn real(&mut self, time: i128) -> Option<(i64, i64)> {
        let shown = i64::try_from(time - self.started).ok()?;
        let offset = self.clock.as_mut().map_or(0, |clock| clock.offset_at(shown));
        Some((shown.saturating_sub(offset), offset))
    }
}

fn shown(line: &str) -> String {
    crate::report::text::elide(line.trim_end(), TEXT_MAX).into_owned()
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
