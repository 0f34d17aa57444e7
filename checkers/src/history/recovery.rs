//! Recovery: what had to be mended while a history was read, and why one cannot be read.

use std::io;

use serde::{Deserialize, Serialize};

use super::{Flaw, HistoryError};

/// What a reader had to cut, guess or skip. All zero for a clean history of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Bytes at the end that were never finished; they were left out.
    pub torn_bytes: u64,
    /// The number of the line they are in, from 1; none in a binary file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub torn_line: Option<u64>,
    /// Calls of clients without any answer; checkers take them as unknown.
    pub open_calls: u64,
    /// Foreign events that had no `:index`, so that all were numbered anew.
    pub renumbered: u64,
    /// Foreign events without a usable `:time`, which got their index as time, or whose time
    /// lay before that of the event above.
    pub retimed: u64,
    /// Foreign events of processes that are neither a number nor the nemesis; left out.
    pub skipped: u64,
    /// Lines of a log that are no events; left out.
    #[serde(skip_serializing_if = "none", default)]
    pub other_lines: u64,
    /// Events of a run that crashed, from behind what Jepsen itself would read.
    #[serde(skip_serializing_if = "none", default)]
    pub salvaged: u64,
}

fn none(count: &u64) -> bool {
    *count == 0
}

impl Recovery {
    /// Whether the file was cut off in the middle of a line or block.
    pub fn is_torn(&self) -> bool {
        self.torn_bytes > 0
    }

    /// What was done, a sentence each; empty when nothing was.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(line) = self.torn_line {
            notes.push(format!(
                "Line {line} was never finished; its {} bytes were left out.",
                self.torn_bytes
            ));
        }
        if self.torn_bytes > 0 && self.torn_line.is_none() {
            notes.push(format!(
                "The last {} bytes of the file were never finished and were left out.",
                self.torn_bytes
            ));
        }
        let counted = [
            (self.open_calls, "calls have no answer and may or may not have happened"),
            (self.renumbered, "events had no index; all were numbered in the order of the file"),
            (self.retimed, "events had no usable time and got one from their position"),
            (self.skipped, "events of processes that are no client nor the nemesis were left out"),
            (self.salvaged, "events were salvaged from behind the last index of a crashed run"),
            (self.other_lines, "lines of the log are no events and were left out"),
        ];
        for (count, what) in counted {
            if count > 0 {
                notes.push(format!("{count} {what}."));
            }
        }
        notes
    }
}

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the history could not be read: {0}; check that the file is still there and readable")]
    Io(#[from] io::Error),
    #[error(
        "line {line}, column {column}: {why}; only the last line of a history may be torn, so \
         this file is damaged: restore it, or delete the line if you know what it held"
    )]
    Line { line: u64, column: u64, why: String },
    #[error("line {line}: {flaw}")]
    Malformed { line: u64, flaw: Flaw },
    #[error(
        "line {line} is longer than {limit} bytes; this is no history, or values are too large"
    )]
    LongLine { line: u64, limit: usize },
    #[error(
        "line {line}, column {column}: {why}; the {format} is damaged or of another kind: fetch it \
         again, or mend that line if you know what it held"
    )]
    Foreign { format: &'static str, line: u64, column: u64, why: String },
    #[error(
        "byte {offset}: {why}; the {format} is damaged: restore it from a copy, or give the \
         history.edn beside it"
    )]
    Binary { format: &'static str, offset: u64, why: String },
    #[error("{0}")]
    History(#[from] HistoryError),
    #[error(
        "the content of {name} is none that is known; give a history as JSON lines (history.jsonl), \
         EDN (history.edn, Porcupine's key-value logs), a JSON array of operations (elle-cli), a \
         Jepsen log (history.txt, jepsen.log, Porcupine's etcd logs), a test.jepsen, a Violin log, or \
         transactions of Plume, PolySI, AWDIT, dbcop or Cobra"
    )]
    UnknownFormat { name: String },
    #[error("{name} is empty; there is nothing to check")]
    Empty { name: String },
}
