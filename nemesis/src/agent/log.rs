//! The agent's log: to standard error for the controller, and to a file for whoever comes later.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A file that has grown beyond this is begun anew.
const BYTES_MAX: u64 = 4 << 20;

/// Logs from now on. Nothing that goes wrong here may stop the agent: it has to undo faults also,
/// and above all, when the controller that read its standard error is gone.
pub(crate) fn begin(state: &Path) {
    let file = Mutex::new(open(&state.join("agent.log")).ok());
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        // Else a broken standard error would end in a panic.
        .log_internal_errors(false)
        .with_writer(move || {
            Both(file.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(copy))
        });
    // A subscriber may be set already when the caller is a test.
    let _ = subscriber.try_init();
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    if file.metadata()?.len() > BYTES_MAX {
        file.set_len(0)?;
    }
    Ok(file)
}

fn copy(file: &File) -> Option<File> {
    file.try_clone().ok()
}

/// Writes to both as far as they can be written to.
struct Both(Option<File>);

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(bytes);
        if let Some(file) = &mut self.0 {
            let _ = file.write_all(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
