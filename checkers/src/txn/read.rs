//! Reading: histories of transactions from a file straight into [`Transactions`].
//!
//! What Jepsen, we and elle-cli write is parsed in parallel, without a [`crate::History`] in
//! between: a million transactions a second. Whatever is unusual in them, errors among it, is
//! left to the careful readers of [`crate::history`], so that both ways give the same.
//! Formats of checkers that know sessions but no real time are read here only.

mod awdit;
mod chunk;
mod cobra;
mod cursor;
mod dbcop;
mod edn;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod json;
mod merge;
mod plume;
mod sessions;

use std::fmt;

use self::merge::Rules;
use super::transactions::Transactions;
use crate::history::{self, Reading, Recovery, line_and_column, read_with_hints};

pub use self::cobra::read_cobra;

/// About how many bytes of a file are parsed in one go.
const PART: usize = 2 << 20;

/// How transactions were written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A history of events.
    History(history::Format),
    /// AWDIT's format for tests.
    Awdit,
    /// Plume's text format, also PolySI's.
    Plume,
    /// dbcop's JSON.
    DbcopJson,
    /// dbcop's older binary format, `history.bincode`.
    DbcopBinary,
    /// dbcop's text format, `.hist`.
    DbcopText,
    /// A client's log of Cobra.
    Cobra,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::History(format) => return format.fmt(f),
            Self::Awdit => "AWDIT's test format",
            Self::Plume => "Plume's text format",
            Self::DbcopJson => "dbcop's JSON",
            Self::DbcopBinary => "dbcop's bincode",
            Self::DbcopText => "dbcop's text format",
            Self::Cobra => "a Cobra log",
        })
    }
}

/// Transactions as they were found.
#[derive(Clone, Debug)]
pub struct TransactionsRead {
    pub transactions: Transactions,
    pub format: Format,
    /// What had to be mended; all zero in formats that know only sessions.
    pub recovery: Recovery,
    /// Events, the nemesis's among them; in formats that know only sessions, steps.
    pub events: u64,
}

/// Why transactions could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    History(#[from] history::ReadError),
    /// A history whose operations are no transactions.
    #[error("{0}")]
    NoTransactions(String),
}

/// Reads transactions of any known format; `write` is the word for a write: `append`, `w`.
/// `name` is used in messages, and settles what the content leaves open. Compressed files are
/// for the caller to unpack. Linear, in parallel; takes about as much memory again as the
/// result.
pub fn read_transactions(
    bytes: &[u8],
    name: &str,
    write: &str,
) -> Result<TransactionsRead, ReadError> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some(read) = of_sessions(text, name) {
        return read;
    }
    let format = history::format_of(text, name)?;
    match fast(text, format, write, PART) {
        Some((transactions, recovery, events)) => {
            Ok(TransactionsRead { transactions, format: Format::History(format), recovery, events })
        }
        None => careful(bytes, name, write),
    }
}

/// Transactions, what had to be mended, and how many events there are.
type Merged = (Transactions, Recovery, u64);

/// Reads a history of events in parts of about so many bytes; `None` if the careful reader has
/// to look.
fn fast(text: &[u8], format: history::Format, write: &str, part: usize) -> Option<Merged> {
    match format {
        history::Format::Edn => merge::merge(edn::chunks(text, write, part)?, Rules::Lenient),
        history::Format::JsonArray => {
            merge::merge(json::of_array(text, write, part)?, Rules::Lenient)
        }
        history::Format::JsonLines => {
            merge::merge(json::of_lines(text, write, part)?, Rules::Strict)
        }
        _ => None,
    }
}

/// Reads a history of events and makes transactions of it.
pub(crate) fn careful(
    bytes: &[u8],
    name: &str,
    write: &str,
) -> Result<TransactionsRead, ReadError> {
    let Reading { history, recovery, hints } = read_with_hints(bytes, name)?;
    let transactions =
        Transactions::from_history(&history, write).map_err(ReadError::NoTransactions)?;
    let events = history.events().len() as u64;
    Ok(TransactionsRead { transactions, format: Format::History(hints.format), recovery, events })
}

/// The format, if it is one that knows only sessions.
fn format_of_sessions(text: &[u8], name: &str) -> Option<Format> {
    let first = text.trim_ascii_start();
    let formats = [
        (Format::DbcopBinary, dbcop::is_binary(text, name)),
        (Format::Cobra, cobra::is_log(text)),
        (Format::Plume, plume::is_plume(first)),
        (Format::Awdit, awdit::is_awdit(first)),
        (Format::DbcopJson, dbcop::is_json(first)),
        (Format::DbcopText, dbcop::is_text(first)),
    ];
    formats.into_iter().find(|(_, is)| *is).map(|(format, _)| format)
}

/// Whether a file is in a format that knows only sessions of transactions, and no time.
pub fn is_of_sessions(bytes: &[u8], name: &str) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    format_of_sessions(text, name).is_some()
}

/// Reads a format that knows only sessions; `None` if the text is in none of them.
fn of_sessions(text: &[u8], name: &str) -> Option<Result<TransactionsRead, ReadError>> {
    let format = format_of_sessions(text, name)?;
    let read = match format {
        Format::DbcopBinary => dbcop::read_binary(text),
        Format::Cobra => read_cobra(&[text]),
        Format::Plume => plume::read(text),
        Format::Awdit => awdit::read(text),
        Format::DbcopJson => dbcop::read_json(text),
        Format::DbcopText => dbcop::read_text(text),
        Format::History(_) => return None,
    };
    Some(read.map_err(ReadError::History).map(|transactions| TransactionsRead {
        events: transactions.all_micros().len() as u64,
        transactions,
        format,
        recovery: Recovery::default(),
    }))
}

/// An error at a byte of a text.
fn fault(
    format: &'static str,
    file: &[u8],
    offset: usize,
    why: impl Into<String>,
) -> history::ReadError {
    let (line, column) = line_and_column(file, offset);
    history::ReadError::Foreign { format, line, column, why: why.into() }
}

#[cfg(test)]
mod tests;
