//! The log: everything to the run's `perjury.log`, and with `-v` some of it to the terminal.

use crate::secret;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The file of the run that goes on; several runs of one process have one each.
static FILE: Mutex<Option<File>> = Mutex::new(None);

/// Sends the log to `file` from now on.
pub fn to_file(file: File, verbose: u8) {
    *FILE.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    // Fails when it is set already, by an earlier run of this process.
    let _ = tracing_subscriber::registry()
        .with(
            tracing_subscriber::fmt::layer()
                .with_ansi(false)
                // A full disk is told by who writes the history, once.
                .log_internal_errors(false)
                .with_writer(|| ToFile)
                .with_filter(EnvFilter::new("info,perjury=debug,russh=warn,openraft=warn")),
        )
        .with(tracing_subscriber::fmt::layer().with_writer(io::stderr).with_filter(level(verbose)))
        .try_init();
}

fn level(verbose: u8) -> LevelFilter {
    match verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    }
}

struct ToFile;

impl Write for ToFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match FILE.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // One call has a whole event, so no secret is torn in two.
            Some(file) => file.write_all(&secret::masked(bytes)).map(|()| bytes.len()),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
