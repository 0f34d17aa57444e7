//! Export: histories, their operations and their anomalies in the formats of other tools.
//!
//! Events come one after another and go out at once, so a history needs no memory where its own
//! format does not.

pub mod csv;
pub mod drawings;
pub mod knossos;
mod pairing;

pub use pairing::{Paired, Pairing};

use perjury_checkers::Event;
use perjury_checkers::history::{edn, jsonl};
use std::io::{self, Write};

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The history cannot be read on; a sentence.
    #[error("{0}")]
    Read(String),
    /// What was written to said no.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Events one after another, until one cannot be read.
pub type Events<'a> = Box<dyn Iterator<Item = Result<Event, ExportError>> + 'a>;

/// Writes Jepsen's `history.edn`, one map a line, the nemesis's events among them.
pub fn edn(events: Events<'_>, to: &mut dyn Write) -> Result<(), ExportError> {
    let mut to = to;
    for event in events {
        edn::write_event(&mut to, &event?)?;
    }
    Ok(())
}

/// Writes our own JSON lines.
pub fn jsonl(events: Events<'_>, to: &mut dyn Write) -> Result<(), ExportError> {
    let mut to = to;
    for event in events {
        jsonl::write_event(&mut to, &event?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
