//! Recovery: reading histories of any known format, and what had to be mended on the way.

use std::io;

use serde::{Deserialize, Serialize};

use super::{Flaw, History, HistoryError, edn, elle_json, jsonl};

/// What a reader had to cut, guess or skip. All zero for a clean history of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Bytes of a last line that was never finished; they were left out.
    pub torn_bytes: u64,
    /// The number of that line, from 1.
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
}

impl Recovery {
    /// Whether the file was cut off in the middle of a line.
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
        let counted = [
            (self.open_calls, "calls have no answer and may or may not have happened"),
            (self.renumbered, "events had no index; all were numbered in the order of the file"),
            (self.retimed, "events had no usable time and got one from their position"),
            (self.skipped, "events of processes that are no client nor the nemesis were left out"),
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
    #[error("line {line}, column {column}: {why}; this is not the {format} of a history")]
    Foreign { format: &'static str, line: u64, column: u64, why: String },
    #[error("{0}")]
    History(#[from] HistoryError),
    #[error(
        "the content of {name} is none that is known; give a history as JSON lines (history.jsonl), \
         EDN (history.edn) or a JSON array of operations (elle-cli)"
    )]
    UnknownFormat { name: String },
    #[error("{name} is empty; there is nothing to check")]
    Empty { name: String },
}

/// Reads a history of any known text format, found by looking at its content: our JSON lines,
/// Jepsen's EDN, or elle-cli's JSON array. `name` is used in messages, and settles what the
/// content leaves open. Compressed files are for the caller to unpack.
pub fn read_any(bytes: &[u8], name: &str) -> Result<(History, Recovery), ReadError> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
    let Some(start) = text.iter().position(|byte| !blank(byte)) else {
        return Err(ReadError::Empty { name: name.to_owned() });
    };
    let next = text[start + 1..].iter().find(|byte| !blank(byte)).copied();
    match (text[start], next) {
        // An EDN map's first key is a keyword, a JSON object's a text.
        (b'{', Some(b'"')) => jsonl::read(text),
        (b'{', None) if !name.ends_with(".edn") => jsonl::read(text),
        (b'[', Some(b'{')) if opens_with_text_key(&text[start..]) => elle_json::read(text),
        (b'[', Some(b']')) if name.ends_with(".json") => elle_json::read(text),
        (b'[' | b'(' | b'{' | b';' | b'#', _) => edn::read(text),
        _ => Err(ReadError::UnknownFormat { name: name.to_owned() }),
    }
}

/// Whether the first thing inside the first map is a JSON text.
fn opens_with_text_key(text: &[u8]) -> bool {
    let inside = text.iter().position(|byte| *byte == b'{').map_or(text.len(), |at| at + 1);
    text[inside..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'"')
}
